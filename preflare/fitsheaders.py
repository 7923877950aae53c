"""Headers of a FITS file, checked before anything is made as large or as long as they say.

What a header declares is bounded by the standard (FITS 4.0), by the bytes that the file has, and by
IRIS: no exposure has more pixels than a detector. So a damaged or hostile header costs neither time
nor memory.
"""

from __future__ import annotations

import math
import re
import threading
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning

from preflare.errors import PreflareError, RasterError, reason

_BLOCK = 2880
_LONGEST_HEADER = 2**22
"""Bytes; level 2 headers have some 40,000, and data must not be searched for an end."""
_MOST_PADDING = 2**20
_MOST_AXES = _MOST_FIELDS = 999
_BITPIX = (8, 16, 32, 64, -32, -64)
_END = re.compile(rb"END[^A-Z0-9_-]")
"""How a card begins that astropy takes for the last."""
_STRUCTURE = re.compile(r"Z?(BITPIX|NAXIS\d*|PCOUNT|GCOUNT)|TFIELDS|THEAP|ZTILE\d+|ZCMPTYPE")
"""Keywords that say where everything is, which must not be there twice."""
_COLUMN = re.compile(r"\d{0,9}(?:[LXBIJKAEDCM]|[PQ][BIJKED](?:\(\d{0,9}\))?) *")
"""Format of a column of compressed tiles."""
_LARGEST_EXPOSURE = 2**24
"""Pixels; the far-ultraviolet detectors of IRIS have 4,144 x 1,096, its others half of that."""
_LONGEST_AXIS = 2**20
_GREATEST = 1e9
"""No number in a level 2 header that means anything is greater."""

_MOST_PACKED, _ROOM = 100, 2**28


def most_unpacked(packed: int) -> int:
    """Bytes that a compressed file, or an image in it, may unpack to.

    Real spectra are noise in part and shrink to a third or so; 256 MiB are left for a file without
    any data, whose pixels are all the same.

    Parameters
    ----------
    packed : int
        Bytes.
    """
    return _MOST_PACKED * packed + _ROOM


_quiet = threading.RLock()


@contextmanager
def quietly() -> Iterator[None]:
    """Turn off what astropy warns of, which is checked here or does not matter for reading.

    Filters of warnings belong to the whole process: one thread at a time changes them.
    """
    with _quiet, warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyWarning)
        yield


@contextmanager
def damage_reported(source: Path) -> Iterator[None]:
    """Name the file in whatever a damaged header or block makes astropy raise."""
    try:
        yield
    except PreflareError:
        raise
    except fits.VerifyError as error:
        raise RasterError(
            f"{source} is damaged, a card of its headers cannot be read: download it again."
        ) from error
    except (OSError, ValueError, EOFError) as error:
        raise RasterError(
            f"{source} is damaged, {type(error).__name__} ({_words(reason(error))}): "
            "download it again."
        ) from error
    except Exception as error:  # of many kinds: any card and any byte may be wrong
        raise RasterError(
            f"{source} is damaged, what it holds cannot be read ({type(error).__name__}): "
            "download it again."
        ) from error


def _words(said: str, longest: int = 100) -> str:
    """Make what may come from a damaged file fit to be printed."""
    said = "".join(letter for letter in said if letter.isprintable())
    return said if len(said) <= longest else f"{said[:longest]}…"


def number(source: Path, header: fits.Header, key: str, default: float | None = None) -> float:
    """Read a number from a header.

    Parameters
    ----------
    source : Path
        The file, to be named if need be.
    header : fits.Header
    key : str
    default : float, optional
        What to take where the header lacks it.

    Raises
    ------
    RasterError
        If it is not there, or no finite number of a size that makes sense.
    """
    value = _value(source, header, key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _GREATEST:
        raise _nonsense(source, key, value, "a number")
    return float(value)


def whole(
    source: Path,
    header: fits.Header,
    key: str,
    default: int | None = None,
    *,
    least: int = 0,
    most: int | None = None,
) -> int:
    """Read a whole number from a header.

    Parameters
    ----------
    source : Path
        The file, to be named if need be.
    header : fits.Header
    key : str
    default : int, optional
        What to take where the header lacks it.
    least, most : int, optional
        Between which it must lie.

    Raises
    ------
    RasterError
        If it is not there, no whole number, or not between these.
    """
    value = _value(source, header, key, default)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _nonsense(source, key, value, "a whole number")
    if value < least or (most is not None and value > most):
        span = f"{least:,} to {most:,}" if most is not None else f"{least:,} or more"
        raise _nonsense(source, key, value, span)
    return value


def text(source: Path, header: fits.Header, key: str, default: str) -> str:
    """Read a text from a header, without what cannot be printed.

    Parameters
    ----------
    source : Path
        The file, to be named if need be.
    header : fits.Header
    key : str
    default : str
        What to take where the header lacks it.
    """
    return _words(str(_value(source, header, key, default))).strip()


def _value(source: Path, header: fits.Header, key: str, default: Any) -> Any:
    with damage_reported(source):
        value = header.get(key, default)
    if value is None:
        raise RasterError(f"{source} is damaged, a header of it lacks {key}: download it again.")
    return value


def _nonsense(source: Path, key: str, value: Any, wanted: str) -> RasterError:
    shown = _words(repr(value), 30)
    return RasterError(
        f"{source} is damaged, a header of it has {key} = {shown} and not {wanted}: "
        "download it again."
    )


def check_complete(source: Path, readable: Path) -> list[int]:
    """Walk through a file from header to header, as far as each says that its data reach.

    Parameters
    ----------
    source : Path
        The file that the user named.
    readable : Path
        The file to read, plain.

    Returns
    -------
    list of int
        Where each header begins.

    Raises
    ------
    RasterError
        If it is no FITS file or truncated, or a header of it declares what cannot be.
    """
    size = readable.stat().st_size
    if size == 0:
        raise RasterError(f"{source} is not a FITS file, it is empty: name an IRIS level 2 file.")
    begins: list[int] = []
    with readable.open("rb") as stream:
        while (place := stream.tell()) < size:
            header = _next_header(source, stream)
            if header is None:
                if not begins:
                    raise RasterError(f"{source} is not a FITS file: name an IRIS level 2 file.")
                _check_end(source, stream, place, size)
                return begins
            begins.append(place)
            start, length = stream.tell(), _data_length(source, header)
            if start + length > size:
                raise RasterError(
                    f"{source} is truncated: its data go on to byte {start + length} and the file "
                    f"has {size}: download it again."
                )
            stream.seek(start + length + -length % _BLOCK)
    return begins


def _check_end(source: Path, stream: BinaryIO, place: int, size: int) -> None:
    """Refuse all but some padding behind the last header's data: astropy would look for more."""
    stream.seek(place)
    if size - place > _MOST_PADDING or stream.read().strip(b"\0 "):
        raise RasterError(
            f"{source} is damaged, what begins at its byte {place} is no header: download it again."
        )


def _next_header(source: Path, stream: BinaryIO) -> fits.Header | None:
    """Read a header from where the stream stands; None where something else stands there."""
    begins = b"SIMPLE  =" if stream.tell() == 0 else b"XTENSION="
    content = b""
    while len(content) < _LONGEST_HEADER:
        block = stream.read(_BLOCK)
        content += block
        if not content.startswith(begins):
            return None
        if any(_END.match(block, at) for at in range(0, len(block), 80)):
            with quietly():
                return fits.Header.fromstring(content.decode("latin-1"))
        if len(block) < _BLOCK:
            break
    raise RasterError(f"{source} is truncated or damaged, a header has no end: download it again.")


def _data_length(source: Path, header: fits.Header) -> int:
    """Bytes of data behind a header, by the standard's formula (FITS 4.0, Eq. 2)."""
    keys = Counter(key for key in header if _STRUCTURE.fullmatch(key))
    for key, times in keys.items():
        if times > 1:
            raise RasterError(
                f"{source} is damaged, a header of it has {key} {times} times: download it again."
            )
    axes = _axes(source, header, "NAXIS")
    groups = whole(source, header, "GCOUNT", 1, least=1)
    beside = whole(source, header, "PCOUNT", 0)
    bitpix = _bitpix(source, header, "BITPIX")
    length = abs(bitpix) // 8 * groups * (beside + (math.prod(axes) if axes else 0))
    if "TFIELDS" in header:
        whole(source, header, "TFIELDS", most=_MOST_FIELDS)
    elif len(axes) > 1:
        _check_image(source, axes)
    if "ZIMAGE" in header or "ZNAXIS" in header:
        _check_tiles(source, header, beside)
    return length


def _axes(source: Path, header: fits.Header, key: str) -> list[int]:
    count = whole(source, header, key, most=_MOST_AXES)
    return [whole(source, header, f"{key}{axis + 1}") for axis in range(count)]


def _bitpix(source: Path, header: fits.Header, key: str) -> int:
    bitpix = whole(source, header, key, least=min(_BITPIX))
    if bitpix not in _BITPIX:
        raise _nonsense(source, key, bitpix, "one of the standard's")
    return bitpix


def _check_image(source: Path, axes: list[int]) -> None:
    exposure = math.prod(max(1, axis) for axis in axes[:2])
    if exposure > _LARGEST_EXPOSURE or max(axes) > _LONGEST_AXIS:
        raise RasterError(
            f"{source} is damaged, an image in it has {' x '.join(map(str, axes[:4]))} pixels, "
            "more than IRIS takes: download it again."
        )


def _check_tiles(source: Path, header: fits.Header, heap: int) -> None:
    """Refuse a compressed image that has more pixels than its tiles, or than these can hold."""
    axes = _axes(source, header, "ZNAXIS")
    if not axes:
        raise _nonsense(source, "ZNAXIS", 0, "a number of axes")
    _check_image(source, axes)
    tile = [
        whole(source, header, f"ZTILE{place}", axis if place == 1 else 1, least=1)
        for place, axis in enumerate(axes, 1)
    ]
    _check_image(source, tile)
    if math.prod(min(pair) for pair in zip(tile, axes, strict=True)) > _LARGEST_EXPOSURE:
        raise RasterError(
            f"{source} is damaged, it is compressed in larger tiles than an exposure: "
            "download it again."
        )
    for field in range(1, whole(source, header, "TFIELDS", most=_MOST_FIELDS) + 1):
        kind = _value(source, header, f"TFORM{field}", None)
        if not isinstance(kind, str) or not _COLUMN.fullmatch(kind):
            raise _nonsense(source, f"TFORM{field}", kind, "the format of a column")
    tiles = math.prod(-(-axis // length) for axis, length in zip(axes, tile, strict=True))
    rows = whole(source, header, "NAXIS2")
    if tiles != rows:
        raise RasterError(
            f"{source} is damaged, it has {rows:,} of {tiles:,} tiles of its compressed image: "
            "download it again."
        )
    unpacked = abs(_bitpix(source, header, "ZBITPIX")) // 8 * math.prod(axes)
    if unpacked > most_unpacked(heap):
        raise RasterError(
            f"{source} is damaged, {heap:,} bytes cannot hold the {unpacked:,} of its image: "
            "download it again."
        )
