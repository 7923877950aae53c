"""Whether explanations depend on what a network has learned, tested by making it forget."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike
from torch import nn

from preflare.errors import ExplanationError
from preflare.explain.agreement import agreement
from preflare.explain.judged import (
    Numbers,
    Spectra,
    attributions_of,
    check_choice,
    seed_sequence,
    whole_number,
)
from preflare.network_inputs import checked_spectra

ExplainModule = Callable[[nn.Module, Spectra], ArrayLike]
"""Takes a network and spectra (n, 240) and returns attributions, (n, 240)."""


def model_parameter_randomisation(
    explain: ExplainModule,
    module: nn.Module,
    spectra: ArrayLike,
    *,
    order: Literal["cascading", "independent"] = "cascading",
    absolute: bool = False,
    draws: int = 1,
    seed: int = 0,
) -> pd.DataFrame:
    """See whether attributions change when the network forgets what it has learned.

    Layer by layer, from the output towards the input, weights are drawn anew as torch initialises
    them. Attributions that stay as they were do not explain the network.

    Parameters
    ----------
    explain : callable
        Takes a network and spectra and returns attributions (n, 240). If it draws baselines,
        let it draw the same ones in every call, or their scatter is in the result.
    module : torch.nn.Module
        Network of convolutions (1-D) and dense layers; it is left as it is.
    spectra : array_like, shape (n, 240)
        Normalised profiles.
    order : {"cascading", "independent"}
        Whether the layers before stay random when it is the next one's turn, or are put back.
    absolute : bool
        Whether to rank points by the absolute value of their attributions.
    draws : int
        How often to draw all weights.
    seed : int
        Of the weights. A layer gets the same ones in either order.

    Returns
    -------
    pandas.DataFrame
        One row a draw, layer and spectrum, in this order: ``draw``, ``layer`` (its name, such as
        ``"classifier.4"``), ``spectrum`` (its place), ``correlation`` (Spearman's, of the
        attributions before and after) and ``undefined``, True where attributions that are all
        equal leave the correlation nan, as those of a network without living units are.

    Raises
    ------
    ExplanationError
        If the network has another kind of layer with weights, or none; if attributions or
        settings do not fit.
    NetworkError
        If spectra are not normalised profiles.

    Notes
    -----
    Adebayo et al. (2018, arXiv:1810.03292). Quantus ranks absolute values unless told otherwise,
    and starts every layer from the same random state, which makes their weights alike.
    """
    check_choice("order", order, ("cascading", "independent"))
    whole_number("number of draws", draws, 1)
    whole_number("seed", seed, 0)
    profiles = checked_spectra(spectra)
    layers = _layers(module)

    def explained(network: nn.Module) -> Numbers:
        maps = attributions_of(profiles, lambda rows: explain(network, rows))
        return np.abs(maps) if absolute else maps

    original = explained(copy.deepcopy(module))
    tables = []
    for draw in range(draws):
        network = copy.deepcopy(module)
        for place, name in enumerate(layers):
            if order == "independent":
                network = copy.deepcopy(module)
            _draw_anew(network.get_submodule(name), _generator(seed, draw, place))
            columns = {
                "draw": draw,
                "layer": name,
                "spectrum": np.arange(len(profiles)),
                "correlation": agreement(original, explained(network)),
            }
            tables.append(pd.DataFrame(columns))
    table = pd.concat(tables, ignore_index=True)
    return table.assign(undefined=table["correlation"].isna())


def _layers(module: nn.Module) -> list[str]:
    """Name the layers that have weights, from the output towards the input."""
    names = []
    for name, layer in module.named_modules():
        if next(layer.parameters(recurse=False), None) is None:
            continue
        if not isinstance(layer, nn.Conv1d | nn.Linear):
            raise ExplanationError(
                f"The weights of the layer {name!r}, a {type(layer).__name__}, cannot be drawn "
                "anew: give a network of Conv1d and Linear layers."
            )
        names.append(name)
    if not names:
        raise ExplanationError("The network has no layer with weights: give one that has.")
    return names[::-1]


def _generator(seed: int, draw: int, place: int) -> torch.Generator:
    state = seed_sequence(seed, draw, place).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0]))


def _draw_anew(layer: nn.Module, generator: torch.Generator) -> None:
    """Draw weights and biases as `reset_parameters` of Conv1d and Linear does, on the CPU."""
    parameters = list(layer.parameters(recurse=False))
    bound = parameters[0][0].numel() ** -0.5
    with torch.no_grad():
        for values in parameters:
            fresh = torch.empty(values.shape, dtype=values.dtype)
            values.copy_(fresh.uniform_(-bound, bound, generator=generator))
