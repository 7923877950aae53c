"""The compiled loops do what torch does."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from preflare.kernels import convnet, training
from preflare.kernels.ahead import compile_ahead
from preflare.kernels.reference import Together
from preflare.members import Sides, first_weights, shuffled
from preflare.network import ConvNet
from preflare.training import Compiled

N = 500


@pytest.fixture(scope="module", autouse=True)
def read_not_compiled():
    """Read single precision from the cache, as swarms do, before a loop is called by hand."""
    compile_ahead()


@pytest.fixture(scope="module")
def data():
    """Give normalised spectra in double precision, and labels that depend on them."""
    rng = np.random.default_rng(1)
    spectra = np.abs(np.cumsum(rng.normal(size=(N, 240)), axis=1))
    spectra /= spectra.max(axis=1, keepdims=True)
    labels = (spectra[:, 60:90].mean(axis=1) > spectra[:, 150:180].mean(axis=1)).astype(np.int8)
    return spectra, labels


def network(weights):
    module = ConvNet().double()
    vector_to_parameters(torch.from_numpy(weights.copy()), module.parameters())
    return module


def weights(member=0):
    return first_weights(0, member).astype(np.float64)


def torch_gradient(own, spectra, labels, penalty=0.0):
    module = network(own)
    loss = cross_entropy(module(torch.from_numpy(spectra)), torch.from_numpy(labels).long())
    loss = loss + penalty * sum((each**2).sum() for each in module.parameters())
    loss.backward()
    return float(loss.detach()), torch.cat([each.grad.ravel() for each in module.parameters()])


def kernel_gradient(own, spectra, labels, places):
    work, errors = convnet.workspace(own), convnet.workspace(own)
    total, slope = np.zeros_like(own), np.zeros(convnet.BLOCK, own.dtype)
    counts = training.gradient(own, spectra, labels, places, total, work, errors, slope)
    return counts, total


@pytest.mark.parametrize("size", [1, 5, 64, 65, 128, 240, 500])
@pytest.mark.parametrize("member", [0, 1, 2])
def test_gradients_are_autograd_s(data, member, size):
    spectra, labels = data
    places = np.random.default_rng(size).permutation(N)[:size]
    (loss, hits, alarms), total = kernel_gradient(weights(member), spectra, labels, places)
    theirs, gradient = torch_gradient(weights(member), spectra[places], labels[places])
    assert loss / size == pytest.approx(theirs, rel=1e-12)
    scale = float(gradient.abs().max())
    np.testing.assert_allclose(total, gradient.numpy(), rtol=1e-6, atol=1e-6 * scale)
    logits = network(weights(member))(torch.from_numpy(spectra[places])).detach().numpy()
    called = logits[:, 1] > logits[:, 0]
    assert (hits, alarms) == (called[labels[places] == 1].sum(), called[labels[places] == 0].sum())


def test_every_weight_s_gradient_is_autograd_s(data):
    """Of many starts, so that no weight is only ever compared as 0 with 0."""
    pairs = [
        (
            kernel_gradient(weights(member), *data, np.arange(N))[1],
            torch_gradient(weights(member), *data)[1].numpy(),
        )
        for member in range(40)
    ]
    ours, theirs = np.moveaxis(np.array(pairs), 1, 0)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-9)
    assert (np.abs(theirs).max(axis=0) > 1e-4).all()


@pytest.mark.parametrize("penalty", [0.0, 0.01])
def test_twenty_steps_are_those_of_torch_s_adam(data, penalty):
    spectra, labels = data
    own = weights()
    order = np.random.default_rng(3).permutation(N)
    order = np.concatenate([order, order, order])[: 20 * 64]
    training.train_epoch(
        own, np.zeros(363), np.zeros(363), 0, spectra, labels, order, 64, 1e-3, penalty
    )
    module = network(weights())
    optimizer = torch.optim.Adam(module.parameters(), 1e-3)
    for places in order.reshape(20, 64):
        optimizer.zero_grad()
        logits = module(torch.from_numpy(spectra[places]))
        loss = cross_entropy(logits, torch.from_numpy(labels[places]).long())
        (loss + penalty * sum((each**2).sum() for each in module.parameters())).backward()
        optimizer.step()
    theirs = parameters_to_vector(module.parameters()).detach().numpy()
    assert np.abs(own - weights()).max() > 0.01
    np.testing.assert_allclose(own, theirs, rtol=1e-5, atol=1e-8)


def test_single_precision_agrees_with_double(data):
    spectra, labels = data
    _, single = kernel_gradient(
        first_weights(0, 0), spectra.astype(np.float32), labels, np.arange(N)
    )
    _, double = kernel_gradient(weights(), spectra, labels, np.arange(N))
    np.testing.assert_allclose(single, double, atol=1e-5 * np.abs(double).max())


def test_losses_of_sure_networks_do_not_overflow():
    logits = np.array([1e4, -1e4, 1e4, -1e4] + [0.0] * 60)
    labels = np.array([1, 0, 0, 1], np.int8)
    slope = np.zeros(64)
    loss, hits, alarms = training.judge(logits, labels, np.arange(4), slope)
    assert loss == 2e4
    assert (hits, alarms) == (1, 1)
    np.testing.assert_allclose(slope[:5], [0, 0, 1, -1, 0])


def test_nan_is_not_lost_on_the_way(data):
    spectra, labels = data
    for place in (0, 41, 50, 124, 200, 350, 362):
        own = weights()
        own[place] = np.nan
        loss, *_ = training.evaluate(own, spectra, labels, np.arange(N))
        assert np.isnan(loss)


@pytest.fixture(params=["all alike", "own batches"])
def sides(request):
    """Give three members' sides, of one length or of different ones."""
    rng = np.random.default_rng(4)
    lengths = [300, 300, 300] if request.param == "all alike" else [300, 170, 64]
    orders = [rng.permutation(N) for _ in lengths]
    return [Sides(o[:length], o[length:]) for o, length in zip(orders, lengths, strict=True)]


def test_torch_for_all_at_once_is_the_compiled_loops(data, sides):
    results = []
    for engine in (Compiled(*data), Together(*data)):
        own = np.stack([weights(member) for member in range(3)])
        mean, square, steps = np.zeros_like(own), np.zeros_like(own), np.zeros(3, np.int64)
        counts = []
        for epoch in range(2):
            orders = [shuffled(side.train, 0, m, epoch) for m, side in enumerate(sides)]
            counts += engine.train_epoch(own, mean, square, steps, orders, 64, 1e-3, 0.01)
            counts += engine.evaluate(own, [side.test for side in sides])
        results.append((own, mean, square, steps, *counts))
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-12)
