"""Strong and weak regimes of prediction: how many observations rise, and how many by chance.

Panos et al. (2023, Sect. 8.5). What a slope is worth is asked twice: of noise that remembers, and
of observations that no flare follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, SupportsIndex

import numpy as np
import pandas as pd
from scipy import stats

from preflare.errors import FindingError
from preflare.findings.red_noise import checked_share
from preflare.findings.resampling import whole_number

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
