"""Numbers that describe the shape of a profile: peaks, widths, ratios.

They serve to compare sets of spectra, real and simulated; the networks never see them.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from preflare.rules import CONTINUUM
from preflare.spectrum import LINES, grid

CORE = 0.6
"""Å to either side of a line that count as its core."""
PROMINENCE = 0.015
"""A peak rises by at least this share of the maximum above the dip beside it."""
BETWEEN_LINES = (0.3, 0.5)
"""Å from the triplet where the light is compared with the triplet's own."""

Spectra = NDArray[np.float32]


def shapes(profiles: Spectra) -> pd.DataFrame:
    """Measure normalised profiles.

    Parameters
    ----------
    profiles : ndarray, (n, 240)
        On the grid of `preflare.grid`, normalised by their maxima.

    Returns
    -------
    pandas.DataFrame
        One row a profile:

        - ``k_over_h``: ratio of the light within 0.6 Å of each line
        - ``depth``: k3 over the mean of the two k2 peaks; 0 where there is one peak only
        - ``separation``: distance of the two peaks in Å; 0 where there is one only
        - ``asymmetry``: blue less red peak over their sum; 0 where there is one only
        - ``fwhm``: full width of k at half its maximum, in Å
        - ``continuum``: mean at 2799.7-2800.2 Å
        - ``triplet``: least light within 0.1 Å of the triplet over the mean on both sides of it
    """
    profiles = np.asarray(profiles, np.float64)
    wavelength = grid()
    k, h = (np.abs(wavelength - LINES[line]) <= CORE for line in ("k", "h"))
    offset = np.abs(wavelength - LINES["triplet"])
    centre, beside = offset <= 0.1, (offset >= BETWEEN_LINES[0]) & (offset <= BETWEEN_LINES[1])
    core = profiles[:, k]
    peaks = [_peaks(profile) for profile in core]
    spacing = wavelength[1] - wavelength[0]
    return pd.DataFrame(
        {
            "k_over_h": core.sum(axis=1) / profiles[:, h].sum(axis=1),
            "depth": [peak[0] for peak in peaks],
            "separation": [spacing * peak[1] for peak in peaks],
            "asymmetry": [peak[2] for peak in peaks],
            "fwhm": [spacing * _width(profile) for profile in core],
            "continuum": profiles[:, CONTINUUM].mean(axis=1),
            "triplet": profiles[:, centre].min(axis=1) / profiles[:, beside].mean(axis=1),
        }
    )


def _peaks(core: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return depth, separation (points) and asymmetry of the two highest peaks."""
    inner = core[1:-1]
    places = 1 + np.flatnonzero((inner >= core[:-2]) & (inner > core[2:]))
    if places.size < 2:
        return 0.0, 0.0, 0.0
    first, second = np.sort(places[np.argsort(core[places])[-2:]])
    dip = core[first : second + 1].min()
    if min(core[first], core[second]) - dip < PROMINENCE * core.max():
        return 0.0, 0.0, 0.0
    blue, red = core[first], core[second]
    apart = _vertex(core, second) - _vertex(core, first)
    return float(2 * dip / (blue + red)), float(apart), float((blue - red) / (blue + red))


def _vertex(values: NDArray[np.float64], place: int) -> float:
    """Return where a parabola through a maximum and its neighbours is highest."""
    left, middle, right = values[place - 1 : place + 2]
    return place + 0.5 * (left - right) / (left - 2 * middle + right)


def _width(core: NDArray[np.float64]) -> float:
    """Return the full width at half maximum in points, from the outermost crossings."""
    half = 0.5 * core.max()
    above = np.flatnonzero(core >= half)
    first, last = above[0], above[-1]
    left, right = float(first), float(last)
    if first > 0:
        left -= (core[first] - half) / (core[first] - core[first - 1])
    if last < core.size - 1:
        right += (core[last] - half) / (core[last] - core[last + 1])
    return right - left
