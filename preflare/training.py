"""Train many networks as one: each with its own start, its own shuffle and, if wanted, own data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from preflare.errors import NetworkError, reason
from preflare.kernels import training as kernels
from preflare.kernels.ahead import compile_ahead
from preflare.kernels.reference import Together
from preflare.members import Members, Settings, Sides, shuffled
from preflare.scheduler import running
from preflare.splits import Split

Array = NDArray[Any]
Places = NDArray[np.int64]

MEMBERS = 50
"""Of a swarm, if nothing else is said: the paper's."""
ROUNDS = 20
"""Times that a training reports and can be stored, at most once an epoch."""


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
        compile_ahead()
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
    scheduler: str | None = None,
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
    backend, device, workers, scheduler
        See `preflare.Swarm.train`.
    after_round : callable
        Called with all members about `ROUNDS` times.

    Returns
    -------
    Members
    """
    length = -(-settings.epochs // ROUNDS)
    first = int(members.epochs[members.going(settings)].min(initial=settings.epochs))
    with running(scheduler, workers=workers) as tasks:
        task = tasks.shared(_Training(spectra, labels, list(sides), settings, backend, device))
        for until in range(first + length, settings.epochs + length, length):
            until = min(until, settings.epochs)
            parts = _parts(len(members), backend)
            jobs = [(task, members.some(part), part, until) for part in parts]
            members = Members.join(tasks.each(_further, jobs, wide=backend == "torch"))
            after_round(members)
            if not members.going(settings).any():
                break
    return members


@dataclass(frozen=True)
class _Training:
    """What the tasks of a training share."""

    spectra: Array
    labels: NDArray[np.int8]
    sides: list[Sides]
    settings: Settings
    backend: str
    device: str


def _parts(members: int, backend: str) -> list[slice]:
    """Part members into tasks: torch takes all at once."""
    if backend == "torch":
        return [slice(0, members)]
    return [slice(member, member + 1) for member in range(members)]


def _further(shared: _Training, members: Members, part: slice, until: int) -> Members:
    """Train some members up to an epoch."""
    data = shared.spectra, shared.labels
    # Made here, since loops are compiled on the machine that runs them.
    engine = Together(*data, shared.device) if shared.backend == "torch" else Compiled(*data)
    return advance(members, engine, shared.labels, shared.sides[part], shared.settings, until)


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


BACKENDS = ("compiled", "torch")


def check_backend(backend: str, device: str) -> None:
    """Refuse a backend that there is not, and a device on which it cannot compute.

    Raises
    ------
    NetworkError
        If so.
    """
    if backend not in BACKENDS:
        raise NetworkError(f"There is no backend {backend!r}: choose {' or '.join(BACKENDS)}.")
    if backend == "compiled" and device != "cpu":
        raise NetworkError(
            f"The compiled loops do not run on {device!r}: choose the backend 'torch' for that."
        )
    try:
        torch.empty(1, device=torch.device(device)).cpu()
    except (RuntimeError, AssertionError, TypeError) as error:
        raise NetworkError(
            f"torch cannot compute on {device!r} here ({reason(error)}): choose 'cpu'."
        ) from error


def sides_of(
    splits: Split | Sequence[Split] | None, members: int | None, labels: NDArray[np.int8]
) -> list[Sides]:
    """Return each member's sides.

    Raises
    ------
    NetworkError
        If members and splits do not fit together, or a split does not fit the spectra.
    """
    if members is not None and members < 1:
        raise NetworkError(f"A swarm of {members} members cannot be trained: give 1 or more.")
    if splits is None:
        sides = [Sides(np.arange(labels.size), np.zeros(0, np.int64))] * (members or MEMBERS)
    elif isinstance(splits, Split):
        sides = [Sides(splits.train, splits.watched)] * (members or MEMBERS)
    elif not splits:
        raise NetworkError("There is no split to train on: give one or more, or leave them out.")
    elif members not in (None, len(splits)):
        raise NetworkError(
            f"There are {len(splits)} splits for {members} members: "
            "give one for all, or one for each."
        )
    else:
        sides = [Sides(split.train, split.watched) for split in splits]
    for side in {id(side): side for side in sides}.values():
        _check(side, labels)
    return sides


def _check(side: Sides, labels: NDArray[np.int8]) -> None:
    for name, places in (("train", side.train), ("test", side.test)):
        if places.size and not 0 <= places.min() <= places.max() < labels.size:
            raise NetworkError(
                f"A split names spectrum {places.max()} to {name} on, of {labels.size}: "
                "make it from the same spectra."
            )
    ar, pf = _classes(labels, side.train)
    if not ar or not pf:
        raise NetworkError(
            f"A split has {pf} PF and {ar} AR spectra to train on: it needs both classes."
        )


def identity_of(
    spectra: NDArray[np.float32],
    labels: NDArray[np.int8],
    sides: Sequence[Sides],
    settings: Settings,
    backend: str,
) -> str:
    """Hash all that a training depends on."""
    total = hashlib.sha256(json.dumps([asdict(settings), backend]).encode())
    arrays: list[NDArray[Any]] = [spectra, labels]
    for side in sides:
        arrays += [side.train, side.test]
    for array in arrays:
        total.update(f"{array.shape}".encode())
        total.update(np.ascontiguousarray(array).data)
    return total.hexdigest()
