"""Features: what a spectrum shows by its shape alone, and whether such spectra score high.

Panos et al. (2023, Sect. 8.1) find triplet emission, flows in both directions, broad and
asymmetric spectra among the spectrograms of the highest scores, and show four of them. Here each
feature is a number that real spectra have too, so that pictures can be chosen by rule
(`preflare.findings.examples`), and the claim behind them tested on all spectra
(`preflare.findings.feature_scores`).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from preflare.domain_shift import profiles_checked
from preflare.errors import FindingError
from preflare.shapes import BETWEEN_LINES
from preflare.spectrum import FIRST, LINES, SPACING, grid

Numbers = NDArray[np.float64]

FEATURES = ("triplet", "red_wing", "blue_wing", "broad_core", "single_peak", "asymmetry")
"""Those that the twin has events of are called as in `preflare.twin.truth.TRUTH_KINDS`."""
LINES_HK = ("k", "h")
REACH = 1.0
"""Å to either side of k and h that belong to the line."""
WING = 0.3
"""Å from line centre, 32 km/s, where its wings begin: outside the peaks of k2 and h2, whose ratio
plasma at the height of k3 sets by moving the other way."""
TRIPLET = 0.2
"""Å to either side of the triplet that belong to it."""
AT_ONCE = 16_384
"""Spectra measured at a time, which bounds the memory."""


def feature_measures(spectra: ArrayLike) -> pd.DataFrame:
    """Measure how far spectra show each feature, whatever their brightness.

    Parameters
    ----------
    spectra : array_like, shape (n, 240)
        On the grid of `preflare.grid`.

    Returns
    -------
    pandas.DataFrame
        One row a spectrum. All but the first are means of the measures of k and h.

        - ``triplet``: mean light within 0.2 Å of the triplet less that 0.3 to 0.5 Å beside it, over
          the spectrum's maximum; positive in emission
        - ``red_wing``: light at 0.3 to 1.0 Å redward of the line less that of the mirrored band,
          over the light within 1.0 Å; plasma that recedes
        - ``blue_wing``: the same with the other sign
        - ``broad_core``: full width at half the line's maximum in Å, from the outermost crossings
        - ``single_peak``: how far the line sinks between two peaks, below the lower one, over its
          maximum, negative; 0 of a single peak
        - ``asymmetry``: absolute difference of the line, above its lowest point, and its mirror
          image about its own centroid, over their sum; 0 to 1, and hardly changed where the line
          is moved as a whole

    Raises
    ------
    FindingError
        If the spectra are not finite, have another shape, or no emission in a line.
    """
    profiles = profiles_checked(spectra, "spectra", normalised=False)
    lines = [profiles[:, _within(line)] for line in LINES_HK]
    dark = np.any([(c.sum(axis=1) <= 0) | (np.ptp(c, axis=1) == 0) for c in lines], axis=0)
    if dark.any():
        raise FindingError(
            f"{int(dark.sum())} of {len(profiles)} spectra have no emission in k or in h: "
            "leave them out."
        )
    parts = [
        _measured(profiles[first : first + AT_ONCE].astype(np.float64))
        for first in range(0, len(profiles), AT_ONCE)
    ]
    return pd.DataFrame(np.concatenate(parts), columns=list(FEATURES))


def typical_features(reference: ArrayLike) -> pd.DataFrame:
    """Say what is typical of the features of a reference, such as all AR spectra.

    Parameters
    ----------
    reference : array_like, shape (m, 240)

    Returns
    -------
    pandas.DataFrame
        One row a feature: ``median``, and ``scatter``, 1.4826 times the median absolute deviation,
        which for a normal distribution is its standard deviation.

    Raises
    ------
    FindingError
        As `feature_measures` does, and if more than half of the reference spectra are alike in a
        feature.
    """
    measures = feature_measures(reference)
    median = measures.median()
    scatter = 1.4826 * (measures - median).abs().median()
    # A constant, computed for each spectrum, may differ in its last digits.
    alike = scatter.index[scatter <= 1e-9 * (1 + median.abs())]
    if len(alike):
        raise FindingError(
            f"Half of {len(measures)} reference spectra or more are alike in {alike[0]}, so that "
            "it has no scatter to compare with: give more, and different ones."
        )
    return pd.DataFrame({"median": median, "scatter": scatter})


def feature_strengths(spectra: ArrayLike, typical: pd.DataFrame) -> pd.DataFrame:
    """Measure features in units of their scatter in a reference.

    Parameters
    ----------
    spectra : array_like, shape (n, 240)
    typical : pandas.DataFrame
        From `typical_features`.

    Returns
    -------
    pandas.DataFrame
        One row a spectrum, one column a feature: `feature_measures` less the median, over the
        scatter.

    Raises
    ------
    FindingError
        As `feature_measures` does.
    """
    return (feature_measures(spectra) - typical["median"]) / typical["scatter"]


def _measured(profiles: Numbers) -> Numbers:
    """Return the measures (n, features) in the order of `FEATURES`."""
    offset = np.abs(grid() - LINES["triplet"])
    beside = (offset >= BETWEEN_LINES[0]) & (offset <= BETWEEN_LINES[1])
    triplet = profiles[:, offset <= TRIPLET].mean(axis=1) - profiles[:, beside].mean(axis=1)
    of_lines = []
    for line in LINES_HK:
        core = profiles[:, _within(line)]
        of_line = [_wing(profiles, line), _width(core), -_reversal(core), _skew(profiles, line)]
        of_lines.append(np.stack(of_line))
    wing, width, single, skew = np.mean(of_lines, axis=0)
    return np.stack([triplet / profiles.max(axis=1), wing, -wing, width, single, skew], axis=1)


def _within(line: str) -> NDArray[np.bool_]:
    return np.asarray(np.abs(grid() - LINES[line]) <= REACH)


def _wing(profiles: Numbers, line: str) -> Numbers:
    """Return the light of the red wing less that of the blue one, over that of the line."""
    offset = np.arange(0.5 * SPACING, REACH, SPACING)
    to_blue, to_red = (
        _at(profiles, (LINES[line] + side * offset - FIRST) / SPACING) for side in (-1, 1)
    )
    wing = offset >= WING
    excess = to_red[:, wing].sum(axis=1) - to_blue[:, wing].sum(axis=1)
    return np.asarray(excess / (to_red.sum(axis=1) + to_blue.sum(axis=1)))


def _width(core: Numbers) -> Numbers:
    """Return the full width at half maximum in Å, from the outermost crossings."""
    half = 0.5 * core.max(axis=1, keepdims=True)
    edges = []
    for side in (core, core[:, ::-1]):
        first = (side >= half).argmax(axis=1)[:, None]
        inner = np.take_along_axis(side, first, axis=1)
        outer = np.take_along_axis(side, np.maximum(first - 1, 0), axis=1)
        rise = np.where(first > 0, inner - outer, 1.0)
        edges.append(first - np.where(first > 0, (inner - half) / rise, 0.0))
    return np.asarray(SPACING * (core.shape[1] - 1 - edges[0] - edges[1])[:, 0])


def _reversal(core: Numbers) -> Numbers:
    """Return how far a line sinks between two peaks, below the lower one, over its maximum."""
    from_blue = np.maximum.accumulate(core, axis=1)
    from_red = np.maximum.accumulate(core[:, ::-1], axis=1)[:, ::-1]
    deepest = (np.minimum(from_blue, from_red) - core).max(axis=1)
    return np.asarray(deepest / core.max(axis=1))


def _skew(profiles: Numbers, line: str) -> Numbers:
    """Return the difference of a line and its mirror image about its centroid, over their sum."""
    inside = _within(line)
    floor = profiles[:, inside].min(axis=1, keepdims=True)
    emission = np.maximum(profiles - floor, 0.0)
    light = emission[:, inside]
    centroid = (light @ np.flatnonzero(inside)) / light.sum(axis=1)
    offset = np.arange(0.5, REACH / SPACING)
    blue, red = (_at(emission, centroid[:, None] + side * offset) for side in (-1, 1))
    return np.asarray(np.abs(red - blue).sum(axis=1) / (red + blue).sum(axis=1))


def _at(values: Numbers, places: Numbers) -> Numbers:
    """Interpolate rows of values (n, 240) at fractional places, (m,) for all or (n, m)."""
    left = np.floor(places).astype(np.intp)
    pick = np.take if places.ndim == 1 else np.take_along_axis
    low, high = (pick(values, left + more, axis=1) for more in (0, 1))
    return low + (places - left) * (high - low)
