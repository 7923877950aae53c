"""Maps hold what was seen, where and when it was seen, and say what they lack."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
import xarray as xr
from astropy.table import MaskedColumn, Table
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import preflare as pf
from preflare import figures_slits
from preflare.errors import FindingError
from preflare.explain.expected_gradients import attribute
from preflare.findings.slits import SlitMap, attention, emission, reduced, slit_maps
from preflare.rules import Limits, Rule

ONSET = np.datetime64("2014-03-29T17:35:00", "ns")
SPECTRA = ("time", "step", "slit")


def observed(times, slit=6, onset=True, exposure=8.0, seed=0):
    """Cube, scores and attributions of exposures at some times (t, step), s from the onset."""
    random = np.random.default_rng(seed)
    since = np.asarray(times, float).reshape(len(times), -1)
    start = np.full(since.shape, np.datetime64("NaT", "ns"))
    known = np.isfinite(since)
    start[known] = ONSET + (since[known] * 1e9).astype("timedelta64[ns]")
    shape = (*since.shape, slit)
    cube = xr.Dataset(
        {
            "intensity": ((*SPECTRA, "wavelength"), random.uniform(0.1, 1, (*shape, 4))),
            "peak": (SPECTRA, random.uniform(20, 900, shape).astype(np.float32)),
            "flags": (SPECTRA, np.zeros(shape, np.uint8)),
            "t_onset": (SPECTRA[:2], since if onset else np.full(since.shape, np.nan)),
        },
        coords={
            "start": (SPECTRA[:2], start),
            "exposure": (SPECTRA[:2], np.full(since.shape, exposure)),
            "slit_y": ("slit", 0.5 * np.arange(slit) - 1.0),
        },
        attrs={"limits": {"saturated_from": Limits().saturated_from}, "reject": 127},
    )
    scores = xr.Dataset({"score": (SPECTRA, random.uniform(0, 1, shape).astype(np.float32))})
    each = random.normal(size=(*shape, 4)).astype(np.float32)
    attributions = xr.Dataset({"attribution": ((*SPECTRA, "wavelength"), each)})
    return cube, scores, attributions


def goes(minutes, flux):
    times = ONSET + (np.asarray(minutes) * 60e9).astype("timedelta64[ns]")
    return Table({"time": times.astype(str), "flux": flux})


class TestEmission:
    @pytest.mark.parametrize("rule", list(Rule))
    def test_only_rules_that_concern_the_light_hide_it(self, rule):
        cube, *_ = observed([0, 10])
        cube["flags"][1, 0, 2] = int(rule)
        known = np.isfinite(emission(cube).values)
        assert known.sum() == known.size - (rule in (Rule.MISSING, Rule.COSMIC_RAY))
        assert known[1, 0, 2] != (rule in (Rule.MISSING, Rule.COSMIC_RAY))

    def test_it_is_the_peak(self):
        cube, *_ = observed([0, 10, 20])
        assert_array_equal(emission(cube).values, cube["peak"].values)

    def test_of_the_window_it_is_the_sum_of_what_was_measured(self):
        cube, *_ = observed([0, 10])
        cube["intensity"][0, 0, 3] = np.nan
        light = emission(cube, "window").values
        for place in np.ndindex(light.shape):
            if place == (0, 0, 3):
                assert np.isnan(light[place])
            else:
                assert_allclose(light[place], (cube.intensity * cube.peak).values[place].sum())

    def test_what_was_clipped_counts_with_the_least_that_it_was(self):
        cube, *_ = observed([0, 10], exposure=4.0)
        cube["peak"][1, 0, 0] = np.inf
        assert emission(cube).values[1, 0, 0] == 16_000 / 4

    def test_an_exposure_that_lasted_no_time_has_no_emission(self):
        cube, *_ = observed([0, 10], exposure=0.0)
        cube["peak"][:], cube["flags"][:] = np.inf, int(Rule.MISSING)
        assert np.isnan(emission(cube).values).all()

    def test_what_is_nowhere_known_is_nowhere_known(self):
        cube, *_ = observed([0, 10])
        cube["peak"][:] = np.nan
        assert np.isnan(emission(cube).values).all()

    def test_another_measure_is_refused(self):
        with pytest.raises(FindingError, match="measure of emission 'sum': choose peak or window"):
            emission(observed([0])[0], "sum")


class TestAttention:
    def test_it_is_the_logit_less_a_constant(self):
        torch.manual_seed(0)
        network = torch.nn.Linear(240, 2)
        random = np.random.default_rng(0)
        spectra, baselines = (random.uniform(0, 1, (n, 240)).astype(np.float32) for n in (6, 40))
        explained = attribute(network, spectra, baselines, samples=16).mean.reshape(2, 1, 3, 240)
        maps = attention(xr.Dataset({"attribution": ((*SPECTRA, "wavelength"), explained)}))
        with torch.no_grad():
            logit, mean = network(torch.tensor(spectra))[:, 1], network(torch.tensor(baselines))
        expected = (logit - mean[:, 1].mean()).reshape(2, 1, 3) / 240
        assert_allclose(maps.values, expected, atol=1e-6)

    def test_one_wavelength_without_attribution_makes_it_unknown(self):
        *_, attributions = observed([0, 10])
        attributions["attribution"][0, 0, 1, 2] = np.nan
        assert_array_equal(np.argwhere(np.isnan(attention(attributions).values)), [[0, 0, 1]])

    def test_dimensions_may_come_in_any_order(self):
        *_, attributions = observed([0, 10, 20])
        turned = attributions.transpose("wavelength", "slit", "step", "time")
        assert_allclose(attention(turned).values, attention(attributions).values)


class TestSlitMap:
    def test_each_step_holds_its_own(self):
        cube, scores, attributions = observed([[-10.0, -5.0], [10.0, 15.0], [30.0, 35.0]])
        for step in range(2):
            seen = SlitMap.of(cube, scores, attributions, step=step)
            assert_allclose(seen.time, cube.t_onset.values[:, step])
            assert_array_equal(seen.emission, cube.peak.values[:, step])
            assert_array_equal(seen.score, scores.score.values[:, step])
            assert_allclose(
                seen.attention, attributions.attribution.values[:, step].mean(-1), rtol=1e-5
            )
            assert np.isnan(seen.share).all()
            assert seen.origin == ONSET
            assert seen.onset_known

    def test_without_an_onset_time_begins_with_the_first_exposure(self):
        seen = SlitMap.of(*observed([100, 130, 190], onset=False))
        assert_allclose(seen.time, [0, 30, 90])
        assert not seen.onset_known
        assert seen.origin == ONSET + np.timedelta64(100, "s")

    def test_an_onset_known_of_one_exposure_is_known_of_all(self):
        cube, *explained = observed([-40, -20, 20])
        cube["t_onset"][:2] = np.nan
        assert_allclose(SlitMap.of(cube, *explained).time, [-40, -20, 20])

    def test_exposures_without_a_time_are_left_out_and_counted(self):
        cube, scores, attributions = observed([-40, np.nan, 20])
        cube["flags"][0, 0, :2] = int(Rule.MISSING)
        attributions["attribution"][2, 0, :3] = np.nan
        seen = SlitMap.of(cube, scores, attributions)
        assert_allclose(seen.time, [-40, 20])
        assert_array_equal(seen.score, scores.score.values[[0, 2], 0])
        assert seen.left_out == {
            "exposures": 3,
            "without time": 1,
            "spectra": 12,
            "unknown emission": 2,
            "not explained": 3,
        }

    def test_exposures_come_in_order(self):
        data = observed([-40, -20, 20])
        mixed = [each.isel(time=[2, 0, 1]) for each in data]
        one, other = SlitMap.of(*data), SlitMap.of(*mixed)
        for name in ("time", "emission", "attention", "score"):
            assert_array_equal(getattr(one, name), getattr(other, name))

    def test_the_truth_comes_along(self):
        cube, scores, attributions = observed([[-10.0, -5.0], [10.0, np.nan]])
        truth = xr.Dataset({"share": (SPECTRA, np.arange(24.0).reshape(2, 2, 6))})
        maps = slit_maps(cube, scores, attributions, truth)
        assert_array_equal(maps[0].share, truth.share.values[:, 0])
        assert_array_equal(maps[1].share, truth.share.values[:1, 1])
        assert_array_equal(
            SlitMap.of(cube, scores, attributions, truth, step=1).share, maps[1].share
        )

    def test_the_score_curve_is_a_mean_over_pixels_that_have_one(self):
        cube, scores, attributions = observed([-10, 0, 10])
        scores["score"][0, 0, 1:] = np.nan
        scores["score"][1] = np.nan
        curve, number = SlitMap.of(cube, scores, attributions).score_curve
        values = scores.score.values[:, 0].astype(float)
        assert_allclose(curve, [values[0, 0], np.nan, values[2].mean()])
        assert_array_equal(number, [1, 0, 6])

    @pytest.mark.parametrize("step", [-1, 2, 0.5, "0"])
    def test_a_step_that_there_is_not(self, step):
        with pytest.raises(FindingError, match=r"no step .*: choose one from 0 to 1"):
            SlitMap.of(*observed([[0.0, 5.0]]), step=step)

    @pytest.mark.parametrize("which", [1, 2])
    def test_another_size(self, which):
        data = list(observed([0, 10]))
        data[which] = data[which].isel(slit=slice(4))
        with pytest.raises(FindingError, match=r"sizes \[2, 1, 4\].* the cube has \[2, 1, 6\]"):
            SlitMap.of(*data)

    def test_a_truth_of_another_observation(self):
        truth = xr.Dataset({"share": (SPECTRA, np.zeros((2, 1, 5)))})
        with pytest.raises(FindingError, match="The truth have the sizes"):
            SlitMap.of(*observed([0, 10]), truth)

    def test_infinity(self):
        cube, scores, attributions = observed([0, 10])
        endless = attributions.copy(deep=True)
        endless["attribution"][0, 0, 0, 0] = np.inf
        with pytest.raises(FindingError, match="The attributions hold infinity"):
            SlitMap.of(cube, scores, endless)
        scores["score"][0, 0, 0] = -np.inf
        with pytest.raises(FindingError, match="The scores hold infinity"):
            SlitMap.of(cube, scores, attributions)


class TestNormalised:
    def test_each_side_by_its_own_greatest(self):
        seen = SlitMap.of(*observed([-30, -10, 0, 20]))
        values = np.array([[1.0, -4.0], [2.0, np.nan], [30.0, 3.0], [0.0, -60.0]])
        expected = [[0.25, -1.0], [0.5, np.nan], [0.5, 0.05], [0.0, -1.0]]
        assert_allclose(seen.normalised(values), expected)

    def test_all_together_where_no_onset_is_known(self):
        seen = SlitMap.of(*observed([-30, 20], onset=False))
        assert_allclose(seen.normalised(np.array([[1.0], [4.0]])), [[0.25], [1.0]])

    def test_a_side_without_anything_stays_without(self):
        seen = SlitMap.of(*observed([-30, 20]))
        values = np.array([[np.nan, np.nan], [0.0, 0.0]])
        assert_array_equal(seen.normalised(values), values)


class TestCells:
    def test_even_exposures_adjoin(self):
        edges, cells = SlitMap.of(*observed([-25, -15, -5, 5, 15])).cells(np.eye(5))
        assert_allclose(edges, [-30, -20, -10, 0, 10, 20])
        assert_array_equal(cells, np.eye(5))

    def test_what_is_missing_leaves_a_gap(self):
        edges, cells = SlitMap.of(*observed([5, 15, 25, 65, 75])).cells(np.eye(5))
        assert_allclose(edges, [0, 10, 20, 30, 60, 70, 80])
        assert_array_equal(cells, np.insert(np.eye(5), 3, np.nan, axis=0))

    def test_none_reaches_over_the_onset(self):
        edges, _ = SlitMap.of(*observed([-21, -1, 19])).cells(np.eye(3))
        assert_allclose(edges, [-31, -11, 0, 29])

    def test_without_an_onset_any_may(self):
        edges, _ = SlitMap.of(*observed([-21, -1, 19], onset=False)).cells(np.eye(3))
        assert_allclose(edges, [-10, 10, 30, 50])

    def test_one_exposure_is_as_wide_as_it_lasted(self):
        edges, cells = SlitMap.of(*observed([100], exposure=8.0)).cells(np.ones((1, 6)))
        assert_allclose(edges, [96, 104])
        assert cells.shape == (1, 6)

    def test_no_exposure_has_no_edges(self):
        edges, cells = SlitMap.of(*observed([np.nan])).cells(np.ones((0, 6)))
        assert edges.size == 0
        assert cells.shape == (0, 6)

    @given(
        times=st.lists(st.integers(-3000, 3000), min_size=1, max_size=40, unique=True),
        onset=st.booleans(),
    )
    def test_each_exposure_lies_in_its_cell_and_no_other_cell_is_filled(self, times, onset):
        seen = SlitMap.of(*observed(sorted(times), slit=2, onset=onset))
        values = np.arange(1.0, len(times) + 1)[:, None]
        edges, cells = seen.cells(values)
        assert (np.diff(edges) > 0).all()
        filled = np.flatnonzero(np.isfinite(cells[:, 0]))
        assert_array_equal(cells[filled], values)
        first, last = edges[filled], edges[filled + 1]
        assert ((first <= seen.time) & (seen.time <= last)).all()
        if onset:
            assert not ((first < 0) & (last > 0)).any()


class TestXRays:
    def test_it_is_cut_to_the_map_and_keeps_its_points(self):
        seen = SlitMap.of(*observed([-60, 0, 60]))  # drawn from -90 s to 90 s
        seconds, flux = seen.x_rays(goes([-3, -1, 1, 4], [2e-6, 4e-6, 6e-6, 9e-6]))
        assert_allclose(seconds, [-90, -60, 60, 90])
        assert_allclose(flux, [3.5e-6, 4e-6, 6e-6, 6.5e-6])

    def test_it_is_laid_out_from_the_first_exposure_where_no_onset_is_known(self):
        seen = SlitMap.of(*observed([-60, 0, 60], onset=False))
        seconds, _ = seen.x_rays(goes([-2, 0, 2], [1e-6] * 3))
        assert_allclose(seconds, [-30, 60, 150])

    @pytest.mark.parametrize("wrong", [0.0, -1e-6, np.nan])
    def test_what_is_not_positive_is_unknown(self, wrong):
        seen = SlitMap.of(*observed([-60, 0, 60]))
        _, flux = seen.x_rays(goes([-2, -1, 0, 1, 2], [1e-6, 1e-6, wrong, 1e-6, 1e-6]))
        assert_array_equal(np.isfinite(flux), [True, True, False, True, True])

    def test_so_is_what_is_masked(self):
        table = goes([-2, 0, 2], [1e-6, 1e-6, 1e-6])
        table["flux"] = MaskedColumn(table["flux"], mask=[False, True, False])
        _, flux = SlitMap.of(*observed([-60, 0, 60])).x_rays(table)
        assert_array_equal(np.isnan(flux), [True, True, True])

    @pytest.mark.parametrize("curve", [None, goes([0], [1e-6]), goes([90, 100], [1e-6, 1e-6])])
    def test_there_is_none(self, curve):
        assert SlitMap.of(*observed([-60, 0, 60])).x_rays(curve) is None

    def test_there_is_none_without_exposures(self):
        assert SlitMap.of(*observed([np.nan])).x_rays(goes([0, 1], [1e-6] * 2)) is None

    def test_a_curve_without_flux_is_refused(self):
        with pytest.raises(FindingError, match="lacks the column 'flux'"):
            SlitMap.of(*observed([0, 60])).x_rays(goes([0, 1], [1e-6] * 2)["time",])


@pytest.mark.parametrize(("reduction", "numpy_does"), [("mean", np.nanmean), ("max", np.nanmax)])
def test_reductions_leave_unknown_values_aside(reduction, numpy_does):
    values = np.random.default_rng(0).normal(size=(5, 3, 7))
    values[values > 1] = np.nan
    values[:, :, 0] = 0.0
    assert_allclose(reduced(values, reduction), numpy_does(values, axis=-1))
    assert np.isnan(reduced(np.full((2, 3), np.nan), reduction)).all()
    assert np.isnan(reduced(np.zeros((2, 0)), reduction)).all()


class TestFigure:
    def drawn(self, data, curve=None):
        figure, panels = plt.subplots(2)
        seen = SlitMap.of(*data)
        meshes = figures_slits.slit_map(panels, seen, seen.x_rays(curve))
        figure.canvas.draw()
        said = [{text.get_text() for text in axes.texts} for axes in panels]
        lines = [len(axes.lines) for axes in figure.axes]
        plt.close(figure)
        return seen, meshes, said, lines

    def test_both_maps_are_those_of_the_slit(self):
        cube, scores, attributions = observed([-90, -60, -30, 0, 90, 120])
        cube["flags"][1, 0, 2] = int(Rule.MISSING)
        attributions["attribution"][2, 0, 4] = np.nan
        seen, (light, heat), said, lines = self.drawn(
            (cube, scores, attributions), goes([-9, 0, 9], [1e-6, 1e-5, 1e-4])
        )
        for mesh, values in ((light, seen.emission), (heat, seen.attention)):
            expected = seen.cells(seen.normalised(values))[1].T
            assert_allclose(mesh.get_array().filled(np.nan), expected)
            assert np.isnan(expected[:, 4]).all()  # of 15 to 75 s nothing is known
        assert light.get_array().mask.sum() == 6 + 1
        assert heat.get_array().mask.sum() == 6 + 1
        assert light.get_clim() == (0, 1)
        assert heat.get_clim() == (-1, 1)
        assert said == [set(), set()]
        assert lines == [1, 1, 1, 1]  # the onset twice, the X-rays, the scores

    @pytest.mark.parametrize(
        ("times", "onset", "says"),
        [
            ([-60, -30], True, "no exposure after the onset"),
            ([0, 30], True, "no exposure before the onset"),
            ([-60, 30], False, "no onset is known"),
            ([-60], True, "no exposure after the onset"),
            ([np.nan, np.nan], True, "no exposure has a time"),
        ],
    )
    def test_it_says_what_it_lacks(self, times, onset, says):
        _, _, said, _ = self.drawn(observed(times, onset=onset))
        assert says in said[0]

    def test_single_exposures_are_drawn_along_the_slit(self):
        figure, panels = plt.subplots(2)
        slits = {name: SlitMap.of(*observed([0, 60], seed=seed)) for seed, name in enumerate("ab")}
        figures_slits.along_slits(panels, slits, exposure=1)
        figure.canvas.draw()
        for axes, quantity in zip(panels, ("emission", "score"), strict=True):
            assert len(axes.lines) == 2
            for line, slit in zip(axes.lines, slits.values(), strict=True):
                assert_allclose(line.get_xdata(), slit.y)
                assert_allclose(line.get_ydata(), getattr(slit, quantity)[1])
        assert {line.get_marker() for line in panels[1].lines} == {"o", "s"}
        plt.close(figure)

    def test_it_says_that_there_is_no_curve(self):
        *_, said, _ = self.drawn(observed([-60, 60]))
        assert said == [{"no GOES curve"}, set()]

    def test_where_nothing_is_known_all_stays_grey(self):
        cube, scores, attributions = observed([-60, 60])
        cube["flags"][:] = int(Rule.MISSING)
        unknown = scores.where(False), attributions.where(False)
        _, meshes, said, _ = self.drawn((cube, *unknown))
        assert all(mesh.get_array().mask.all() for mesh in meshes)
        assert "no emission is known" in said[0]
        assert "no spectrum is explained" in said[1]

    def test_a_single_pixel(self):
        _, (light, _), _, _ = self.drawn(observed([-60, 60], slit=1))
        assert light.get_array().shape == (1, 2)

    def test_the_real_raster(self):
        cube = pf.clean(pf.read_raster(pf.shipped(pf.SAMPLE_RASTER)))
        shape = tuple(cube.sizes[name] for name in SPECTRA)
        kept = pf.accepted(cube)
        scores = xr.Dataset({"score": (SPECTRA, np.where(kept, 0.5, np.nan))})
        each = np.where(kept[..., None], np.ones((*shape, 240), np.float32), np.nan)
        attributions = xr.Dataset({"attribution": ((*SPECTRA, "wavelength"), each)})
        seen, (light, heat), said, _ = self.drawn((cube, scores, attributions))
        assert "no onset is known" in said[0]
        assert light.get_array().shape == (1094, 1)
        assert heat.get_array().mask.sum() == seen.left_out["not explained"]
        assert 0 < seen.left_out["unknown emission"] < seen.left_out["not explained"]
