"""Training with the attribution prior: what is learned, what it does, and what is refused."""

import numpy as np
import pandas as pd
import pytest
import torch
from threadpoolctl import threadpool_limits
from torch.nn.functional import cross_entropy
from torch.nn.utils import parameters_to_vector, vector_to_parameters

import preflare as pf
from preflare.errors import ExplanationError, NetworkError
from preflare.explain.prior import draw, train_with_prior
from preflare.members import CURVES, first_weights
from preflare.splits import Split
from tests.unit.test_prior_kernels import LABELS, OUTPUTS, SPECTRA, N, plain_attributions

SPLIT = Split(np.arange(400), np.arange(400, N))


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Keep torch from threads of its own in the plain loops, which wait long on busy machines."""
    with threadpool_limits(1, user_api="openmp"):
        yield


def trained(strengths, **changes):
    settings = {"members": 2, "epochs": 2, "output": "log-odds"} | changes
    return train_with_prior(SPECTRA, LABELS, SPLIT, strengths, **settings)


@pytest.fixture(scope="module")
def several():
    return trained([0.0, 0.003, 0.1, 1000.0], epochs=15, learning_rate=0.003)


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("draws", [1, 2])
def test_networks_learn_as_in_a_plain_loop_that_differentiates_twice(output, draws):
    strengths = [0.02, 0.5]
    ours = trained(strengths, draws=draws, output=output)
    for row, sigma in zip(ours.weights, strengths, strict=True):
        for member, weights in enumerate(row):
            module = pf.ConvNet()
            start = first_weights(0, member)
            vector_to_parameters(torch.from_numpy(start.copy()), module.parameters())
            optimizer = torch.optim.Adam(module.parameters(), 1e-3)
            x, y = torch.from_numpy(SPECTRA[SPLIT.train]), torch.from_numpy(LABELS[SPLIT.train])
            for epoch in range(2):
                order, others, alphas = map(torch.from_numpy, draw(400, draws, 0, member, epoch))
                batches = (each.split(64) for each in (order, others, alphas))
                for here, there, alpha in zip(*batches, strict=True):
                    phi = plain_attributions(
                        module, x[here], x[there], alpha, output, create_graph=True
                    )
                    rough = phi.diff(dim=1).abs().sum(1).mean()
                    optimizer.zero_grad()
                    (cross_entropy(module(x[here]), y[here]) + sigma * rough).backward()
                    optimizer.step()
            theirs = parameters_to_vector(module.parameters()).detach()
            np.testing.assert_allclose(weights, theirs, atol=1e-4)
            assert np.abs(weights - start).max() > 1e-3


def test_strength_0_is_the_swarm():
    epochs = 6
    ours = trained([0.1, 0.0], epochs=epochs, seed=3)
    swarm = pf.Swarm.train(SPECTRA, LABELS, SPLIT, members=2, epochs=epochs, seed=3)
    curves = ours.curves.loc[0.0].drop(index=0, level="epoch")
    np.testing.assert_array_equal(curves[list(CURVES)], swarm.curves())
    np.testing.assert_array_equal(ours.weights[1], swarm.at("last").weights)
    assert np.abs(ours.weights[0] - ours.weights[1]).max() > 0.01


def test_baselines_are_others():
    order, others, alphas = draw(50, 1000, 0, 1, 2)
    assert sorted(order) == list(range(50))
    for place, row in zip(order, others, strict=True):
        assert set(row) == set(range(50)) - {place}
    assert 0 <= alphas.min() < 0.01 < 0.99 < alphas.max() <= 1
    assert (draw(50, 1000, 0, 1, 3)[2] != alphas).all()
    assert (draw(50, 1000, 0, 2, 2)[2] != alphas).all()


@pytest.mark.parametrize("workers", [1, 3])
def test_same_seed_same_bits(workers):
    strengths = [0.0, 0.001, 0.01, 0.1, 1.0]
    one, two = trained(strengths), trained(strengths, workers=workers)
    assert one.weights.tobytes() == two.weights.tobytes()
    pd.testing.assert_frame_equal(one.curves, two.curves, check_exact=True)


def test_another_seed_gives_other_networks():
    one, other = trained([0.0, 0.1]), trained([0.0, 0.1], seed=1)
    assert (np.abs(one.weights - other.weights).max(axis=2) > 0.1).all()


def test_networks_do_not_depend_on_the_others():
    alone = trained([0.1], members=1)
    np.testing.assert_allclose(
        trained([0.0, 0.1], members=3).weights[1, :1], alone.weights[0], atol=1e-5
    )


def test_curves_have_a_row_for_each_network_and_epoch(several):
    assert several.strengths.tolist() == [0.0, 0.003, 0.1, 1000.0]
    assert several.weights.shape == (4, 2, 363)
    assert several.weights.dtype == np.float32
    curves = several.curves
    assert curves.index.names == ["strength", "member", "epoch"]
    assert len(curves) == 4 * 2 * 16
    start = curves.xs(0, level="epoch")
    for strength in several.strengths:
        np.testing.assert_array_equal(start.loc[strength], start.loc[0.0])
    odds, truth = pf.Swarm(several.weights[1]).predict(SPECTRA[SPLIT.test]), LABELS[SPLIT.test]
    for member in range(2):
        end = curves.loc[0.003, member, 15]
        score = pf.true_skill_statistic(truth, odds[member] > 0.5)
        assert end["test tss"] == pytest.approx(score, abs=1e-6)
        loss = -np.log(np.where(truth, odds[member], 1 - odds[member])).mean()
        assert end["test loss"] == pytest.approx(loss, rel=1e-4)


def test_a_stronger_prior_makes_smoother_attributions(several):
    end = several.curves.xs(15, level="epoch").groupby("strength").mean()
    assert end["log-odds roughness"].is_monotonic_decreasing
    relative = end["relative log-odds roughness"]
    assert relative[0.003] < 0.95 * relative[0.0]
    assert relative[0.1] < 0.7 * relative[0.0]
    assert (end["test tss"][[0.0, 0.003, 0.1]] > 0.3).all()


def test_a_prior_on_the_pf_logit_is_evaded_through_the_ar_logit():
    curves = trained([0.0, 1.0], epochs=15, learning_rate=0.003, output="logit").curves
    end = curves.xs(15, level="epoch").groupby("strength").mean()
    assert end["logit roughness"][1.0] < 0.05 * end["logit roughness"][0.0]
    assert end["log-odds roughness"][1.0] > 0.2 * end["log-odds roughness"][0.0]
    assert end["test tss"][1.0] > 0.3


def test_diverged_networks_leave_nan():
    told = []
    result = trained([0.0, 1.0], learning_rate=1e30, progress=lambda *now: told.append(now))
    assert np.isnan(result.weights).any(axis=2).all()
    assert result.curves.drop(index=0, level="epoch").isna().all(axis=None)
    assert [now[:2] for now in told] == [(4, 8), (8, 8)]
    assert np.isnan(told[-1][2])


NAN = SPECTRA.copy()
NAN[3, 5] = np.nan


@pytest.mark.parametrize(
    ("changes", "kind", "sentence"),
    [
        ({"strengths": [0.1, -1.0]}, ExplanationError, "strength -1.0 is not from 0 to infinity"),
        ({"strengths": [np.nan]}, ExplanationError, "strength nan is not from 0"),
        ({"strengths": [np.inf]}, ExplanationError, "strength inf is not from 0"),
        ({"strengths": []}, ExplanationError, r"strengths \[\] are no list of numbers: give one"),
        ({"strengths": 0.1}, ExplanationError, "strengths 0.1 are no list of numbers"),
        ({"strengths": ["much"]}, ExplanationError, "are no list of numbers"),
        ({"strengths": [0.1, 0.1]}, ExplanationError, "twice in .*: give each once"),
        ({"draws": 0}, ExplanationError, "from 0 draws are none: give 1 or more"),
        ({"output": "probability"}, ExplanationError, "no output 'probability': choose 'logit'"),
        (
            {"split": Split(np.arange(400), np.arange(0))},
            ExplanationError,
            "no spectra to test on: give it some",
        ),
        ({"split": Split(np.arange(400), np.array([N]))}, NetworkError, "names spectrum 600"),
        ({"members": 0}, NetworkError, "0 members"),
        ({"epochs": 0}, NetworkError, "epochs 0"),
        ({"batch": 0}, NetworkError, "batch 0"),
        ({"learning_rate": -1.0}, NetworkError, "learning rate -1.0"),
        ({"seed": -1}, NetworkError, "seed -1 is negative"),
        ({"spectra": SPECTRA[:, 1:]}, NetworkError, r"shape \(600, 239\) do not fit"),
        ({"spectra": NAN}, NetworkError, "1 of 600 spectra hold nan or inf"),
        ({"labels": LABELS[1:]}, NetworkError, r"labels of shape \(599,\) for 600 spectra"),
        ({"labels": LABELS * 0}, NetworkError, "0 PF and 400 AR spectra to train on"),
    ],
)
def test_bad_input_is_refused(changes, kind, sentence):
    usual = {"spectra": SPECTRA, "labels": LABELS, "split": SPLIT, "strengths": [0.0]}
    with pytest.raises(kind, match=sentence):
        train_with_prior(**usual | changes)
