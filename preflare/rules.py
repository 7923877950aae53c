"""The cleaning rules: what makes a spectrum unfit, and how often each rule finds it.

The rules are those of Panos, Kleint & Zbinden (2023, Sect. 2), and of the code published with it
where the paper is silent. Every rule looks at every spectrum and has a bit of its own, so that
rules can be counted and switched.
"""

from dataclasses import dataclass
from enum import IntFlag

import numpy as np
import pandas as pd
import xarray as xr
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from preflare.level2 import MISSING_BELOW, SATURATED_FROM
from preflare.spectrum import LINES, nearest_point


class Rule(IntFlag):
    """Faults that a rule can find in a spectrum, one bit each.

    Examples
    --------
    >>> Rule.MISSING | Rule.LIMB
    <Rule.MISSING|LIMB: 33>
    >>> Rule.SATURATED in EVERY_RULE & ~PAPER_RULES
    True
    """

    MISSING = 1
    """Pixels of the window lack data, or the exposure lasted no time."""
    OVEREXPOSED = 2
    """Neighbouring points share the maximum: a plateau."""
    LOW_SIGNAL = 4
    """The maximum is too low."""
    COSMIC_RAY = 8
    """The maximum lies outside the cores of h and k."""
    LINE_RATIO = 16
    """The emission of k over that of h is not what atomic physics allows."""
    LIMB = 32
    """The continuum is too high, as at the limb."""
    QUIET_SUN = 64
    """The autoencoder takes the spectrum for one of the quiet Sun."""
    SATURATED = 128
    """Pixels of the window are at the detector's limit."""


EVERY_RULE = Rule(255)
"""All rules."""
PAPER_RULES = EVERY_RULE & ~Rule.SATURATED
"""What the published analysis rejects; it knows saturation only by `Rule.OVEREXPOSED`."""


@dataclass(frozen=True)
class Limits:
    """Where each rule draws its line.

    The defaults are the paper's; `core` and `continuum` are those of the code published with it,
    and `saturated_from` is ours.

    Attributes
    ----------
    missing_below : float
        DN. A value below it inside the window marks the spectrum as missing, as does an exposure
        that lasted no time.
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
        Mean of the normalised profile over grid points 115 to 124 (2799.7-2800.2 Å) from which
        on the rule finds fault.
    saturated_from : float
        DN. A value from it on inside the window marks the spectrum as saturated.

    Examples
    --------
    >>> import preflare as pf
    >>> raster = pf.read_raster(pf.shipped(pf.SAMPLE_RASTER))
    >>> cube = pf.clean(raster, limits=Limits(signal=50.0))
    >>> int(pf.count_rules(cube).flagged["low signal"])
    1822
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
"""Grid points between triplet and h, 2799.7-2800.2 Å, that stand for the continuum."""


def find_faults(
    lowest: NDArray[np.float32],
    highest: NDArray[np.float32],
    profile: NDArray[np.float32],
    top: NDArray[np.float32],
    exposure: NDArray[np.float64],
    limits: Limits,
) -> NDArray[np.uint8]:
    """Try every rule on every spectrum.

    A rule that cannot be judged, because what it looks at is missing, finds no fault; only
    `Rule.MISSING` does.

    Parameters
    ----------
    lowest : ndarray, shape (...)
        Lowest pixel of the window in DN; nan if any pixel is.
    highest : ndarray, shape (...)
        Highest pixel of the window in DN, nan left aside.
    profile : ndarray, shape (..., 240)
        The window interpolated to the grid, in DN; nan where pixels are missing.
    top : ndarray, shape (...)
        Maximum of the profile, nan left aside.
    exposure : ndarray, shape (...)
        In s.
    limits : Limits

    Returns
    -------
    ndarray of uint8, shape (...)
        Bits of `Rule`. `Rule.QUIET_SUN` is never among them: it takes an autoencoder.
    """
    k, h = (profile[..., core(line, limits.core)] for line in ("k", "h"))
    in_core = np.fmax(np.fmax.reduce(k, axis=-1), np.fmax.reduce(h, axis=-1))
    exposed = exposure > 0
    known = exposed & np.isfinite(top) & (top > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = k.sum(axis=-1) / h.sum(axis=-1)
        found = {
            Rule.MISSING: ~((lowest >= limits.missing_below) & exposed),
            Rule.OVEREXPOSED: _reaches_plateau(profile, top, limits.plateau),
            Rule.LOW_SIGNAL: (top < limits.signal * exposure) & exposed,
            Rule.COSMIC_RAY: in_core < top,
            Rule.LINE_RATIO: (ratio < limits.lowest_ratio) | (ratio > limits.highest_ratio),
            Rule.LIMB: (profile[..., CONTINUUM].mean(axis=-1) >= limits.continuum * top) & known,
            Rule.SATURATED: highest >= limits.saturated_from,
        }
    flags = np.zeros(top.shape, np.uint8)
    for rule, where in found.items():
        flags[where] |= np.uint8(rule)
    return flags


def core(line: str, halfwidth: int) -> slice:
    """Grid points of a line's core.

    Parameters
    ----------
    line : {"k", "triplet", "h"}
    halfwidth : int
        Points to either side of the line.

    Returns
    -------
    slice
        Into the 240 points.

    Examples
    --------
    >>> core("k", 10)
    slice(35, 56, None)
    """
    centre = nearest_point(LINES[line])
    return slice(max(0, centre - halfwidth), centre + halfwidth + 1)


def _reaches_plateau(
    profile: NDArray[np.float32], top: NDArray[np.float32], length: int
) -> NDArray[np.bool_]:
    # A run of this length covers a point whose index is a multiple of it: most have none there.
    reached: NDArray[np.bool_] = (profile[..., ::length] == top[..., None]).any(axis=-1)
    reached[reached] = np.count_nonzero(profile[reached] == top[reached, None], axis=-1) >= length
    at_top = profile[reached] == top[reached, None]
    reached[reached] = sliding_window_view(at_top, length, axis=-1).all(axis=-1).any(axis=-1)
    return reached


def count_rules(cube: xr.Dataset) -> pd.DataFrame:
    """Count what each rule finds.

    Parameters
    ----------
    cube : xarray.Dataset
        A cleaned cube.

    Returns
    -------
    pandas.DataFrame
        One row for each rule that was tried, with columns ``flagged`` (spectra that the rule
        finds), ``alone`` (that no other rule finds) and ``rejects`` (whether the cube rejects
        them).

    Examples
    --------
    >>> import preflare as pf
    >>> raster = pf.read_raster(pf.shipped(pf.SAMPLE_RASTER))
    >>> counts = count_rules(pf.clean(raster))
    >>> print(counts[counts.flagged > 0].to_string(index_names=False))
                flagged  alone  rejects
    missing         156    151     True
    low signal       21      7     True
    cosmic ray        2      0     True
    limb            322    309     True
    """
    flags = cube["flags"].values
    rejecting = Rule(cube.attrs["reject"])
    tried = list(Rule(cube.attrs["tried"]))
    return pd.DataFrame(
        {
            "flagged": [int(np.count_nonzero(flags & rule)) for rule in tried],
            "alone": [int(np.count_nonzero(flags == rule)) for rule in tried],
            "rejects": [bool(rule & rejecting) for rule in tried],
        },
        index=pd.Index([_rule_name(rule) for rule in tried], name="rule"),
    )


def accepted(cube: xr.Dataset) -> NDArray[np.bool_]:
    """Mark the spectra that can be used: not rejected, and with a known maximum.

    Parameters
    ----------
    cube : xarray.Dataset
        A cleaned cube.

    Returns
    -------
    ndarray of bool, shape (time, step, slit)

    Examples
    --------
    >>> import preflare as pf
    >>> raster = pf.read_raster(pf.shipped(pf.SAMPLE_RASTER))
    >>> keep = accepted(pf.clean(raster))
    >>> print(keep.sum(), "of", keep.size)
    2799 of 3282
    """
    peak = cube["peak"].values
    unfaulted = (cube["flags"].values & cube.attrs["reject"]) == 0
    keep: NDArray[np.bool_] = unfaulted & np.isfinite(peak) & (peak > 0)
    return keep


def _rule_name(rule: Rule) -> str:
    return str(rule.name).lower().replace("_", " ")
