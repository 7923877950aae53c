"""Rasters are averaged as they should be, and noise that drifts is not called a trend."""

from dataclasses import astuple
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from preflare.errors import FindingError
from preflare.findings import red_noise
from preflare.findings.red_noise import CELL, WINDOW, trend_test
from preflare.findings.trends import EMPTY, USED, raster_scores, trends

START = np.datetime64("2014-03-29T17:10:00", "ns")
SPECTRA = ("time", "step", "slit")


def observed(times, level=0.5, slit=4, onset=True, seed=0):
    """Cube and scores of exposures at some times (time, step), in s from the onset."""
    since = np.asarray(times, float).reshape(len(times), -1)
    known = np.isfinite(since)
    start = np.full(since.shape, np.datetime64("NaT", "ns"))
    start[known] = START + (since[known] * 1e9).astype("timedelta64[ns]")
    shape = (*since.shape, slit)
    random = np.random.default_rng(seed)
    score = np.clip(np.asarray(level).reshape(-1, 1, 1) + random.normal(0, 0.05, shape), 0, 1)
    flags = np.zeros(shape, np.uint8)
    flags[~known] = 1
    cube = xr.Dataset(
        {
            "peak": (SPECTRA, np.full(shape, 100, np.float32)),
            "flags": (SPECTRA, flags),
            "t_onset": (SPECTRA[:2], since if onset else np.full(since.shape, np.nan)),
        },
        coords={"start": (SPECTRA[:2], start)},
        attrs={"reject": 127},
    )
    score[~known] = np.nan
    named = {"score": (SPECTRA, score), "logit": (SPECTRA, np.log(score / (1 - score)))}
    return cube, xr.Dataset(named).astype(np.float32)


def reject(cube, scores, *where):
    cube["flags"].values[where] = 8
    for name in scores:
        scores[name].values[where] = np.nan


def rasters_of(name, cube, scores, **settings):
    return raster_scores({name: cube}, {name: scores}, **settings)


def table_of(curves, times=None):
    """Rows of `raster_scores`, made of curves by name."""
    parts = []
    for name, curve in curves.items():
        curve = np.asarray(curve, float)
        time = np.linspace(-1490, -10, curve.size) if times is None else times[name]
        status = np.where(np.isfinite(curve), USED, EMPTY)
        part = {"observation": name, "kind": name[:2], "clock": "onset", "time": time}
        parts.append(pd.DataFrame(part | {"score": curve, "status": status}))
    return pd.concat(parts, ignore_index=True)


def red(random, time, memory, series):
    """Noise whose correlation falls e-fold over so many seconds: (series, times)."""
    noise = random.normal(size=(series, time.size))
    for place, kept in enumerate(np.exp(-np.diff(time) / memory), start=1):
        noise[:, place] = kept * noise[:, place - 1] + np.sqrt(1 - kept**2) * noise[:, place]
    return noise


class TestRasterScores:
    def test_scores_and_times_are_means_over_each_raster(self):
        times = np.arange(-1400, -200, 50.0).reshape(6, 4)
        cube, scores = observed(times)
        reject(cube, scores, 2, 1, slice(None))
        reject(cube, scores, 3, slice(None), 0)
        table = rasters_of("PF 14", cube, scores)
        for row, expected, time in zip(
            table.itertuples(), scores["score"].values, times, strict=True
        ):
            assert_allclose(row.score, np.nanmean(expected.astype(float)))
            assert_allclose(row.time, time.mean())
        assert table["accepted"].tolist() == [16, 16, 12, 12, 16, 16]
        assert set(table["spectra"]) == {16}
        assert set(table["clock"]) == {"onset"}

    def test_what_is_not_accepted_does_not_count_whatever_its_score(self):
        cube, scores = observed([-100, -50])
        before = rasters_of("PF 1", cube, scores)
        reject(cube, scores, 0, 0, 3)
        scores["score"].values[0, 0, 3] = 1.0
        expected = scores["score"].values[0, 0, :3].astype(float).mean()
        after = rasters_of("PF 1", cube, scores)
        assert_allclose(after["score"], [expected, before["score"][1]])

    def test_each_exposure_of_a_stare_is_a_raster(self):
        table = rasters_of("PF 6", *observed(np.arange(-900.0, 0, 9)))
        assert (table["status"] == USED).sum() == 100

    def test_only_whole_rasters_of_the_window_count_and_others_say_why_not(self):
        times = [[-1700, -1600], [-1501, -1400], [-1500, -1300], [-500, -400], [-50, -1],
                 [-20, 0], [0, 80], [np.nan, np.nan]]  # fmt: skip
        cube, scores = observed(times)
        reject(cube, scores, 3)
        table = rasters_of("PF 1", cube, scores).set_index("raster")
        assert table["status"].to_dict() == {
            0: "before", 1: "cut by the start", 2: USED, 3: EMPTY, 4: USED, 5: "cut by the end",
            6: "after", 7: "no time",
        }  # fmt: skip
        assert_array_equal(np.isfinite(table["score"]), table["status"] == USED)
        assert table.loc[3, ["accepted", "spectra"]].tolist() == [0, 8]
        assert np.isnan(table.loc[7, "time"])

    def test_a_raster_that_lacks_steps_is_averaged_over_those_it_has(self):
        table = rasters_of("PF 1", *observed([[-300, -200], [-100, np.nan]]))
        assert table["time"].tolist() == [-250, -100]
        assert table["spectra"].tolist() == [8, 4]
        assert set(table["status"]) == {USED}

    @pytest.mark.parametrize("name", ["AR 3", "PF 3"])
    def test_without_an_onset_times_count_to_the_end_of_the_first_25_minutes(self, name):
        times = np.array([[40.0, 60], [540, 560], [1540, 1550], [5000, 5020]])
        table = rasters_of(name, *observed(times, onset=False))
        assert table["time"].tolist() == [-1490, -990, 5, 3470]
        assert table["status"].tolist() == [USED, USED, "after", "after"]
        assert set(table["clock"]) == {"first exposure + 1500 s"}
        assert set(table["kind"]) == {name[:2]}

    def test_the_logit_can_be_averaged_instead(self):
        cube, scores = observed([-100, -50])
        table = rasters_of("PF 1", cube, scores, value="logit")
        assert_allclose(table["score"], scores["logit"].mean(("step", "slit")))

    def test_anything_that_spectra_have_can_be_averaged(self):
        cube, scores = observed(np.arange(-400.0, 0, 100))
        cube["peak"].values[:] = np.arange(1, 17).reshape(4, 1, 4)
        reject(cube, scores, 1, 0, 0)
        table = rasters_of("PF 1", cube, cube, value="peak")
        assert table["score"].tolist() == [2.5, 7, 10.5, 14.5]
        held = rasters_of("PF 1", cube, cube[["peak"]] > 6, value="peak")
        assert held["score"].tolist() == [0, 2 / 3, 1, 1]

    def test_observations_are_in_the_order_of_their_numbers(self):
        names = ["AR 2", "PF 10", "PF 9", "AR 1"]
        pairs = {name: observed([-100, -50], onset=name[0] == "P") for name in names}
        cubes, scores = ({name: pair[at] for name, pair in pairs.items()} for at in (0, 1))
        table = raster_scores(cubes, dict(reversed(scores.items())))
        assert table["observation"].unique().tolist() == ["PF 9", "PF 10", "AR 1", "AR 2"]

    def test_dimensions_in_another_order_change_nothing(self):
        cube, scores = observed(np.arange(-800, 0, 50).reshape(4, 4))
        turned = cube["t_onset"].T, cube["start"].T
        other = cube.assign(t_onset=turned[0]).assign_coords(start=turned[1])
        expected = rasters_of("PF 1", cube, scores)
        pd.testing.assert_frame_equal(
            rasters_of("PF 1", other, scores.transpose("slit", "step", "time")), expected
        )

    def test_names_that_do_not_pair_are_refused(self):
        cube, scores = observed([-100, -50])
        with pytest.raises(FindingError, match="cube or the scores of PF 1 are missing"):
            raster_scores({"PF 1": cube}, {"PF 2": scores})
        with pytest.raises(FindingError, match="cube or the scores are missing"):
            raster_scores({}, {})

    def test_what_does_not_fit_is_refused(self):
        cube, scores = observed([-100, -50])
        with pytest.raises(FindingError, match=r"shape \(2, 1, 4\), its scores \(1, 1, 4\)"):
            rasters_of("PF 1", cube, scores.isel(time=[0]))
        with pytest.raises(FindingError, match="hold no 'odds': choose one of score, logit"):
            rasters_of("PF 1", cube, scores, value="odds")
        with pytest.raises(FindingError, match="'plage' names no observation"):
            rasters_of("plage", cube, scores)
        with pytest.raises(FindingError, match="AR 1 is called AR and has the onset"):
            rasters_of("AR 1", cube, scores)
        scores["score"].values[1, 0, 2] = np.nan
        with pytest.raises(FindingError, match="1 accepted spectra of PF 1 have no score"):
            rasters_of("PF 1", cube, scores)

    def test_an_observation_without_any_time_is_refused(self):
        with pytest.raises(FindingError, match="No exposure of AR 1 has a time"):
            rasters_of("AR 1", *observed([np.nan, np.nan], onset=False))


class TestTrendTest:
    TIME = np.array([-1480.0, -1200, -1010, -640, -390, -20])

    def test_orders_and_likelihoods_are_those_of_brute_force(self):
        score = np.array([0.31, 0.42, 0.3, 0.55, 0.72, 0.6])
        found = trend_test(self.TIME, score)
        centred = (self.TIME - self.TIME.mean()) / WINDOW
        design = np.stack([np.ones(6), centred], axis=1)
        to_slope = np.linalg.inv(design.T @ design) @ design.T
        lags = np.abs(self.TIME[:, None] - self.TIME)
        noises = [
            np.exp(-lags / memory) if memory else np.eye(6)
            for memory in red_noise.CORRELATION_TIMES
        ]

        def studied(series):
            likely, error = [], []
            for noise in noises:
                inverse = np.linalg.inv(noise)
                normal = design.T @ inverse @ design
                left = series - design @ np.linalg.solve(normal, design.T @ inverse @ series)
                variance = left @ inverse @ left / 4
                volume = np.linalg.slogdet(noise)[1] + np.linalg.slogdet(normal)[1]
                likely.append(-0.5 * (4 * np.log(variance) + volume))
                error.append(np.sqrt(variance * (to_slope @ noise @ to_slope.T)[1, 1]))
            weight = np.exp(np.array(likely) - max(likely))
            weight /= weight.sum()
            return weight, float((to_slope @ series)[1] * (weight / error).sum())

        weight, ratio = studied(score)
        noise = noises[np.searchsorted(weight.cumsum(), 0.5)]
        root = np.linalg.cholesky(noise)
        white, columns = np.linalg.solve(root, score), np.linalg.solve(root, design)
        innovations = white - columns @ np.linalg.lstsq(columns, white)[0]
        by_chance = [
            studied(root @ innovations[list(order)])[1] for order in permutations(range(6))
        ]
        by_chance = np.append(by_chance, ratio)
        p = 2 * min((by_chance >= ratio - 1e-9).mean(), (by_chance <= ratio + 1e-9).mean())
        assert_allclose(found.p, p)
        assert_allclose(found.slope, (to_slope @ score)[1])
        assert_allclose(found.slope / found.error, ratio)
        assert_allclose(found.smallest_p, 2 / 721)
        ordered = np.sort(by_chance) * found.error  # 18 of 721 are the 2.5 % of a side
        assert_allclose([found.low, found.high], ordered[[18, -19]])

    @pytest.mark.parametrize("sampled", [9.0, 33.0, 131.0, 252.0])
    @pytest.mark.parametrize("memory", [1e-6, 60.0, 100.0])
    def test_drifting_noise_is_called_a_trend_hardly_more_often_than_asked(self, sampled, memory):
        time = np.arange(-1500 + sampled / 2, 0, sampled)
        series = red(np.random.default_rng(5), time, memory, 300)
        called = np.mean([trend_test(time, row, count=199).p <= 0.05 for row in series])
        assert called < 0.09  # 300 draws at 5 % exceed this once in 500 times
        assert called > 0.005

    def test_regression_calls_most_of_that_noise_a_trend(self):
        time = np.arange(-1495.0, 0, 9)
        series = red(np.random.default_rng(5), time, 100.0, 300)
        assert np.mean([stats.linregress(time, row).pvalue <= 0.05 for row in series]) > 0.6

    @pytest.mark.parametrize("sampled", [9.0, 75.0])
    def test_a_trend_well_above_the_noise_is_found(self, sampled):
        time = np.arange(-1500 + sampled / 2, 0, sampled)
        noise = red(np.random.default_rng(6), time, 60.0, 100)
        for sign in (-1, 1):
            tests = [trend_test(time, row + sign * 8 * time / WINDOW, count=199) for row in noise]
            found = [test.p <= 0.05 and np.sign(test.slope) == sign for test in tests]
            assert np.mean(found) > 0.95

    def test_memory_is_recognised(self):
        time = np.arange(-1495.0, 0, 9)
        white, slow = (red(np.random.default_rng(7), time, memory, 60) for memory in (1e-6, 200.0))
        memories = [
            np.median([trend_test(time, row, count=9).correlation_time for row in noise])
            for noise in (white, slow)
        ]
        assert memories[0] <= 80
        assert memories[1] >= 200

    @settings(max_examples=25, deadline=None)
    @given(
        scale=st.floats(0.01, 100), offset=st.floats(-10, 10), delay=st.integers(-5, 5),
        seed=st.integers(0, 99),
    )  # fmt: skip
    def test_units_and_the_order_of_rows_make_no_difference(self, scale, offset, delay, seed):
        random = np.random.default_rng(seed)
        time, score = np.arange(-1490.0, 0, 60), random.normal(size=25)
        plain, order = trend_test(time, score, count=99), random.permutation(25)
        moved = trend_test((time + delay * CELL)[order], (offset + scale * score)[order], count=99)
        assert moved.p == pytest.approx(plain.p)
        assert_allclose(moved.slope, scale * plain.slope, rtol=1e-6, atol=1e-9 * scale)

    def test_a_significant_slope_is_outside_what_noise_reaches(self):
        time = np.arange(-1490.0, 0, 100)
        outside = []
        for seed in range(40):
            score = np.random.default_rng(seed).normal(size=15) + 1.5 * time / WINDOW
            test = trend_test(time, score, count=199)
            near = 1e-9 * abs(test.slope)
            outside.append(not test.low - near <= test.slope <= test.high + near)
            assert outside[-1] == (test.p <= 0.05)
        assert 0 < sum(outside) < 40

    @pytest.mark.parametrize(("rasters", "smallest"), [(0, 1.0), (1, 1.0), (2, 2 / 3)])
    def test_two_rasters_have_no_test(self, rasters, smallest):
        test = trend_test([-900, -300][:rasters], [0.2, 0.6][:rasters])
        assert np.isnan([test.p, test.error, test.low]).all()
        assert test.smallest_p == smallest
        assert test.slope == pytest.approx(1.0) if rasters == 2 else np.isnan(test.slope)

    def test_four_rasters_cannot_be_significant_and_five_can(self):
        few, more = (
            trend_test(np.arange(-1400, 0, 300)[:n], [1, 2, 3, 4, 5.2][:n]) for n in (4, 5)
        )
        assert few.smallest_p == pytest.approx(2 / 25)
        assert few.p == pytest.approx(2 / 25)
        assert [few.low, few.high] == [-np.inf, np.inf]
        assert more.p == pytest.approx(2 / 121)
        assert np.isfinite([more.low, more.high]).all()

    def test_drawn_orders_have_a_smallest_p_as_well(self):
        time = np.arange(-1490.0, 0, 60)
        test = trend_test(time, time, count=199)
        assert test.p == test.smallest_p == 2 / 200

    @pytest.mark.parametrize("value", [0.0, 0.1, 1e5])
    def test_constant_scores_have_no_trend(self, value):
        test = trend_test(np.arange(-1490.0, 0, 60), np.full(25, value))
        assert (test.slope, test.p) == (0, 1)

    def test_exposures_of_one_cell_are_averaged(self):
        time = np.arange(-1500.0, 0, 10)
        score = np.random.default_rng(0).normal(size=150)
        means = trend_test(time.reshape(15, 10).mean(axis=1), score.reshape(15, 10).mean(axis=1))
        assert_allclose(astuple(trend_test(time, score)), astuple(means))

    def test_the_same_seed_gives_the_same_p(self):
        time, score = np.arange(-1490.0, 0, 60), np.random.default_rng(0).normal(size=25)
        assert trend_test(time, score) == trend_test(time, score)
        assert trend_test(time, score, seed=1).p != trend_test(time, score).p

    @pytest.mark.parametrize(
        ("wrong", "cured"),
        [
            ({"score": [0.1, np.nan]}, "score is nan or inf"),
            ({"score": [0.1]}, r"score has the shape \(1,\): give \(2,\)"),
            ({"time": [-9, np.inf]}, "time is nan or inf"),
            ({"level": 1.5}, "level is 1.5: give one between 0 and 1"),
            ({"count": 0}, "number of draws is 0"),
            ({"seed": -1}, "seed is -1"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, wrong, cured):
        with pytest.raises(FindingError, match=cured):
            trend_test(**({"time": [-900, -300], "score": [0.1, 0.2]} | wrong))


CURVES = {
    "PF 1": 0.5 + 0.02 * np.arange(20) + 0.01 * np.random.default_rng(0).normal(size=20),
    "PF 2": np.random.default_rng(1).uniform(0.4, 0.6, 20),
    "AR 1": 0.8 - 0.02 * np.arange(20) + 0.01 * np.random.default_rng(2).normal(size=20),
}


class TestTrends:
    def test_classical_numbers_are_those_of_scipy(self):
        table = table_of(CURVES)
        for row in trends(table, count=99).itertuples():
            own = table[table["observation"] == row.observation]
            line, kendall = (
                test(own["time"], own["score"]) for test in (stats.linregress, stats.kendalltau)
            )
            sen = stats.theilslopes(own["score"], own["time"])[0]
            assert_allclose([row.slope, row.theil_sen], [WINDOW * line.slope, WINDOW * sen])
            assert_allclose([row.p_regression, row.p_kendall], [line.pvalue, kendall.pvalue])
            assert_allclose([row.tau, row.mean], [kendall.statistic, own["score"].mean()])
            assert_allclose([row.span, row.gap], [1480, 1480 / 19])
            test = trend_test(own["time"], own["score"], count=99)
            assert (row.p, row.low, row.cells) == (test.p, test.low, test.cells)
            assert_allclose(row.slope, test.slope, rtol=0.05, atol=0.02)

    def test_planted_trends_are_found_with_their_signs(self):
        table = trends(table_of(CURVES)).set_index("observation")
        assert (table.loc[["PF 1", "AR 1"], "p"] < 0.01).all()
        assert table.loc["PF 2", "p"] > 0.05
        assert table.loc["PF 1", "slope"] > 0 > table.loc["AR 1", "slope"]

    def test_what_is_left_out_is_counted(self):
        cube, scores = observed(np.arange(-1600.0, 100, 100))
        reject(cube, scores, slice(3, 5))
        row = trends(rasters_of("PF 1", cube, scores), count=99).iloc[0]
        assert row[["rasters", "empty", "outside"]].tolist() == [13, 2, 2]
        assert row["gap"] == 300

    @pytest.mark.parametrize("rasters", [0, 1, 2, 3])
    def test_few_rasters_have_rows_and_no_p(self, rasters):
        cube, scores = observed(np.arange(-1000.0, -500, 100), level=np.linspace(0.2, 0.6, 5))
        reject(cube, scores, slice(rasters, None))
        row = trends(rasters_of("PF 1", cube, scores)).iloc[0]
        assert row[["rasters", "empty"]].tolist() == [rasters, 5 - rasters]
        assert np.isnan(row["slope"]) == (rasters < 2)
        assert np.isnan(row[["p", "p_regression", "p_kendall"]].astype(float)).all() == (
            rasters < 3
        )
        assert row["smallest_p"] > 0.05

    def test_constant_scores_have_a_slope_of_nothing_and_no_tau(self):
        row = trends(table_of({"PF 1": np.full(9, 0.5)})).iloc[0]
        assert (row["slope"], row["theil_sen"], row["p"]) == (0, 0, 1)
        assert np.isnan(row["tau"])

    def test_rows_in_another_order_change_nothing(self):
        table = table_of(CURVES)
        shuffled = table.sample(frac=1, random_state=1)
        found = trends(shuffled, count=99).set_index("observation").loc[list(CURVES)]
        expected = trends(table, count=99).set_index("observation")
        pd.testing.assert_frame_equal(found, expected)
