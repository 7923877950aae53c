"""What every measure of explanations is given, checked, and parted so that it fits into memory."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterator
from typing import SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from preflare.errors import ExplanationError, reason
from preflare.spectrum import POINTS

Numbers = NDArray[np.float64]
Spectra = NDArray[np.float32]

Explain = Callable[[Spectra], ArrayLike]
"""Takes spectra (n, 240) and returns their attributions, (n, 240)."""

AT_ONCE = 8192
"""Rows of 240 points that are worked on at a time, which bounds the memory."""


def checked_numbers(name: str, values: ArrayLike, *shape: int | None) -> Numbers:
    """Return finite numbers of a shape, or refuse them by name; None is any length from 1 on."""
    try:
        numbers = np.asarray(values, np.float64)
    except (TypeError, ValueError, RuntimeError) as error:  # the last of tensors with gradients
        raise ExplanationError(f"{name} is no array ({reason(error)}): give numbers.") from error
    fits = numbers.ndim == len(shape) and all(
        have == wanted or (wanted is None and have)
        for have, wanted in zip(numbers.shape, shape, strict=True)
    )
    if not fits:
        sizes = str(tuple("n" if wanted is None else wanted for wanted in shape)).replace("'", "")
        raise ExplanationError(f"{name} has the shape {numbers.shape}: give {sizes}.")
    wrong = int((~np.isfinite(numbers)).sum())
    if wrong:
        raise ExplanationError(
            f"{name} is nan or inf in {wrong} of {numbers.size} places: give finite numbers."
        )
    return numbers


def attributions_of(spectra: Spectra, explain: Explain) -> Numbers:
    """Return what a method says of spectra, refusing what are no attributions of them."""
    return checked_numbers("What explain returns", explain(spectra), len(spectra), POINTS)


def whole_number(name: str, value: SupportsIndex, least: int) -> int:
    """Return a setting that is a whole number, or refuse it by its name."""
    if not isinstance(value, SupportsIndex) or operator.index(value) < least:
        raise ExplanationError(f"The {name} is {value!r}: give a whole number from {least} on.")
    return operator.index(value)


def check_choice(name: str, value: object, choices: Collection[str]) -> None:
    """Refuse a setting, by its name, that is none of the choices."""
    if value not in choices:
        raise ExplanationError(f"There is no {name} {value!r}: choose {' or '.join(choices)}.")


def seed_sequence(seed: int, *use: int) -> np.random.SeedSequence:
    """Return the seed of one use of it, with a key of its own.

    So draws are not like the spectra or baselines that were drawn from the same seed.
    """
    return np.random.SeedSequence(whole_number("seed", seed, 0), spawn_key=use)


def blocks(count: int, times: int) -> Iterator[slice]:
    """Part spectra so that each part, as many times over, has about `AT_ONCE` rows at most."""
    size = max(1, AT_ONCE // times)
    return (slice(start, start + size) for start in range(0, count, size))
