"""Grad-CAM: where the last feature maps are active that speak for a class."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

import numpy as np
import torch
from dask.base import compute
from dask.delayed import delayed
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from preflare.errors import ExplanationError
from preflare.explain.judged import check_choice, whole_number
from preflare.explain.outputs import Backend, chosen_backend, finite
from preflare.kernels import explaining as kernels
from preflare.kernels.convnet import LENGTH_2
from preflare.network import ConvNet, receptive_field
from preflare.network_inputs import checked_spectra
from preflare.spectrum import POINTS
from preflare.swarm import Swarm

Array = NDArray[Any]
Target = Literal["AR", "PF", "argmax"]

TARGETS: dict[str, int] = {"AR": kernels.AR, "PF": kernels.PF, "argmax": kernels.ARGMAX}
AT_ONCE = 1024


@dataclass(frozen=True)
class Variant:
    """A way to make Grad-CAM.

    Attributes
    ----------
    averaged : {"positions", "maps"}
        What gradients are averaged over. Over positions, each map gets a weight (Eq. B.1); over
        maps, each position gets one.
    placed : {"centres", "stretched"}
        Where the 22 units are put on the spectrum: at the centre of what each sees, point 23 + 9 j,
        or evenly from the first point to the last.
    target : {"PF", "AR", "argmax"}
        Class whose logit is explained; ``"argmax"`` takes the one that each member decides for.
    divided : bool
        Whether each map is divided by its maximum before the mean over members.

    Raises
    ------
    ExplanationError
        If one of them is something else.
    """

    averaged: Literal["positions", "maps"] = "positions"
    placed: Literal["centres", "stretched"] = "centres"
    target: Target = "PF"
    divided: bool = False

    def __post_init__(self) -> None:
        check_choice("class to explain", self.target, TARGETS)
        check_choice("way to average gradients", self.averaged, ("positions", "maps"))
        check_choice("way to place units", self.placed, ("centres", "stretched"))


EQUATIONS = Variant()
"""Equations B.1 and B.2 of Panos et al. (2023)."""
PUBLISHED = Variant("maps", "stretched", "argmax", divided=True)
"""What the code published with the paper does instead; that it averages gradients over the spectra
of a batch as well is left out, for a map would depend on what else is explained."""
VARIANTS = {"equations": EQUATIONS, "published": PUBLISHED}


def grad_cam(
    swarm: Swarm,
    spectra: ArrayLike,
    *,
    target: Target | None = None,
    variant: Variant | Literal["equations", "published"] = "equations",
    backend: Backend | None = None,
    device: str = "cpu",
    workers: int | None = None,
) -> NDArray[np.float32]:
    """Return Grad-CAM's maps (n, 240), the mean over members (Panos et al. 2023, Eqs. 2, B.1, B.2).

    Parameters
    ----------
    swarm : Swarm
    spectra : array, (n, 240)
        What to explain.
    target : {"PF", "AR", "argmax"}, optional
        Class to explain. Default: the variant's.
    variant : {"equations", "published"} or Variant
        How the maps are made, see `Variant`.
    backend : {"compiled", "torch"}, optional
        Compiled loops or torch's autograd. Default: compiled on the CPU.
    device : str
        Where torch computes.
    workers : int, optional
        Threads of the compiled loops. Default: as many as there are cores.

    Returns
    -------
    ndarray of float32, (n, 240)

    Raises
    ------
    ExplanationError
        If the swarm has no members or a diverged one, or there is no such variant or target.
    NetworkError
        If the spectra do not fit.

    Examples
    --------
    >>> import preflare as pf
    >>> swarm = pf.Swarm.load(pf.shipped("swarm/swarm.safetensors"))
    >>> cube = pf.clean(pf.read_raster(pf.shipped(pf.SAMPLE_RASTER)))
    >>> spectra = cube.intensity.values[pf.accepted(cube)][:2]
    >>> grad_cam(swarm, spectra).shape
    (2, 240)
    """
    kind = _variant(variant, target)
    values = checked_spectra(spectra, normalised=False)
    rows = _weights(swarm)
    threads = None if workers is None else whole_number("number of workers", workers, 1)
    if chosen_backend(True, backend, device) == "torch":
        how = kind.averaged, kind.target, device
        each = np.stack([signed_maps(module, values, *how) for module in swarm.modules()])
        maps = np.maximum(each, 0)
        return placed((_divided(maps) if kind.divided else maps).mean(axis=0), kind.placed)
    out = np.empty((len(values), POINTS), np.float32)

    def explain(where: slice) -> None:
        out[where] = placed(_coarse(rows, values[where], kind).mean(axis=0), kind.placed)

    task = delayed(explain, pure=False, traverse=False)
    starts = range(0, len(values), AT_ONCE)
    options: dict[str, Any] = {} if threads is None else {"num_workers": threads}
    parts = [task(slice(start, start + AT_ONCE)) for start in starts]
    with threadpool_limits(1):
        compute(*parts, scheduler="threads", **options)
    return out


def coarse_maps(
    swarm: Swarm,
    spectra: ArrayLike,
    *,
    target: Target | None = None,
    variant: Variant | Literal["equations", "published"] = "equations",
) -> NDArray[np.float32]:
    """Return every member's maps (members, n, 22) before they are put on the spectrum.

    See `grad_cam` for the rest; `placed` puts them there.
    """
    kind = _variant(variant, target)
    values = checked_spectra(spectra, normalised=False)
    rows = _weights(swarm)
    chosen_backend(True, "compiled", "cpu")
    return _coarse(rows, values, kind)


def placed(maps: Array, place: Literal["centres", "stretched"] = "centres") -> NDArray[np.float32]:
    """Put maps (..., 22) on the grid (..., 240): linear between units, constant beyond the ends."""
    return np.asarray(maps @ _spreading(place), np.float32)


@cache
def _spreading(place: Literal["centres", "stretched"]) -> NDArray[np.float32]:
    """Return what each unit alone puts on the grid (22, 240)."""
    _, stride, centre = receptive_field(ConvNet().features)
    if place == "centres":
        at = centre + stride * np.arange(LENGTH_2)
    else:
        at = np.linspace(0, POINTS - 1, LENGTH_2)
    points = np.arange(POINTS)
    return np.stack([np.interp(points, at, unit) for unit in np.eye(LENGTH_2)]).astype(np.float32)


def _coarse(weights: Array, spectra: Array, kind: Variant) -> NDArray[np.float32]:
    """Return coarse maps (members, n, 22)."""
    out = np.empty((len(weights), len(spectra), LENGTH_2), np.float32)
    kernels.grad_cam(weights, TARGETS[kind.target], kind.averaged == "maps", spectra, out)
    return _divided(out) if kind.divided else out


def signed_maps(
    module: ConvNet,
    spectra: Array,
    averaged: Literal["positions", "maps", "nothing"],
    target: Target = "PF",
    device: str = "cpu",
) -> NDArray[np.float32]:
    """Return one ConvNet's coarse maps (n, 22) before their ReLU, differentiated by torch.

    Parameters
    ----------
    module : ConvNet
    spectra : ndarray of float32, (n, 240)
    averaged : {"positions", "maps", "nothing"}
        What gradients are averaged over before they multiply the activations. Over nothing, each
        unit has its own (HiResCAM; Draelos & Carin 2020, arXiv:2011.08891).
    target : {"PF", "AR", "argmax"}
        Class whose logit is explained.
    device : str
        Where torch computes.
    """
    network, parts = module.to(device), []
    for start in range(0, len(spectra), AT_ONCE):
        light = torch.as_tensor(spectra[start : start + AT_ONCE], device=device)[:, None]
        maps = network.features(light).detach().requires_grad_()
        logits = network.classifier(maps)
        called = logits.max(dim=1).values if target == "argmax" else logits[:, TARGETS[target]]
        (slope,) = torch.autograd.grad(called.sum(), maps)
        if averaged != "nothing":
            slope = slope.mean(dim=2 if averaged == "positions" else 1, keepdim=True)
        parts.append((slope * maps).sum(dim=1).detach().cpu().numpy())
    return np.concatenate(parts)


def _divided(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    highest = maps.max(axis=-1, keepdims=True)
    return np.divide(maps, highest, out=np.zeros_like(maps), where=highest > 0)


def _variant(variant: Variant | str, target: Target | None) -> Variant:
    if not isinstance(variant, Variant):
        check_choice("variant of Grad-CAM", variant, VARIANTS)
        variant = VARIANTS[variant]
    return variant if target is None else replace(variant, target=target)


def _weights(swarm: Swarm) -> NDArray[np.float32]:
    if not isinstance(swarm, Swarm):
        raise ExplanationError(
            f"Grad-CAM needs the feature maps of a swarm, not a {type(swarm).__name__}: "
            "make one with Swarm.from_modules."
        )
    return finite(swarm)
