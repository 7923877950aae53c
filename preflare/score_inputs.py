"""What scores are made of: a class, a probability and a weight for every spectrum, checked."""

import operator
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from preflare.errors import SkillError

Numbers = NDArray[np.float64]
Classes = NDArray[np.bool_]


def base_rate(rate: float) -> float:
    """Return a base rate, refusing one that is not between 0 and 1."""
    if not 0 < rate < 1:
        raise SkillError(
            f"The base rate {rate} is not between 0 and 1: give the expected share of PF."
        )
    return rate


def class_weights(true: Classes, weight: Numbers) -> tuple[float, float]:
    """Return what all PF and all AR spectra weigh, refusing a set without one of them."""
    positives, negatives = float(weight[true].sum()), float(weight[~true].sum())
    for name, total in (("PF", positives), ("AR", negatives)):
        if not total:
            raise SkillError(f"truth has no {name} spectrum of any weight: add {name} spectra.")
    return positives, negatives


def classes(name: str, values: ArrayLike) -> Classes:
    """Return classes as booleans, refusing all but 0 and 1."""
    array = column(name, values)
    wrong = array[(array != 0) & (array != 1)]
    if wrong.size:
        cure = "" if name == "truth" else ", which called(probability) makes of probabilities"
        raise SkillError(f"{name} holds {wrong[0]:g}: give 1 for PF and 0 for AR{cure}.")
    return array == 1


def probabilities(values: ArrayLike) -> Numbers:
    """Return probabilities, refusing what is not from 0 to 1."""
    array = column("probability", values)
    wrong = array[~((array >= 0) & (array <= 1))]
    if wrong.size:
        raise SkillError(f"probability holds {wrong[0]:g}: give numbers from 0 to 1.")
    return array


def weights_of(weights: ArrayLike | None, **columns: NDArray[Any]) -> Numbers:
    """Return the weights of spectra, refusing columns of different lengths and useless weights."""
    first = next(iter(columns.values()))
    weight = np.ones(first.size) if weights is None else column("weights", weights)
    same_length(**columns, weights=weight)
    wrong = weight[~((weight >= 0) & (weight < np.inf))]
    if wrong.size:
        raise SkillError(f"weights holds {wrong[0]:g}: give finite numbers from 0 on.")
    with np.errstate(over="ignore"):
        total = weight.sum()
    if not 0 < total < np.inf:
        raise SkillError(f"weights have the sum {total:g}: give weights of a positive, finite sum.")
    return weight


def same_length(**columns: NDArray[Any]) -> None:
    """Refuse columns of different lengths."""
    (first, column), *others = columns.items()
    for name, other in others:
        if other.size != column.size:
            raise SkillError(
                f"{first} and {name} differ in length ({column.size} and {other.size}): "
                "give one value of each for every spectrum."
            )


def column(name: str, values: ArrayLike) -> Numbers:
    """Return one number a spectrum, refusing anything else."""
    try:
        array = np.asarray(values)
        numbers = array.astype(np.float64) if array.dtype.kind in "biufO" else None
    except (TypeError, ValueError):
        numbers = None
    if numbers is None:
        raise SkillError(f"{name} holds what is no number: give one number for every spectrum.")
    if numbers.ndim != 1:
        raise SkillError(
            f"{name} has the shape {numbers.shape}: give one number for every spectrum."
        )
    if not numbers.size:
        raise SkillError(f"{name} is empty: give at least one spectrum.")
    return numbers


def whole_number(name: str, value: SupportsIndex, least: int) -> int:
    """Return a setting that is a whole number, refusing what is less than the least."""
    if not isinstance(value, SupportsIndex) or operator.index(value) < least:
        raise SkillError(f"The {name} is {value!r}: give a whole number from {least} on.")
    return operator.index(value)
