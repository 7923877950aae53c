"""FITS images as lazy arrays: opened safely, read block by block, never held whole.

An uncompressed image is mapped into memory for as long as a block is copied out of it and no
longer, so that the resident memory stays that of the blocks in flight however large the file is.
"""

import gzip
import math
import os
import tempfile
import warnings
import weakref
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import dask.array as da
import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning
from numpy.typing import NDArray

from preflare.errors import PreflareError, RasterError, reason

BLOCK_BYTES = 8 * 2**20
"""Size that a block aims at; a dozen of them are in flight at a time on a four-core machine."""

_GZIP_MAGIC = b"\x1f\x8b"
_FITS_BLOCK = 2880
_LONGEST_HEADER = 2**22
"""Bytes; level 2 headers have some 40,000, and data must not be searched for an end."""


class _Scratch:
    """A decompressed copy, deleted with the last array that reads from it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        weakref.finalize(self, path.unlink, missing_ok=True)


@dataclass(frozen=True)
class OpenFits:
    """A FITS file whose headers were read and whose data were found complete."""

    source: Path
    """The file that the user named."""
    readable: Path
    """The file to read from: `source`, or its decompressed copy."""
    hdus: Any
    """The `astropy.io.fits.HDUList`, its data unscaled."""
    scratch: _Scratch | None = None


@contextmanager
def open_fits(path: str | Path) -> Iterator[OpenFits]:
    """Open a FITS file, plain or gzipped, and make sure that nothing is missing from its end.

    Parameters
    ----------
    path : path
        A file; gzip is recognised by content, not by name.

    Yields
    ------
    OpenFits

    Raises
    ------
    RasterError
        If the file does not exist, is a directory, is not FITS, or is truncated.
    """
    source = Path(path)
    if source.is_dir():
        raise RasterError(f"{source} is a directory: name the level 2 files in it.")
    scratch = None
    try:
        with source.open("rb") as stream:
            packed = stream.read(2) == _GZIP_MAGIC
        if packed:
            scratch = _decompress(source)
        readable = scratch.path if scratch else source
        _check_complete(source, readable)
    except OSError as error:
        raise RasterError(f"{source} cannot be read: {reason(error)}.") from error
    with _damage_reported(source), warnings.catch_warnings():
        # What astropy warns of is checked above, or does not matter for reading.
        warnings.simplefilter("ignore", AstropyWarning)
        # Opened here, because astropy leaves a file open whose headers it cannot read.
        with (
            readable.open("rb") as stream,
            fits.open(
                stream, lazy_load_hdus=False, memmap=True, do_not_scale_image_data=True
            ) as hdus,
        ):
            yield OpenFits(source, readable, hdus, scratch)


@contextmanager
def _damage_reported(source: Path) -> Iterator[None]:
    """Name the file in whatever a damaged header or block makes astropy raise."""
    try:
        yield
    except PreflareError:
        raise
    except Exception as error:  # of many kinds: any card and any byte may be wrong
        raise RasterError(
            f"{source} is damaged, {type(error).__name__} ({reason(error)}): download it again."
        ) from error


def _decompress(source: Path) -> _Scratch:
    descriptor, name = tempfile.mkstemp(prefix="preflare-", suffix=".fits")
    scratch = _Scratch(Path(name))
    try:
        with gzip.open(source, "rb") as packed, os.fdopen(descriptor, "wb") as plain:
            while piece := packed.read(BLOCK_BYTES):
                plain.write(piece)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise RasterError(
            f"{source} is a truncated or damaged gzip file: download it again."
        ) from error
    except OSError as error:
        raise RasterError(
            f"{source} cannot be unpacked into {tempfile.gettempdir()} ({reason(error)}): "
            "make room there, or set TMPDIR to a larger disk."
        ) from error
    return scratch


def _check_complete(source: Path, readable: Path) -> None:
    """Walk through the file from header to header, as far as each says that its data reach."""
    size = readable.stat().st_size
    with readable.open("rb") as stream:
        while stream.tell() < size:
            number = stream.tell()
            header = _next_header(source, stream)
            if header is None:
                if number == 0:
                    raise RasterError(f"{source} is not a FITS file: name an IRIS level 2 file.")
                return
            start, length = stream.tell(), _data_length(source, header)
            if start + length > size:
                raise RasterError(
                    f"{source} is truncated: its data go on to byte {start + length} and the file "
                    f"has {size}: download it again."
                )
            stream.seek(start + length + -length % _FITS_BLOCK)
    if size == 0:
        raise RasterError(f"{source} is not a FITS file, it is empty: name an IRIS level 2 file.")


def _next_header(source: Path, stream: BinaryIO) -> fits.Header | None:
    """Read a header from where the stream stands; None where something else stands there."""
    begins = b"SIMPLE  =" if stream.tell() == 0 else b"XTENSION="
    text = b""
    while len(text) < _LONGEST_HEADER:
        block = stream.read(_FITS_BLOCK)
        text += block
        if not text.startswith(begins):
            return None
        if any(block[at : at + 80].rstrip() == b"END" for at in range(0, len(block), 80)):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", AstropyWarning)
                return fits.Header.fromstring(text.decode("latin-1"))
        if len(block) < _FITS_BLOCK:
            break
    raise RasterError(f"{source} is truncated or damaged, a header has no end: download it again.")


def _data_length(source: Path, header: fits.Header) -> int:
    """Bytes of data behind a header, by the standard's formula (FITS 4.0, Eq. 2)."""
    with _damage_reported(source):
        axes = [int(header[f"NAXIS{axis + 1}"]) for axis in range(int(header["NAXIS"]))]
        values = int(header.get("PCOUNT", 0)) + (math.prod(axes) if axes else 0)
        length = abs(int(header["BITPIX"])) // 8 * int(header.get("GCOUNT", 1)) * values
        if length < 0 or min(axes, default=0) < 0:
            raise RasterError(
                f"{source} is damaged, its data have a negative size: download it again."
            )
        return length


def lazy_image(opened: OpenFits, index: int) -> da.Array:
    """Image of one HDU as a lazy array of float32 in physical units.

    Parameters
    ----------
    opened : OpenFits
        The file.
    index : int
        Number of the HDU in it.

    Returns
    -------
    dask.array.Array
        float32, cut along its first axis into blocks of about 8 MiB. Scaled integers are scaled
        as they are read. Reading needs the file to stay where it is.
    """
    hdu = opened.hdus[index]
    header = hdu.header
    shape = tuple(int(header[f"NAXIS{axis}"]) for axis in range(header["NAXIS"], 0, -1))
    scaling = float(header.get("BSCALE", 1)), float(header.get("BZERO", 0))
    if isinstance(hdu, fits.CompImageHDU):
        image: _Image = _TiledImage(
            opened.source, opened.readable, shape, *scaling, opened.scratch, index
        )
    else:
        dtype = np.dtype(fits.BITPIX2DTYPE[header["BITPIX"]]).newbyteorder(">")
        offset = int(hdu.fileinfo()["datLoc"])
        image = _PlainImage(
            opened.source, opened.readable, shape, *scaling, opened.scratch, dtype, offset
        )
    along = max(1, BLOCK_BYTES // max(1, 4 * int(np.prod(shape[1:]))))
    stamp = opened.readable.stat()
    return da.from_array(
        image,
        chunks=(along, *shape[1:]),
        name=f"{opened.readable}:{index}:{stamp.st_size}:{stamp.st_mtime_ns}",
        meta=np.empty((0,) * len(shape), np.float32),
    )


@dataclass(frozen=True)
class _Image(ABC):
    source: Path
    path: Path
    shape: tuple[int, ...]
    scale: float
    zero: float
    scratch: _Scratch | None = field(repr=False)

    dtype = np.dtype(np.float32)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __getitem__(self, index: Any) -> NDArray[np.float32]:
        with _damage_reported(self.source):
            stored = self._stored(index)
        if (self.scale, self.zero) == (1.0, 0.0):
            return np.array(stored, np.float32)
        return (np.asarray(stored, np.float64) * self.scale + self.zero).astype(np.float32)

    @abstractmethod
    def _stored(self, index: Any) -> NDArray[Any]:
        """Read part of the image as the file stores it."""


@dataclass(frozen=True)
class _PlainImage(_Image):
    stored_dtype: np.dtype[Any]
    offset: int

    def _stored(self, index: Any) -> NDArray[Any]:
        mapped = np.memmap(self.path, self.stored_dtype, "r", self.offset, self.shape)
        return np.asarray(mapped[index])


@dataclass(frozen=True)
class _TiledImage(_Image):
    hdu: int

    def _stored(self, index: Any) -> NDArray[Any]:
        with (
            self.path.open("rb") as stream,
            fits.open(stream, do_not_scale_image_data=True) as hdus,
        ):
            return np.asarray(hdus[self.hdu].section[index])
