"""What of a region the slit covers, and whether that goes with anything.

The paper looks at slit-jaw images and movies of AIA to see whether brightenings lie under the slit
(Panos et al. 2023, Sect. 8.5 and Fig. 18). Here that is a share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import SupportsIndex

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from preflare.errors import FindingError
from preflare.findings.resampling import Resampling, finite, whole_number

Numbers = NDArray[np.float64]


def footprint(cube: xr.Dataset) -> tuple[Numbers, tuple[float, float]]:
    """Find where the slit was.

    Parameters
    ----------
    cube : xarray.Dataset
        As from `preflare.clean`, with ``x`` and ``y`` (time, step) and ``slit_y`` (slit).

    Returns
    -------
    slits : ndarray, shape (steps,)
        x of each slit position in arcsec: the median over rasters, if the pointing drifts.
    span : tuple of float
        Lowest and highest y of the slit in arcsec, in the median as well.

    Raises
    ------
    FindingError
        If a slit position is not known.
    """
    x, y = (cube[name].transpose("time", "step").values for name in ("x", "y"))
    known = np.isfinite(x) & np.isfinite(y)
    if not known.any(axis=0).all():
        raise FindingError(
            "The place of a slit position is not known: give a cube with x and y for every step."
        )
    slits = np.array([np.median(x[rows, step]) for step, rows in enumerate(known.T)])
    middle, along = float(np.median(y[known])), cube["slit_y"].values
    return slits, (middle + float(along.min()), middle + float(along.max()))


def brightenings(
    image: ArrayLike, edges: Sequence[float], percentile: float = 99.0
) -> tuple[Numbers, Numbers, Numbers]:
    """Find what is brightest in an image.

    Parameters
    ----------
    image : array_like, shape (y, x)
        nan where there is none.
    edges : sequence of float
        Left, right, bottom and top in arcsec, as from `preflare.level2.SlitJaw.edges`.
    percentile : float
        Of the image, from 0 to below 100, above which a pixel counts.

    Returns
    -------
    x, y : ndarray, shape (n,)
        Centres of the pixels that count, in arcsec.
    weight : ndarray, shape (n,)
        By how much each exceeds the percentile.

    Raises
    ------
    FindingError
        If there is no such percentile, or nothing in the image exceeds it.
    """
    values = np.asarray(image, np.float64)
    if not 0 <= percentile < 100:
        raise FindingError(f"The percentile is {percentile}: give one from 0 to below 100.")
    if values.ndim != 2 or not np.isfinite(values).any():
        raise FindingError(
            f"The image, of shape {values.shape}, shows nothing: give one (y, x) with some numbers."
        )
    excess = values - np.percentile(values[np.isfinite(values)], percentile)
    row, column = np.nonzero(excess > 0)
    if not row.size:
        raise FindingError("Nothing in the image stands out: give one that is not uniform.")
    left, right, bottom, top = edges
    x = left + (column + 0.5) * (right - left) / values.shape[1]
    y = bottom + (row + 0.5) * (top - bottom) / values.shape[0]
    return x, y, excess[row, column]


def coverage(
    x: ArrayLike,
    y: ArrayLike,
    weight: ArrayLike,
    slits: ArrayLike,
    span: tuple[float, float],
    half_width: float | None = None,
) -> float:
    """Say how much of what happens in a region the slit could see.

    Parameters
    ----------
    x, y : array_like, shape (n,)
        Where something happens, in arcsec.
    weight : array_like, shape (n,)
        How much, from 0 on. With 1 for all pixels of an image, the result is what is expected of
        brightenings that are anywhere.
    slits : array_like, shape (m,)
        x of each slit position in arcsec.
    span : tuple of float
        Lowest and highest y of the slit in arcsec.
    half_width : float, optional
        arcsec to either side of a slit position that count as seen. Default: half of the median
        step of the raster. A sit-and-stare has no step, and needs one.

    Returns
    -------
    float
        Share of the weight, 0 to 1.

    Raises
    ------
    FindingError
        If lengths differ, a number is not finite, the weights have no positive sum, or one slit
        position has no half-width.
    """
    across = finite("x", x, None)
    along = finite("y", y, across.size)
    weights = finite("weight", weight, across.size)
    places = np.unique(finite("slits", slits, None))
    if (weights < 0).any() or not weights.sum() > 0:
        raise FindingError("The weights have no positive sum: give numbers from 0 on, not all 0.")
    if half_width is None:
        if places.size < 2:
            raise FindingError("One slit position has no step: say how wide it sees (half_width).")
        half_width = 0.5 * float(np.median(np.diff(places)))
    near = np.abs(across[:, None] - places).min(axis=1) <= half_width
    seen = near & (along >= span[0]) & (along <= span[1])
    return float(weights[seen].sum() / weights.sum())


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's rank correlation.

    Attributes
    ----------
    correlation : float
        nan for fewer than three pairs, or if all values of one side are equal.
    low, high : float
        Its 95 % interval, from resampled pairs; nan where too few of them have a correlation.
    p : float
        Two-sided.
    pairs, left_out : int
        Compared, and left out because one side is nan.
    """

    correlation: float
    low: float
    high: float
    p: float
    pairs: int
    left_out: int


def rank_correlation(
    first: ArrayLike, second: ArrayLike, *, count: SupportsIndex = 9999, seed: SupportsIndex = 0
) -> RankCorrelation:
    """Correlate ranks, with a p-value from permutations.

    Parameters
    ----------
    first, second : array_like, shape (n,)
        For example coverage and slope of each observation.
    count : int
        Orders drawn for ten pairs and more, and resamples; of up to nine pairs, all orders are
        taken.
    seed : int
        Of the draws.

    Raises
    ------
    FindingError
        If lengths differ or a setting makes no sense.
    """
    drawn, start = whole_number("number of draws", count, 1), whole_number("seed", seed, 0)
    drawing = Resampling(drawn, start)
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if one.ndim != 1 or one.shape != other.shape:
        raise FindingError(f"{one.shape} and {other.shape} are no pairs: give one of each.")
    known = np.isfinite(one) & np.isfinite(other)
    pairs, left_out = int(known.sum()), int((~known).sum())
    if pairs < 3 or np.ptp(one[known]) == 0 or np.ptp(other[known]) == 0:
        return RankCorrelation(np.nan, np.nan, np.nan, np.nan, pairs, left_out)
    mine, others = (_unit(stats.rankdata(values[known])) for values in (one, other))
    found = float(mine @ others)
    random = np.random.default_rng(start)
    if pairs <= 9:
        orders = np.fromiter(permutations(range(pairs)), np.dtype((np.intp, pairs)))
        by_chance = mine[orders] @ others
    else:
        shuffled = random.permuted(np.tile(mine, (drawn, 1)), axis=1)
        by_chance = np.append(shuffled @ others, found)
    as_far = np.abs(by_chance) >= abs(found) * (1 - 1e-9)
    again = random.integers(0, pairs, (drawn, pairs))
    resampled = (_unit(stats.rankdata(ranks[again], axis=1)) for ranks in (mine, others))
    bounds = drawing.bounds(np.multiply(*resampled).sum(axis=1))
    return RankCorrelation(found, bounds.low, bounds.high, float(as_far.mean()), pairs, left_out)


def _unit(ranks: Numbers) -> Numbers:
    """Centre ranks and scale them to the length 1; nan where all are equal."""
    centred = ranks - ranks.mean(axis=-1, keepdims=True)
    length = np.linalg.norm(centred, axis=-1, keepdims=True)
    return np.divide(centred, length, out=np.full(ranks.shape, np.nan), where=length > 0)
