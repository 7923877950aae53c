"""The twin is neither trivial nor leaky: what tells the classes apart is in the spectra's shape.

Dead networks, which call every spectrum by one class and score 0, are counted like others.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import preflare as pf
from preflare.bootstrap import bootstrap
from preflare.labelled import metadata
from preflare.partitions import random_partitions
from preflare.reliability import area_under_curve
from preflare.sizes import Size
from preflare.splits import random_spectra_split

SIZE = Size(spectra=6_000, training=12_000, splits=50, members=1, epochs=20)
"""All accepted spectra of the quick twin; of each split at most 6,000 of each class."""
SPLITS_WHEN_THOROUGH = 150
"""For quartiles, and for the gap of 0.075 between the medians of two ways to split.

Which networks fall silent, and with them a median, depends on the last bits of a processor's
arithmetic: the gap between two medians of 20 splits has a standard deviation of 0.025, of 150 of
0.009.
"""


@pytest.fixture(scope="module")
def sized(study, thorough):
    """Give the study at a size of the tests' own."""
    other = pf.Study(cache=study.cache)
    other.size = replace(SIZE, splits=SPLITS_WHEN_THOROUGH) if thorough else SIZE
    return other


def skill(study, splits):
    """Return the true skill statistic after the last epoch, of one network a split."""
    return study.train(splits).report("last")["test tss"].to_numpy()


@pytest.fixture(scope="module")
def observation_wise_splits(sized):
    return [sized.split(partition) for partition in sized.partitions()]


@pytest.fixture(scope="module")
def observation_wise_skill(sized, observation_wise_splits):
    return skill(sized, observation_wise_splits)


def test_networks_find_the_difference_but_not_easily(observation_wise_skill):
    assert 0.35 <= np.median(observation_wise_skill) <= 0.75


def test_splits_differ_as_widely_as_the_paper_s(observation_wise_skill):
    # One dead network would be enough for a wide range of all.
    assert np.ptp(observation_wise_skill[observation_wise_skill != 0]) >= 0.25


@pytest.mark.thorough
def test_so_does_the_middle_half_of_the_splits(observation_wise_skill):
    low, high = np.quantile(observation_wise_skill, [0.25, 0.75])
    assert high - low >= 0.08


@pytest.mark.thorough
def test_a_random_split_of_spectra_leaks(sized, observation_wise_splits, observation_wise_skill):
    labels = sized.spectra().labels
    splits = [
        random_spectra_split(labels, seed, at_most=split.train.size)
        for seed, split in enumerate(observation_wise_splits)
    ]
    assert [s.train.size for s in splits] == [s.train.size for s in observation_wise_splits]
    leaking = np.median(skill(sized, splits))
    assert leaking >= np.median(observation_wise_skill) + 0.05
    assert leaking > np.quantile(observation_wise_skill, 0.6)


def metadata_skill(cubes):
    """Return the area under the curve of a classifier that sees no spectrum, and its interval."""
    table = np.log(pd.DataFrame({name: metadata(cube) for name, cube in cubes.items()}).T)
    classes = {name: int(name.startswith("PF")) for name in cubes}
    told = {name: [] for name in cubes}
    for partition in random_partitions(classes, 200):
        train, test = (table.loc[list(side)] for side in partition.sides.values())
        model = make_pipeline(StandardScaler(), LogisticRegression())
        model.fit(train, [classes[name] for name in train.index])
        for name, probability in zip(test.index, model.predict_proba(test)[:, 1], strict=True):
            told[name].append(probability)
    means = [np.mean(probabilities) for probabilities in told.values()]
    return bootstrap(area_under_curve, list(classes.values()), means, list(classes))


def test_metadata_alone_do_not_tell_the_classes_apart(study):
    interval = metadata_skill(study.cubes())
    assert interval.low <= 0.5 <= interval.high


@pytest.mark.parametrize("leaking", ["peak", "exposure"])
def test_a_leak_in_the_metadata_would_be_found(study, leaking):
    marked = {
        name: cube.assign({leaking: cube[leaking] * 3}) if name.startswith("PF") else cube
        for name, cube in study.cubes().items()
    }
    assert metadata_skill(marked).low > 0.5
