"""Remedies for members that are right and look elsewhere.

Of the three that Panos et al. (2023, Sect. 5) name, two are here: averaging weights along the way,
and damping those that matter least. The third, more members, needs no more than a mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from dask.base import compute
from dask.delayed import delayed
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from preflare.course import Course
from preflare.errors import ExplanationError
from preflare.kernels.convnet import WEIGHTS
from preflare.network_inputs import checked_labels, checked_spectra
from preflare.swarm import Swarm
from preflare.training import Compiled

Array = NDArray[Any]
Places = NDArray[np.int64]


def averaged(course: Course) -> Swarm:
    """Return each member's mean weights over the snapshots of a course.

    Stochastic weight averaging (Izmailov et al. 2018, arXiv:1803.05407): a network at the mean of
    the weights that training wanders through, where the loss is often lower than at any of them.
    The snapshots must come after convergence, best from a constant or cyclic rate that is higher
    than before. A mean of weights is another network: score it anew.
    """
    return Swarm(np.asarray(course.weights.mean(axis=1, dtype=np.float64), np.float32))


@dataclass(frozen=True)
class Annealing:
    """How to damp the weights that matter least.

    Attributes
    ----------
    rounds : int
        How often each weight is perturbed anew.
    draws : int
        Random perturbations of each weight in a round.
    size : float
        Standard deviation of a perturbation, relative to the weight.
    factor : float
        What damped weights are multiplied by in a round, 0 to 1.
    lost : float
        Accuracy that may be lost altogether.

    Raises
    ------
    ExplanationError
        If one of them makes no sense.
    """

    rounds: int = 4
    draws: int = 2
    size: float = 0.5
    factor: float = 0.5
    lost: float = 0.0

    def __post_init__(self) -> None:
        for name in ("rounds", "draws"):
            if getattr(self, name) < 1:
                raise ExplanationError(
                    f"Annealing in {getattr(self, name)} {name} is none: give 1."
                )
        if not self.size > 0:
            raise ExplanationError(f"Perturbations of size {self.size} are none: try 0.5.")
        for name in ("factor", "lost"):
            if not 0 <= getattr(self, name) < 1:
                raise ExplanationError(
                    f"Annealing with {name} {getattr(self, name)} makes no sense: give 0 to 1."
                )

    def evaluations(self) -> int:
        """Return how often, at most, one member is judged on all spectra."""
        trials = int(np.ceil(np.log2(WEIGHTS + 1))) + 1
        return self.rounds * (WEIGHTS * self.draws + trials) + 1


def annealed(
    swarm: Swarm,
    spectra: ArrayLike,
    labels: ArrayLike,
    places: Places,
    how: Annealing | None = None,
    *,
    seed: int = 0,
    workers: int | None = None,
) -> Swarm:
    """Damp the weights of each member that matter least, step by step.

    In every round each weight is perturbed at random by itself, and weights are ordered by how
    much accuracy that costs, then by how much loss, for accuracy alone cannot tell most of them
    apart. As many of the first as the accuracy allows are then multiplied by `Annealing.factor`.

    Parameters
    ----------
    swarm : Swarm
    spectra : array, (n, 240)
    labels : array, (n,)
        0 or 1.
    places : ndarray of int64
        Of training spectra on which accuracy and loss are taken.
    how : Annealing, optional
        Default: that of `Annealing`.
    seed : int
        Of the perturbations.
    workers : int, optional
        Threads, one member each at a time.

    Returns
    -------
    Swarm

    Raises
    ------
    ExplanationError
        If there are no spectra to judge by.
    NetworkError
        If spectra or labels do not fit.
    """
    values = checked_spectra(spectra)
    marks = checked_labels(labels, len(values))
    if not places.size:
        raise ExplanationError("There are no spectra to anneal on: name one or more.")
    engine = Compiled(values, marks)
    task = delayed(_anneal, pure=False, traverse=False)
    options = {} if workers is None else {"num_workers": workers}
    with threadpool_limits(1):
        rows = compute(
            *(
                task(row, _Judge(engine, marks, places), how or Annealing(), [seed, member])
                for member, row in enumerate(swarm.weights)
            ),
            scheduler="threads",
            **options,
        )
    return Swarm(np.stack(rows))


class _Judge:
    """Loss and mistakes of a network on some spectra."""

    def __init__(self, engine: Compiled, labels: NDArray[np.int8], places: Places) -> None:
        self._engine, self._places = engine, places
        self._positive = int(labels[places].sum())

    def __call__(self, weights: Array) -> tuple[int, float]:
        """Return mistakes and summed loss."""
        loss, hits, alarms = self._engine.evaluate(weights[None], [self._places])
        return int(self._positive - hits[0] + alarms[0]), float(loss[0])

    def allowed(self, lost: float) -> int:
        """Return how many mistakes a lost accuracy allows."""
        return int(lost * self._places.size)


def _anneal(weights: Array, judge: _Judge, how: Annealing, seed: list[int]) -> Array:
    rng = np.random.default_rng(seed)
    weights = weights.copy()
    most = judge(weights)[0] + judge.allowed(how.lost)
    for _ in range(how.rounds):
        order = _least_first(weights, judge, how, rng)
        holds, fails = 0, order.size + 1
        while fails - holds > 1:
            # Mistakes need not grow with every weight that is damped, but this finds a number that
            # the accuracy allows, with few looks at the spectra.
            tried = fails - 1 if fails > order.size else (holds + fails) // 2
            if judge(_damped(weights, order[:tried], how.factor))[0] <= most:
                holds = tried
            else:
                fails = tried
        weights = _damped(weights, order[:holds], how.factor)
    return weights


def _least_first(
    weights: Array, judge: _Judge, how: Annealing, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Return the order of weights by what it costs to perturb them, the cheapest first."""
    mistakes, loss = np.zeros(weights.size), np.zeros(weights.size)
    for place in range(weights.size):
        for away in rng.normal(0, how.size, how.draws):
            tried = weights.copy()
            tried[place] *= 1 + away
            wrong, cost = judge(tried)
            mistakes[place] += wrong
            loss[place] += cost
    return np.lexsort((loss, mistakes))


def _damped(weights: Array, places: NDArray[np.intp], factor: float) -> Array:
    result = weights.copy()
    result[places] *= result.dtype.type(factor)
    return result
