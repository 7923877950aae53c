"""Sums by parts are sums at once, and shares are those of a plain loop."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal

from preflare.errors import FindingError
from preflare.findings import importance as module
from preflare.findings.bands import band_of_points, points_of
from preflare.findings.importance import Importance
from preflare.findings.importance_sums import ratio
from preflare.findings.resampling import Resampling
from preflare.spectrum import POINTS, grid, nearest_point

OBSERVED = {"PF 1": "PF", "PF 2": "PF", "PF 3": "PF", "AR 1": "AR", "AR 2": "AR"}


def parts(seed=0, count=30):
    """Spectra, scores and attributions by observation."""
    random = np.random.default_rng(seed)
    return {
        name: (
            random.uniform(size=(count, POINTS)),
            random.uniform(0.7, 1, count),
            random.normal(size=(count, POINTS)),
        )
        for name in OBSERVED
    }


def added(observed, **limits):
    found = Importance(**limits)
    for name, some in observed.items():
        found.add(name, OBSERVED[name], *some)
    return found


def tables(found):
    return (
        found.observations(),
        found.by_wavelength(),
        found.by_band(count=40),
        found.by_band("AR", count=40),
    )


class TestAdding:
    def test_parts_in_any_order_are_the_same_as_all_at_once(self):
        observed = parts()
        whole, parted = added(observed), Importance()
        pieces = [
            (name, tuple(each[start : start + 7] for each in some))
            for name, some in observed.items()
            for start in range(0, 30, 7)
        ]
        for place in np.random.default_rng(1).permutation(len(pieces)):
            name, some = pieces[place]
            parted.add(name, OBSERVED[name], *some)
        for one, other in zip(tables(whole), tables(parted), strict=True):
            rows = one.index if len(one) == len(OBSERVED) else other.index
            pd.testing.assert_frame_equal(
                one, other.loc[rows] if len(one) == len(OBSERVED) else other
            )

    def test_the_histogram_is_that_of_a_loop(self):
        observed = parts(1)
        magnitude, number, heat, light, high = np.zeros(POINTS), np.zeros(POINTS), 0.0, 0.0, 0
        for name, (spectra, scores, attributions) in observed.items():
            for spectrum, score, values in zip(spectra, scores, attributions, strict=True):
                if OBSERVED[name] == "PF" and 0.9 <= score <= 1:
                    place = max(range(POINTS), key=values.__getitem__)
                    magnitude[place] += values[place]
                    number[place] += 1
                    heat, light, high = heat + values, light + spectrum, high + 1
        found = added(observed).by_wavelength()
        assert_allclose(found["magnitude"], magnitude)
        assert_array_equal(found["number"], number)
        assert_allclose(found["attribution"], heat / high)
        assert_allclose(found["profile"], light / high)
        every = np.concatenate([observed[name][0] for name in observed if OBSERVED[name] == "PF"])
        assert_allclose(found["all"], every.mean(axis=0))
        assert_array_equal(found.index, grid())

    def test_limits_are_included_also_in_single_precision(self):
        found, ones = Importance(0.9, 0.95), np.ones((4, POINTS))
        found.add("PF 1", "PF", ones, np.float32([0.9, 0.95, 0.8999, 0.9501]), ones)
        assert found.observations().loc["PF 1", "high"] == 2

    def test_spectra_that_nothing_speaks_for_are_counted_and_left_out(self):
        heat = -np.ones((3, POINTS))
        heat[0, 5] = 2.0
        heat[1] = 0.0
        found = Importance()
        found.add("PF 1", "PF", np.ones((3, POINTS)), [1, 1, 0.95], heat)
        assert found.observations().loc["PF 1", ["high", "not positive"]].tolist() == [3, 2]
        table = found.by_wavelength()
        assert table["number"].sum() == 1
        assert table["magnitude"].iloc[5] == 2

    def test_of_equal_attributions_the_first_counts(self):
        found = Importance()
        found.add("PF 1", "PF", np.ones((1, POINTS)), [1], np.ones((1, POINTS)))
        assert found.by_wavelength()["number"].iloc[0] == 1

    def test_an_observation_of_two_classes_is_refused(self):
        found = added(parts())
        with pytest.raises(FindingError, match="PF 1 has spectra of both classes"):
            found.add("PF 1", "AR", np.ones((1, POINTS)), [1], np.ones((1, POINTS)))

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"kind": "QS"}, "no class 'QS'"),
            ({"spectra": np.ones((2, 239))}, "spectra has the shape"),
            ({"spectra": np.ones((0, POINTS))}, "spectra has the shape"),
            ({"attributions": np.ones((3, POINTS))}, "attributions has the shape"),
            ({"attributions": np.full((2, POINTS), np.nan)}, "attributions is nan or inf in 480"),
            ({"scores": [0.5]}, "scores has the shape"),
            ({"scores": [0.5, 1.5]}, "go from 0.5 to 1.5: give probabilities"),
        ],
    )
    def test_what_are_no_explained_spectra_is_refused(self, change, said):
        given = {"kind": "PF", "spectra": np.ones((2, POINTS)), "scores": [1, 1]}
        given |= {"attributions": np.ones((2, POINTS))} | change
        with pytest.raises(FindingError, match=said):
            Importance().add("PF 1", **given)

    @pytest.mark.parametrize("limits", [(1, 0.9), (-0.1, 1), (0.9, 1.1), (np.nan, 1)])
    def test_scores_that_there_are_not_are_refused(self, limits):
        with pytest.raises(FindingError, match="No score lies between"):
            Importance(*limits)


class TestByBand:
    def test_shares_are_sums_over_the_points_of_a_band(self):
        found = added(parts(2))
        points, table = found.by_wavelength(), found.by_band(count=40)
        summed = points.groupby("band", sort=False)[["magnitude", "number", "attribution"]].sum()
        assert_array_equal(table.index, summed.index)
        assert_allclose(table["share"], summed["magnitude"] / summed["magnitude"].sum())
        assert_allclose(table["number_share"], summed["number"] / summed["number"].sum())
        assert_allclose(table["attribution"], summed["attribution"])
        assert_array_equal(table["points"], points.groupby("band", sort=False).size())
        for column in (
            "share",
            "number_share",
            "of_observations",
            "by_points",
            "by_light",
            "by_difference",
        ):
            assert table[column].sum() == pytest.approx(1)

    def test_intervals_are_those_of_repeated_observations(self):
        observed = parts(3)
        found = added(observed).by_band(count=60, level=0.9)
        pf = [name for name in observed if OBSERVED[name] == "PF"]
        drawn = []
        for row in Resampling(60, 0, 0.9).times(3).astype(int):
            again = Importance()
            for place, (name, often) in enumerate(zip(pf, row, strict=True)):
                for copy in range(often):
                    again.add(f"PF {place}{copy}", "PF", *observed[name])
            table = again.by_band(count=40)
            drawn.append(table[["share", "number_share", "attribution"]].to_numpy())
        low, high = np.quantile(drawn, [0.05, 0.95], axis=0)
        assert_allclose(found[["low", "number_low", "attribution_low"]], low)
        assert_allclose(found[["high", "number_high", "attribution_high"]], high)

    def test_a_planted_band_is_found_against_chance(self):
        observed = parts(4)
        peak = nearest_point(2796.8)
        for spectra, _, heat in observed.values():
            heat[:, peak] = 9.0
            spectra[:] = 0.1
            spectra[:, peak] = 1.0
        table = added(observed).by_band(count=40)
        assert (
            table.loc["right of k", ["share", "low", "high", "of_observations"]].tolist() == [1] * 4
        )
        assert table.loc["right of k", "by_points"] == pytest.approx(16 / POINTS)
        light = (points_of("right of k").sum() - 1) * 0.1 + 1
        assert table.loc["right of k", "by_light"] == pytest.approx(light / (239 * 0.1 + 1))

    def test_differences_are_those_to_the_mean_of_both_classes(self):
        observed = parts(5)
        table = added(observed).by_band(count=40)
        means = [
            np.concatenate([observed[name][0] for name in observed if OBSERVED[name] == kind]).mean(
                0
            )
            for kind in ("PF", "AR")
        ]
        high = np.concatenate(
            [
                observed[name][0][observed[name][1] >= 0.9]
                for name in observed
                if OBSERVED[name] == "PF"
            ]
        )
        away = np.sqrt(((high - np.mean(means, axis=0)) ** 2).mean(axis=0))
        expected = pd.Series(away).groupby(band_of_points(), sort=False).sum() / away.sum()
        assert_allclose(table["by_difference"], expected)

    def test_the_mean_of_observations_counts_them_alike(self):
        found, ones = Importance(), np.ones((10, POINTS))
        k, h = (np.where(points_of(band), 1.0, 0.0) for band in ("k core", "h core"))
        found.add("PF 1", "PF", ones, np.ones(10), np.tile(k, (10, 1)))
        found.add("PF 2", "PF", ones[:1], [1.0], h[None])
        table = found.by_band(count=40)
        assert table.loc["k core", "share"] == pytest.approx(10 / 11)
        assert table.loc["k core", "of_observations"] == pytest.approx(0.5)
        assert table["by_difference"].isna().all()  # of spectra that are all the same

    def test_one_observation_has_no_interval(self):
        table = added({"PF 1": parts()["PF 1"]}).by_band(count=40)
        bounds = [name for name in table if name.endswith(("low", "high"))]
        assert len(bounds) == 6
        assert table[bounds].isna().all(axis=None)

    def test_without_high_spectra_there_is_nothing_to_say(self):
        found = added(parts(), lowest=1.0)
        for ask in (found.by_band, found.by_wavelength):
            with pytest.raises(FindingError, match="No spectrum of PF scores from 1 to 1"):
                ask()

    def test_without_positive_attributions_there_is_no_share(self):
        found = Importance()
        found.add("PF 1", "PF", np.ones((1, POINTS)), [1], -np.ones((1, POINTS)))
        with pytest.raises(FindingError, match="No high spectrum of PF has a positive attribution"):
            found.by_band()


class TestRatio:
    K, H = points_of("k core"), points_of("h core")
    ALL = np.ones(POINTS, bool)

    @pytest.mark.parametrize("quantity", ["number", "magnitude", "positive", "size"])
    def test_it_is_that_of_plain_means_and_repeated_observations(self, quantity):
        observed = parts(6)
        high = added(observed).high()
        heats = [
            values[scores >= 0.9]
            for name, (_, scores, values) in observed.items()
            if OBSERVED[name] == "PF"
        ]

        def plainly(some):
            heat = np.concatenate(some)
            top = heat == heat.max(axis=1, keepdims=True)
            held = {
                "number": top, "magnitude": heat * top,
                "positive": np.where(heat > 0, heat, 0), "size": np.abs(heat),
            }[quantity].sum(axis=0)  # fmt: skip
            return held[self.K].mean() / held[self.ALL].mean()

        value, bounds = ratio(high, quantity, self.K, self.ALL, count=60, level=0.9)
        assert value == pytest.approx(plainly(heats))
        times = Resampling(60, 0, 0.9).times(3).astype(int)
        drawn = [plainly([heats[i] for i in np.repeat(range(3), row)]) for row in times]
        assert_allclose([bounds.low, bounds.high], np.quantile(drawn, [0.05, 0.95]))

    def test_chance_gives_one_and_nothing_nan(self):
        found, heat = Importance(), np.ones((4, POINTS))
        found.add("PF 1", "PF", heat, np.ones(4), heat)
        assert ratio(found.high(), "size", self.K, self.H)[0] == 1
        assert np.isnan(ratio(found.high(), "number", self.K, self.H)[0])  # all at the first point
        assert np.isnan(ratio(found.high(), "size", self.K, self.H)[1].low)

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"quantity": "sum"}, "There is no quantity 'sum'"),
            ({"points": np.zeros(POINTS, bool)}, "points has the shape \\(240,\\) and 0 marks"),
            ({"others": np.ones(3, bool)}, "others has the shape \\(3,\\) and 3 marks"),
            ({"observed": []}, "There are no sums to compare"),
            ({"count": 3}, "too few for the level"),
        ],
    )
    def test_what_cannot_be_compared_is_refused(self, change, said):
        given = {"observed": added(parts()).high(), "quantity": "size", "points": self.K}
        with pytest.raises(FindingError, match=said):
            ratio(**(given | {"others": self.H} | change))


def cube(onset=True, seed=0, rasters=6):
    """Return a cube of one raster a minute, its scores and attributions; two are after onset."""
    random = np.random.default_rng(seed)
    shape = (rasters, 2, 3)
    start = np.datetime64("2014-01-01", "ns") + np.arange(rasters)[:, None] * np.timedelta64(
        60, "s"
    )
    t_onset = np.repeat(60.0 * np.arange(2 - rasters, 2)[:, None], 2, axis=1)
    flags = np.zeros(shape, np.uint8)
    flags[1, 0, 0] = 4
    known = {name: random.uniform(size=(*shape, 240)).astype(np.float32) for name in "ab"}
    score = random.uniform(0.8, 1, shape).astype(np.float32)
    for values in (*known.values(), score):
        values[1, 0, 0] = np.nan
    score[0, 1, 2] = np.nan
    axes = ("time", "step", "slit")
    cleaned = xr.Dataset(
        {
            "intensity": ((*axes, "wavelength"), known["a"]),
            "peak": (axes, np.full(shape, 50.0, np.float32)),
            "flags": (axes, flags),
            "t_onset": (axes[:2], t_onset if onset else np.full_like(t_onset, np.nan)),
        },
        {"start": (axes[:2], np.repeat(start, 2, axis=1))},
        {"reject": 127},
    )
    explained = xr.Dataset({"attribution": ((*axes, "wavelength"), known["b"])})
    return cleaned, xr.Dataset({"score": (axes, score)}), explained


class TestOfCubes:
    @pytest.mark.parametrize("at_once", [1, 10, 10**6])
    def test_it_adds_what_can_be_used_and_counts_the_rest(self, monkeypatch, at_once):
        monkeypatch.setattr(module, "AT_ONCE", at_once)
        observed = {"PF 1": cube(), "AR 1": cube(onset=False, seed=1)}
        cubes, scores, heat = ({name: each[n] for name, each in observed.items()} for n in range(3))
        found = Importance.of(cubes, scores, heat)
        counts = found.observations()
        assert counts.loc["PF 1", ["outside", "rejected", "unexplained", "used"]].tolist() == [
            12,
            1,
            1,
            22,
        ]
        assert counts.loc["AR 1", ["outside", "rejected", "unexplained", "used"]].tolist() == [
            0,
            1,
            1,
            34,
        ]
        cleaned, score, explained = observed["PF 1"]
        use = np.isfinite(score["score"].values[:4])
        plain = Importance()
        plain.add(
            "PF 1", "PF", cleaned["intensity"].values[:4][use], score["score"].values[:4][use],
            explained["attribution"].values[:4][use],
        )  # fmt: skip
        pd.testing.assert_frame_equal(found.by_wavelength(), plain.by_wavelength())

    def test_dimensions_may_be_in_another_order(self):
        given = cube()
        turned = [each.transpose("slit", ..., "time") for each in given[1:]]
        one = Importance.of(*({"PF 1": each} for each in given))
        other = Importance.of(*({"PF 1": each} for each in (given[0], *turned)))
        pd.testing.assert_frame_equal(one.by_wavelength(), other.by_wavelength())

    def test_attributions_can_be_prepared(self):
        given = [{"PF 1": each} for each in cube()]
        plain, turned = Importance.of(*given), Importance.of(*given, prepare=lambda heat: -heat)
        assert_allclose(
            turned.by_wavelength()["attribution"], -plain.by_wavelength()["attribution"]
        )

    def test_an_unknown_onset_is_said_and_nothing_of_it_added(self):
        observed = {"PF 1": cube(onset=False), "PF 2": cube()}
        found = Importance.of(
            *({name: each[n] for name, each in observed.items()} for n in range(3))
        )
        counts = found.observations()
        assert counts.loc["PF 1", ["used", "reason"]].tolist() == [0, "onset unknown"]
        assert counts["used"].sum() == counts["added"].sum() == 22

    def test_nothing_usable_is_refused(self):
        with pytest.raises(FindingError, match="No scored spectrum is left"):
            Importance.of(*({"PF 1": each} for each in cube(onset=False)))
        with pytest.raises(FindingError, match="No scored spectrum is left"):
            Importance.of({}, {}, {})

    def test_what_belongs_to_another_cube_is_refused(self):
        cleaned, score, heat = cube()
        with pytest.raises(FindingError, match="no scores or attributions of PF 1"):
            Importance.of({"PF 1": cleaned}, {"PF 1": score}, {})
        with pytest.raises(FindingError, match="what belongs to this cube"):
            Importance.of({"PF 1": cleaned}, {"PF 1": score.isel(step=[0])}, {"PF 1": heat})
        with pytest.raises(FindingError, match="give those of this cube"):
            Importance.of({"PF 1": cleaned}, {"PF 1": score}, {"PF 1": heat.isel(time=slice(2))})

    def test_scored_spectra_without_attributions_are_refused(self):
        cleaned, score, heat = cube()
        heat["attribution"][0, 0, 0] = np.nan
        with pytest.raises(FindingError, match="attributions is nan or inf in 240"):
            Importance.of({"PF 1": cleaned}, {"PF 1": score}, {"PF 1": heat})
