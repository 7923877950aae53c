"""Each baseline finds a difference of its own kind, and nothing else."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.cluster import KMeans

import preflare as pf
from preflare.baselines import BASELINES, CLUSTERS
from preflare.labelled import METADATA, LabelledSpectra
from preflare.reliability import area_under_curve
from preflare.splits import Split

PAIRS, EACH = 12, 40
"""Observations of each class, and spectra of each."""
LOOKS_AT = {
    "metadata only": "exposure",
    "intensity only": "brightness",
    "k-means": "shape",
    "logistic regression": "shape",
    "dense network": "shape",
}
every_baseline = pytest.mark.parametrize("name", BASELINES)
logistic = pytest.mark.parametrize(
    "name", ["metadata only", "intensity only", "logistic regression"]
)


def paired(*differences, seed=0):
    """Make pairs of a PF and an AR observation that are copies but for some differences."""
    rng = np.random.default_rng(seed)
    n = PAIRS * EACH
    codes = np.repeat(np.arange(PAIRS), EACH)
    centre, noise = 100 + rng.normal(0, 8, n), 0.05 * rng.random((n, 240))
    peak = rng.lognormal(4, 0.3, n)
    table = rng.lognormal(0, 0.3, (PAIRS, len(METADATA)))

    def profiles(moved):
        shape = np.exp(-0.5 * ((np.arange(240) - centre[:, None] - moved) / 12) ** 2) + noise
        return (shape / shape.max(axis=1, keepdims=True)).astype(np.float32)

    shift = 30 if "shape" in differences else 0
    brighter = 4 if "brightness" in differences else 1
    longer = np.where(np.array(METADATA) == "exposure", 4, 1) if "exposure" in differences else 1
    names = [f"{kind} {number}" for kind in ("PF", "AR") for number in range(PAIRS)]
    metadata = pd.DataFrame(np.concatenate([table * longer, table]), names, list(METADATA))
    return LabelledSpectra(
        spectra=np.concatenate([profiles(shift), profiles(0)]),
        peak=np.concatenate([brighter * peak, peak]).astype(np.float32),
        observation=pd.Categorical.from_codes(np.concatenate([codes, PAIRS + codes]), names),
        place=np.zeros((2 * n, 3), np.int32),
        t_onset=np.repeat([-600, np.nan], n).astype(np.float32),
        metadata=metadata.iloc[rng.permutation(2 * PAIRS)],
    )


NUMBER = np.tile(np.repeat(np.arange(PAIRS), EACH), 2)
SPLIT = Split(np.flatnonzero(NUMBER < 8), np.flatnonzero(NUMBER >= 8))
TRAINING = Split(SPLIT.train, SPLIT.train)
ALL = paired("exposure", "brightness", "shape")


def answer(data, name, split=SPLIT, seed=0):
    """Return what a baseline says of the test side, and the truth."""
    return BASELINES[name](data, split, seed), data.labels[split.test]


@every_baseline
def test_a_difference_of_its_own_kind_is_found(name):
    probability, truth = answer(paired(LOOKS_AT[name]), name)
    assert area_under_curve(truth, probability) > 0.9
    assert pf.true_skill_statistic(truth, probability > 0.5) > 0.7


@every_baseline
def test_where_only_something_else_differs_there_is_no_skill(name):
    others = {"exposure", "brightness", "shape"} - {LOOKS_AT[name]}
    probability, truth = answer(paired(*others), name)
    assert area_under_curve(truth, probability.round(6)) == pytest.approx(0.5, abs=0.01)


@every_baseline
def test_nothing_else_is_looked_at(name):
    data, other = ALL, paired(seed=1)
    scrambled = {
        "exposure": {"metadata": other.metadata},
        "brightness": {"peak": other.peak},
        "shape": {"spectra": other.spectra},
    }
    own = scrambled.pop(LOOKS_AT[name])
    before, _ = answer(data, name)
    for changes in scrambled.values():
        data = replace(data, **changes)
    np.testing.assert_array_equal(answer(data, name)[0], before)
    assert not np.allclose(answer(replace(data, **own), name)[0], before)


@every_baseline
def test_there_is_a_probability_for_each_spectrum_of_the_test_side(name):
    rng = np.random.default_rng(0)
    order = rng.permutation(len(ALL))
    split = Split(order[:500], order[500:613])
    probability, _ = answer(ALL, name, split)
    assert probability.shape == (113,)
    assert probability.dtype == np.float64
    assert ((probability > 0) & (probability < 1)).all()


@every_baseline
def test_nothing_of_the_test_side_influences_the_fit(name):
    changed = SPLIT.test[NUMBER[SPLIT.test] < 10]
    others = ~np.isin(SPLIT.test, changed)
    spectra, peak, t_onset = ALL.spectra.copy(), ALL.peak.copy(), ALL.t_onset.copy()
    spectra[changed] = spectra[changed, ::-1]
    peak[changed] *= 100
    t_onset[SPLIT.test] = np.where(np.isnan(t_onset[SPLIT.test]), -600, np.nan)
    metadata = ALL.metadata.copy()
    metadata.loc[ALL.observation[changed].unique()] *= 100
    other = replace(ALL, spectra=spectra, peak=peak, t_onset=t_onset, metadata=metadata)
    (before, _), (after, _) = answer(ALL, name), answer(other, name)
    np.testing.assert_allclose(after[others], before[others], rtol=1e-6)
    assert not np.allclose(after[~others], before[~others])


@every_baseline
def test_the_same_seed_gives_the_same_answer(name):
    before, _ = answer(ALL, name, seed=3)
    np.testing.assert_array_equal(answer(ALL, name, seed=3)[0], before)
    chance = name in ("k-means", "dense network")
    assert np.array_equal(answer(ALL, name, seed=4)[0], before) != chance


def test_the_dense_network_leaves_the_random_state_alone_and_does_not_depend_on_it():
    torch.manual_seed(1)
    state = torch.get_rng_state()
    before, _ = answer(ALL, "dense network")
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    np.testing.assert_array_equal(answer(ALL, "dense network")[0], before)


def test_k_means_agrees_with_a_plain_loop():
    clusters = KMeans(CLUSTERS, n_init=1, max_iter=50, random_state=5).fit(ALL.spectra[SPLIT.train])

    def nearest(spectrum):
        return min(
            range(CLUSTERS),
            key=lambda number: ((spectrum - clusters.cluster_centers_[number]) ** 2).sum(),
        )

    share = {number: [1, 2] for number in range(CLUSTERS)}
    for place in SPLIT.train:
        counts = share[nearest(ALL.spectra[place])]
        counts[0] += ALL.labels[place]
        counts[1] += 1
    expected = [np.divide(*share[nearest(ALL.spectra[place])]) for place in SPLIT.test]
    np.testing.assert_allclose(answer(ALL, "k-means", seed=5)[0], expected)


@logistic
def test_logistic_regression_is_where_the_gradient_of_the_penalised_loss_vanishes(name):
    """The loss is the cross-entropy, summed, plus half the square of the weights."""
    data = paired(LOOKS_AT[name])
    features = {
        "metadata only": np.log([data.metadata.loc[each] for each in data.observation]),
        "intensity only": np.log(data.peak.astype(np.float64))[:, None],
        "logistic regression": data.spectra.astype(np.float64),
    }[name][SPLIT.train]
    inputs = (features - features.mean(axis=0)) / features.std(axis=0)
    probability, truth = answer(data, name, TRAINING)
    logit = np.log(probability / (1 - probability))
    # The logit is linear in the inputs: that gives the weights, and checks that it is.
    columns = np.column_stack([np.ones(len(inputs)), inputs])
    weights = np.linalg.lstsq(columns, logit)[0]
    np.testing.assert_allclose(columns @ weights, logit, atol=1e-4)
    gradient = columns.T @ (probability - truth) + [0, *weights[1:]]
    assert np.abs(gradient).max() < 1e-4 * len(inputs) < 0.1 * np.abs(weights[1:]).max()


def test_an_observation_without_spectra_is_no_hindrance():
    names = [*ALL.observation.categories, "PF 99"]
    more = replace(
        ALL,
        observation=ALL.observation.set_categories(names),
        metadata=pd.concat([ALL.metadata, pd.DataFrame(np.nan, ["PF 99"], list(METADATA))]),
    )
    for name in BASELINES:
        np.testing.assert_array_equal(answer(more, name)[0], answer(ALL, name)[0])
