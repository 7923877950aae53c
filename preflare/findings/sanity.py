"""Sanity checks of explanations: what all maps share, and classes without a meaning."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from preflare.bootstrap import Interval
from preflare.errors import FindingError
from preflare.findings.resampling import (
    Bounds,
    Numbers,
    Resampling,
    finite,
    observations,
    whole_number,
)


def common_share(
    maps: ArrayLike,
    groups: ArrayLike | pd.Categorical,
    *,
    count: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Tell how much of the maps is the same for all spectra.

    Parameters
    ----------
    maps : array_like, shape (n, points)
        One a spectrum. A constant over wavelength does not tell where to look and is taken off.
    groups : array_like or Categorical, shape (n,)
        Which observation each spectrum is of.
    count, seed, level
        Of the resamples of the observations, see `preflare.findings.resampling.Resampling`.

    Returns
    -------
    Interval
        Sum of squares of the mean map over the mean sum of squares of a map: 1 if all are the
        same, 1/n for n maps that have nothing to do with each other. Bounds are nan for fewer than
        two observations.

    Raises
    ------
    FindingError
        If the shape does not fit, a number is not finite, all maps are flat, or a setting is wrong.

    Examples
    --------
    >>> wave = np.sin(np.arange(240))
    >>> common_share([wave, wave, wave, -wave], ["PF 1", "PF 1", "PF 2", "PF 2"]).value
    0.25
    """
    drawing = Resampling(count, seed, level)
    values = finite("maps", maps, None, None)
    codes, names = observations(groups, len(values))
    values = values - values.mean(axis=1, keepdims=True)
    totals = np.stack([values[codes == code].sum(axis=0) for code in range(len(names))])
    squares = np.bincount(codes, (values**2).sum(axis=1))
    number = np.bincount(codes)
    if not squares.sum() > 0:
        raise FindingError("All maps are flat: give maps that tell wavelengths apart.")

    def share(times: Numbers) -> Numbers:
        size = times @ number
        whole = (times @ squares) * size
        of_mean = ((times @ totals) ** 2).sum(axis=1)
        return np.divide(of_mean, whole, out=np.full(len(whole), np.nan), where=whole > 0)

    value = float(share(np.ones((1, len(names))))[0])
    bounds = Bounds(np.nan, np.nan, 0)
    if len(names) > 1:
        bounds = drawing.bounds(share(drawing.times(len(names))))
    return Interval(value, *bounds)


def relabelled(classes: Mapping[str, int], seed: int = 0) -> dict[str, int]:
    """Give observations classes that mean nothing.

    Half of each class changes places with half of the other, so that either new class holds both
    of the old, as equally as can be. Who learns the new classes learns to know observations.

    Parameters
    ----------
    classes : mapping of str to int
        1 for PF and 0 for AR, by the observation's name.
    seed : int
        Of the draw.

    Returns
    -------
    dict of str to int
        In the same order, with as many of each class.

    Raises
    ------
    FindingError
        If a class is neither 0 nor 1, or has fewer than two observations.

    Examples
    --------
    >>> relabelled({"PF 1": 1, "PF 2": 1, "AR 1": 0, "AR 2": 0}, seed=0)
    {'PF 1': 1, 'PF 2': 0, 'AR 1': 0, 'AR 2': 1}
    """
    random = np.random.default_rng(whole_number("seed", seed, 0))
    of_class = [sorted(name for name in classes if classes[name] == label) for label in (0, 1)]
    if sum(map(len, of_class)) < len(classes):
        raise FindingError("An observation has a class other than 0 and 1: give AR or PF.")
    fewest = min(map(len, of_class))
    if fewest < 2:
        raise FindingError(f"A class has {fewest} observations: half of it needs two or more.")
    moved = {
        str(name) for names in of_class for name in random.choice(names, fewest // 2, replace=False)
    }
    return {name: 1 - label if name in moved else label for name, label in classes.items()}


def between_sets(
    first: ArrayLike,
    second: ArrayLike,
    groups: ArrayLike | pd.Categorical,
    *,
    count: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Compare what several sets of networks get with what several others get.

    Parameters
    ----------
    first, second : array_like, shape (sets, n)
        What each set gets for each spectrum, such as a mark; nan where it is undefined.
    groups : array_like or Categorical, shape (n,)
        Which observation each spectrum is of.
    count, seed, level
        Of the resamples, see `preflare.findings.resampling.Resampling`.

    Returns
    -------
    Interval
        Mean over spectra and sets of the first less that of the second. Both observations and
        sets are drawn again, for another training would give other networks. Bounds are nan for
        fewer than two observations.

    Raises
    ------
    FindingError
        If shapes do not fit, a number is infinite, nothing is defined, or a setting is wrong.
    """
    drawing = Resampling(count, seed, level)
    _, length = np.shape(first) if np.ndim(first) == 2 else (0, 0)
    codes, names = observations(groups, length)
    times = drawing.times(len(names))
    value, drawn = 0.0, np.zeros(count)
    for sign, name, given in ((1, "first", first), (-1, "second", second)):
        marks = np.asarray(given, np.float64)
        known = ~np.isnan(marks)
        marks = finite(name, np.where(known, marks, 0.0), None, length)
        sums, number = (
            np.stack([np.bincount(codes, row, len(names)) for row in each])
            for each in (marks, known.astype(np.float64))
        )
        if not number.sum():
            raise FindingError(f"{name} is nan everywhere: give sets with numbers.")
        sets = Resampling(count, seed + 1 + (sign < 0), level).times(len(marks))
        total, over = (np.einsum("rs,so,ro->r", sets, each, times) for each in (sums, number))
        value += sign * sums.sum() / number.sum()
        drawn += sign * np.divide(total, over, out=np.full(count, np.nan), where=over > 0)
    bounds = drawing.bounds(drawn) if len(names) > 1 else Bounds(np.nan, np.nan, 0)
    return Interval(float(value), *bounds)
