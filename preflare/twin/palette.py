"""From a few numbers a pixel to its spectrum: the dressed profiles, ordered by their shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree
from scipy.stats import norm, rankdata

from preflare.spectrum import LINES
from preflare.twin.dressing import Profiles
from preflare.twin.library import WAVELENGTH

Array = NDArray[np.float64]
Spectra = NDArray[np.float32]

TRAITS = ("brightness", "continuum", "width", "depth", "asymmetry")
NEIGHBOURS = 3
CORE = 0.9
"""Å to either side of k within which its shape is measured."""


def traits(radiance: NDArray[np.floating]) -> Array:
    """Measure what sets spectra apart.

    Parameters
    ----------
    radiance : ndarray, (n, 512)
        Spectra at `preflare.twin.library.WAVELENGTH`.

    Returns
    -------
    ndarray, (n, 5)
        In the order of `TRAITS`: logarithm of the mean emission in the core of k, logarithm of
        the continuum at 2800 Å, standard deviation (Å) of k's emission, its value at line centre
        over its maximum, and its centroid (Å) from line centre.
    """
    offset = WAVELENGTH - LINES["k"]
    inside = np.abs(offset) < CORE
    core = radiance[:, inside].astype(np.float64)
    emission = core - core.min(axis=1, keepdims=True)
    total = emission.sum(axis=1)
    centroid = emission @ offset[inside] / total
    spread = np.sqrt(emission @ offset[inside] ** 2 / total - centroid**2)
    centre = np.abs(offset[inside]) < 0.04
    depth = emission[:, centre].mean(axis=1) / emission.max(axis=1)
    continuum = radiance[:, np.abs(WAVELENGTH - 2800.0) < 0.2].mean(axis=1)
    return np.stack(
        [np.log(total / inside.sum()), np.log(continuum), spread, depth, centroid], axis=1
    )


@dataclass(frozen=True)
class Palette:
    """Spectra that a scene can paint with.

    Attributes
    ----------
    radiance : ndarray of float32, (n, 512)
        The spectra.
    tree : KDTree
        Over their traits, made normal and independent: a pixel with independent standard normal
        numbers gets traits that are distributed, and correlated, as in the palette.
    """

    radiance: Spectra
    tree: KDTree

    @classmethod
    def of(cls, profiles: Profiles, shares: dict[str, float], rng: np.random.Generator) -> Palette:
        """Draw a palette from regimes in given shares."""
        size = min(
            int((profiles.regime == regime).sum() / share) for regime, share in shares.items()
        )
        places = np.concatenate(
            [
                rng.choice(
                    np.flatnonzero(profiles.regime == regime), int(share * size), replace=False
                )
                for regime, share in shares.items()
            ]
        )
        radiance = profiles.radiance[places]
        ranks = rankdata(traits(radiance), axis=0)
        scores = norm.ppf((ranks - 0.5) / len(places))
        spread = np.linalg.cholesky(np.corrcoef(scores.T))
        return cls(radiance, KDTree(np.linalg.solve(spread, scores.T).T))

    def pick(self, numbers: Array) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Choose spectra for pixels.

        Parameters
        ----------
        numbers : ndarray, (n, 5)
            Five numbers a pixel, standard normal on average over many pixels.

        Returns
        -------
        places, weights : ndarray, (n, 3)
            The nearest spectra and their shares, which sum to 1.
        """
        distance, places = self.tree.query(numbers, k=NEIGHBOURS)
        closeness = 1.0 / (np.asarray(distance) + 0.05)
        weights = closeness / closeness.sum(axis=1, keepdims=True)
        return np.asarray(places), weights.astype(np.float32)

    def mixed(self, places: NDArray[np.intp], weights: NDArray[np.float32]) -> Spectra:
        """Return the mixtures (n, 512) of the chosen spectra."""
        result = weights[:, :1] * self.radiance[places[:, 0]]
        for choice in range(1, places.shape[1]):
            result += weights[:, choice, None] * self.radiance[places[:, choice]]
        return np.asarray(result, np.float32)


def nearest(of: Spectra, to: Spectra) -> NDArray[np.intp]:
    """Return for each spectrum of ``to`` the place of the spectrum of ``of`` most like it."""
    mean = traits(of).mean(axis=0)
    spread = traits(of).std(axis=0)
    tree = KDTree((traits(of) - mean) / spread)
    return np.asarray(tree.query((traits(to) - mean) / spread)[1])
