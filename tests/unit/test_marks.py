"""Marks are those worked out by hand and by Quantus; flat maps get what chance would give."""

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from preflare.errors import ExplanationError
from preflare.explain.marks import (
    chance_level,
    pointing_game,
    relevance_mass_accuracy,
    relevance_rank_accuracy,
    truth_mask,
)

QUANTUS = json.loads((Path(__file__).parent / "quantus" / "values.json").read_text())
GIVEN, RECORDED = QUANTUS["given"], QUANTUS["recorded"]
MARKS = [relevance_mass_accuracy, relevance_rank_accuracy, pointing_game]


def row(**points):
    """Make a map that is 0 but at some points, such as p3=0.5."""
    values = np.zeros((1, 240))
    for point, value in points.items():
        values[0, int(point[1:])] = value
    return values


def masks(*intervals):
    mask = np.zeros((len(intervals), 240), bool)
    for points, (start, stop) in zip(mask, intervals, strict=True):
        points[start:stop] = True
    return mask


class TestTruthMask:
    @pytest.mark.parametrize(
        ("share", "points"),
        [
            (0.1, [8]),
            (0.4, [8]),
            (0.41, [3, 8]),
            (0.7, [3, 8]),
            (0.95, [3, 5, 8, 9]),
            (1, [3, 5, 8, 9]),
        ],
    )
    def test_by_hand(self, share, points):
        change = row(p3=-3.0, p5=2.0, p8=4.0, p9=-1.0)
        assert np.flatnonzero(truth_mask(change, share)).tolist() == points

    @settings(max_examples=20)
    @given(seed=st.integers(0, 1000), share=st.floats(0.05, 1))
    def test_no_smaller_set_holds_the_share(self, seed, share):
        values = np.random.default_rng(seed).integers(-5, 6, 7)
        change = row(**{f"p{10 * place}": value for place, value in enumerate(values)})
        mask, size = truth_mask(change, share)[0], np.abs(values)
        fewest = next(
            count
            for count in range(8)
            if any(sum(chosen) >= share * size.sum() - 1e-9 for chosen in combinations(size, count))
        )
        assert mask.sum() == fewest
        assert np.abs(change[0, mask]).sum() >= share * size.sum() - 1e-9

    def test_the_strength_of_the_event_makes_no_difference(self):
        change = np.random.default_rng(0).normal(0, 1, (5, 240))
        assert_array_equal(truth_mask(change), truth_mask(1e-3 * change))

    def test_of_equal_points_the_first_are_taken(self):
        change = np.tile([1.0, -2.0], (1, 120))
        points = np.flatnonzero(truth_mask(change, (240 + 60) / 360))
        assert points.tolist() == sorted([*range(0, 120, 2), *range(1, 240, 2)])

    def test_nothing_happens_nowhere(self):
        assert not truth_mask(np.zeros((2, 240)), 1).any()


class TestMarks:
    mask = masks((10, 14))

    def test_by_hand(self):
        attributions = row(p10=2.0, p12=1.0, p13=-8.0, p50=3.0, p51=4.0, p90=-1.0)
        assert relevance_mass_accuracy(attributions, self.mask) == pytest.approx([3 / 10])
        assert relevance_rank_accuracy(attributions, self.mask) == pytest.approx([2 / 4])
        assert_array_equal(pointing_game(attributions, self.mask), [0])
        assert_array_equal(pointing_game(attributions, masks((51, 52))), [1])

    @pytest.mark.parametrize(
        ("mark", "name"), [(mark, mark.__name__) for mark in MARKS], ids=lambda case: str(case)[:20]
    )
    def test_is_that_of_quantus(self, mark, name):
        values = mark(GIVEN["attributions"], masks(*GIVEN["masks"]))
        assert_allclose(values, RECORDED[name], atol=1e-8)

    @pytest.mark.parametrize(("distance", "tolerance"), [(0, 0), (1, 1), (3, 3), (9, 500)])
    def test_pointing_may_miss_by_the_tolerance(self, distance, tolerance):
        for place in (13 + distance, max(10 - distance, 0)):
            attributions = row(**{f"p{place}": 1.0})
            assert_array_equal(pointing_game(attributions, self.mask, tolerance), [1])
            if distance and tolerance < 100:
                assert_array_equal(pointing_game(attributions, self.mask, tolerance - 1), [0])

    def test_equal_points_share_the_mark(self):
        # Of four points, one is above the rest; three of five equal ones are wanted, two fit.
        attributions = row(p10=5.0, p11=1.0, p12=1.0, p70=1.0, p71=1.0, p72=1.0)
        found = 1 + 3 * 2 / 5
        assert relevance_rank_accuracy(attributions, self.mask) == pytest.approx([found / 4])
        assert pointing_game(row(p10=5.0, p70=5.0), self.mask) == pytest.approx([1 / 2])

    @pytest.mark.parametrize("mark", MARKS)
    def test_flat_maps_get_the_chance_level(self, mark):
        mask = masks((10, 14), (0, 240), (239, 240))
        assert_allclose(mark(np.full((3, 240), 0.2), mask), chance_level(mask))
        assert_allclose(chance_level(mask), [4 / 240, 1, 1 / 240])

    @pytest.mark.parametrize("mark", MARKS)
    def test_random_maps_get_the_chance_level_on_average(self, mark):
        random = np.random.default_rng(6)
        mask = np.repeat(masks((10, 40), (200, 205)), 4000, axis=0)
        values = mark(random.normal(0, 1, (8000, 240)), mask).reshape(2, -1)
        error = values.std(axis=1) / 4000**0.5
        assert (np.abs(values.mean(axis=1) - [30 / 240, 5 / 240]) < 4 * error).all()

    def test_chance_grows_with_the_tolerance(self):
        mask = masks((10, 14), (0, 4), (0, 0))
        assert_allclose(chance_level(mask, tolerance=3), [10 / 240, 7 / 240, np.nan])
        flat = np.ones((3, 240))
        assert_allclose(pointing_game(flat, mask, tolerance=3), chance_level(mask, tolerance=3))

    @pytest.mark.parametrize("mark", MARKS)
    def test_without_a_mask_or_positive_relevance_there_is_none(self, mark):
        attributions = np.concatenate([row(p3=1.0), row(p11=-1.0), row(p11=1.0), row()])
        values = mark(attributions, masks((5, 5), (10, 14), (10, 14), (10, 14)))
        assert_array_equal(np.isnan(values), [True, True, False, True])

    def test_a_map_that_points_at_the_change_gets_the_best_marks(self):
        change = np.random.default_rng(2).normal(0, 1, (6, 240))
        mask = truth_mask(change, 0.3)
        assert_allclose(relevance_rank_accuracy(np.abs(change), mask), 1)
        assert_allclose(pointing_game(np.abs(change), mask), 1)
        # Of mass, what is proportional to the change has the mask's own share, or one point more.
        mass = relevance_mass_accuracy(np.abs(change), mask)
        largest = np.abs(change).max(axis=1) / np.abs(change).sum(axis=1)
        assert ((mass >= 0.3) & (mass < 0.3 + largest)).all()


MAPS = np.random.default_rng(3).normal(0, 1, (4, 240))
MASK = truth_mask(MAPS)


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda: truth_mask(MAPS[0]), "difference has the shape (240,): give (n, 240)."),
        *(
            (
                lambda share=share: truth_mask(MAPS, share),
                f"The share is {share}: give one above 0 and 1 at most.",
            )
            for share in (0, -1, 1.1)
        ),
        (
            lambda: chance_level(MASK[:, :9]),
            "mask has the shape (4, 9): give (n, 240).",
        ),
        (
            lambda: chance_level(MASK, tolerance=-1),
            "The tolerance is -1: give a whole number from 0 on.",
        ),
        (
            lambda: pointing_game(MAPS, MASK, tolerance=0.5),
            "The tolerance is 0.5: give a whole number from 0 on.",
        ),
        *(
            case
            for mark in MARKS
            for case in (
                (
                    lambda mark=mark: mark(MAPS, MASK[:2]),
                    "mask has the shape (2, 240): give (4, 240).",
                ),
                (
                    lambda mark=mark: mark(MAPS, 0.5 * MASK),
                    "mask holds more than True and False: give what truth_mask returns.",
                ),
                (
                    lambda mark=mark: mark(np.where(MASK, np.nan, MAPS), MASK),
                    f"attributions is nan or inf in {MASK.sum()} of 960 places: give finite "
                    "numbers.",
                ),
            )
        ),
    ],
)
def test_what_cannot_be_marked_is_refused_in_one_sentence(ask, sentence):
    with pytest.raises(ExplanationError) as refusal:
        ask()
    assert str(refusal.value) == sentence
