"""Random fields over the solar surface and time, as sums of plane waves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

WAVES = 256


@dataclass(frozen=True)
class Field:
    """A stationary Gaussian field of unit variance.

    The correlation over a distance r is (1 + a) exp(-a) with a = sqrt(3) r / length (Matérn,
    smoothness 3/2), which the plane waves' random wave numbers give (Rahimi & Recht 2007).

    Attributes
    ----------
    wave_x, wave_y : ndarray, (waves,)
        Wave numbers in radians per arcsec.
    frequency : ndarray, (waves,)
        In radians per s.
    phase : ndarray, (waves,)
        In radians.
    """

    wave_x: Array
    wave_y: Array
    frequency: Array
    phase: Array

    @classmethod
    def evolving(cls, length: float, lifetime: float, rng: np.random.Generator) -> Field:
        """Draw a field that forgets itself over ``lifetime`` s (Gaussian in time)."""
        return cls(*_wave_numbers(length, rng), rng.normal(0, 1 / lifetime, WAVES), _phases(rng))

    @classmethod
    def oscillating(
        cls, length: float, periods: tuple[float, float], rng: np.random.Generator
    ) -> Field:
        """Draw a field that oscillates with periods (s) between two limits."""
        frequency = 2 * np.pi / rng.uniform(*periods, WAVES) * rng.choice((-1, 1), WAVES)
        return cls(*_wave_numbers(length, rng), frequency, _phases(rng))

    def at(self, x: Array, t: Array, y: Array) -> Array:
        """Evaluate the field on slits.

        Parameters
        ----------
        x, t : ndarray, (exposures,)
            Place (arcsec) and time (s) of each exposure.
        y : ndarray, (slit,)
            Place along the slit (arcsec).

        Returns
        -------
        ndarray, (exposures, slit)
        """
        along = np.outer(x, self.wave_x) - np.outer(t, self.frequency) + self.phase
        across = np.outer(self.wave_y, y)
        # cos(a + b), as a matrix product over the waves
        field = np.cos(along) @ np.cos(across) - np.sin(along) @ np.sin(across)
        return np.asarray(np.sqrt(2.0 / WAVES) * field)


def _wave_numbers(length: float, rng: np.random.Generator) -> tuple[Array, Array]:
    # The Matérn spectrum of smoothness 3/2 is a t distribution with 3 degrees of freedom.
    scale = np.sqrt(rng.chisquare(3, WAVES) / 3) * length
    wave_x, wave_y = rng.normal(size=(2, WAVES)) / scale
    return wave_x, wave_y


def _phases(rng: np.random.Generator) -> Array:
    return rng.uniform(0, 2 * np.pi, WAVES)
