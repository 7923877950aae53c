"""Compiled loops of the attribution prior: attributions, and the gradient of their roughness."""

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients
from threadpoolctl import threadpool_limits
from torch.nn.utils import vector_to_parameters

import preflare as pf
from preflare.kernels import convnet, prior, training
from preflare.kernels.ahead import compile_ahead
from preflare.members import first_weights

N = 600
OUTPUTS = {"logit": (0.0, 1.0), "log-odds": (-1.0, 1.0)}


def labelled():
    """Make two classes of noisy peaks that a network can tell apart, not always."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, N)
    centre = 60 + 14 * labels + rng.normal(0, 8, N)
    spectra = np.exp(-0.5 * ((np.arange(240) - centre[:, None]) / 12) ** 2)
    spectra += 0.05 * rng.random((N, 240))
    return (spectra / spectra.max(axis=1, keepdims=True)).astype(np.float32), labels


SPECTRA, LABELS = labelled()


@pytest.fixture(scope="module", autouse=True)
def read_not_compiled():
    """Read single precision from the cache before a loop is called by hand."""
    compile_ahead()


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Keep torch from threads of its own which wait long on busy machines."""
    with threadpool_limits(1, user_api="openmp"):
        yield


def network(weights):
    module = pf.ConvNet().double()
    vector_to_parameters(torch.as_tensor(weights, dtype=torch.float64), module.parameters())
    return module


class Case:
    """Three networks, and a batch with its draws, in double precision."""

    def __init__(self, draws, size=20):
        rng = np.random.default_rng(2)
        weights = np.stack([first_weights(0, member) for member in range(3)]).astype(float)
        self.weights = weights + rng.normal(0, 0.2, weights.shape)
        self.known = SPECTRA.astype(float)
        self.places = rng.permutation(N)[:size]
        self.drawn = rng.integers(0, N, (size, draws))
        self.alphas = rng.random((size, draws))
        self.room = prior.room_for(self.weights[0], draws)

    @property
    def spectra(self):
        return self.known[self.places]

    def attributions(self, weights, output):
        found = np.empty_like(self.spectra)
        drawn = self.known, self.drawn, self.alphas
        prior.attributions(weights, np.array(OUTPUTS[output]), self.spectra, *drawn, found)
        return found

    def add_roughness(self, weights, output, sigma, total):
        given = self.known, self.places, self.drawn, self.alphas, self.room
        prior.add_roughness(weights, np.array(OUTPUTS[output]), sigma, *given, total)

    def roughness_gradient(self, weights, output, sigma=1.0):
        total = np.zeros_like(weights)
        self.add_roughness(weights, output, sigma, total)
        return total

    def plain_attributions(self, module, output, **how):
        drawn = self.spectra, self.known[self.drawn], self.alphas
        return plain_attributions(module, *map(torch.from_numpy, drawn), output, **how)


def plain_attributions(module, spectra, baselines, alphas, output, **how):
    """Follow Eq. C.2 draw by draw, with autograd."""
    total = torch.zeros_like(spectra)
    for draws in range(alphas.shape[1]):
        away = spectra - baselines[:, draws]
        point = (baselines[:, draws] + alphas[:, draws, None] * away).requires_grad_()
        value = (module(point) * torch.tensor(OUTPUTS[output])).sum()
        total = total + away * torch.autograd.grad(value, point, **how)[0]
    return total / alphas.shape[1]


@pytest.mark.parametrize("draws", [1, 3])
@pytest.mark.parametrize("size", [20, 100])
@pytest.mark.parametrize("output", OUTPUTS)
def test_attributions_are_those_of_autograd(output, size, draws):
    case = Case(draws, size)
    for row in case.weights:
        theirs = case.plain_attributions(network(row), output)
        np.testing.assert_allclose(case.attributions(row, output), theirs, atol=1e-13)
        assert theirs.abs().max() > 0.01


def test_attributions_along_the_whole_path_are_captum_s_integrated_gradients():
    case, steps = Case(1), 200
    drawn = np.repeat(case.drawn, steps, axis=1)
    alphas = np.tile((np.arange(steps) + 0.5) / steps, (len(drawn), 1))
    ours = np.empty_like(case.spectra)
    given = case.spectra, case.known, drawn, alphas
    for row in case.weights:
        prior.attributions(row, np.array(OUTPUTS["logit"]), *given, ours)
        method = IntegratedGradients(network(row))
        baselines = torch.from_numpy(case.known[case.drawn[:, 0]])
        theirs = method.attribute(
            torch.from_numpy(case.spectra),
            baselines,
            target=1,
            n_steps=steps,
            method="riemann_middle",
        )
        np.testing.assert_allclose(ours, theirs.detach(), atol=1e-12)


@pytest.mark.parametrize("draws", [1, 2])
@pytest.mark.parametrize("output", OUTPUTS)
def test_the_gradient_is_that_of_finite_differences(output, draws):
    case, step = Case(draws), 1e-6
    for row in case.weights:
        gradient = case.roughness_gradient(row, output)
        for place in range(row.size):
            sides = []
            for sign in (1, -1):
                off = row.copy()
                off[place] += sign * step
                steps = np.diff(case.attributions(off, output), axis=1)
                sides.append(np.abs(steps).sum(axis=1).mean())
            theirs = (sides[0] - sides[1]) / (2 * step)
            assert gradient[place] == pytest.approx(theirs, abs=1e-6, rel=1e-5)
        assert np.abs(gradient).max() > 0.1


@pytest.mark.parametrize("draws", [1, 2])
@pytest.mark.parametrize("size", [1, 5, 63, 64, 65, 100])
@pytest.mark.parametrize("output", OUTPUTS)
def test_every_spectrum_counts_once_and_nothing_beyond_the_batch_s_end(output, size, draws):
    case = Case(draws, size)
    before = Case(draws, 128)
    before.room = case.room
    before.roughness_gradient(case.weights[0], output)  # leaves the room full
    for row in case.weights:
        module = network(row)
        phi = case.plain_attributions(module, output, create_graph=True)
        rough = phi.diff(dim=1).abs().sum(1).mean()
        theirs = torch.autograd.grad(rough, list(module.parameters()), materialize_grads=True)
        theirs = torch.cat([each.ravel() for each in theirs]).numpy()
        ours = case.roughness_gradient(row, output)
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)


def test_the_prior_s_gradient_adds_to_that_of_the_loss_and_leaves_biases_alone():
    case = Case(2, 100)
    before = np.random.default_rng(0).normal(size=363)
    total = before.copy()
    case.add_roughness(case.weights[1], "log-odds", 20.0, total)
    share = case.roughness_gradient(case.weights[1], "log-odds")
    np.testing.assert_allclose(total, before + 20 * share, rtol=1e-12)
    for bias in convnet.parts(share)[1::2]:
        assert not bias.any()
    for weights in convnet.parts(share)[::2]:
        assert weights.any()


def test_equal_neighbours_pull_neither_way():
    phi = np.zeros((240, 64))
    phi[100], phi[239] = 1.0, -2.0
    prior.differentiate_roughness(phi)
    expected = np.zeros(240)
    expected[[99, 100, 101, 238, 239]] = -1, 2, -1, 1, -1
    np.testing.assert_array_equal(phi, np.tile(expected[:, None], 64))


def test_without_strength_an_epoch_is_that_of_the_usual_training():
    """Except for last digits: in single precision, that the loops need not compile again."""
    order = np.random.default_rng(5).permutation(N)
    given = 0, SPECTRA, LABELS.astype(np.int8), order, 64, 1e-3
    drawn, alphas = order[::-1].reshape(N, 1).copy(), np.full((N, 1), 0.3, np.float32)
    ours, theirs = ([first_weights(0, 0), *np.zeros((2, 363), np.float32)] for _ in range(2))
    counts = prior.train_epoch(*ours, *given, np.array([0, 1], np.float32), 0.0, drawn, alphas)
    assert counts == pytest.approx(training.train_epoch(*theirs, *given, 0.0), rel=1e-5)
    np.testing.assert_allclose(ours[0], theirs[0], atol=1e-5)
    assert np.abs(ours[0] - first_weights(0, 0)).max() > 1e-3
