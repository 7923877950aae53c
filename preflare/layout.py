"""Where a level 2 file keeps what: its spectral windows, its movie, its per-exposure numbers.

The layout is that of the mission's level 2 data (IRIS Technical Note 26): a primary header, one
image extension a spectral window with axes (step, slit, wavelength), an extension of auxiliary
numbers with one row an exposure, and a table of file names.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from preflare.errors import RasterError
from preflare.lazyfits import OpenFits
from preflare.spectrum import FIRST, LAST, LINES


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
    primary = opened.hdus[0].header
    for index, hdu in enumerate(opened.hdus):
        header = hdu.header
        if header.get("NAXIS") != 3 or str(header.get("CTYPE1", "")).strip() != "WAVE":
            continue
        points, dispersion = int(header["NAXIS1"]), float(header.get("CDELT1", 0))
        pixels = np.arange(points) + 1 - float(header.get("CRPIX1", 1))
        wavelength = np.asarray(float(header.get("CRVAL1", 0)) + dispersion * pixels, np.float64)
        first, last = (wavelength[0], wavelength[-1]) if points else (0.0, 0.0)
        name, nominal, number = f"{first:.0f} Å", (float(first), float(last)), None
        for keyword in range(1, int(primary.get("NWIN", 0)) + 1):
            begins = primary.get(f"TWMIN{keyword}")
            if begins is not None and abs(float(begins) - first) < 2 * dispersion:
                name = str(primary.get(f"TDESC{keyword}", name))
                nominal = float(begins), float(primary.get(f"TWMAX{keyword}", last))
                number = keyword
        shape = (int(header["NAXIS3"]), int(header["NAXIS2"]), points)
        yield SpectralWindow(index, name, shape, wavelength, nominal, number)


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
    for index, hdu in enumerate(opened.hdus):
        axis = str(hdu.header.get("CTYPE3", "")).strip().lower()
        if hdu.header.get("NAXIS") == 3 and axis == "time":
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
    try:
        start = np.datetime64(str(primary["STARTOBS"]), "s").item()
        return f"{start:%Y%m%d_%H%M%S}_{str(primary['OBSID']).strip()}"
    except (KeyError, ValueError) as error:
        raise RasterError(
            f"{opened.source} does not say which observation it belongs to (STARTOBS and OBSID): "
            "give an IRIS level 2 file."
        ) from error


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
        hdu = next(
            (hdu for hdu in opened.hdus if hdu.header.get("NAXIS") == 2 and "TIME" in hdu.header),
            None,
        )
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
        self._start = opened.hdus[0].header.get("STARTOBS")

    def __getitem__(self, key: str) -> NDArray[np.float64]:
        try:
            return self._rows[:, int(self._header[key])].copy()
        except (KeyError, IndexError, ValueError) as error:
            raise RasterError(
                f"{self._source} lacks the auxiliary column {key}: "
                "give a complete IRIS level 2 file."
            ) from error

    @property
    def times(self) -> NDArray[np.datetime64]:
        """UTC start of each exposure, datetime64[ns]."""
        since_start = np.round(self["TIME"] * 1e9).astype("timedelta64[ns]")
        if not np.isfinite(self["TIME"]).all():
            raise RasterError(
                f"{self._source} does not know the times of its exposures: download it again."
            )
        times: NDArray[np.datetime64] = np.datetime64(str(self._start), "ns") + since_start
        return times
