"""Planted regimes are found with their intervals; a straight line gives no evidence for two."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal

from preflare.errors import FindingError
from preflare.findings import intensity
from preflare.findings.broken_line import broken_line
from preflare.findings.intensity import collected, two_regimes

OBSERVATIONS = 19


def spectra(seed, kink=None, number=60):
    """Intensity and attention of observations that differ in both, with a kink or straight."""
    random = np.random.default_rng(seed)
    groups = np.repeat(np.arange(OBSERVATIONS), number)
    away = random.normal(size=(2, OBSERVATIONS))[:, groups]
    peak = np.exp(5 + 0.4 * away[0] + 0.7 * random.normal(size=groups.size))
    rise = 1e-3 * peak if kink is None else 0.02 * np.maximum(peak - kink, 0)
    return rise + 0.5 * away[1] + random.normal(size=groups.size), peak, groups


class TestTwoRegimes:
    def test_a_planted_kink_is_found_within_its_interval(self):
        found = two_regimes(*spectra(0, kink=300), count=400)
        at = found.table.loc["break"]
        assert at["low"] < 300 < at["high"]
        assert at["high"] - at["low"] < 150
        slope = found.table.loc["slope above"]
        assert slope["low"] < 0.02 < slope["high"]
        assert abs(found.table.loc["slope below", "value"]) < 0.004
        assert found.p == pytest.approx(1 / 401)

    def test_straight_lines_give_no_evidence_for_a_break(self):
        p = np.array([two_regimes(*spectra(seed), count=99).p for seed in range(16)])
        assert (p <= 0.05).sum() <= 2
        assert 0.2 < np.median(p) < 0.8

    def test_values_are_those_of_the_fit(self):
        attribution, peak, groups = spectra(1)
        found, fit = (
            two_regimes(attribution, peak, groups, count=40),
            broken_line(peak, attribution),
        )
        assert found.fit == fit
        expected = {
            "break": fit.at, "slope below": fit.below.slope, "slope above": fit.above.slope,
            "slope of one line": fit.one.slope, "R2 below": fit.below.r_squared,
            "R2 above": fit.above.r_squared,
            "R2 above less below": fit.above.r_squared - fit.below.r_squared,
            "R2 of two lines": fit.r_squared,
            "R2 of one line": fit.one.r_squared, "gain": fit.gain,
        }  # fmt: skip
        assert found.table["value"].to_dict() == expected
        assert (found.spectra, found.observations) == (len(peak), OBSERVATIONS)

    @pytest.mark.parametrize("bins", [10**6, 64])
    def test_resamples_are_fits_of_repeated_spectra(self, monkeypatch, bins):
        monkeypatch.setattr(intensity, "BINS", bins)
        attribution, peak, groups = spectra(2, kink=250, number=20)
        found = two_regimes(attribution, peak, groups, count=40, level=0.9)
        times = intensity.Resampling(40, 0, 0.9).times(OBSERVATIONS).astype(int)
        drawn = []
        for row in times:
            often = row[groups]
            fit = broken_line(np.repeat(peak, often), np.repeat(attribution, often))
            more = fit.above.r_squared - fit.below.r_squared
            quantities = fit.at, fit.below.slope, fit.above.r_squared, more, fit.one.slope, fit.gain
            drawn.append(quantities)
        expected = np.quantile(drawn, [0.05, 0.95], axis=0).T
        rows = [
            "break",
            "slope below",
            "R2 above",
            "R2 above less below",
            "slope of one line",
            "gain",
        ]
        exact = bins > peak.size
        # A limit of parts is no midpoint between the drawn spectra, but as good a break.
        assert_allclose(
            found.table.loc[rows[0], ["low", "high"]], expected[0], rtol=0.03 if exact else 0.1
        )
        rtol = 1e-7 if exact else 0.2
        assert_allclose(
            found.table.loc[rows[1:], ["low", "high"]],
            expected[1:],
            rtol=rtol,
            atol=0.002 * (not exact),
        )

    def test_a_logarithmic_scale_is_a_fit_to_logarithms(self):
        attribution, peak, groups = spectra(3)
        found = two_regimes(attribution, peak, groups, scale="log10", count=40)
        fit = broken_line(np.log10(peak), attribution)
        assert found.fit == fit
        assert found.table.loc["break", "value"] == pytest.approx(10**fit.at)
        assert found.table.loc["break", "low"] <= 10**fit.at <= found.table.loc["break", "high"]
        assert_allclose(found.x([10, 1000]), [1, 3])

    def test_order_and_names_of_observations_make_no_difference(self):
        attribution, peak, groups = spectra(4)
        order = np.random.default_rng(0).permutation(groups.size)
        names = np.array([f"PF {number:02d}" for number in range(OBSERVATIONS)])
        one = two_regimes(attribution, peak, groups, count=40)
        other = two_regimes(
            attribution[order], peak[order], pd.Categorical(names[groups[order]]), count=40
        )
        pd.testing.assert_frame_equal(one.table, other.table)
        assert one.p == other.p

    def test_one_observation_has_neither_p_nor_interval(self):
        attribution, peak, _ = spectra(0)
        found = two_regimes(attribution, peak, ["PF 1"] * len(peak), count=40)
        assert np.isnan(found.p)
        assert found.table[["low", "high"]].isna().all(axis=None)

    def test_one_exact_line_leaves_no_evidence(self):
        x = np.arange(1.0, 41) / 7
        assert two_regimes(3 * x, x, np.arange(40) % 5, count=40).p == 1

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"scale": "root"}, "no scale 'root'"),
            ({"least": 0.6}, "least share 0.6"),
            ({"peak": [0.0, 1, 2, 3]}, "peak holds 0"),
            ({"peak": [1.0, 1, 1, 1]}, "x is the same everywhere"),
            ({"attribution": [1.0, 1, 1, 1]}, "y is the same everywhere"),
            ({"attribution": [1.0, np.nan, 1, 1]}, "attribution is nan or inf"),
            ({"attribution": []}, "attribution has the shape"),
            ({"peak": [1.0, 2]}, "peak has the shape"),
            ({"groups": ["a", "b", None, "c"]}, "groups holds a missing value"),
            ({}, "give more points"),
            ({"count": 5}, "too few for the level"),
        ],
    )
    def test_what_cannot_be_fitted_is_refused(self, change, said):
        given = {"attribution": [1.0, 3, 2, 4], "peak": [1.0, 2, 3, 4], "groups": list("abcd")}
        with pytest.raises(FindingError, match=said):
            two_regimes(**(given | change))


def cube(onset=True, rasters=6, seed=0):
    """Return a cube of one raster a minute and its attributions; the last two are after onset."""
    random = np.random.default_rng(seed)
    shape = (rasters, 2, 3)
    start = np.datetime64("2014-01-01T00:00:00", "ns") + 60 * np.arange(rasters)[
        :, None
    ] * np.timedelta64(10**9, "ns")
    t_onset = np.repeat(60.0 * np.arange(-rasters + 2, 2)[:, None], 2, axis=1)
    flags = np.zeros(shape, np.uint8)
    flags[1, 0, 0] = 4
    cleaned = xr.Dataset(
        {
            "peak": (("time", "step", "slit"), random.uniform(20, 90, shape).astype(np.float32)),
            "flags": (("time", "step", "slit"), flags),
            "t_onset": (("time", "step"), t_onset if onset else np.full_like(t_onset, np.nan)),
        },
        {"start": (("time", "step"), np.repeat(start, 2, axis=1))},
        {"reject": 127},
    )
    heat = random.normal(size=(*shape, 240)).astype(np.float32)
    heat[1, 0, 0] = np.nan
    heat[0, 1, 2, 7] = np.nan
    explained = xr.Dataset({"attribution": (("time", "step", "slit", "wavelength"), heat)})
    return cleaned, explained


class TestCollected:
    def test_spectra_before_the_onset_are_taken_and_the_others_counted(self):
        (first, heat), (second, _), (third, more) = cube(), cube(onset=False), cube(seed=1)
        cubes = {"PF 1": first, "AR 2": second, "PF 3": third}
        found, counts = collected(cubes, {"PF 1": heat, "AR 2": heat, "PF 3": more})
        assert_array_equal(counts.index, ["PF 1", "PF 3"])
        row = counts.loc["PF 1"]
        assert row.to_dict() == {
            "spectra": 36, "outside": 12, "rejected": 1, "unexplained": 1, "used": 22, "reason": "",
        }  # fmt: skip
        assert found["observation"].value_counts().to_dict() == {"PF 1": 22, "PF 3": 22}
        keep = np.isfinite(heat["attribution"].values).all(axis=-1)[:4]
        own = found[found["observation"] == "PF 1"]
        assert_allclose(own["peak"], first["peak"].values[:4][keep])
        assert_allclose(
            own["attribution"], heat["attribution"].values[:4][keep].mean(-1), atol=1e-7
        )

    def test_the_other_class_is_taken_when_asked_for(self):
        cleaned, heat = cube(onset=False)
        found, counts = collected({"AR 2": cleaned}, {"AR 2": heat}, classes=["AR"])
        assert len(found) == counts.loc["AR 2", "used"] == 34

    def test_an_unknown_onset_is_said(self):
        cubes = {"PF 1": cube(onset=False), "PF 2": cube()}
        found, counts = collected(
            *({name: pair[n] for name, pair in cubes.items()} for n in (0, 1))
        )
        assert counts.loc["PF 1", ["used", "reason"]].tolist() == [0, "onset unknown"]
        assert set(found["observation"]) == {"PF 2"}

    def test_dimensions_may_be_in_another_order(self):
        cleaned, heat = cube()
        turned = cleaned.transpose("slit", "step", "time"), heat.transpose("wavelength", ...)
        with_order, _ = collected({"PF 1": cleaned}, {"PF 1": heat})
        without, _ = collected({"PF 1": cleaned}, {"PF 1": turned[1]})
        pd.testing.assert_frame_equal(with_order, without)

    def test_nothing_left_is_refused(self):
        cleaned, heat = cube(onset=False)
        with pytest.raises(FindingError, match="No explained spectrum of class PF is left"):
            collected({"PF 1": cleaned}, {"PF 1": heat})
        with pytest.raises(FindingError, match="No explained spectrum of class PF is left"):
            collected({}, {})

    def test_attributions_of_something_else_are_refused(self):
        cleaned, heat = cube()
        with pytest.raises(FindingError, match="no attributions of PF 1"):
            collected({"PF 1": cleaned}, {})
        with pytest.raises(FindingError, match="what belongs to this cube"):
            collected({"PF 1": cleaned}, {"PF 1": heat.isel(time=slice(3))})
