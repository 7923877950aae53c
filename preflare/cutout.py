"""Cut the Mg II window, or some slit-jaw images, out of a level 2 file without loss."""

import hashlib
import re
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from preflare.atomic import atomically
from preflare.cubes import check_writable
from preflare.errors import RasterError
from preflare.layout import mg_window, movie_hdu
from preflare.lazyfits import OpenFits, open_fits

_OF_A_WINDOW = re.compile(r"(T[A-Z]+|TDP\d\d_|IPRP[FGP]V)(\d+)")
"""Keywords of the primary header that carry the number of a spectral window."""

ALL = slice(None)


def cutout(
    source: str | Path, destination: str | Path, *, exposures: slice = ALL, force: bool = False
) -> Path:
    """Write a small level 2 file that `read_raster` or `read_slitjaw` takes.

    A raster keeps its Mg II window, a slit-jaw file its images; both keep their headers and
    their auxiliary and file-name extensions. Pixels keep their stored numbers, compressed with
    FITS tile compression (GZIP_2), and are read back and compared before the file gets its name.

    Parameters
    ----------
    source : path
        A level 2 file.
    destination : path
        The file to write.
    exposures : slice
        Which exposures to keep.
    force : bool
        Whether `destination` may be replaced.

    Returns
    -------
    pathlib.Path
        `destination`.

    Raises
    ------
    RasterError
        If the source is no level 2 file, no exposures would be left, or the destination cannot
        be written.
    CubeError
        If the destination exists and `force` is not set, or it is no plain file.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import preflare as pf
    >>> with TemporaryDirectory() as folder:
    ...     first = cutout(
    ...         pf.shipped(pf.SAMPLE_RASTER), Path(folder) / "first.fits", exposures=slice(0, 1)
    ...     )
    ...     print(pf.read_raster(first).intensity.shape)
    (1, 1094, 633)
    """
    destination = Path(destination)
    check_writable(destination, overwrite=force, kind="file")
    with open_fits(source) as opened:
        movie = movie_hdu(opened)
        if movie is None:
            window = mg_window(opened)
            index, what = window.hdu, f"window {window.name}"
            primary = _renumbered(opened.hdus[0].header, window.keyword)
        else:
            index, what = movie, "slit-jaw images"
            primary = opened.hdus[0].header.copy()
        pixels = _stored(opened.hdus[index], exposures)
        if not pixels.size:
            raise RasterError(f"{opened.source} has no {_span(exposures)}: choose others.")
        total = int(opened.hdus[index].header["NAXIS3"])
        for line in (
            f"preflare cutout: {what} of {opened.source.name}",
            f"preflare cutout: {_span(exposures)} of {total}, stored numbers unchanged",
            "preflare cutout: SHA-256 of the source follows",
            _digest(opened.source),
        ):
            primary.add_history(line)
        hdus = fits.HDUList([_header_only(primary), _compressed(opened.hdus[index], pixels)])
        hdus.extend(_companions(opened, exposures, total))
        _write(hdus, destination, pixels)
    return destination


def _stored(hdu: Any, exposures: slice) -> NDArray[Any]:
    pixels = hdu.section[exposures]
    return np.asarray(pixels, pixels.dtype.newbyteorder("="))


def _span(exposures: slice) -> str:
    if exposures == ALL:
        return "all exposures"
    first, last = exposures.start, exposures.stop
    return f"exposures {'' if first is None else first}:{'' if last is None else last}"


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _renumbered(primary: fits.Header, keep: int | None) -> fits.Header:
    """Drop the keywords of every window but one, which becomes the first."""
    header = primary.copy()
    for keyword in list(header):
        match = _OF_A_WINDOW.fullmatch(keyword)
        if match and int(match[2]) != keep:
            del header[keyword]
        elif match and match[2] != "1":
            header.rename_keyword(keyword, f"{match[1]}1")
    header["NWIN"] = 1
    return header


def _header_only(primary: fits.Header) -> fits.PrimaryHDU:
    header = primary.copy()
    for axis in range(1, int(header.get("NAXIS", 0)) + 1):
        del header[f"NAXIS{axis}"]
    header["NAXIS"] = 0
    header["BITPIX"] = 8
    return fits.PrimaryHDU(header=header)


def _compressed(hdu: Any, pixels: NDArray[Any]) -> fits.CompImageHDU:
    header = hdu.header.copy()
    scaling = {key: header[key] for key in ("BSCALE", "BZERO") if key in header}
    compressed = fits.CompImageHDU(
        pixels,
        header,
        compression_type="GZIP_2",
        quantize_level=0.0,
        tile_shape=(1, *pixels.shape[1:]),
    )
    compressed.header.update(scaling)
    return compressed


def _companions(opened: OpenFits, exposures: slice, total: int) -> list[Any]:
    """Auxiliary numbers of the exposures that are kept, and the table of file names.

    The table is copied as it is: real ones have rows longer than their columns, which only an
    untouched copy survives.
    """
    companions: list[Any] = []
    for hdu in opened.hdus[1:]:
        if isinstance(hdu, fits.TableHDU):
            companions.append(hdu)
        elif hdu.header.get("NAXIS") == 2:
            rows = hdu.data[exposures] if len(hdu.data) == total else hdu.data
            companions.append(fits.ImageHDU(rows, hdu.header))
    return companions


def _write(hdus: fits.HDUList, destination: Path, pixels: NDArray[Any]) -> None:
    with atomically(destination, RasterError) as place:
        hdus.writeto(place)
        with fits.open(place, do_not_scale_image_data=True) as written:
            if not np.array_equal(written[1].data, pixels, equal_nan=pixels.dtype.kind == "f"):
                raise RasterError(
                    f"{destination} did not come out equal to its source: check the disk."
                )
