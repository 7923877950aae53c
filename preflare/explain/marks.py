"""Marks for explanations, against the twin's truth: do they point at what the event changed?

The truth is the difference that an event makes to the normalised profile (see `Study.truth`), the
mask the points that carry it. A map that is the same everywhere gets the chance level in every
mark: equal points share what the mark gives to one of them, whichever came first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import maximum_filter1d

from preflare.errors import ExplanationError
from preflare.explain.judged import Numbers, checked_numbers, whole_number
from preflare.spectrum import POINTS

Mask = NDArray[np.bool_]

SHARE = 0.5
"""Share of an event's change that its mask holds unless told otherwise."""


def truth_mask(difference: ArrayLike, share: float = SHARE) -> Mask:
    """Choose the fewest points that together hold a share of what an event changes.

    Parameters
    ----------
    difference : array_like, shape (n, 240)
        Normalised profile with the event less the one without.
    share : float
        Of the sum of absolute differences, above 0, 1 at most.

    Returns
    -------
    ndarray of bool, shape (n, 240)
        The points of largest absolute difference, those of shorter wavelength first where it is
        equal. No point where there is no difference.

    Raises
    ------
    ExplanationError
        If the shape does not fit, a number is not finite, or the share is out of bounds.

    Notes
    -----
    This is the highest-density region of the change (Hyndman 1996, doi:10.2307/2684423): it means
    the same for an event of any strength and width. All points above a share of the *largest*
    difference would not, since one sharp peak sets the bar for all: above half of the largest,
    the twin's events keep anything from 15 to 55 % of their change.
    Half of the change is the default because division by the maximum spreads some of it over the
    whole window. The twin's kinds have half of it in 10 to 36 points (medians), where the event
    is, but 90 % of it in 100 to 180, which many a map would find by chance.

    Examples
    --------
    >>> change = np.zeros((1, 240))
    >>> change[0, [3, 4, 5, 9]] = -0.3, 0.4, 0.2, 0.1
    >>> np.flatnonzero(truth_mask(change))
    array([3, 4])
    """
    size = np.abs(checked_numbers("difference", difference, None, POINTS))
    if not 0 < checked_numbers("share", share) <= 1:
        raise ExplanationError(f"The share is {share}: give one above 0 and 1 at most.")
    order = np.argsort(-size, axis=1, kind="stable")
    descending = np.take_along_axis(size, order, axis=1)
    held = np.cumsum(descending, axis=1)
    fewest = 1 + (held < share * held[:, -1:]).sum(axis=1, keepdims=True)
    mask = np.zeros(size.shape, bool)
    np.put_along_axis(mask, order, (np.arange(POINTS) < fewest) & (descending > 0), axis=1)
    return mask


def chance_level(mask: ArrayLike, tolerance: int = 0) -> Numbers:
    """Tell which mark a map gets that is the same everywhere, or a random one on average.

    Parameters
    ----------
    mask : array_like of bool, shape (n, 240)
        The points that should be found.
    tolerance : int
        That of `pointing_game`; 0 for the other marks.

    Returns
    -------
    ndarray, shape (n,)
        Share of the window that counts as found, from 0 to 1; nan for an empty mask.

    Raises
    ------
    ExplanationError
        If the mask is none of (n, 240), or the tolerance is no whole number from 0 on.
    """
    points = _mask(mask, None)
    return _share(points.max(axis=1), _widened(points, tolerance).sum(axis=1), POINTS)


def relevance_mass_accuracy(attributions: ArrayLike, mask: ArrayLike) -> Numbers:
    """Tell which share of the positive relevance lies within the mask.

    Parameters
    ----------
    attributions : array_like, shape (n, 240)
        Of the output for PF.
    mask : array_like of bool, shape (n, 240)
        The points that should be found.

    Returns
    -------
    ndarray, shape (n,)
        From 0 to 1; nan for an empty mask and where no attribution is positive.

    Raises
    ------
    ExplanationError
        If shapes do not fit, or a number is not finite.

    Notes
    -----
    Arras et al. (2022, arXiv:2003.07258). Quantus's ``RelevanceMassAccuracy`` counts negative
    attributions as well, unless they are removed before: give it the positive part to get this.
    """
    maps, points, defined = _checked(attributions, mask)
    positive = np.maximum(maps, 0)
    return _share(defined, (positive * points).sum(axis=1), positive.sum(axis=1))


def relevance_rank_accuracy(attributions: ArrayLike, mask: ArrayLike) -> Numbers:
    """Tell which share of the K most relevant points lies within the mask, of K points itself.

    Parameters
    ----------
    attributions : array_like, shape (n, 240)
        Of the output for PF.
    mask : array_like of bool, shape (n, 240)
        The points that should be found.

    Returns
    -------
    ndarray, shape (n,)
        From 0 to 1; nan for an empty mask and where no attribution is positive. Of equal points at
        the limit, their mean.

    Raises
    ------
    ExplanationError
        If shapes do not fit, or a number is not finite.

    Notes
    -----
    Arras et al. (2022, arXiv:2003.07258); Quantus's ``RelevanceRankAccuracy`` takes equal points in
    whichever order sorting leaves them.
    """
    maps, points, defined = _checked(attributions, mask)
    size = points.sum(axis=1)
    last = np.take_along_axis(np.sort(maps, axis=1), POINTS - np.maximum(size, 1)[:, None], axis=1)
    above, level = maps > last, maps == last
    wanted = size - above.sum(axis=1)
    found = (above & points).sum(axis=1) + wanted * (level & points).sum(axis=1) / level.sum(axis=1)
    return _share(defined, found, size)


def pointing_game(attributions: ArrayLike, mask: ArrayLike, tolerance: int = 0) -> Numbers:
    """Tell whether the most relevant point lies within the mask.

    Parameters
    ----------
    attributions : array_like, shape (n, 240)
        Of the output for PF.
    mask : array_like of bool, shape (n, 240)
        The points that should be found.
    tolerance : int
        How many points away from the mask still count as within.

    Returns
    -------
    ndarray, shape (n,)
        1 for a hit, 0 for a miss, of several maxima their mean; nan for an empty mask and where no
        attribution is positive.

    Raises
    ------
    ExplanationError
        If shapes do not fit, a number is not finite, or the tolerance is no whole number from 0 on.

    Notes
    -----
    Zhang et al. (2018, arXiv:1608.00507). To Quantus's ``PointingGame`` one of several maxima
    within the mask is a hit, which rewards flat maps, and an empty mask is one, too.
    """
    maps, points, defined = _checked(attributions, mask)
    highest = maps == maps.max(axis=1, keepdims=True)
    hits = (highest & _widened(points, tolerance)).sum(axis=1)
    return _share(defined, hits, highest.sum(axis=1))


def _checked(attributions: ArrayLike, mask: ArrayLike) -> tuple[Numbers, Mask, Mask]:
    """Return attributions, mask, and for which spectra (n,) marks are defined."""
    maps = checked_numbers("attributions", attributions, None, POINTS)
    points = _mask(mask, len(maps))
    return maps, points, points.any(axis=1) & (maps.max(axis=1) > 0)


def _mask(mask: ArrayLike, count: int | None) -> Mask:
    points = checked_numbers("mask", mask, count, POINTS)
    if not np.isin(points, (0, 1)).all():
        raise ExplanationError("mask holds more than True and False: give what truth_mask returns.")
    return points == 1


def _widened(points: Mask, tolerance: int) -> Mask:
    reach = 2 * whole_number("tolerance", tolerance, 0) + 1
    return maximum_filter1d(points, reach, axis=1, mode="constant")


def _share(defined: Mask, part: NDArray[np.number], whole: NDArray[np.number] | int) -> Numbers:
    return np.divide(part, whole, out=np.full(len(defined), np.nan), where=defined)
