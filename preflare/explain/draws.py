"""Draws: from which baselines, and how far along the way, expected gradients are taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from preflare.errors import ExplanationError
from preflare.explain.judged import check_choice, whole_number

Design = Literal["spread", "independent"]
DESIGNS = ("spread", "independent")

GOLDEN = 0.5 * (5**0.5 - 1)
ALIKE = 16
"""So few baselines next to each other are not put in order any more."""
LOOKED_AT = 256
"""Baselines, at most, that show at which wavelength a part of them differs most."""


@dataclass(frozen=True)
class Draws:
    """What one network draws.

    Attributes
    ----------
    place : ndarray of int64, (samples,)
        Of the baseline.
    alpha : ndarray of float32, (samples,)
        How far from it towards the spectrum, 0 to 1.

    Raises
    ------
    ExplanationError
        If there is not one of each, or an alpha lies elsewhere.
    """

    place: NDArray[np.int64]
    alpha: NDArray[np.floating[Any]]

    def __post_init__(self) -> None:
        place = np.require(self.place, np.int64, "W")
        alpha = np.require(self.alpha, np.float32, "W")
        if place.ndim != 1 or place.shape != alpha.shape:
            raise ExplanationError(
                f"Draws have places of shape {place.shape} and alphas of shape {alpha.shape}: "
                "give one of each for every sample."
            )
        if not ((alpha >= 0) & (alpha <= 1)).all():
            raise ExplanationError("An alpha of the draws is not between 0 and 1: draw it there.")
        object.__setattr__(self, "place", place)
        object.__setattr__(self, "alpha", alpha)


def draw(
    samples: int,
    baselines: int,
    seed: int,
    member: int,
    design: Design,
    order: NDArray[np.int64] | None = None,
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
    order : ndarray of int, (baselines,), optional
        The order, see `by_likeness`. Default: as they come.

    Returns
    -------
    Draws

    Raises
    ------
    ExplanationError
        If there is no such design, or nothing to draw.
    """
    check_choice("design", design, DESIGNS)
    samples = whole_number("number of samples", samples, 1)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(member,)))
    if design == "independent":
        return Draws(rng.integers(0, baselines, samples), rng.random(samples))
    stretch = (np.arange(samples) + rng.random(samples)) / samples
    place = np.minimum((stretch * baselines).astype(np.int64), baselines - 1)
    if order is not None:
        place = order[place]
    return Draws(place, (np.arange(samples) * GOLDEN + rng.random()) % 1.0)


def by_likeness(baselines: NDArray[Any]) -> NDArray[np.int64]:
    """Return an order of baselines (m, 240) in which neighbours are alike.

    They are halved where they differ most, at the median of one wavelength, and the halves again,
    and so on.
    """

    def halved(places: NDArray[np.int64]) -> NDArray[np.int64]:
        if len(places) <= ALIKE:
            return places
        some = baselines[places[:: -(-len(places) // LOOKED_AT)]]
        most = some.var(axis=0).argmax()
        places = places[np.argsort(baselines[places, most], kind="stable")]
        middle = len(places) // 2
        return np.concatenate([halved(places[:middle]), halved(places[middle:])])

    return halved(np.arange(len(baselines)))
