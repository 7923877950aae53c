"""Where a level 2 file keeps what: its spectral windows, its movie, its per-exposure numbers.

The layout is that of the mission's level 2 data (IRIS Technical Note 26): a primary header, one
image extension a spectral window with axes (step, slit, wavelength), an extension of auxiliary
numbers with one row an exposure, and a table of file names.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from preflare.errors import RasterError
from preflare.fitsheaders import number, text, whole
from preflare.lazyfits import OpenFits
from preflare.spectrum import FIRST, LAST, LINES

_MOST_WINDOWS = 99
_DATE = re.compile(r"20\d\d-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?)?", re.ASCII)
"""From the launch of IRIS on; numpy reads other texts as dates, too, such as now."""
_OBSID = re.compile(r"\d{10}", re.ASCII)
_LONGEST = 30 * 86_400
"""Seconds that no observation takes; the longest of IRIS take a day or two."""


@dataclass(frozen=True)
class SpectralWindow:
    """A spectral window that a file holds."""

    hdu: int
    name: str
    shape: tuple[int, int, int]
    wavelength: NDArray[np.float64]
    nominal: tuple[float, float]
    """The primary header's range in Å; the range of `wavelength` where it gives none."""
    keyword: int | None
    """Number of the window among the primary header's TDESC keywords."""


def spectral_windows(opened: OpenFits) -> Iterator[SpectralWindow]:
    """List the spectral windows that a file holds, in the order of its extensions.

    The primary header may list windows that are not there, so an extension is matched to the
    header's list by the wavelength at which it begins.

    Parameters
    ----------
    opened : OpenFits

    Yields
    ------
    SpectralWindow
    """
    primary, source = opened.hdus[0].header, opened.source
    listed = whole(source, primary, "NWIN", 0, most=_MOST_WINDOWS)
    for index, hdu in _images(opened, 3):
        header = hdu.header
        if text(source, header, "CTYPE1", "") != "WAVE":
            continue
        points, dispersion = int(header["NAXIS1"]), number(source, header, "CDELT1", 0)
        pixels = np.arange(points) + 1 - number(source, header, "CRPIX1", 1)
        wavelength = np.asarray(
            number(source, header, "CRVAL1", 0) + dispersion * pixels, np.float64
        )
        first, last = (wavelength[0], wavelength[-1]) if points else (0.0, 0.0)
        name, nominal, found = f"{first:.0f} Å", (float(first), float(last)), None
        for keyword in range(1, listed + 1):
            if f"TWMIN{keyword}" not in primary:
                continue
            begins = number(source, primary, f"TWMIN{keyword}")
            if abs(begins - first) < 2 * dispersion:
                name = text(source, primary, f"TDESC{keyword}", name)
                nominal = begins, number(source, primary, f"TWMAX{keyword}", last)
                found = keyword
        if nominal[0] > nominal[1]:
            raise RasterError(
                f"{source} is damaged, its window {name} goes from {nominal[0]:.2f} to "
                f"{nominal[1]:.2f} Å: download it again."
            )
        shape = (int(header["NAXIS3"]), int(header["NAXIS2"]), points)
        yield SpectralWindow(index, name, shape, wavelength, nominal, found)


def _images(opened: OpenFits, axes: int) -> Iterator[tuple[int, Any]]:
    """List the HDUs that hold images of so many axes, with their numbers."""
    kinds = fits.PrimaryHDU, fits.ImageHDU, fits.CompImageHDU
    for index, hdu in enumerate(opened.hdus):
        if isinstance(hdu, kinds) and hdu.header.get("NAXIS") == axes:
            yield index, hdu


def mg_window(opened: OpenFits) -> SpectralWindow:
    """Find the window with the Mg II lines.

    Parameters
    ----------
    opened : OpenFits

    Returns
    -------
    SpectralWindow
        The one that covers most of the study's window; where no coordinates reach a Mg II line,
        the one whose range in the primary header does.

    Raises
    ------
    RasterError
        If the file holds no such window, or it holds no exposures.
    """
    windows = list(spectral_windows(opened))
    if not windows and movie_hdu(opened) is not None:
        raise RasterError(
            f"{opened.source} holds slit-jaw images and no spectra: "
            "give a raster file, which has raster in its name."
        )
    if not windows:
        raise RasterError(
            f"{opened.source} holds no spectral window: "
            "give an IRIS level 2 raster file, which has raster in its name."
        )

    def covered(limits: tuple[float, float]) -> float:
        return max(0.0, min(limits[1], LAST) - max(limits[0], FIRST))

    def holds_line(limits: tuple[float, float]) -> bool:
        return any(limits[0] <= line <= limits[1] for line in LINES.values())

    def true_range(window: SpectralWindow) -> tuple[float, float]:
        if not window.shape[2]:
            return window.nominal
        return float(window.wavelength[0]), float(window.wavelength[-1])

    for limits in (true_range, lambda window: window.nominal):
        fitting = [window for window in windows if holds_line(limits(window))]
        if fitting:
            best = max(fitting, key=lambda window: covered(limits(window)))
            refuse_empty(opened, best.shape)
            return best
    raise RasterError(
        f"{opened.source} has no Mg II k window; it holds "
        f"{', '.join(window.name for window in windows)}: "
        "give a raster of an observation that recorded Mg II."
    )


def refuse_empty(opened: OpenFits, shape: tuple[int, ...]) -> None:
    """Refuse an image without pixels.

    Parameters
    ----------
    opened : OpenFits
    shape : tuple of int
        Of the image.

    Raises
    ------
    RasterError
    """
    if 0 in shape:
        raise RasterError(
            f"{opened.source} is empty, its image has the shape {shape}: "
            "download it again, or leave it out."
        )


def movie_hdu(opened: OpenFits) -> int | None:
    """Find the HDU that holds slit-jaw images, or None.

    Parameters
    ----------
    opened : OpenFits

    Returns
    -------
    int or None
    """
    for index, hdu in _images(opened, 3):
        if text(opened.source, hdu.header, "CTYPE3", "").lower() == "time":
            return index
    return None


def observation_id(opened: OpenFits) -> str:
    """Say which observation a file belongs to.

    Parameters
    ----------
    opened : OpenFits

    Returns
    -------
    str
        ``startdate_starttime_OBSID``.

    Raises
    ------
    RasterError
        If the primary header does not tell.
    """
    primary = opened.hdus[0].header
    start, number_of_it = (text(opened.source, primary, key, "") for key in ("STARTOBS", "OBSID"))
    # Products are named after it, so that it must be no path.
    if not (_DATE.fullmatch(start) and _OBSID.fullmatch(number_of_it)):
        raise _unnamed(opened)
    try:
        return f"{np.datetime64(start, 's').item():%Y%m%d_%H%M%S}_{number_of_it}"
    except ValueError as error:
        raise _unnamed(opened) from error


def _unnamed(opened: OpenFits) -> RasterError:
    return RasterError(
        f"{opened.source} does not say which observation it belongs to (STARTOBS and OBSID): "
        "give an IRIS level 2 file."
    )


class Auxiliary:
    """The extension of per-exposure numbers, whose header says which column is what.

    Parameters
    ----------
    opened : OpenFits
    exposures : int
        How many rows there must be.

    Raises
    ------
    RasterError
        If there is no such extension, or it has another number of rows.
    """

    def __init__(self, opened: OpenFits, exposures: int) -> None:
        self._source = opened.source
        hdu = next((hdu for _, hdu in _images(opened, 2) if "TIME" in hdu.header), None)
        if hdu is None:
            raise RasterError(
                f"{self._source} has no auxiliary extension with the times of its exposures: "
                "give a complete IRIS level 2 file."
            )
        self._header = hdu.header
        self._rows = np.asarray(hdu.data, np.float64)
        if len(self._rows) != exposures:
            raise RasterError(
                f"{self._source} contradicts itself: {exposures} exposures and "
                f"{len(self._rows)} rows of auxiliary numbers: download it again."
            )
        self._start = text(opened.source, opened.hdus[0].header, "STARTOBS", "")
        self._columns: dict[int, str] = {}

    def __getitem__(self, key: str) -> NDArray[np.float64]:
        if key not in self._header:
            raise RasterError(
                f"{self._source} lacks the auxiliary column {key}: "
                "give a complete IRIS level 2 file."
            )
        most = self._rows.shape[1] - 1
        column = whole(self._source, self._header, key, most=most)
        other = self._columns.setdefault(column, key)
        if other != key:
            raise RasterError(
                f"{self._source} contradicts itself: {key} and {other} are the same auxiliary "
                "column: download it again."
            )
        return self._rows[:, column].copy()

    @property
    def times(self) -> NDArray[np.datetime64]:
        """UTC start of each exposure, datetime64[ns]."""
        seconds = self["TIME"]
        together = len(seconds) > 1 and np.ptp(seconds) == 0
        if not (np.abs(seconds) <= _LONGEST).all() or together:
            raise RasterError(
                f"{self._source} does not know the times of its exposures: download it again."
            )
        since_start = np.round(seconds * 1e9).astype("timedelta64[ns]")
        times: NDArray[np.datetime64] = np.datetime64(self._start, "ns") + since_start
        return times
