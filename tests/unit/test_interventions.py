"""Interventions change what they say, to the point, and leave the rest bit for bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from preflare.errors import FindingError
from preflare.findings.bands import METALS, OF_MAGNESIUM, metallic, points_of
from preflare.findings.interventions import (
    KEPT,
    Changed,
    at_level,
    elsewhere,
    level,
    scrambled,
    with_structure,
    without_lines,
)
from preflare.rules import CONTINUUM
from preflare.spectrum import LINES, POINTS, grid, nearest_point


def profiles(count=20, seed=0, noise=0.003):
    """Emission in k and h over a continuum with absorption lines, of different levels."""
    random = np.random.default_rng(seed)
    place = grid()
    height = random.uniform(0.08, 0.3, (count, 1))
    absorbed = sum(0.5 * np.exp(-0.5 * ((place - line) / 0.05) ** 2) for line in METALS.values())
    spectra = height * (1 - np.minimum(absorbed, 0.6)) * (1 + 0.02 * (place - 2800))
    for line, strength in (("k", 1.0), ("h", 0.8)):
        spectra = spectra + strength * np.exp(-0.5 * ((place - LINES[line]) / 0.2) ** 2)
    spectra = spectra + noise * random.normal(size=spectra.shape)
    return (spectra / spectra.max(axis=1, keepdims=True)).astype(np.float32)


def all_changes(spectra):
    filled = without_lines(spectra)
    moved = at_level(spectra, 0.25)
    return {
        "filled": filled,
        "moved": moved,
        "flat": with_structure(spectra, 0.0),
        "rough": with_structure(spectra, 2.0),
        "elsewhere": elsewhere(spectra, filled),
        "scrambled": scrambled(spectra, moved),
    }


@pytest.mark.parametrize("name", ["filled", "moved", "flat", "rough", "elsewhere", "scrambled"])
class TestAll:
    def test_lines_of_magnesium_are_untouched_bit_for_bit(self, name):
        spectra = profiles()
        changed = all_changes(spectra)[name].spectra
        assert changed.dtype == np.float32
        of_magnesium = points_of(*OF_MAGNESIUM)
        assert_array_equal(changed[:, of_magnesium], spectra[:, of_magnesium])
        assert (changed != spectra).any(axis=1).all()

    def test_they_stay_normalised(self, name):
        spectra = profiles(noise=0.02)
        changed = all_changes(spectra)[name].spectra
        assert_array_equal(changed.max(axis=1), 1)
        assert_array_equal(changed.argmax(axis=1), spectra.argmax(axis=1))
        moved = changed != spectra
        assert changed[moved].min() >= 0

    def test_what_is_given_stays_as_it_is(self, name):
        spectra = profiles()
        before = spectra.copy()
        assert name in all_changes(spectra)
        assert_array_equal(spectra, before)


class TestClipping:
    def test_what_would_leave_the_range_is_put_at_its_end_and_counted(self):
        spectra = profiles(3)
        changed = at_level(spectra, [0.99, 0.2, 0.99])
        by_hand = (changed.spectra == 1) & ~KEPT
        assert by_hand[0].any()
        assert_array_equal(changed.clipped, by_hand.sum(axis=1))
        assert changed.clipped[1] == 0

    def test_what_was_below_zero_and_is_not_changed_stays(self):
        spectra = profiles(2)
        spectra[0, KEPT & (np.arange(POINTS) > 200)] = -0.01
        changed = with_structure(spectra, 0.5)
        assert (changed.spectra[0] == np.float32(-0.01)).any()
        assert_array_equal(changed.clipped, 0)

    def test_what_falls_below_zero_is_counted(self):
        before = np.full((1, POINTS), 0.5, np.float32)
        after = before.astype(np.float64)
        after[0, :3], after[0, 3] = -0.1, 1.2
        changed = Changed.of(before, after)
        assert_array_equal(changed.spectra[0, :5], np.float32([0, 0, 0, 1, 0.5]))
        assert changed.clipped[0] == 4


class TestWithoutLines:
    def test_lines_lie_on_a_straight_line_between_their_neighbours(self):
        place = grid()
        spectra = (0.2 + 0.01 * (place - 2800))[None] * np.ones((2, 1))
        spectra[:, nearest_point(LINES["k"])] = 1.0
        with_dips = spectra.copy()
        inside = metallic() & (place < 2805.5)
        with_dips[:, inside] *= 0.5
        assert_allclose(without_lines(with_dips).spectra[:, inside], spectra[:, inside], atol=1e-7)

    def test_at_the_end_of_the_window_the_neighbour_is_taken(self):
        spectra = profiles()
        last = np.flatnonzero(points_of("Fe I 2805.69"))
        assert last[-1] == POINTS - 1
        changed = without_lines(spectra).spectra
        assert_array_equal(changed[:, last], np.repeat(spectra[:, last[:1] - 1], last.size, axis=1))

    def test_it_is_numpys_interpolation(self):
        spectra = profiles()
        left = ~metallic()
        expected = [np.interp(grid(), grid()[left], each[left]) for each in spectra]
        assert_allclose(without_lines(spectra).spectra, expected, atol=1e-6)

    def test_twice_is_as_good_as_once(self):
        once = without_lines(profiles())
        assert_array_equal(without_lines(once.spectra).spectra, once.spectra)

    def test_only_the_lines_that_are_named_are_filled(self):
        spectra = profiles()
        changed = without_lines(spectra, ["Ni I 2799.47"]).spectra
        assert_array_equal((changed != spectra).any(axis=0), points_of("Ni I 2799.47"))
        all_together = without_lines(spectra).spectra
        here = points_of("Ni I 2799.47")
        assert_array_equal(changed[:, here], all_together[:, here])

    @pytest.mark.parametrize(("lines", "said"), [(["k core"], "'k core'"), ([], r"line \[\]")])
    def test_a_line_that_is_none_is_refused(self, lines, said):
        with pytest.raises(FindingError, match=said):
            without_lines(profiles(), lines)


class TestAtLevel:
    @pytest.mark.parametrize("wanted", [0.05, 0.2, 0.4])
    def test_the_level_is_reached(self, wanted):
        changed = at_level(profiles(), wanted)
        assert_allclose(level(changed.spectra), wanted, rtol=1e-5)
        assert_array_equal(changed.clipped, 0)

    def test_lines_keep_their_relative_depth(self):
        spectra = profiles()
        changed = at_level(spectra, 0.05).spectra
        here = slice(nearest_point(2799.4), nearest_point(2802.1))
        ratio = changed[:, here] / spectra[:, here]
        assert_allclose(ratio, ratio[:, :1] * np.ones_like(ratio), rtol=1e-5)

    def test_their_own_level_changes_nothing(self):
        spectra = profiles()
        changed = at_level(spectra, level(spectra))
        assert_array_equal(changed.spectra, spectra)

    def test_each_spectrum_has_its_own_level(self):
        wanted = np.linspace(0.05, 0.3, 20)
        assert_allclose(level(at_level(profiles(), wanted).spectra), wanted, rtol=1e-5)

    def test_the_join_is_smooth(self):
        spectra = np.full((1, POINTS), 0.2)
        spectra[0, nearest_point(LINES["k"])] = 1.0
        factor = at_level(spectra, 0.4).spectra[0] / spectra[0]
        assert np.abs(np.diff(factor)).max() < 0.27
        assert factor.max() == pytest.approx(2)
        assert factor.min() == 1

    @pytest.mark.parametrize("wanted", [-0.1, 1.1])
    def test_a_level_that_is_none_is_refused(self, wanted):
        with pytest.raises(FindingError, match="numbers from 0 to 1"):
            at_level(profiles(), wanted)

    def test_another_number_of_levels_is_refused(self):
        with pytest.raises(FindingError, match=r"levels .*shape"):
            at_level(profiles(20), [0.1, 0.2])

    def test_a_continuum_without_light_is_refused(self):
        spectra = profiles(3)
        spectra[1, CONTINUUM] = 0
        with pytest.raises(FindingError, match="continuum of 1 of 3 spectra is not above 0"):
            at_level(spectra, 0.1)


class TestWithStructure:
    def test_a_flat_continuum_is_at_its_level(self):
        spectra = profiles()
        changed = with_structure(spectra, 0).spectra
        here = slice(nearest_point(2799.4), nearest_point(2802.1))
        assert_allclose(
            changed[:, here], level(spectra)[:, None] * np.ones(changed[:, here].shape), atol=1e-6
        )

    @pytest.mark.parametrize("scale", [0.3, 2.0])
    def test_structure_is_scaled_and_the_level_kept(self, scale):
        spectra = profiles()
        changed = with_structure(spectra, scale).spectra
        assert_allclose(level(changed), level(spectra), rtol=1e-5)
        here = slice(nearest_point(2799.4), nearest_point(2802.1))
        away, was = (each[:, here] - level(spectra)[:, None] for each in (changed, spectra))
        inside = changed[:, here] > 0
        assert_allclose(away[inside], scale * was[inside], atol=1e-6)

    def test_a_scale_of_one_changes_nothing(self):
        spectra = profiles()
        assert_array_equal(with_structure(spectra, 1).spectra, spectra)

    @pytest.mark.parametrize(("scale", "said"), [(-0.1, "below 0"), (np.nan, "scale is nan")])
    def test_a_scale_that_is_none_is_refused(self, scale, said):
        with pytest.raises(FindingError, match=said):
            with_structure(profiles(), scale)


class TestControls:
    @settings(max_examples=20, deadline=None)
    @given(seed=st.integers(0, 999))
    def test_a_moved_change_has_the_same_values_in_the_continuum(self, seed):
        spectra = profiles(5)
        filled = without_lines(spectra)
        moved = elsewhere(spectra, filled, seed)
        away, was = (each.spectra.astype(float) - spectra for each in (moved, filled))
        assert not away[:, ~points_of("continuum")].any()
        fits = moved.clipped == 0
        assert_allclose(np.sort(away[fits]), np.sort(was[fits]), atol=1e-7)
        assert fits.any()

    def test_it_keeps_the_order_of_the_values_and_their_neighbourhood(self):
        spectra = profiles(30)
        one = without_lines(spectra, ["Mn I 2801.91"])
        moved = elsewhere(spectra, one).spectra.astype(float) - spectra
        was = (one.spectra.astype(float) - spectra)[:, points_of("Mn I 2801.91")]
        room = np.flatnonzero(points_of("continuum"))
        first = set()
        for row, values in zip(moved, was, strict=True):
            shown = row[room]
            begin = next(
                n
                for n in range(room.size)
                if np.allclose(np.roll(shown, -n)[:5], values, atol=1e-7)
            )
            first.add(begin)
        assert len(first) > 15  # not all in one place

    def test_a_scrambled_change_has_the_same_size_at_the_same_points(self):
        spectra = profiles()
        moved = at_level(spectra, 1.2 * level(spectra))
        control = scrambled(spectra, moved)
        away, was = (each.spectra.astype(float) - spectra for each in (control, moved))
        assert_array_equal(control.clipped, 0)
        assert_allclose(np.abs(away), np.abs(was), atol=1e-7)
        turned = (np.sign(away) != np.sign(was)).any(axis=1)
        assert turned.all()
        assert (np.abs(away.mean(axis=1)) < 0.25 * np.abs(was.mean(axis=1))).all()

    def test_signs_change_by_runs_of_neighbours_half_of_them(self):
        spectra = np.full((200, POINTS), 0.5)
        spectra[:, nearest_point(LINES["k"])] = 1.0
        after = spectra.copy()
        after[:, 100:120] += 0.1
        after[:, 150:153] += 0.1
        control = scrambled(spectra, Changed.of(spectra.astype(np.float32), after))
        signs = np.sign(control.spectra - spectra.astype(np.float32))
        for begin in (100, 105, 110, 115):
            assert (signs[:, begin : begin + 5] == signs[:, begin : begin + 1]).all()
        assert (signs[:, 150:153] == signs[:, 150:151]).all()
        runs = signs[:, [100, 105, 110, 115, 150]]
        assert_array_equal(np.abs(runs.sum(axis=1)), 1)  # two against three
        assert np.unique(runs, axis=0).shape[0] == 10

    def test_the_same_seed_is_the_same_control(self):
        spectra = profiles()
        filled = without_lines(spectra)
        for control in (elsewhere, scrambled):
            one, same, other = (control(spectra, filled, seed).spectra for seed in (1, 1, 2))
            assert_array_equal(one, same)
            assert (one != other).any()

    def test_no_change_has_no_control_but_itself(self):
        spectra = profiles()
        nothing = with_structure(spectra, 1)
        for control in (elsewhere, scrambled):
            assert_array_equal(control(spectra, nothing).spectra, spectra)

    def test_a_change_of_the_continuum_cannot_be_moved_elsewhere(self):
        spectra = profiles()
        with pytest.raises(FindingError, match="use scrambled"):
            elsewhere(spectra, at_level(spectra, 0.1))

    @pytest.mark.parametrize("control", [elsewhere, scrambled])
    def test_changes_of_other_spectra_are_refused(self, control):
        with pytest.raises(FindingError, match="do not belong to spectra"):
            control(profiles(5), without_lines(profiles(4)))


@pytest.mark.parametrize(
    "change", [without_lines, level, lambda s: at_level(s, 0.1), lambda s: with_structure(s, 0)]
)
@pytest.mark.parametrize(
    ("spectra", "said"),
    [
        (np.zeros((0, POINTS)), "spectra has the shape"),
        (np.ones((2, 100)), "spectra has the shape"),
        (np.full((2, POINTS), np.nan), "nan or inf in 480"),
        (np.full((2, POINTS), 0.5), "2 of 2 spectra are not normalised"),
    ],
)
def test_what_are_no_normalised_spectra_is_refused(change, spectra, said):
    with pytest.raises(FindingError, match=said):
        change(spectra)
