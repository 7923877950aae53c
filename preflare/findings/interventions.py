"""Interventions: spectra of which the continuum or its lines are changed, and nothing else.

Panos et al. (2023, Sect. 8.3) see attributions at metallic lines, and assume that networks read off
them how flat the continuum is, which after normalisation stands for the intensity. Level and lines
of the continuum go together in what is observed. Here one is changed without the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from preflare.errors import FindingError
from preflare.findings.bands import METALS, OF_MAGNESIUM, points_of
from preflare.findings.resampling import Numbers, finite, whole_number
from preflare.rules import CONTINUUM
from preflare.spectrum import POINTS, SPACING

Spectra = NDArray[np.float32]

KEPT = points_of(*OF_MAGNESIUM, "Mn I 2795.64")
"""Points of magnesium's lines, (240,), which a change of the continuum leaves as they are; the line
of manganese in k's wing is among them."""
JOIN = 0.3
"""Å beside those over which a change of the continuum sets in, as a sine squared."""
RUN = 5
"""Points that change their sign together when a change is scrambled: the width of a line."""


@dataclass(frozen=True, eq=False)
class Changed:
    """Changed spectra.

    Attributes
    ----------
    spectra : ndarray of float32, shape (n, 240)
        Normalised: from 0 to 1, with their maximum where it was.
    clipped : ndarray of int, shape (n,)
        Changed points that would have been below 0 or above 1, and were put there.
    """

    spectra: Spectra
    clipped: NDArray[np.intp]

    @classmethod
    def of(cls, before: Spectra, after: Numbers) -> Changed:
        """Clip changed spectra; points (n, 240) that are as before stay so whatever they are."""
        single = after.astype(np.float32)
        changed = single != before
        clipped = np.clip(single, 0, 1)
        return cls(np.where(changed, clipped, before), (changed & (clipped != single)).sum(axis=1))


def without_lines(spectra: ArrayLike, lines: Sequence[str] = tuple(METALS)) -> Changed:
    """Fill metallic lines in.

    Parameters
    ----------
    spectra : array_like, shape (n, 240)
        Normalised profiles.
    lines : sequence of str
        Names in `preflare.findings.bands.METALS`.

    Returns
    -------
    Changed
        With the points of the lines on a straight line from one neighbour to the other. At the end
        of the window, where there is but one neighbour, they are at its level.

    Raises
    ------
    FindingError
        If there is no such line, or the spectra are not normalised.
    """
    given = _normalised(spectra)
    unknown = [name for name in lines if name not in METALS]
    if unknown or not lines:
        raise FindingError(
            f"There is no metallic line {unknown[0] if unknown else lines!r}: choose from "
            f"{', '.join(METALS)}."
        )
    filled = points_of(*lines)
    around = np.flatnonzero(~filled)
    where = np.flatnonzero(filled)
    after = np.searchsorted(around, where)
    left, right = around[np.maximum(after - 1, 0)], around[np.minimum(after, len(around) - 1)]
    share = np.where(left < right, (where - left) / np.maximum(right - left, 1), 0.0)
    result = given.astype(np.float64)
    result[:, where] = (1 - share) * result[:, left] + share * result[:, right]
    return Changed.of(given, result)


def level(spectra: ArrayLike) -> Numbers:
    """Return the level of the continuum, (n,): the mean over 2799.7-2800.2 Å of each profile."""
    return _normalised(spectra)[:, CONTINUUM].mean(axis=1, dtype=np.float64)


def at_level(spectra: ArrayLike, levels: ArrayLike) -> Changed:
    """Move the continuum to a level; its lines keep their relative depth.

    Parameters
    ----------
    spectra : array_like, shape (n, 240)
        Normalised profiles.
    levels : float or array_like, shape (n,)
        Where to move the mean over 2799.7-2800.2 Å, from 0 to 1.

    Returns
    -------
    Changed
        With the continuum multiplied. The lines of magnesium are untouched, and `JOIN` to their
        sides the change sets in.

    Raises
    ------
    FindingError
        If a level is not from 0 to 1, a continuum is not above 0, or the spectra are not
        normalised.
    """
    given = _normalised(spectra)
    wanted = finite("levels", levels, *(() if np.isscalar(levels) else (len(given),)))
    if (wanted < 0).any() or (wanted > 1).any():
        raise FindingError(
            f"The levels go from {wanted.min():g} to {wanted.max():g}: give numbers from 0 to 1."
        )
    now = level(given)
    if (now <= 0).any():
        raise FindingError(
            f"The continuum of {int((now <= 0).sum())} of {len(now)} spectra is not above 0, and "
            "cannot be scaled: leave these out."
        )
    factor = 1 + _join() * (wanted / now - 1)[:, None]
    return Changed.of(given, given * factor)


def with_structure(spectra: ArrayLike, scale: float) -> Changed:
    """Scale the structure of the continuum, lines and slope, about its level.

    Parameters
    ----------
    spectra : array_like, shape (n, 240)
        Normalised profiles.
    scale : float
        0 makes the continuum flat, 1 leaves it as it is, more makes it less flat.

    Returns
    -------
    Changed
        As by `at_level`, magnesium's lines are untouched.

    Raises
    ------
    FindingError
        If the scale is below 0, or the spectra are not normalised.
    """
    given = _normalised(spectra)
    if finite("scale", scale) < 0:
        raise FindingError(f"The scale {scale} is below 0: give 0 for a flat continuum.")
    values = given.astype(np.float64)
    return Changed.of(given, values + _join() * (scale - 1) * (values - level(given)[:, None]))


def elsewhere(spectra: ArrayLike, changed: Changed, seed: int = 0) -> Changed:
    """Make a change of lines where there are none: a control of the same size.

    Parameters
    ----------
    spectra : array_like, shape (n, 240)
        Before the change.
    changed : Changed
        After it.
    seed : int
        Of the draws.

    Returns
    -------
    Changed
        With what was added to the changed points, in their order, added to neighbouring points of
        the continuum instead, from a random one on. What does not fit at the end goes to the
        beginning.

    Raises
    ------
    FindingError
        If the change takes more points than the continuum has, or the spectra do not fit.
    """
    given, change = _change(spectra, changed)
    source = np.flatnonzero(change.any(axis=0))
    room = np.flatnonzero(points_of("continuum"))
    if len(source) > len(room) or np.isin(source, room).any():
        raise FindingError(
            f"The change of {len(source)} points has no room in the {len(room)} points of the "
            "continuum: change lines only, or use scrambled."
        )
    random = np.random.default_rng(whole_number("seed", seed, 0))
    first = random.integers(len(room), size=len(given))
    target = room[(first[:, None] + np.arange(len(source))) % len(room)]
    result = given.astype(np.float64)
    rows = np.arange(len(given))[:, None]
    result[rows, target] += change[:, source]
    return Changed.of(given, result)


def scrambled(spectra: ArrayLike, changed: Changed, seed: int = 0) -> Changed:
    """Turn a change about at random, `RUN` points together: a control of the same size and place.

    Parameters
    ----------
    spectra, changed, seed
        As for `elsewhere`.

    Returns
    -------
    Changed
        With what was added to each run of points added or taken away, each for half of the runs,
        so that the level is about what it was.

    Raises
    ------
    FindingError
        If the spectra do not fit.
    """
    given, change = _change(spectra, changed)
    random = np.random.default_rng(whole_number("seed", seed, 0))
    where = np.flatnonzero(change.any(axis=0))
    if not where.size:
        return Changed.of(given, given.astype(np.float64))
    # Runs of neighbours: a gap begins a new one, and so do RUN points.
    begins = np.flatnonzero(np.diff(where, prepend=-2) > 1)
    within = np.arange(len(where)) - np.repeat(begins, np.diff(begins, append=len(where)))
    run = np.cumsum(within % RUN == 0) - 1
    alternate = np.where(np.arange(run[-1] + 1) % 2, -1.0, 1.0)
    signs = random.permuted(np.tile(alternate, (len(given), 1)), axis=1)
    result = given.astype(np.float64)
    result[:, where] += signs[:, run] * change[:, where]
    return Changed.of(given, result)


def _join() -> Numbers:
    """Return how much of a change each point takes, (240,): 0 in lines of magnesium, else to 1."""
    kept = np.flatnonzero(KEPT)
    away = np.abs(np.arange(POINTS)[:, None] - kept).min(axis=1) * SPACING
    return np.asarray(np.sin(0.5 * np.pi * np.minimum(away / JOIN, 1)) ** 2)


def _normalised(spectra: ArrayLike) -> Spectra:
    values = finite("spectra", spectra, None, POINTS)
    highest = values.max(axis=1)
    wrong = np.abs(highest - 1) > 1e-3
    if wrong.any():
        raise FindingError(
            f"{int(wrong.sum())} of {len(values)} spectra are not normalised (one has the maximum "
            f"{highest[wrong][0]:.4g}): divide each by its maximum."
        )
    return values.astype(np.float32)


def _change(spectra: ArrayLike, changed: Changed) -> tuple[Spectra, Numbers]:
    given = _normalised(spectra)
    if changed.spectra.shape != given.shape:
        raise FindingError(
            f"Changed spectra of shape {changed.spectra.shape} do not belong to spectra of shape "
            f"{given.shape}: give the same ones."
        )
    return given, changed.spectra.astype(np.float64) - given
