"""Does an explanation point at what we put there? Heat scored against a known place.

The score is `preflare.heat.Heat.share`, the share of the heat that lies within the artefact: 1 is
perfect, and heat spread evenly over the window scores the share of the window that the artefact
takes. Intervals come from drawing swarms from the members at hand (Efron 1979): they tell how a
score varies with other starts and shuffles, on the same spectra.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from preflare.bootstrap import Interval
from preflare.errors import ExplanationError
from preflare.heat import Heat

AT_ONCE = 100
"""Drawn swarms whose maps are averaged together."""


def gain(
    heat: Heat, where: NDArray[np.bool_], *, draws: int = 1000, seed: int = 0, level: float = 0.95
) -> Interval:
    """Say by how much the mean over members localises better than the median member alone.

    Parameters
    ----------
    heat : Heat
        A member without any heat counts as 0.
    where : ndarray of bool, (240,)
        The artefact's points.
    draws : int
        Swarms of as many members, drawn from these with replacement, that the interval comes from.
        It tells how the gain varies with other starts and shuffles, on the same spectra.
    seed : int
    level : float
        Share of the draws that the interval holds.

    Raises
    ------
    ExplanationError
        If there are fewer than two members, or no draws.
    """
    alone = np.nan_to_num(heat.share(where))
    value = float(np.nan_to_num(heat.ensemble.share(where))[0] - np.median(alone))
    chosen = _drawn(heat, len(heat), draws, seed)
    single = np.median(alone[chosen], axis=1)
    low, high = np.quantile(
        _ensembles(heat, where, chosen) - single, [(1 - level) / 2, (1 + level) / 2]
    )
    return Interval(value, float(low), float(high))


def change(
    before: Heat,
    after: Heat,
    where: NDArray[np.bool_],
    *,
    draws: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Say by how much the mean over members localises better after something was done to them.

    Parameters
    ----------
    before, after : Heat
        Of the same members, which are then drawn together; or of different numbers of members,
        which are drawn independently.
    where, draws, seed, level
        As for `gain`.

    Raises
    ------
    ExplanationError
        If there are fewer than two members, or no draws.
    """
    first, second = (np.nan_to_num(each.ensemble.share(where))[0] for each in (before, after))
    old, new = (_drawn(each, len(each), draws, seed) for each in (before, after))
    away = _ensembles(after, where, new) - _ensembles(before, where, old)
    low, high = np.quantile(away, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(second - first), float(low), float(high))


def by_members(
    heat: Heat, where: NDArray[np.bool_], sizes: Sequence[int], *, draws: int = 400, seed: int = 0
) -> pd.DataFrame:
    """Score the mean over members against their number.

    Parameters
    ----------
    heat, where, draws, seed
        As for `gain`.
    sizes : sequence of int
        Members of a drawn swarm, drawn with replacement.

    Returns
    -------
    pandas.DataFrame
        Columns ``middle``, ``low`` and ``high``: median and 95 % interval over the draws; index
        ``members``.

    Raises
    ------
    ExplanationError
        If there are fewer than two members, no draws, or a size is below 1.
    """
    rows = [
        np.quantile(_ensembles(heat, where, _drawn(heat, size, draws, seed)), [0.5, 0.025, 0.975])
        for size in sizes
    ]
    index = pd.Index(sizes, name="members")
    return pd.DataFrame(rows, index, ["middle", "low", "high"])


def _drawn(heat: Heat, size: int, draws: int, seed: int) -> NDArray[np.int64]:
    if len(heat) < 2:
        raise ExplanationError("One member cannot be resampled: give the maps of two or more.")
    if size < 1 or draws < 1:
        raise ExplanationError(f"{draws} draws of {size} members are none: give 1 or more of both.")
    return np.random.default_rng([seed, size]).integers(0, len(heat), (draws, size))


def _ensembles(
    heat: Heat, where: NDArray[np.bool_], chosen: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the shares (draws,) of means over drawn members (draws, size)."""
    flat = heat.values.reshape(len(heat), -1)
    parts = []
    with threadpool_limits(1):
        for start in range(0, len(chosen), AT_ONCE):
            some = chosen[start : start + AT_ONCE]
            counts = np.zeros((len(some), len(heat)), np.float32)
            np.add.at(counts, (np.arange(len(some))[:, None], some), 1 / some.shape[1])
            means = (counts @ flat).reshape(len(some), *heat.values.shape[1:])
            parts.append(replace(heat, values=means).share(where))
    return np.nan_to_num(np.concatenate(parts))
