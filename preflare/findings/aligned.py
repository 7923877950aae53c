"""How many slits are aligned: attention beside other predictors, and beside chance.

A share says nothing by itself. On a short slit chance is often right; the brightest pixel may be
right as often; and events may be where flares are only because the telescope points at both. Each
of these is a predictor here, on the same slits. Slits of one observation are alike: intervals and
tests draw observations.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binomtest

from preflare.errors import FindingError
from preflare.findings.colocation import TOLERANCE, Colocation, within
from preflare.findings.resampling import Resampling
from preflare.findings.shifts import Slit, central, number_aligned
from preflare.findings.slits import Numbers

TRUTH = "true precursors"
PLACES = {
    "attention": "attention_y",
    "score": "score_y",
    "brightest before": "brightest_y",
    "middle of the slit": "middle_y",
    TRUTH: "precursor_y",
}
"""Predictors that name a place on each slit, with its column."""
OTHER = "attention elsewhere"
RANDOM = "random place"
COLUMNS = (
    "slits", "not_judged", "aligned", "share", "low", "high", "of_observations",
    "ahead", "ahead_low", "ahead_high", "attention_only", "this_only",
    "better_in", "worse_in", "sign_p",
)  # fmt: skip
LEVEL = 0.95
TOLERANCES = tuple(np.arange(0.0, 20.5, 0.5).tolist())
"""arcsec."""


def shares(
    colocation: Colocation,
    tolerance: float = TOLERANCE,
    *,
    count: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> pd.DataFrame:
    """Compare how many slits each predictor gets right.

    Parameters
    ----------
    colocation : Colocation
    tolerance : float
        arcsec.
    count : int
        Resamples of the observations.
    seed : int
        Of the resamples.
    level : float
        Share of the resamples that an interval holds, between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        One row a predictor:

        - ``attention``: the paper's
        - ``score``, ``brightest before``: the pixel with data where the mean score, or the
          emission, is greatest before the onset
        - ``middle of the slit``
        - ``true precursors``: where events replace the greatest share of the light before the
          onset; the row is absent if no truth was given
        - ``attention elsewhere``: the place, in units of the slit's length, that attention has on
          the like step of another observation; a mean over all others
        - ``random place``: each pixel with data is as likely as the next

        Columns: ``slits`` that have the predictor, ``not_judged``, all others; ``aligned``, in the
        last two rows an expectation; ``share`` with the bounds ``low`` and ``high``;
        ``of_observations``, mean of the observations' own shares. On the same slits, ``ahead`` is
        the share of attention less this one, with ``ahead_low`` and ``ahead_high``;
        ``attention_only`` and ``this_only`` count slits that just one of the two gets right;
        ``better_in`` and ``worse_in`` count observations of which attention gets more slits right,
        or fewer, and ``sign_p`` is the two-sided p-value of a sign test on them. nan or missing
        where nothing can be told, as are all bounds with fewer than two observations.

    Raises
    ------
    FindingError
        If no slit can be judged, or a setting is wrong.
    """
    resampling = Resampling(count, seed, level)
    hits = JudgedSlits.of(colocation, tolerance).hits()
    rows = {}
    for name in hits:
        own = hits[hits[name].notna()]
        this, attention = own[name], own["attention"]
        groups = own.groupby(level="observation")
        number, sums = np.asarray(groups.size(), np.float64), groups.sum()
        ahead = (sums["attention"] - sums[name]).to_numpy()
        own_bounds, ahead_bounds = resampling.ratios(np.column_stack([sums[name], ahead]), number)
        row: dict[str, object] = {
            "slits": len(own),
            "not_judged": len(colocation.slits) - len(own),
            "aligned": this.sum(),
            "share": this.mean(),
            "low": own_bounds.low,
            "high": own_bounds.high,
            "of_observations": (sums[name] / number).mean(),
        }
        if name != "attention":
            row |= {
                "ahead": (attention - this).mean(),
                "ahead_low": ahead_bounds.low,
                "ahead_high": ahead_bounds.high,
                **_sign_test(ahead),
            }
        if name in PLACES and name != "attention":
            row["attention_only"] = int((attention > this).sum())
            row["this_only"] = int((attention < this).sum())
        rows[name] = row
    counts = ["attention_only", "this_only", "better_in", "worse_in"]
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("predictor")
    return table.reindex(columns=list(COLUMNS)).astype(dict.fromkeys(counts, "Int64"))


def by_tolerance(colocation: Colocation, tolerances: Iterable[float] = TOLERANCES) -> pd.DataFrame:
    """Tell how the shares depend on the tolerance.

    Parameters
    ----------
    colocation : Colocation
    tolerances : iterable of float
        arcsec.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``tolerance``: the share of each predictor of `shares`; and ``moved low`` and
        ``moved high``, between which 95 % of the shares lie when attention is moved along the
        slits (`preflare.findings.chance`).

    Raises
    ------
    FindingError
        If no slit can be judged, or there is no tolerance, or one is no number from 0 on.
    """
    rows = {}
    for tolerance in tolerances:
        judged = JudgedSlits.of(colocation, tolerance)
        low, high = central(number_aligned(judged.moved_together), LEVEL)
        slits = len(judged.table)
        bounds = {"moved low": low / slits, "moved high": high / slits}
        rows[float(tolerance)] = judged.hits().mean().to_dict() | bounds
    if not rows:
        raise FindingError("There is no tolerance to look at: give one at least.")
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("tolerance")


@dataclass(frozen=True, eq=False)
class JudgedSlits:
    """The slits that can be judged, at one tolerance.

    Attributes
    ----------
    table : pandas.DataFrame
        Their rows of `Colocation.table`.
    groups : list of ndarray of int
        Rows of each observation.
    moved : list of ndarray of bool, each of shape (pixels,)
        Of each slit: whether it is aligned when its attention is moved by 0, 1, 2 ... of its
        pixels with data.
    tolerance : float
        arcsec.
    """

    table: pd.DataFrame
    groups: list[NDArray[np.intp]]
    moved: list[Slit]
    tolerance: float

    @classmethod
    def of(cls, colocation: Colocation, tolerance: float) -> JudgedSlits:
        """Judge slits, refusing if none can be."""
        table, near = colocation.table(tolerance), colocation.near(tolerance)
        kept = np.flatnonzero(table["reason"] == "")
        if not kept.size:
            reasons = table["reason"].value_counts()
            raise FindingError(
                f"None of {len(table)} slits can be judged, most often because "
                f"{reasons.index[0]}: give observations whose onset they cover."
            )
        own = [
            int(np.flatnonzero(colocation.candidates[slit] == table["attention_y"].iloc[slit])[0])
            for slit in kept
        ]
        moved = [np.roll(near[slit], -place) for slit, place in zip(kept, own, strict=True)]
        table = table.iloc[kept].reset_index(drop=True)
        codes, _ = pd.factorize(table["observation"])
        groups = [np.flatnonzero(codes == code) for code in range(codes.max() + 1)]
        return cls(table, groups, moved, tolerance)

    @property
    def moved_together(self) -> list[list[Slit]]:
        """`moved`, by observation."""
        return [[self.moved[slit] for slit in group] for group in self.groups]

    def hits(self) -> pd.DataFrame:
        """Say how right each predictor is on each slit: 0, 1, a mean of such, or nan."""
        emission = self.table["emission_y"].to_numpy()
        hits = {}
        for name, column in PLACES.items():
            distance = self.table[column].to_numpy() - emission
            aligned = within(distance, self.tolerance).astype(np.float64)
            hits[name] = np.where(np.isfinite(distance), aligned, np.nan)
        if np.isnan(hits[TRUTH]).all():
            del hits[TRUTH]
        elsewhere = self.exchanged()
        others = len(self.groups) - 1
        own = hits["attention"]
        hits[OTHER] = (
            (elsewhere.sum(axis=1) - own) / others if others else np.full(own.shape, np.nan)
        )
        hits[RANDOM] = np.array([each.mean() for each in self.moved])
        return pd.DataFrame(hits, pd.Index(self.table["observation"], name="observation"))

    def exchanged(self) -> Numbers:
        """Say which slits are aligned with each observation's attention: (slits, observations).

        Of the other observation, the slit is taken that has the like step, of those that can be
        judged, and of it the place in units of its length. Its own column is the slit's own.
        """
        table = self.table
        place = ((table["attention_y"] - table["middle_y"]) / table["length"]).to_numpy()
        emission = ((table["emission_y"] - table["middle_y"]) / table["length"]).to_numpy()
        # A sit-and-stare looks at the middle of what a raster would cover.
        last = (table["steps"] - 1).to_numpy()
        across = np.where(last > 0, table["step"] / np.maximum(last, 1), 0.5)
        result = np.empty((len(table), len(self.groups)))
        for column, group in enumerate(self.groups):
            like = group[np.abs(across[:, None] - across[group]).argmin(axis=1)]
            distance = (place[like] - emission) * table["length"].to_numpy()
            result[:, column] = within(distance, self.tolerance)
        return result


def _sign_test(ahead: Numbers) -> dict[str, object]:
    better, worse = int((ahead > 1e-9).sum()), int((ahead < -1e-9).sum())
    p = binomtest(better, better + worse).pvalue if better + worse else np.nan
    return {"better_in": better, "worse_in": worse, "sign_p": p}
