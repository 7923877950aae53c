"""The spectral window of the study: its 240 wavelengths and the lines in it.

The window holds Mg II h and k and the blended subordinate pair in k's red wing. Its limits and
its 240 points are those of Panos, Kleint & Zbinden (2023, Sect. 2); the line positions are the
ones that their published analysis marks in every figure.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

POINTS = 240
FIRST = 2794.14
LAST = 2805.72
SPACING = (LAST - FIRST) / (POINTS - 1)

LINES = {"k": 2796.34, "triplet": 2798.77, "h": 2803.52}
"""Line positions in Å, by name; `triplet` is the blended pair of subordinate lines."""

LIGHT_KM_S = 299_792.458


def grid() -> NDArray[np.float64]:
    """Wavelengths at which every cleaned spectrum is sampled.

    Returns
    -------
    ndarray, shape (240,)
        Vacuum wavelengths in Å, 2794.14 to 2805.72, evenly spaced by 48.45 mÅ.

    Examples
    --------
    >>> grid()[[0, -1]]
    array([2794.14, 2805.72])
    """
    return np.linspace(FIRST, LAST, POINTS)


@dataclass(frozen=True)
class Sampling:
    """Linear interpolation from one wavelength axis to another, prepared once.

    Attributes
    ----------
    window : slice
        The pixels that the interpolation needs; it takes spectra cut to them.
    left : ndarray of int
        Pixel of the window to the left of each point.
    weight : ndarray of float32
        Share of the pixel to the right.
    """

    window: slice
    left: NDArray[np.intp]
    weight: NDArray[np.float32]

    @classmethod
    def between(cls, pixels: NDArray[np.float64], points: NDArray[np.float64]) -> "Sampling":
        """Prepare the interpolation from ``pixels`` to ``points``, both increasing, in Å."""
        left = np.clip(np.searchsorted(pixels, points, side="right") - 1, 0, len(pixels) - 2)
        weight = (points - pixels[left]) / (pixels[left + 1] - pixels[left])
        window = slice(int(left[0]), int(left[-1]) + 2)
        return cls(window, left - window.start, weight.astype(np.float32))

    def __call__(self, spectra: NDArray[np.float32]) -> NDArray[np.float32]:
        """Interpolate spectra (..., window) to (..., points)."""
        # This form returns equal neighbours unchanged, so that a plateau stays one.
        sampled = np.take(spectra, self.left + 1, axis=-1)
        base = np.take(spectra, self.left, axis=-1)
        sampled -= base
        sampled *= self.weight
        sampled += base
        return sampled


def nearest_point(wavelength: float) -> int:
    """Index of the grid point nearest to a wavelength.

    Parameters
    ----------
    wavelength : float
        In Å.

    Returns
    -------
    int
        0 to 239.

    Raises
    ------
    ValueError
        If the wavelength lies outside the window.

    Examples
    --------
    >>> nearest_point(LINES["k"])
    45
    """
    if not FIRST <= wavelength <= LAST:
        raise ValueError(
            f"{wavelength} Å lies outside the window {FIRST}-{LAST} Å: give a wavelength within it."
        )
    return round((wavelength - FIRST) / SPACING)


def velocity(wavelength: ArrayLike, line: str = "k") -> NDArray[np.float64]:
    """Doppler velocity of wavelengths relative to a line, receding positive.

    Parameters
    ----------
    wavelength : array_like
        In Å.
    line : {"k", "triplet", "h"}
        The line whose position counts as rest.

    Returns
    -------
    ndarray
        In km/s, of the shape of `wavelength`; non-relativistic.

    Examples
    --------
    >>> round(float(velocity(2796.34 + 0.0932752, "k")), 2)
    10.0
    """
    rest = LINES[line]
    return np.asarray((np.asarray(wavelength) - rest) / rest * LIGHT_KM_S, np.float64)
