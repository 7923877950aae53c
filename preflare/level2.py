"""Read IRIS level 2 files: Mg II rasters and slit-jaw images.

What is opened here is lazy: headers and per-exposure numbers are read at once, pixels when they
are asked for.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from preflare.errors import RasterError
from preflare.fitsheaders import number, text, whole
from preflare.layout import Auxiliary, mg_window, movie_hdu, observation_id, refuse_empty
from preflare.lazyfits import OpenFits, lazy_image, open_fits

MISSING_BELOW = -100.0
"""DN; level 2 marks missing pixels by -200, which real signal never comes near."""
SATURATED_FROM = 16_000.0
"""DN from which a pixel counts as saturated; the detector clips at 16,383 DN."""

Times = NDArray[np.datetime64]


@dataclass(frozen=True, repr=False)
class Raster:
    """The Mg II window of one level 2 raster file.

    Attributes
    ----------
    path : pathlib.Path
    observation_id : str
        ``startdate_starttime_OBSID``.
    positions : int
        Slit positions of a complete raster; 1 for a sit-and-stare.
    window : str
        The file's name of the spectral window.
    intensity : dask.array.Array, shape (step, slit, wavelength)
        DN, float32, read when asked for; missing pixels are -200.
    wavelength : ndarray, shape (wavelength,)
        Vacuum wavelength in Å, from the window's world coordinates.
    nominal_range : tuple of float
        First and last wavelength in Å that the primary header gives for the window.
    time : ndarray of datetime64[ns], shape (step,)
        UTC start of each exposure.
    exposure : ndarray, shape (step,)
        Exposure time in s of the near-ultraviolet channel.
    x, y : ndarray, shape (step,)
        Pointing: helioprojective position of the slit's centre in arcsec.
    slit_x, slit_y : ndarray, shape (slit,)
        Offset of each slit pixel from the centre, in arcsec.
    header : astropy.io.fits.Header
        The primary header.

    Examples
    --------
    >>> import preflare as pf
    >>> raster = pf.read_raster(pf.shipped(pf.SAMPLE_RASTER))
    >>> raster.intensity.shape
    (3, 1094, 633)
    >>> print(raster.sit_and_stare, raster.exposure.round(2))
    False [8. 8. 8.]
    """

    path: Path
    observation_id: str
    positions: int
    window: str
    intensity: da.Array
    wavelength: NDArray[np.float64]
    nominal_range: tuple[float, float]
    time: Times
    exposure: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    slit_x: NDArray[np.float64]
    slit_y: NDArray[np.float64]
    header: fits.Header

    def __repr__(self) -> str:
        steps, slit, wavelength = self.intensity.shape
        of = "" if self.sit_and_stare else f" of {self.positions}"
        return (
            f"<Raster {self.observation_id}, {self.window}\n"
            f" {steps}{of} steps x {slit} slit pixels x {wavelength} wavelengths\n"
            f" {_seconds(self.time[0])} to {_seconds(self.time[-1])} UTC>"
        )

    @property
    def sit_and_stare(self) -> bool:
        """Whether the slit stays where it is, so that the steps are times."""
        return self.positions == 1

    @property
    def missing(self) -> da.Array:
        """Pixels without data, bool of the shape of `intensity`."""
        return is_missing(self.intensity)

    @property
    def saturated(self) -> da.Array:
        """Pixels at or above the detector's limit, bool of the shape of `intensity`."""
        return is_saturated(self.intensity)


@dataclass(frozen=True, repr=False)
class SlitJaw:
    """A level 2 file of slit-jaw images.

    Attributes
    ----------
    path : pathlib.Path
    observation_id : str
        ``startdate_starttime_OBSID``.
    channel : str
        For example ``"SJI_2796"``.
    image : dask.array.Array, shape (time, y, x)
        DN, float32, read when asked for; missing pixels are -200.
    time : ndarray of datetime64[ns], shape (time,)
        UTC start of each exposure.
    exposure : ndarray, shape (time,)
        In s.
    x, y : ndarray, shape (time,)
        Helioprojective position of the image's centre in arcsec.
    slit : ndarray, shape (time, 2)
        Centre of the slit in pixels (x, y) of the image, counted from 0.
    scale : tuple of float
        Size of a pixel in arcsec along x and y.
    header : astropy.io.fits.Header
        The primary header.

    Examples
    --------
    >>> import preflare as pf
    >>> images = pf.read_slitjaw(next(pf.shipped("iris").glob("*_SJI_*.fits")))
    >>> images.channel, images.image.shape
    ('SJI_2796', (1, 1094, 1102))
    """

    path: Path
    observation_id: str
    channel: str
    image: da.Array
    time: Times
    exposure: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    slit: NDArray[np.float64]
    scale: tuple[float, float]
    header: fits.Header

    def __repr__(self) -> str:
        images, height, width = self.image.shape
        return (
            f"<SlitJaw {self.observation_id}, {self.channel}\n"
            f" {images} images of {height} x {width} pixels\n"
            f" {_seconds(self.time[0])} to {_seconds(self.time[-1])} UTC>"
        )

    def nearest(self, time: np.datetime64) -> int:
        """Index of the image exposed nearest to a time."""
        return int(np.argmin(np.abs(self.time - time)))

    def edges(self, index: int) -> tuple[float, float, float, float]:
        """Left, right, bottom and top edge of an image in arcsec, as matplotlib's `extent`."""
        height, width = self.image.shape[1:]
        half_x, half_y = width * self.scale[0] / 2, height * self.scale[1] / 2
        x, y = float(self.x[index]), float(self.y[index])
        return x - half_x, x + half_x, y - half_y, y + half_y

    def slit_position(self, index: int) -> float:
        """Place of the slit on the x axis of `edges`, in arcsec."""
        left = self.edges(index)[0]
        return left + (float(self.slit[index, 0]) + 0.5) * self.scale[0]


def is_missing(intensity: Any) -> Any:
    """Tell pixels without data (-200, the unscaled -32768, nan) from the others.

    Parameters
    ----------
    intensity : array
        DN.

    Returns
    -------
    array of bool

    Examples
    --------
    >>> is_missing(np.array([-200.0, -32768.0, np.nan, -3.0, np.inf])).tolist()
    [True, True, True, False, False]
    """
    return ~(intensity >= MISSING_BELOW)


def is_saturated(intensity: Any) -> Any:
    """Tell pixels at or above 16,000 DN, infinity included, from the others.

    Parameters
    ----------
    intensity : array
        DN.

    Returns
    -------
    array of bool
    """
    return intensity >= SATURATED_FROM


def read_raster(path: str | Path) -> Raster:
    """Open the Mg II window of a level 2 raster file, without reading its spectra.

    The window is found by the wavelengths that an extension covers. Where no extension's world
    coordinates reach Mg II but the primary header says that one does (the coordinates of files
    thinned out in wavelength), that one is opened, with the wavelengths as the file gives them.

    Parameters
    ----------
    path : path
        `.fits` or `.fits.gz`, float32 or scaled int16, plain or tile-compressed.

    Returns
    -------
    Raster

    Raises
    ------
    RasterError
        If the file cannot be read, is no level 2 raster, has no Mg II window or no exposures.

    Examples
    --------
    >>> import preflare as pf
    >>> read_raster(pf.shipped(pf.SAMPLE_RASTER))
    <Raster 20140329_140938_3860258481, Mg II k 2796
     3 of 8 steps x 1094 slit pixels x 633 wavelengths
     2014-03-29 14:09:39 to 2014-03-29 14:09:58 UTC>
    """
    with open_fits(path) as opened:
        source, primary = opened.source, opened.hdus[0].header
        window = mg_window(opened)
        header = opened.hdus[window.hdu].header
        named = observation_id(opened)
        auxiliary = Auxiliary(opened, window.shape[0])
        slit_x, slit_y = _along_slit(opened, header)
        return Raster(
            path=source,
            observation_id=named,
            positions=_positions(opened, header),
            window=window.name,
            intensity=lazy_image(opened, window.hdu),
            wavelength=window.wavelength,
            nominal_range=window.nominal,
            time=auxiliary.times,
            exposure=auxiliary["EXPTIMEN"],
            x=auxiliary["XCENIX"],
            y=auxiliary["YCENIX"],
            slit_x=slit_x,
            slit_y=slit_y,
            header=primary.copy(),
        )


def read_slitjaw(path: str | Path) -> SlitJaw:
    """Open a level 2 file of slit-jaw images, without reading the images.

    Parameters
    ----------
    path : path
        `.fits` or `.fits.gz`.

    Returns
    -------
    SlitJaw

    Raises
    ------
    RasterError
        If the file cannot be read or holds no slit-jaw images.

    Examples
    --------
    >>> import preflare as pf
    >>> read_slitjaw(next(pf.shipped("iris").glob("*_SJI_*.fits")))
    <SlitJaw 20140329_140938_3860258481, SJI_2796
     1 images of 1094 x 1102 pixels
     2014-03-29 14:09:48 to 2014-03-29 14:09:48 UTC>
    """
    with open_fits(path) as opened:
        primary = opened.hdus[0].header
        index = movie_hdu(opened)
        if index is None:
            raise RasterError(
                f"{opened.source} holds no slit-jaw images: "
                "give a file with SJI in its name, or read it as a raster."
            )
        header = opened.hdus[index].header
        image = lazy_image(opened, index)
        refuse_empty(opened, image.shape)
        named = observation_id(opened)
        auxiliary = Auxiliary(opened, image.shape[0])
        return SlitJaw(
            path=opened.source,
            observation_id=named,
            channel=text(opened.source, primary, "TDESC1", "SJI"),
            image=image,
            time=auxiliary.times,
            exposure=auxiliary["EXPTIMES"],
            x=auxiliary["XCENIX"],
            y=auxiliary["YCENIX"],
            slit=np.stack([auxiliary["SLTPX1IX"], auxiliary["SLTPX2IX"]], axis=1) - 1,
            scale=_scale(opened, header),
            header=primary.copy(),
        )


def _positions(opened: OpenFits, header: fits.Header) -> int:
    primary = opened.hdus[0].header
    if "NRASTERP" in primary:
        return whole(opened.source, primary, "NRASTERP", least=1)
    return 1 if number(opened.source, header, "CDELT3", 0) == 0 else int(header["NAXIS3"])


def _along_slit(
    opened: OpenFits, header: fits.Header
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Offsets x and y of each slit pixel from the reference pixel, in arcsec."""

    def value(key: str, default: float) -> float:
        return number(opened.source, header, key, default)

    pixels = np.arange(1, int(header["NAXIS2"]) + 1) - value("CRPIX2", 1)
    x = pixels * value("CDELT3", 0) * value("PC3_2", 0)
    y = pixels * value("CDELT2", 1) * value("PC2_2", 1)
    return np.asarray(x, np.float64), np.asarray(y, np.float64)


def _scale(opened: OpenFits, header: fits.Header) -> tuple[float, float]:
    x, y = (number(opened.source, header, key) for key in ("CDELT1", "CDELT2"))
    if x <= 0 or y <= 0:
        raise RasterError(
            f"{opened.source} is damaged, a pixel of it has {x:g} x {y:g} arcsec: "
            "download it again."
        )
    return x, y


def _seconds(time: np.datetime64) -> str:
    return np.datetime_as_string(time, "s").replace("T", " ")
