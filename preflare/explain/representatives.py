"""Representatives: a few members of a swarm whose mean explanation is nearest to that of all.

The paper kept 9 of 50, by hand (Panos et al. 2023, Sect. 7.1). How far the mean of some members is
from that of all follows from the members' inner products alone. Those are computed once; any
choice is then judged in no time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from preflare.errors import ExplanationError
from preflare.explain.judged import AT_ONCE, Numbers, checked_numbers, whole_number

Places = NDArray[np.int64]

GAIN = 1e-12
"""An exchange must lower the squared distance by more than this share of the members' scatter."""
STARTS = 1000
"""Of 26 members and fewer, so many starts found the best choice in every trial; 50 did in half."""


@dataclass(frozen=True, eq=False)
class Scatter:
    """How members' attributions scatter about their mean.

    Attributes
    ----------
    products : ndarray, (members, members)
        Mean over spectra and points of the product of two members' deviations from the mean of
        all; each row sums to 0.
    size : float
        Root mean square of the mean of all, over spectra and points.
    """

    products: Numbers
    size: float

    @classmethod
    def of(cls, each: ArrayLike) -> Scatter:
        """Compare the members of a swarm.

        Parameters
        ----------
        each : array_like, shape (members, n, points)
            Attributions of the same spectra by each member.

        Raises
        ------
        ExplanationError
            If the shape does not fit, a number is not finite, or the mean is 0 everywhere.

        Examples
        --------
        >>> each = np.array([1.0, 2.0, 3.0, 6.0])[:, None, None] * np.ones((1, 5, 240))
        >>> scatter = Scatter.of(each)
        >>> float(scatter.distance([3]))
        1.0
        >>> scatter.choose(2), float(scatter.distance(scatter.choose(2)))
        (array([0, 3]), 0.16666666666666666)
        """
        maps = np.asarray(each)
        if maps.ndim != 3 or not maps.size:
            raise ExplanationError(
                f"each has the shape {maps.shape}: give the attributions of all members, "
                "(members, n, points)."
            )
        members, count, _ = maps.shape
        products, square = np.zeros((members, members)), 0.0
        at_once = max(1, AT_ONCE // members)
        for start in range(0, count, at_once):
            block = maps[:, start : start + at_once].reshape(members, -1)
            values = checked_numbers("each", block, members, None)
            mean = values.mean(axis=0)
            away = values - mean
            products += away @ away.T
            square += float(mean @ mean)
        number = maps[0].size
        if not square > 0:
            raise ExplanationError(
                "The mean over members is 0 everywhere: give attributions of living members."
            )
        return cls(products / number, float(np.sqrt(square / number)))

    def __len__(self) -> int:
        return len(self.products)

    def distance(self, chosen: ArrayLike) -> float:
        """Tell how far the mean of some members is from that of all.

        Parameters
        ----------
        chosen : array_like of int, shape (count,)
            Their places, each once.

        Returns
        -------
        float
            Root mean square difference over spectra and points, in units of `size`.

        Raises
        ------
        ExplanationError
            If none is chosen, one twice, or one that there is not.
        """
        places = self._checked(chosen)
        square = self.products[np.ix_(places, places)].sum() / places.size**2
        return float(np.sqrt(max(square, 0.0))) / self.size

    def by_chance(self, count: SupportsIndex) -> float:
        """Tell how far the mean of members that are drawn at random is from that of all.

        Parameters
        ----------
        count : int
            Members drawn, none twice.

        Returns
        -------
        float
            Root mean square of `distance` over all choices of so many. It is their standard
            deviation over the square root of ``count``, less because few are left to differ when
            most are drawn: sampling without replacement.

        Raises
        ------
        ExplanationError
            If there are not so many members.
        """
        drawn, members = self._count(count), len(self)
        left = (members - drawn) / (members - 1) if members > 1 else 0.0
        return float(np.sqrt(np.trace(self.products) / members * left / drawn)) / self.size

    def choose(self, count: SupportsIndex, seed: int = 0) -> Places:
        """Choose members whose mean is near that of all.

        From random members on, a chosen one is exchanged for another, the best exchange first,
        until none helps. This is done from many starts, and the best end counts.

        Parameters
        ----------
        count : int
            How many.
        seed : int
            Of the starts.

        Returns
        -------
        ndarray of int, shape (count,)
            Their places, in order. No single exchange improves them. Whether another choice does
            that differs by more members is not known, though for 26 and fewer it was always tried
            in vain.

        Raises
        ------
        ExplanationError
            If there are not so many members, or the seed is no whole number from 0 on.
        """
        wanted = self._count(count)
        random = np.random.default_rng(whole_number("seed", seed, 0))
        starts = (random.choice(len(self), wanted, replace=False) for _ in range(STARTS))
        ends = {tuple(self._exchanged(np.sort(start)).tolist()) for start in starts}
        # Equal distances differ in their last digits: then the first members are taken.
        best = min(ends, key=lambda chosen: (round(self.distance(chosen), 12), chosen))
        return np.array(best)

    def _exchanged(self, chosen: Places) -> Places:
        own, least = np.diag(self.products), GAIN * float(np.trace(self.products))
        while True:
            others = np.setdiff1d(np.arange(len(self)), chosen)
            if not others.size:
                return chosen
            with_all = self.products[chosen].sum(axis=0)
            leaving = own[chosen] - 2 * with_all[chosen]
            coming = own[others] + 2 * with_all[others]
            change = leaving[:, None] + coming - 2 * self.products[np.ix_(chosen, others)]
            out, into = np.unravel_index(change.argmin(), change.shape)
            if change[out, into] >= -least:
                return chosen
            chosen = np.sort(np.append(np.delete(chosen, out), others[into]))

    def _count(self, count: SupportsIndex) -> int:
        number = whole_number("number of members to choose", count, 1)
        if number > len(self):
            raise ExplanationError(
                f"{number} of {len(self)} members cannot be chosen: choose {len(self)} at most."
            )
        return number

    def _checked(self, chosen: ArrayLike) -> Places:
        places = np.asarray(chosen)
        whole = places.ndim == 1 and places.size and places.dtype.kind in "iu"
        if not whole or np.unique(places).size < places.size:
            raise ExplanationError(
                f"These are no members to choose: {chosen!r}; give the place of each, once."
            )
        if places.min() < 0 or places.max() >= len(self):
            raise ExplanationError(
                f"There is no member {places[(places < 0) | (places >= len(self))][0]}: "
                f"choose from 0 to {len(self) - 1}."
            )
        return places.astype(np.int64)
