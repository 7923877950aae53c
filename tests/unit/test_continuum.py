"""Planted networks react to what they read, and to nothing else."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from preflare.errors import FindingError
from preflare.findings.bands import METALS, band_of_points, points_of
from preflare.findings.continuum import attribution_moved, effect
from preflare.findings.interventions import (
    at_level,
    elsewhere,
    level,
    scrambled,
    with_structure,
    without_lines,
)
from preflare.findings.resampling import Resampling
from preflare.spectrum import LINES, POINTS, grid, nearest_point

GROUPS = np.repeat([f"PF {number}" for number in range(8)], 10)


def profiles(seed=0):
    """Emission in k over a continuum with absorption lines, of a level by observation."""
    random = np.random.default_rng(seed)
    place = grid()
    height = np.repeat(random.uniform(0.1, 0.25, 8), 10)[:, None]
    absorbed = sum(0.5 * np.exp(-0.5 * ((place - line) / 0.05) ** 2) for line in METALS.values())
    spectra = height * (1 - np.minimum(absorbed, 0.6)) * np.ones((80, 1))
    spectra = spectra + np.exp(-0.5 * ((place - LINES["k"]) / 0.2) ** 2)
    spectra = spectra + 0.002 * random.normal(size=spectra.shape)
    return (spectra / spectra.max(axis=1, keepdims=True)).astype(np.float32)


def interventions(spectra):
    filled, moved = without_lines(spectra), at_level(spectra, 0.5 * level(spectra))
    return {
        "filled": filled,
        "elsewhere": elsewhere(spectra, filled),
        "level": moved,
        "scrambled": scrambled(spectra, moved),
        "flat": with_structure(spectra, 0),
        "nothing": with_structure(spectra, 1),
    }


CONTROLS = {"filled": "elsewhere", "level": "scrambled"}


def asked(network):
    spectra = profiles()
    return effect(network, spectra, interventions(spectra), GROUPS, CONTROLS, count=200)


class TestEffect:
    def test_a_network_that_reads_one_line_reacts_to_its_filling_only(self):
        nickel = nearest_point(METALS["Ni I 2799.47"])
        found = asked(lambda spectra: 30 * spectra[:, nickel])
        assert found.loc["filled", "low"] > 1
        assert found.loc["filled", "beyond_low"] > 1
        assert found.loc["filled", "size_beyond_low"] > 1
        assert found.loc["elsewhere", "change"] == 0
        assert found.loc["nothing", ["change", "size"]].tolist() == [0, 0]

    def test_a_network_that_reads_the_level_reacts_to_it_and_not_to_lines(self):
        clear = points_of("continuum") & (grid() > 2799.5) & (grid() < 2801.7)
        found = asked(lambda spectra: -50 * spectra[:, clear].mean(axis=1))
        assert found.loc["level", "low"] > 2
        assert found.loc["level", "beyond_low"] > 2
        assert found.loc["filled", ["change", "size"]].tolist() == [0, 0]
        assert abs(found.loc["scrambled", "change"]) < 0.3 * found.loc["level", "change"]

    def test_a_network_that_reads_flatness_reacts_to_structure(self):
        here = (grid() > 2799.3) & (grid() < 2802.1)
        found = asked(lambda spectra: -100 * spectra[:, here].std(axis=1))
        assert found.loc["flat", "low"] > 1
        assert found.loc["filled", "low"] > 0.5
        assert found.loc["elsewhere", "high"] < 0

    def test_a_network_that_reads_the_core_does_not_react(self):
        core = points_of("k core")
        found = asked(lambda spectra: spectra[:, core].sum(axis=1))
        assert (found[["change", "size", "low", "high"]] == 0).all(axis=None)

    def test_numbers_are_plain_means(self):
        spectra = profiles()
        changed = interventions(spectra)
        weight = np.random.default_rng(0).normal(size=POINTS)
        found = effect(lambda s: np.asarray(s, float) @ weight, spectra, changed, GROUPS, CONTROLS)
        for name, each in changed.items():
            away = each.spectra.astype(float) - spectra
            row = found.loc[name]
            assert row["rms"] == pytest.approx(np.sqrt((away**2).mean(axis=1)).mean())
            assert row["change"] == pytest.approx((away @ weight).mean())
            assert row["size"] == pytest.approx(np.abs(away @ weight).mean())
            assert row["after"] - row["before"] == pytest.approx(row["change"])
            assert row["unchanged"] == (len(spectra) if name == "nothing" else 0)
        other = found.loc["filled", "change"] - found.loc["elsewhere", "change"]
        assert found.loc["filled", "beyond"] == pytest.approx(other)
        assert found.loc["filled", "control"] == "elsewhere"
        without = found.loc[["elsewhere", "flat"], ["beyond", "beyond_low", "size_beyond"]]
        assert without.isna().all(axis=None)

    def test_intervals_resample_observations(self):
        spectra = profiles()
        changed = {"level": at_level(spectra, 0.1)}
        found = effect(lambda s: s[:, 120], spectra, changed, GROUPS, count=100, level=0.9)
        away = (changed["level"].spectra[:, 120].astype(float) - spectra[:, 120]).reshape(8, 10)
        times = Resampling(100, 0, 0.9).times(8)
        expected = np.quantile(times @ away.mean(axis=1) / 8, [0.05, 0.95])
        assert_allclose(found.loc["level", ["low", "high"]].astype(float), expected)

    def test_clipped_points_are_told(self):
        spectra = profiles()
        changed = {"up": at_level(spectra, 0.99)}
        found = effect(lambda s: s[:, 0], spectra, changed, GROUPS)
        moved = (changed["up"].spectra != spectra).sum()
        assert found.loc["up", "clipped"] == pytest.approx(changed["up"].clipped.sum() / moved)
        assert found.loc["up", "clipped"] > 0

    def test_one_observation_has_no_interval(self):
        spectra = profiles()
        found = effect(lambda s: s[:, 120], spectra, interventions(spectra), ["PF 1"] * 80)
        assert found[["low", "high", "size_low", "beyond_high"]].isna().all(axis=None)

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"changed": {}}, "no intervention to measure"),
            ({"controls": {"filled": "none"}}, "no intervention 'none'"),
            ({"controls": {"none": "filled"}}, "no intervention 'none'"),
            ({"groups": GROUPS[:5]}, "each of 80 spectra"),
            ({"predict": lambda s: s}, "What predict returns has the shape"),
            ({"predict": lambda s: s[:, 0] * np.nan}, "What predict returns is nan"),
            ({"spectra": profiles()[:5], "groups": GROUPS[:5]}, "change the same ones"),
            ({"count": 3}, "too few for the level"),
        ],
    )
    def test_what_has_no_effect_to_measure_is_refused(self, change, said):
        spectra = profiles()
        given = {"predict": lambda s: s[:, 0], "spectra": spectra, "groups": GROUPS}
        given |= {"changed": {"filled": without_lines(spectra)}} | change
        with pytest.raises(FindingError, match=said):
            effect(**given)


class TestAttributionMoved:
    def test_of_a_linear_network_it_is_the_change_of_its_terms(self):
        spectra = profiles()
        weight = np.random.default_rng(1).normal(size=POINTS)
        filled = without_lines(spectra)
        found = attribution_moved(lambda s: s * weight, spectra, filled, GROUPS, count=40)
        terms = (filled.spectra.astype(float) - spectra) * weight
        bands = band_of_points()
        assert_array_equal(found.index[:-2], list(dict.fromkeys(bands)))
        for name in found.index[:-2]:
            expected = terms[:, bands == name].sum(axis=1).mean()
            assert found.loc[name, "change"] == pytest.approx(expected, abs=1e-6)
        assert found.loc["metallic lines", "change"] == pytest.approx(
            terms.sum(axis=1).mean(), abs=1e-6
        )
        assert found.loc["all", "change"] == pytest.approx(
            found.loc["metallic lines", "change"], abs=1e-6
        )
        assert found.loc["k core", ["change", "low", "high"]].tolist() == [0, 0, 0]
        size = np.abs(spectra * weight)[:, points_of("triplet")].sum(axis=1).mean()
        assert found.loc["triplet", "size_before"] == pytest.approx(size, rel=1e-5)

    def test_before_and_after_differ_by_the_change(self):
        spectra = profiles()
        found = attribution_moved(lambda s: s**2, spectra, at_level(spectra, 0.3), GROUPS)
        assert_allclose(found["after"] - found["before"], found["change"], atol=1e-7)
        assert ((found["low"] <= found["change"]) & (found["change"] <= found["high"])).all()
        single = found.iloc[:-2]
        for column in ("before", "size_after"):
            assert found.loc["all", column] == pytest.approx(single[column].sum())
            metals = single.loc[list(METALS), column].sum()
            assert found.loc["metallic lines", column] == pytest.approx(metals)

    @pytest.mark.parametrize(
        ("explain", "said"),
        [
            (lambda s: s[:, :5], "What explain returns has the shape"),
            (lambda s: s * np.inf, "What explain returns is nan or inf"),
        ],
    )
    def test_what_are_no_attributions_is_refused(self, explain, said):
        spectra = profiles()
        with pytest.raises(FindingError, match=said), np.errstate(invalid="ignore"):
            attribution_moved(explain, spectra, without_lines(spectra), GROUPS)
