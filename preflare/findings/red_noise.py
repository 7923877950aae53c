"""Is there a trend, if neighbours are alike? A permutation test that knows red noise.

Scores of one observation change slowly: an event that brightens a slit does so for minutes, and
what is seen of it in one raster is seen in the next. Such noise drifts on its own, and a test that
takes rasters to be independent calls its drifts trends.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from math import factorial
from typing import SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax

from preflare.errors import FindingError
from preflare.findings.resampling import finite, whole_number

Numbers = NDArray[np.float64]

WINDOW = 1500.0
"""s: the 25 minutes that a slope counts over."""
CELL = 100.0
"""s over which scores are averaged before they are tested.

Events are smooth for tens of seconds, and this noise is not. Where nothing but events of 60 to 300
s was simulated, cells of 60 s called 1 to 2 % significant at 5 %, these 3 to 6 %; of trends of
three standard deviations those found a third, these half."""
CORRELATION_TIMES = (0, 20, 40, 60, 80, 100, 125, 150, 200, 250, 300, 400, 600)
"""s that are tried, each as likely beforehand as the next. Longer-lived noise is a trend here."""


@dataclass(frozen=True)
class TrendTest:
    """What a trend is worth against red noise.

    Attributes
    ----------
    cells : int
        Means over up to `CELL` that were tested.
    slope : float
        Change over `WINDOW`: of means over cells, each weighted by its rasters.
    error : float
        Standard error of the slope: harmonic mean over the correlation times, by their likelihood.
    correlation_time : float
        s over which the noise forgets, e-fold: the median, by likelihood, of `CORRELATION_TIMES`.
        Roughly known: that of white noise comes out at 60 s, that of 200 s at 120 to 300 s.
    low, high : float
        Bounds between which a slope is not significant; infinite if no slope would be.
    p : float
        Two-sided; nan for fewer than three cells.
    smallest_p : float
        That the test could have given.
    """

    cells: int
    slope: float
    error: float
    correlation_time: float
    low: float
    high: float
    p: float
    smallest_p: float


def trend_test(
    time: ArrayLike,
    score: ArrayLike,
    *,
    level: float = 0.05,
    count: SupportsIndex = 4999,
    seed: SupportsIndex = 0,
) -> TrendTest:
    """Test whether scores rise or fall, against noise that remembers.

    Parameters
    ----------
    time : array_like, shape (n,)
        s, each once, in any order.
    score : array_like, shape (n,)
        Finite.
    level : float
        Share of chance slopes outside `TrendTest.low` to `TrendTest.high`, between 0 and 1.
    count : int
        Orders drawn. All orders are taken instead where they are no more.
    seed : int
        Of the draws.

    Returns
    -------
    TrendTest
        With nan where too few cells are left: fewer than two have no slope, fewer than three no
        test.

    Raises
    ------
    FindingError
        If times and scores do not fit, one is not finite, or a setting is wrong.

    Notes
    -----
    Scores are averaged over cells of `CELL`, which are then the units: within one, what differs
    from exposure to exposure hides how long the rest lasts. The noise is taken for a first-order
    autoregressive process in continuous time, whose correlation falls as exp(-lag / correlation
    time), so that gaps and uneven cadences do no harm. A short window says little about that time,
    and estimates from residuals come out too short. So `CORRELATION_TIMES` are weighed by their
    restricted likelihood beside a straight trend (Cheang & Reinsel 2000, JASA 95, 1173), and the
    slope over its standard error is averaged over them.

    What is permuted are the innovations: what the noise holds at a cell that its memory, of the
    median time, does not explain (ter Braak 1992). Each order of them is turned back into a series
    with the same memory and no trend, for which times are weighed afresh: so the null contains how
    little is known of the memory. The two-sided p is twice the share of orders, the observed slope
    among them, that are as far out on its side.

    Measured on 1000 trendless series each, in the 25 minutes: with correlation times of 0 to 100 s,
    seen every 5 to 252 s, 2 to 6 % were called significant at 5 % (by regression 4 to 75 %). Of
    events that last 60 to 300 s, 4 to 6 % were (5 to 74 %). At 150 s it were 4 to 8 %, at 420 s 10
    to 15 %: one series cannot tell noise that outlasts a third of the window from a trend. Slopes
    of observations that no flare follows can (`preflare.findings.regimes.against_controls`).
    Permuting blocks of 150 s called 8 to 18 % at 100 s and 35 to 40 % at 420 s, for neighbouring
    blocks are still alike; random phases 13 to 45 %, for they close the series to a ring.

    Examples
    --------
    >>> time = np.arange(-1500.0, 0, 250)
    >>> test = trend_test(time, [0.1, 0.3, 0.2, 0.5, 0.6, 0.9])
    >>> print(f"{test.slope:.2f} in 25 min, p = {test.p:.3f}, at least {test.smallest_p:.4f}")
    0.89 in 25 min, p = 0.011, at least 0.0028
    """
    drawn, first = whole_number("number of draws", count, 1), whole_number("seed", seed, 0)
    outside = 0.5 * checked_share("level", level)
    times, scores, weight = _cells(time, score)
    cells = times.size
    smallest = min(1.0, 2 / (min(factorial(cells), drawn) + 1))
    nan = float("nan")
    if cells < 2:
        return TrendTest(cells, nan, nan, nan, nan, nan, nan, smallest)
    models = _Models(times, weight)
    slope = float(models.slopes(scores[None])[0])
    if cells < 3:
        return TrendTest(cells, slope, nan, nan, nan, nan, nan, smallest)
    # A constant has no scale to measure a slope by, and rounding errors are no scale.
    if np.ptp(scores) <= 1e-12 * np.abs(scores).max():
        return TrendTest(cells, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, smallest)
    middle, ratio, error = models.fitted(scores[None])
    orders = _orders(cells, drawn, first)
    shuffled = models.shuffled(scores, int(middle[0]), orders)
    ratios = np.sort(np.append(models.fitted(shuffled)[1], ratio))
    near = 1e-9 * max(1.0, abs(ratio[0]))
    as_high, as_low = (ratios >= ratio[0] - near).mean(), (ratios <= ratio[0] + near).mean()
    beyond = int(outside * ratios.size * (1 + 1e-12))
    return TrendTest(
        cells=cells,
        slope=slope,
        error=float(error[0]),
        correlation_time=float(CORRELATION_TIMES[middle[0]]),
        low=float(ratios[beyond] * error[0]) if smallest <= level else -np.inf,
        high=float(ratios[-1 - beyond] * error[0]) if smallest <= level else np.inf,
        p=float(min(1.0, 2 * min(as_high, as_low))),
        smallest_p=smallest,
    )


def checked_share(name: str, value: float) -> float:
    """Return a setting that is a share, or refuse it by its name."""
    if not 0 < finite(name, value) < 1:
        raise FindingError(f"The {name} is {value}: give one between 0 and 1, such as 0.05.")
    return value


class _Models:
    """Noise of every correlation time at the cells' times, beside a straight trend."""

    def __init__(self, times: Numbers, weight: Numbers) -> None:
        centred = (times - np.average(times, weights=weight)) / WINDOW
        self.contrast = weight * centred / (weight * centred**2).sum()
        design = np.stack([np.ones_like(times), centred])
        gaps = np.diff(times)
        lags = np.abs(times[:, None] - times)
        self.memory, self.basis, volume, spread = [], [], [], []
        for correlation_time in CORRELATION_TIMES:
            memory = np.exp(-gaps / correlation_time) if correlation_time else np.zeros_like(gaps)
            self.memory.append(memory)
            basis, triangle = np.linalg.qr(_whitened(design, memory).T)
            self.basis.append(basis)
            # log |V| + log |X' V^-1 X|
            volume.append(
                np.log1p(-(memory**2)).sum() + 2 * np.log(np.abs(np.diag(triangle))).sum()
            )
            covariance = np.exp(-lags / correlation_time) if correlation_time else lags == 0
            spread.append(np.sqrt(self.contrast @ covariance @ self.contrast))
        self.penalty, self.spread = np.array(volume)[:, None], np.array(spread)[:, None]

    def slopes(self, series: Numbers) -> Numbers:
        """Return the least-squares slope of each series (m, cells)."""
        return np.asarray(series @ self.contrast)

    def fitted(self, series: Numbers) -> tuple[NDArray[np.intp], Numbers, Numbers]:
        """Return the median noise of each series (m, cells), slope / error, and error."""
        free = series.shape[1] - 2
        least = 1e-20 * (series**2).sum(axis=1) + np.finfo(float).tiny
        scatter = np.empty((len(self.memory), len(series)))
        for row, memory, basis in zip(scatter, self.memory, self.basis, strict=True):
            white = _whitened(series, memory)
            row[:] = (white**2).sum(axis=1) - ((white @ basis) ** 2).sum(axis=1)
        scatter = np.maximum(scatter, least) / free
        likely = softmax(-0.5 * (free * np.log(scatter) + self.penalty), axis=0)
        error = 1 / (likely / (np.sqrt(scatter) * self.spread)).sum(axis=0)
        middle = (likely.cumsum(axis=0) < 0.5).sum(axis=0)
        return middle, self.slopes(series) / error, error

    def shuffled(self, series: Numbers, model: int, orders: NDArray[np.intp]) -> Numbers:
        """Return series (orders, cells) with the innovations of this one in other orders."""
        memory = self.memory[model]
        white, basis = _whitened(series[None], memory)[0], self.basis[model]
        drawn = (white - basis @ (white @ basis))[orders]
        for cell, kept in enumerate(memory, start=1):
            drawn[:, cell] *= np.sqrt(1 - kept**2)
            drawn[:, cell] += kept * drawn[:, cell - 1]
        return drawn


def _whitened(series: Numbers, memory: Numbers) -> Numbers:
    """Return the innovations (m, cells) of series (m, cells), all of the same variance."""
    white = series.copy()
    white[:, 1:] = (series[:, 1:] - memory * series[:, :-1]) / np.sqrt(1 - memory**2)
    return white


def _orders(cells: int, count: int, seed: int) -> NDArray[np.intp]:
    """Return all orders of the cells, or some drawn at random."""
    if factorial(cells) <= count:
        return np.array(list(permutations(range(cells))), np.intp)
    random = np.random.default_rng(seed)
    return np.stack([random.permutation(cells) for _ in range(count)])


def _cells(time: ArrayLike, score: ArrayLike) -> tuple[Numbers, Numbers, Numbers]:
    """Return mean time, mean score and number of rasters of each cell that has any."""
    times, scores = np.asarray(time), np.asarray(score)
    if not times.size == scores.size == 0:
        times = finite("time", time, None)
        scores = finite("score", score, len(times))
    order = np.lexsort((scores, times))  # so that sums do not depend on the order of rasters
    _, cell = np.unique(np.floor(times[order] / CELL), return_inverse=True)
    rasters = np.bincount(cell).astype(np.float64)
    sums = (np.bincount(cell, values[order]) for values in (times, scores))
    mean_time, mean_score = (values / rasters for values in sums)
    return mean_time, mean_score, rasters
