"""Train many networks as one: each with its own start, its own shuffle and, if wanted, own data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, Protocol

import numpy as np
import torch
from dask.base import compute
from dask.delayed import delayed
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from preflare.kernels import training as kernels
from preflare.kernels.reference import Together
from preflare.network import ConvNet

Array = NDArray[Any]
Places = NDArray[np.int64]

CHECKPOINTS = ("lowest test loss", "lowest mean loss", "last")
"""Moments of a training whose weights are kept; the mean is that of training and test loss."""
CURVES = ("train loss", "test loss", "train tss", "test tss")
ROUNDS = 20
"""Times that a training reports and can be stored, at most once an epoch."""


@dataclass(frozen=True)
class Settings:
    """How to train.

    Attributes
    ----------
    epochs : int
        Passes over the training spectra.
    seed : int
        Every start and every shuffle follows from it.
    batch : int
        Spectra a step.
    rate : float
        Learning rate of Adam.
    penalty : float
        lambda of Eq. 1: it times the sum of the squared weights is added to the loss that is
        minimised; the losses that are reported leave it out.
    patience : int or None
        Epochs without a lower test loss after which a member is abandoned; None for never.
    """

    epochs: int = 100
    seed: int = 0
    batch: int = 64
    rate: float = 1e-3
    penalty: float = 0.0
    patience: int | None = None


@dataclass(frozen=True)
class Sides:
    """Places of the spectra that one member trains on, and of those that it is tested on."""

    train: Places
    test: Places


@dataclass
class Members:
    """Networks in training, the member first in every array.

    Attributes
    ----------
    number : ndarray, (members,)
        Which draws are a member's own.
    tested : ndarray of bool, (members,)
        Whether there are spectra to test on.
    weights, mean, square : ndarray, (members, 363)
        Weights, and what Adam remembers of their gradients.
    steps, epochs : ndarray, (members,)
        Steps and epochs done.
    curves : ndarray, (members, epochs, 4)
        `CURVES` after each epoch; nan where there is none. The training loss is the mean over the
        epoch, each spectrum as it was when its batch came.
    kept : ndarray, (members, 3, 363)
        Weights at the `CHECKPOINTS`; nan where there was none.
    kept_epoch : ndarray, (members, 3)
        Their epochs, from 0; -1 where there is none.
    """

    number: NDArray[np.int64]
    tested: NDArray[np.bool_]
    weights: Array
    mean: Array
    square: Array
    steps: NDArray[np.int64]
    epochs: NDArray[np.int64]
    curves: NDArray[np.float64]
    kept: Array
    kept_epoch: NDArray[np.int64]

    @classmethod
    def new(cls, sides: Sequence[Sides], settings: Settings) -> Members:
        """Draw members' first weights, as torch does: uniform, narrower for more inputs."""
        count = len(sides)
        weights = np.stack([first_weights(settings.seed, each) for each in range(count)])
        return cls(
            number=np.arange(count),
            tested=np.array([side.test.size > 0 for side in sides]),
            weights=weights,
            mean=np.zeros_like(weights),
            square=np.zeros_like(weights),
            steps=np.zeros(count, np.int64),
            epochs=np.zeros(count, np.int64),
            curves=np.full((count, settings.epochs, len(CURVES)), np.nan),
            kept=np.full((count, len(CHECKPOINTS), weights.shape[1]), np.nan, weights.dtype),
            kept_epoch=np.full((count, len(CHECKPOINTS)), -1),
        )

    @classmethod
    def join(cls, parts: Sequence[Members]) -> Members:
        """Put members together again."""
        names = [field.name for field in fields(cls)]
        return cls(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in names})

    def arrays(self) -> dict[str, Array]:
        """Return every array by its name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def some(self, which: slice | NDArray[Any]) -> Members:
        """Return copies of some members."""
        return Members(**{name: array[which].copy() for name, array in self.arrays().items()})

    def __len__(self) -> int:
        return len(self.number)

    def going(self, settings: Settings) -> NDArray[np.bool_]:
        """Return which members go on: not those that diverged or were abandoned."""
        going = np.isfinite(self.weights).all(axis=1) & (self.epochs < settings.epochs)
        if settings.patience is not None:
            going &= self.epochs - 1 - self.kept_epoch[:, 0] < settings.patience
        return going


def first_weights(seed: int, member: int) -> NDArray[np.float32]:
    """Draw the first weights (363,) of a member."""
    draws = _generator(seed, member, 0)
    parts = []
    for layer in ConvNet().modules():
        if isinstance(layer, torch.nn.Conv1d | torch.nn.Linear):
            bound = layer.weight[0].numel() ** -0.5
            count = layer.weight.numel() + layer.weight.shape[0]
            parts.append(draws.uniform(-bound, bound, count))
    return np.concatenate(parts).astype(np.float32)


def shuffled(places: Places, seed: int, member: int, epoch: int) -> Places:
    """Return places in the order in which a member sees them in an epoch, from 0."""
    return _generator(seed, member, epoch + 1).permutation(places)


def _generator(seed: int, member: int, use: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(member, use)))


class Engine(Protocol):
    """What takes members through their spectra."""

    def train_epoch(
        self,
        weights: Array,
        mean: Array,
        square: Array,
        done: NDArray[np.int64],
        orders: Sequence[Places],
        batch: int,
        rate: float,
        penalty: float,
    ) -> tuple[Array, Array, Array]:
        """Train in place; return summed losses, PF and AR spectra called PF, by member."""

    def evaluate(self, weights: Array, sides: Sequence[Places]) -> tuple[Array, Array, Array]:
        """Return summed losses, PF and AR spectra called PF, by member."""


class Compiled:
    """The compiled loops, one member after the other."""

    def __init__(self, spectra: Array, labels: NDArray[np.int8]) -> None:
        self._data = spectra, labels

    def train_epoch(
        self,
        weights: Array,
        mean: Array,
        square: Array,
        done: NDArray[np.int64],
        orders: Sequence[Places],
        batch: int,
        rate: float,
        penalty: float,
    ) -> tuple[Array, Array, Array]:
        """See `Engine.train_epoch`."""
        counts = []
        for member, order in enumerate(orders):
            own = weights[member], mean[member], square[member], int(done[member])
            counts.append(kernels.train_epoch(*own, *self._data, order, batch, rate, penalty))
            done[member] += -(-len(order) // batch)
        loss, hits, alarms = zip(*counts, strict=True)
        return np.array(loss), np.array(hits), np.array(alarms)

    def evaluate(self, weights: Array, sides: Sequence[Places]) -> tuple[Array, Array, Array]:
        """See `Engine.evaluate`."""
        counts = [
            kernels.evaluate(own, *self._data, side)
            for own, side in zip(weights, sides, strict=True)
        ]
        loss, hits, alarms = zip(*counts, strict=True)
        return np.array(loss), np.array(hits), np.array(alarms)


def train(
    members: Members,
    spectra: Array,
    labels: NDArray[np.int8],
    sides: Sequence[Sides],
    settings: Settings,
    *,
    backend: Literal["compiled", "torch"] = "compiled",
    device: str = "cpu",
    workers: int | None = None,
    after_round: Callable[[Members], None] = lambda members: None,
) -> Members:
    """Take members from where they are to the end of their training.

    Parameters
    ----------
    members : Members
        New ones, or such as a training that was interrupted has left.
    spectra : ndarray, (n, 240)
        Normalised profiles.
    labels : ndarray of int8, (n,)
        1 for PF.
    sides : sequence of Sides
        For each member.
    settings : Settings
        How to train.
    backend, device, workers
        See `preflare.Swarm.train`.
    after_round : callable
        Called with all members about `ROUNDS` times.

    Returns
    -------
    Members
    """
    length = -(-settings.epochs // ROUNDS)
    first = int(members.epochs[members.going(settings)].min(initial=settings.epochs))
    for until in range(min(first + length, settings.epochs), settings.epochs + length, length):
        until = min(until, settings.epochs)
        if backend == "torch":
            engine = Together(spectra, labels, device)
            members = advance(members, engine, labels, sides, settings, until)
        else:
            compiled = Compiled(spectra, labels)
            step = delayed(advance, pure=False, traverse=False)
            alone = [
                step(
                    members.some(slice(m, m + 1)),
                    compiled,
                    labels,
                    sides[m : m + 1],
                    settings,
                    until,
                )
                for m in range(len(members))
            ]
            with threadpool_limits(1):
                options = {} if workers is None else {"num_workers": workers}
                members = Members.join(compute(*alone, **options))
        after_round(members)
        if not members.going(settings).any():
            break
    return members


def advance(
    members: Members,
    engine: Engine,
    labels: NDArray[np.int8],
    sides: Sequence[Sides],
    settings: Settings,
    until: int,
) -> Members:
    """Train members up to an epoch, and return them."""
    members = members.some(slice(None))
    nothing = np.zeros(0, np.int64)
    totals = [[_classes(labels, side.train), _classes(labels, side.test)] for side in sides]
    while (going := members.going(settings) & (members.epochs < until)).any():
        orders = [
            shuffled(side.train, settings.seed, int(number), int(epoch)) if goes else nothing
            for side, number, epoch, goes in zip(
                sides, members.number, members.epochs, going, strict=True
            )
        ]
        trained = engine.train_epoch(
            members.weights,
            members.mean,
            members.square,
            members.steps,
            orders,
            settings.batch,
            settings.rate,
            settings.penalty,
        )
        tested = engine.evaluate(
            members.weights,
            [side.test if goes else nothing for side, goes in zip(sides, going, strict=True)],
        )
        for member in np.flatnonzero(going):
            curve = members.curves[member, members.epochs[member]]
            for column, counts in enumerate((trained, tested)):
                loss, hits, alarms = (float(each[member]) for each in counts)
                ar, pf = totals[member][column]
                if ar or pf:
                    curve[column] = loss / (ar + pf)
                if ar and pf:
                    curve[column + 2] = hits / pf - alarms / ar
            _keep(members, int(member))
            members.epochs[member] += 1
    return members


def _classes(labels: NDArray[np.int8], places: Places) -> tuple[int, int]:
    pf = int(labels[places].sum())
    return len(places) - pf, pf


def _keep(members: Members, member: int) -> None:
    """Keep the weights of this epoch where they are the best so far."""
    epoch = int(members.epochs[member])
    losses = members.curves[member, : epoch + 1, :2]
    watched = losses[:, 1], losses.mean(axis=1)
    for place, values in enumerate(watched):
        best = members.kept_epoch[member, place]
        if np.isfinite(values[epoch]) and (best < 0 or values[epoch] < values[best]):
            members.kept[member, place] = members.weights[member]
            members.kept_epoch[member, place] = epoch
    members.kept[member, -1] = members.weights[member]
    members.kept_epoch[member, -1] = epoch
