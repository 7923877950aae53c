"""Networks as products of matrices: their logits, attributions, and the gradient of a prior."""

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients
from threadpoolctl import threadpool_limits
from torch.nn.utils import vector_to_parameters

import preflare as pf
from preflare.explain.unrolled import Unrolled, attributions, objective
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
def one_thread():
    """Keep torch from threads of its own which wait long on busy machines."""
    with threadpool_limits(1, user_api="openmp"):
        yield


def network(weights):
    module = pf.ConvNet().double()
    vector_to_parameters(torch.as_tensor(weights, dtype=torch.float64), module.parameters())
    return module


@pytest.fixture(scope="module", params=[1, 3])
def case(request):
    """Give weights of three networks, and spectra with draws, in double precision."""
    rng = np.random.default_rng(2)
    weights = np.stack([first_weights(0, member) for member in range(3)]).astype(float)
    weights += rng.normal(0, 0.2, weights.shape)
    baselines = SPECTRA[rng.integers(0, N, (20, request.param))].astype(float)
    alphas = rng.random((20, request.param))
    arrays = weights, SPECTRA[:20].astype(float), LABELS[:20], baselines, alphas
    return [torch.from_numpy(array) for array in arrays]


def plain_attributions(module, spectra, baselines, alphas, output, **how):
    """Follow Eq. C.2 draw by draw, with autograd."""
    total = torch.zeros_like(spectra)
    for draws in range(alphas.shape[1]):
        away = spectra - baselines[:, draws]
        point = (baselines[:, draws] + alphas[:, draws, None] * away).requires_grad_()
        value = (module(point) * torch.tensor(OUTPUTS[output])).sum()
        total = total + away * torch.autograd.grad(value, point, **how)[0]
    return total / alphas.shape[1]


def test_unrolled_networks_are_convnets(case):
    weights, spectra = case[:2]
    ours = Unrolled(weights).logits(spectra)
    for own, row in zip(ours, weights, strict=True):
        np.testing.assert_allclose(own, network(row)(spectra).detach(), rtol=1e-12)


@pytest.mark.parametrize("output", OUTPUTS)
def test_attributions_are_those_of_autograd(case, output):
    weights, spectra, _, baselines, alphas = case
    ours = attributions(Unrolled(weights), spectra, baselines, alphas, output)
    for own, row in zip(ours, weights, strict=True):
        theirs = plain_attributions(network(row), spectra, baselines, alphas, output)
        np.testing.assert_allclose(own, theirs, atol=1e-13)
        assert theirs.abs().max() > 0.01


def test_attributions_along_the_whole_path_are_captum_s_integrated_gradients(case):
    weights, spectra, _, baselines, _ = case
    steps = 200
    alphas = (torch.arange(steps, dtype=torch.float64) + 0.5) / steps
    whole = baselines[:, :1].expand(-1, steps, -1), alphas.expand(20, -1)
    ours = attributions(Unrolled(weights), spectra, *whole, "logit")
    for own, row in zip(ours, weights, strict=True):
        method = IntegratedGradients(network(row))
        theirs = method.attribute(
            spectra, baselines[:, 0], target=1, n_steps=steps, method="riemann_middle"
        )
        np.testing.assert_allclose(own, theirs.detach(), atol=1e-12)


def total_of(weights, case, sigma, output):
    losses, rough, _ = objective(Unrolled(weights), *case[1:], output)
    return losses + sigma * rough


@pytest.mark.parametrize("output", OUTPUTS)
def test_the_gradient_is_that_of_finite_differences(case, output):
    weights, sigma = case[0].clone().requires_grad_(), torch.tensor([0.0, 0.5, 20.0])
    total_of(weights, case, sigma, output).sum().backward()
    gradient, step = weights.grad, 1e-6
    for place in range(weights.shape[1]):
        off = torch.zeros_like(weights)
        off[:, place] = step
        with torch.no_grad():
            above, below = (total_of(weights + sign * off, case, sigma, output) for sign in (1, -1))
        theirs = (above - below) / (2 * step)
        np.testing.assert_allclose(gradient[:, place], theirs, atol=1e-6, rtol=1e-5)
    assert (gradient[1:] - gradient[0]).abs().amax(dim=1).min() > 0.1
