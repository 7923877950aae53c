"""A Mg II profile from nine numbers that sliders set, and the numbers nearest to a spectrum.

The page computes the same profile in the browser, in ``web/profile.mjs``; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares

from preflare.network_inputs import checked_spectra
from preflare.spectrum import LIGHT_KM_S, LINES, grid
from preflare.twin.blends import blends
from preflare.twin.library import WAVELENGTH

Numbers = NDArray[np.float64]

STEEPNESS = 2.5
"""Exponent of the cores: 2 would be a Gaussian; this one fits the shipped baselines better."""
REVERSAL_WIDTH = 0.5
"""Width of the dip in the cores, in units of theirs."""
DAMPING = 0.77
"""Å from line centre at which the damping wing halves the continuum."""
TRIPLET = (2798.754, 2798.822)
"""Å; the two subordinate lines that the window holds (the third lies at 2791.6 Å)."""
TRIPLET_SIGMA = 0.09
"""Å."""


@dataclass(frozen=True)
class Slider:
    """What a slider sets, and how far it goes.

    Attributes
    ----------
    name, label, unit : str
    least, most, step : float
    means : str
        One sentence for the page.
    """

    name: str
    label: str
    unit: str
    least: float
    most: float
    step: float
    means: str


SLIDERS = (
    Slider("k", "k height", "", 0.1, 1.5, 0.01, "Light that the core of k adds."),
    Slider("h", "h height", "", 0.1, 1.5, 0.01, "Light that the core of h adds."),
    Slider("reversal", "Reversal", "", 0, 0.95, 0.01, "Share of the core that its dip takes away."),
    Slider(
        "dip", "Reversal shift", "km/s", -40, 40, 1,
        "Where the dip lies: towards the red it leaves the blue peak higher.",
    ),
    Slider("width", "Width", "Å", 0.2, 1.6, 0.02, "Full width of the cores at half their height."),
    Slider(
        "wing", "Wing shift", "km/s", -80, 80, 1,
        "How much farther one side of the cores reaches: red if positive, blue if negative.",
    ),
    Slider("triplet", "Triplet", "", -0.1, 0.6, 0.01, "Light at the triplet; absorption below 0."),
    Slider("continuum", "Continuum", "", 0.01, 0.6, 0.01, "Light far from the lines."),
    Slider("noise", "Noise", "", 0, 0.1, 0.005, "Its standard deviation where the light is 1."),
)  # fmt: skip
"""Heights, triplet and continuum are in units that the final division by the maximum removes."""

FITTED = SLIDERS[:-1]


@cache
def transmission() -> Numbers:
    """Return what other metals leave of the continuum (240,), as measured on real spectra.

    See `preflare.twin.blends`.
    """
    depth, _ = blends()
    return np.interp(grid(), WAVELENGTH, np.exp(-depth.astype(np.float64)))


def profile(values: Mapping[str, float]) -> Numbers:
    """Return the profile (240,) that sliders make, without noise.

    Two cores with a dip each stand on a continuum that damping wings and blends have eaten into;
    the triplet is added, what is below zero is cut off, and the maximum becomes 1.

    Parameters
    ----------
    values : mapping of str to float
        What each of `FITTED` is set to; the wing shift in km/s, the width in Å.

    Examples
    --------
    >>> made = profile({"k": 1, "h": 0.8, "reversal": 0, "dip": 0, "width": 0.7, "wing": 0,
    ...                 "triplet": 0, "continuum": 0.1})
    >>> float(made.max()), float(grid()[made.argmax()].round(1))
    (1.0, 2796.3)
    """
    return _normalised(_light(values))


def reshaped(
    spectrum: ArrayLike, fitted: Mapping[str, float], values: Mapping[str, float]
) -> Numbers:
    """Return a spectrum (240,) changed as sliders change the profile nearest to it.

    What sliders cannot make of it stays as it is.

    Parameters
    ----------
    spectrum : array_like, shape (240,)
        Normalised.
    fitted : mapping of str to float
        The settings nearest to it, see `nearest`.
    values : mapping of str to float
        What the sliders are set to instead.
    """
    start = _light(fitted)
    return _normalised(np.asarray(spectrum) + (_light(values) - start) / start.max())


def _normalised(light: Numbers) -> Numbers:
    return np.maximum(light, 0) / light.max()


def _light(values: Mapping[str, float]) -> Numbers:
    wavelength = grid()
    lines = [(values[name], wavelength - LINES[name], LINES[name]) for name in ("k", "h")]
    damping = sum((DAMPING / away) ** 2 for _, away, _ in lines)
    light = values["continuum"] * transmission() / (1 + damping)
    for height, away, rest in lines:
        reach = values["wing"] / LIGHT_KM_S * rest
        side = np.where(away < 0, max(-reach, 0.0), max(reach, 0.0))
        half = values["width"] / 2
        core = np.exp2(-(np.abs(away / (half + side)) ** STEEPNESS))
        from_dip = away - values["dip"] / LIGHT_KM_S * rest
        dip = values["reversal"] * np.exp2(-((from_dip / (REVERSAL_WIDTH * half)) ** 2))
        light = light + height * core * (1 - dip)
    offsets = [(wavelength - line) / TRIPLET_SIGMA for line in TRIPLET]
    return light + values["triplet"] * np.mean([np.exp(-0.5 * off**2) for off in offsets], axis=0)


def nearest(spectrum: ArrayLike) -> dict[str, float]:
    """Return the settings whose profile is nearest to a spectrum, by least squares.

    Parameters
    ----------
    spectrum : array_like, shape (240,)
        Normalised.

    Returns
    -------
    dict of str to float
        A value for each of `SLIDERS`, on its steps; no noise.

    Raises
    ------
    NetworkError
        If it is not normalised, or not of that shape.
    """
    wanted = checked_spectra(np.asarray(spectrum)[None], name="spectrum")[0]
    names = [slider.name for slider in FITTED]
    ends = np.array([(slider.least, slider.most) for slider in FITTED]).T
    usual = dict(zip(names, (1, 0.85, 0, 0, 0.7, 0, 0, 0.1), strict=True))

    def residual(x: Numbers) -> Numbers:
        return profile(dict(zip(names, x, strict=True))) - wanted

    # There are local minima, and symmetric wings are an edge of the model: start from many places.
    starts = [
        list((usual | {"wing": wing, "dip": dip, "reversal": reversal}).values())
        for wing in (-5, 5)
        for dip in (-9, 0, 9)
        for reversal in (0.1, 0.5)
    ]
    found = [least_squares(residual, start, bounds=(ends[0], ends[1]), x_scale=np.ptp(ends, axis=0))
             for start in starts]  # fmt: skip
    best = min(found, key=lambda fit: float(fit.cost)).x
    on_steps = {
        slider.name: round(round(value / slider.step) * slider.step, 6)
        for slider, value in zip(FITTED, best, strict=True)
    }
    return on_steps | {"noise": 0.0}
