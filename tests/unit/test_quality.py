"""Measures are those of closed forms, of captum, and of what Quantus said."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from captum.metrics import sensitivity_max
from numpy.testing import assert_allclose, assert_array_equal

from preflare.errors import ExplanationError, NetworkError
from preflare.explain import judged
from preflare.explain.quality import completeness, pixel_flipping, sensitivity
from preflare.network import ConvNet

QUANTUS = json.loads((Path(__file__).parent / "quantus" / "values.json").read_text())
GIVEN, RECORDED = QUANTUS["given"], QUANTUS["recorded"]


def normalised(count, seed=0):
    spectra = np.random.default_rng(seed).uniform(0.05, 0.9, (count, 240)).astype(np.float32)
    spectra[np.arange(count), np.arange(count) % 240] = 1
    return spectra


def attributions(*shape, seed=1):
    return np.random.default_rng(seed).normal(0, 1, (*shape, 240))


def convnet():
    network = ConvNet()
    network.load_state_dict({name: torch.tensor(v) for name, v in GIVEN["weights"].items()})
    return network.eval()


def probability(spectra):
    with torch.no_grad():
        return torch.softmax(convnet()(torch.from_numpy(spectra)), dim=1)[:, 1].numpy()


def gradient_times_input(module, spectra):
    with torch.enable_grad():  # which captum's measures switch off
        rows = torch.from_numpy(spectra).clone().requires_grad_()
        (slopes,) = torch.autograd.grad(module(rows)[:, 1].sum(), rows)
    return (slopes * rows).detach().numpy()


class TestCompleteness:
    def test_a_linear_predictor_is_explained_completely(self):
        weights, spectra, baseline = attributions(), normalised(5), normalised(1)[0]
        gap = completeness(weights * (spectra - baseline), spectra @ weights, baseline @ weights)
        assert_allclose(gap, 0, atol=1e-5)

    def test_the_gap_is_what_is_missing(self):
        maps = np.zeros((2, 240))
        maps[0, 3], maps[1, 7] = 0.75, -0.5
        assert_allclose(completeness(maps, [1.0, 0.25], 0.5), [0.25, -0.25])

    def test_is_complete_where_quantus_says_so(self):
        spectra, baseline = np.array(GIVEN["binary_spectra"]), GIVEN["binary_baseline"]
        weights = np.array(GIVEN["weights_of_points"])
        maps = (spectra - baseline) * weights
        for spectrum, point, error in GIVEN["errors"]:
            maps[spectrum, point] += error
        outputs = spectra @ weights + GIVEN["bias"]
        gap = completeness(maps, outputs, baseline * weights.sum() + GIVEN["bias"])
        assert_array_equal(gap == 0, RECORDED["completeness"])


class TestPixelFlipping:
    weights = attributions(seed=4)

    def linear(self, spectra):
        assert spectra.dtype == np.float32
        return spectra @ self.weights + 0.25

    @pytest.mark.parametrize("ranking", ["value", "absolute"])
    @pytest.mark.parametrize("steps", [240, 24, 7, 1])
    def test_a_linear_predictor_loses_its_attributions_one_by_one(self, ranking, steps):
        spectra, baseline = normalised(3), normalised(1, seed=9)[0]
        maps = self.weights * (spectra - baseline)
        key = maps if ranking == "value" else np.abs(maps)
        ranked = -np.sort(-key, axis=1)
        if ranking == "absolute":
            ranked = np.take_along_axis(maps, np.argsort(-key, axis=1), axis=1)
        lost = np.hstack([np.zeros((3, 1)), np.cumsum(ranked, axis=1)])
        counts = np.rint(np.arange(steps + 1) * 240 / steps).astype(int)
        curves = {
            order: pixel_flipping(
                self.linear, spectra, maps, baseline, order=order, ranking=ranking, steps=steps
            )
            for order in ("deletion", "insertion")
        }
        start, end = self.linear(spectra)[:, None], self.linear(baseline)
        assert_allclose(curves["deletion"].fraction, counts / 240)
        assert_allclose(curves["deletion"].outputs, start - lost[:, counts], atol=1e-4)
        assert_allclose(curves["insertion"].outputs, end + lost[:, counts], atol=1e-4)
        widths = np.diff(counts) / 240
        middles = (lost[:, counts][:, 1:] + lost[:, counts][:, :-1]) / 2
        area = start[:, 0] - middles @ widths
        assert_allclose(curves["deletion"].area, area, atol=1e-4)
        assert_allclose(curves["deletion"].mean, curves["deletion"].outputs.mean(axis=0))

    @pytest.mark.parametrize("ranking", ["value", "absolute"])
    def test_is_that_of_quantus(self, ranking):
        curves = pixel_flipping(
            probability,
            GIVEN["spectra"],
            GIVEN["attributions"],
            np.full(240, GIVEN["replacement"]),
            ranking=ranking,
            steps=240 // GIVEN["points_in_step"],
        )
        assert_allclose(curves.outputs[:, 1:], RECORDED["pixel_flipping"][ranking], atol=1e-6)

    def test_outputs_of_several_replacements_are_averaged(self):
        spectra, maps, baselines = normalised(4), attributions(4), normalised(3, seed=5)
        together = pixel_flipping(probability, spectra, maps, baselines, steps=12)
        each = [pixel_flipping(probability, spectra, maps, row, steps=12) for row in baselines]
        assert_allclose(together.outputs, np.mean([one.outputs for one in each], axis=0), atol=1e-6)

    @pytest.mark.parametrize("at_once", [1, 7, 100])
    def test_memory_is_bounded_and_changes_nothing(self, at_once, monkeypatch):
        sizes = []

        def predict(spectra):
            sizes.append(len(spectra))
            return self.linear(spectra)

        given = normalised(10), np.zeros((10, 240)), normalised(3, seed=5)
        whole = pixel_flipping(predict, *given, steps=4)
        monkeypatch.setattr(judged, "AT_ONCE", at_once)
        sizes.clear()
        parts = pixel_flipping(predict, *given, steps=4)
        assert max(sizes) <= max(at_once, 3)
        assert_allclose(parts.outputs, whole.outputs, atol=1e-4)

    def test_equal_points_and_the_control_come_in_random_order(self):
        spectra, baseline = normalised(2000), np.zeros(240)
        flat, control, other = (
            pixel_flipping(
                self.linear, spectra, maps, baseline, ranking=ranking, seed=seed, steps=8
            )
            for maps, ranking, seed in (
                (np.ones((2000, 240)), "value", 0),
                (self.weights * spectra, "random", 0),
                (self.weights * spectra, "random", 1),
            )
        )
        assert_array_equal(flat.outputs, control.outputs)
        assert not np.allclose(control.outputs[:, 4], other.outputs[:, 4])
        # At random, every point is as likely to be gone: the mean curve is a straight line.
        straight = np.linspace(control.mean[0], control.mean[-1], 9)
        assert_allclose(control.mean, straight, atol=4 * 4.2 * self.weights.std() / 2000**0.5)


class TestSensitivity:
    def test_is_that_of_captum(self):
        spectra, seen = np.array(GIVEN["spectra"], np.float32), []

        def explain(rows):
            seen.append(rows.copy())
            return gradient_times_input(convnet(), rows)

        ours = sensitivity(explain, spectra, noise=0.05, draws=4, seed=2)
        noisy = np.stack(seen[1:], axis=1).reshape(-1, 240)  # the draws of a spectrum in a row
        captum = sensitivity_max(
            lambda rows: (torch.from_numpy(gradient_times_input(convnet(), rows[0].numpy())),),
            (torch.from_numpy(spectra),),
            perturb_func=lambda rows: (torch.from_numpy(noisy),),
            n_perturb_samples=4,
        )
        assert_allclose(ours.maximum, captum.numpy(), rtol=1e-5)

    def test_the_average_is_over_draws(self):
        spectra, seen = normalised(3), []

        def explain(rows):
            seen.append(rows.astype(float))
            return rows

        ours = sensitivity(explain, spectra, noise=0.02, draws=5)
        original, *noisy = seen
        change = [np.linalg.norm(rows - original, axis=1) for rows in noisy]
        relative = np.array(change) / np.linalg.norm(original, axis=1)
        assert_allclose(ours.average, relative.mean(axis=0))
        assert_allclose(ours.maximum, relative.max(axis=0))

    def test_noise_is_as_asked_and_noisy_spectra_are_normalised(self):
        spectra, seen = np.full((300, 240), 0.5, np.float32), []
        spectra[:, 0] = 1
        spectra[:, 1:100] = 0

        def explain(rows):
            seen.append(rows)
            return rows

        sensitivity(explain, spectra, noise=0.03, draws=2, seed=1)
        for noisy in seen[1:]:
            assert_allclose(noisy.max(axis=1), 1)
            assert noisy[:, 1:100].std() == pytest.approx(0.03, rel=0.05)
            assert noisy[:, 1:100].mean() == pytest.approx(0, abs=0.001)  # nothing is clipped
        assert not np.array_equal(*seen[1:])

    def test_a_method_that_ignores_the_spectra_is_not_sensitive(self):
        maps = attributions(2)
        maps[1] = 0
        ours = sensitivity(lambda rows: maps, normalised(2), noise=0.1, draws=2)
        assert_array_equal(ours.maximum, [0, np.nan])
        assert_array_equal(ours.average, [0, np.nan])

    def test_the_seed_makes_the_draws(self):
        first, again, other = (
            sensitivity(lambda rows: rows, normalised(2), noise=0.1, draws=2, seed=seed).average
            for seed in (0, 0, 1)
        )
        assert_array_equal(first, again)
        assert (first != other).all()


MAPS, SPECTRA = attributions(2), normalised(2)
HOLES = np.where(np.arange(480).reshape(2, 240) == 300, np.nan, MAPS)


def flip(**changes):
    given = {"predict": lambda rows: rows[:, 0], "spectra": SPECTRA, "attributions": MAPS}
    return pixel_flipping(**given | {"replacement": np.zeros(240)} | changes)


def perturb(**changes):
    return sensitivity(**{"explain": lambda rows: rows, "spectra": SPECTRA, "noise": 0.1} | changes)


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (
            lambda: completeness(MAPS[:, 1:], [1, 2], 0.5),
            "attributions has the shape (2, 239): give (n, 240).",
        ),
        (
            lambda: completeness(MAPS[:0], [], 0.5),
            "attributions has the shape (0, 240): give (n, 240).",
        ),
        (
            lambda: completeness(HOLES, [1, 2], 0.5),
            "attributions is nan or inf in 1 of 480 places: give finite numbers.",
        ),
        (lambda: completeness(MAPS, [1, 2, 3], 0.5), "outputs has the shape (3,): give (2,)."),
        (
            lambda: completeness(MAPS, [1, 2], np.inf),
            "baseline_output is nan or inf in 1 of 1 places: give finite numbers.",
        ),
        (
            lambda: completeness(torch.ones(2, 240, requires_grad=True), [1, 2], 0.5),
            "attributions is no array (Can't call numpy() on Tensor that requires grad): "
            "give numbers.",
        ),
        (
            lambda: flip(order="removal"),
            "There is no order 'removal': choose deletion or insertion.",
        ),
        (
            lambda: flip(ranking="size"),
            "There is no ranking 'size': choose value or absolute or random.",
        ),
        (lambda: flip(steps=0), "The number of steps is 0: give a whole number from 1 on."),
        (lambda: flip(steps=2.5), "The number of steps is 2.5: give a whole number from 1 on."),
        (lambda: flip(steps=241), "The number of steps is 241: give 240 at most."),
        (lambda: flip(seed=None), "The seed is None: give a whole number from 0 on."),
        (
            lambda: flip(attributions=MAPS[:1]),
            "attributions has the shape (1, 240): give (2, 240).",
        ),
        (
            lambda: flip(predict=lambda rows: rows),
            "The output of predict has the shape (2, 240): give (2,).",
        ),
        (
            lambda: flip(predict=lambda rows: rows[:, 0] * np.nan),
            "The output of predict is nan or inf in 2 of 2 places: give finite numbers.",
        ),
        *(
            (
                lambda noise=noise: perturb(noise=noise),
                f"The noise is {noise}: give its standard deviation in units of the spectra's "
                "maximum, between 0 and 1.",
            )
            for noise in (0, -0.1, 1)
        ),
        (
            lambda: perturb(noise=np.nan),
            "noise is nan or inf in 1 of 1 places: give finite numbers.",
        ),
        (lambda: perturb(draws=0), "The number of draws is 0: give a whole number from 1 on."),
        (
            lambda: perturb(explain=lambda rows: np.full_like(rows, np.inf)),
            "What explain returns is nan or inf in 480 of 480 places: give finite numbers.",
        ),
    ],
)
def test_what_cannot_be_judged_is_refused_in_one_sentence(ask, sentence):
    with pytest.raises(ExplanationError) as refusal:
        ask()
    assert str(refusal.value) == sentence


UNNORMALISED = (
    "2 of 2 spectra are not normalised (one has the maximum 0.5): divide each by its maximum, as "
    "preflare.clean does."
)


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda: flip(spectra=0.5 * SPECTRA), UNNORMALISED),
        (lambda: perturb(spectra=0.5 * SPECTRA), UNNORMALISED),
        (
            lambda: flip(replacement=0.0),
            "The replacements of shape (1, 1) do not fit the network: give (n, 240), on the grid "
            "of preflare.grid().",
        ),
        (
            lambda: flip(replacement=HOLES),
            "1 of 2 replacements hold nan or inf: leave out what preflare.accepted rejects.",
        ),
    ],
)
def test_what_no_network_takes_is_refused_in_one_sentence(ask, sentence):
    with pytest.raises(NetworkError) as refusal:
        ask()
    assert str(refusal.value) == sentence
