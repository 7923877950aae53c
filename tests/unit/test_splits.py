"""Classes balance, ratios are exact, and no observation's spectra are on two sides."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from preflare.errors import SplitError
from preflare.partitions import Partition, folds, nested, random_partitions
from preflare.splits import balanced_split, random_spectra_split
from tests.unit.test_partitions import FOUR, PARTED, classes, observations, observed, seeds


@st.composite
def tables(draw):
    """Draw a partition, and the observation of each of some hundred spectra in any order."""
    labels = draw(observations(at_least=3, at_most=5))
    partition = random_partitions(labels, 1, 1, draw(seeds))[0]
    if draw(st.booleans()):
        partition = nested(partition, labels, 1, draw(seeds))
    names = [*labels, "AR 99"]
    counts = draw(st.lists(st.integers(0, 40), min_size=len(names), max_size=len(names)))
    codes = np.repeat(np.arange(-1, len(names)), [3, *counts])
    np.random.default_rng(draw(seeds)).shuffle(codes)
    return partition, labels, pd.Categorical.from_codes(codes, names)


def available(partition, labels, spectra):
    """Count, spectrum by spectrum, what each side has of each class."""
    counts = {side: [0, 0] for side in partition.sides}
    for name in spectra:
        for side, names in partition.sides.items():
            if name in names:
                counts[side][labels[name]] += 1
    return counts


def drawn(split, labels, spectra):
    """Count what was drawn, and check that the places are sound."""
    counts = {}
    for side, places in split.sides.items():
        assert places.dtype == np.int64
        assert (np.diff(places) > 0).all()
        counts[side] = classes(spectra[places], labels)
    return counts


@given(
    tables(),
    seeds,
    st.sampled_from([None, 0.4, 1.0, 1.5, 2.5, 3.3]),
    st.none() | st.integers(2, 60),
)
def test_balance_and_ratio_are_exact(table, seed, ratio, at_most):
    partition, labels, spectra = table
    there = available(partition, labels, spectra)
    if min(map(min, there.values())) == 0:
        with pytest.raises(SplitError, match=r"side has no (AR|PF) spectra: put an observation"):
            balanced_split(partition, labels, spectra, seed, ratio, at_most)
        return
    most = {side: min(counts) for side, counts in there.items()}
    most["train"] = min(most["train"], at_most // 2 if at_most else most["train"])
    # Fewer may leave nothing for a ratio; that has a test of its own.
    assume(min(most.values()) >= 4)
    split = balanced_split(partition, labels, spectra, seed, ratio, at_most)
    for side, (ar, pf) in drawn(split, labels, spectra).items():
        assert ar == pf <= most[side]
        assert set(spectra[split.sides[side]]) <= set(partition.sides[side])
    size = {side: places.size // 2 for side, places in split.sides.items()}
    if ratio is None:
        assert size == most
        return
    for side in set(size) - {"train"}:
        assert abs(size["train"] - ratio * size[side]) <= max(1, ratio) / 2 + 1e-9
    if ratio >= 1:
        assert any(size[side] == most[side] for side in size), "more could have been drawn"


@given(tables(), seeds)
def test_no_observation_is_on_two_sides(table, seed):
    partition, labels, spectra = table
    assume(min(map(min, available(partition, labels, spectra).values())) > 0)
    split = balanced_split(partition, labels, spectra, seed, None)
    for one, other in combinations(split.sides.values(), 2):
        assert not set(spectra[one]) & set(spectra[other])
    assert (split.watched is split.validation) == bool(partition.validation)
    assert (split.watched is split.test) == (not partition.validation)


def test_a_partition_that_was_tampered_with_is_caught():
    partition = Partition(("a", "c"), ("b", "d"))
    object.__setattr__(partition, "test", ("b", "c"))
    with pytest.raises(AssertionError, match="on two sides"):
        balanced_split(partition, FOUR, np.repeat(list(FOUR), 10))


@given(tables(), seeds)
def test_same_seed_same_spectra_however_they_are_named(table, seed):
    partition, labels, spectra = table
    assume(min(map(min, available(partition, labels, spectra).values())) > 0)
    one = balanced_split(partition, labels, spectra, seed, None)
    renumbered = pd.Categorical(spectra, categories=sorted(spectra.categories, reverse=True))
    for again in (spectra, np.array(spectra, dtype=object), renumbered):
        other = balanced_split(partition, labels, again, seed, None)
        for side, places in one.sides.items():
            np.testing.assert_array_equal(places, other.sides[side])


def test_numbers_of_the_published_split():
    spectra = pd.Categorical.from_codes(np.repeat(range(4), [30_000, 11_000, 25_000, 12_000]), FOUR)
    split = balanced_split(PARTED, FOUR, spectra, ratio=2.5, at_most=48_386)
    assert (split.train.size, split.test.size) == (48_386, 19_354)


@pytest.mark.parametrize(
    ("there", "ratio", "train", "test"),
    [
        ([90, 3], 3.3, 10, 3),
        ([90, 7], 3.3, 23, 7),
        ([10, 90], 1.5, 10, 7),
        ([11, 90], 1.5, 11, 7),
        ([90, 90], 1.5, 90, 60),
    ],
)
def test_the_ratio_holds_to_the_nearest_spectrum_of_a_class(there, ratio, train, test):
    a_to_d = [there[0], there[1], there[0] + 5, there[1]]
    split = balanced_split(PARTED, FOUR, np.repeat(list(FOUR), a_to_d), ratio=ratio)
    assert (split.train.size, split.test.size) == (2 * train, 2 * test)


def test_every_spectrum_has_the_same_chance():
    spectra, draws = np.repeat(list(FOUR), [30, 10, 10, 10]), 600
    splits = [balanced_split(PARTED, FOUR, spectra, seed, None) for seed in range(draws)]
    times = np.bincount(np.concatenate([split.train for split in splits]), minlength=60)
    assert (times[40:50] == draws).all()
    np.testing.assert_allclose(times[:30], draws / 3, atol=5 * np.sqrt(draws * 2 / 9))


def test_one_class_is_not_balanced_where_one_observation_is_tested():
    spectra = np.repeat(list(FOUR), [20, 30, 50, 40])
    for fold in folds(FOUR, None):
        everything = balanced_split(fold, FOUR, spectra, ratio=None)
        assert everything.test.tolist() == np.flatnonzero(spectra == fold.test[0]).tolist()
        split = balanced_split(fold, FOUR, spectra, ratio=2)
        assert abs(split.train.size - 2 * split.test.size) <= 1
        ar, pf = classes(spectra[split.train], FOUR)
        assert ar == pf


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"labels": {"a": 0, "c": 1}}, "b has class None: give 0"),
        ({"partition": Partition(("a", "b"), ("c", "d"))}, "The train side has no PF spectra: put"),
        ({"observation_of_spectrum": np.array(["a", "b", "c"])}, "The test side has no PF spectra"),
        ({"observation_of_spectrum": np.array(["c", "d"])}, "The train side has no AR spectra"),
        ({"ratio": 0.0}, r"0.0 is no ratio of training to test spectra: give 1.5"),
        ({"ratio": -1.5}, "-1.5 is no ratio"),
        ({"ratio": np.inf}, "inf is no ratio"),
        ({"ratio": np.nan}, "nan is no ratio"),
        ({"ratio": 0.01}, "Too few spectra are left with ratio=0.01 and at_most=None: give more"),
        ({"ratio": 100}, "Too few spectra are left with ratio=100"),
        ({"at_most": 1}, "Too few spectra are left with ratio=1.5 and at_most=1"),
        ({"at_most": -4}, "Too few spectra are left with ratio=1.5 and at_most=-4"),
        ({"at_most": 1, "ratio": None}, "Too few spectra are left with ratio=None and at_most=1"),
    ],
)
def test_spectra_that_cannot_be_split_as_asked(changed, sentence):
    asked = {
        "partition": PARTED,
        "labels": FOUR,
        "observation_of_spectrum": np.repeat(list(FOUR), 10),
    }
    with pytest.raises(SplitError, match=sentence):
        balanced_split(**asked | changed)


def test_an_observation_without_spectra_does_no_harm():
    partition = Partition(("a", "c", "e"), ("b", "d", "f"))
    split = balanced_split(partition, FOUR | {"e": 0, "f": 1}, np.repeat(list(FOUR), 6))
    assert (split.train.size, split.test.size) == (12, 8)


# What not to do


@given(
    st.integers(20, 300),
    st.integers(20, 300),
    seeds,
    st.sampled_from([0.5, 1.0, 1.5, 2.5]),
    st.none() | st.integers(20, 300),
)
def test_a_random_split_of_spectra_is_balanced_too(ar, pf, seed, ratio, at_most):
    labels = np.repeat([0, 1], [ar, pf])
    np.random.default_rng(seed).shuffle(labels)
    split = random_spectra_split(labels, seed, ratio, at_most)
    assert not np.intersect1d(split.train, split.test).size
    assert split.watched is split.test
    for counts in drawn(split, {0: 0, 1: 1}, labels).values():
        assert counts[0] == counts[1]
    train, test = split.train.size // 2, split.test.size // 2
    assert abs(train - ratio * test) <= max(1, ratio) / 2
    most = min(ar, pf) * ratio / (1 + ratio)
    allowed = min(most, at_most // 2) if at_most else most
    assert abs(train - allowed) <= max(1, ratio)
    np.testing.assert_array_equal(
        split.train, random_spectra_split(labels, seed, ratio, at_most).train
    )


def test_a_random_split_of_spectra_leaks():
    spectra = np.repeat(list(FOUR), 100)
    split = random_spectra_split(np.repeat(list(FOUR.values()), 100))
    assert set(spectra[split.train]) == set(spectra[split.test]) == set(FOUR)
    parted = balanced_split(PARTED, FOUR, spectra)
    assert not set(spectra[parted.train]) & set(spectra[parted.test])


@pytest.mark.parametrize(
    ("labels", "settings", "sentence"),
    [
        ([0, 1, 2], {}, "Some spectra have another class than 0 .AR. and 1 .PF.: relabel them"),
        ([0, 1, np.nan], {}, "Some spectra have another class"),
        ([0, 0, 1], {}, "Too few spectra are left with ratio=1.5"),
        ([], {}, "Too few spectra are left"),
        ([0, 0, 1, 1], {"ratio": -1.0}, "-1.0 is no ratio"),
        ([0, 0, 1, 1], {"ratio": 0.0}, "0.0 is no ratio"),
        ([0, 0, 1, 1], {"at_most": 0}, "Too few spectra are left with ratio=1.5 and at_most=0"),
    ],
)
def test_spectra_that_cannot_be_split_at_random(labels, settings, sentence):
    with pytest.raises(SplitError, match=sentence):
        random_spectra_split(labels, **settings)


def test_a_negative_seed_is_refused():
    partition = Partition(("AR 0", "PF 0"), ("AR 1", "PF 1"))
    labels = observed(8, 8)
    names = np.array([*labels] * 4)
    for draw in (
        lambda: balanced_split(partition, labels, names, seed=-1),
        lambda: random_spectra_split([0, 1] * 9, seed=-1),
    ):
        with pytest.raises(SplitError, match="The seed -1 is negative"):
            draw()
