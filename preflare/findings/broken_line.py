"""Two straight lines with a break between them, fitted to millions of points.

What a line leaves unexplained follows from six sums over its points. Of points in order of x,
running sums give them for every break at once, so that the best break is found exactly, in the
time that it takes to sort.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from preflare.errors import FindingError
from preflare.findings.resampling import Numbers, finite

LEAST = 0.05
"""Share of the points that lies on each side of a break, at least."""
FEWEST = 3
"""Different x on each side of a break, at least: two lie on a line whatever they are."""
FLAT = 1e-12
"""Share of the variance of all x that those of one side have at least; less is rounding."""
EXACT = 1e-12
"""Share of the variance of y; what a line leaves below it is rounding."""


@dataclass(frozen=True)
class Line:
    """A line of least squares.

    Attributes
    ----------
    intercept, slope : float
    r_squared : float
        Share of the variance of y that it explains; nan where y does not vary.
    residual : float
        Sum of the squared residuals, weighted.
    """

    intercept: float
    slope: float
    r_squared: float
    residual: float

    @classmethod
    def through(cls, x: Numbers, y: Numbers, weights: Numbers) -> Line:
        """Fit points (n,) of which the x are not all the same."""
        total = weights.sum()
        middle, height = weights @ x / total, weights @ y / total
        across, up = x - middle, y - height
        slope = (weights * across) @ up / ((weights * across) @ across)
        residual = float(weights @ (up - slope * across) ** 2)
        variance = weights @ up**2
        explained = 1 - residual / variance if variance > 0 else np.nan
        return cls(float(height - slope * middle), float(slope), float(explained), residual)

    def __call__(self, x: ArrayLike) -> Numbers:
        """Return the line's y at some x."""
        return np.asarray(self.intercept + self.slope * np.asarray(x, np.float64))


@dataclass(frozen=True)
class BrokenLine:
    """A line on each side of a break, and one for all points.

    Attributes
    ----------
    at : float
        The break: half-way between the highest x below and the lowest above.
    below, above : Line
        The two need not meet.
    one : Line
        Without a break.
    share_below : float
        Of the points.
    at_edge : bool
        Whether the break is as near to an end as it may be, so that a better one may lie beyond.
    r_squared : float
        Share of the variance of y that both lines explain together.
    """

    at: float
    below: Line
    above: Line
    one: Line
    share_below: float
    at_edge: bool
    r_squared: float

    @property
    def gain(self) -> float:
        """Share of what one line leaves unexplained that two explain; 0 if it leaves nothing."""
        if 1 - self.one.r_squared < EXACT:
            return 0.0
        return 1 - (self.below.residual + self.above.residual) / self.one.residual


def broken_line(
    x: ArrayLike, y: ArrayLike, weights: ArrayLike | None = None, *, least: float = LEAST
) -> BrokenLine:
    """Fit two lines and the break between them by least squares.

    Parameters
    ----------
    x, y : array_like, shape (n,)
    weights : array_like, shape (n,), optional
        From 0 on. A point of weight 2 counts as two.
    least : float
        Share of the points on each side, below 0.5.

    Returns
    -------
    BrokenLine
        With the least sum of squared residuals of all breaks that leave `least` on each side, and
        `FEWEST` different x; the lowest of equally good ones. Equal x are never parted.

    Raises
    ------
    FindingError
        If there are no numbers, x or y is constant, or no break leaves enough on each side.

    Examples
    --------
    >>> x = np.arange(10.0)
    >>> found = broken_line(x, np.where(x < 6, 1.0, 3 * x))
    >>> found.at, found.below.slope, round(found.above.slope, 9), found.r_squared
    (5.5, 0.0, 3.0, 1.0)
    """
    across = finite("x", x, None)
    up = finite("y", y, len(across))
    weight = np.ones(len(across)) if weights is None else finite("weights", weights, len(across))
    check_share(least)
    if (weight < 0).any():
        raise FindingError(f"weights holds {weight.min():g}: give numbers from 0 on.")
    some = weight > 0
    across, up, weight = across[some], up[some], weight[some]
    for name, values in (("x", across), ("y", up)):
        if not values.size or np.ptp(values) == 0:
            raise FindingError(f"{name} is the same everywhere: give numbers that vary.")
    levels, place = np.unique(across, return_inverse=True)
    centred = across - across.mean(), up - up.mean()
    sums = sums_by(place, len(levels), *centred, weight)
    best, _ = best_break(sums, least)
    if best < 0:
        raise FindingError(
            f"No break leaves {least:.3g} of {len(across)} points and {FEWEST} different x on each "
            "side: give more points."
        )
    low = place <= best
    below, above, one = (
        Line.through(across[part], up[part], weight[part]) for part in (low, ~low, low | ~low)
    )
    allowed = np.flatnonzero(np.isfinite(residuals(sums, least)))
    variance = weight @ (up - np.average(up, weights=weight)) ** 2
    return BrokenLine(
        at=float(levels[best] + levels[best + 1]) / 2,
        below=below,
        above=above,
        one=one,
        share_below=float(weight[low].sum() / weight.sum()),
        at_edge=bool(best in (allowed[0], allowed[-1])),
        r_squared=float(1 - (below.residual + above.residual) / variance),
    )


def sums_by(
    place: NDArray[np.intp], places: int, x: Numbers, y: Numbers, weight: Numbers
) -> Numbers:
    """Return the sums of w, wx, wy, wxx, wxy and wyy of the points of each place: (places, 6)."""
    columns = (weight, weight * x, weight * y, weight * x * x, weight * x * y, weight * y * y)
    return np.stack([np.bincount(place, each, places) for each in columns], axis=-1)


def best_break(sums: Numbers, least: float) -> tuple[NDArray[np.intp], Numbers]:
    """Find the best break of sums (..., places, 6) in order of x.

    Returns
    -------
    last : ndarray of int, shape (...)
        Last place below the break; -1 where no break leaves enough on each side.
    residual : ndarray, shape (...)
        Sum of the squared residuals of both lines; nan where there is no break.
    """
    left = residuals(sums, least)
    last = left.argmin(axis=-1)
    residual = np.take_along_axis(left, last[..., None], axis=-1)[..., 0]
    known = np.isfinite(residual)
    return np.where(known, last, -1), np.where(known, residual, np.nan)


def residuals(sums: Numbers, least: float) -> Numbers:
    """Return what two lines leave, for a break after each place but the last: (..., places - 1).

    It is inf where a break leaves too little on a side.
    """
    total = sums[..., 0].sum(axis=-1)[..., None]
    spread = moments(sums.sum(axis=-2))[0][..., None]
    result = np.zeros((*sums.shape[:-2], sums.shape[-2] - 1))
    for backwards in (False, True):
        # Summed from either end: what is left of a total is known to the total's rounding only.
        ordered = sums[..., ::-1, :] if backwards else sums
        running = np.cumsum(ordered[..., :-1, :], axis=-2)
        different = np.cumsum(ordered[..., :-1, 0] > 0, axis=-1)
        across, _, _, left = moments(running)
        enough = (running[..., 0] >= least * total * (1 - 1e-12)) & (different >= FEWEST)
        left = np.where(enough & (across > FLAT * spread), left, np.inf)
        result += left[..., ::-1] if backwards else left
    return result


def moments(sums: Numbers) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """Return sums of squares about the means, of sums (..., 6): of x, x with y, y, and residuals.

    Where x does not vary the residuals are those of the mean.
    """
    weight, x, y, xx, xy, yy = np.moveaxis(sums, -1, 0)
    over = np.where(weight > 0, weight, 1.0)
    across = np.maximum(xx - x * x / over, 0.0)
    up = np.maximum(yy - y * y / over, 0.0)
    both = xy - x * y / over
    varies = across > 1e-15 * xx
    taken = np.divide(both * both, across, out=np.zeros_like(both), where=varies)
    return across, both, up, np.maximum(up - taken, 0.0)


def correlations(sums: Numbers) -> Numbers:
    """Return the correlation of x and y of sums (..., 6); nan where one of both is constant."""
    across, both, up, _ = moments(sums)
    varies = (across > FLAT * sums[..., 3]) & (up > FLAT * sums[..., 5])
    root = np.sqrt(np.where(varies, across * up, 1.0))
    return np.where(varies, both / root, np.nan)


def check_share(least: float) -> None:
    """Refuse a share of the points that cannot lie on each side of a break."""
    if not 0 < least < 0.5:
        raise FindingError(f"The least share {least} is not between 0 and 0.5: give 0.05, say.")
