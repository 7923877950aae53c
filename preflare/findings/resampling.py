"""Observations drawn again: where the intervals of findings come from.

Spectra of one observation are alike, so that thousands of them may say little more than one. What
is drawn again, with replacement, is observations (a cluster bootstrap; Davison & Hinkley 1997,
Sect. 3.8).
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import NamedTuple, SupportsIndex

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from preflare.errors import ExplanationError, FindingError
from preflare.explain.judged import checked_numbers

Numbers = NDArray[np.float64]
Codes = NDArray[np.intp]


class Bounds(NamedTuple):
    """Interval of a number, and the resamples in which the number was undefined."""

    low: float
    high: float
    undefined: int


@dataclass(frozen=True)
class Resampling:
    """How observations are drawn again.

    Attributes
    ----------
    count : int
        Resamples.
    seed : int
        Of the draws.
    level : float
        Share of the resamples that an interval holds, between 0 and 1.

    Raises
    ------
    FindingError
        If a setting is wrong, or the resamples are too few for the level.
    """

    count: int = 1000
    seed: int = 0
    level: float = 0.95

    def __post_init__(self) -> None:
        whole_number("number of resamples", self.count, 1)
        whole_number("seed", self.seed, 0)
        if not 0 < finite("level", self.level) < 1:
            raise FindingError(f"The level is {self.level}: give one between 0 and 1, as 0.95.")
        if self.count * (1 - self.level) < 2 - 1e-9:
            raise FindingError(
                f"{self.count} resamples are too few for the level {self.level}: take at least "
                f"{np.ceil(2 / (1 - self.level) - 1e-9):.0f}."
            )

    def times(self, observations: int) -> Numbers:
        """Draw how often each observation is in each resample: (count, observations)."""
        random = np.random.default_rng(self.seed)
        shares = np.full(observations, 1 / observations)
        return random.multinomial(observations, shares, size=self.count).astype(np.float64)

    def bounds(self, drawn: Numbers) -> Bounds:
        """Return the percentile interval of a number from its values in the resamples.

        Undefined ones (nan) are left out and counted. Where they are more than the interval leaves
        outside anyway, what it would mean could not be told, and it is nan.
        """
        defined = drawn[np.isfinite(drawn)]
        undefined = drawn.size - defined.size
        if undefined > (1 - self.level) * drawn.size:
            return Bounds(np.nan, np.nan, undefined)
        low, high = np.quantile(defined, [(1 - self.level) / 2, (1 + self.level) / 2])
        return Bounds(float(low), float(high), undefined)

    def ratios(self, sums: Numbers, weights: Numbers) -> list[Bounds]:
        """Return the interval of each ratio of two sums over observations, such as a mean.

        Parameters
        ----------
        sums : ndarray, shape (observations, ratios)
        weights : ndarray, shape (observations,) or (observations, ratios)
            Such as the number of spectra. A resample in which they add up to 0 is undefined.

        Returns
        -------
        list of Bounds
            nan for fewer than two observations.
        """
        if len(sums) < 2:
            return [Bounds(np.nan, np.nan, self.count)] * sums.shape[1]
        times = self.times(len(sums))
        total = times @ sums
        over = np.broadcast_to((times @ weights).reshape(self.count, -1), total.shape)
        drawn = np.divide(total, over, out=np.full(total.shape, np.nan), where=over != 0)
        return [self.bounds(column) for column in drawn.T]


def finite(name: str, values: ArrayLike, *shape: int | None) -> Numbers:
    """Return finite numbers of a shape, or refuse them by name; None is any length from 1 on."""
    try:
        return checked_numbers(name, values, *shape)
    except ExplanationError as error:
        raise FindingError(str(error)) from error


def whole_number(name: str, value: SupportsIndex, least: int) -> int:
    """Return a setting that is a whole number, or refuse it by its name."""
    if not isinstance(value, SupportsIndex) or operator.index(value) < least:
        raise FindingError(f"The {name} is {value!r}: give a whole number from {least} on.")
    return operator.index(value)


def observations(groups: ArrayLike | pd.Categorical, count: int) -> tuple[Codes, list[str]]:
    """Give each spectrum the number of its observation.

    Parameters
    ----------
    groups : array_like or Categorical, shape (count,)
        Which observation each spectrum is of.
    count : int
        Spectra.

    Returns
    -------
    codes : ndarray of int, shape (count,)
        Place of each spectrum's observation in `names`.
    names : list of str
        Sorted; those that occur.

    Raises
    ------
    FindingError
        If they are not as many, or one is missing.
    """
    # As text, a nan among names would be one of them; a Categorical is numbered already.
    given = groups if isinstance(groups, pd.Categorical) else np.asarray(groups, object)
    if np.shape(given) != (count,):
        raise FindingError(
            f"groups has the shape {np.shape(given)}: name the observation of each of "
            f"{count} spectra."
        )
    codes, names = pd.factorize(given, sort=True)
    if (codes < 0).any():
        raise FindingError("groups holds a missing value: name the observation of every spectrum.")
    return codes, [str(name) for name in names]
