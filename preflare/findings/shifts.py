"""Shifts: how many slits are aligned when attention is moved along them, without a single draw."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from preflare.findings.slits import Numbers

Slit = NDArray[np.bool_]
"""Whether a slit is aligned when its attention is moved by 0, 1, 2 ... pixels; (pixels,)."""


def number_aligned(groups: Iterable[Sequence[Slit]]) -> Numbers:
    """Return how probable 0, 1, 2 ... aligned slits are.

    Slits of a group are moved together, by a share u of their pixels that is anything from 0 to
    1: by the whole part of u m pixels where there are m. What leaves one end returns at the other.
    Groups are moved apart. The number of a group changes only at those u at which one of its slits
    moves on, and between them it is counted. Groups of one slit give the Poisson-binomial
    distribution.

    Parameters
    ----------
    groups : iterable of sequences of ndarray of bool
        Slits of each group.

    Returns
    -------
    ndarray, shape (slits + 1,)

    Examples
    --------
    >>> slit = np.array([True, False, False, False])
    >>> number_aligned([[slit], [slit]])
    array([0.5625, 0.375 , 0.0625])
    >>> number_aligned([[slit, slit]])
    array([0.75, 0.  , 0.25])
    """
    distribution = np.ones(1)
    for slits in groups:
        changes = np.unique(np.concatenate([np.arange(s.size + 1) / s.size for s in slits]))
        between = (changes[:-1] + changes[1:]) / 2
        number = np.sum([s[(between * s.size).astype(np.intp)] for s in slits], axis=0)
        own = np.bincount(number, np.diff(changes), len(slits) + 1)
        distribution = np.convolve(distribution, own)
    return distribution


def at_least(distribution: Numbers, number: int) -> float:
    """Return the probability of so many or more."""
    return float(min(1.0, distribution[number:].sum()))


def central(distribution: Numbers, level: float) -> tuple[int, int]:
    """Return the numbers between which a share of the distribution lies, in its middle."""
    reached = np.cumsum(distribution) + 1e-12  # rounding may keep it from 1
    low, high = np.searchsorted(reached, [(1 - level) / 2, (1 + level) / 2])
    return int(low), int(high)
