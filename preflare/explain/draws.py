"""Draws: from which baselines, and how far along the way, expected gradients are taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from preflare.errors import ExplanationError

Design = Literal["spread", "independent"]
DESIGNS = ("spread", "independent")

GOLDEN = 0.5 * (5**0.5 - 1)
ALIKE = 8
"""So few baselines next to each other are not put in order any more."""


@dataclass(frozen=True)
class Draws:
    """What one network draws.

    Attributes
    ----------
    place : ndarray of int64, (samples,)
        Of the baseline.
    alpha : ndarray of float32, (samples,)
        How far from it towards the spectrum, 0 to 1.
    """

    place: NDArray[np.int64]
    alpha: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.place.shape != self.alpha.shape:
            raise ExplanationError(
                f"Draws have {self.place.shape} places and {self.alpha.shape} alphas: "
                "give one of each for every sample."
            )


def draw(
    samples: int, baselines: int, seed: int, member: int, design: Design, order: NDArray[Any]
) -> Draws:
    """Draw baselines, and places between them and any spectrum, for one member of a swarm.

    Parameters
    ----------
    samples : int
        How many.
    baselines : int
        To draw from.
    seed, member : int
        Each member has draws of its own, that follow from these.
    design : {"spread", "independent"}
        Each draw by itself; or spread evenly: over the baselines in an order, one in each stretch
        of it, and over the way by steps of the golden ratio.
    order : ndarray of int, (baselines,)
        The order: see `by_likeness`.

    Returns
    -------
    Draws

    Raises
    ------
    ExplanationError
        If there is no such design, or nothing to draw or to draw from.
    """
    if design not in DESIGNS:
        raise ExplanationError(f"There is no design {design!r}: choose {' or '.join(DESIGNS)}.")
    if samples < 1:
        raise ExplanationError(f"{samples} samples explain nothing: draw 1 or more.")
    if seed < 0:
        raise ExplanationError(f"The seed {seed} is negative: give 0 or more.")
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(member,)))
    if design == "independent":
        return Draws(rng.integers(0, baselines, samples), _single(rng.random(samples)))
    stretch = (np.arange(samples) + rng.random(samples)) / samples
    place = order[np.minimum((stretch * baselines).astype(np.int64), baselines - 1)]
    return Draws(place, _single((np.arange(samples) * GOLDEN + rng.random()) % 1.0))


def by_likeness(baselines: NDArray[Any]) -> NDArray[np.int64]:
    """Return an order of baselines (m, 240) in which neighbours are alike.

    They are halved where they differ most, at the median of one wavelength, and the halves again,
    and so on.
    """

    def halved(places: NDArray[np.int64]) -> NDArray[np.int64]:
        if len(places) <= ALIKE:
            return places
        some = baselines[places]
        most = some.var(axis=0).argmax()
        places = places[np.argsort(some[:, most], kind="stable")]
        middle = len(places) // 2
        return np.concatenate([halved(places[:middle]), halved(places[middle:])])

    return halved(np.arange(len(baselines)))


def _single(values: NDArray[Any]) -> NDArray[np.float32]:
    return values.astype(np.float32)
