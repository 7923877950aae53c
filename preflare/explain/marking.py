"""Marks of many explanations, in a table: a mean and an interval for each kind of precursor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from preflare.errors import ExplanationError
from preflare.explain.judged import Numbers, checked_numbers, whole_number
from preflare.explain.marks import (
    SHARE,
    chance_level,
    pointing_game,
    relevance_mass_accuracy,
    relevance_rank_accuracy,
    truth_mask,
)
from preflare.spectrum import POINTS

NO_EVENT = "none"
"""Kind of the spectra in which nothing happens."""


def marks(
    attributions: ArrayLike,
    difference: ArrayLike,
    kind: ArrayLike,
    kinds: Sequence[str],
    groups: ArrayLike,
    *,
    share: float = SHARE,
    tolerance: int = 0,
    count: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> pd.DataFrame:
    """Mark explanations for each kind of precursor.

    Parameters
    ----------
    attributions : array_like, shape (n, 240)
        Of the output for PF.
    difference : array_like, shape (n, 240)
        Normalised profile with the event less the one without.
    kind : array_like of int, shape (n,)
        Place of each spectrum's event in `kinds`.
    kinds : sequence of str
        Names of the kinds, as in the attribute of `Study.truth`. Spectra of ``"none"`` are left
        out.
    groups : array_like, shape (n,)
        Which observation each spectrum is of.
    share : float
        That of `truth_mask`.
    tolerance : int
        That of `pointing_game`.
    count : int
        Resamples of the observations.
    seed : int
        Of the resamples.
    level : float
        Share of the resamples that an interval holds, between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        One row a kind that occurs and a mark: ``kind``, ``mark`` (the name of its function),
        ``spectra`` and ``observations`` of that kind in which the mark is defined, ``undefined``
        spectra, in which it is not, ``value`` (mean over spectra) with the bounds ``low`` and
        ``high``, ``chance`` (mean of `chance_level` over the same spectra), ``excess`` (value less
        chance) with ``excess_low`` and ``excess_high``. nan where no spectrum has the mark; the
        bounds are nan where fewer than two observations have it.

    Raises
    ------
    ExplanationError
        If shapes do not fit, a number is not finite, a kind has no name, a spectrum has no
        observation, or a setting is wrong.

    Notes
    -----
    Percentile intervals of a bootstrap over observations, since spectra of one are alike (see
    `preflare.bootstrap`). That another training would give another network is not in them.
    """
    maps = checked_numbers("attributions", attributions, None, POINTS)
    changes = checked_numbers("difference", difference, len(maps), POINTS)
    places, observation = _places(kind, kinds, len(maps)), _observations(groups, len(maps))
    _check_resampling(count, seed, level)
    mask = truth_mask(changes, share)
    chance, chance_to_point = chance_level(mask), chance_level(mask, tolerance)
    marked = {
        "relevance_mass_accuracy": (relevance_mass_accuracy(maps, mask), chance),
        "relevance_rank_accuracy": (relevance_rank_accuracy(maps, mask), chance),
        "pointing_game": (pointing_game(maps, mask, tolerance), chance_to_point),
    }
    rows = []
    for place, name in enumerate(kinds):
        of_kind = places == place
        if name == NO_EVENT or not of_kind.any():
            continue
        for mark, (value, by_chance) in marked.items():
            defined = of_kind & np.isfinite(value)
            columns = np.stack([value, by_chance, value - by_chance])[:, defined]
            means, low, high = _resampled(columns, observation[defined], count, seed, level)
            rows.append(
                {
                    "kind": name,
                    "mark": mark,
                    "spectra": int(defined.sum()),
                    "observations": np.unique(observation[defined]).size,
                    "undefined": int((of_kind & ~defined).sum()),
                    "value": means[0],
                    "low": low[0],
                    "high": high[0],
                    "chance": means[1],
                    "excess": means[2],
                    "excess_low": low[2],
                    "excess_high": high[2],
                }
            )
    if not rows:
        raise ExplanationError("kind names no event in any spectrum: give spectra that have one.")
    return pd.DataFrame(rows)


def _resampled(
    values: Numbers, observation: NDArray[np.intp], count: int, seed: int, level: float
) -> tuple[Numbers, Numbers, Numbers]:
    """Return mean and bounds of each row of values (rows, spectra), by resampling observations."""
    unknown = np.full(len(values), np.nan)
    if not observation.size:
        return unknown, unknown, unknown
    means = values.mean(axis=1)
    held, own = np.unique(observation, return_inverse=True)
    if held.size < 2:
        return means, unknown, unknown
    spectra = np.bincount(own)
    sums = np.stack([np.bincount(own, row) for row in values])
    random = np.random.default_rng(seed)
    times = random.multinomial(held.size, np.full(held.size, 1 / held.size), size=count)
    low, high = np.quantile(
        (times @ sums.T) / (times @ spectra)[:, None], [(1 - level) / 2, (1 + level) / 2], axis=0
    )
    return means, low, high


def _places(kind: ArrayLike, kinds: Sequence[str], count: int) -> Numbers:
    places = checked_numbers("kind", kind, count)
    wrong = places[~np.isin(places, np.arange(len(kinds)))]
    if wrong.size:
        raise ExplanationError(
            f"kind holds {wrong[0]:g}: give places in the {len(kinds)} names of kinds, from 0."
        )
    return places


def _observations(groups: ArrayLike, count: int) -> NDArray[np.intp]:
    names = np.asarray(groups, object)  # as text, a nan among names would be one of them
    if names.shape != (count,):
        raise ExplanationError(
            f"groups has the shape {names.shape}: name the observation of each of {count} spectra."
        )
    observation, _ = pd.factorize(names, sort=True)
    if (observation < 0).any():
        raise ExplanationError(
            "groups holds a missing value: name the observation of every spectrum."
        )
    return observation


def _check_resampling(count: int, seed: int, level: float) -> None:
    whole_number("number of resamples", count, 1)
    whole_number("seed", seed, 0)
    if not 0 < checked_numbers("level", level) < 1:
        raise ExplanationError(f"The level is {level}: give one between 0 and 1, such as 0.95.")
    if count * (1 - level) < 2 - 1e-9:
        raise ExplanationError(
            f"{count} resamples are too few for the level {level}: take at least "
            f"{np.ceil(2 / (1 - level) - 1e-9):.0f}."
        )
