"""Record what Quantus 0.6.0 (Hedström et al. 2023) says of a few small cases.

Quantus brings OpenCV and more with it, so that the tests read `values.json` instead. To record it
again, in an environment that has preflare and quantus==0.6.0:

    python tests/unit/quantus/record.py

Attributions are never normalised here (`normalise=False`). Relevance mass accuracy gets their
positive part: from all of them, Quantus would subtract the negative ones.
"""

import json
from pathlib import Path

import numpy as np
import torch

from preflare.network import ConvNet

PLACE = Path(__file__).with_name("values.json")
MASKS = [[30, 60], [100, 101], [50, 200], [180, 205]]
ERRORS = [[1, 7, 0.015625], [3, 9, -0.5]]
"""Spectrum, point, and by how much the attribution is off there."""
SEED = 42


def inputs():
    random = np.random.default_rng(20)
    points = np.arange(240)
    lines = [np.exp(-0.5 * ((points - place) / 6) ** 2) for place in (45, 95, 193)]
    spectra = 0.1 + random.uniform(0.2, 1, (4, 3)) @ lines + random.normal(0, 0.02, (4, 240))
    spectra /= spectra.max(axis=1, keepdims=True)
    attributions = random.normal(0, 1, (4, 240)) + 3 * spectra
    torch.manual_seed(10)
    # Tripled, so that the output depends on the spectrum.
    weights = {name: (3 * v).numpy().round(5) for name, v in ConvNet().state_dict().items()}
    return {
        "spectra": spectra.round(4).tolist(),
        "attributions": attributions.round(5).tolist(),
        "masks": MASKS,
        "weights": {
            name: values.astype(float).round(5).tolist() for name, values in weights.items()
        },
        "weights_of_points": random.integers(-8, 9, 240).tolist(),
        "bias": 3,
        "binary_spectra": (random.integers(0, 65, (4, 240)) / 64).tolist(),
        "binary_baseline": 0.25,
        "errors": ERRORS,
        "replacement": 0.2,
        "points_in_step": 8,
        "seed": SEED,
    }


def gradient_times_input(model, spectra):
    rows = torch.as_tensor(spectra, dtype=torch.float32).requires_grad_()
    (slopes,) = torch.autograd.grad(model(rows)[:, 1].sum(), rows)
    return (slopes * rows).detach().numpy()


class Linear(torch.nn.Module):
    """The weighted sum of the points of (n, 1, 240), as the only output."""

    def __init__(self, weights, bias):
        super().__init__()
        self.weights, self.bias = torch.tensor(weights, dtype=torch.float32), bias

    def forward(self, spectra):
        return spectra.flatten(1) @ self.weights[:, None] + self.bias


def recorded(given):
    import quantus

    quiet = {"normalise": False, "disable_warnings": True}
    spectra = np.array(given["spectra"], np.float32)[:, None]
    maps = np.array(given["attributions"])[:, None]
    mask = np.zeros(maps.shape, bool)
    for row, (start, stop) in zip(mask, given["masks"], strict=True):
        row[0, start:stop] = True
    network = ConvNet()
    network.load_state_dict({name: torch.tensor(v) for name, v in given["weights"].items()})
    network.eval()
    positive = np.ones(len(spectra), int)

    def localised(metric, attributions):
        scores = metric(**quiet)(
            model=network, x_batch=spectra, y_batch=positive, a_batch=attributions, s_batch=mask
        )
        return np.asarray(scores, float).round(9).tolist()

    def flipped(absolute):
        metric = quantus.PixelFlipping(
            features_in_step=given["points_in_step"],
            perturb_baseline=given["replacement"],
            abs=absolute,
            **quiet,
        )
        curves = metric(
            model=network, x_batch=spectra, y_batch=positive, a_batch=maps, softmax=True
        )
        return np.asarray(curves, float).round(7).tolist()

    def complete():
        binary = np.array(given["binary_spectra"], np.float32)
        attributions = (binary - given["binary_baseline"]) * given["weights_of_points"]
        for spectrum, point, error in given["errors"]:
            attributions[spectrum, point] += error
        metric = quantus.Completeness(perturb_baseline=given["binary_baseline"], **quiet)
        scores = metric(
            model=Linear(given["weights_of_points"], given["bias"]).eval(),
            x_batch=binary[:, None],
            y_batch=np.zeros(len(binary), int),
            a_batch=attributions.astype(np.float32)[:, None],
            softmax=False,
        )
        return [bool(score) for score in scores]

    def randomised(order, absolute):
        def explain(model, inputs, targets, **_):
            return gradient_times_input(model, inputs)

        metric = quantus.MPRT(layer_order=order, seed=given["seed"], abs=absolute, **quiet)
        scores = metric(
            model=network,
            x_batch=spectra,
            y_batch=positive,
            a_batch=None,
            explain_func=explain,
            softmax=False,
        )
        return {layer: np.round(values, 9).tolist() for layer, values in scores.items()}

    return {
        "quantus": quantus.__version__,
        "relevance_mass_accuracy": localised(quantus.RelevanceMassAccuracy, np.maximum(maps, 0)),
        "relevance_rank_accuracy": localised(quantus.RelevanceRankAccuracy, maps),
        "pointing_game": localised(quantus.PointingGame, maps),
        "pixel_flipping": {"value": flipped(False), "absolute": flipped(True)},
        "completeness": complete(),
        "model_parameter_randomisation": {
            "cascading": randomised("top_down", False),
            "independent": randomised("independent", False),
            "cascading, absolute": randomised("top_down", True),
        },
    }


if __name__ == "__main__":
    given = json.loads(json.dumps(inputs()))
    PLACE.write_text(json.dumps({"given": given, "recorded": recorded(given)}) + "\n")
