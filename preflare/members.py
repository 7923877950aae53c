"""The members of a swarm while they are trained: settings, first weights, and what is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from preflare.errors import NetworkError
from preflare.network import ConvNet

Array = NDArray[Any]
Places = NDArray[np.int64]

CHECKPOINTS = ("lowest test loss", "lowest mean loss", "last")
"""Moments of a training whose weights are kept; the mean is that of training and test loss."""
CURVES = ("train loss", "test loss", "train tss", "test tss")


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

    Raises
    ------
    NetworkError
        If one of them makes no sense.
    """

    epochs: int = 100
    seed: int = 0
    batch: int = 64
    rate: float = 1e-3
    penalty: float = 0.0
    patience: int | None = None

    def __post_init__(self) -> None:
        for name, value in (("epochs", self.epochs), ("batch", self.batch)):
            if value < 1:
                raise NetworkError(f"A training with {name} {value} is none: give 1 or more.")
        if self.seed < 0:
            raise NetworkError(f"The seed {self.seed} is negative: give 0 or more.")
        if not (self.rate > 0 and np.isfinite(self.rate)):
            raise NetworkError(f"The learning rate {self.rate} is not positive: try 0.001.")
        if not (self.penalty >= 0 and np.isfinite(self.penalty)):
            raise NetworkError(f"The penalty {self.penalty} is negative or no number: give 0.")
        if self.patience is not None and self.patience < 1:
            raise NetworkError(f"A patience of {self.patience} epochs is none: give 1 or more.")


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
