"""Networks forget as torch would have them begin, and explanations as Quantus says."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from preflare.errors import ExplanationError, NetworkError
from preflare.explain import randomisation
from preflare.explain.randomisation import model_parameter_randomisation
from preflare.network import ConvNet, DenseNet
from tests.unit.test_quality import (
    GIVEN,
    RECORDED,
    SPECTRA,
    UNNORMALISED,
    convnet,
    gradient_times_input,
)


class TestModelParameterRandomisation:
    spectra = np.array(GIVEN["spectra"], np.float32)

    def test_weights_are_those_of_torch(self):
        for fresh, layer in zip(ConvNet().modules(), convnet().modules(), strict=True):
            if hasattr(layer, "reset_parameters"):
                randomisation._draw_anew(layer, torch.Generator().manual_seed(5))
                torch.manual_seed(5)
                fresh.reset_parameters()
                torch.testing.assert_close(layer.weight, fresh.weight, rtol=1e-6, atol=0)
                torch.testing.assert_close(layer.bias, fresh.bias, rtol=1e-6, atol=0)

    @pytest.mark.parametrize("case", ["cascading", "independent", "cascading, absolute"])
    def test_is_that_of_quantus(self, case, monkeypatch):
        # Quantus draws every layer from the same state of torch's own generator.
        same = torch.Generator
        monkeypatch.setattr(
            randomisation, "_generator", lambda *_: same().manual_seed(GIVEN["seed"] + 1)
        )
        order, *absolute = case.split(", ")
        table = model_parameter_randomisation(
            gradient_times_input, convnet(), self.spectra, order=order, absolute=bool(absolute)
        )
        for layer, rows in table.groupby("layer"):
            expected = RECORDED["model_parameter_randomisation"][case][layer]
            assert_allclose(rows["correlation"], expected, atol=1e-3)

    def test_one_row_a_draw_layer_and_spectrum(self):
        table = model_parameter_randomisation(
            gradient_times_input, convnet(), self.spectra, draws=2
        )
        layers = ["classifier.4", "classifier.2", "features.2", "features.0"]
        assert table["layer"].tolist() == [layer for layer in layers for _ in range(4)] * 2
        assert table["spectrum"].tolist() == [0, 1, 2, 3] * 8
        assert table["draw"].tolist() == [0] * 16 + [1] * 16
        first, second = (table["correlation"][rows].to_numpy() for rows in np.split(table.index, 2))
        assert not np.allclose(first, second, equal_nan=True)

    def test_the_orders_differ_after_the_first_layer_only(self):
        cascading, independent = (
            model_parameter_randomisation(
                gradient_times_input, convnet(), self.spectra, order=order, seed=3
            )["correlation"]
            for order in ("cascading", "independent")
        )
        assert_array_equal(cascading[:4], independent[:4])
        assert not np.isclose(cascading[4:], independent[4:]).any()

    def test_the_network_is_left_as_it_is(self):
        network = convnet()
        model_parameter_randomisation(gradient_times_input, network, self.spectra)
        for name, values in convnet().state_dict().items():
            assert torch.equal(network.state_dict()[name], values)

    def test_a_method_that_ignores_the_network_stays_the_same(self):
        table = model_parameter_randomisation(
            lambda module, spectra: spectra, DenseNet(), self.spectra
        )
        assert table["layer"].unique().tolist() == ["layers.3", "layers.1"]
        assert_allclose(table["correlation"], 1)

    def test_constant_maps_are_counted(self):
        def explain(module, spectra):
            maps = spectra.copy()
            maps[1] = 0
            if not torch.equal(module.classifier[4].weight, convnet().classifier[4].weight):
                maps[2] = 7
            return maps

        table = model_parameter_randomisation(explain, convnet(), self.spectra, order="independent")
        counts = table.groupby("layer", sort=False)["undefined"].sum()
        assert counts.tolist() == [2, 1, 1, 1]
        assert_array_equal(table["undefined"], table["correlation"].isna())

    @pytest.mark.parametrize(
        ("module", "sentence"),
        [
            (
                torch.nn.Sequential(torch.nn.Linear(240, 2), torch.nn.BatchNorm1d(2)),
                "The weights of the layer '1', a BatchNorm1d, cannot be drawn anew: give a network "
                "of Conv1d and Linear layers.",
            ),
            (torch.nn.ReLU(), "The network has no layer with weights: give one that has."),
        ],
    )
    def test_other_layers_are_refused(self, module, sentence):
        with pytest.raises(ExplanationError) as refusal:
            model_parameter_randomisation(gradient_times_input, module, self.spectra)
        assert str(refusal.value) == sentence


def randomise(**changes):
    given = {"explain": gradient_times_input, "module": convnet(), "spectra": SPECTRA}
    return model_parameter_randomisation(**given | changes)


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (
            lambda: randomise(order="top_down"),
            "There is no order 'top_down': choose cascading or independent.",
        ),
        (
            lambda: randomise(draws=0),
            "The number of draws is 0: give a whole number from 1 on.",
        ),
        (lambda: randomise(seed=-1), "The seed is -1: give a whole number from 0 on."),
        (
            lambda: randomise(explain=lambda module, rows: rows[:1]),
            "What explain returns has the shape (1, 240): give (2, 240).",
        ),
    ],
)
def test_what_cannot_be_randomised_is_refused_in_one_sentence(ask, sentence):
    with pytest.raises(ExplanationError) as refusal:
        ask()
    assert str(refusal.value) == sentence


def test_spectra_that_no_network_takes_are_refused_in_one_sentence():
    with pytest.raises(NetworkError) as refusal:
        randomise(spectra=0.5 * SPECTRA)
    assert str(refusal.value) == UNNORMALISED
