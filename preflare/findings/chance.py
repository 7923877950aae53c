"""Chance: how often slits would be aligned if attention knew nothing of the emission to come."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from preflare.findings.aligned import JudgedSlits
from preflare.findings.colocation import TOLERANCE, Colocation
from preflare.findings.resampling import Resampling
from preflare.findings.shifts import at_least, central, number_aligned
from preflare.findings.slits import Numbers


@dataclass(frozen=True)
class Chance:
    """How often attention would be aligned if it had nothing to do with the emission.

    Attributes
    ----------
    slits, observations : int
        That can be judged.
    aligned : int
        Slits that are.
    expected : float
        Slits that would be if each pixel with data were as likely as the next.
    low, high : int
        Bounds of their number when attention is moved along the slit, by the same share of the
        pixels with data in all slits of an observation; what leaves one end returns at the other.
    p_moved : float
        Probability that so many are aligned when it is moved so; exact.
    p_independent : float
        The same if each slit were moved by itself (Poisson-binomial); exact. It takes slits of
        one observation for independent, which they are not.
    p_exchanged : float
        Share of the permutations in which at least as many are aligned when observations exchange
        their attention, step for like step, in units of the slit's length. Attention that only
        knows where along a slit flares tend to be passes the other tests and fails this one. nan
        for one observation.
    """

    slits: int
    observations: int
    aligned: int
    expected: float
    low: int
    high: int
    p_moved: float
    p_independent: float
    p_exchanged: float


def chance(
    colocation: Colocation,
    tolerance: float = TOLERANCE,
    *,
    count: int = 9999,
    seed: int = 0,
    level: float = 0.95,
) -> Chance:
    """Test whether attention is aligned with the emission more often than by chance.

    Parameters
    ----------
    colocation : Colocation
    tolerance : float
        arcsec.
    count : int
        Permutations of the observations, besides the one that there is.
    seed : int
        Of the permutations.
    level : float
        Share of the chance results between `Chance.low` and `Chance.high`.

    Raises
    ------
    FindingError
        If no slit can be judged, or a setting is wrong.
    """
    settings = Resampling(count, seed, level)
    judged = JudgedSlits.of(colocation, tolerance)
    distribution = number_aligned(judged.moved_together)
    aligned = int(sum(hits[0] for hits in judged.moved))
    low, high = central(distribution, settings.level)
    return Chance(
        slits=len(judged.table),
        observations=len(judged.groups),
        aligned=aligned,
        expected=float(sum(hits.mean() for hits in judged.moved)),
        low=low,
        high=high,
        p_moved=at_least(distribution, aligned),
        p_independent=at_least(number_aligned([hits] for hits in judged.moved), aligned),
        p_exchanged=_permuted(judged.exchanged(), judged.groups, settings),
    )


def _permuted(exchanged: Numbers, groups: list[NDArray[np.intp]], settings: Resampling) -> float:
    """Return how often permuted observations align at least as many slits as they do in place."""
    number = len(groups)
    if number < 2:
        return np.nan
    sums = np.stack([exchanged[group].sum(axis=0) for group in groups])
    random = np.random.default_rng(settings.seed)
    permutations = random.permuted(np.tile(np.arange(number), (settings.count, 1)), axis=1)
    aligned = sums[np.arange(number), permutations].sum(axis=1)
    return float((1 + (aligned >= np.trace(sums)).sum()) / (1 + settings.count))
