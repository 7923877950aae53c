"""How far explanations agree on which points matter: those of two methods, networks or draws."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from preflare.errors import ExplanationError
from preflare.explain.judged import Numbers, blocks, checked_numbers
from preflare.spectrum import POINTS


def agreement(first: ArrayLike, second: ArrayLike) -> Numbers:
    """Correlate the ranks that two sets of attributions give the points of each spectrum.

    Parameters
    ----------
    first, second : array_like, shape (n, 240)
        Of the same spectra by two methods, networks or draws.

    Returns
    -------
    ndarray, shape (n,)
        Spearman's rank correlation, equal values sharing their mean rank. nan where the
        attributions of either set are all equal, which have no ranks.

    Raises
    ------
    ExplanationError
        If shapes do not fit, or a number is not finite.

    Examples
    --------
    >>> agreement([np.arange(240), np.arange(240)], [np.arange(240) ** 3, np.zeros(240)])
    array([ 1., nan])
    """
    one = checked_numbers("first", first, None, POINTS)
    other = checked_numbers("second", second, len(one), POINTS)
    correlation = np.empty(len(one))
    for rows in blocks(len(one), 2):
        ranks, with_ranks = _standard_ranks(one[rows]), _standard_ranks(other[rows])
        correlation[rows] = np.clip((ranks * with_ranks).sum(axis=1), -1, 1)
    return correlation


def member_agreement(each: ArrayLike, *, leave_out_constant: bool = False) -> Numbers:
    """Tell how far the members of a swarm agree on which points matter.

    Parameters
    ----------
    each : array_like, shape (members, n, 240)
        Attributions of the same spectra by each member.
    leave_out_constant : bool
        Whether to leave out, spectrum by spectrum, members whose attributions are all equal, as
        those of a dead network are. By default the result is nan where there is one.

    Returns
    -------
    ndarray, shape (n,)
        Mean of `agreement` over the pairs of members; nan where fewer than two are left.

    Raises
    ------
    ExplanationError
        If there are fewer than two members, the shape does not fit, or a number is not finite.
    """
    maps = np.asarray(each)
    if maps.ndim != 3 or len(maps) < 2:
        raise ExplanationError(
            f"each has the shape {maps.shape}: give the attributions of two members or more, "
            f"(members, n, {POINTS})."
        )
    members, count, _ = maps.shape
    result = np.empty(count)
    for rows in blocks(count, members):
        ranks = _standard_ranks(checked_numbers("each", maps[:, rows], members, None, POINTS))
        varying = np.isfinite(ranks[..., 0])
        number = varying.sum(axis=0)
        if not leave_out_constant:
            number[number < members] = 0
        # Of unit vectors u, the sum over ordered pairs of u_i u_j is |sum of u|^2 less their count.
        together = np.where(varying[..., None], ranks, 0).sum(axis=0)
        pairs = np.where(number > 1, number * (number - 1.0), np.nan)
        result[rows] = ((together**2).sum(axis=1) - number) / pairs
    return result


def _standard_ranks(maps: Numbers) -> Numbers:
    """Rank each row, centre the ranks and scale them to unit length; nan for equal values."""
    ranks = rankdata(maps, axis=-1) - (POINTS + 1) / 2
    length = np.linalg.norm(ranks, axis=-1, keepdims=True)
    return np.divide(ranks, length, out=np.full_like(ranks, np.nan), where=length > 0)
