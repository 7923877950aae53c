"""Intensity and attention: does the mean attribution of a spectrum follow its intensity?

Panos et al. (2023, Sect. 8.2, Fig. 15) part the spectra at an intensity chosen by eye and fit a
line to either side. Here the break is fitted too, asked whether it is real, and every number has
an interval.

Attributions by expected gradients are complete: over wavelength they add up to the PF logit less a
constant. Their mean, which the figure shows, is therefore (logit - constant) / 240, and the figure
is one of the networks' verdict against intensity. It holds nothing of how they came to it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from preflare.errors import FindingError
from preflare.findings.broken_line import (
    LEAST,
    BrokenLine,
    best_break,
    broken_line,
    check_share,
    moments,
    sums_by,
)
from preflare.findings.resampling import Numbers, Resampling, finite, observations
from preflare.findings.slits import SPECTRA, attention
from preflare.findings.spectrograms import window
from preflare.findings.usable import Usable

Scale = Literal["linear", "log10"]

BINS = 1024
"""Parts, of equally many spectra, at whose limits resamples may break: 0.1 % of the spectra each.

The sums over each part and observation are exact, so that only the place of the break is coarser
than in the fit itself, and a resample takes the same time for a thousand spectra as for millions.
"""
AT_ONCE = 64
"""Resamples that are fitted together, which bounds the memory."""


def collected(
    cubes: Mapping[str, xr.Dataset],
    attributions: Mapping[str, xr.Dataset],
    classes: Collection[str] = ("PF",),
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Collect intensity and mean attribution of every spectrum, one observation at a time.

    Parameters
    ----------
    cubes : mapping of str to Dataset
        Cleaned cubes by the observation's name.
    attributions : mapping of str to Dataset
        Of each, ``attribution`` (time, step, slit, wavelength).
    classes : collection of {"PF", "AR"}
        The paper's figure has PF only.

    Returns
    -------
    spectra : pandas.DataFrame
        One row a spectrum of the window of `preflare.findings.spectrograms.window`:
        ``observation`` (categorical), ``peak`` (DN/s) and ``attribution``.
    counts : pandas.DataFrame
        One row an observation of those classes, as in `preflare.findings.usable.Usable`.

    Raises
    ------
    FindingError
        If attributions of an observation are missing or of another size, or no spectrum is left.
    """
    parts, rows = [], {}
    for name, cube in cubes.items():
        if name not in attributions:
            raise FindingError(f"There are no attributions of {name}: give those of every cube.")
        if window(name, cube)[0] not in classes:
            continue
        mean = attention(attributions[name]).values
        usable = Usable.of(name, cube, mean)
        rows[name] = usable.counts
        peak = cube["peak"].transpose(*SPECTRA).values[usable.where].astype(np.float64)
        parts.append(pd.DataFrame({"peak": peak, "attribution": mean[usable.where]}))
    if not any(map(len, parts)):
        raise FindingError(
            f"No explained spectrum of class {' or '.join(classes)} is left: give cubes that have "
            "accepted spectra before a known onset."
        )
    counts = pd.DataFrame.from_dict(rows, orient="index").rename_axis("observation")
    codes = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    spectra = pd.concat(parts, ignore_index=True)
    names = pd.Categorical.from_codes(codes, pd.Index(list(rows)))
    return spectra.assign(observation=names)[["observation", "peak", "attribution"]], counts


@dataclass(frozen=True)
class Regimes:
    """Attention against intensity in two regimes.

    Attributes
    ----------
    fit : BrokenLine
        Of the intensity in DN/s, or of its logarithm.
    scale : {"linear", "log10"}
    table : pandas.DataFrame
        Index ``quantity``: ``break`` (DN/s on either scale), ``slope below``, ``slope above`` and
        ``slope of one line`` (per DN/s, or per decade), ``R2 below``, ``R2 above``,
        ``R2 above less below``, ``R2 of two lines``, ``R2 of one line``, and ``gain``, the share
        of what one line leaves unexplained that two explain. Columns ``value``, ``low`` and
        ``high`` (bounds by resampling observations) and ``undefined`` (resamples without it).
    p : float
        Share of data without a break that gain as much from one; 1 where one line leaves nothing
        to gain, nan for one observation.
    spectra, observations : int
        How many there are.
    """

    fit: BrokenLine
    scale: Scale
    table: pd.DataFrame
    p: float
    spectra: int
    observations: int

    def x(self, peak: ArrayLike) -> Numbers:
        """Return intensities in DN/s as the lines take them."""
        return _scaled(np.asarray(peak, np.float64), self.scale)


def two_regimes(
    attribution: ArrayLike,
    peak: ArrayLike,
    groups: ArrayLike | pd.Categorical,
    *,
    scale: Scale = "linear",
    least: float = LEAST,
    count: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Regimes:
    """Fit two regimes of intensity, with intervals, and test whether there are two.

    Parameters
    ----------
    attribution : array_like, shape (n,)
        Mean attribution of each spectrum.
    peak : array_like, shape (n,)
        Its intensity in DN/s.
    groups : array_like or Categorical, shape (n,)
        Which observation each is of.
    scale : {"linear", "log10"}
        Whether lines are straight in the intensity, as in the paper, or in its logarithm.
    least : float
        Share of the spectra in each regime, at least.
    count, seed, level
        Of the resamples of the observations, see `Resampling`.

    Raises
    ------
    FindingError
        If a number is not finite, an intensity is not positive, one of both is constant, there are
        too few spectra for a break, or a setting is wrong.

    Notes
    -----
    The test is a wild bootstrap by observation with the null imposed (Cameron, Gelbach & Miller
    2008, Rev. Econ. Stat. 90, 414): the residuals of one line change their sign, or do not, for
    all spectra of an observation together, and the best break is searched anew each time. A small
    p says that one line is not enough. It does not say that there is a kink: a curve gains from a
    break too. Of 150 simulated sets of 19 observations without a break, 4 to 7 % had a p of 0.05
    or less, and 12 % where the observations' slopes were of either sign.
    """
    drawing = Resampling(count, seed, level)
    up = finite("attribution", attribution, None)
    intensity = finite("peak", peak, len(up))
    codes, names = observations(groups, len(up))
    check_share(least)
    across = _scaled(intensity, scale)
    fit = broken_line(across, up, least=least)
    place, limits = _parts(across)
    centred, heights = across - across.mean(), up - up.mean()
    where, places = place * len(names) + codes, (len(limits) + 1) * len(names)
    one = np.ones(len(up))

    def by_part(values: Numbers) -> Numbers:
        return sums_by(where, places, centred, values, one).reshape(-1, len(names), 6)

    drawn = _fitted_again(by_part(heights), limits, least, drawing)
    p = _p_of_break(by_part(up - fit.one(across)), least, drawing) if fit.gain else 1.0
    values = {
        "break": fit.at,
        "slope below": fit.below.slope,
        "slope above": fit.above.slope,
        "slope of one line": fit.one.slope,
        "R2 below": fit.below.r_squared,
        "R2 above": fit.above.r_squared,
        "R2 above less below": fit.above.r_squared - fit.below.r_squared,
        "R2 of two lines": fit.r_squared,
        "R2 of one line": fit.one.r_squared,
        "gain": fit.gain,
    }
    table = pd.DataFrame.from_dict(values, orient="index", columns=["value"])
    bounds = [drawing.bounds(drawn[name]) for name in values]
    table[["low", "high", "undefined"]] = pd.DataFrame(bounds, table.index)
    if scale == "log10":
        place_of_break = ["value", "low", "high"]
        table.loc["break", place_of_break] = 10 ** table.loc["break", place_of_break]
    return Regimes(fit, scale, table.rename_axis("quantity"), p, len(up), len(names))


def _scaled(intensity: Numbers, scale: Scale) -> Numbers:
    if scale not in ("linear", "log10"):
        raise FindingError(f"There is no scale {scale!r}: choose linear or log10.")
    if (intensity <= 0).any():
        raise FindingError(
            f"peak holds {intensity.min():g}: give intensities above 0, as of accepted spectra."
        )
    return np.log10(intensity) if scale == "log10" else intensity


def _parts(across: Numbers) -> tuple[NDArray[np.intp], Numbers]:
    """Part points (n,) by x into `BINS` of about equal size: the part of each, and the limits."""
    levels, place, number = np.unique(across, return_inverse=True, return_counts=True)
    if len(levels) > BINS:
        before = np.cumsum(number) - number
        part = before * BINS // len(across)
    else:
        part = np.arange(len(levels))
    _, part = np.unique(part, return_inverse=True)
    ends = np.flatnonzero(np.diff(part))
    return part[place], (levels[ends] + levels[ends + 1]) / 2


def _fitted_again(
    sums: Numbers, limits: Numbers, least: float, drawing: Resampling
) -> dict[str, Numbers]:
    """Fit resamples of sums (parts, observations, 6): each quantity's values, (count,)."""
    parts = []
    times = drawing.times(sums.shape[1])
    if sums.shape[1] < 2:
        times[:] = np.nan  # a resample of one observation is the same again
    for start in range(0, drawing.count, AT_ONCE):
        some = np.einsum("ro,pok->rpk", times[start : start + AT_ONCE], sums, optimize=True)
        parts.append(_quantities(some, limits, least))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _quantities(sums: Numbers, limits: Numbers, least: float) -> dict[str, Numbers]:
    """Return what `two_regimes` reports, of sums (resamples, parts, 6); nan where undefined."""
    last, residual = best_break(sums, least)
    known = last >= 0
    below = np.arange(sums.shape[1]) <= last[:, None]
    sides = {
        " below": np.where(below[..., None], sums, 0.0).sum(axis=1),
        " above": np.where(below[..., None], 0.0, sums).sum(axis=1),
        " of one line": sums.sum(axis=1),
    }
    found = {"break": np.where(known, limits[last], np.nan)}
    for name, side in sides.items():
        across, both, up, left = moments(side)
        found[f"slope{name}"] = _ratio(both, across, known)
        found[f"R2{name}"] = 1 - _ratio(left, up, known)
    found["R2 above less below"] = found["R2 above"] - found["R2 below"]
    _, _, up, left = moments(sides[" of one line"])
    found["R2 of two lines"] = 1 - _ratio(residual, up, known)
    found["gain"] = 1 - _ratio(residual, left, known)
    return found


def _ratio(values: Numbers, over: Numbers, known: NDArray[np.bool_]) -> Numbers:
    return np.divide(values, over, out=np.full(over.shape, np.nan), where=known & (over > 0))


def _p_of_break(sums: Numbers, least: float, drawing: Resampling) -> float:
    """Return the p-value of a break from the sums (parts, observations, 6) of x and residuals."""
    observed = sums.shape[1]
    if observed < 2:
        return np.nan
    random = np.random.default_rng([drawing.seed, 1])
    signs = random.choice([-1.0, 1.0], size=(drawing.count + 1, observed))
    signs[0] = 1.0  # what was observed, seen through the same parts
    as_they_are = sums.sum(axis=1)
    gains = []
    for start in range(0, len(signs), AT_ONCE):
        some = signs[start : start + AT_ONCE]
        turned = np.repeat(as_they_are[None], len(some), axis=0)
        turned[..., [2, 4]] = np.einsum("ro,pok->rpk", some, sums[..., [2, 4]], optimize=True)
        _, residual = best_break(turned, least)
        _, _, _, left = moments(turned.sum(axis=1))
        gains.append(1 - _ratio(residual, left, np.isfinite(residual)))
    gain = np.concatenate(gains)
    return float((gain >= gain[0] * (1 - 1e-12)).mean())
