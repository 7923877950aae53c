"""From level 2 spectra to a clean cube: interpolate, normalise, flag.

The steps and rules are those of Panos, Kleint & Zbinden (2023, Sect. 2), and of the code
published with it where the paper is silent. Every rule looks at every spectrum and has a bit of
its own, so that rules can be counted and switched.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import IntFlag
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from preflare import spectrum
from preflare.cubes import DIMENSIONS
from preflare.errors import CleaningError
from preflare.level2 import MISSING_BELOW, SATURATED_FROM, Raster

MAX_DISPERSION = 0.06
"""Å per pixel. Twice the detector's pixel (0.0509 Å) still gives each grid point its own."""


class Rule(IntFlag):
    """Reasons to reject a spectrum, one bit each."""

    MISSING = 1
    OVEREXPOSED = 2
    LOW_SIGNAL = 4
    COSMIC_RAY = 8
    LINE_RATIO = 16
    LIMB = 32
    QUIET_SUN = 64
    SATURATED = 128


EVERY_RULE = Rule(255)
PAPER_RULES = EVERY_RULE & ~Rule.SATURATED
"""What the published analysis rejects; it knows saturation only by `Rule.OVEREXPOSED`."""


@dataclass(frozen=True)
class Limits:
    """Where each rule draws its line; the defaults are the paper's.

    Attributes
    ----------
    missing_below : float
        DN. A value below it inside the window marks the spectrum as missing.
    plateau : int
        This many consecutive grid points at the maximum mean overexposure.
    signal : float
        DN/s. A spectrum whose maximum is lower has too little signal.
    core : int
        Half-width, in grid points, of the h and k cores, outside which a maximum is taken for a
        cosmic ray, and over which the k/h ratio is formed.
    lowest_ratio, highest_ratio : float
        Bounds of the k/h ratio: 1:1 (optically thick) and 2:1 (thin) with a margin of 0.3.
    continuum : float
        Highest mean of the normalised profile over grid points 115 to 124 (2799.7-2800.2 Å).
    saturated_from : float
        DN. A value from it on inside the window marks the spectrum as saturated.
    """

    missing_below: float = MISSING_BELOW
    plateau: int = 10
    signal: float = 10.0
    core: int = 10
    lowest_ratio: float = 0.7
    highest_ratio: float = 2.3
    continuum: float = 0.4
    saturated_from: float = SATURATED_FROM


CONTINUUM = slice(115, 125)


def clean(
    raster: Raster,
    *,
    reject: Rule = PAPER_RULES,
    limits: Limits | None = None,
    onset: np.datetime64 | str | None = None,
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
    """
    limits = limits or Limits()
    _check_wavelengths(raster)
    _check_signal(raster, limits)
    sampling = _Sampling.between(raster.wavelength, spectrum.grid())
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
    since = np.full(cube.start.shape, np.nan)
    if onset is not None:
        since = (cube.start.values - np.datetime64(onset, "ns")) / np.timedelta64(1, "s")
    cube["t_onset"] = (DIMENSIONS[:2], since)
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
        or one cannot be cleaned.
    """
    if not rasters:
        raise CleaningError("There are no rasters to clean: name at least one level 2 file.")
    rasters = sorted(rasters, key=lambda raster: raster.time[0])
    first = rasters[0]
    for raster in rasters:
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


def count_rules(cube: xr.Dataset) -> pd.DataFrame:
    """Count what each rule finds.

    Parameters
    ----------
    cube : xarray.Dataset
        A cleaned cube.

    Returns
    -------
    pandas.DataFrame
        One row a rule, with columns ``flagged`` (spectra that the rule finds), ``alone`` (that
        no other rule finds) and ``rejects`` (whether the cube rejects them).
    """
    flags = cube["flags"].values
    rejecting = Rule(cube.attrs["reject"])
    return pd.DataFrame(
        {
            "flagged": [int(np.count_nonzero(flags & rule)) for rule in Rule],
            "alone": [int(np.count_nonzero(flags == rule)) for rule in Rule],
            "rejects": [bool(rule & rejecting) for rule in Rule],
        },
        index=pd.Index([_rule_name(rule) for rule in Rule], name="rule"),
    )


def accepted(cube: xr.Dataset) -> NDArray[np.bool_]:
    """Tell the spectra that no rejecting rule finds from the others.

    Parameters
    ----------
    cube : xarray.Dataset
        A cleaned cube.

    Returns
    -------
    ndarray of bool, shape (time, step, slit)
    """
    keep: NDArray[np.bool_] = (cube["flags"].values & cube.attrs["reject"]) == 0
    return keep


def _rule_name(rule: Rule) -> str:
    return str(rule.name).lower().replace("_", " ")


@dataclass(frozen=True)
class _Sampling:
    """Linear interpolation from one wavelength axis to another, prepared once."""

    window: slice
    left: NDArray[np.intp]
    """Pixel of the window to the left of each grid point."""
    weight: NDArray[np.float32]
    """Share of the pixel to the right."""

    @classmethod
    def between(cls, pixels: NDArray[np.float64], grid: NDArray[np.float64]) -> "_Sampling":
        left = np.clip(np.searchsorted(pixels, grid, side="right") - 1, 0, len(pixels) - 2)
        weight = (grid - pixels[left]) / (pixels[left + 1] - pixels[left])
        window = slice(int(left[0]), int(left[-1]) + 2)
        return cls(window, left - window.start, weight.astype(np.float32))

    def __call__(self, spectra: NDArray[np.float32]) -> NDArray[np.float32]:
        # This form returns equal neighbours unchanged, so that a plateau stays one.
        sampled = np.take(spectra, self.left + 1, axis=-1)
        base = np.take(spectra, self.left, axis=-1)
        sampled -= base
        sampled *= self.weight
        sampled += base
        return sampled


def _core(line: str, halfwidth: int) -> slice:
    centre = spectrum.nearest_point(spectrum.LINES[line])
    return slice(max(0, centre - halfwidth), centre + halfwidth + 1)


def _clean_block(
    spectra: NDArray[np.float32],
    exposure: NDArray[np.float64],
    *,
    sampling: _Sampling,
    reject: Rule,
    limits: Limits,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.uint8]]:
    """Clean spectra (..., pixel) in DN with exposures (...) in s."""
    exposure = np.broadcast_to(exposure, spectra.shape[:-1])
    missing_pixel = ~(spectra >= limits.missing_below)
    missing = missing_pixel.any(axis=-1)
    saturated = spectra.max(axis=-1, initial=-np.inf) >= limits.saturated_from
    if missing.any():
        spectra = np.where(missing_pixel, np.float32(np.nan), spectra)
        # nan hides a maximum; it must not hide a saturated pixel.
        saturated |= (spectra >= limits.saturated_from).any(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        profile = sampling(spectra)
        top = np.fmax.reduce(profile, axis=-1)
        endless = saturated & np.isinf(spectra).any(axis=-1)
        top[endless] = np.inf
        plateau = _longest_plateau_reaches(profile, top, limits.plateau)
        k, h = (profile[..., _core(line, limits.core)] for line in ("k", "h"))
        in_core = np.fmax(np.fmax.reduce(k, axis=-1), np.fmax.reduce(h, axis=-1))
        ratio = k.sum(axis=-1) / h.sum(axis=-1)
        peak = (top / exposure).astype(np.float32)
        bad_step = ~(exposure > 0)
        unusable = ~(np.isfinite(peak) & (peak > 0))
        profile /= top[..., None]
        continuum = profile[..., CONTINUUM].mean(axis=-1)
        found = {
            Rule.MISSING: missing | bad_step,
            Rule.OVEREXPOSED: plateau,
            Rule.LOW_SIGNAL: (peak < limits.signal) & ~bad_step,
            Rule.COSMIC_RAY: (in_core < top) & ~endless,
            Rule.LINE_RATIO: (ratio < limits.lowest_ratio) | (ratio > limits.highest_ratio),
            Rule.LIMB: (continuum >= limits.continuum) & ~unusable,
            Rule.SATURATED: saturated,
        }
    flags = np.zeros(missing.shape, np.uint8)
    for rule, where in found.items():
        flags[where] |= np.uint8(rule)
    profile[unusable | ((flags & reject) != 0)] = np.nan
    return profile, peak, flags


def _longest_plateau_reaches(
    profile: NDArray[np.float32], top: NDArray[np.float32], length: int
) -> NDArray[np.bool_]:
    at_top = profile == top[..., None]
    reached = np.count_nonzero(at_top, axis=-1) >= length
    for index in zip(*np.nonzero(reached), strict=True):
        edges = np.flatnonzero(np.diff(at_top[index], prepend=False, append=False))
        reached[index] = (edges[1::2] - edges[::2]).max() >= length
    return reached


def _pad_steps(cube: xr.Dataset, steps: int) -> xr.Dataset:
    lacking = steps - cube.sizes["step"]
    if not lacking:
        return cube
    return cube.pad(step=(0, lacking), constant_values={"flags": int(Rule.MISSING)})


def _check_wavelengths(raster: Raster) -> None:
    wavelength, path = raster.wavelength, raster.path
    spacing = np.diff(raster.nominal_range)[0] / max(1, len(wavelength) - 1)
    if spacing > MAX_DISPERSION:
        raise CleaningError(
            f"{path} is too coarse in wavelength ({spacing:.3f} Å per pixel): the window needs "
            f"{MAX_DISPERSION} Å or finer, so give the full-resolution level 2 file."
        )
    if len(wavelength) < 2 or not np.all(np.diff(wavelength) > 0):
        raise CleaningError(
            f"{path} has wavelengths that do not increase: download it again."
        )
    if wavelength[0] > spectrum.FIRST or wavelength[-1] < spectrum.LAST:
        raise CleaningError(
            f"{path} covers {wavelength[0]:.2f}-{wavelength[-1]:.2f} Å and not the window "
            f"{spectrum.FIRST}-{spectrum.LAST} Å: give an observation that recorded all of it."
        )


def _check_signal(raster: Raster, limits: Limits) -> None:
    if not (raster.exposure > 0).any():
        raise CleaningError(
            f"{raster.path} has no exposure longer than 0 s: leave it out."
        )
    for block in raster.intensity.blocks.ravel():
        if bool((block >= limits.missing_below).any().compute()):
            return
    raise CleaningError(
        f"{raster.path} holds no data, every pixel is marked as missing: leave it out."
    )


def _described(
    cube: xr.Dataset, raster: Raster, reject: Rule, limits: Limits
) -> xr.Dataset:
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
        "reject": int(reject),
        "limits": asdict(limits),
    }
    return cube
