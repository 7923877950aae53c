"""Attention and intensity within observations, and between them.

Observations differ in how intense they are and in how they score. What all spectra together show
mixes that with what happens inside each, and the two may even differ in sign.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from preflare.errors import FindingError
from preflare.findings.broken_line import correlations, sums_by
from preflare.findings.resampling import (
    Bounds,
    Codes,
    Numbers,
    Resampling,
    finite,
    observations,
    whole_number,
)

FEWEST = 10
"""Spectra with which an observation has a correlation of its own."""


def by_observation(
    attribution: ArrayLike,
    peak: ArrayLike,
    groups: ArrayLike | pd.Categorical,
    *,
    fewest: int = FEWEST,
) -> pd.DataFrame:
    """Correlate attention with intensity inside each observation.

    Parameters
    ----------
    attribution, peak : array_like, shape (n,)
        Mean attribution of each spectrum, and its intensity in DN/s.
    groups : array_like or Categorical, shape (n,)
        Which observation each is of.
    fewest : int
        Spectra that an observation needs, from 3 on.

    Returns
    -------
    pandas.DataFrame
        One row an observation: ``spectra``, ``mean peak`` (DN/s), ``mean attribution``,
        ``rank correlation`` (Spearman's), ``R2`` of a straight line, and the ``reason`` why these
        two are nan, else empty.

    Raises
    ------
    FindingError
        If a number is not finite, or the spectra have no observation.
    """
    up = finite("attribution", attribution, None)
    across = finite("peak", peak, len(up))
    whole_number("least number of spectra", fewest, 3)
    codes, names = observations(groups, len(up))
    rows = {}
    for code, name in enumerate(names):
        own = codes == code
        x, y = across[own], up[own]
        reason = (
            f"fewer than {fewest} spectra" if x.size < fewest
            else "constant intensity" if np.ptp(x) == 0
            else "constant attribution" if np.ptp(y) == 0
            else ""
        )  # fmt: skip
        known = not reason
        rows[name] = {
            "spectra": x.size,
            "mean peak": x.mean(),
            "mean attribution": y.mean(),
            "rank correlation": _correlation(rankdata(x), rankdata(y)) if known else np.nan,
            "R2": _correlation(x, y) ** 2 if known else np.nan,
            "reason": reason,
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("observation")


def rank_correlations(
    attribution: ArrayLike,
    peak: ArrayLike,
    groups: ArrayLike | pd.Categorical,
    *,
    fewest: int = FEWEST,
    count: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> pd.DataFrame:
    """Compare Spearman's correlation over all spectra with those within and between observations.

    Parameters
    ----------
    attribution, peak, groups, fewest
        As for `by_observation`.
    count, seed, level
        Of the resamples of the observations, see `preflare.findings.resampling.Resampling`.

    Returns
    -------
    pandas.DataFrame
        Index ``relation``: ``pooled`` over all spectra; ``between`` the means of observations;
        ``within: median``, ``within: lower quartile`` and ``within: upper quartile`` of the
        observations' own. Columns: ``value``; ``low`` and ``high``, nan for fewer than two
        observations; ``undefined`` resamples; and the ``observations`` that it is of. Ranks are
        those in the whole set: resamples weigh them, and do not rank anew.

    Raises
    ------
    FindingError
        As `by_observation`, or if a setting is wrong, or intensity or attribution is constant.
    """
    drawing = Resampling(count, seed, level)
    table = by_observation(attribution, peak, groups, fewest=fewest)
    up, across = np.asarray(attribution, np.float64), np.asarray(peak, np.float64)
    for name, values in (("attribution", up), ("peak", across)):
        if np.ptp(values) == 0:
            raise FindingError(f"{name} is the same everywhere: give numbers that vary.")
    codes, names = observations(groups, len(up))
    times = drawing.times(len(names))
    means = table[["mean peak", "mean attribution"]].to_numpy()
    pooled = _sums(rankdata(across), rankdata(up), codes, len(names))
    ranks = rankdata(means, axis=0)
    between = _sums(ranks[:, 0], ranks[:, 1], np.arange(len(names)), len(names))
    everyone = np.ones((1, len(names)))
    own = table["rank correlation"].to_numpy()
    known = np.isfinite(own)
    rows: dict[str, tuple[float, Bounds, int]] = {}
    for name, sums in (("pooled", pooled), ("between", between)):
        drawn = correlations(times @ sums)
        rows[name] = float(correlations(everyone @ sums)[0]), drawing.bounds(drawn), len(names)
    shares = {"median": 0.5, "lower quartile": 0.25, "upper quartile": 0.75}
    drawn = _quantiles(own[known], times[:, known], list(shares.values()))
    values = _quantiles(own[known], everyone[:, known], list(shares.values()))[0]
    for name, value, column in zip(shares, values, drawn.T, strict=True):
        rows[f"within: {name}"] = float(value), drawing.bounds(column), int(known.sum())
    found = pd.DataFrame(
        [(value, *bounds, number) for value, bounds, number in rows.values()],
        pd.Index(list(rows), name="relation"),
        ["value", "low", "high", "undefined", "observations"],
    )
    found.loc[found["observations"] < 2, ["low", "high"]] = np.nan
    return found


def _correlation(x: Numbers, y: Numbers) -> float:
    return float(np.corrcoef(x, y)[0, 1])


def _sums(x: Numbers, y: Numbers, codes: Codes, count: int) -> Numbers:
    return sums_by(codes, count, x - x.mean(), y - y.mean(), np.ones(len(x)))


def _quantiles(values: Numbers, times: Numbers, shares: list[float]) -> Numbers:
    """Return quantiles (rows, shares) of values, each so often as a row of times says."""
    found = np.full((len(times), len(shares)), np.nan)
    for row, often in enumerate(times.astype(int)):
        if often.any():
            found[row] = np.quantile(np.repeat(values, often), shares)
    return found
