"""Strong and weak regimes of prediction, and what sets them apart.

Panos et al. (2023, Sect. 8.5). Nineteen observations are few. So tests are exact, and say how great
a difference would have to be for it to be found: not significant does not mean none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import permutations
from typing import Any, SupportsIndex

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special, stats

from preflare.errors import FindingError
from preflare.findings.red_noise import checked_share
from preflare.findings.resampling import finite, whole_number

Numbers = NDArray[np.float64]

REGIMES = ("strong", "weak", "falling", "too few rasters")
"""From the top of the heat map down."""


def regimes(trends: pd.DataFrame, level: float = 0.05) -> pd.DataFrame:
    """Say which regime each observation is of.

    Parameters
    ----------
    trends : pandas.DataFrame
        Of `preflare.findings.trends.trends`.
    level : float
        Of significance, between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        The same with the column ``regime``: ``"strong"`` if scores rise, ``"falling"`` if they
        fall, both significantly (``p`` at most the level), ``"weak"`` if they do neither, and
        ``"too few rasters"`` if no scores at all could have been significant (``smallest_p`` above
        the level).

    Raises
    ------
    FindingError
        If the level is not between 0 and 1.
    """
    significant, rising = trends["p"] <= checked_share("level", level), trends["slope"] > 0
    regime = np.select(
        [trends["smallest_p"] > level, significant & rising, significant],
        ["too few rasters", "strong", "falling"],
        "weak",
    )
    return trends.assign(regime=regime)


def count_regimes(
    table: pd.DataFrame, level: float = 0.05, confidence: float = 0.95
) -> pd.DataFrame:
    """Count the regimes of each kind of observation.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `regimes`.
    level : float
        That the regimes were told by.
    confidence : float
        Of the interval, between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        One row a kind: ``kind``, ``observations``, one column for each of `REGIMES`, ``tested``
        (all but those with too few rasters), ``share`` of strong ones among these with the bounds
        ``low`` and ``high`` (Clopper & Pearson 1934), the number of strong ones ``expected`` where
        there are no trends, and ``p``, with which there are then so many or more. nan where none
        was tested.

    Raises
    ------
    FindingError
        If level or confidence are not between 0 and 1.

    Notes
    -----
    Interval and p take observations to be independent. Some look at the same active region
    (`preflare.active_regions`), so that the interval is rather too narrow.
    """
    by_chance = checked_share("level", level) / 2
    checked_share("confidence", confidence)
    rows = []
    for kind, own in table.groupby("kind", sort=False):
        held = {name: int((own["regime"] == name).sum()) for name in REGIMES}
        tested = len(own) - held["too few rasters"]
        strong, low, high, p = (float("nan"),) * 4
        if tested:
            strong = held["strong"] / tested
            more = stats.binomtest(held["strong"], tested, by_chance, alternative="greater")
            p = float(more.pvalue)
            both = stats.binomtest(held["strong"], tested)
            low, high = both.proportion_ci(confidence, method="exact")
        rows.append(
            {
                "kind": kind,
                "observations": len(own),
                **held,
                "tested": tested,
                "share": strong,
                "low": float(low),
                "high": float(high),
                "expected": by_chance * tested,
                "p": p,
            }
        )
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class AgainstControls:
    """Slopes before flares compared with slopes where no flare follows.

    Attributes
    ----------
    flaring, controls : int
        PF and AR observations compared.
    left_out : int
        Those without a slope, of both kinds.
    share : float
        Of all pairs those in which the PF slope is the greater; pairs of equals count half.
    p : float
        Two-sided (Mann & Whitney 1947), exact: by permutations where slopes are equal.
    """

    flaring: int
    controls: int
    left_out: int
    share: float
    p: float


def against_controls(
    trends: pd.DataFrame, *, count: SupportsIndex = 9999, seed: SupportsIndex = 0
) -> AgainstControls:
    """Compare the slopes of PF with those of AR observations.

    What a slope is worth is measured here by what slopes are where no flare follows. Whatever noise
    there is, it is in both.

    Parameters
    ----------
    trends : pandas.DataFrame
        Of `preflare.findings.trends.trends`.
    count, seed
        Of the permutations, which only equal slopes need.

    Raises
    ------
    FindingError
        If a kind has no slope at all, or a setting makes no sense.
    """
    drawn, first = whole_number("number of draws", count, 1), whole_number("seed", seed, 0)
    flaring, controls = _slopes(trends)
    slopes = np.concatenate([flaring["slope"], controls["slope"]])
    method: Any = "exact"
    if np.unique(slopes).size < slopes.size:
        method = stats.PermutationMethod(drawn, random_state=np.random.default_rng(first))
    test = stats.mannwhitneyu(flaring["slope"], controls["slope"], method=method)
    pairs = len(flaring) * len(controls)
    left_out = len(trends) - len(flaring) - len(controls)
    greater = float(test.statistic / pairs)
    return AgainstControls(
        len(flaring), len(controls), left_out, greater, float(min(test.pvalue, 1.0))
    )


def ranks_among_controls(trends: pd.DataFrame) -> pd.DataFrame:
    """Rank each PF slope among the AR slopes.

    Parameters
    ----------
    trends : pandas.DataFrame
        Of `preflare.findings.trends.trends`.

    Returns
    -------
    pandas.DataFrame
        One row a PF observation that has a slope: ``observation``, ``slope``, ``below``: how many
        AR slopes are less, ``controls``: of how many, and ``p``: with which a further AR slope
        would be as great, at least 1 / (controls + 1).

    Raises
    ------
    FindingError
        If a kind has no slope at all.
    """
    flaring, controls = _slopes(trends)
    own, others = flaring["slope"].to_numpy(), controls["slope"].to_numpy()
    return pd.DataFrame(
        {
            "observation": flaring["observation"].to_numpy(),
            "slope": own,
            "below": (others < own[:, None]).sum(axis=1),
            "controls": others.size,
            "p": (1 + (others >= own[:, None]).sum(axis=1)) / (others.size + 1),
        }
    )


def _slopes(trends: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    known = trends[np.isfinite(trends["slope"])]
    flaring, controls = (known[known["kind"] == kind] for kind in ("PF", "AR"))
    for kind, of_kind in (("PF", flaring), ("AR", controls)):
        if of_kind.empty:
            raise FindingError(f"No {kind} observation has a slope: give trends of both kinds.")
    return flaring, controls


@dataclass(frozen=True)
class ExactTest:
    """Fisher's exact test of a table of four counts, and what it could have found.

    Attributes
    ----------
    odds_ratio : float
        Conditional maximum likelihood; nan where a row or a column of the table is empty.
    low, high : float
        Its interval.
    p : float
        Two-sided (Fisher 1935).
    smallest_p : float
        Of all tables with these sums of rows and columns.
    detectable_low, detectable_high : float
        Odds ratios, below and above 1, that these sums would show with the power asked for; 0 and
        inf where none would.
    """

    odds_ratio: float
    low: float
    high: float
    p: float
    smallest_p: float
    detectable_low: float
    detectable_high: float


def exact_test(counts: ArrayLike, level: float = 0.05, power: float = 0.8) -> ExactTest:
    """Test whether two shares differ, and say how far they would have to.

    Parameters
    ----------
    counts : array_like of int, shape (2, 2)
        For example a row for the strong regime and a row for the others; a column for rasters and
        a column for sit-and-stares.
    level : float
        Of significance; 1 - level is the confidence of the interval.
    power : float
        Probability with which a difference is to be detected, between 0 and 1.

    Raises
    ------
    FindingError
        If the counts are not four whole numbers from 0 on, or level or power not between 0 and 1.

    Notes
    -----
    Given the sums of rows and columns, the first count is hypergeometric if the odds are equal, and
    Fisher's noncentral hypergeometric if not. Power is the probability, at the odds ratio in
    question, of a significant table on its side.

    Examples
    --------
    The paper's counts: 10 rasters among 13 of the strong regime, 2 among 6 of the weak one.

    >>> test = exact_test([[10, 3], [2, 4]])
    >>> print(f"odds ratio {test.odds_ratio:.1f} ({test.low:.1f} to {test.high:.0f})")
    odds ratio 5.9 (0.5 to 99)
    >>> print(f"p = {test.p:.2f}; 80 % power from odds ratio {test.detectable_high:.0f} on")
    p = 0.13; 80 % power from odds ratio 25 on
    """
    checked_share("level", level)
    checked_share("power", power)
    table = np.asarray(counts)
    if table.shape != (2, 2) or table.dtype.kind not in "iu" or (table < 0).any():
        raise FindingError(f"{counts!r} are no two rows of two counts: give whole numbers from 0.")
    if (table.sum(axis=0) == 0).any() or (table.sum(axis=1) == 0).any():
        return ExactTest(np.nan, 0.0, np.inf, 1.0, 1.0, 0.0, np.inf)
    ratio = stats.contingency.odds_ratio(table)
    interval = ratio.confidence_interval(1 - level)
    (first, second), drawn = table.sum(axis=1).tolist(), int(table[:, 0].sum())
    possible = np.arange(max(0, drawn - second), min(first, drawn) + 1)
    ways = np.log(special.comb(first, possible)) + np.log(special.comb(second, drawn - possible))
    chance = special.softmax(ways)
    # Tables that are as likely must count as such, whatever their last digit.
    p = np.array([chance[chance <= one * (1 + 1e-9)].sum() for one in chance])
    mean = possible @ chance
    sides = [(p <= level) & (possible < mean), (p <= level) & (possible > mean)]
    low, high = (_detectable(possible, ways, side, power) for side in sides)
    return ExactTest(
        odds_ratio=float(ratio.statistic),
        low=float(interval.low),
        high=float(interval.high),
        p=float(min(1.0, p[possible == table[0, 0]][0])),
        smallest_p=float(p.min()),
        detectable_low=low if sides[0].any() else 0.0,
        detectable_high=high if sides[1].any() else np.inf,
    )


def _detectable(
    possible: NDArray[np.int64], ways: Numbers, found: NDArray[np.bool_], power: float
) -> float:
    """Return the odds ratio at which tables that are found have this probability together."""
    if not found.any():
        return float("nan")

    def lacking(log_odds: float) -> float:
        return float(special.softmax(ways + log_odds * possible)[found].sum()) - power

    # Beyond odds of e^100 to 1 no table is left but the last.
    return float(np.exp(optimize.brentq(lacking, -100.0, 100.0)))


def associations(
    table: pd.DataFrame, attributes: pd.DataFrame, level: float = 0.05, power: float = 0.8
) -> pd.DataFrame:
    """Test what goes with the strong regime.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `regimes`, for one kind of observation.
    attributes : pandas.DataFrame of bool
        One row an observation, by name; one column an attribute, such as ``"raster"``.
    level, power
        Of `exact_test`.

    Returns
    -------
    pandas.DataFrame
        One row an attribute: ``attribute``; ``strong_with``, ``strong_without``, ``other_with`` and
        ``other_without``, the observations counted; ``left_out``, those with too few rasters; and
        what `ExactTest` holds.

    Raises
    ------
    FindingError
        If an observation lacks an attribute, or one is neither true nor false.
    """
    lacking = table.loc[~table["observation"].isin(attributes.index), "observation"]
    if len(lacking):
        raise FindingError(f"{lacking.iloc[0]} has no attributes: give a row for it.")
    tested = table[table["regime"] != "too few rasters"]
    strong = (tested["regime"] == "strong").to_numpy()
    rows = []
    for name, column in attributes.loc[tested["observation"]].items():
        if column.dtype != bool:
            raise FindingError(f"The attribute {name!r} is not all true or false: give booleans.")
        has = column.to_numpy()
        counts = [[int((row & has).sum()), int((row & ~has).sum())] for row in (strong, ~strong)]
        rows.append(
            {
                "attribute": name,
                "strong_with": counts[0][0],
                "strong_without": counts[0][1],
                "other_with": counts[1][0],
                "other_without": counts[1][1],
                "left_out": len(table) - len(tested),
                **asdict(exact_test(counts, level, power)),
            }
        )
    return pd.DataFrame(rows)


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
    p : float
        Two-sided.
    pairs, left_out : int
        Compared, and left out because one side is nan.
    """

    correlation: float
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
        Orders drawn for ten pairs and more; of up to nine, all are taken.
    seed : int
        Of the draws.

    Raises
    ------
    FindingError
        If lengths differ or a setting makes no sense.
    """
    drawn, start = whole_number("number of draws", count, 1), whole_number("seed", seed, 0)
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if one.ndim != 1 or one.shape != other.shape:
        raise FindingError(f"{one.shape} and {other.shape} are no pairs: give one of each.")
    known = np.isfinite(one) & np.isfinite(other)
    pairs, left_out = int(known.sum()), int((~known).sum())
    ranks = [stats.rankdata(values[known]) for values in (one, other)]
    if pairs < 3 or any(np.ptp(values) == 0 for values in ranks):
        return RankCorrelation(np.nan, np.nan, pairs, left_out)
    mine, others = ((values - values.mean()) / values.std() / np.sqrt(pairs) for values in ranks)
    found = float(mine @ others)
    if pairs <= 9:
        orders = np.fromiter(permutations(range(pairs)), np.dtype((np.intp, pairs)))
        by_chance = mine[orders] @ others
    else:
        random = np.random.default_rng(start)
        shuffled = random.permuted(np.tile(mine, (drawn, 1)), axis=1)
        by_chance = np.append(shuffled @ others, found)
    as_far = np.abs(by_chance) >= abs(found) * (1 - 1e-9)
    return RankCorrelation(found, float(as_far.mean()), pairs, left_out)
