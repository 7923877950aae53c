"""Choices are those of brute force, distances those of their definition."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from preflare.errors import ExplanationError
from preflare.explain import representatives
from preflare.explain.representatives import Scatter


def attributions(members, count=6, points=240, seed=0, shared=1.0):
    """Members with a common part, a few directions that they differ in, and noise."""
    random = np.random.default_rng(seed)
    common = shared * random.normal(size=(count, points))
    directions = random.normal(size=(3, count, points))
    weights = random.standard_t(3, size=(members, 3))
    noise = 0.2 * random.normal(size=(members, count, points))
    return common + np.einsum("md,dnp->mnp", weights, directions) + noise


def relative_distance(each, chosen):
    mean = each.mean(axis=0)
    return np.linalg.norm(each[list(chosen)].mean(axis=0) - mean) / np.linalg.norm(mean)


def all_distances(scatter, count):
    return [scatter.distance(np.array(some)) for some in combinations(range(len(scatter)), count)]


class TestDistance:
    @pytest.mark.parametrize("chosen", [[0], [3, 1], [0, 2, 4, 5]])
    def test_it_is_the_relative_rms_difference_of_two_means(self, chosen):
        each = attributions(6)
        assert_allclose(Scatter.of(each).distance(chosen), relative_distance(each, chosen))

    def test_that_of_all_members_is_zero(self):
        assert Scatter.of(attributions(7)).distance(range(7)) == pytest.approx(0, abs=1e-8)

    def test_it_does_not_depend_on_the_scale(self):
        each = attributions(6)
        expected = Scatter.of(each).distance([1, 4])
        assert_allclose(Scatter.of(-1e-4 * each).distance([1, 4]), expected)

    def test_those_left_out_lie_as_far_on_the_other_side(self):
        scatter = Scatter.of(attributions(8))
        few, rest = scatter.distance([1, 4, 6]), scatter.distance([0, 2, 3, 5, 7])
        assert_allclose(3 * few, 5 * rest)

    def test_blocks_of_spectra_change_nothing(self, monkeypatch):
        each = attributions(5, count=7)
        whole = Scatter.of(each)
        monkeypatch.setattr(representatives, "AT_ONCE", 10)  # two spectra at a time
        parted = Scatter.of(each)
        assert_allclose(parted.products, whole.products, atol=1e-12)
        assert_allclose(parted.size, whole.size)

    def test_single_precision_is_summed_in_double(self):
        each = (1e4 + attributions(5)).astype(np.float32)
        expected = relative_distance(each.astype(np.float64), [0, 1])
        assert_allclose(Scatter.of(each).distance([0, 1]), expected, rtol=1e-9)


class TestByChance:
    @pytest.mark.parametrize("count", [1, 2, 4, 7])
    def test_it_is_the_root_mean_square_over_all_choices(self, count):
        scatter = Scatter.of(attributions(7))
        expected = np.sqrt(np.mean(np.square(all_distances(scatter, count))))
        assert_allclose(scatter.by_chance(count), expected, atol=1e-9)

    def test_few_of_many_follow_the_square_root(self):
        scatter = Scatter.of(attributions(400, count=1, points=5))
        assert_allclose(scatter.by_chance(4) / scatter.by_chance(1), 0.5, rtol=0.005)

    def test_a_single_member_is_all_members(self):
        assert Scatter.of(attributions(1)).by_chance(1) == 0


class TestChoose:
    @pytest.mark.parametrize("count", [1, 2, 5, 9, 12])
    @pytest.mark.parametrize("seed", range(8))
    def test_it_finds_the_best_of_all_choices_of_twelve(self, count, seed):
        scatter = Scatter.of(attributions(12, seed=seed))
        best = min(all_distances(scatter, count))
        assert_allclose(scatter.distance(scatter.choose(count)), best, atol=1e-8)

    @pytest.mark.parametrize("seed", range(3))
    def test_it_finds_the_best_five_of_twenty_six(self, seed):
        scatter = Scatter.of(attributions(26, count=2, seed=seed))
        some = np.array(list(combinations(range(26), 5)))
        square = sum(scatter.products[one, other] for one in some.T for other in some.T)
        expected = np.sqrt(square.min()) / 5 / scatter.size
        assert_allclose(scatter.distance(scatter.choose(5)), expected, atol=1e-8)

    def test_no_exchange_improves_it(self):
        scatter = Scatter.of(attributions(30))
        chosen = scatter.choose(9)
        reached = scatter.distance(chosen)
        for out in chosen:
            for into in np.setdiff1d(np.arange(30), chosen):
                other = np.append(chosen[chosen != out], into)
                assert scatter.distance(other) >= reached - 1e-9

    def test_exchanges_and_starts_improve_what_was_drawn(self, monkeypatch):
        scatter = Scatter.of(attributions(30))
        reached = scatter.distance(scatter.choose(9))
        monkeypatch.setattr(representatives, "STARTS", 1)
        once = scatter.distance(scatter.choose(9, seed=1))
        drawn = np.random.default_rng(1).choice(30, 9, replace=False)
        assert reached < once < scatter.distance(drawn)

    def test_opposite_members_make_up_for_each_other(self):
        common, away = np.ones((1, 4, 240)), np.random.default_rng(0).normal(size=(3, 1, 4, 240))
        each = np.concatenate([common + scale * part for part in away for scale in (-1, 1)])
        chosen = Scatter.of(each).choose(2)
        assert chosen[0] // 2 == chosen[1] // 2
        assert Scatter.of(each).distance(chosen) == pytest.approx(0, abs=1e-7)

    def test_places_are_in_order_each_once_and_the_same_again(self):
        each = attributions(20)
        chosen = Scatter.of(each).choose(9)
        assert chosen.dtype.kind == "i"
        assert_array_equal(chosen, np.unique(chosen))
        assert_array_equal(chosen, Scatter.of(each.copy()).choose(9))

    def test_other_starts_end_at_the_same_members(self):
        scatter = Scatter.of(attributions(20))
        assert_array_equal(scatter.choose(9, seed=5), scatter.choose(9))

    def test_members_that_are_all_alike_are_chosen_from_the_first(self):
        each = np.ones((5, 2, 240))
        assert_array_equal(Scatter.of(each).choose(3), [0, 1, 2])

    @settings(max_examples=25)
    @given(members=st.integers(1, 12), seed=st.integers(0, 99), data=st.data())
    def test_it_is_never_worse_than_chance(self, members, seed, data):
        count = data.draw(st.integers(1, members))
        scatter = Scatter.of(attributions(members, count=2, points=7, seed=seed))
        assert scatter.distance(scatter.choose(count)) <= scatter.by_chance(count) + 1e-7


class TestRefusals:
    @pytest.mark.parametrize("shape", [(4, 240), (4, 3, 2, 240), (0, 3, 240), (4, 0, 240)])
    def test_another_shape(self, shape):
        with pytest.raises(ExplanationError, match=r"shape .*: give the attributions of all"):
            Scatter.of(np.ones(shape))

    @pytest.mark.parametrize("wrong", [np.nan, np.inf])
    def test_numbers_that_are_none(self, wrong):
        each = attributions(4)
        each[2, 1, 7] = wrong
        with pytest.raises(ExplanationError, match="each is nan or inf in 1 of"):
            Scatter.of(each)

    def test_words(self):
        with pytest.raises(ExplanationError, match="each is no array"):
            Scatter.of([[["a", "b"]]])

    def test_a_swarm_that_says_nothing(self):
        with pytest.raises(ExplanationError, match="0 everywhere"):
            Scatter.of(np.zeros((4, 3, 240)))

    @pytest.mark.parametrize("count", [0, -1, 2.5, "nine"])
    @pytest.mark.parametrize("method", ["choose", "by_chance"])
    def test_a_number_of_members_that_is_none(self, method, count):
        with pytest.raises(ExplanationError, match="give a whole number from 1 on"):
            getattr(Scatter.of(attributions(4)), method)(count)

    @pytest.mark.parametrize("method", ["choose", "by_chance"])
    def test_more_members_than_there_are(self, method):
        with pytest.raises(ExplanationError, match="5 of 4 members"):
            getattr(Scatter.of(attributions(4)), method)(5)

    def test_a_seed_that_is_none(self):
        with pytest.raises(ExplanationError, match="seed is -1"):
            Scatter.of(attributions(4)).choose(2, seed=-1)

    @pytest.mark.parametrize("chosen", [[], [1, 1], [0.5], [[1, 2]], [True, False, True, True]])
    def test_a_choice_that_is_none(self, chosen):
        with pytest.raises(ExplanationError, match="no members to choose"):
            Scatter.of(attributions(4)).distance(chosen)

    @pytest.mark.parametrize(("chosen", "named"), [([1, 4], 4), ([-1, 2], -1)])
    def test_a_member_that_there_is_not(self, chosen, named):
        with pytest.raises(ExplanationError, match=f"no member {named}: choose from 0 to 3"):
            Scatter.of(attributions(4)).distance(chosen)
