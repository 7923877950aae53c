"""Sums over spectra that tell which wavelengths matter, without the spectra."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from preflare.errors import FindingError
from preflare.findings.resampling import Bounds, Numbers, Resampling
from preflare.findings.slits import check_choice
from preflare.spectrum import POINTS

Class = Literal["PF", "AR"]


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums over spectra of one observation; those of parts of it add up.

    Attributes
    ----------
    kind : {"PF", "AR"}
    spectra, high, not_positive : int
        Spectra; those that score high; and of these, those of which no attribution is positive.
    light : ndarray, shape (240,)
        Sum of all normalised profiles.
    number, magnitude : ndarray, shape (240,)
        Of high spectra: how many have their largest attribution at a point, and the sum of these
        attributions. Those that are not positive are left out.
    attribution, positive, high_light, high_square : ndarray, shape (240,)
        Of high spectra: sums of the attributions, of those above 0, of the profiles and of the
        profiles squared.
    """

    kind: Class
    spectra: int
    high: int
    not_positive: int
    light: Numbers
    number: Numbers
    magnitude: Numbers
    attribution: Numbers
    positive: Numbers
    high_light: Numbers
    high_square: Numbers

    @classmethod
    def of(
        cls,
        kind: Class,
        spectra: Numbers,
        attributions: Numbers,
        high: NDArray[np.bool_],
    ) -> Sums:
        """Sum up spectra (n, 240) and their attributions (n, 240), of which some (n,) are high."""
        profiles, heat = spectra[high], attributions[high]
        place = heat.argmax(axis=1)
        largest = heat[np.arange(len(heat)), place]
        positive = largest > 0
        place, largest = place[positive], largest[positive]
        return cls(
            kind,
            len(spectra),
            len(heat),
            int((~positive).sum()),
            spectra.sum(axis=0),
            _histogram(place, np.ones(len(place))),
            _histogram(place, largest),
            heat.sum(axis=0),
            np.maximum(heat, 0.0).sum(axis=0),
            profiles.sum(axis=0),
            (profiles**2).sum(axis=0),
        )

    @property
    def size(self) -> Numbers:
        """Sum of the absolute attributions of high spectra, (240,)."""
        return 2 * self.positive - self.attribution

    def __add__(self, other: Sums) -> Sums:
        both = {name: getattr(self, name) + getattr(other, name) for name in _ADDED}
        return replace(self, **both)


_ADDED = tuple(each.name for each in fields(Sums) if each.name != "kind")


def ratio(
    observed: Sequence[Sums],
    quantity: Literal["number", "magnitude", "positive", "size"],
    points: NDArray[np.bool_],
    others: NDArray[np.bool_],
    *,
    count: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, Bounds]:
    """Compare what lies at some points with what lies at others, point for point.

    Parameters
    ----------
    observed : sequence of Sums
        One an observation, as from `preflare.findings.importance.Importance.high`.
    quantity : {"number", "magnitude", "positive", "size"}
        Of `Sums`.
    points, others : ndarray of bool, shape (240,)
        They may overlap: with all points as the others, chance gives 1.
    count, seed, level
        Of the resamples of the observations, see `preflare.findings.resampling.Resampling`.

    Returns
    -------
    value : float
        Mean over the points, over the mean over the others; nan if that is 0.
    bounds : Bounds
        nan for fewer than two observations.

    Raises
    ------
    FindingError
        If there is no such quantity or observation, marks are not 240 or none is set, or a setting
        is wrong.
    """
    drawing = Resampling(count, seed, level)
    check_choice("quantity", quantity, ("number", "magnitude", "positive", "size"))
    if not observed:
        raise FindingError("There are no sums to compare: give those of an observation or more.")
    for name, marks in (("points", points), ("others", others)):
        if marks.shape != (POINTS,) or not marks.any():
            raise FindingError(
                f"{name} has the shape {marks.shape} and {int(marks.sum())} marks: mark some of "
                f"{POINTS} points."
            )
    placed = np.stack([getattr(each, quantity) for each in observed])
    here, there = (placed[:, marks].mean(axis=1) for marks in (points, others))
    (bounds,) = drawing.ratios(here[:, None], there)
    total = there.sum()
    return float(here.sum() / total) if total > 0 else np.nan, bounds


def _histogram(place: NDArray[np.intp], weights: Numbers) -> Numbers:
    return np.bincount(place, weights, POINTS).astype(np.float64)  # of none it would be whole
