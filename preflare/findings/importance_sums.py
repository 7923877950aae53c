"""Sums over spectra that tell which wavelengths matter, without the spectra."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from preflare.findings.resampling import Numbers
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
    attribution, high_light, high_square : ndarray, shape (240,)
        Of high spectra: sums of the attributions, the profiles and the profiles squared.
    """

    kind: Class
    spectra: int
    high: int
    not_positive: int
    light: Numbers
    number: Numbers
    magnitude: Numbers
    attribution: Numbers
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
            profiles.sum(axis=0),
            (profiles**2).sum(axis=0),
        )

    def __add__(self, other: Sums) -> Sums:
        both = {name: getattr(self, name) + getattr(other, name) for name in _ADDED}
        return replace(self, **both)


_ADDED = tuple(each.name for each in fields(Sums) if each.name != "kind")


def _histogram(place: NDArray[np.intp], weights: Numbers) -> Numbers:
    return np.bincount(place, weights, POINTS).astype(np.float64)  # of none it would be whole
