"""Bands of the window: cores of k and h, their sides, the triplet, metallic lines, continuum."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from preflare.errors import FindingError
from preflare.spectrum import FIRST, LAST, grid

METALS = {
    "2794.72 Å": 2794.72,
    "Mn I 2795.64": 2795.641,
    "Fe I 2798.60": 2798.600,
    "Mn I 2799.09": 2799.094,
    "Ni I 2799.47": 2799.474,
    "Fe I 2799.97": 2799.972,
    "2800.12 Å": 2800.12,
    "2800.66 Å": 2800.66,
    "2801.29 Å": 2801.29,
    "Cr II 2801.58": 2801.584,
    "Mn I 2801.91": 2801.907,
    "Fe I 2805.35": 2805.346,
    "Fe I 2805.69": 2805.690,
}
"""Metallic absorption lines of the photosphere in the window, vacuum wavelengths in Å.

Those with an element are from Pereira et al. (2013, ApJ 778, 143; also IRIS Technical Note 39,
Table 1.1). The others are dips of real spectra (`preflare.twin.blends`), named by their place only.
"""

BANDS = (
    ("continuum", 2794.60),
    ("2794.72 Å", 2794.84),
    ("continuum", 2795.34),
    ("left of k", 2795.52),
    ("Mn I 2795.64", 2795.76),
    ("left of k", 2796.09),
    ("k core", 2796.59),
    ("right of k", 2797.34),
    ("continuum", 2798.48),
    ("Fe I 2798.60", 2798.63),  # its red half cannot be told from the triplet
    ("triplet", 2798.97),
    ("Mn I 2799.09", 2799.21),
    ("continuum", 2799.35),
    ("Ni I 2799.47", 2799.59),
    ("continuum", 2799.85),
    ("Fe I 2799.97", 2800.05),
    ("2800.12 Å", 2800.24),
    ("continuum", 2800.54),
    ("2800.66 Å", 2800.78),
    ("continuum", 2801.17),
    ("2801.29 Å", 2801.44),
    ("Cr II 2801.58", 2801.70),
    ("continuum", 2801.79),
    ("Mn I 2801.91", 2802.03),
    ("continuum", 2802.52),
    ("left of h", 2803.27),
    ("h core", 2803.77),
    ("right of h", 2804.52),
    ("continuum", 2805.23),
    ("Fe I 2805.35", 2805.47),
    ("continuum", 2805.57),
    ("Fe I 2805.69", LAST),
)
"""Bands of the window in order: name, and upper end in Å; each begins where the one before ends.

Cores reach 0.25 Å (27 km/s) to either side of k and h, about half the width of the emission; left
and right of them reach to 1 Å (107 km/s). A metallic line takes 0.12 Å to either side. A name that
stands more than once is one band.
"""


OF_MAGNESIUM = (
    "left of k", "k core", "right of k", "triplet", "left of h", "h core", "right of h",
)  # fmt: skip


def spans() -> list[tuple[str, float, float]]:
    """Return name, lower and upper end in Å of every stretch of a band, in order."""
    ends = [FIRST, *(end for _, end in BANDS)]
    return [(name, low, high) for (name, high), low in zip(BANDS, ends[:-1], strict=True)]


def band_of_points() -> NDArray[np.str_]:
    """Return the name of each point's band, (240,).

    Examples
    --------
    >>> from preflare.spectrum import nearest_point
    >>> [str(band_of_points()[nearest_point(place)]) for place in (2796.34, 2799.47, 2800.4)]
    ['k core', 'Ni I 2799.47', 'continuum']
    """
    names, ends = zip(*BANDS, strict=True)
    return np.array(names)[np.searchsorted(ends, grid() - 1e-6)]


def points_of(*names: str) -> NDArray[np.bool_]:
    """Mark the points, (240,), of bands.

    Raises
    ------
    FindingError
        If there is no such band.
    """
    known = {name for name, _ in BANDS}
    for name in names:
        if name not in known:
            raise FindingError(
                f"There is no band {name!r}: choose from {', '.join(sorted(known))}."
            )
    return np.isin(band_of_points(), names)


def metallic() -> NDArray[np.bool_]:
    """Mark the points, (240,), of all metallic lines."""
    return points_of(*METALS)
