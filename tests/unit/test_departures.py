"""Departures are measured where they are known: planted maps, closed forms, single units."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from preflare import figures_audit
from preflare.errors import FindingError
from preflare.explain.gradcam import placed
from preflare.explain.smoothing import published_scaling, smoothed
from preflare.findings.departures import change_of_maps, maximum_at, rescaling, stretching
from preflare.spectrum import LINES, SPACING, grid

UNITS = 23 + 9 * np.arange(22)
GROUPS = np.repeat(["PF 1", "PF 2", "PF 3"], 4)


def maps(seed=0, count=12):
    return np.random.default_rng(seed).normal(size=(count, 240))


class TestStretching:
    def test_each_unit_is_moved_from_its_centre_to_where_it_is_stretched_to(self):
        before = placed(np.eye(22)).argmax(axis=1)
        assert_array_equal(before[1:-1], UNITS[1:-1])  # the outer ones are flat
        after = np.linspace(0, 239, 22)
        assert_allclose(stretching(grid()[UNITS]), (after - UNITS) * SPACING, atol=1e-9)

    def test_lines_move_apart_and_one_place_stays(self):
        moved = stretching(list(LINES.values()))
        assert moved[0] < moved[1] < 0 < moved[2]
        place = np.interp(0, stretching(grid()[23:213]), grid()[23:213])
        assert stretching(place) == pytest.approx(0, abs=1e-9)
        assert_allclose(stretching(place + 1.0), 50 / 189)  # 239/189 - 1 a point

    def test_beyond_the_outer_centres_nothing_is_known(self):
        assert_array_equal(
            np.isnan(stretching(grid()[[0, 22, 23, 212, 213, 239]])), [1, 1, 0, 0, 1, 1]
        )


class TestMaximum:
    def test_it_is_where_the_peak_is(self):
        values = np.zeros((2, 240))
        values[[0, 1], [45, 200]] = 1, 0.1
        assert_allclose(maximum_at(values), grid()[[45, 200]])

    @pytest.mark.parametrize(("unit", "point"), [(0, 23), (10, 113), (21, 212)])
    def test_on_a_flat_end_it_is_at_the_units_centre(self, unit, point):
        assert_allclose(maximum_at(placed(np.eye(22))[unit : unit + 1]), grid()[point])

    def test_a_flat_map_has_none(self):
        assert np.isnan(maximum_at(np.full((1, 240), 3.0)))


class TestChange:
    def test_correlations_are_those_of_scipy(self):
        one, other = maps(0), maps(0) + maps(1)
        found = change_of_maps(one, other, GROUPS)["value"]
        pairs = list(zip(one, other, strict=True))
        ranks = np.mean([stats.spearmanr(*pair).statistic for pair in pairs])
        lines = np.mean([stats.pearsonr(*pair).statistic for pair in pairs])
        assert found["rank correlation"] == pytest.approx(ranks)
        assert found["linear correlation"] == pytest.approx(lines)

    def test_a_maximum_counts_as_moved_beyond_the_distance_only(self):
        one, other = np.zeros((3, 240)), np.zeros((3, 240))
        one[:, 100] = 1
        other[[0, 1, 2], [100, 110, 111]] = 1  # 0, 0.48 and 0.53 Å
        assert change_of_maps(one, other, GROUPS[:3])["value"]["maximum moved"] == pytest.approx(
            1 / 3
        )
        nearer = change_of_maps(one, other, GROUPS[:3], far=0.4)
        assert nearer["value"]["maximum moved"] == pytest.approx(2 / 3)

    def test_a_map_that_stays_has_not_changed(self):
        found = change_of_maps(maps(), 3 * maps() + 7, GROUPS)
        assert_allclose(found["value"], [1, 1, 0], atol=1e-12)
        assert_allclose(found["low"], [1, 1, 0], atol=1e-12)

    def test_flat_maps_are_counted_and_left_out(self):
        other = maps(1)
        other[[2, 7]] = 0
        found = change_of_maps(maps(), other, GROUPS)
        assert (found["undefined"] == 2).all()
        kept = np.delete(np.arange(12), [2, 7])
        left = change_of_maps(maps()[kept], other[kept], GROUPS[kept])
        assert_allclose(found["value"], left["value"])

    def test_other_shapes_and_distances_are_refused(self):
        with pytest.raises(FindingError, match="after has the shape"):
            change_of_maps(maps(), maps()[:5], GROUPS)
        with pytest.raises(FindingError, match="far is -1"):
            change_of_maps(maps(), maps(1), GROUPS, far=-1)


class TestRescaling:
    def test_complete_maps_lose_completeness_by_the_forgotten_constant(self):
        phi, expected = maps(), 0.3
        logits = phi.sum(axis=1) + expected
        found = rescaling(phi, logits, expected, GROUPS)["value"]
        assert found["gap before"] == pytest.approx(0, abs=1e-12)
        assert found["gap after"] == pytest.approx(expected)

    def test_positive_logits_turn_all_that_speaks_against_pf(self):
        phi = smoothed(maps())
        found = rescaling(phi, np.full(12, 2.0), 0.0, GROUPS)["value"]
        assert found["upside down"] == 0
        scaled = published_scaling(phi, np.full(12, 2.0))
        assert (scaled >= 0).all()
        negative = np.maximum(-phi, 0)
        lost = (negative * (scaled > 0)).sum(axis=1) / negative.sum(axis=1)
        assert found["turned"] == pytest.approx(lost.mean())
        assert found["turned"] > 0.9  # all but the lowest point of each
        size = np.abs(phi).sum(axis=1)
        assert found["against"] == pytest.approx((negative.sum(axis=1) / size).mean())

    def test_a_negative_logit_turns_the_map_upside_down(self):
        phi, logits = maps(), np.array([-1.0, 1.0] * 6)
        assert rescaling(phi, logits, 0.0, GROUPS)["value"]["upside down"] == 0.5
        turned = change_of_maps(
            smoothed(phi[::2]), published_scaling(phi, logits)[::2], GROUPS[::2]
        )
        assert turned["value"]["linear correlation"] == pytest.approx(-1)

    def test_nothing_is_turned_where_nothing_speaks_against(self):
        phi = np.abs(maps())
        found = rescaling(phi, phi.sum(axis=1), 0.0, GROUPS)
        assert found.loc["against", "value"] == 0
        assert found.loc["turned", "undefined"] == 12


def test_figures_show_what_they_are_given():
    figure = Figure()
    axes = figure.subplots(6)
    figures_audit.moved_units(axes[0], grid(), stretching(grid()))
    assert_allclose(axes[0].lines[1].get_ydata(), stretching(grid()))
    bars = grid()[[45, 190]], np.array([0.7, 0.3])
    figures_audit.maxima(axes[1], {"a": bars, "b": bars})
    assert axes[1].get_ylim()[1] > 70
    steps = {"raw": maps()[0], "scaled": np.abs(maps()[0])}
    figures_audit.scaling_steps(axes[2:5], grid(), np.ones(240), steps)
    assert [each.get_title(loc="left") for each in axes[3:5]] == ["raw", "scaled"]
    edges, light = np.linspace(2794, 2806, 5), np.linspace(0, 1, 240)
    figures_audit.attention(axes[5], edges, {"one": np.full(4, 0.25)}, grid(), light)
    assert axes[5].get_ylim() == (0, pytest.approx(26.25))
    panel = Figure().subplots()
    true = np.geomspace(10, 1000, 500)
    image = figures_audit.read_against_true(panel, true, true)
    assert image.get_array().sum() == 500
