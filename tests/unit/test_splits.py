"""No observation is on two sides, counts are exact, and draws can be repeated."""

from collections import Counter
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from preflare.active_regions import active_regions
from preflare.errors import SplitError
from preflare.observations import read_observations
from preflare.partitions import Partition, folds, leave_one_out, nested, random_partitions
from preflare.splits import balanced_split, random_spectra_split

TABLE_A1 = {row.name: int(row.kind == "PF") for row in read_observations()}
seeds = st.integers(0, 2**32 - 1)


def observed(ar: int, pf: int) -> dict[str, int]:
    return {f"{kind} {n}": kind == "PF" for kind, m in (("AR", ar), ("PF", pf)) for n in range(m)}


@st.composite
def observations(draw, at_least=2, at_most=12):
    labels = observed(*(draw(st.integers(at_least, at_most)) for _ in range(2)))
    return {name: int(labels[name]) for name in draw(st.permutations(list(labels)))}


@st.composite
def grouped(draw, at_most=12, pure=False):
    labels = draw(observations(at_most=at_most))
    regions = draw(st.integers(1, len(labels)))
    groups = {name: draw(st.integers(0, regions)) for name in labels}
    if pure:
        groups = {name: 2 * number + labels[name] for name, number in groups.items()}
    return labels, groups


def sides(partition):
    return [set(names) for names in (partition.train, partition.test, partition.validation)]


def classes(names, labels):
    return [sum(labels[name] == label for name in names) for label in (0, 1)]


def assert_parts(partition, labels, groups=None):
    """Check that everything is on one side, and whole groups are."""
    assert sum(map(len, sides(partition))) == len(labels)
    assert set().union(*sides(partition)) == set(labels)
    of = groups or {name: name for name in labels}
    for one, other in combinations(sides(partition), 2):
        assert not {of[name] for name in one} & {of[name] for name in other}


# Partitions


@pytest.mark.parametrize(
    ("given_sides", "sentence"),
    [
        ((("a", "b"), ("c", "a")), "A partition names a twice: put it on one side, once"),
        ((("a",), ("b",), ("b",)), "A partition names b twice"),
        ((("a",), ("b",), ("a",)), "A partition names a twice"),
        ((("a", "a"), ("b",)), "A partition names a twice"),
        (((), ("b",)), "The train side has no observations: put at least one there"),
        ((("a",), ()), "The test side has no observations"),
        (((), ()), "The train side has no observations"),
    ],
)
def test_no_partition_has_an_observation_twice_or_an_empty_side(given_sides, sentence):
    with pytest.raises(SplitError, match=sentence):
        Partition(*given_sides)


@given(observations(), st.data(), seeds)
def test_random_partitions_test_exactly_so_many_of_each_class(labels, data, seed):
    fewest = min(classes(labels, labels))
    test = data.draw(st.integers(1, fewest - 1))
    for partition in random_partitions(labels, 3, test, seed):
        assert_parts(partition, labels)
        assert classes(partition.test, labels) == [test, test]
        assert not partition.validation


def test_the_papers_partitions():
    partitions = random_partitions(TABLE_A1)
    assert len(partitions) == len(set(partitions)) == 50
    assert {len(partition.train) for partition in partitions} == {27}
    assert partitions != random_partitions(TABLE_A1, seed=1)


@given(observations(at_least=4), seeds, st.integers(1, 4), st.randoms(use_true_random=False))
def test_a_draw_depends_on_seed_and_number_only(labels, seed, count, random):
    more = random_partitions(labels, count + 3, 2, seed)
    assert random_partitions(labels, count, 2, seed) == more[:count]
    turned = dict(random.sample(list(labels.items()), len(labels)))
    for one, other in zip(more, random_partitions(turned, count + 3, 2, seed), strict=True):
        assert sides(one) == sides(other)


def test_every_observation_is_tested_equally_often():
    draws = 2000
    tested = Counter(name for draw in random_partitions(TABLE_A1, draws) for name in sides(draw)[1])
    for name, label in TABLE_A1.items():
        share = 5 / (18, 19)[label]
        assert abs(tested[name] - draws * share) < 5 * np.sqrt(draws * share * (1 - share))


@given(grouped(at_most=4), st.integers(1, 3), seeds)
def test_whole_groups_are_drawn_wherever_they_add_up(observed, test, seed):
    labels, groups = observed
    assume(test < min(classes(labels, labels)))
    members = {number: [n for n in labels if groups[n] == number] for number in groups.values()}
    possible = any(
        classes([name for number in chosen for name in members[number]], labels) == [test, test]
        for size in range(1, len(members) + 1)
        for chosen in combinations(members, size)
    )
    if possible:
        for partition in random_partitions(labels, 3, test, seed, groups):
            assert_parts(partition, labels, groups)
            assert classes(partition.test, labels) == [test, test]
    else:
        with pytest.raises(SplitError, match=f"make up {test} observations of each class: ask"):
            random_partitions(labels, 3, test, seed, groups)


def test_active_regions_of_table_a1_stay_whole():
    regions = active_regions(read_observations())
    for partition in random_partitions(TABLE_A1, groups=regions):
        assert_parts(partition, TABLE_A1, regions)
        assert classes(partition.test, TABLE_A1) == [5, 5]
        assert "PF 15" in partition.train, "six observations of its region are more than five"
    made = folds(TABLE_A1, groups=regions)
    for partition in made:
        assert_parts(partition, TABLE_A1, regions)
    assert sorted(classes(fold.test, TABLE_A1)[1] for fold in made) == [3, 3, 3, 4, 6]
    assert sorted(classes(fold.test, TABLE_A1)[0] for fold in made) == [3, 3, 4, 4, 4]


@given(observations(), st.data(), seeds)
def test_folds_test_each_observation_once_and_spread_the_classes(labels, data, seed):
    k = data.draw(st.integers(2, min(classes(labels, labels))))
    made = folds(labels, k, seed)
    assert len(made) == k
    assert Counter(name for fold in made for name in fold.test) == Counter(list(labels))
    for fold in made:
        assert_parts(fold, labels)
    for of_fold in (*np.transpose([classes(fold.test, labels) for fold in made]),):
        assert of_fold.max() - of_fold.min() <= 1
    sizes = [len(fold.test) for fold in made]
    assert max(sizes) - min(sizes) <= 1
    assert made == folds(labels, k, seed)


def test_other_seeds_give_other_folds():
    assert folds(TABLE_A1) != folds(TABLE_A1, seed=1)


@given(grouped(pure=True), st.data(), seeds)
def test_folds_keep_groups_whole_and_as_even_as_they_allow(observed, data, seed):
    labels, groups = observed
    regions = [{groups[name] for name in labels if labels[name] == label} for label in (0, 1)]
    assume(min(map(len, regions)) > 1)
    k = data.draw(st.integers(2, min(map(len, regions))))
    made = folds(labels, k, seed, groups)
    assert Counter(name for fold in made for name in fold.test) == Counter(list(labels))
    for fold in made:
        assert_parts(fold, labels, groups)
        assert min(classes(fold.test, labels)) > 0
    largest = max(Counter(groups.values()).values())
    for label in (0, 1):
        fullest = max(classes(fold.test, labels)[label] for fold in made)
        assert fullest < sum(value == label for value in labels.values()) / k + largest


@given(grouped(pure=True), seeds)
def test_without_k_one_group_is_tested_at_a_time(observed, seed):
    labels, groups = observed
    regions = [{groups[name] for name in labels if labels[name] == label} for label in (0, 1)]
    assume(min(map(len, regions)) > 1)
    made = folds(labels, None, seed, groups)
    numbers = list(dict.fromkeys(groups[name] for name in labels))
    assert [{groups[name] for name in fold.test} for fold in made] == [{n} for n in numbers]
    assert made == folds(labels, len(numbers), seed + 1, groups)
    for fold in made:
        assert_parts(fold, labels, groups)


def test_without_k_and_groups_one_observation_is_tested_at_a_time():
    assert [fold.test for fold in folds(TABLE_A1, None)] == [(name,) for name in TABLE_A1]


@given(observations(at_least=4), seeds)
def test_leaving_one_out_takes_nothing_but_that_one(labels, seed):
    partition = nested(random_partitions(labels, 1, 2, seed)[0], labels, 1, seed)
    without = leave_one_out(partition)
    assert [name for name, _ in without] == [*partition.train, *partition.test]
    for name, rest in without:
        assert rest.validation == partition.validation
        assert rest.train == tuple(n for n in partition.train if n != name)
        assert rest.test == tuple(n for n in partition.test if n != name)


def test_the_last_on_a_side_cannot_be_left_out():
    with pytest.raises(SplitError, match="The test side has no observations"):
        leave_one_out(Partition(("a", "b"), ("c",)))


@given(observations(at_least=5), st.integers(1, 2), seeds)
def test_nesting_keeps_the_test_side(labels, validation, seed):
    partition = random_partitions(labels, 1, 2, seed)[0]
    inner = nested(partition, labels, validation, seed)
    assert_parts(inner, labels)
    assert inner.test == partition.test
    assert set(inner.train) | set(inner.validation) == set(partition.train)
    assert classes(inner.validation, labels) == [validation, validation]
    assert inner == nested(partition, labels, validation, seed)


def test_nesting_keeps_active_regions_whole():
    regions = active_regions(read_observations())
    draws = random_partitions(TABLE_A1, 20, groups=regions)
    moved = set()
    for partition in draws:
        inner = nested(partition, TABLE_A1, groups=regions)
        assert_parts(inner, TABLE_A1, regions)
        assert classes(inner.validation, TABLE_A1) == [3, 3]
        moved.add(inner.validation)
    assert len(moved) > 10


FOUR = {"a": 0, "b": 0, "c": 1, "d": 1}
PARTED = Partition(("a", "c"), ("b", "d"))


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda: random_partitions(FOUR), "2 AR and 2 PF observations cannot give 5 of each away"),
        (lambda: random_partitions(FOUR, test=2), "cannot give 2 of each away and keep some: ask"),
        (lambda: random_partitions(FOUR, test=0), "cannot give 0 .*: ask for at least 1"),
        (lambda: random_partitions({}), "0 AR and 0 PF observations cannot give 5"),
        (lambda: random_partitions(FOUR | {"e": 2}), r"e has class 2: give 0 \(AR\) or 1 \(PF\)"),
        (lambda: random_partitions(FOUR, test=1, groups={"a": 1}), "b has no group: number it"),
        (lambda: folds(FOUR | {"e": "PF"}), "e has class 'PF': give 0"),
        (lambda: folds(FOUR, groups={}), "a has no group"),
        (lambda: folds(FOUR, 1), "4 observations or groups cannot make 1 folds: give k from 2"),
        (lambda: folds(FOUR, 5), "4 observations or groups cannot make 5 folds"),
        (lambda: folds(FOUR, None, groups=dict.fromkeys(FOUR, 0)), "1 .* cannot make 1 folds"),
        (lambda: folds({}, None), "0 observations or groups cannot make 0 folds"),
        (lambda: folds(FOUR, 3), "With 3 folds a test side has no AR observation: take fewer"),
        (lambda: folds(FOUR | {"e": 0}, 3), "With 3 folds a test side has no PF observation"),
        (lambda: folds({"a": 0, "b": 1, "c": 1}, None), "a train side has no AR observation"),
        (lambda: folds({"a": 1, "b": 0, "c": 0}, 2), "a train side has no PF observation"),
        (lambda: nested(PARTED, {"a": 0}), "c has class None: give 0"),
        (lambda: nested(PARTED, FOUR, 1), "1 AR and 1 PF observations cannot give 1 of each away"),
        (lambda: nested(PARTED, FOUR, groups={"a": 1, "c": 1}), "b has no group"),
        (
            lambda: nested(PARTED, FOUR, groups={"a": 1, "b": 1, "c": 2, "d": 3}),
            "A group is trained on and tested: make the partition with these groups",
        ),
        (
            lambda: nested(Partition(("a",), ("b", "d"), ("c",)), FOUR),
            "The partition has a validation side already: give one without",
        ),
    ],
)
def test_observations_that_cannot_be_parted_as_asked(ask, sentence):
    with pytest.raises(SplitError, match=sentence):
        ask()


# Splits


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
        lambda: random_partitions(labels, test=1, seed=-1),
        lambda: folds(labels, 2, seed=-1),
        lambda: nested(Partition(tuple(labels)[2:], tuple(labels)[:2]), labels, 1, seed=-1),
        lambda: balanced_split(partition, labels, names, seed=-1),
        lambda: random_spectra_split([0, 1] * 9, seed=-1),
    ):
        with pytest.raises(SplitError, match="The seed -1 is negative"):
            draw()
