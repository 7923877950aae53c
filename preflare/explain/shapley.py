"""Shapley values, exactly: every coalition of wavelengths is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import factorial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from preflare.errors import ExplanationError
from preflare.network_inputs import checked_spectra
from preflare.spectrum import POINTS

Array = NDArray[np.float64]

MOST = 16
"""Players: 65,536 coalitions."""
AT_ONCE = 2**16


def bands(count: int) -> list[NDArray[np.int64]]:
    """Part the grid into so many bands of neighbouring points, as alike in size as can be.

    Examples
    --------
    >>> [len(band) for band in bands(7)]
    [35, 35, 34, 34, 34, 34, 34]
    """
    if not 1 <= count <= POINTS:
        raise ExplanationError(f"{POINTS} points cannot be parted into {count} bands.")
    return [np.asarray(part) for part in np.array_split(np.arange(POINTS), count)]


def shapley_values(
    output: Callable[[NDArray[Any]], ArrayLike],
    spectrum: ArrayLike,
    baselines: ArrayLike,
    players: Sequence[NDArray[np.int64]],
) -> Array:
    """Return the Shapley value of each player (Panos et al. 2023, Eq. C.1).

    A player is a set of points. The worth of a coalition is the mean output over baselines whose
    points in the coalition are replaced by the spectrum's. The values sum to F(x) - E[F(x')].

    Parameters
    ----------
    output : callable
        Takes spectra (n, 240), returns (n,).
    spectrum : array, (240,)
    baselines : array, (m, 240)
    players : sequence of ndarray of int
        Points of each; no point may have two. Points without a player stay the baselines'.

    Returns
    -------
    ndarray, (players,)

    Raises
    ------
    ExplanationError
        If there are no players, too many, or some share a point, or the output or the spectrum
        has another shape.
    NetworkError
        If spectrum or baselines do not fit.

    Examples
    --------
    >>> values = shapley_values(lambda s: s[:, 0] * s[:, 1], np.ones(240), np.zeros((1, 240)),
    ...                         [np.array([0]), np.array([1])])
    >>> values.tolist()
    [0.5, 0.5]
    """
    count = len(players)
    if not 1 <= count <= MOST:
        raise ExplanationError(
            f"There are {count} players: give 1 to {MOST}, for all coalitions are asked."
        )
    points = np.concatenate([np.atleast_1d(own) for own in players])
    if points.dtype.kind not in "iu":
        raise ExplanationError("A player is no set of points: give whole numbers, one or more.")
    if np.unique(points).size != points.size or not ((points >= 0) & (points < POINTS)).all():
        raise ExplanationError(
            f"Some players share a point or lie outside 0 to {POINTS - 1}: give each its own."
        )
    kind = np.float64
    if np.ndim(spectrum) != 1:
        raise ExplanationError(
            f"The spectrum has the shape {np.shape(spectrum)}: give one, ({POINTS},)."
        )
    target = checked_spectra(np.asarray(spectrum)[None], normalised=False, kind=kind)[0]
    compared = checked_spectra(baselines, normalised=False, name="baselines", kind=kind)
    member = (np.arange(2**count)[:, None] >> np.arange(count)) & 1
    taken = np.zeros((2**count, POINTS), bool)
    for player, own in enumerate(players):
        taken[:, own] = member[:, player, None] == 1
    worth = np.zeros(2**count)
    at_once = max(1, AT_ONCE // len(compared))
    for start in range(0, 2**count, at_once):
        some = taken[start : start + at_once, None]
        mixed = np.where(some, target, compared).reshape(-1, POINTS)
        told = np.asarray(output(mixed), np.float64)
        if told.shape != (len(mixed),):
            raise ExplanationError(
                f"The output has the shape {told.shape} for {len(mixed)} spectra: "
                "return one number each."
            )
        worth[start : start + at_once] = told.reshape(-1, len(compared)).mean(axis=1)
    size = member.sum(axis=1)
    weight = np.array([factorial(s) * factorial(count - s - 1) for s in range(count)], float)
    weight /= factorial(count)
    values = np.empty(count)
    for player in range(count):
        without = np.flatnonzero(member[:, player] == 0)
        gained = worth[without + 2**player] - worth[without]
        values[player] = (weight[size[without]] * gained).sum()
    return values
