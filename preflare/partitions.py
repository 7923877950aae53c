"""Which observations a network learns from, and which it is tested on.

Spectra of one observation resemble one another, so whole observations are parted (Panos, Kleint &
Zbinden 2023, Sect. 6), before spectra are drawn from each side (`preflare.splits`). Observations
go by their names, classes by 0 (AR) and 1 (PF), and `groups` may number each observation's active
region (`preflare.active_regions`), which then stays on one side.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from preflare.errors import SplitError

ATTEMPTS = 1000
"""How often a draw of whole groups is tried before it counts as impossible."""

Groups = Mapping[str, int] | None
Units = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Partition:
    """Which observations are on which side; none is on two.

    Attributes
    ----------
    train, test : tuple of str
        Names of observations, such as ``"PF 14"``; at least one.
    validation : tuple of str
        Those that pick epoch and split if the test side is not to; may be empty.

    Raises
    ------
    SplitError
        If an observation is named twice, or nothing is trained on or tested.
    """

    train: tuple[str, ...]
    test: tuple[str, ...]
    validation: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, times in Counter(self.train + self.test + self.validation).items():
            if times > 1:
                raise SplitError(f"A partition names {name} twice: put it on one side, once.")
        for side in ("train", "test"):
            if not getattr(self, side):
                raise SplitError(f"The {side} side has no observations: put at least one there.")

    @property
    def sides(self) -> dict[str, tuple[str, ...]]:
        """The sides that have observations, by name."""
        every = {"train": self.train, "test": self.test, "validation": self.validation}
        return {side: names for side, names in every.items() if names}


PUBLISHED = Partition(
    train=(
        *("PF 2", "PF 3", "PF 4", "PF 5", "PF 6", "PF 9", "PF 10", "PF 12", "PF 14", "PF 15"),
        *("PF 16", "PF 17", "PF 18", "PF 19"),
        *("AR 1", "AR 2", "AR 3", "AR 5", "AR 6", "AR 7", "AR 9", "AR 11", "AR 12", "AR 14"),
        *("AR 15", "AR 16", "AR 17"),
    ),
    test=(
        *("PF 1", "PF 7", "PF 8", "PF 11", "PF 13"),
        *("AR 4", "AR 8", "AR 10", "AR 13", "AR 18"),
    ),
)
"""The partition that the paper chose, from the notebooks published with it (its number 44)."""


def random_partitions(
    labels: Mapping[str, int], count: int = 50, test: int = 5, seed: int = 0, groups: Groups = None
) -> tuple[Partition, ...]:
    """Draw partitions with equally many observations of each class on the test side.

    Draw i depends on `seed` and i only. Regions with many observations are rarely tested, because
    few others fit beside them.

    Parameters
    ----------
    labels : mapping of str to int
    count, test : int
        Partitions, and observations of each class that each tests: 50 and 5 in the paper.
    seed : int
    groups : mapping of str to int, optional

    Returns
    -------
    tuple of Partition

    Raises
    ------
    SplitError
        If there are too few observations, or no groups make up `test` of each class.
    """
    check_classes(labels, labels, groups)
    units = _units(labels, groups)
    rngs = (generator(seed, number) for number in range(count))
    draws = (_draw(units, labels, test, rng) for rng in rngs)
    return tuple(Partition(*_parted(labels, drawn)) for drawn in draws)


def folds(
    labels: Mapping[str, int], k: int | None = 5, seed: int = 0, groups: Groups = None
) -> tuple[Partition, ...]:
    """Part the observations k times, so that each is tested once and classes are spread evenly.

    Parameters
    ----------
    labels : mapping of str to int
    k : int, optional
        Folds. None, or as many as there are groups, tests one observation or group at a time; the
        test side may then have one class only.
    seed : int
    groups : mapping of str to int, optional

    Returns
    -------
    tuple of Partition
        In the order of the first observation that each tests.

    Raises
    ------
    SplitError
        If there are too few observations or groups for k folds that have both classes.
    """
    check_classes(labels, labels, groups)
    units = _units(labels, groups)
    parts = len(units) if k is None else k
    if not 2 <= parts <= len(units):
        raise SplitError(
            f"{len(units)} observations or groups cannot make {parts} folds: "
            "give k from 2 to their number, or None to test one at a time."
        )
    tested = _spread(units, labels, parts, generator(seed))
    made = tuple(Partition(*_parted(labels, names)) for names in tested)
    for side in ("train",) if parts == len(units) else ("train", "test"):
        ar, pf = np.min([_counts(fold.sides[side], labels) for fold in made], axis=0)
        if not ar or not pf:
            raise SplitError(
                f"With {parts} folds a {side} side has no {'PF' if ar else 'AR'} observation: "
                "take fewer folds, or more observations or groups of that class."
            )
    return made


def leave_one_out(partition: Partition) -> tuple[tuple[str, Partition], ...]:
    """Leave out one observation after the other, as the paper does to test its stability.

    Parameters
    ----------
    partition : Partition

    Returns
    -------
    tuple of (str, Partition)
        Each observation that is trained on or tested, and the partition without it.

    Raises
    ------
    SplitError
        If there is only one to train on or to test.
    """
    return tuple(
        (name, replace(partition, **{side: _parted(names, {name})[0]}))
        for side, names in partition.sides.items()
        if side != "validation"
        for name in names
    )


def nested(
    partition: Partition,
    labels: Mapping[str, int],
    validation: int = 3,
    seed: int = 0,
    groups: Groups = None,
) -> Partition:
    """Move observations from training to validation, which picks epoch and split; the test stays.

    The paper picks both by the test side, whose scores they then flatter.

    Parameters
    ----------
    partition : Partition
        Without validation, and made with the same groups.
    labels : mapping of str to int
    validation : int
        Observations of each class to move.
    seed : int
    groups : mapping of str to int, optional

    Returns
    -------
    Partition

    Raises
    ------
    SplitError
        If the partition is another, or leaves too few observations.
    """
    check_classes(partition.train + partition.test, labels, groups)
    if partition.validation:
        raise SplitError("The partition has a validation side already: give one without.")
    if groups and {groups[n] for n in partition.train} & {groups[n] for n in partition.test}:
        raise SplitError("A group is trained on and tested: make the partition with these groups.")
    units = _units(partition.train, groups)
    drawn = _draw(units, labels, validation, generator(seed))
    train, moved = _parted(partition.train, drawn)
    return Partition(train, partition.test, moved)


def _draw(units: Units, labels: Mapping[str, int], each: int, rng: np.random.Generator) -> set[str]:
    """Draw `each` observations of each class, in whole units, and leave some of each."""
    sizes = np.array([_counts(unit, labels) for unit in units], int).reshape(-1, 2)
    ar, pf = sizes.sum(axis=0)
    if not 1 <= each < min(ar, pf):
        raise SplitError(
            f"{ar} AR and {pf} PF observations cannot give {each} of each away and keep some: "
            "ask for at least 1, and for fewer than there are."
        )
    for _ in range(ATTEMPTS):
        total, drawn = np.zeros(2, int), set[str]()
        for unit in rng.permutation(len(units)):
            if (total + sizes[unit] <= each).all():
                total += sizes[unit]
                drawn.update(units[unit])
        if (total == each).all():
            return drawn
    raise SplitError(
        f"No whole groups were found that make up {each} observations of each class: "
        "ask for another number."
    )


def _spread(
    units: Units, labels: Mapping[str, int], parts: int, rng: np.random.Generator
) -> list[set[str]]:
    sizes = np.array([_counts(unit, labels) for unit in units])
    filled = np.zeros((parts, 2))
    part_of: dict[str, int] = {}
    # The largest first, while there is room everywhere; chance decides among equals.
    shuffled = rng.permutation(len(units))
    for unit in sorted(shuffled, key=lambda unit: (sizes[unit].sum(), *sizes[unit]), reverse=True):
        # Where the fewest of its own class are, then where the fewest are of any.
        crowding = filled @ sizes[unit]
        part = int(np.lexsort((filled.sum(axis=1), crowding))[0])
        filled[part] += sizes[unit]
        part_of.update(dict.fromkeys(units[unit], part))
    order = dict.fromkeys(part_of[name] for name in labels)
    return [{name for name in labels if part_of[name] == part} for part in order]


def _units(names: Iterable[str], groups: Groups) -> Units:
    """Gather what stays together, sorted, so that draws do not depend on the order of names."""
    members: dict[object, list[str]] = {}
    for name in sorted(names):
        members.setdefault(groups[name] if groups else name, []).append(name)
    return list(members.values())


def _counts(names: Iterable[str], labels: Mapping[str, int]) -> tuple[int, int]:
    classes = [labels[name] for name in names]
    return classes.count(0), classes.count(1)


def _parted(
    names: Iterable[str], chosen: Collection[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the others and the chosen, each in their order."""
    every = tuple(names)
    return tuple(n for n in every if n not in chosen), tuple(n for n in every if n in chosen)


def generator(*seed: int) -> np.random.Generator:
    """Return a generator of its own for whole numbers from 0 on."""
    if min(seed) < 0:
        raise SplitError(f"The seed {min(seed)} is negative: give 0 or more.")
    return np.random.default_rng(seed)


def check_classes(names: Iterable[str], labels: Mapping[str, int], groups: Groups = None) -> None:
    """Refuse names without a class, or without a group where there are groups."""
    for name in names:
        if labels.get(name) not in (0, 1):
            raise SplitError(f"{name} has class {labels.get(name)!r}: give 0 (AR) or 1 (PF).")
        if groups is not None and name not in groups:
            raise SplitError(f"{name} has no group: number it, also where it is alone in one.")
