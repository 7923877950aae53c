"""The networks, as plain torch modules: the paper's small ConvNet, and a dense one to compare."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
from torch import Tensor, nn

from preflare.errors import NetworkError
from preflare.spectrum import POINTS


class ConvNet(nn.Module):
    """The ConvNet of Panos et al. (2023, Fig. 3), with 363 weights.

    Two convolutions with strides of three, a pooling and two dense layers take the shapes
    (1, 240) (2, 74) (4, 22) (4, 11) (44) (5) (2). `features` ends with the six maps that Grad-CAM
    reads, `classifier` turns them into logits.

    Examples
    --------
    >>> import torch
    >>> sum(weights.numel() for weights in ConvNet().parameters())
    363
    >>> ConvNet()(torch.zeros(3, 240)).shape
    torch.Size([3, 2])
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv1d(1, 2, 20, stride=3),
            nn.ReLU(),
            nn.Conv1d(2, 4, 10, stride=3),
            nn.ReLU(),
        )
        self.classifier = nn.Sequential(
            nn.MaxPool1d(2, stride=2),
            nn.Flatten(),
            nn.Linear(44, 5),
            nn.ReLU(),
            nn.Linear(5, 2),
        )

    def forward(self, spectra: Tensor) -> Tensor:
        """Return logits (n, 2), AR and PF, of normalised spectra (n, 240) or (n, 1, 240)."""
        return self.classifier(self.features(_one_channel(spectra)))


class DenseNet(nn.Module):
    """A fully connected network (Panos et al. 2023, Fig. A.1), the baseline without convolutions.

    Panos & Kleint (2020, ApJ 891, 17) told the classes apart with a network of this kind.

    Parameters
    ----------
    hidden : sequence of int
        Neurons of the hidden layers. One layer of 44 neurons by default: as many as the ConvNet
        has after pooling.
    """

    def __init__(self, hidden: tuple[int, ...] = (44,)) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Flatten()]
        for inputs, outputs in pairwise((POINTS, *hidden)):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(hidden[-1], 2))

    def forward(self, spectra: Tensor) -> Tensor:
        """Return logits (n, 2), AR and PF, of normalised spectra (n, 240) or (n, 1, 240)."""
        return self.layers(_one_channel(spectra))


def layer_shapes(network: nn.Module) -> list[tuple[str, tuple[int, ...]]]:
    """Say what each layer does and which shape it puts out, the input first.

    Layers that leave the shape as it is, such as ReLU, are left out.
    """
    shapes: list[tuple[str, tuple[int, ...]]] = [("input", (POINTS,))]

    def note(layer: nn.Module, _: object, out: Tensor) -> None:
        shape = tuple(out.shape[1:])
        if shape not in (shapes[-1][1], (1, *shapes[-1][1])):
            shapes.append((_LAYERS[type(layer)], shape))

    leaves = [layer for layer in network.modules() if type(layer) in _LAYERS]
    hooks = [layer.register_forward_hook(note) for layer in leaves]
    network(next(network.parameters()).new_zeros(1, POINTS))
    for hook in hooks:
        hook.remove()
    return shapes


_LAYERS: dict[type[nn.Module], str] = {
    nn.Conv1d: "convolution",
    nn.MaxPool1d: "pooling",
    nn.Flatten: "flatten",
    nn.Linear: "dense",
}


def receptive_field(layers: Iterable[nn.Module]) -> tuple[int, int, float]:
    """Return what of the spectrum the units after some layers see.

    Returns
    -------
    width, stride, centre : int, int, float
        How many points one unit sees, how many points the next one is on, and the middle of what
        the first one sees, as a place on the grid.

    Examples
    --------
    >>> receptive_field(ConvNet().features)
    (47, 9, 23.0)
    """
    width, stride, centre = 1, 1, 0.0
    for layer in layers:
        if isinstance(layer, nn.Conv1d | nn.MaxPool1d):
            kernel, step = (int(np.ravel(size)[0]) for size in (layer.kernel_size, layer.stride))
            width += (kernel - 1) * stride
            centre += 0.5 * (kernel - 1) * stride
            stride *= step
    return width, stride, centre


def _one_channel(spectra: Tensor) -> Tensor:
    """Return spectra as (n, 1, 240).

    Raises
    ------
    NetworkError
        If they have another shape.
    """
    if spectra.ndim == 2:
        spectra = spectra[:, None]
    if spectra.ndim != 3 or spectra.shape[1:] != (1, POINTS):
        raise NetworkError(
            f"Spectra of shape {tuple(spectra.shape)} do not fit the network: "
            f"give (n, {POINTS}) or (n, 1, {POINTS}), on the grid of preflare.grid()."
        )
    return spectra
