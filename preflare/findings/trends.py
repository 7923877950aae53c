"""How the prediction score evolves towards a flare, raster by raster.

Panos et al. (2023, Sect. 8.5). How high scores are depends on what the slit covers, so that
observations cannot be compared by it; how scores change can be compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import SupportsIndex

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy import stats

from preflare.errors import FindingError
from preflare.findings.red_noise import WINDOW, trend_test
from preflare.findings.spectrograms import SPECTRA
from preflare.rules import accepted

Numbers = NDArray[np.float64]

USED, EMPTY = "used", "no accepted spectrum"
"""Status of the window's rasters."""


def raster_scores(
    cubes: Mapping[str, xr.Dataset],
    scores: Mapping[str, xr.Dataset],
    value: str = "score",
) -> pd.DataFrame:
    """Average scores over each raster.

    Parameters
    ----------
    cubes : mapping of str to xarray.Dataset
        By name, such as ``"PF 14"``: cleaned cubes.
    scores : mapping of str to xarray.Dataset
        By the same names: what `Study.scores` returns, (time, step, slit). Or anything else that
        each spectrum has: the cubes have its ``peak``.
    value : str
        What of it to average, such as ``"score"`` or ``"logit"``.

    Returns
    -------
    pandas.DataFrame
        One row a raster, each exposure of a sit-and-stare being one; by observation (PF first, by
        number), then time. Columns:

        - ``observation``, ``kind`` (``"PF"`` or ``"AR"``), ``raster`` (its place along time)
        - ``clock``: ``"onset"``, or ``"first exposure + 1500 s"`` where no onset is known, as for
          AR
        - ``time``: mean start of its exposures, in s after what the clock names
        - ``score``: mean of the value over accepted spectra; nan unless the status is ``"used"``
        - ``accepted``, ``spectra``: how many it has
        - ``status``: ``"used"``, ``"no accepted spectrum"``, or why it is not of the window, the
          1500 s before 0: ``"before"``, ``"after"``, ``"cut by the start"`` or ``"cut by the
          end"``, of which some exposures are outside, or ``"no time"``

    Raises
    ------
    FindingError
        If cubes and scores differ in names or shape, a name is no name of an observation, scores
        have no such value or lack it of an accepted spectrum, or no exposure has a time.

    Notes
    -----
    A raster that the onset cuts shows the flare at some slit positions and lacks them before it.
    Without those it would stand for another part of the region. So it counts not at all.
    """
    unpaired = sorted(cubes.keys() ^ scores.keys())
    if unpaired or not cubes:
        which = f" of {unpaired[0]}" if unpaired else ""
        raise FindingError(f"The cube or the scores{which} are missing: give both for every name.")
    names = sorted(cubes, key=natural)
    rows = [_of_one(name, cubes[name], scores[name], value) for name in names]
    return pd.concat(rows, ignore_index=True)


def _of_one(name: str, cube: xr.Dataset, scores: xr.Dataset, value: str) -> pd.DataFrame:
    if value not in scores:
        held = ", ".join(map(str, scores.data_vars))
        raise FindingError(f"The scores of {name} hold no {value!r}: choose one of {held}.")
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


def natural(name: str) -> tuple[bool, int]:
    """Return what to sort names of observations by: PF before AR, each by number."""
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
