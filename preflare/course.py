"""Course: a training whose weights are kept on the way, at chosen numbers of batches.

`preflare.training` keeps the weights of the best epochs. Here the question is what a network looks
at while it learns (Panos et al. 2023, Fig. 6), so the order in which it sees its spectra is cut
into segments, with the same loops and the same draws.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from dask.base import compute
from dask.delayed import delayed
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from preflare.errors import ExplanationError
from preflare.members import first_weights, shuffled
from preflare.network_inputs import checked_labels, checked_spectra
from preflare.splits import Split
from preflare.swarm import Swarm
from preflare.training import Compiled
from preflare.weights import read_weights, write_weights

Array = NDArray[Any]
Places = NDArray[np.int64]

BATCH = 240
"""Spectra a step, as in the paper's artificial test."""
RATE = 1e-3
"""Of Adam."""


@dataclass(frozen=True, eq=False)
class Course:
    """Members on their way.

    Attributes
    ----------
    batches : ndarray of int64, (snapshots,)
        How many batches had been learned from; ascending.
    weights : ndarray of float32, (members, snapshots, 363)
        As they were then.
    mean, square : ndarray of float32, (members, 363)
        What Adam remembers of the gradients after the last of them.
    number : ndarray of int64, (members,)
        Which draws are a member's own.
    seed, batch : int
        Every draw follows from the seed; spectra a step.
    """

    batches: NDArray[np.int64]
    weights: NDArray[np.float32]
    mean: NDArray[np.float32]
    square: NDArray[np.float32]
    number: NDArray[np.int64]
    seed: int = 0
    batch: int = BATCH

    @classmethod
    def new(cls, members: int, seed: int = 0, batch: int = BATCH) -> Course:
        """Draw members' first weights: those of `preflare.Swarm.train` with the same seed.

        Raises
        ------
        ExplanationError
            If there would be no member, no batch, or the seed is negative.
        """
        for name, value, least in (("members", members, 1), ("batch", batch, 1), ("seed", seed, 0)):
            if value < least:
                raise ExplanationError(f"A course with {name} {value} is none: give {least} on.")
        weights = np.stack([first_weights(seed, each) for each in range(members)])
        nothing = np.zeros_like(weights)
        start = np.zeros(1, np.int64)
        numbers = np.arange(members)
        return cls(start, weights[:, None], nothing, nothing.copy(), numbers, seed, batch)

    def __len__(self) -> int:
        return len(self.weights)

    def at(self, batches: int) -> Swarm:
        """Return the swarm as it was after so many batches.

        Raises
        ------
        ExplanationError
            If that moment was not kept.
        """
        found = np.flatnonzero(self.batches == batches)
        if not found.size:
            kept = ", ".join(map(str, self.batches))
            raise ExplanationError(f"Batch {batches} was not kept: choose of {kept}.")
        return Swarm(self.weights[:, found[0]].copy())

    @property
    def last(self) -> Swarm:
        """The swarm after the last batch."""
        return self.at(int(self.batches[-1]))

    def some(self, which: ArrayLike) -> Course:
        """Return the course of some of the members."""
        chosen = np.asarray(which)
        rows = {name: getattr(self, name)[chosen] for name in ("weights", "mean", "square")}
        return replace(self, number=self.number[chosen], **rows)

    def then(self, later: Course) -> Course:
        """Return this course and what came later as one."""
        batches = np.concatenate([self.batches, later.batches])
        weights = np.concatenate([self.weights, later.weights], axis=1)
        return replace(later, batches=batches, weights=weights)

    def save(self, path: Path) -> None:
        """Store everything in one safetensors file.

        Raises
        ------
        NetworkError
            If it cannot be written.
        """
        names = ("batches", "weights", "mean", "square", "number")
        tensors = {name: getattr(self, name) for name in names}
        write_weights(path, tensors, {"seed": self.seed, "batch": self.batch})

    @classmethod
    def load(cls, path: Path) -> Course:
        """Read what `save` stored.

        Raises
        ------
        NetworkError
            If the file cannot be read or holds something else.
        """
        tensors, about = read_weights(path)
        return cls(**tensors, seed=about["seed"], batch=about["batch"])


def follow(
    course: Course,
    spectra: ArrayLike,
    labels: ArrayLike,
    split: Split,
    until: Sequence[int],
    *,
    rate: float = RATE,
    workers: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Course:
    """Take a course further and keep its weights on the way.

    Each member goes through the training spectra in an order of its own, then through them again in
    another one, and so on; `preflare.Swarm.train` takes the same orders for its epochs. The same
    seed gives the same bits, whatever the number of workers and however the way is cut.

    Parameters
    ----------
    course : Course
        A new one, or such as went some way.
    spectra : array, (n, 240)
        Normalised profiles.
    labels : array, (n,)
        0 or 1.
    split : Split
        Whose training side to learn from.
    until : sequence of int
        Numbers of batches, counted from the very first one, after which to keep the weights.
    rate : float
        Learning rate of Adam.
    workers : int, optional
        Threads. Default: as many as there are cores.
    progress : callable
        Called with the number of snapshots taken so far and of all.

    Returns
    -------
    Course
        With the snapshots at `until` only; `Course.then` joins courses.

    Raises
    ------
    ExplanationError
        If the numbers of batches do not ascend from where the course is, or the rate is not
        positive.
    NetworkError
        If spectra or labels do not fit.
    """
    values = checked_spectra(spectra)
    marks = checked_labels(labels, len(values))
    stops = [int(course.batches[-1]), *map(int, until)]
    if len(stops) < 2 or any(b <= a for a, b in pairwise(stops)):
        raise ExplanationError(
            f"A course at batch {stops[0]} cannot be followed to {list(until)}: "
            "give larger numbers in ascending order."
        )
    if not 0 < rate < np.inf:
        raise ExplanationError(f"The learning rate {rate} is not positive: try 0.001.")
    engine = Compiled(values, marks)
    task = delayed(_segment, pure=False, traverse=False)
    options = {} if workers is None else {"num_workers": workers}
    weights = course.weights[:, -1].copy()
    mean, square = course.mean.copy(), course.square.copy()
    kept = []
    for place, (start, stop) in enumerate(pairwise(stops), 1):
        parts = [
            task(
                engine,
                (weights[m : m + 1], mean[m : m + 1], square[m : m + 1]),
                course,
                split.train,
                int(course.number[m]),
                (start, stop),
                rate,
            )
            for m in range(len(course))
        ]
        with threadpool_limits(1):
            compute(*parts, scheduler="threads", **options)
        kept.append(weights.copy())
        progress(place, len(stops) - 1)
    return replace(
        course,
        batches=np.array(stops[1:]),
        weights=np.stack(kept, axis=1),
        mean=mean,
        square=square,
    )


def _segment(
    engine: Compiled,
    state: tuple[Array, Array, Array],
    course: Course,
    places: Places,
    number: int,
    batches: tuple[int, int],
    rate: float,
) -> None:
    """Train one member in place, from one batch to another."""
    # The order is made here and not before: those of all members together would not fit in memory.
    order = _stream(places, course.seed, number, *(course.batch * each for each in batches))
    engine.train_epoch(*state, np.array(batches[:1]), [order], course.batch, rate, 0.0)


def _stream(places: Places, seed: int, number: int, first: int, last: int) -> Places:
    """Return what a member sees from one spectrum to another: its epochs one after the other."""
    epochs = range(first // places.size, -(-last // places.size))
    order = np.concatenate([shuffled(places, seed, number, each) for each in epochs])
    skipped = epochs[0] * places.size
    return order[first - skipped : last - skipped]


def scores(
    weights: Array,
    spectra: ArrayLike,
    labels: ArrayLike,
    places: Places,
    *,
    workers: int | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean cross-entropy and the accuracy, (...), of networks with weights (..., 363).

    Parameters
    ----------
    weights : ndarray, (..., 363)
    spectra : array, (n, 240)
    labels : array, (n,)
        0 or 1.
    places : ndarray of int64
        Of the spectra to score on.
    workers : int, optional
        Threads.

    Raises
    ------
    ExplanationError
        If there is nothing to score on.
    NetworkError
        If spectra or labels do not fit.
    """
    values = checked_spectra(spectra)
    marks = checked_labels(labels, len(values))
    if not places.size:
        raise ExplanationError("There are no spectra to score on: name one or more.")
    engine = Compiled(values, marks)
    rows = np.ascontiguousarray(weights.reshape(-1, weights.shape[-1]), np.float32)
    task = delayed(engine.evaluate, pure=False, traverse=False)
    options = {} if workers is None else {"num_workers": workers}
    with threadpool_limits(1):
        parts = compute(
            *(task(row[None], [places]) for row in rows), scheduler="threads", **options
        )
    loss, hits, alarms = (np.array([part[k][0] for part in parts]) for k in range(3))
    right = hits + int((marks[places] == 0).sum()) - alarms
    shape = weights.shape[:-1]
    return loss.reshape(shape) / places.size, right.reshape(shape) / places.size
