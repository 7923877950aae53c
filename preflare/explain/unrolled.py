"""The network as products of matrices, for a derivative of derivatives.

A prior on attributions, which are derivatives by the intensities, is trained by their derivatives
by the weights. The output is ``"logit"`` (PF), which the paper's prior is on, or ``"log-odds"``
(PF less AR), which verdicts depend on; a prior on the former alone can be evaded, as told in
`preflare.explain.prior.train_with_prior`.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, pad

from preflare.kernels.convnet import LENGTH_1, LENGTH_2, POINTS, STRIDE
from preflare.network import ConvNet

Output = Literal["logit", "log-odds"]

SHAPES = [weights.shape for weights in ConvNet().parameters()]
"""Of the arrays that the weights of a network are, one after the other."""


class Unrolled:
    """ConvNets, each with its own weights, whose convolutions are written out as matrices.

    With the derivatives written out too, a step takes half the time that `torch.func` needs with
    the modules themselves.

    Parameters
    ----------
    weights : Tensor, (..., 363)
        In the order of ``ConvNet().parameters()``.
    """

    def __init__(self, weights: Tensor) -> None:
        flat = weights.split([shape.numel() for shape in SHAPES], -1)
        parts = [part.unflatten(-1, shape) for part, shape in zip(flat, SHAPES, strict=True)]
        parts[0], parts[2] = _matrix(parts[0], POINTS), _matrix(parts[2], LENGTH_1)
        parts[1] = parts[1].repeat_interleave(LENGTH_1, -1)
        parts[3] = parts[3].repeat_interleave(LENGTH_2, -1)
        self._matrices = parts[::2]
        self._biases = [bias[..., None, :] for bias in parts[1::2]]

    def logits(self, spectra: Tensor) -> Tensor:
        """Return logits (..., n, 2), AR and PF, of spectra (..., n, 240)."""
        return self._layers(spectra)[-1]

    def slopes(self, spectra: Tensor, output: Output) -> Tensor:
        """Return the derivatives (..., n, 240) of an output by the intensities.

        The network is linear but for kinks. Between which of them a spectrum is does not change
        with a small change of the weights: what depends on that alone needs no derivative.
        """
        with torch.no_grad():
            first, second, third, _ = self._layers(spectra)
        one, two, three, four = self._matrices
        direction = four[..., 1:, :]
        if output == "log-odds":
            direction = direction - four[..., :1, :]
        slope = (direction * (third > 0)) @ three
        left = second[..., ::2] >= second[..., 1::2]
        slope = torch.stack([slope * left, slope * ~left], -1).flatten(-2)
        return ((slope * (second > 0)) @ two * (first > 0)) @ one

    def _layers(self, spectra: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        one, two, three, four = (each.mT for each in self._matrices)
        bias_1, bias_2, bias_3, bias_4 = self._biases
        first = (spectra @ one + bias_1).relu()
        second = (first @ two + bias_2).relu()
        pooled = torch.maximum(second[..., ::2], second[..., 1::2])
        third = (pooled @ three + bias_3).relu()
        return first, second, third, third @ four + bias_4


def _matrix(kernel: Tensor, points: int) -> Tensor:
    """Write a convolution of maps (..., out, in, taps) as a matrix (..., out * n, in * points)."""
    taps = kernel.shape[-1]
    length = (points - taps) // STRIDE + 1
    # Rows a stride too long, laid end to end and cut to the right length, each begin a stride on.
    rows = pad(kernel, (0, points + STRIDE - taps))[..., None, :]
    rows = rows.expand(*rows.shape[:-2], length, -1).flatten(-2)[..., : length * points]
    return rows.unflatten(-1, (length, points)).transpose(-3, -2).flatten(-4, -3).flatten(-2)


def attributions(
    networks: Unrolled, spectra: Tensor, baselines: Tensor, alphas: Tensor, output: Output
) -> Tensor:
    """Estimate expected gradients (Eq. C.2) so that the weights' gradients can be taken of them.

    Parameters
    ----------
    networks : Unrolled
    spectra : Tensor, (..., n, 240)
    baselines : Tensor, (..., n, draws, 240)
    alphas : Tensor, (..., n, draws)
        Places on the paths: 0 at the baseline, 1 at the spectrum.
    output : {"logit", "log-odds"}

    Returns
    -------
    Tensor, (..., n, 240)
    """
    away = spectra[..., None, :] - baselines
    on_path = baselines + alphas[..., None] * away
    slopes = networks.slopes(on_path.flatten(-3, -2), output)
    return (away * slopes.unflatten(-2, alphas.shape[-2:])).mean(-2)


def objective(
    networks: Unrolled,
    spectra: Tensor,
    labels: Tensor,
    baselines: Tensor,
    alphas: Tensor,
    output: Output,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the two terms of Eq. C.3 for each network, and which spectra it calls PF.

    Parameters
    ----------
    networks, spectra, baselines, alphas, output
        See `attributions`.
    labels : Tensor, (..., n)
        1 for PF and 0 for AR.

    Returns
    -------
    loss, rough : Tensor, (...)
        Mean cross-entropy, and mean roughness before it is multiplied by sigma.
    called : Tensor of bool, (..., n)
    """
    logits = networks.logits(spectra)
    phi = attributions(networks, spectra, baselines, alphas, output)
    return mean_loss(logits, labels), roughness(phi), logits[..., 1] > logits[..., 0]


def roughness(phi: Tensor) -> Tensor:
    """Return the sum over wavelengths of |phi_{l+1} - phi_l|, mean over the spectra."""
    return phi.diff(dim=-1).abs().sum(-1).mean(-1)


def mean_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Return each network's cross-entropy, mean over the spectra, of logits (..., n, 2)."""
    labels = labels.expand(logits.shape[:-1])
    return cross_entropy(logits.movedim(-1, 1), labels, reduction="none").mean(-1)
