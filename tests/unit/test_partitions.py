"""No observation is on two sides, every one is tested as often as asked, and groups stay whole."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from preflare.active_regions import active_regions
from preflare.errors import SplitError
from preflare.observations import read_observations
from preflare.partitions import (
    PUBLISHED,
    Partition,
    folds,
    leave_one_out,
    nested,
    random_partitions,
)

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


def test_a_negative_seed_is_refused():
    labels = observed(8, 8)
    for draw in (
        lambda: random_partitions(labels, test=1, seed=-1),
        lambda: folds(labels, 2, seed=-1),
        lambda: nested(Partition(tuple(labels)[2:], tuple(labels)[:2]), labels, 1, seed=-1),
    ):
        with pytest.raises(SplitError, match="The seed -1 is negative"):
            draw()


def test_the_published_partition_is_of_all_of_table_a1():
    assert sorted(PUBLISHED.train + PUBLISHED.test) == sorted(TABLE_A1)
    assert [TABLE_A1[name] for name in PUBLISHED.test].count(1) == 5
    assert len(PUBLISHED.test) == 10
