"""Departures of the published code from the published equations, and what they do to maps.

How Grad-CAM departs is set by `preflare.explain.gradcam.Variant`, and the scaling of expected
gradients is `preflare.explain.smoothing.published_scaling`. Here the maps of both are compared.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from preflare.errors import FindingError
from preflare.explain.agreement import agreement
from preflare.explain.quality import completeness
from preflare.explain.smoothing import published_scaling
from preflare.findings.means import means
from preflare.findings.resampling import Numbers, finite
from preflare.kernels.convnet import LENGTH_2
from preflare.network import ConvNet, receptive_field
from preflare.spectrum import FIRST, POINTS, SPACING

FAR = 0.5
"""Å by which a maximum must move to count: about one unit of Grad-CAM, 54 km/s at k."""
FLAT = 1e-6
"""Share of a map's range within which points are equally high: what rounding leaves."""


def stretching(wavelength: ArrayLike) -> Numbers:
    """Tell by how much the published placing of Grad-CAM's units moves what they found.

    The 22 units are put evenly from the first point of the window to the last, and not at the
    centres of what they see. A place between the first and the last centre moves in proportion.

    Parameters
    ----------
    wavelength : array_like
        Where something is, in Å.

    Returns
    -------
    ndarray
        Where it is drawn less where it is, in Å, positive to the red; nan beyond the first and the
        last unit's centre.

    Examples
    --------
    >>> stretching([2796.34, 2803.52]).round(2)
    array([-0.83,  1.07])
    """
    _, stride, centre = receptive_field(ConvNet().features)
    point = (np.asarray(wavelength, np.float64) - FIRST) / SPACING
    unit = (point - centre) / stride
    moved = unit * (POINTS - 1) / (LENGTH_2 - 1) - point
    inside = (unit >= -1e-9) & (unit <= LENGTH_2 - 1 + 1e-9)
    return np.where(inside, SPACING * moved, np.nan)


def maximum_at(maps: ArrayLike) -> Numbers:
    """Find where each map is highest.

    Parameters
    ----------
    maps : array_like, shape (n, 240)

    Returns
    -------
    ndarray, shape (n,)
        In Å; of several highest points the one nearest to the middle of the window, which on the
        flat ends of Grad-CAM's maps is the outermost unit's centre. nan for a map that is the same
        everywhere.

    Raises
    ------
    FindingError
        If the maps are no finite (n, 240).
    """
    values = finite("maps", maps, None, POINTS)
    high, low = values.max(axis=1, keepdims=True), values.min(axis=1, keepdims=True)
    highest = values >= high - FLAT * (high - low)
    away = np.abs(np.arange(POINTS) - (POINTS - 1) / 2)
    place = np.where(highest, away, np.inf).argmin(axis=1)
    return np.where((high > low)[:, 0], FIRST + SPACING * place, np.nan)


def change_of_maps(
    before: ArrayLike,
    after: ArrayLike,
    groups: ArrayLike | pd.Categorical,
    *,
    far: float = FAR,
    **resampling: Any,
) -> pd.DataFrame:
    """Compare two maps of every spectrum: how alike they are, and whether the maximum stays.

    Parameters
    ----------
    before, after : array_like, shape (n, 240)
        Of the same spectra.
    groups : array_like or Categorical, shape (n,)
        Which observation each spectrum is of.
    far : float
        Å by which a maximum must move to count.
    **resampling
        ``count``, ``seed`` and ``level`` of `preflare.findings.means.means`.

    Returns
    -------
    pandas.DataFrame
        See `means`: ``rank correlation`` and ``linear correlation`` over the 240 points, and
        ``maximum moved``, the share of spectra whose highest point is further off than `far`.
        Maps that are the same everywhere have neither; they are counted as undefined.

    Raises
    ------
    FindingError
        If shapes do not fit, a number is not finite, or a setting is wrong.
    """
    one = finite("before", before, None, POINTS)
    other = finite("after", after, len(one), POINTS)
    columns = {
        "rank correlation": agreement(one, other),
        "linear correlation": _linear(one, other),
        "maximum moved": _moved(one, other, far),
    }
    return means(columns, groups, **resampling)


def rescaling(
    attributions: ArrayLike,
    logits: ArrayLike,
    expected: float,
    groups: ArrayLike | pd.Categorical,
    *,
    far: float = FAR,
    **resampling: Any,
) -> pd.DataFrame:
    """Tell what the published scaling does to expected gradients.

    Parameters
    ----------
    attributions : array_like, shape (n, 240)
        Expected gradients of the PF logit.
    logits : array_like, shape (n,)
        PF logit of each spectrum, F(x).
    expected : float
        Mean PF logit of the baselines, E F(x').
    groups, far, **resampling
        As for `change_of_maps`.

    Returns
    -------
    pandas.DataFrame
        See `means`:

        - ``against``, the share of a map's size that is negative, and so speaks against PF
        - ``turned``, the share of that whose sign the scaling turns to positive
        - ``upside down``, the share of spectra with a negative logit, which turns the map over
        - ``gap before`` and ``gap after``, the size of `completeness`'s gap
        - ``maximum moved``, as in `change_of_maps`

    Raises
    ------
    FindingError
        If shapes do not fit, a number is not finite, or a setting is wrong.
    """
    maps = finite("attributions", attributions, None, POINTS)
    said = finite("logits", logits, len(maps))
    constant = float(finite("expected", expected))
    scaled = published_scaling(maps, said)
    negative, size = np.maximum(-maps, 0), np.abs(maps).sum(axis=1)
    against = negative.sum(axis=1)
    columns = {
        "against": _ratio(against, size),
        "turned": _ratio((negative * (scaled > 0)).sum(axis=1), against),
        "upside down": said < 0,
        "gap before": np.abs(completeness(maps, said, constant)),
        "gap after": np.abs(completeness(scaled, said, constant)),
        "maximum moved": _moved(maps, scaled, far),
    }
    return means(columns, groups, **resampling)


def _moved(before: Numbers, after: Numbers, far: float) -> Numbers:
    if not far >= 0:
        raise FindingError(f"The distance far is {far}: give Å from 0 on.")
    shift = np.abs(maximum_at(after) - maximum_at(before))
    return np.where(np.isnan(shift), np.nan, shift > far)


def _linear(one: Numbers, other: Numbers) -> Numbers:
    """Correlate the points of each pair of maps; nan where one is the same everywhere."""
    first, second = (each - each.mean(axis=1, keepdims=True) for each in (one, other))
    varies = (np.ptp(one, axis=1) > 0) & (np.ptp(other, axis=1) > 0)
    size = np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
    return _ratio((first * second).sum(axis=1), np.where(varies, size, 0.0))


def _ratio(part: Numbers, whole: NDArray[np.float64]) -> Numbers:
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)
