"""The same training in torch, for all members at once: the reference, and the way onto a GPU.

`torch.func` turns one `preflare.network.ConvNet` into a function of its weights, and maps it over
members that each have weights and a batch of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import functional_call, grad_and_value, vmap
from torch.nn.functional import cross_entropy

from preflare.kernels.training import DECAY_1, DECAY_2, EPSILON
from preflare.network import ConvNet

Places = NDArray[np.int64]
AT_ONCE = 4096


class Together:
    """Labelled spectra on a device, and members to train on them.

    Parameters
    ----------
    spectra : ndarray, (n, 240)
        Their precision is that of the training.
    labels : ndarray, (n,)
        1 for PF.
    device : str
        As torch names it, such as ``"cpu"`` or ``"cuda"``.
    """

    def __init__(
        self, spectra: NDArray[Any], labels: NDArray[np.int8], device: str = "cpu"
    ) -> None:
        self._spectra = torch.from_numpy(spectra).to(device)
        self._labels = torch.from_numpy(labels).long().to(device)
        self._network = ConvNet().to(self._spectra)
        # A network's own weights are never used: each call brings its members'.
        self._shapes = {name: value.shape for name, value in self._network.named_parameters()}

    def train_epoch(
        self,
        weights: NDArray[Any],
        mean: NDArray[Any],
        square: NDArray[Any],
        done: NDArray[np.int64],
        orders: Sequence[Places],
        batch: int,
        rate: float,
        penalty: float,
    ) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64]]:
        """Train members through their spectra once, in place; see `training.train_epoch`.

        Arrays have the member first; `orders` has a shuffled array of places for each, of any
        length.
        """
        theta, first, second = (self._tensor(array) for array in (weights, mean, square))
        step = self._tensor(done.astype(weights.dtype))
        places, present = self._padded(orders)
        total = theta.new_zeros(len(orders))
        hits, alarms = (torch.zeros_like(total, dtype=torch.long) for _ in range(2))
        slope = vmap(grad_and_value(self._mean_loss, has_aux=True))
        for start in range(0, places.shape[1], batch):
            here = places[:, start : start + batch]
            mask = present[:, start : start + batch]
            size = mask.sum(dim=1)
            gradient, (loss, logits) = slope(theta, self._spectra[here], self._labels[here], mask)
            total += loss * size
            called = (logits[..., 1] > logits[..., 0]) & mask
            hits += (called & (self._labels[here] == 1)).sum(dim=1)
            alarms += (called & (self._labels[here] == 0)).sum(dim=1)
            gradient = gradient + 2.0 * penalty * theta
            busy = (size > 0).to(theta)[:, None]
            step = step + busy[:, 0]
            first = first + busy * (1 - DECAY_1) * (gradient - first)
            second = torch.where(busy > 0, DECAY_2 * second + (1 - DECAY_2) * gradient**2, second)
            length = (rate / (1 - DECAY_1**step))[:, None]
            root = (1 - DECAY_2**step).sqrt()[:, None]
            theta = theta - busy * length * first / (second.sqrt() / root + EPSILON)
        for array, tensor in ((weights, theta), (mean, first), (square, second)):
            array[:] = tensor.cpu().numpy()
        done[:] = step.cpu().numpy().astype(np.int64)
        return total.cpu().numpy(), hits.cpu().numpy(), alarms.cpu().numpy()

    def evaluate(
        self, weights: NDArray[Any], sides: Sequence[Places]
    ) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64]]:
        """Return summed losses and calls of each member's own spectra; see `training.evaluate`."""
        theta = self._tensor(weights)
        places, present = self._padded(sides)
        total = theta.new_zeros(len(sides))
        hits, alarms = (torch.zeros_like(total, dtype=torch.long) for _ in range(2))
        with torch.no_grad():
            for here, mask in zip(
                places.split(AT_ONCE, dim=1), present.split(AT_ONCE, dim=1), strict=True
            ):
                labels = self._labels[here]
                logits = vmap(self._logits)(theta, self._spectra[here])
                losses = cross_entropy(logits.transpose(1, 2), labels, reduction="none")
                total += (losses * mask).sum(dim=1)
                called = (logits[..., 1] > logits[..., 0]) & mask
                hits += (called & (labels == 1)).sum(dim=1)
                alarms += (called & (labels == 0)).sum(dim=1)
        return total.cpu().numpy(), hits.cpu().numpy(), alarms.cpu().numpy()

    def _tensor(self, array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(array.copy()).to(self._spectra)

    def _padded(self, orders: Sequence[Places]) -> tuple[Tensor, Tensor]:
        longest = max(len(order) for order in orders)
        places = np.zeros((len(orders), longest), np.int64)
        present = np.zeros((len(orders), longest), bool)
        for row, mask, order in zip(places, present, orders, strict=True):
            row[: len(order)] = order
            mask[: len(order)] = True
        device = self._spectra.device
        return torch.from_numpy(places).to(device), torch.from_numpy(present).to(device)

    def _logits(self, weights: Tensor, spectra: Tensor) -> Tensor:
        values, start = {}, 0
        for name, shape in self._shapes.items():
            values[name] = weights[start : start + shape.numel()].reshape(shape)
            start += shape.numel()
        return functional_call(self._network, values, (spectra,))

    def _mean_loss(
        self, weights: Tensor, spectra: Tensor, labels: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        logits = self._logits(weights, spectra)
        losses = cross_entropy(logits, labels, reduction="none") * mask
        return losses.sum() / mask.sum().clamp(min=1), logits
