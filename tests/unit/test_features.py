"""Each feature is found where it was planted; differences of scores are those of plain loops."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal
from pandas.testing import assert_frame_equal

from preflare import figures_spectrograms as figures
from preflare.errors import FindingError
from preflare.findings.examples import LEAST, best_examples, spectrogram_strengths, strongest
from preflare.findings.feature_scores import event_scores, feature_scores
from preflare.findings.features import (
    FEATURES,
    feature_measures,
    feature_strengths,
    typical_features,
)
from preflare.findings.ranking import ranked
from preflare.findings.spectrograms import spectrogram, window
from preflare.reliability import area_under_curve
from preflare.rules import accepted
from preflare.shapes import shapes
from preflare.spectrum import FIRST, LINES, SPACING, Sampling, grid
from preflare.twin.blends import REAL_MU
from preflare.twin.dressing import KINDS, profiles_at
from preflare.twin.library import WAVELENGTH
from tests.unit.test_spectrograms import consistent, observation, study


def bump(centre, width, height=1.0):
    return height * np.exp(-0.5 * ((grid() - centre) / width) ** 2)


def profile(width=0.18, dip=0.65, wing=0.0, triplet=0.0, shift=0.0, off=0.0):
    """Make reversed lines; a wing lies 0.5 Å to the red, a negative one to the blue."""
    light = np.full(240, 0.05) + bump(LINES["triplet"], 0.12, triplet)
    for line, height in (("k", 1.0), ("h", 0.8)):
        centre = LINES[line] + shift
        light += bump(centre, width, height) - bump(centre + off, 0.08, height * dip)
        light += bump(centre + 0.5 * np.sign(wing), 0.15, height * abs(wing))
    return light / light.max()


def mirrored(spectrum):
    """Mirror the surroundings of k and of h, exactly where the lines lie between grid points."""
    image = spectrum.copy()
    for line in ("k", "h"):
        around = np.abs(grid() - LINES[line]) < 1.9
        image[around] = np.interp(2 * LINES[line] - grid()[around], grid(), spectrum)
    return image


def measured(spectrum):
    return feature_measures(np.atleast_2d(spectrum)).iloc[0]


def reference(count=400, seed=0):
    random = np.random.default_rng(seed)
    numbers = zip(
        random.normal(0.18, 0.02, count),
        random.uniform(0.55, 0.75, count),
        random.normal(0.0, 0.03, count),
        random.uniform(0.0, 0.02, count),
        strict=True,
    )
    return np.array([profile(*each) for each in numbers])


TYPICAL = typical_features(reference())
PLANTED = {
    "triplet": profile(triplet=0.3),
    "red_wing": profile(wing=0.3),
    "blue_wing": profile(wing=-0.3),
    "broad_core": profile(width=0.4),
    "single_peak": profile(dip=0.0),
    "asymmetry": profile(off=0.15),
}
PLAIN = profile()


class TestMeasures:
    @pytest.mark.parametrize("feature", FEATURES)
    def test_a_planted_feature_is_strongest_in_its_own_measure(self, feature):
        strengths = feature_strengths(np.array(list(PLANTED.values())), TYPICAL)
        place = list(PLANTED).index(feature)
        assert strengths[feature].iloc[place] == strengths[feature].max()
        assert strengths[feature].iloc[place] > LEAST
        own = strengths.iloc[place]
        # A wing of one side is an asymmetry, and the other way round.
        alike = {"red_wing", "blue_wing", "asymmetry"}
        others = own.drop(list(alike if feature in alike else {feature}))
        assert (others < own[feature]).all()

    def test_a_plain_line_shows_nothing(self):
        assert (feature_strengths(PLAIN[None], TYPICAL).iloc[0] < 1).all()

    def test_a_mirrored_line_has_its_wings_exchanged_and_all_else_alike(self):
        for spectrum in PLANTED.values():
            here, there = measured(spectrum), measured(mirrored(spectrum))
            assert_allclose(there["red_wing"], here["blue_wing"], atol=0.004)
            same = ["triplet", "broad_core", "single_peak", "asymmetry"]
            assert_allclose(there[same], here[same], atol=0.03)
        assert measured(PLANTED["red_wing"])["red_wing"] > 0.05

    def test_brightness_makes_no_difference(self):
        spectra = reference(20)
        assert_allclose(feature_measures(1e3 * spectra), feature_measures(spectra), atol=1e-5)

    def test_a_line_that_moves_as_a_whole_stays_as_symmetric_as_it_was(self):
        values = [measured(profile(shift=shift)) for shift in (0.0, 0.11, -0.23)]
        assert max(value["asymmetry"] for value in values) < 0.02
        assert_allclose(
            [value["broad_core"] for value in values], values[0]["broad_core"], rtol=0.02
        )

    def test_the_width_is_that_of_shapes_where_both_lines_are_k(self):
        spectra = reference(30)
        spectra[:, 149:] = 0  # the same line again, at the same distance from grid points
        step = (LINES["h"] - LINES["k"]) / SPACING
        spectra[:, 130:] = np.array(
            [np.interp(np.arange(130, 240) - step, np.arange(240), each) for each in spectra]
        )
        assert_allclose(feature_measures(spectra)["broad_core"], shapes(spectra)["fwhm"], rtol=0.01)

    def test_the_width_of_a_gaussian(self):
        for width in (0.15, 0.3):
            light = bump(LINES["k"], width) + bump(LINES["h"], width, 0.7)
            expected = 2 * np.sqrt(2 * np.log(2)) * width
            assert measured(light)["broad_core"] == pytest.approx(expected, rel=0.01)

    def test_the_reversal_is_the_dip_below_the_lower_peak(self):
        light = np.full(240, 0.0)
        for line in ("k", "h"):
            place = round((LINES[line] - FIRST) / SPACING)
            light[place - 3 : place + 4] = [0.2, 0.8, 0.5, 0.3, 0.6, 1.0, 0.1]
        assert measured(light)["single_peak"] == pytest.approx(-0.5)
        assert measured(PLANTED["single_peak"])["single_peak"] == 0

    def test_the_wing_is_the_excess_of_a_planted_band(self):
        light = np.full(240, 1.0)
        for line in ("k", "h"):
            offset = grid() - LINES[line]
            light[(offset > 0.1) & (offset < 1.1)] = 3.0
        # 3 less 1 at 15 of 21 points, over 4 at all but the first two of them, where it is 2.
        assert measured(light)["red_wing"] == pytest.approx(15 * 2 / (19 * 4 + 2 * 2), abs=0.02)

    def test_blocks_change_nothing(self, monkeypatch):
        spectra = reference(30)
        whole = feature_measures(spectra)
        monkeypatch.setattr("preflare.findings.features.AT_ONCE", 7)
        assert_frame_equal(feature_measures(spectra), whole)

    @pytest.mark.parametrize(
        ("kind", "least"),
        [
            ("triplet", 0.98),
            ("red_wing", 0.95),
            ("blue_wing", 0.95),
            ("broad_core", 0.75),
            ("single_peak", 0.95),
        ],
    )
    def test_precursors_of_the_twin_show_their_own(self, kind, least):
        """Columns with a precursor against the same columns without: AUC of its own measure."""
        profiles = profiles_at(REAL_MU)
        sampling = Sampling.between(WAVELENGTH, grid())
        base, disturbed = (
            feature_measures(sampling(each[:, sampling.window]))[kind]
            for each in (profiles.base, profiles.disturbed[KINDS.index(kind)])
        )
        ranks = pd.concat([base, disturbed]).rank(pct=True)
        truth = np.repeat([0, 1], [len(base), len(disturbed)])
        assert area_under_curve(truth, ranks) > least


class TestTypical:
    def test_it_is_median_and_scaled_deviation(self):
        spectra = reference()
        measures = feature_measures(spectra)
        assert_allclose(TYPICAL["median"], np.median(measures, axis=0))
        away = np.abs(measures.to_numpy() - np.median(measures, axis=0))
        assert_allclose(TYPICAL["scatter"], 1.4826 * np.median(away, axis=0))
        strengths = feature_strengths(spectra, TYPICAL)
        assert_allclose(strengths.median(), 0, atol=1e-9)
        assert_allclose(strengths.abs().median(), 1 / 1.4826)

    def test_a_reference_without_scatter_is_refused(self):
        with pytest.raises(FindingError, match="Half of 5 reference spectra or more are alike in"):
            typical_features(np.tile(PLAIN, (5, 1)))

    @pytest.mark.parametrize(
        ("spectra", "sentence"),
        [
            (np.ones((3, 5)), r"spectra of shape \(3, 5\)"),
            (np.ones((0, 240)), r"spectra of shape \(0, 240\)"),
            (np.full((2, 240), np.nan), "2 of 2 spectra hold nan or inf"),
            (np.zeros((2, 240)), "2 of 2 spectra have no emission in k or in h"),
            (np.ones((2, 240)), "2 of 2 spectra have no emission in k or in h"),
            ("words", "no array of numbers"),
        ],
    )
    def test_what_are_no_spectra_is_refused(self, spectra, sentence):
        with pytest.raises(FindingError, match=sentence):
            feature_strengths(spectra, TYPICAL)


class TestExamples:
    def planted(self):
        """High scores of plain spectra, and three spectrograms that show something."""
        cubes, scores = study()
        for name in cubes:
            values = cubes[name]["intensity"].values
            random = np.random.default_rng(len(name))
            shown = values.shape[:-1]
            values[:] = np.where(
                np.isfinite(values), reference(int(np.prod(shown))).reshape(values.shape), np.nan
            )
            values *= random.choice([1, 2])  # measures do not depend on it
        for name, step, pixel, spectrum in (
            ("PF 1", 0, 1, PLANTED["triplet"]),
            ("PF 1", 1, 0, profile(wing=0.2)),
            ("AR 1", 0, 0, profile(wing=0.14)),
        ):
            pixels = cubes[name]["intensity"].values[:, step, pixel]
            pixels[np.isfinite(pixels[:, 0])] = spectrum
        return cubes, ranked(cubes, scores)

    def test_strengths_are_means_over_accepted_spectra_of_the_window(self):
        cubes, table = self.planted()
        some = table.sample(8, random_state=1)
        strengths = spectrogram_strengths(cubes, some, TYPICAL)
        assert_array_equal(strengths.index, some.index)
        for row in some.itertuples():
            cube = cubes[row.observation]
            keep = accepted(cube) & window(row.observation, cube)[2][..., None]
            own = cube["intensity"].values[keep[:, row.step, row.pixel], row.step, row.pixel]
            expected = feature_strengths(own, TYPICAL).mean()
            assert_allclose(strengths.loc[row.Index], expected, atol=1e-6)

    def test_a_spectrogram_without_accepted_spectra_has_no_strength(self):
        cube, scores, maps = observation(onset=1900.0)
        cube["flags"].values[:, 1, 1] |= 4
        consistent(cube, scores, maps)
        table = ranked({"PF 1": cube}, {"PF 1": scores})
        empty = table[table["accepted"] == 0]
        assert len(empty) == 1
        assert spectrogram_strengths({"PF 1": cube}, empty, TYPICAL).isna().all(axis=None)

    def test_planted_ones_are_chosen_and_the_rest_is_not_found(self):
        cubes, table = self.planted()
        found = best_examples(table, spectrogram_strengths(cubes, table, TYPICAL))
        place = ["observation", "step", "pixel"]
        assert found.loc["triplet", place].tolist() == ["PF 1", 0, 1]
        # The strongest wing is in an observation that is shown already.
        assert found.loc["red_wing", place].tolist() == ["AR 1", 0, 0]
        assert found.loc["red_wing", "shown by"] == 2
        best = table.loc[spectrogram_strengths(cubes, table, TYPICAL)["asymmetry"].idxmax()]
        assert found.loc["asymmetry", place].tolist() == best[place].tolist()
        assert found.loc["asymmetry", "note"] == "of an observation that is shown already"
        assert (found.loc[["triplet", "red_wing"], "strength"] > LEAST).all()
        for feature in ("blue_wing", "broad_core", "single_peak"):
            assert found.loc[feature, "note"] == "not found"
            assert found.loc[feature, "shown by"] == 0
            assert found.loc[feature, [*place, "rank", "mean score", "strength"]].isna().all()

    def test_order_of_rows_makes_no_difference(self):
        cubes, table = self.planted()
        strengths = spectrogram_strengths(cubes, table, TYPICAL).round()  # with ties
        turned = table.iloc[::-1]
        first, other = (best_examples(each, strengths.loc[each.index]) for each in (table, turned))
        assert_frame_equal(first, other)

    def test_nothing_is_found_where_nothing_is_strong(self):
        cubes, table = self.planted()
        strengths = spectrogram_strengths(cubes, table, TYPICAL)
        found = best_examples(table, strengths, least=1e3)
        assert (found["note"] == "not found").all()
        assert found.index.tolist() == list(FEATURES)

    def test_strengths_of_other_spectrograms_are_refused(self):
        cubes, table = self.planted()
        strengths = spectrogram_strengths(cubes, table, TYPICAL)
        for wrong in (table.iloc[:3], table.iloc[:0]):
            with pytest.raises(FindingError, match="spectrograms and strengths of 20"):
                best_examples(wrong, strengths)

    def test_the_strongest_spectrum_is_where_it_was_planted(self):
        cube, scores, maps = observation(onset=1900.0)
        values = cube["intensity"].values
        values[np.isfinite(values)] = np.broadcast_to(PLAIN, values.shape)[np.isfinite(values)]
        example = spectrogram("PF 1", cube, scores, maps, 0, 1)
        place = int(np.flatnonzero(example.accepted)[3])
        example.spectra[place] = PLANTED["triplet"]
        assert strongest(example, "triplet", TYPICAL) == place
        with pytest.raises(FindingError, match="There is no feature 'loops'"):
            strongest(example, "loops", TYPICAL)
        example.accepted[:] = False
        with pytest.raises(FindingError, match="No spectrum of PF 1, step 0, pixel 1 is accepted"):
            strongest(example, "triplet", TYPICAL)


def scored(seed=0, groups=8, effect=0.3):
    """Make scores that a feature raises, more in some observations, on unequal levels."""
    random = np.random.default_rng(seed)
    observed = np.repeat(np.arange(groups), np.linspace(20, 60, groups).round().astype(int))
    strengths = pd.DataFrame(random.normal(size=(observed.size, 2)), columns=["triplet", "broad"])
    level, gain = random.uniform(0, 0.5, groups), effect * random.uniform(0.5, 1.5, groups)
    noise = 0.05 * random.normal(size=observed.size)
    score = level[observed] + gain[observed] * (strengths["triplet"] > 1) + noise
    names = np.array([f"{'PF' if g % 2 else 'AR'} {g}" for g in range(groups)])[observed]
    kinds = np.where(observed % 2, "PF", "AR")
    return strengths, score.to_numpy(), names, kinds


class TestEventScores:
    def held(self, seed=0):
        """Events that raise the score by 0.2, in observations of unequal levels."""
        _, score, names, kinds = scored(seed, effect=0.0)
        event = np.random.default_rng(seed).choice(["none", "triplet", "red_wing"], names.size)
        return event, score + 0.2 * (event == "triplet"), names, kinds

    def test_they_are_those_of_a_plain_loop(self):
        event, score, names, kinds = self.held()
        table = event_scores(event, score, names, kinds, count=60, seed=3)
        assert table["feature"].tolist() == 2 * (2 * ["red_wing"] + 2 * ["triplet"])
        for row in table[table["class"] == "PF"].itertuples():
            own = np.unique(names[kinds == "PF"])

            def means(some, row=row):
                parts = [np.isin(names, [n]) for n in some]
                if row.comparison == "pooled":
                    whole = np.concatenate([np.flatnonzero(p) for p in parts])
                    parts = [whole]
                pairs = [
                    [score[p][event[p] == name].mean() for name in (row.feature, "none")]
                    for p in parts
                ]
                return np.subtract(*np.mean(pairs, axis=0))

            times = np.random.default_rng(3).multinomial(
                own.size, np.full(own.size, 1 / own.size), size=60
            )
            drawn = [means(np.repeat(own, often)) for often in times]
            assert row.difference == pytest.approx(means(own))
            assert_allclose([row.low, row.high], np.quantile(drawn, [0.025, 0.975]))

    def test_a_planted_event_is_found_and_another_is_not(self):
        table = event_scores(*self.held(1)).set_index(["class", "feature", "comparison"])
        found = table.loc[("PF", "triplet", "within")]
        assert found["low"] < 0.2 < found["high"]
        assert found["low"] > 0.1
        other = table.loc[("PF", "red_wing", "within")]
        assert other["low"] < 0 < other["high"]

    @pytest.mark.parametrize(
        ("event", "said"),
        [
            (["none"], r"event has the shape \(1,\)"),
            ([None] * 320, "lacks a value"),
            (["triplet"] * 320, "is nowhere 'none'"),
        ],
    )
    def test_what_cannot_be_compared_is_refused(self, event, said):
        _, score, names, kinds = scored()
        with pytest.raises(FindingError, match=said):
            event_scores(event, score, names, kinds)


class TestScores:
    def test_they_are_those_of_plain_loops(self):
        strengths, score, names, kinds = scored()
        table = feature_scores(strengths, score, names, kinds, share=0.2, count=60, seed=3)
        assert len(table) == 2 * 2 * 2
        for row in table.itertuples():
            own = np.flatnonzero(kinds == row[1])
            held = np.unique(names[own])
            strength = strengths[row.feature].to_numpy()
            shows = np.zeros(len(score), bool)
            parts = [own] if row.comparison == "pooled" else [own[names[own] == n] for n in held]
            for part in parts:
                shows[part] = strength[part] >= np.quantile(strength[part], 0.8)
            assert row.spectra == shows.sum()
            assert row.observations == np.unique(names[shows]).size
            random, drawn = np.random.default_rng(3), []
            for times in [np.ones(held.size, int), *random.multinomial(
                held.size, np.full(held.size, 1 / held.size), size=60
            )]:  # fmt: skip
                members = [own[names[own] == n] for n in np.repeat(held, times)]
                if row.comparison == "pooled":
                    members = [np.concatenate(members)]
                means = [(score[m][shows[m]].mean(), score[m][~shows[m]].mean()) for m in members]
                drawn.append(np.mean(means, axis=0))
            with_it, without = np.transpose(drawn)
            assert_allclose(table.loc[row.Index, ["with", "without"]].astype(float), drawn[0])
            assert row.difference == pytest.approx(with_it[0] - without[0])
            low, high = np.quantile((with_it - without)[1:], [0.025, 0.975])
            assert_allclose([row.low, row.high], [low, high])
            assert row.undefined == 0

    def test_a_planted_effect_is_found_and_none_where_there_is_none(self):
        table = feature_scores(*scored(groups=30)).set_index(["feature", "comparison"])
        assert (table.loc["triplet", "low"] > 0.1).all()
        within = table.loc[("broad", "within")]
        assert (within["low"] < 0).all()
        assert (within["high"] > 0).all()

    def test_levels_of_observations_count_only_if_pooled(self):
        """A feature that is common where scores are high, and does nothing there."""
        names = np.repeat(["PF 1", "PF 2", "PF 3", "PF 4"], 50)
        score = np.repeat([0.2, 0.2, 0.8, 0.8], 50)
        strengths = pd.DataFrame({"triplet": np.random.default_rng(0).random(200) + 2 * score})
        table = feature_scores(strengths, score, names, ["PF"] * 200).set_index("comparison")
        assert table.loc["pooled", "difference"] > 0.3
        assert table.loc["within", "difference"] == pytest.approx(0, abs=1e-12)

    def test_order_makes_no_difference(self):
        strengths, score, names, kinds = scored()
        order = np.random.default_rng(0).permutation(len(score))
        turned = strengths.iloc[order], score[order], names[order], kinds[order]
        assert_frame_equal(feature_scores(strengths, score, names, kinds), feature_scores(*turned))

    def test_one_observation_has_no_interval(self):
        strengths, score, _, _ = scored()
        table = feature_scores(strengths, score, ["PF 1"] * 320, ["PF"] * 320)
        assert table[["with", "without", "difference"]].notna().all(axis=None)
        assert table[["low", "high"]].isna().all(axis=None)
        assert (table["undefined"] == 1000).all()

    def test_equal_strengths_leave_nothing_to_compare_with(self):
        _, score, names, kinds = scored()
        table = feature_scores(pd.DataFrame({"flat": np.ones(320)}), score, names, kinds)
        assert table[["without", "difference", "low", "high"]].isna().all(axis=None)
        within = table["comparison"] == "within"
        assert table.loc[~within, "spectra"].tolist() == [(kinds == k).sum() for k in ("AR", "PF")]
        assert (table.loc[within, ["spectra", "observations"]] == 0).all(axis=None)

    def test_a_feature_of_few_observations_has_no_interval_if_resamples_lack_it(self):
        strengths, score, names, kinds = scored()
        strengths["triplet"] = np.isin(names, ["PF 1", "PF 3"]) + 1e-6 * strengths["broad"]
        table = feature_scores(strengths, score, names, kinds).set_index(
            ["class", "feature", "comparison"]
        )
        row = table.loc[("PF", "triplet", "pooled")]
        assert row["observations"] == 2
        assert row["undefined"] > 30  # of 1000: (2 of 4 observations drawn 4 times) 1/16
        assert row[["low", "high"]].isna().all()

    @pytest.mark.parametrize(
        ("wrong", "sentence"),
        [
            ({"share": 1.0}, "The share 1.0 is not between 0 and 1"),
            ({"level": 1.0}, "The level is 1.0"),
            ({"count": 10}, "10 resamples are too few"),
            ({"score": np.ones(3)}, r"score has the shape \(3,\): give \(320,\)"),
            ({"score": np.full(320, np.nan)}, "score is nan or inf in 320 of 320 places"),
            ({"observation": ["PF 1"]}, "name the observation of each of 320 spectra"),
            ({"observation": [None] * 320}, "holds a missing value"),
            ({"kind": ["PF"]}, r"kind has the shape \(1,\) or lacks a class"),
            ({"kind": [None] * 320}, r"kind has the shape \(320,\) or lacks a class"),
            ({"observation": ["PF 1"] * 320}, "PF 1 has spectra of two classes"),
            ({"strengths": pd.DataFrame({"a": np.full(320, np.nan)})}, "strengths is nan or inf"),
        ],
    )
    def test_what_cannot_be_compared_is_refused(self, wrong, sentence):
        given = dict(zip(("strengths", "score", "observation", "kind"), scored(), strict=True))
        with pytest.raises(FindingError, match=sentence):
            feature_scores(**given | wrong)

    def test_the_figure_shows_differences_with_their_intervals(self):
        table = feature_scores(*scored())
        axes = Figure().subplots()
        figures.feature_differences(axes, table[table["comparison"] == "within"])
        labels = [label.get_text() for label in axes.get_yticklabels()]
        assert labels == ["triplet", "broad"]
        drawn = np.concatenate([each[0].get_xdata() for each in axes.containers]).astype(float)
        assert_allclose(drawn, table.loc[table["comparison"] == "within", "difference"])
        ends = np.concatenate([each[2][0].get_segments() for each in axes.containers])[:, :, 0]
        assert_allclose(ends, table.loc[table["comparison"] == "within", ["low", "high"]])
