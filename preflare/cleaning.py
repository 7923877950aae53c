"""From level 2 spectra to a clean cube: interpolate, normalise, flag.

The steps are those of Panos, Kleint & Zbinden (2023, Sect. 2); the rules are in `rules`.
"""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from preflare import spectrum
from preflare.cubes import DIMENSIONS
from preflare.errors import CleaningError
from preflare.level2 import Raster
from preflare.rules import EVERY_RULE, PAPER_RULES, Limits, Rule, find_faults

MAX_DISPERSION = 0.06
"""Å per pixel. Admits spectra summed by two on board (0.0509; the grid has 0.0485), no coarser."""


def clean(
    raster: Raster,
    *,
    reject: Rule = PAPER_RULES,
    limits: Limits | None = None,
    onset: str | np.datetime64 | None = None,
) -> xr.Dataset:
    """Turn a raster into a cube of normalised spectra on the 240-point grid.

    Parameters
    ----------
    raster : Raster
        What `read_raster` gave.
    reject : Rule
        Rules whose spectra become nan. All rules set their bits in `flags`, rejecting or not,
        except `Rule.QUIET_SUN`, which the autoencoder sets later.
    limits : Limits, optional
        Where the rules draw their lines.
    onset : datetime64 or str, optional
        UTC start of the flare.

    Returns
    -------
    xarray.Dataset
        Lazy, with dimensions (time, step, slit, wavelength); the exposures of a sit-and-stare
        lie along `time`.

        - ``intensity`` float32, normalised by its maximum; nan where rejected, where pixels are
          missing, and throughout a spectrum without a positive, finite maximum
        - ``peak`` (time, step, slit) float32, the maximum in DN/s
        - ``flags`` (time, step, slit) uint8, one bit a `Rule`
        - ``t_onset`` (time, step) float64, seconds since flare onset, negative before; nan where
          `onset` is not given
        - coordinates ``start``, ``exposure`` (s), ``x``, ``y`` (arcsec) of each exposure and
          ``slit_x``, ``slit_y`` (arcsec) of each slit pixel relative to them

    Raises
    ------
    CleaningError
        If the window is not covered, the dispersion is too coarse, or all data are missing.

    Examples
    --------
    >>> import preflare as pf
    >>> raster = pf.read_raster(pf.shipped(pf.SAMPLE_RASTER))
    >>> cube = clean(raster, onset="2014-03-29T17:35")
    >>> cube.intensity.shape
    (1, 3, 1094, 240)
    >>> print(cube.t_onset.values.round())
    [[-12321. -12311. -12302.]]
    """
    limits = limits or Limits()
    _check_wavelengths(raster)
    _check_signal(raster, limits)
    sampling = spectrum.Sampling.between(raster.wavelength, spectrum.grid())
    order = (slice(None), None) if raster.sit_and_stare else (None, slice(None))
    spectra = raster.intensity[:, :, sampling.window][order]

    def each(values: NDArray[Any]) -> xr.DataArray:
        return xr.DataArray(values[order], dims=DIMENSIONS[:2])

    intensity, peak, flags = xr.apply_ufunc(
        partial(_clean_block, sampling=sampling, reject=reject, limits=limits),
        xr.DataArray(spectra, dims=(*DIMENSIONS[:3], "pixel")),
        each(raster.exposure),
        input_core_dims=[["pixel"], []],
        output_core_dims=[["wavelength"], [], []],
        dask="parallelized",
        output_dtypes=[np.float32, np.float32, np.uint8],
        dask_gufunc_kwargs={"output_sizes": {"wavelength": spectrum.POINTS}},
    )
    cube = xr.Dataset(
        {"intensity": intensity, "peak": peak, "flags": flags},
        coords={
            "wavelength": ("wavelength", spectrum.grid()),
            "start": each(raster.time),
            "exposure": each(raster.exposure),
            "x": each(raster.x),
            "y": each(raster.y),
            "slit_x": ("slit", raster.slit_x),
            "slit_y": ("slit", raster.slit_y),
        },
    )
    cube["t_onset"] = (DIMENSIONS[:2], _seconds_since(onset, cube.start.values))
    return _described(cube, raster, reject, limits)


def clean_observation(rasters: Sequence[Raster], **settings: Any) -> xr.Dataset:
    """Clean the rasters of one observation and join them along time.

    Parameters
    ----------
    rasters : sequence of Raster
        Of one observation, in any order.
    **settings
        Passed on to `clean`.

    Returns
    -------
    xarray.Dataset
        As from `clean`. Steps that a raster cut short lacks are flagged as missing.

    Raises
    ------
    CleaningError
        If there are no rasters, they belong to different observations or differ along the slit,
        two hold the same exposures, or one cannot be cleaned.

    Examples
    --------
    >>> import preflare as pf
    >>> raster = pf.read_raster(pf.shipped(pf.SAMPLE_RASTER))
    >>> clean_observation([raster]).intensity.shape
    (1, 3, 1094, 240)
    """
    if not rasters:
        raise CleaningError("There are no rasters to clean: name at least one level 2 file.")
    rasters = sorted(rasters, key=lambda raster: raster.time[0])
    first = rasters[0]
    for raster, before in zip(rasters, [None, *rasters], strict=False):
        if before is not None and raster.time[0] == before.time[0]:
            raise CleaningError(
                f"{raster.path} and {before.path} hold the same exposures: give them once."
            )
        if raster.observation_id != first.observation_id:
            raise CleaningError(
                f"{raster.path} belongs to observation {raster.observation_id} and {first.path} "
                f"to {first.observation_id}: clean each observation by itself."
            )
        if raster.intensity.shape[1] != first.intensity.shape[1]:
            raise CleaningError(
                f"{raster.path} has {raster.intensity.shape[1]} pixels along the slit and "
                f"{first.path} has {first.intensity.shape[1]}: clean them apart."
            )
    cubes = [clean(raster, **settings) for raster in rasters]
    steps = max(cube.sizes["step"] for cube in cubes)
    joined = xr.concat(
        [_pad_steps(cube, steps) for cube in cubes],
        dim="time",
        data_vars="all",
        coords="different",
        compat="equals",
        join="override",
        combine_attrs="override",
    )
    joined.attrs["files"] = [raster.path.name for raster in rasters]
    return joined


def _clean_block(
    pixels: NDArray[np.float32],
    exposure: NDArray[np.float64],
    *,
    sampling: spectrum.Sampling,
    reject: Rule,
    limits: Limits,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.uint8]]:
    """Clean spectra (..., pixel) in DN with exposures (...) in s."""
    exposure = np.broadcast_to(exposure, pixels.shape[:-1])
    lowest = np.minimum.reduce(pixels, axis=-1)
    highest = np.fmax.reduce(pixels, axis=-1)
    gaps = ~(lowest >= limits.missing_below)
    # iris_prep sets clipped pixels to infinity: the maximum of such a spectrum is not known.
    endless = highest == np.inf
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        profile = sampling(pixels)
        profile[gaps] = sampling(_without_missing(pixels[gaps], limits))
        profile[endless] = np.nan
        top = np.fmax.reduce(profile, axis=-1)
        flags = find_faults(lowest, highest, profile, top, exposure, limits)
        top[endless] = np.inf
        peak = (top / exposure).astype(np.float32)
        unusable = ~(np.isfinite(peak) & (peak > 0))
        profile /= top[..., None]
    profile[unusable | ((flags & reject) != 0)] = np.nan
    return profile, peak, flags


def _without_missing(pixels: NDArray[np.float32], limits: Limits) -> NDArray[np.float32]:
    return np.where(pixels >= limits.missing_below, pixels, np.float32(np.nan))


def _seconds_since(
    onset: str | np.datetime64 | None, times: NDArray[np.datetime64]
) -> NDArray[np.float64]:
    if onset is None:
        return np.full(times.shape, np.nan)
    try:
        moment = np.datetime64(onset).astype("datetime64[ns]")
    except ValueError as error:
        raise CleaningError(
            f"{onset!r} is not a time of flare onset: write it like 2014-01-31T12:00."
        ) from error
    seconds: NDArray[np.float64] = (times - moment) / np.timedelta64(1, "s")
    return seconds


def _pad_steps(cube: xr.Dataset, steps: int) -> xr.Dataset:
    lacking = steps - cube.sizes["step"]
    if not lacking:
        return cube
    padded = cube.pad(step=(0, lacking), keep_attrs=True)
    padded["flags"] = cube["flags"].pad(
        step=(0, lacking), constant_values=int(Rule.MISSING), keep_attrs=True
    )
    return padded


def _check_wavelengths(raster: Raster) -> None:
    wavelength, path = raster.wavelength, raster.path
    spacing = np.diff(raster.nominal_range)[0] / max(1, len(wavelength) - 1)
    if spacing > MAX_DISPERSION:
        raise CleaningError(
            f"{path} is too coarse in wavelength ({spacing:.3f} Å per pixel): the window needs "
            f"{MAX_DISPERSION} Å or finer, so give the full-resolution level 2 file."
        )
    if len(wavelength) < 2 or not np.all(np.diff(wavelength) > 0):
        raise CleaningError(f"{path} has wavelengths that do not increase: download it again.")
    if wavelength[0] > spectrum.FIRST or wavelength[-1] < spectrum.LAST:
        raise CleaningError(
            f"{path} covers {wavelength[0]:.2f}-{wavelength[-1]:.2f} Å and not the window "
            f"{spectrum.FIRST}-{spectrum.LAST} Å: give an observation that recorded all of it."
        )


def _check_signal(raster: Raster, limits: Limits) -> None:
    if not (raster.exposure > 0).any():
        raise CleaningError(f"{raster.path} has no exposure longer than 0 s: leave it out.")
    for index in range(raster.intensity.numblocks[0]):
        block = raster.intensity.blocks[index].compute()
        if (block >= limits.missing_below).any():
            return
    raise CleaningError(
        f"{raster.path} holds no data, every pixel is marked as missing: leave it out."
    )


def _described(cube: xr.Dataset, raster: Raster, reject: Rule, limits: Limits) -> xr.Dataset:
    for name, unit, meaning in (
        ("intensity", "1", "intensity normalised by its maximum"),
        ("peak", "DN s-1", "maximum of the profile"),
        ("exposure", "s", "exposure time"),
        ("t_onset", "s", "time since flare onset"),
        ("wavelength", "angstrom", "vacuum wavelength"),
        ("x", "arcsec", "helioprojective x of the slit's centre"),
        ("y", "arcsec", "helioprojective y of the slit's centre"),
        ("slit_x", "arcsec", "x relative to the slit's centre"),
        ("slit_y", "arcsec", "y relative to the slit's centre"),
    ):
        cube[name].attrs = {"units": unit, "long_name": meaning}
    cube["start"].attrs = {"long_name": "UTC start of the exposure"}
    cube["flags"].attrs = {
        "long_name": "rules that find fault with the spectrum",
        "flag_masks": [int(rule) for rule in Rule],
        "flag_meanings": " ".join(str(rule.name).lower() for rule in Rule),
    }
    cube.attrs = {
        "observation_id": raster.observation_id,
        "files": [raster.path.name],
        "tried": int(EVERY_RULE & ~Rule.QUIET_SUN),
        "reject": int(reject),
        "limits": asdict(limits),
    }
    return cube
