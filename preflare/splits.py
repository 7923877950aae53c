"""Which spectra a network learns from, and which it is tested on: drawn from whole observations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from preflare.errors import SplitError
from preflare.partitions import Partition, check_classes, generator

CLASSES = ("AR", "PF")
Indices = NDArray[np.int64]
Observed: TypeAlias = "pd.Categorical[Any] | NDArray[Any]"
"""Which observation each spectrum belongs to: fast for millions of spectra as
``pd.Categorical.from_codes(codes, names)``; an array of names will do."""


@dataclass(frozen=True, eq=False)
class Split:
    """Which spectra are on which side.

    Attributes
    ----------
    train, test : ndarray of int64, (n,)
        Places in a table of spectra, ascending.
    validation : ndarray of int64, (n,), or None
    """

    train: Indices
    test: Indices
    validation: Indices | None = None

    @property
    def sides(self) -> dict[str, Indices]:
        """The sides that there are, by name."""
        every = {"train": self.train, "test": self.test, "validation": self.validation}
        return {side: places for side, places in every.items() if places is not None}

    @property
    def watched(self) -> Indices:
        """What picks the epoch: validation if there is one, else test."""
        return self.test if self.validation is None else self.validation


def balanced_split(
    partition: Partition,
    labels: Mapping[str, int],
    observation_of_spectrum: Observed,
    seed: int = 0,
    ratio: float | None = 1.5,
    at_most: int | None = None,
) -> Split:
    """Draw equally many spectra of each class for each side of a partition.

    The larger class of a side is undersampled to the smaller, then the side that is too large for
    `ratio`, to the nearest spectrum of a class. The paper says 3/2; the split published with it
    has 48,386 spectra to train on and 19,354 to test on, which is 5/2.

    Parameters
    ----------
    partition : Partition
        Spectra of other observations are left out. Where only one class is tested or validated
        on, as in leave-one-out folds, there is nothing to balance.
    labels : mapping of str to int
    observation_of_spectrum : Categorical or ndarray of str, (n,)
    seed : int
    ratio : float, optional
        Spectra to train on for each to test on, and to validate on; None takes all that there are.
    at_most : int, optional
        Most spectra to train on.

    Returns
    -------
    Split

    Raises
    ------
    SplitError
        If a class has no spectra on a side, or `ratio` leaves none.
    """
    check_classes(sum(partition.sides.values(), ()), labels)
    spectra = pd.Categorical(observation_of_spectrum)
    found: dict[str, list[Indices]] = {side: [] for side in partition.sides}
    for side, names in partition.sides.items():
        for label, class_name in enumerate(CLASSES):
            chosen = [name for name in names if labels[name] == label]
            if chosen or side == "train":
                found[side].append(np.flatnonzero(spectra.isin(chosen)))
                if not found[side][-1].size:
                    raise SplitError(
                        f"The {side} side has no {class_name} spectra: "
                        "put an observation of that class there that has some."
                    )
    split = _undersampled(found, ratio, at_most, generator(seed))
    parted = [np.unique(spectra.codes[places]) for places in split.sides.values()]
    assert np.unique(np.concatenate(parted)).size == sum(map(len, parted)), "on two sides"
    return split


def random_spectra_split(
    labels: ArrayLike, seed: int = 0, ratio: float = 1.5, at_most: int | None = None
) -> Split:
    """Part spectra at random, whatever observation they belong to: what NOT to do.

    The same observations are then on both sides, and a network is rewarded for knowing them by
    heart. This is here to show how much such leakage flatters a score; use `balanced_split`.

    Parameters
    ----------
    labels : array of int, (n,)
        Class of each spectrum.
    seed : int
    ratio : float
    at_most : int, optional
        As for `balanced_split`.

    Returns
    -------
    Split

    Raises
    ------
    SplitError
        If there are too few spectra of a class.
    """
    classes, rng = np.asarray(labels), generator(seed)
    if not np.isin(classes, (0, 1)).all():
        raise SplitError("Some spectra have another class than 0 (AR) and 1 (PF): relabel them.")
    shuffled = [rng.permutation(np.flatnonzero(classes == label)) for label in (0, 1)]
    cuts = [round(spectra.size / (1 + 1 / _positive(ratio))) for spectra in shuffled]
    found = {
        "train": [spectra[:cut] for spectra, cut in zip(shuffled, cuts, strict=True)],
        "test": [spectra[cut:] for spectra, cut in zip(shuffled, cuts, strict=True)],
    }
    return _undersampled(found, ratio, at_most, rng)


def _undersampled(
    found: Mapping[str, list[Indices]],
    ratio: float | None,
    at_most: int | None,
    rng: np.random.Generator,
) -> Split:
    each = {side: min(map(len, classes)) for side, classes in found.items()}
    if at_most is not None:
        each["train"] = min(each["train"], at_most // 2)
    if ratio is not None:
        # Between spectra of one class: a side that has no other holds half as many.
        ratios = {side: _positive(ratio) * len(found[side]) / 2 for side in found}
        others = [side for side in found if side != "train"]
        each["train"] = min(each["train"], *(round(each[side] * ratios[side]) for side in others))
        for side in others:
            each[side] = min(each[side], round(each["train"] / ratios[side]))
    if min(each.values()) < 1:
        raise SplitError(
            f"Too few spectra are left with ratio={ratio} and at_most={at_most}: "
            "give more spectra, or change these."
        )
    drawn = {
        side: [rng.choice(one, each[side], replace=False, shuffle=False) for one in classes]
        for side, classes in found.items()
    }
    return Split(**{side: np.sort(np.concatenate(classes)) for side, classes in drawn.items()})


def _positive(ratio: float) -> float:
    if not 0 < ratio < np.inf:
        raise SplitError(f"{ratio} is no ratio of training to test spectra: give 1.5, for example.")
    return ratio
