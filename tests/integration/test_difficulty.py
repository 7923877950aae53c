"""The twin is neither trivial nor leaky: what tells the classes apart is in the spectra's shape."""

import numpy as np
import pytest

import preflare as pf
from tests.integration.difficulty import skills

SPLITS = 20


@pytest.fixture(scope="module")
def cubes(study):
    return study.cubes()


@pytest.fixture(scope="module")
def spectra(cubes):
    """Give accepted spectra before the onset, their class, and their observation's number."""
    values, labels, groups = [], [], []
    for group, (name, cube) in enumerate(cubes.items()):
        kept = pf.accepted(cube)
        if name.startswith("PF"):
            kept &= (cube["t_onset"].values < 0)[..., None]
        values.append(cube["intensity"].values[kept])
        labels.append(np.full(kept.sum(), int(name.startswith("PF"))))
        groups.append(np.full(kept.sum(), group))
    return np.concatenate(values), np.concatenate(labels), np.concatenate(groups)


def observation_wise(labels, groups, seed):
    """Keep five observations of each class for the test."""
    rng = np.random.default_rng(seed)
    of_class = [np.unique(groups[labels == label]) for label in (0, 1)]
    aside = np.isin(groups, [g for each in of_class for g in rng.choice(each, 5, replace=False)])
    return np.flatnonzero(~aside), np.flatnonzero(aside)


@pytest.fixture(scope="module")
def observation_wise_skill(spectra):
    values, labels, groups = spectra
    sides = [observation_wise(labels, groups, seed) for seed in range(SPLITS)]
    return skills(values, labels, sides)


def test_networks_find_the_difference_but_not_easily(observation_wise_skill):
    assert 0.35 <= np.median(observation_wise_skill) <= 0.75


def test_splits_differ_as_widely_as_the_paper_s(observation_wise_skill):
    low, high = np.quantile(observation_wise_skill, [0.25, 0.75])
    assert high - low >= 0.08
    assert np.ptp(observation_wise_skill) >= 0.25


def test_a_random_split_of_spectra_leaks(spectra, observation_wise_skill):
    values, labels, _ = spectra
    rng = np.random.default_rng(0)
    sides = []
    for _ in range(4):
        order = rng.permutation(labels.size)
        sides.append((order[: labels.size * 3 // 5], order[labels.size * 3 // 5 :]))
    leaking = skills(values, labels, sides)
    assert np.median(leaking) > np.median(observation_wise_skill) + 0.05
    assert np.median(leaking) > np.quantile(observation_wise_skill, 0.6)


def metadata(cubes):
    """Describe each observation without a look at the shape of its spectra."""
    rows = []
    for name, cube in cubes.items():
        before = cube
        if name.startswith("PF"):
            early = (cube["t_onset"] < 0).all("step").values
            before = cube.isel(time=early)
        missing = (before["flags"].values & pf.Rule.MISSING) > 0
        peak = before["peak"].values[~missing]
        exposure = before["exposure"].values
        counts = np.nanmean(peak) * np.median(exposure)
        rows.append(
            [
                np.log(np.median(exposure)),
                np.log(float(pf.observation(name).cadence.value)),
                np.log(1.0 / np.sqrt(counts)),  # noise relative to signal
                missing.mean(),
                np.log(np.nanmean(peak)),
            ]
        )
    return np.array(rows)


def fitted_scores(features, labels, train, test):
    """Logistic regression with a little ridge, by Newton's method."""
    mean, spread = features[train].mean(axis=0), features[train].std(axis=0) + 1e-9
    inputs = np.column_stack([np.ones(len(features)), (features - mean) / spread])
    weights = np.zeros(inputs.shape[1])
    ridge = np.diag([1e-6] + [1.0] * features.shape[1])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-inputs[train] @ weights))
        gradient = inputs[train].T @ (chance - labels[train]) + ridge @ weights
        curvature = (inputs[train] * (chance * (1 - chance))[:, None]).T @ inputs[train] + ridge
        weights -= np.linalg.solve(curvature, gradient)
    return inputs[test] @ weights


def area_under_curve(scores, labels):
    above = scores[labels == 1][:, None] - scores[labels == 0]
    return np.mean((above > 0) + 0.5 * (above == 0))


def metadata_curve_areas(cubes):
    features = metadata(cubes)
    labels = np.array([int(name.startswith("PF")) for name in cubes])
    scores, count = np.zeros(len(labels)), np.zeros(len(labels))
    for seed in range(200):
        rng = np.random.default_rng(seed)
        test = np.concatenate(
            [rng.choice(np.flatnonzero(labels == c), 5, replace=False) for c in (0, 1)]
        )
        train = np.setdiff1d(np.arange(len(labels)), test)
        scores[test] += fitted_scores(features, labels, train, test)
        count[test] += 1
    scores /= count
    rng = np.random.default_rng(1)
    areas = []
    for _ in range(1000):
        again = rng.integers(0, len(labels), len(labels))
        if 0 < labels[again].sum() < len(labels):
            areas.append(area_under_curve(scores[again], labels[again]))
    return np.quantile(areas, [0.025, 0.5, 0.975])


def test_metadata_alone_do_not_tell_the_classes_apart(cubes):
    low, _, high = metadata_curve_areas(cubes)
    assert low <= 0.5 <= high


def test_a_leak_in_the_metadata_would_be_found(cubes):
    marked = {
        name: cube.assign(peak=cube["peak"] * (10.0 if name.startswith("PF") else 1.0))
        for name, cube in cubes.items()
    }
    low, _, _ = metadata_curve_areas(marked)
    assert low > 0.5
