"""Domain shift: how far spectra are from those that a swarm was trained on.

A network answers whatever it is asked. Whether an answer can be trusted depends, among other
things, on whether there were spectra like these to learn from. Two measures that share nothing
tell: the distance to the nearest training spectrum, compared with what is usual from one
observation to another; and how well a classifier tells both sets apart (`preflare.two_samples`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom

from preflare.errors import FindingError, NetworkError
from preflare.likeness import nearest_distance
from preflare.network_inputs import checked_spectra
from preflare.two_samples import told_apart

Numbers = NDArray[np.float64]
Spectra = NDArray[np.float32]

USUAL = 0.95
"""Share of the reference's own distances that count as usual."""
AT_MOST = 2000
"""Reference spectra. A million spectra are compared with so many in a minute, on two cores."""
AT_ONCE = 8192
"""Spectra worked on at a time, which bounds the memory."""
LEVEL = 0.95


@dataclass(frozen=True, eq=False)
class Shift:
    """How far spectra are from a reference.

    Attributes
    ----------
    distance : ndarray, shape (n,)
        Root mean square difference, over wavelength, from the nearest reference spectrum.
    quantile : ndarray, shape (n,)
        Share of the usual distances that are smaller.
    observations : int
        That the spectra are of; 0 if that was not told.
    far : float
        Share of the spectra farther than 95 % of the usual distances: 0.05 without a shift.
    low, high : float
        Its 95 % interval, from resampled observations; nan for one. Where observations are not
        told, of the spectra as if they were independent, which is too narrow. That other reference
        observations would set another limit is not in it.
    most_usual : float
        The share that is as far in the oddest single observation of the reference.
    ratio : float
        Median distance over the median of the usual ones.
    auc : float
        How well a classifier tells these spectra from the reference
        (`preflare.two_samples.told_apart`); nan for fewer than ten.
    auc_expected, auc_most : float
        The same without a shift: 0.5 if whole observations are held out. Those of one observation
        are told from others in any case: here is what single observations of the reference get,
        in the median and at most.
    """

    distance: Numbers
    quantile: Numbers
    observations: int
    far: float
    low: float
    high: float
    most_usual: float
    ratio: float
    auc: float
    auc_expected: float
    auc_most: float

    def __len__(self) -> int:
        return len(self.distance)

    @property
    def sentence(self) -> str:
        """What the numbers say, for the caption of a figure."""
        interval = f"95 % interval {100 * self.low:.0f} to {100 * self.high:.0f} %"
        if not self.observations:
            interval += ", too narrow since it takes spectra for independent"
        elif np.isnan(self.low):
            interval = "of one observation, so without an interval"
        said = (
            f"Domain shift: {100 * self.far:.0f} % of these {len(self):,} spectra are farther from "
            f"the training spectra than {100 * USUAL:.0f} % of theirs are from other observations "
            f"({100 * (1 - USUAL):.0f} % expected; {interval}; up to {100 * self.most_usual:.0f} % "
            f"in a single training observation)"
        )
        if np.isnan(self.auc):
            return f"{said}; they are too few to try a classifier on."
        expected = f"{self.auc_expected:.2f} expected"
        if self.observations < 2:
            expected += f" of a single observation, up to {self.auc_most:.2f}"
        return f"{said}; AUC {self.auc:.2f} ({expected})."


@dataclass(frozen=True, eq=False)
class Reference:
    """Spectra to compare with, and how far they are from each other.

    Attributes
    ----------
    spectra : ndarray of float32, shape (m, 240)
        Normalised profiles.
    observation : ndarray of str, shape (m,)
        Where each comes from.
    usual : ndarray, shape (m,)
        Distance of each to the nearest one of another observation.
    """

    spectra: Spectra
    observation: NDArray[np.str_]
    usual: Numbers

    @classmethod
    def of(
        cls, spectra: ArrayLike, observation: ArrayLike, *, at_most: int = AT_MOST, seed: int = 0
    ) -> Reference:
        """Find out what distances are usual among spectra of different observations.

        Parameters
        ----------
        spectra : array_like, shape (m, 240)
            What was trained on, or the baselines of explanations.
        observation : array_like of str, shape (m,)
            Where each comes from.
        at_most : int
            If there are more, so many are drawn of them.
        seed : int
            Of that draw.

        Raises
        ------
        FindingError
            If spectra are not finite or not normalised, or fewer than two observations remain.
        """
        profiles = profiles_checked(spectra, "reference spectra")
        names = _names(observation, len(profiles))
        if at_most < 2:
            raise FindingError(f"At most {at_most} spectra make no reference: take 2 or more.")
        if len(profiles) > at_most:
            rng = np.random.default_rng(seed)
            drawn = np.sort(rng.choice(len(profiles), at_most, replace=False))
            profiles, names = profiles[drawn], names[drawn]
        held = np.unique(names)
        if held.size < 2:
            raise FindingError(
                f"The reference has spectra of {held[0]} alone, so what is usual from one "
                "observation to another cannot be told: give two observations or more."
            )
        usual = np.empty(len(profiles))
        for name in held:
            own = names == name
            usual[own] = _distance(profiles[own], profiles[~own])
        if not np.median(usual) > 0:
            raise FindingError(
                "Half of the reference spectra or more occur in another observation too: "
                "give each spectrum once."
            )
        return cls(profiles, names, usual)

    @cached_property
    def limit(self) -> float:
        """The distance that 95 % of the usual ones do not exceed."""
        return float(np.quantile(self.usual, USUAL))

    @cached_property
    def far(self) -> pd.Series[float]:
        """Share of each reference observation's spectra that are farther than the limit."""
        return pd.Series(self.usual > self.limit).groupby(self.observation).mean()

    @cached_property
    def auc(self) -> pd.Series[float]:
        """How well each reference observation is told from the others; nan of few spectra.

        As in `shift`, to compare a single new observation with. Each has its own region and its
        own exposure time, so that a classifier tells it from the rest without any shift.
        """
        found = {}
        for name in np.unique(self.observation):
            own = self.observation == name
            others = self.spectra[~own], self.observation[~own]
            found[name] = told_apart(self.spectra[own], None, *others)
        return pd.Series(found)

    def distance(self, spectra: ArrayLike) -> Numbers:
        """Return how far each spectrum (n, 240) is from the nearest reference spectrum."""
        return _distance(profiles_checked(spectra, "spectra"), self.spectra)

    def shift(
        self,
        spectra: ArrayLike,
        observation: ArrayLike | None = None,
        *,
        count: int = 1000,
        seed: int = 0,
    ) -> Shift:
        """Measure how far spectra are from the reference.

        Parameters
        ----------
        spectra : array_like, shape (n, 240)
            Normalised profiles, of observations that the reference has none of.
        observation : array_like of str, shape (n,), optional
            Where each comes from.
        count : int
            Resamples of the observations.
        seed : int
            Of the resamples.

        Returns
        -------
        Shift
            If observations are not told, its AUC is compared as that of a single one.

        Raises
        ------
        FindingError
            If spectra are not finite or not normalised, observations do not fit or are those of
            the reference, or there are no resamples.

        Notes
        -----
        Noise counts as distance: spectra noisier than the reference are far from it. The AUC of
        several observations scatters about 0.5 by 0.1 where there is no shift: so it does when the
        twin's 37 observations (``quick``) are parted at random, 5, 10 or 18 of them being new.
        """
        profiles = profiles_checked(spectra, "spectra")
        names = None if observation is None else _names(observation, len(profiles))
        if count < 1:
            raise FindingError(f"There are {count} resamples: take 1000, for example.")
        if names is not None and np.isin(names, self.observation).any():
            known = np.unique(names[np.isin(names, self.observation)])[0]
            raise FindingError(
                f"{known} is in the reference, where its spectra would find themselves: "
                "leave it out."
            )
        distance = _distance(profiles, self.spectra)
        beyond = distance > self.limit
        held = 0 if names is None else np.unique(names).size
        auc = told_apart(profiles, names, self.spectra, self.observation)
        low, high = _interval(beyond, names, count, seed)
        return Shift(
            distance=distance,
            quantile=np.searchsorted(np.sort(self.usual), distance) / len(self.usual),
            observations=held,
            far=float(beyond.mean()),
            low=low,
            high=high,
            most_usual=float(self.far.max()),
            ratio=float(np.median(distance) / np.median(self.usual)),
            auc=auc,
            auc_expected=0.5 if held > 1 else float(self.auc.median()),
            auc_most=np.nan if held > 1 else float(self.auc.max()),
        )


def profiles_checked(spectra: ArrayLike, name: str, *, normalised: bool = True) -> Spectra:
    """Return spectra (n, 240), finite and as a rule normalised, or refuse them by their name."""
    try:
        return checked_spectra(spectra, normalised=normalised, name=name)
    except NetworkError as error:
        raise FindingError(str(error)) from error


def _names(observation: ArrayLike, count: int) -> NDArray[np.str_]:
    names = np.asarray(observation, object)  # as text, a nan among names would be one of them
    if names.shape != (count,):
        raise FindingError(
            f"observation has the shape {names.shape}: name the observation of each of "
            f"{count} spectra."
        )
    if pd.isna(names).any():
        raise FindingError("observation holds a missing value: name that of every spectrum.")
    return names.astype(str)


def _distance(spectra: Spectra, others: Spectra) -> Numbers:
    # In double precision, since small distances are differences of large numbers.
    compared: Any = others.astype(np.float64)
    parts = [
        nearest_distance(part.astype(np.float64), compared)
        for part in np.array_split(spectra, -(-len(spectra) // AT_ONCE))
    ]
    return np.concatenate(parts)


def _interval(
    beyond: NDArray[np.bool_], names: NDArray[np.str_] | None, count: int, seed: int
) -> tuple[float, float]:
    ends = (1 - LEVEL) / 2, (1 + LEVEL) / 2
    if names is None:
        # The number that is far in a resample of spectra is binomial: no need to draw.
        low, high = (float(binom.ppf(end, beyond.size, beyond.mean())) for end in ends)
        return low / beyond.size, high / beyond.size
    held, own = np.unique(names, return_inverse=True)
    if held.size < 2:
        return np.nan, np.nan
    times = np.random.default_rng(seed).multinomial(
        held.size, np.full(held.size, 1 / held.size), size=count
    )
    shares = (times @ np.bincount(own, beyond)) / (times @ np.bincount(own))
    low, high = np.quantile(shares, ends)
    return float(low), float(high)
