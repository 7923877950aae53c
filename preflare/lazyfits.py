"""FITS images as lazy arrays: opened safely, read block by block, never held whole.

An uncompressed image is mapped into memory for as long as a block is copied out of it and no
longer, so that the resident memory stays that of the blocks in flight however large the file is.
"""

import gzip
import os
import tempfile
import weakref
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from preflare.errors import RasterError, reason
from preflare.fitsheaders import check_complete, damage_reported, most_unpacked, number, quietly

BLOCK_BYTES = 8 * 2**20
"""Size that a block aims at; a dozen of them are in flight at a time on a four-core machine."""

_GZIP_MAGIC = b"\x1f\x8b"
_STORED: dict[int, np.dtype[Any]] = {16: np.dtype(">i2"), -32: np.dtype(">f4")}
"""What level 2 pixels are stored as, by BITPIX."""


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
    if source.exists() and not source.is_file():
        raise RasterError(f"{source} is no plain file: name an IRIS level 2 file.")
    scratch = None
    try:
        with source.open("rb") as stream:
            packed = stream.read(2) == _GZIP_MAGIC
        if packed:
            scratch = _decompress(source)
        readable = scratch.path if scratch else source
        begins = check_complete(source, readable)
    except OSError as error:
        raise RasterError(f"{source} cannot be read: {reason(error)}.") from error
    with (
        damage_reported(source),
        quietly(),
        # Opened here, because astropy leaves a file open whose headers it cannot read.
        readable.open("rb") as stream,
        fits.open(stream, lazy_load_hdus=False, memmap=True, do_not_scale_image_data=True) as hdus,
    ):
        # astropy gives another kind of object where it makes no sense of a header.
        found = [hdu.fileinfo()["hdrLoc"] for hdu in hdus if hasattr(hdu, "fileinfo")]
        if found != begins:
            raise RasterError(
                f"{source} is damaged, its headers cannot be told from its data: download it again."
            )
        yield OpenFits(source, readable, hdus, scratch)


def _decompress(source: Path) -> _Scratch:
    descriptor, name = tempfile.mkstemp(prefix="preflare-", suffix=".fits")
    scratch = _Scratch(Path(name))
    try:
        most = most_unpacked(source.stat().st_size)
        with gzip.open(source, "rb") as packed, os.fdopen(descriptor, "wb") as plain:
            while piece := packed.read(BLOCK_BYTES):
                plain.write(piece)
                if plain.tell() > most:
                    raise RasterError(
                        f"{source} unpacks to more than {most:,} bytes, as no level 2 file does: "
                        "download it again."
                    )
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

    Raises
    ------
    RasterError
        If the image is stored as none of level 2 is.
    """
    hdu = opened.hdus[index]
    header = hdu.header
    shape = tuple(int(header[f"NAXIS{axis}"]) for axis in range(header["NAXIS"], 0, -1))
    scaling = (
        number(opened.source, header, "BSCALE", 1), number(opened.source, header, "BZERO", 0)
    )  # fmt: skip
    if header["BITPIX"] not in _STORED or scaling[0] <= 0:
        raise RasterError(
            f"{opened.source} is damaged, it stores pixels with BITPIX = {header['BITPIX']} and "
            f"BSCALE = {scaling[0]:g}, as no level 2 file does: download it again."
        )
    if isinstance(hdu, fits.CompImageHDU):
        image: _Image = _TiledImage(
            opened.source, opened.readable, shape, *scaling, opened.scratch, index
        )
    else:
        dtype = _STORED[header["BITPIX"]]
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
        with damage_reported(self.source):
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
        with self.path.open("rb") as stream:
            with quietly():
                hdus = fits.open(stream, do_not_scale_image_data=True)
                image = hdus[self.hdu]
                _ = image.compressed_data  # whose columns are looked at once, and warned of
            # astropy adds up what the tiles' table says of their places, which may be anything.
            with hdus, np.errstate(over="ignore"):
                return np.asarray(image.section[index])
