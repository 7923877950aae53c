"""Spectrograms are those of plain loops over exposures; pictures of them hold what they say."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal
from pandas.testing import assert_frame_equal

from preflare import figures_spectrograms as figures
from preflare.errors import FindingError
from preflare.figures_explaining import SIGNED_MAP
from preflare.findings.ranking import counts, highest, ranked
from preflare.findings.spectrograms import ALL, BEFORE_ONSET, FIRST, spectrogram, window
from preflare.rules import Rule, accepted
from preflare.spectrum import LINES, grid

DIMS = ("time", "step", "slit")
START = np.datetime64("2014-03-29T14:00:00", "ns")
SECOND = np.timedelta64(10**9, "ns")


def observation(shape=(20, 2, 3), onset=None, cadence=120.0, seed=0, rejected=0.3):
    """Make a cube, its scores and its attributions; some spectra are rejected."""
    random = np.random.default_rng(seed)
    seconds = cadence * np.arange(shape[0])[:, None] + cadence / shape[1] * np.arange(shape[1])
    start = START + (seconds * 1e9).astype("timedelta64[ns]")
    since = np.full(shape[:2], np.nan) if onset is None else seconds - onset
    flags = np.where(random.random(shape) < rejected, Rule.LOW_SIGNAL, 0).astype(np.uint8)
    profiles = random.random((*shape, 240)).astype(np.float32)
    cube = xr.Dataset(
        {
            "intensity": ((*DIMS, "wavelength"), profiles),
            "peak": (DIMS, np.ones(shape, np.float32)),
            "flags": (DIMS, flags),
            "t_onset": (DIMS[:2], since),
        },
        {
            "start": (DIMS[:2], start),
            "slit_y": ("slit", 0.5 * np.arange(shape[2]) - 3),
            "wavelength": grid(),
        },
        {"reject": int(Rule.LOW_SIGNAL | Rule.MISSING)},
    )
    score, maps = random.random(shape).astype(np.float32), random.normal(size=(*shape, 240))
    attributions = xr.Dataset({"attribution": ((*DIMS, "wavelength"), maps.astype(np.float32))})
    return consistent(cube, xr.Dataset({"score": (DIMS, score)}), attributions)


def consistent(cube, scores, attributions):
    """Make nan what is not accepted."""
    keep = accepted(cube)
    cube["intensity"].values[~keep] = np.nan
    scores["score"].values[~keep] = np.nan
    attributions["attribution"].values[~keep] = np.nan
    return cube, scores, attributions


def without(cube, time, step):
    """Take a step away from a raster, as where a raster was cut short."""
    cube["start"].values[time, step] = np.datetime64("NaT")
    cube["t_onset"].values[time, step] = np.nan
    cube["flags"].values[time, step] |= np.uint8(Rule.MISSING)


def study(seed=0):
    made = {
        "PF 1": observation(onset=1900.0, seed=seed),
        "PF 2": observation((9, 3, 2), onset=1000.0, seed=seed + 1),
        "AR 1": observation(seed=seed + 2),
        "PF 3": observation((4, 1, 2), seed=seed + 3),
    }
    return {n: m[0] for n, m in made.items()}, {n: m[1] for n, m in made.items()}


def one(name, **settings):
    cube, scores, attributions = observation(**settings)
    return {name: cube}, {name: scores}, {name: attributions}


class TestWindow:
    def test_of_pf_it_is_the_25_minutes_before_the_onset(self):
        cube, *_ = observation((42, 1, 2), onset=2400.0, cadence=60.0)
        kind, said, inside = window("PF 1", cube)
        assert (kind, said) == ("PF", BEFORE_ONSET)
        assert_array_equal(np.flatnonzero(inside), np.arange(15, 40))  # the onset is not in it

    def test_of_ar_it_is_the_first_25_minutes(self):
        cube, *_ = observation((40, 2, 2), cadence=60.0)
        kind, said, inside = window("AR 7", cube)
        assert (kind, said) == ("AR", FIRST)
        assert_array_equal(inside.sum(axis=0), [25, 25])

    @pytest.mark.parametrize(
        ("name", "expected"), [("PF 1", "PF"), ("20140329_140938", "unknown"), ("", "unknown")]
    )
    def test_all_counts_where_the_onset_is_unknown_and_it_is_said(self, name, expected):
        cube, *_ = observation((40, 2, 2), cadence=60.0)
        kind, said, inside = window(name, cube)
        assert (kind, said) == (expected, ALL)
        assert inside.all()

    def test_a_cube_of_another_name_is_pf_by_its_onset(self):
        assert window("mine", observation(onset=1900.0)[0])[0] == "PF"

    @pytest.mark.parametrize(("name", "onset"), [("PF 1", 1900.0), ("AR 1", None), ("?", None)])
    def test_a_step_that_a_raster_lacks_is_not_in_it(self, name, onset):
        cube, *_ = observation(onset=onset)
        whole = window(name, cube)[2]
        without(cube, 5, 1)
        inside = window(name, cube)[2]
        assert not inside[5, 1]
        assert inside.sum() == whole.sum() - 1

    @pytest.mark.parametrize("name", ["AR 1", "PF 1", "?"])
    def test_no_times_at_all_leave_it_empty(self, name):
        cube, *_ = observation()
        cube["start"].values[:] = np.datetime64("NaT")
        assert not window(name, cube)[2].any()

    def test_an_ar_with_a_flare_is_refused(self):
        with pytest.raises(FindingError, match="AR 1 is called AR and has the onset of a flare"):
            window("AR 1", observation(onset=1900.0)[0])


class TestRanked:
    def test_it_is_that_of_plain_loops(self):
        cubes, scores = study()
        without(cubes["PF 1"], 8, 1)
        for name in cubes:
            consistent(cubes[name], scores[name], observation(cubes[name]["flags"].shape)[2])
        table = ranked(cubes, scores, share=0.7, number=3, high=0.6)
        assert len(table) == 2 * 3 + 3 * 2 + 2 * 3 + 2
        for row in table.itertuples():
            cube, score = cubes[row.observation], scores[row.observation]["score"].values
            inside = window(row.observation, cube)[2][:, row.step]
            keep = accepted(cube)[:, row.step, row.pixel] & inside
            own = score[keep, row.step, row.pixel].astype(float)
            assert (row.accepted, row.spectra) == (own.size, inside.sum())
            assert row.slit_y == 0.5 * row.pixel - 3
            expected = [own.mean(), own.std(), (own > 0.6).mean()] if own.size else [np.nan] * 3
            measured = table.loc[row.Index, ["mean score", "deviation", "high share"]]
            assert_allclose(measured.astype(float), expected, rtol=1e-6, atol=1e-9)
            start = cube["start"].values[inside, row.step]
            assert (row.first, row.last) == (start.min(), start.max())
            fit = own.size >= 3 and own.size >= 0.7 * inside.sum()
            assert pd.notna(row.rank) == fit == (row.reason == "")
        places = table["rank"].dropna()
        assert_array_equal(places, np.arange(1, len(places) + 1))
        assert table["rank"].iloc[: len(places)].notna().all()
        assert (np.diff(table["mean score"].iloc[: len(places)]) <= 0).all()
        assert len(places) not in (0, len(table))

    def test_planted_ones_come_first(self):
        cubes, scores = study()
        for name, step, pixel, level in (("AR 1", 1, 2, 0.99), ("PF 2", 2, 0, 0.97)):
            values = scores[name]["score"].values[:, step, pixel]
            values[np.isfinite(values)] = level
        first = ranked(cubes, scores).iloc[:2]
        assert first[["observation", "step", "pixel"]].to_numpy().tolist() == [
            ["AR 1", 1, 2],
            ["PF 2", 2, 0],
        ]
        assert_allclose(first["mean score"], [0.99, 0.97], rtol=1e-6)
        assert_allclose(first["deviation"], 0, atol=1e-9)
        assert (first["high share"] == 1).all()

    def test_order_makes_no_difference_not_even_to_ties(self):
        cubes, scores = study()
        for each in scores.values():
            each["score"].values[np.isfinite(each["score"].values)] = 0.5
        backwards = dict(reversed(cubes.items()))
        assert_frame_equal(ranked(cubes, scores), ranked(backwards, scores))

    def test_the_first_reason_that_applies_is_given(self):
        cubes, scores, _ = one("PF 1", shape=(10, 1, 3), onset=1200.0, rejected=0.0)
        cubes["PF 1"]["flags"].values[1:, 0, 0] = Rule.LOW_SIGNAL
        cubes["PF 1"]["flags"].values[4:, 0, 1] = Rule.LOW_SIGNAL
        cubes["PF 1"]["flags"].values[5:, 0, 2] = Rule.LOW_SIGNAL
        consistent(cubes["PF 1"], scores["PF 1"], observation((10, 1, 3))[2])
        table = ranked(cubes, scores).set_index("pixel")
        assert table["reason"].sort_index().tolist() == [
            "fewer than 2 spectra accepted",
            "less than 50% accepted",
            "",
        ]
        assert table["rank"].sort_index().isna().tolist() == [True, True, False]
        assert table["mean score"].notna().all()

    def test_all_flagged_stay_in_the_table(self):
        cubes, scores, _ = one("AR 1", rejected=1.0)
        table = ranked(cubes, scores)
        assert len(table) == 6
        assert (table["accepted"] == 0).all()
        assert table["spectra"].tolist() == 3 * [13] + 3 * [12]
        assert table[["rank", "mean score", "deviation", "high share"]].isna().all(axis=None)
        assert (table["reason"] == "fewer than 2 spectra accepted").all()

    def test_nothing_before_the_onset(self):
        cubes, scores, _ = one("PF 1", onset=-60.0)
        table = ranked(cubes, scores)
        assert (table["reason"] == "no spectra in the window").all()
        assert table[["first", "last"]].isna().all(axis=None)

    def test_one_raster_is_enough_if_asked_for(self):
        cubes, scores, _ = one("PF 1", shape=(1, 3, 2), onset=600.0, rejected=0.0)
        assert ranked(cubes, scores)["rank"].isna().all()
        table = ranked(cubes, scores, number=1)
        assert table["rank"].notna().all()
        assert (table["deviation"] == 0).all()
        assert_array_equal(table["first"], table["last"])

    def test_counts_are_by_class_and_lose_nothing(self):
        cubes, scores = study()
        table = ranked(cubes, scores, share=0.7, number=3)
        found = counts(table)
        assert found.index.tolist() == ["AR", "PF"]
        assert found["spectrograms"].to_dict() == {"AR": 6, "PF": 14}
        reasons = found.columns.difference(
            ["spectrograms", "with spectra", "ranked", "spectra", "accepted"]
        )
        assert_array_equal(found["ranked"] + found[reasons].sum(axis=1), found["spectrograms"])
        for name, of_class in table.groupby("class"):
            assert found.loc[name, "with spectra"] == (of_class["accepted"] > 0).sum()
            assert found.loc[name, "spectra"] == of_class["spectra"].sum()
            assert found.loc[name, "accepted"] == of_class["accepted"].sum()

    def test_the_highest_are_a_share_of_those_with_a_rank(self):
        table = ranked(*study())
        number = table["rank"].count()
        assert highest(table, 2 / number)["rank"].tolist() == [1, 2]
        assert highest(table, 1.0)["rank"].count() == number
        assert len(highest(table, 1e-6)) == 1


class TestSpectrogram:
    def test_it_holds_what_the_pixel_saw(self):
        cube, scores, attributions = observation(onset=1900.0)
        example = spectrogram("PF 1", cube, scores, attributions, 1, 2)
        inside = window("PF 1", cube)[2][:, 1]
        assert_array_equal(example.raster, np.flatnonzero(inside))
        assert_array_equal(example.accepted, accepted(cube)[inside, 1, 2])
        assert not example.accepted.all()
        assert_array_equal(example.spectra, cube["intensity"].values[inside, 1, 2])
        assert_array_equal(example.attribution, attributions["attribution"].values[inside, 1, 2])
        assert_array_equal(example.score, scores["score"].values[inside, 1, 2])
        assert_array_equal(example.time, cube["t_onset"].values[inside, 1])
        assert np.isnan(example.spectra[~example.accepted]).all()
        assert (example.kind, example.slit_y, example.cadence) == ("PF", -2.0, 120.0)
        assert example.onset_known

    def test_order_of_dimensions_makes_no_difference(self):
        given = observation(onset=1900.0)
        turned = [given[0], *(each.transpose(*list(each.dims)[::-1]) for each in given[1:])]
        example, other = (spectrogram("PF 1", *each, 1, 2) for each in (given, turned))
        assert_array_equal(example.attribution, other.attribution)
        assert_array_equal(example.score, other.score)

    def test_a_raster_that_lacks_the_step_is_a_gap(self):
        cube, scores, attributions = observation(onset=1900.0, rejected=0.0)
        without(cube, 8, 1)
        example = spectrogram("PF 1", *consistent(cube, scores, attributions), 1, 0)
        place = np.flatnonzero(example.raster == 8)[0]
        assert_array_equal(np.diff(example.raster), 1)
        assert np.isnan(example.time[place])
        assert_array_equal(np.flatnonzero(~example.accepted), [place])
        assert np.isnan(example.spectra[place]).all()
        assert example.cadence == 120.0

    def test_time_counts_from_the_first_exposure_where_no_onset_is_known(self):
        example = spectrogram("AR 1", *observation(), 1, 0)
        assert_allclose(example.time, 120.0 * np.arange(12))
        assert not example.onset_known

    def test_a_single_raster_has_no_cadence(self):
        example = spectrogram("PF 1", *observation((1, 3, 2), onset=600.0), 1, 0)
        assert len(example) == 1
        assert np.isnan(example.cadence)


CUBES, SCORES, MAPS = one("PF 1", onset=1900.0)
PLAIN = CUBES["PF 1"], SCORES["PF 1"], MAPS["PF 1"]


def changed(scores, place, value):
    scores = scores.copy(deep=True)
    scores["score"].values[place] = value
    return {"PF 1": scores}


KEPT = tuple(np.argwhere(accepted(PLAIN[0]))[0])


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda: ranked({}, {}), "There are no cubes to make spectrograms of"),
        (lambda: ranked(CUBES, {}), "There are no scores of PF 1: give those of every cube."),
        (lambda: ranked(CUBES, SCORES, number=0), "At least 0 spectra and a share of 0.5 is no"),
        (lambda: ranked(CUBES, SCORES, share=1.5), "a share of 1.5 is no rule for a rank"),
        (
            lambda: ranked(CUBES, {"PF 1": PLAIN[1].isel(time=slice(3))}),
            r"have the shape \(3, 2, 3\) and its cube \(20, 2, 3\)",
        ),
        (
            lambda: ranked(CUBES, changed(PLAIN[1], KEPT, np.nan)),
            "or the other way round, in 1 of 120 places",
        ),
        (lambda: ranked(CUBES, changed(PLAIN[1], KEPT, 1.5)), "to 1.5: give probabilities"),
        (lambda: highest(ranked(CUBES, SCORES), 0), "The share 0 is not above 0 and up to 1"),
        (
            lambda: highest(ranked(CUBES, SCORES, number=99)),
            "None of 6 spectrograms has a rank: ask for fewer accepted spectra.",
        ),
        (lambda: spectrogram("PF 1", *PLAIN, 2, 0), "PF 1 has no step 2: give 0 to 1."),
        (lambda: spectrogram("PF 1", *PLAIN, 0, -1), "PF 1 has no slit -1: give 0 to 2."),
        (
            lambda: spectrogram("PF 1", *observation(onset=-60.0), 0, 0),
            r"PF 1 has no exposure of step 0 in its window \(25 min before the onset\)",
        ),
        (
            lambda: spectrogram("PF 1", *PLAIN[:2], MAPS["PF 1"] * np.nan, 0, 0),
            "The attributions of PF 1 are not finite where spectra are accepted",
        ),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(ask, sentence):
    with pytest.raises(FindingError, match=sentence):
        ask()


class TestFigures:
    def draw(self, example, most=2.0, at=None):
        figure = Figure()
        above, below = figure.subplots(2)
        image = figures.spectrogram(above, example, at)
        saliency, right = figures.saliency(below, example, most, at)
        figure.canvas.draw()
        return image, saliency, right

    def test_images_hold_the_spectrogram_with_the_score_as_opacity(self):
        example = spectrogram("PF 1", *PLAIN, 1, 2)
        image, saliency, right = self.draw(example, at=int(np.flatnonzero(example.accepted)[0]))
        assert_array_equal(image.get_array().filled(np.nan), example.spectra.T)
        assert_array_equal(saliency.get_array().filled(np.nan), example.attribution.T)
        shown = np.nan_to_num(example.score)
        assert_array_equal(saliency.get_alpha(), np.tile(shown, (240, 1)))
        assert saliency.get_clim() == (-2.0, 2.0)
        assert saliency.get_cmap().name == SIGNED_MAP
        assert_array_equal(right.lines[0].get_ydata(), example.score)
        edges = image.get_extent()
        assert edges[0] == example.raster[0] - 0.5
        assert edges[2] < min(LINES.values()) < max(LINES.values()) < edges[3]

    def test_gaps_are_grey_in_both(self):
        example = spectrogram("PF 1", *PLAIN, 1, 2)
        gap = int(np.flatnonzero(~example.accepted)[0])
        image, saliency, _ = self.draw(example)
        grey = to_rgba(figures.GAP)
        assert image.axes.get_facecolor() == grey
        assert image.get_array().mask[:, gap].all()
        below = saliency.axes.images[0]
        drawn = below.cmap(below.norm(below.get_array()))[0]
        assert_allclose(drawn[gap], grey)
        assert (drawn[example.accepted, 3] == 0).all()  # nothing is drawn over what is known

    def test_the_bar_is_one_minute_long(self):
        example = spectrogram("AR 1", *observation(cadence=20.0), 0, 0)
        axes = self.draw(example)[1].axes
        (bar,) = (each for each in axes.collections)
        assert_allclose(np.ptp(bar.get_paths()[0].vertices[:, 0]), 3)

    def test_all_rejected_or_one_raster_can_be_drawn(self):
        self.draw(spectrogram("AR 1", *observation(rejected=1.0), 0, 0))
        self.draw(spectrogram("PF 1", *observation((1, 3, 2), onset=600.0), 1, 0))

    def test_slices_share_their_colours(self):
        examples = [spectrogram("PF 1", *PLAIN, 1, pixel) for pixel in (0, 2)]
        places = [int(np.flatnonzero(each.accepted)[1]) for each in examples]
        figure = Figure()
        lines = figures.slices(figure.subplots(2), examples, places, 2.5)
        for line, example, at in zip(lines, examples, places, strict=True):
            assert line.get_clim() == (-2.5, 2.5)
            own = example.attribution[at]
            assert_allclose(line.get_array(), 0.5 * (own[1:] + own[:-1]))
            written = line.axes.texts[-1].get_text()
            assert written == f"PF 1\nstep 1\nscore {example.score[at]:.2f}"
