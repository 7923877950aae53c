"""Networks as expected gradients see them: an output, and its gradients summed over draws."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from preflare.errors import ExplanationError
from preflare.kernels import explaining as kernels
from preflare.kernels.ahead import compile_ahead
from preflare.spectrum import POINTS
from preflare.swarm import Swarm
from preflare.training import check_backend

Array = NDArray[Any]
Backend = Literal["compiled", "torch"]
Output = Literal["logit", "log-odds", "probability"]
Explained = Swarm | torch.nn.Module | Sequence[torch.nn.Module]

WANTED: dict[str, tuple[tuple[float, float], bool]] = {
    "logit": ((0.0, 1.0), False),
    "log-odds": ((-1.0, 1.0), False),
    "probability": ((-1.0, 1.0), True),
}
"""How each output weighs the AR and the PF logit, and whether it is squashed to 0 ... 1."""
AT_ONCE = 65_536
"""Spectra that torch takes at a time, in all draws together."""


class Differentiable(Protocol):
    """One output of one network."""

    kind: type[np.floating[Any]]

    def outputs(self, spectra: Array) -> Array:
        """Return the output (n,) for spectra (n, 240)."""

    def sums(
        self, baselines: Array, place: NDArray[np.int64], alpha: Array, spectra: Array
    ) -> tuple[Array, Array, Array]:
        """Sum gradients over draws; see `preflare.kernels.explaining.expected_gradients`.

        Returns
        -------
        gradient, product : ndarray, (n, 240)
        risen : ndarray, (n, samples)
        """


class Compiled:
    """A ConvNet's output by compiled loops."""

    kind = np.float32

    def __init__(self, weights: NDArray[np.float32], output: Output) -> None:
        self._weights = weights
        wanted, self._squashed = WANTED[output]
        self._wanted = np.array(wanted, np.float32)

    def outputs(self, spectra: Array) -> Array:
        """See `Differentiable.outputs`."""
        out = np.empty(len(spectra), np.float32)
        kernels.outputs(self._weights, self._wanted, self._squashed, spectra, out)
        return out

    def sums(
        self, baselines: Array, place: NDArray[np.int64], alpha: Array, spectra: Array
    ) -> tuple[Array, Array, Array]:
        """See `Differentiable.sums`."""
        gradient, product = np.empty_like(spectra), np.empty_like(spectra)
        risen = np.empty((len(spectra), place.size), np.float32)
        drawn = self._weights, self._wanted, self._squashed, baselines, place, alpha[:, None]
        kernels.expected_gradients(*drawn, spectra, gradient, product, risen)
        return gradient, product, risen


class Autograd:
    """Any torch module's output, differentiated by torch: the reference, and the way onto a GPU.

    The module takes spectra (n, 240) and returns logits (n, 2), AR and PF, or one log-odds each,
    (n,) or (n, 1). A copy of it is asked, in evaluation mode.
    """

    def __init__(self, module: torch.nn.Module, output: Output, device: str) -> None:
        self._module = deepcopy(module).to(device).eval().requires_grad_(False)
        self._wanted, self._squashed = WANTED[output]
        self._device = torch.device(device)
        weights = next(module.parameters(), torch.empty(0))
        self._dtype = weights.dtype
        self.kind = np.float64 if weights.dtype == torch.float64 else np.float32

    def outputs(self, spectra: Array) -> Array:
        """See `Differentiable.outputs`."""
        with torch.no_grad():
            parts = [self._output(self._tensor(part)) for part in _split(spectra, AT_ONCE)]
        return torch.cat(parts).cpu().numpy()

    def sums(
        self, baselines: Array, place: NDArray[np.int64], alpha: Array, spectra: Array
    ) -> tuple[Array, Array, Array]:
        """See `Differentiable.sums`."""
        drawn, share = self._tensor(baselines[place]), self._tensor(alpha)[:, None]
        rows = []
        for part in _split(spectra, max(1, AT_ONCE // place.size)):
            away = self._tensor(part)[:, None] - drawn
            points = (drawn + share * away).reshape(-1, POINTS).requires_grad_()
            (slope,) = torch.autograd.grad(self._output(points).sum(), points)
            slope = slope.reshape(away.shape)
            rows.append((slope.sum(1), (slope * drawn).sum(1), (slope * away).sum(2)))
        gradient, product, risen = (
            torch.cat(each).cpu().numpy() for each in zip(*rows, strict=True)
        )
        return gradient, product, risen

    def _tensor(self, values: Array) -> torch.Tensor:
        return torch.as_tensor(values, dtype=self._dtype, device=self._device)

    def _output(self, spectra: torch.Tensor) -> torch.Tensor:
        logits = self._module(spectra)
        if logits.shape == (len(spectra), 2):
            value = self._wanted[0] * logits[:, 0] + self._wanted[1] * logits[:, 1]
        elif logits.numel() == len(spectra):
            value = logits.reshape(-1)
        else:
            raise ExplanationError(
                f"The module returns {tuple(logits.shape)} for {len(spectra)} spectra: "
                "it should return (n, 2), AR and PF, or (n,)."
            )
        return torch.sigmoid(value) if self._squashed else value


def _split(spectra: Array, at_once: int) -> list[Array]:
    return [spectra[start : start + at_once] for start in range(0, len(spectra), at_once)]


def differentiable(
    networks: Explained, output: Output, backend: Backend | None, device: str
) -> list[Differentiable]:
    """Return one output of each network.

    Parameters
    ----------
    networks : Swarm, or one or more torch modules
    output : {"logit", "log-odds", "probability"}
        The PF logit; the PF less the AR logit; or the probability of PF.
    backend : {"compiled", "torch"} or None
        None takes the compiled loops for a swarm on the CPU, and torch for the rest.
    device : str
        Where torch computes.

    Raises
    ------
    ExplanationError
        If there is no network, no such output, or the loops do not know the network.
    NetworkError
        If there is no such backend or device.
    """
    if output not in WANTED:
        raise ExplanationError(f"There is no output {output!r}: choose {', '.join(WANTED)}.")
    if isinstance(networks, torch.nn.Module):
        networks = [networks]
    if backend is None:
        backend = "compiled" if isinstance(networks, Swarm) and device == "cpu" else "torch"
    check_backend(backend, device)
    if not len(networks):
        raise ExplanationError("The swarm has no members to explain: give one or more.")
    if backend == "compiled":
        if not isinstance(networks, Swarm):
            raise ExplanationError(
                "The compiled loops know swarms only: make one with Swarm.from_modules, "
                "or choose the backend 'torch'."
            )
        compile_ahead()
        return [Compiled(row, output) for row in finite(networks)]
    modules = networks.modules() if isinstance(networks, Swarm) else networks
    if isinstance(networks, Swarm):
        finite(networks)
    return [Autograd(module, output, device) for module in modules]


def finite(swarm: Swarm) -> NDArray[np.float32]:
    """Return a swarm's weights (members, 363).

    Raises
    ------
    ExplanationError
        If a member has diverged.
    """
    lost = np.flatnonzero(~np.isfinite(swarm.weights).all(axis=1))
    if lost.size:
        raise ExplanationError(
            f"Member {lost[0]} of the swarm has diverged and explains nothing: "
            "leave it out with Swarm.some."
        )
    return swarm.weights
