"""Write what the twin's instrument saw as IRIS level 2 files (IRIS Technical Note 26)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from preflare.observations import Observation
from preflare.twin.library import PIXEL, WAVELENGTH
from preflare.twin.modes import SLIT_PIXEL, Mode

Array = NDArray[np.float64]
Counts = NDArray[np.float32 | np.int16]

SCALE, ZERO = 0.25, 7992.0
"""Level 2 stores DN as 16-bit integers: DN = SCALE * stored + ZERO."""
WINDOW = "Mg II k 2796"
RASTER_COLUMNS = (
    "TIME PZTX PZTY EXPTIMEF EXPTIMEN SUMSPTRF SUMSPATF SUMSPTRN SUMSPATN DSRCFIX DSRCNIX "
    "LUTIDF LUTIDN XCENIX YCENIX OBS_VRIX OPHASEIX PC1_1IX PC1_2IX PC2_1IX PC2_2IX PC3_1IX "
    "PC3_2IX PC3_3IX PC2_3IX IT01PFUV IT06TFUV IT14SFUV IT15SFUV IT16SFUV IT17SFUV IT18SFUV "
    "IT19SFUV POFFXFUV POFFYFUV POFFFFUV IT01PNUV IT06TNUV IT14SNUV IT15SNUV IT16SNUV IT17SNUV "
    "IT18SNUV IT19SNUV POFFXNUV POFFYNUV POFFFNUV"
)
IMAGE_COLUMNS = (
    "TIME PZTX PZTY EXPTIMES SLTPX1IX SLTPX2IX SUMSPTRS SUMSPATS DSRCSIX LUTIDS XCENIX YCENIX "
    "OBS_VRIX OPHASEIX PC1_1IX PC1_2IX PC2_1IX PC2_2IX PC3_1IX PC3_2IX IT01PSJI IT06TSJI "
    "IT14SSJI IT15SSJI IT16SSJI IT17SSJI IT18SSJI IT19SSJI POFFXSJI POFFYSJI POFFFSJI"
)


@dataclass(frozen=True)
class Exposures:
    """Consecutive exposures of the spectrograph.

    Attributes
    ----------
    counts : ndarray, (exposures, slit, 512)
        As `stored` gives them.
    time, exposure : ndarray, (exposures,)
        Start since the observation began, and length, in s.
    x : ndarray, (exposures,)
        Slit position in arcsec from the middle of the field.
    """

    counts: Counts
    time: Array
    exposure: Array
    x: Array


def raster_name(observation: Observation, raster: int) -> str:
    """Return the mission's name for a raster file."""
    return f"iris_l2_{observation.observation_id}_raster_t000_r{raster:05d}.fits"


def stored(counts: NDArray[np.float32], *, exact: bool) -> Counts:
    """Return DN as a file stores them: 16-bit integers, or as they are."""
    if exact:
        return counts
    return np.round((counts - np.float32(ZERO)) / np.float32(SCALE)).astype(np.int16)


def write_raster(path: Path, observation: Observation, mode: Mode, seen: Exposures) -> None:
    """Write one raster file, or the only one of a sit-and-stare.

    Parameters
    ----------
    path : Path
        The file.
    observation : Observation
        Whose file it is.
    mode : Mode
        How it was observed.
    seen : Exposures
        What was seen.
    """
    primary = _primary(observation, "SPEC", seen.time)
    count = seen.time.size
    primary.update(
        NRASTERP=mode.positions,
        NEXP=count,
        SUMSPTRN=1,
        SUMSPAT=mode.summing,
        EXPTIME=float(np.median(seen.exposure)),
        EXPMIN=float(seen.exposure.min()),
        EXPMAX=float(seen.exposure.max()),
        STEPS_AV=mode.step,
        NWIN=1,
        TDET1="NUV",
        TDESC1=WINDOW,
        TWAVE1=2796.2,
        TWMIN1=WAVELENGTH[0],
        TWMAX1=WAVELENGTH[-1],
        IAECFLAG="YES",
    )
    pixel = SLIT_PIXEL * mode.summing
    window = fits.ImageHDU(seen.counts)
    centre = (count + 1) / 2
    window.header.update(
        CTYPE1="WAVE",
        CUNIT1="Angstrom",
        CRPIX1=1.0,
        CRVAL1=WAVELENGTH[0],
        CDELT1=PIXEL,
        CTYPE2="HPLT-TAN",
        CUNIT2="arcsec",
        CRPIX2=(mode.y.size + 1) / 2,
        CRVAL2=_arcsec(observation.y),
        CDELT2=pixel,
        CTYPE3="HPLN-TAN",
        CUNIT3="arcsec",
        CRPIX3=centre,
        CRVAL3=_arcsec(observation.x),
        CDELT3=mode.step if mode.positions > 1 else 0.0,
        PC1_1=1.0,
        PC2_2=1.0,
        PC3_3=1.0,
        PC3_2=0.0,
        PC2_3=0.0,
    )
    if seen.counts.dtype.kind == "i":
        window.header["BSCALE"], window.header["BZERO"] = SCALE, ZERO
    rows = {
        "TIME": seen.time,
        "EXPTIMEF": seen.exposure,
        "EXPTIMEN": seen.exposure,
        "SUMSPTRN": np.ones(count),
        "SUMSPATN": np.full(count, float(mode.summing)),
        "XCENIX": _arcsec(observation.x) + seen.x,
        "YCENIX": np.full(count, _arcsec(observation.y)),
    }
    names = _file_names(observation, count, "NUV")
    _write(path, primary, window, _auxiliary(RASTER_COLUMNS, rows, count), names)


def write_images(
    path: Path, observation: Observation, images: NDArray[np.float32], time: Array, pixel: float
) -> None:
    """Write slit-jaw images of the 2796 Å channel.

    Parameters
    ----------
    path : Path
        The file.
    observation : Observation
        Whose file it is.
    images : ndarray of float32, (images, y, x)
        DN.
    time : ndarray, (images,)
        s since the observation began.
    pixel : float
        arcsec across one.
    """
    primary = _primary(observation, "SJI", time)
    primary.update(NWIN=1, TDET1="SJI", TDESC1="SJI_2796", TWAVE1=2796.0, TWMIN1=2794.0)
    primary["TWMAX1"] = 2798.0
    movie = fits.ImageHDU(stored(images, exact=False))
    count, height, width = images.shape
    movie.header.update(
        BSCALE=SCALE,
        BZERO=ZERO,
        CTYPE1="HPLN-TAN",
        CUNIT1="arcsec",
        CRPIX1=(width + 1) / 2,
        CRVAL1=_arcsec(observation.x),
        CDELT1=pixel,
        CTYPE2="HPLT-TAN",
        CUNIT2="arcsec",
        CRPIX2=(height + 1) / 2,
        CRVAL2=_arcsec(observation.y),
        CDELT2=pixel,
        CTYPE3="Time",
        CUNIT3="seconds",
        CRPIX3=1.0,
        CRVAL3=float(time[0]),
        CDELT3=float(time[1] - time[0]) if count > 1 else 0.0,
    )
    rows = {
        "TIME": time,
        "EXPTIMES": np.full(count, 8.0),
        "SLTPX1IX": np.full(count, (width + 1) / 2),
        "SLTPX2IX": np.full(count, (height + 1) / 2),
        "XCENIX": np.full(count, _arcsec(observation.x)),
        "YCENIX": np.full(count, _arcsec(observation.y)),
    }
    names = _file_names(observation, count, "SJI")
    _write(path, primary, movie, _auxiliary(IMAGE_COLUMNS, rows, count), names)


def _arcsec(quantity: Any) -> float:
    return float(quantity.to_value("arcsec"))


def _primary(observation: Observation, instrument: str, time: Array) -> fits.Header:
    start = observation.id_start

    def moment(seconds: float) -> str:
        return (start + timedelta(seconds=float(seconds))).isoformat(timespec="milliseconds")

    header = fits.PrimaryHDU().header
    header.update(
        TELESCOP="TWIN",
        INSTRUME=instrument,
        ORIGIN="preflare",
        DATA_LEV=2.0,
        OBSID=observation.obsid,
        OBS_DESC=observation.mode,
        STARTOBS=moment(0.0),
        DATE_OBS=moment(time[0]),
        DATE_END=moment(time[-1]),
        XCEN=_arcsec(observation.x),
        YCEN=_arcsec(observation.y),
        BTYPE="Intensity",
        BUNIT="Corrected DN",
    )
    header.add_history("Simulated by preflare: not an observation of the Sun.")
    return header


def _auxiliary(names: str, rows: dict[str, Array], count: int) -> fits.ImageHDU:
    columns = names.split()
    table = np.zeros((count, len(columns)))
    for name in ("PC1_1IX", "PC2_2IX", "PC3_3IX"):  # the image axes are those of the sky
        if name in columns:
            table[:, columns.index(name)] = 1.0
    for name, values in rows.items():
        table[:, columns.index(name)] = values
    hdu = fits.ImageHDU(table)
    for place, name in enumerate(columns):
        hdu.header[name] = place
    return hdu


def _file_names(observation: Observation, count: int, detector: str) -> fits.TableHDU:
    """Return the last extension of a level 2 file, which names the level 1 files."""
    names = [f"twin_{observation.observation_id}_{n:05d}_{detector}" for n in range(count)]
    numbers = [str(n) for n in range(count)]
    return fits.TableHDU.from_columns(
        [
            fits.Column("FRMID", "A10", array=numbers),
            fits.Column(f"{detector}filename", "A66", array=names),
        ]
    )


def _write(path: Path, primary: fits.Header, *hdus: fits.ImageHDU | fits.TableHDU) -> None:
    fits.HDUList([fits.PrimaryHDU(header=primary), *hdus]).writeto(path)
