"""Networks as expected gradients see them: an output, and its gradients summed over draws."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from preflare.errors import ExplanationError, reason
from preflare.explain.judged import check_choice
from preflare.kernels import explaining as kernels
from preflare.kernels.ahead import compile_ahead
from preflare.kernels.convnet import WEIGHTS
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
        compile_ahead()  # on whichever machine this is
        out = np.empty(len(spectra), np.float32)
        kernels.outputs(self._weights, self._wanted, self._squashed, spectra, out)
        return out

    def sums(
        self, baselines: Array, place: NDArray[np.int64], alpha: Array, spectra: Array
    ) -> tuple[Array, Array, Array]:
        """See `Differentiable.sums`."""
        compile_ahead()
        gradient, product = np.empty_like(spectra), np.empty_like(spectra)
        risen = np.empty((len(spectra), place.size), np.float32)
        drawn = self._weights, self._wanted, self._squashed, baselines, place, alpha
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
        self._dtype = next((p.dtype for p in module.parameters()), torch.float32)
        self.kind = np.float64 if self._dtype == torch.float64 else np.float32

    def outputs(self, spectra: Array) -> Array:
        """See `Differentiable.outputs`."""
        with torch.no_grad():
            whole = [spectra[part] for part in _parts(len(spectra), AT_ONCE)]
            parts = [self._output(self._tensor(part)) for part in whole]
        return torch.cat(parts).cpu().numpy()

    def sums(
        self, baselines: Array, place: NDArray[np.int64], alpha: Array, spectra: Array
    ) -> tuple[Array, Array, Array]:
        """See `Differentiable.sums`."""
        gradient, product = np.zeros_like(spectra), np.zeros_like(spectra)
        risen = np.empty((len(spectra), place.size), spectra.dtype)
        for draws in _parts(place.size, AT_ONCE):
            drawn, share = self._tensor(baselines[place[draws]]), self._tensor(alpha[draws])
            for some in _parts(len(spectra), max(1, AT_ONCE // len(drawn))):
                away = self._tensor(spectra[some])[:, None] - drawn
                points = (drawn + share[:, None] * away).reshape(-1, POINTS).requires_grad_()
                slope = self._gradient(points).reshape(away.shape)
                gradient[some] += _array(slope.sum(1))
                product[some] += _array((slope * drawn).sum(1))
                risen[some, draws] = _array((slope * away).sum(2))
        return gradient, product, risen

    def _gradient(self, points: torch.Tensor) -> torch.Tensor:
        output = self._output(points)
        if not output.requires_grad:
            raise ExplanationError(
                "The module's output does not depend on its input in a way that torch can "
                "differentiate: compute it from the spectra by torch alone."
            )
        return torch.autograd.grad(output.sum(), points)[0]

    def _tensor(self, values: Array) -> torch.Tensor:
        return torch.as_tensor(values, dtype=self._dtype, device=self._device)

    def _output(self, spectra: torch.Tensor) -> torch.Tensor:
        """Return the output (n,), in the precision of the results."""
        try:
            logits = self._module(spectra)
        except (RuntimeError, TypeError, ValueError, IndexError) as error:
            raise ExplanationError(
                f"The module cannot be asked about spectra (n, {POINTS}) "
                f"({reason(error)}): give one that takes them."
            ) from error
        shape = tuple(getattr(logits, "shape", ()))
        count = len(spectra)
        if shape not in ((count, 2), (count, 1), (count,)):
            raise ExplanationError(
                f"The module returns {shape or type(logits).__name__} for {count} spectra: "
                "it should return (n, 2), AR and PF, or (n,)."
            )
        logits = logits.to(torch.float64 if self.kind is np.float64 else torch.float32)
        if shape == (count, 2):
            value = self._wanted[0] * logits[:, 0] + self._wanted[1] * logits[:, 1]
        else:
            value = logits.reshape(-1)
        return torch.sigmoid(value) if self._squashed else value


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
    check_choice("output", output, WANTED)
    backend = chosen_backend(isinstance(networks, Swarm), backend, device)
    if isinstance(networks, Swarm):
        weights = finite(networks)
        if backend == "compiled":
            return [Compiled(row, output) for row in weights]
        modules: Sequence[torch.nn.Module] = networks.modules()
    else:
        modules = [networks] if isinstance(networks, torch.nn.Module) else networks
        if not isinstance(modules, list | tuple):
            raise ExplanationError(
                f"A {type(networks).__name__} cannot be explained: give a swarm, a torch module "
                "or a list of them."
            )
        if backend == "compiled":
            raise ExplanationError(
                "The compiled loops know swarms only: make one with Swarm.from_modules, "
                "or choose the backend 'torch'."
            )
        _some(modules)
        for each in modules:
            if not isinstance(each, torch.nn.Module):
                raise ExplanationError(
                    f"A {type(each).__name__} is no torch module: give modules only."
                )
    return [Autograd(module, output, device) for module in modules]


def chosen_backend(compilable: bool, backend: Backend | None, device: str) -> Backend:
    """Return the backend, where None takes the compiled loops if they can do it.

    Raises
    ------
    NetworkError
        If there is no such backend or device.
    """
    if backend is None:
        backend = "compiled" if compilable and str(device) == "cpu" else "torch"
    check_backend(backend, device)
    if backend == "compiled":
        compile_ahead()
    return backend


def finite(swarm: Swarm) -> NDArray[np.float32]:
    """Return a swarm's weights (members, 363) as the compiled loops take them.

    Raises
    ------
    ExplanationError
        If there is no member, or one has diverged.
    """
    _some(swarm)
    weights = np.require(swarm.weights, np.float32, ["C", "W"])
    if weights.ndim != 2 or weights.shape[1] != WEIGHTS:
        raise ExplanationError(
            f"The swarm has weights of shape {weights.shape}: "
            f"a swarm of ConvNets has (members, {WEIGHTS})."
        )
    lost = np.flatnonzero(~np.isfinite(weights).all(axis=1))
    if lost.size:
        raise ExplanationError(
            f"Member {lost[0]} of the swarm has diverged and explains nothing: "
            "leave it out with Swarm.some."
        )
    return weights


def _some(networks: Swarm | Sequence[torch.nn.Module]) -> None:
    if not len(networks):
        raise ExplanationError("The swarm has no members to explain: give one or more.")


def _parts(count: int, at_once: int) -> list[slice]:
    return [slice(start, min(start + at_once, count)) for start in range(0, count, at_once)]


def _array(values: torch.Tensor) -> Array:
    kept = values if values.dtype == torch.float64 else values.float()
    return kept.cpu().numpy()
