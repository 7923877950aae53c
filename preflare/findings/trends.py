"""How the prediction score evolves towards a flare: raster by raster, and as rows of a heat map.

Panos et al. (2023, Sect. 8.5 and Fig. 17). How high scores are depends on what the slit covers, so
that observations cannot be compared by it; how scores change can be compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, SupportsIndex

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy import stats
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from preflare.errors import FindingError
from preflare.findings.red_noise import WINDOW, trend_test
from preflare.findings.slits import check_choice
from preflare.findings.spectrograms import SPECTRA
from preflare.rules import accepted

Numbers = NDArray[np.float64]

GRID = np.arange(-int(WINDOW), 0)
"""s: the start of each second of the window."""
COARSE = 150
"""s over which curves are averaged before they are compared, so that noise does not part them."""
IN_COMMON = 3
"""Averages that two curves must share to be compared."""
FARTHEST = 1.0
"""By which two curves from 0 to 1 differ at most."""
USED, EMPTY = "used", "no accepted spectrum"
"""Status of the window's rasters."""


def raster_scores(
    cubes: Mapping[str, xr.Dataset],
    scores: Mapping[str, xr.Dataset],
    value: Literal["score", "logit"] = "score",
) -> pd.DataFrame:
    """Average scores over each raster.

    Parameters
    ----------
    cubes : mapping of str to xarray.Dataset
        By name, such as ``"PF 14"``: cleaned cubes.
    scores : mapping of str to xarray.Dataset
        By the same names: what `Study.scores` returns, (time, step, slit).
    value : {"score", "logit"}
        What to average: probability of PF, or logit.

    Returns
    -------
    pandas.DataFrame
        One row a raster, each exposure of a sit-and-stare being one; by observation (PF first, by
        number), then time. Columns:

        - ``observation``, ``kind`` (``"PF"`` or ``"AR"``), ``raster`` (its place along time)
        - ``clock``: ``"onset"``, or ``"first exposure + 1500 s"`` where no onset is known, as for
          AR
        - ``time``: mean start of its exposures, in s after what the clock names
        - ``score``: mean over accepted spectra; nan unless the status is ``"used"``
        - ``accepted``, ``spectra``: how many it has
        - ``status``: ``"used"``, ``"no accepted spectrum"``, or why it is not of the window, the
          1500 s before 0: ``"before"``, ``"after"``, ``"cut by the start"`` or ``"cut by the
          end"``, of which some exposures are outside, or ``"no time"``

    Raises
    ------
    FindingError
        If cubes and scores differ in names or shape, a name is no name of an observation, an
        accepted spectrum has no score, or there is no exposure with a time.

    Notes
    -----
    A raster that the onset cuts shows the flare at some slit positions and lacks them before it.
    Without those it would stand for another part of the region. So it counts not at all.
    """
    check_choice("value", value, ("score", "logit"))
    unpaired = sorted(cubes.keys() ^ scores.keys())
    if unpaired or not cubes:
        which = f" of {unpaired[0]}" if unpaired else ""
        raise FindingError(f"The cube or the scores{which} are missing: give both for every name.")
    names = sorted(cubes, key=_natural)
    rows = [_of_one(name, cubes[name], scores[name], value) for name in names]
    return pd.concat(rows, ignore_index=True)


def _of_one(name: str, cube: xr.Dataset, scores: xr.Dataset, value: str) -> pd.DataFrame:
    keep, scored = accepted(cube), scores[value].transpose(*SPECTRA).values
    if scored.shape != keep.shape:
        raise FindingError(
            f"The cube of {name} has the shape {keep.shape}, its scores {scored.shape}: "
            "make the scores from this cube."
        )
    lacking = int((keep & ~np.isfinite(scored)).sum())
    if lacking:
        raise FindingError(
            f"{lacking} accepted spectra of {name} have no {value}: make the scores from this cube."
        )
    clock, time = _clock(name, cube)
    exposed = np.isfinite(time)
    number = keep.sum(axis=(1, 2))
    total = np.where(keep, scored, 0.0).sum(axis=(1, 2), dtype=np.float64)
    mean_time = np.where(exposed, time, 0.0).sum(axis=1) / np.maximum(exposed.sum(axis=1), 1)
    first, last = np.fmin.reduce(time, axis=1), np.fmax.reduce(time, axis=1)
    faults = {
        "no time": ~exposed.any(axis=1),
        "before": last < -WINDOW,
        "after": first >= 0,
        "cut by the start": first < -WINDOW,
        "cut by the end": last >= 0,
        EMPTY: number == 0,
    }
    status = np.select(list(faults.values()), list(faults), USED)
    return pd.DataFrame(
        {
            "observation": name,
            "kind": name.split()[0],
            "raster": np.arange(len(keep)),
            "clock": clock,
            "time": np.where(exposed.any(axis=1), mean_time, np.nan),
            "score": np.where(status == USED, total / np.maximum(number, 1), np.nan),
            "accepted": number,
            "spectra": exposed.sum(axis=1) * keep.shape[2],
            "status": status,
        }
    ).sort_values("time", kind="stable")


def _clock(name: str, cube: xr.Dataset) -> tuple[str, Numbers]:
    """Return what times count from, and the time of each exposure (time, step) in s."""
    onset = np.asarray(cube["t_onset"].transpose(*SPECTRA[:2]).values, np.float64)
    if np.isfinite(onset).any():
        if name.startswith("AR"):
            raise FindingError(
                f"{name} is called AR and has the onset of a flare: clean it without one, or call "
                "it PF."
            )
        return "onset", onset
    start = cube["start"].transpose(*SPECTRA[:2]).values
    known = start[~np.isnat(start)]
    if not known.size:
        raise FindingError(
            f"No exposure of {name} has a time: give a cube with known starts of exposures."
        )
    since = (start - known.min()) / np.timedelta64(1, "s")
    return f"first exposure + {WINDOW:g} s", since - WINDOW


def _natural(name: str) -> tuple[bool, int]:
    kind, _, number = str(name).partition(" ")
    if kind not in ("PF", "AR") or not number.isdecimal():
        raise FindingError(f"{name!r} names no observation: use names such as 'PF 14' or 'AR 3'.")
    return kind == "AR", int(number)


def trends(
    table: pd.DataFrame,
    *,
    level: float = 0.05,
    count: SupportsIndex = 4999,
    seed: SupportsIndex = 0,
) -> pd.DataFrame:
    """Say of each observation how its scores change, and whether noise would change as much.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `raster_scores`.
    level, count, seed
        Of `preflare.findings.red_noise.trend_test`.

    Returns
    -------
    pandas.DataFrame
        One row an observation. Columns:

        - ``observation``, ``kind``, ``clock``
        - ``rasters``: how many are used; ``empty``: without accepted spectra; ``outside``: not, or
          not wholly, of the window
        - ``span``: s from the first to the last that is used; ``gap``: s, the longest between two
        - ``mean``: of the rasters' scores
        - ``slope``: change over 25 min, by ordinary least squares on the rasters; ``theil_sen``:
          the same by the median of pairs (Sen 1968); ``tau``: Kendall's, nan if all are equal
        - ``cells``, ``error``, ``correlation_time``, ``low``, ``high``, ``p``, ``smallest_p``: of
          `preflare.findings.red_noise.TrendTest`; a slope outside ``low`` to ``high`` is
          significant
        - ``p_regression``, ``p_kendall``: what tests say that take rasters to be independent,
          which they are not

        What two rasters (three, for any p) are needed for is nan where there are fewer.

    Raises
    ------
    FindingError
        If a setting makes no sense.
    """
    rows = []
    for name, own in table.groupby("observation", sort=False):
        used = own[own["status"] == USED].sort_values(["time", "score"])
        time, score = used["time"].to_numpy(), used["score"].to_numpy()
        test = trend_test(time, score, level=level, count=count, seed=seed)
        rows.append(
            {
                "observation": name,
                "kind": own["kind"].iloc[0],
                "clock": own["clock"].iloc[0],
                "rasters": len(used),
                "empty": int((own["status"] == EMPTY).sum()),
                "outside": int((~own["status"].isin([USED, EMPTY])).sum()),
                "span": float(np.ptp(time)) if time.size else np.nan,
                "gap": float(np.diff(time).max()) if time.size > 1 else np.nan,
                "mean": float(score.mean()) if score.size else np.nan,
                **_naive(time, score),
                "cells": test.cells,
                "error": test.error,
                "correlation_time": test.correlation_time,
                "low": test.low,
                "high": test.high,
                "p": test.p,
                "smallest_p": test.smallest_p,
            }
        )
    return pd.DataFrame(rows)


def _naive(time: Numbers, score: Numbers) -> dict[str, float]:
    names = ("slope", "theil_sen", "tau", "p_regression", "p_kendall")
    if np.unique(time).size < 2:
        return dict.fromkeys(names, float("nan"))
    line, kendall = stats.linregress(time, score), stats.kendalltau(time, score)
    median = stats.theilslopes(score, time)[0]
    tested = (line.pvalue, kendall.pvalue) if time.size > 2 else (np.nan, np.nan)
    values = (WINDOW * line.slope, WINDOW * median, kendall.statistic, *tested)
    return {name: float(value) for name, value in zip(names, values, strict=True)}


def on_grid(table: pd.DataFrame) -> Numbers:
    """Put the scores of one observation on a grid of seconds.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows of `raster_scores` of one observation.

    Returns
    -------
    ndarray, shape (1500,)
        The score at each second of `GRID`: a raster's where one is, the mean where several are, and
        between two the straight line from one to the next, across rasters without accepted
        spectra as well. nan before the first and after the last: nothing is extrapolated.

    Raises
    ------
    FindingError
        If there are rows of several observations.
    """
    if table["observation"].nunique() > 1:
        raise FindingError("The table is of several observations: give the rows of one.")
    used = table[table["status"] == USED]
    second = np.floor(used["time"]).astype(int)
    held = used.groupby(second)["score"].mean()
    if held.empty:
        return np.full(GRID.size, np.nan)
    return np.interp(GRID, held.index, held, left=np.nan, right=np.nan)


def score_matrix(table: pd.DataFrame) -> pd.DataFrame:
    """Put the scores of all observations on a grid of seconds, each divided by its maximum.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `raster_scores`, for Fig. 17 rows of one kind.

    Returns
    -------
    pandas.DataFrame
        One row an observation, one column a second of `GRID`; nan where `on_grid` has none.

    Raises
    ------
    FindingError
        If an observation's maximum is not positive, as that of logits may be.
    """
    rows = {}
    for name, own in table.groupby("observation", sort=False):
        row = on_grid(own)
        highest = np.fmax.reduce(row)
        if highest <= 0:
            raise FindingError(
                f"The highest score of {name} is {highest:g}, which nothing can be divided by: "
                "give probabilities."
            )
        rows[name] = row / highest
    matrix = pd.DataFrame.from_dict(rows, orient="index", columns=pd.Index(GRID, name="time"))
    return matrix.rename_axis("observation")


def order_alike(matrix: pd.DataFrame) -> pd.DataFrame:
    """Order observations so that those with similar curves are neighbours, rising ones first.

    Parameters
    ----------
    matrix : pandas.DataFrame
        Of `score_matrix`. The order of its rows makes no difference.

    Returns
    -------
    pandas.DataFrame
        One row an observation, in their new order: ``observation``, and ``placed``: by
        ``"likeness"``, or ``"last"`` if its curve is too short to be compared with another.

    Notes
    -----
    Curves are averaged over `COARSE`. Two differ by the root mean square difference of the averages
    that they share: what the eye compares in the heat map. Two that share fewer than `IN_COMMON`
    differ by as much as the shortest way over others, 1 at most. Average linkage joins the most
    similar first (Sokal & Michener 1958), and of all orders that keep its tree whole that one is
    taken whose neighbours differ least in sum (Bar-Joseph et al. 2001). Correlation would not do:
    between two curves that hardly change, it is noise. An order and its reverse are equally good;
    of them that one is taken in which slopes fall from the first to the last row.

    The paper does not say by what its rows are ordered.
    """
    matrix = matrix.loc[sorted(matrix.index, key=_natural)]
    coarse = matrix.T.groupby(np.asarray(matrix.columns) // COARSE).mean().T.to_numpy()
    known = np.isfinite(coarse)
    shared = (known[:, None] & known).sum(axis=2)
    square = np.where(known[:, None] & known, (coarse[:, None] - coarse) ** 2, 0.0).sum(axis=2)
    apart = np.where(shared >= IN_COMMON, np.sqrt(square / np.maximum(shared, 1)), np.inf)
    np.fill_diagonal(apart, np.inf)
    compared = np.flatnonzero(np.isfinite(apart).any(axis=1))
    if compared.size:
        apart = apart[np.ix_(compared, compared)]
        over = apart.copy()
        for other in range(compared.size):
            over = np.minimum(over, over[:, [other]] + over[other])
        apart = np.where(np.isfinite(apart), apart, np.minimum(over, FARTHEST))
        np.fill_diagonal(apart, 0)
        tree = linkage(squareform(apart), "average", optimal_ordering=True)
        compared = compared[leaves_list(tree)]
        rises = np.array([_rise(coarse[row]) for row in compared])
        if rises @ (np.arange(rises.size) - 0.5 * (rises.size - 1)) > 0:
            compared = compared[::-1]
    last = np.setdiff1d(np.arange(len(matrix)), compared)
    return pd.DataFrame(
        {
            "observation": matrix.index[np.concatenate([compared, last])],
            "placed": ["likeness"] * compared.size + ["last"] * last.size,
        }
    )


def _rise(averages: Numbers) -> float:
    there = np.flatnonzero(np.isfinite(averages))
    return float(np.polyfit(there, averages[there], 1)[0])
