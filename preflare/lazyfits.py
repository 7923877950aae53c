"""FITS images as lazy arrays: opened safely, read block by block, never held whole.

An uncompressed image is mapped into memory for as long as a block is copied out of it and no
longer, so that the resident memory stays that of the blocks in flight however large the file is.
"""

import gzip
import os
import tempfile
import warnings
import weakref
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning
from numpy.typing import NDArray

from preflare.errors import RasterError, reason

BLOCK_BYTES = 8 * 2**20
"""Size that a block aims at; a dozen of them are in flight at a time on a four-core machine."""

_GZIP_MAGIC = b"\x1f\x8b"


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
        with warnings.catch_warnings():
            # What astropy warns of here is checked below, or does not matter for reading.
            warnings.simplefilter("ignore", AstropyWarning)
            _check_complete(source, readable)
            hdus = fits.open(
                readable, lazy_load_hdus=False, memmap=True, do_not_scale_image_data=True
            )
    except RasterError:
        raise
    except (FileNotFoundError, PermissionError) as error:
        raise RasterError(f"{source} cannot be read: {reason(error)}.") from error
    except Exception as error:  # astropy raises many kinds on a damaged header
        raise RasterError(
            f"{source} is not a FITS file that can be read ({reason(error)}): "
            "download it again, or name an IRIS level 2 file."
        ) from error
    with hdus:
        yield OpenFits(source, readable, hdus, scratch)


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
    size = readable.stat().st_size
    with fits.open(
        readable, lazy_load_hdus=False, memmap=True, disable_image_compression=True
    ) as hdus:
        for index, hdu in enumerate(hdus):
            end = hdu.fileinfo()["datLoc"] + hdu.size
            if end > size:
                raise RasterError(
                    f"{source} is truncated: extension {index} ends at byte {end} and the file "
                    f"has {size}: download it again."
                )


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
        image: _Image = _TiledImage(opened.readable, shape, *scaling, opened.scratch, index)
    else:
        dtype = np.dtype(fits.BITPIX2DTYPE[header["BITPIX"]]).newbyteorder(">")
        offset = int(hdu.fileinfo()["datLoc"])
        image = _PlainImage(opened.readable, shape, *scaling, opened.scratch, dtype, offset)
    along = max(1, BLOCK_BYTES // max(1, 4 * int(np.prod(shape[1:]))))
    stamp = opened.readable.stat()
    return da.from_array(
        image,
        chunks=(along, *shape[1:]),
        name=f"{opened.readable}:{index}:{stamp.st_size}:{stamp.st_mtime_ns}",
        meta=np.empty((0,) * len(shape), np.float32),
    )


@dataclass(frozen=True)
class _Image:
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
        stored = self._stored(index)
        if (self.scale, self.zero) == (1.0, 0.0):
            return np.array(stored, np.float32)
        return (np.asarray(stored, np.float64) * self.scale + self.zero).astype(np.float32)

    def _stored(self, index: Any) -> NDArray[Any]:
        raise NotImplementedError


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
        with fits.open(self.path, do_not_scale_image_data=True) as hdus:
            return np.asarray(hdus[self.hdu].section[index])
