"""What goes with the strong regime: exact tests, and what they could have found.

Panos et al. (2023, Sect. 8.5). Nineteen observations are few. So tests are exact, and say how great
a difference would have to be for it to be found: not significant does not mean none.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special, stats

from preflare.errors import FindingError
from preflare.findings.red_noise import checked_share

Numbers = NDArray[np.float64]
Counts = NDArray[np.int64]


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
    table = _checked(counts)
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


def _detectable(possible: Counts, ways: Numbers, found: NDArray[np.bool_], power: float) -> float:
    """Return the odds ratio at which tables that are found have this probability together."""
    if not found.any():
        return float("nan")

    def lacking(log_odds: float) -> float:
        return float(special.softmax(ways + log_odds * possible)[found].sum()) - power

    # Beyond odds of e^100 to 1 no table is left but the last.
    return float(np.exp(optimize.brentq(lacking, -100.0, 100.0)))


class Difference(NamedTuple):
    """Difference of two shares with its interval; nan where one has nothing to be a share of."""

    value: float
    low: float
    high: float


def share_difference(counts: ArrayLike, confidence: float = 0.95) -> Difference:
    """Subtract one share from another, with an interval that few observations allow.

    Parameters
    ----------
    counts : array_like of int, shape (2, 2)
        A row for each share: how many have the attribute, and how many lack it.
    confidence : float
        Of the interval, between 0 and 1.

    Returns
    -------
    Difference
        Of the first row's share less the second row's.

    Raises
    ------
    FindingError
        If the counts are not four whole numbers from 0 on, or the confidence not between 0 and 1.

    Notes
    -----
    The interval joins Wilson's intervals of the two shares (Newcombe 1998, Stat. Med. 17, 873,
    method 10). It stays between -1 and 1, and has a width where a share is 0 or 1.

    Examples
    --------
    The paper's counts: 10 rasters among 13 of the strong regime, 2 among 6 of the weak one.

    >>> print("{:+.2f} ({:+.2f} to {:+.2f})".format(*share_difference([[10, 3], [2, 4]])))
    +0.44 (-0.02 to +0.72)
    """
    checked_share("confidence", confidence)
    table = _checked(counts)
    (first, second), drawn = table[:, 0].tolist(), table.sum(axis=1).tolist()
    if not all(drawn):
        return Difference(np.nan, np.nan, np.nan)
    (low, high), (least, most) = (
        stats.binomtest(with_it, of).proportion_ci(confidence, method="wilson")
        for with_it, of in ((first, drawn[0]), (second, drawn[1]))
    )
    one, other = first / drawn[0], second / drawn[1]
    return Difference(
        one - other,
        float(one - other - np.hypot(one - low, most - other)),
        float(one - other + np.hypot(high - one, other - least)),
    )


def _checked(counts: ArrayLike) -> Counts:
    table = np.asarray(counts)
    if table.shape != (2, 2) or table.dtype.kind not in "iu" or (table < 0).any():
        raise FindingError(f"{counts!r} are no two rows of two counts: give whole numbers from 0.")
    return table.astype(np.int64)


def associations(
    table: pd.DataFrame, attributes: pd.DataFrame, level: float = 0.05, power: float = 0.8
) -> pd.DataFrame:
    """Test what goes with the strong regime.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `preflare.findings.regimes.regimes`, for one kind of observation.
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
