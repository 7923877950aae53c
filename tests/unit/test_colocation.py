"""Planted places are found, and chance is what brute force and scipy say it is."""

from itertools import permutations, product

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

import preflare as pf
from preflare import figures_slits
from preflare.errors import FindingError
from preflare.findings.aligned import JudgedSlits, by_tolerance, shares
from preflare.findings.chance import chance
from preflare.findings.colocation import COLUMNS, Colocation
from preflare.findings.shifts import at_least, central, number_aligned
from preflare.rules import Limits, Rule

SPECTRA = ("time", "step", "slit")
TIMES = (-600.0, -300.0, -30.0, 30.0, 300.0)
PIXEL = 0.5


def observed(attention, later, *, score=None, brightness=None, times=TIMES, onset=True, share=None):
    """Cube, scores, attributions and truth whose profiles before and after the onset are given.

    Profiles are (step, slit), the same in every exposure on their side.
    """
    attention, later = np.atleast_2d(attention).astype(float), np.atleast_2d(later).astype(float)
    steps, slit = attention.shape
    since = np.repeat(np.asarray(times, float)[:, None], steps, axis=1)
    start = np.full(since.shape, np.datetime64("NaT", "ns"))
    known = np.isfinite(since)
    moment = np.datetime64("2014-03-29T17:35:00", "ns")
    start[known] = moment + (since[known] * 1e9).astype("timedelta64[ns]")
    whole = (len(times), steps, slit)
    score = attention if score is None else np.atleast_2d(score)
    brightness = np.ones_like(attention) if brightness is None else np.atleast_2d(brightness)
    peak = np.where((since >= 0)[..., None], later, brightness)
    heat = np.broadcast_to(attention[None, ..., None], (*whole, 3))
    cube = xr.Dataset(
        {
            "intensity": ((*SPECTRA, "wavelength"), np.ones((*whole, 3))),
            "peak": (SPECTRA, peak),
            "flags": (SPECTRA, np.zeros(whole, np.uint8)),
            "t_onset": (SPECTRA[:2], since if onset else np.full(since.shape, np.nan)),
        },
        coords={
            "start": (SPECTRA[:2], start),
            "exposure": (SPECTRA[:2], np.full(since.shape, 8.0)),
            "slit_y": ("slit", PIXEL * (np.arange(slit) - (slit - 1) / 2)),
        },
        attrs={"limits": {"saturated_from": Limits().saturated_from}, "reject": 127},
    )
    share = np.zeros_like(attention) if share is None else np.atleast_2d(share)
    return (
        cube,
        xr.Dataset({"score": (SPECTRA, np.broadcast_to(score, whole).copy())}),
        xr.Dataset({"attribution": ((*SPECTRA, "wavelength"), heat.copy())}),
        xr.Dataset({"share": (SPECTRA, np.broadcast_to(share, whole).copy())}),
    )


def together(observations):
    """Return mappings of cubes, scores, attributions and truths from those of observations."""
    return [{name: data[place] for name, data in observations.items()} for place in range(4)]


def colocation(observations, truth=False, **options):
    *rest, truths = together(observations)
    return Colocation.of(*rest, truths if truth else None, **options)


def peak_at(place, slit=40):
    """Profiles (step, slit) that are greatest at the given pixels, one a step."""
    return np.exp(-0.5 * ((np.arange(slit) - np.atleast_1d(place)[:, None]) / 2.0) ** 2)


def drawn(observations=12, steps=4, slit=40, seed=0, follow=None):
    """Observations with random places; with follow, attention lies so far from the emission."""
    random = np.random.default_rng(seed)
    made = {}
    for number in range(observations):
        later = random.integers(0, slit, steps)
        place = random.integers(0, slit, steps)
        if follow is not None:
            place = np.clip(later + follow, 0, slit - 1)
        bright, middle = random.integers(0, slit, (2, steps))
        made[f"PF {number + 1}"] = observed(
            peak_at(place, slit),
            peak_at(later, slit),
            brightness=peak_at(bright, slit),
            share=peak_at(middle, slit),
        )
    return made


def one(*arguments, fewest=1, **options):
    table = colocation({"PF 1": observed(*arguments, **options)}, fewest=fewest).table()
    assert len(table) == 1
    return table.iloc[0]


class TestPlaces:
    def test_attention_where_the_emission_will_be_is_aligned_in_all_slits(self):
        table = colocation(drawn(follow=0)).table(tolerance=0)
        assert table["aligned"].all()
        assert_array_equal(table["distance"], 0)
        assert_array_equal(table["reason"], "")

    def test_distances_are_those_that_were_planted(self):
        slits = peak_at([10, 20, 30]), peak_at([10, 17, 38])
        table = colocation({"PF 1": observed(*slits)}).table(tolerance=3 * PIXEL)
        assert_allclose(table["distance"], [0, 3 * PIXEL, 8 * PIXEL])
        assert_array_equal(table["aligned"], [True, True, False])
        assert_allclose(table["attention_y"], PIXEL * (np.array([10, 20, 30]) - 19.5))
        assert_allclose(table["emission_y"], PIXEL * (np.array([10, 17, 38]) - 19.5))

    def test_each_place_is_that_of_its_own_profile(self):
        row = one(
            peak_at(10), peak_at(20), score=peak_at(12), brightness=peak_at(25), share=peak_at(3)
        )
        found = row[["attention_y", "emission_y", "score_y", "brightest_y"]].to_list()
        assert_allclose(found, PIXEL * (np.array([10, 20, 12, 25]) - 19.5))
        assert np.isnan(row["precursor_y"])
        assert row["middle_y"] == 0
        assert row["length"] == 39 * PIXEL
        assert row["pixels"] == 40
        assert row["spectra_before"] == 3 * 40
        assert row["spectra_after"] == 2 * 40

    def test_the_truth_tells_where_precursors_were(self):
        data = {"PF 1": observed(peak_at(10), peak_at(20), share=peak_at(3))}
        assert_allclose(colocation(data, truth=True).table()["precursor_y"], PIXEL * (3 - 19.5))

    def test_mean_and_maximum_may_differ(self):
        cube, scores, attributions, _ = observed(peak_at(10), peak_at(20))
        attributions["attribution"][1, 0, 33] = 1.5  # once strong, else nothing
        cube["peak"][3, 0, 5] = 1.5
        data = {"PF 1": cube}, {"PF 1": scores}, {"PF 1": attributions}
        for over_time, emission, places in (
            ("mean", "max", (10, 5)),
            ("max", "max", (33, 5)),
            ("mean", "mean", (10, 20)),
        ):
            table = Colocation.of(*data, over_time=over_time, emission=emission).table()
            found = table[["attention_y", "emission_y"]].to_numpy()[0]
            assert_allclose(found, PIXEL * (np.array(places) - 19.5))

    def test_windows_choose_exposures(self):
        cube, scores, attributions, _ = observed(peak_at(10), peak_at(20))
        attributions["attribution"][2] = 9 * peak_at(30)[..., None]  # 30 s before the onset
        cube["peak"][4] = 9 * peak_at(3)  # 300 s after it
        data = {"PF 1": cube}, {"PF 1": scores}, {"PF 1": attributions}
        for windows, places, spectra in (
            ({}, (30, 3), (120, 80)),
            ({"before": (-np.inf, -60.0), "after": (0.0, 300.0)}, (10, 20), (80, 40)),
            ({"before": (-30.0, 0.0), "after": (300.0, np.inf)}, (30, 3), (40, 40)),
        ):
            row = Colocation.of(*data, **windows).table().iloc[0]
            found = row[["attention_y", "emission_y"]].to_list()
            assert_allclose(found, PIXEL * (np.array(places) - 19.5))
            assert (row["spectra_before"], row["spectra_after"]) == spectra

    def test_the_light_of_the_window_may_be_greatest_elsewhere(self):
        cube, scores, attributions, _ = observed(peak_at(10), peak_at(20))
        cube["intensity"][:, :, 7] = 100.0
        cube["peak"] = cube["peak"] + 0.1
        data = {"PF 1": cube}, {"PF 1": scores}, {"PF 1": attributions}
        for measure, place in (("peak", 20), ("window", 7)):
            table = Colocation.of(*data, measure=measure).table()
            assert_allclose(table["emission_y"], PIXEL * (place - 19.5))

    def test_places_before_the_onset_are_sought_among_pixels_with_all_data(self):
        cube, scores, attributions, truth = observed(
            peak_at(10), peak_at(20), brightness=peak_at(10), share=peak_at(10)
        )
        attributions["attribution"][:, 0, 8:12] = np.nan
        scores["score"][:3, 0, 12] = np.nan
        cube["flags"][:3, 0, 7] = int(Rule.MISSING)
        data = {"PF 1": (cube, scores, attributions, truth)}
        found = colocation(data, truth=True)
        row = found.table().iloc[0]
        for column in ("attention_y", "score_y", "brightest_y", "precursor_y"):
            assert_allclose(row[column], PIXEL * (13 - 19.5), err_msg=column)
        assert row["pixels"] == 40 - 6
        expected = cube["slit_y"].values[[*range(7), *range(13, 40)]]
        assert_array_equal(found.candidates[0], expected)

    def test_the_emission_is_sought_in_all_pixels(self):
        cube, scores, attributions, truth = observed(peak_at(10), peak_at(20))
        attributions["attribution"][:, 0, 15:25] = np.nan
        table = colocation({"PF 1": (cube, scores, attributions, truth)}).table()
        assert_allclose(table["emission_y"], PIXEL * (20 - 19.5))

    def test_of_adjoining_pixels_that_share_a_maximum_the_middle_one_counts(self):
        level = np.zeros(40)
        level[[20, 21, 22, 23]] = 1.0
        row = one(peak_at(10), level)
        assert_allclose(row["emission_y"], PIXEL * (21 - 19.5))

    def test_so_it_does_across_pixels_that_are_unknown(self):
        cube, *rest = observed(peak_at(10), np.isin(np.arange(40), [20, 22, 23]))
        cube["flags"][3:, 0, 21] = int(Rule.MISSING)
        table = colocation({"PF 1": (cube, *rest)}).table()
        assert_allclose(table["emission_y"], PIXEL * (22 - 19.5))

    def test_pixels_that_are_clipped_are_the_brightest(self):
        cube, *rest = observed(peak_at(10), peak_at(20))
        cube["peak"][3, 0, 30:33] = np.inf
        table = colocation({"PF 1": (cube, *rest)}).table()
        assert_allclose(table["emission_y"], PIXEL * (31 - 19.5))


class TestReasons:
    flat, apart = np.ones(40), np.isin(np.arange(40), [3, 30]).astype(float)

    @pytest.mark.parametrize(
        ("arguments", "options", "reason"),
        [
            ((peak_at(1), peak_at(2)), {"onset": False}, "no onset is known"),
            ((peak_at(1), peak_at(2)), {"times": [np.nan] * 3}, "no exposure has a time"),
            ((peak_at(1), peak_at(2)), {"times": [0, 30]}, "no exposure before the onset"),
            ((peak_at(1), peak_at(2)), {"times": [-30, -1]}, "no exposure after the onset"),
            ((peak_at(1), peak_at(2)), {"times": [-30]}, "no exposure after the onset"),
            ((peak_at(1) * np.nan, peak_at(2)), {}, "no spectrum explained before the onset"),
            ((peak_at(1), peak_at(2) * np.nan), {}, "no emission known after the onset"),
            ((flat, peak_at(2)), {}, "the attention is the same in all pixels"),
            ((peak_at(1), flat), {}, "the emission is the same in all pixels"),
            ((apart, peak_at(2)), {}, "the attention has several maxima"),
            ((peak_at(1), apart), {}, "the emission has several maxima"),
            (([[1.0]], [[2.0]]), {}, "the attention is the same in all pixels"),
        ],
    )
    def test_a_slit_that_cannot_be_judged_says_why(self, arguments, options, reason):
        row = one(*arguments, **options)
        assert row["reason"] == reason
        assert np.isnan(row["distance"])
        assert np.isnan(row["chance"])
        assert row["aligned"] is pd.NA

    def test_pixels_that_are_too_few(self):
        slits = np.where(np.arange(40) < 6, peak_at(3), np.nan), peak_at(2)
        assert one(*slits, fewest=6)["reason"] == ""
        row = one(*slits, fewest=7)
        assert row["reason"] == "fewer than 7 pixels with data"
        assert row["pixels"] == 6

    def test_steps_that_a_raster_lacks(self):
        cube, *rest = observed(peak_at([5, 15]), peak_at([5, 15]))
        cube["start"][:, 1] = np.datetime64("NaT", "ns")
        cube["t_onset"][:, 1] = np.nan
        table = colocation({"PF 1": (cube, *rest)}).table()
        assert_array_equal(table["reason"], ["", "no exposure has a time"])

    def test_other_predictors_may_have_no_place(self):
        row = one(peak_at(5), peak_at(5), score=self.flat, brightness=self.apart)
        assert row["aligned"]
        assert np.isnan(row[["score_y", "brightest_y"]].to_list()).all()

    def test_the_real_raster_has_no_onset(self):
        cube = pf.clean(pf.read_raster(pf.shipped(pf.SAMPLE_RASTER)))
        kept = pf.accepted(cube)
        scores = xr.Dataset({"score": (SPECTRA, np.where(kept, 0.5, np.nan))})
        heat = np.where(kept[..., None], np.ones((*kept.shape, 240), np.float32), np.nan)
        attributions = xr.Dataset({"attribution": ((*SPECTRA, "wavelength"), heat)})
        found = Colocation.of({"real": cube}, {"real": scores}, {"real": attributions})
        table = found.table()
        assert_array_equal(table["reason"], ["no onset is known"] * 3)
        assert not table[["pixels", "spectra_before", "spectra_after"]].to_numpy().any()
        assert table[["attention_y", "emission_y"]].isna().to_numpy().all()
        assert tuple(table) == COLUMNS
        for ask in (shares, chance, by_tolerance):
            with pytest.raises(FindingError, match=r"None of 3 slits .* no onset is known"):
                ask(found)


class TestTolerance:
    @pytest.mark.parametrize("tolerance", [0, 0.5, 1.5, 7.0, 19.5, 1e9, np.inf])
    def test_chance_is_the_share_of_pixels_near_the_emission(self, tolerance):
        made = colocation(drawn(3))
        table = made.table(tolerance)
        for (_, row), pixels in zip(table.iterrows(), made.candidates, strict=True):
            near = [abs(y - row["emission_y"]) <= tolerance + 1e-9 for y in pixels]
            assert row["chance"] == pytest.approx(sum(near) / len(near))
        if tolerance >= 19.5:
            assert table["aligned"].all()

    def test_rounding_makes_no_difference(self):
        made = observed(peak_at(10), peak_at(13))
        made[0]["slit_y"] = 0.1 * np.arange(40)  # 1.3 - 1.0 is a little more than 0.3
        assert colocation({"PF 1": made}).table(0.3)["aligned"].all()

    @pytest.mark.parametrize("tolerance", [-1, np.nan])
    def test_one_that_is_none(self, tolerance):
        with pytest.raises(FindingError, match=r"tolerance is .*: give arcsec from 0 on"):
            colocation(drawn(2)).table(tolerance)

    def test_curves_are_the_shares_at_each(self):
        made = colocation(drawn(6), truth=True)
        curves = by_tolerance(made, [0, 2, 30])
        assert_array_equal(curves.index, [0, 2, 30])
        for tolerance, row in curves.iterrows():
            table = shares(made, tolerance)
            assert_allclose(row[table.index], table["share"])
            found = chance(made, tolerance)
            assert_allclose(
                row[["moved low", "moved high"]], np.array([found.low, found.high]) / 24
            )
        assert_array_equal(curves.loc[30], 1)
        assert (curves.diff().dropna() >= 0).to_numpy().all()

    def test_there_must_be_one(self):
        with pytest.raises(FindingError, match="no tolerance"):
            by_tolerance(colocation(drawn(2)), [])


class TestNumberAligned:
    @given(st.lists(st.lists(st.booleans(), min_size=1, max_size=5), min_size=1, max_size=5))
    def test_slits_apart_are_as_by_brute_force(self, slits):
        expected = np.zeros(len(slits) + 1)
        for chosen in product(*slits):
            expected[sum(chosen)] += 1 / np.prod([len(each) for each in slits])
        assert_allclose(number_aligned([[np.array(s)] for s in slits]), expected, atol=1e-12)

    @pytest.mark.parametrize("share", [0.1, 0.5])
    def test_alike_slits_are_binomial(self, share):
        slit = np.arange(20) < 20 * share
        expected = stats.binom.pmf(np.arange(31), 30, share)
        assert_allclose(number_aligned([[slit]] * 30), expected, atol=1e-12)

    @given(st.lists(st.lists(st.booleans(), min_size=1, max_size=9), min_size=1, max_size=5))
    def test_slits_together_are_as_on_a_grid_of_all_shifts(self, slits):
        fine = int(np.lcm.reduce([len(each) for each in slits]))
        counted = [sum(s[step * len(s) // fine] for s in slits) for step in range(fine)]
        expected = np.bincount(counted, minlength=len(slits) + 1) / fine
        assert_allclose(number_aligned([[np.array(s) for s in slits]]), expected, atol=1e-12)

    def test_moving_together_keeps_the_mean_and_widens_the_scatter(self):
        slits = [np.roll(np.arange(40) < 8, shift) for shift in range(6)]
        numbers = np.arange(7)
        apart, together_ = number_aligned([[s] for s in slits]), number_aligned([slits])
        assert apart @ numbers == pytest.approx(together_ @ numbers)
        assert apart @ numbers == pytest.approx(6 * 0.2)
        assert together_ @ numbers**2 > apart @ numbers**2 + 1

    def test_tails_and_middles_are_those_of_scipy(self):
        distribution = stats.binom.pmf(np.arange(41), 40, 0.3)
        for number in (0, 12, 40):
            assert_allclose(at_least(distribution, number), stats.binom.sf(number - 1, 40, 0.3))
        assert central(distribution, 0.95) == stats.binom.interval(0.95, 40, 0.3)


class TestChance:
    def test_planted_attention_is_no_chance(self):
        found = chance(colocation(drawn(follow=0)), 1.0)
        assert (found.aligned, found.slits, found.observations) == (48, 48, 12)
        assert max(found.p_moved, found.p_independent) < 1e-9
        assert found.p_exchanged == 1 / 10_000
        assert found.high < 48

    def test_attention_that_knows_nothing_is_chance(self):
        made = colocation(drawn(60, seed=3))
        found = chance(made, 3.0)
        table = made.table(3.0)
        scatter = np.sqrt((table["chance"] * (1 - table["chance"])).sum())
        assert found.expected == pytest.approx(table["chance"].sum())
        assert abs(found.aligned - found.expected) < 3 * scatter
        assert found.low <= found.aligned <= found.high
        assert min(found.p_moved, found.p_independent, found.p_exchanged) > 0.01

    @pytest.mark.parametrize("p", ["p_moved", "p_independent", "p_exchanged"])
    def test_p_values_of_no_effect_are_uniform_or_greater(self, p):
        values = [
            getattr(chance(colocation(drawn(5, 3, 20, seed)), 2.0, count=199), p)
            for seed in range(60)
        ]
        for level in (0.1, 0.3, 0.6):
            below = sum(value <= level for value in values)
            assert stats.binomtest(below, 60, level, alternative="greater").pvalue > 0.01

    def test_independent_slits_are_poisson_binomial(self):
        made = colocation(drawn(4))
        table, found = made.table(4.0), chance(made, 4.0)
        distribution = np.ones(1)
        for share in table["chance"]:
            distribution = np.convolve(distribution, [1 - share, share])
        assert_allclose(found.p_independent, distribution[found.aligned :].sum())

    def test_moved_attention_is_as_by_brute_force(self):
        made = colocation(drawn(3, 2, 12), fewest=1)
        found = chance(made, 1.0)
        shifts = []
        for name in ("PF 1", "PF 2", "PF 3"):
            own = np.flatnonzero(made.slits["observation"] == name)
            numbers = []
            for shift in range(12):
                number = 0
                for slit in own:
                    pixels, row = made.candidates[slit], made.slits.iloc[slit]
                    place = int(np.abs(pixels - row["attention_y"]).argmin())
                    number += abs(pixels[(place + shift) % 12] - row["emission_y"]) <= 1.0
                numbers.append(number)
            shifts.append(numbers)
        totals = np.array([sum(each) for each in product(*shifts)])
        assert_allclose(found.p_moved, np.mean(totals >= found.aligned))
        assert found.expected == pytest.approx(totals.mean())
        assert found.low == np.quantile(totals, 0.025, method="inverted_cdf")
        assert found.high == np.quantile(totals, 0.975, method="inverted_cdf")

    def test_a_habit_of_all_observations_is_seen_through_by_exchanging_them(self):
        made = {f"PF {n}": observed(peak_at([20] * 4), peak_at([20] * 4)) for n in range(1, 9)}
        found = chance(colocation(made), 1.0)
        assert found.p_moved < 1e-6
        assert found.p_exchanged == 1

    def test_exchanging_four_observations_is_as_by_all_permutations(self):
        made = colocation(drawn(4, 3, seed=5))
        judged = JudgedSlits.of(made, 5.0)
        sums = np.array([judged.exchanged()[group].sum(axis=0) for group in judged.groups])
        every = [sum(sums[o, p[o]] for o in range(4)) for p in permutations(range(4))]
        expected = np.mean(np.array(every) >= np.trace(sums))
        assert_allclose(chance(made, 5.0).p_exchanged, expected, atol=0.02)

    def test_one_observation_cannot_be_exchanged(self):
        found = chance(colocation(drawn(1, follow=0)), 1.0)
        assert np.isnan(found.p_exchanged)
        assert found.p_moved < 0.3

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"seed": -1}, "seed is -1"),
            ({"count": 10}, "10 resamples are too few"),
            ({"level": 1.0}, "level is 1.0"),
        ],
    )
    @pytest.mark.parametrize("ask", [chance, shares])
    def test_settings_that_are_wrong(self, ask, options, message):
        with pytest.raises(FindingError, match=message):
            ask(colocation(drawn(2)), **options)


class TestExchanged:
    @pytest.mark.parametrize("seed", range(6))
    def test_it_is_as_by_brute_force_on_slits_of_different_length_and_number(self, seed):
        random = np.random.default_rng(seed)
        made = {}
        for number, (steps, slit) in enumerate([(1, 20), (4, 50), (3, 33), (8, 20)], 1):
            places = random.integers(0, slit, (2, steps))
            made[f"PF {number}"] = observed(peak_at(places[0], slit), peak_at(places[1], slit))
        found = colocation(made)
        exchanged = JudgedSlits.of(found, 4.0).exchanged()
        rows = found.slits.to_dict("records")
        for at, row in enumerate(rows):
            for column, name in enumerate(made):
                donors = [other for other in rows if other["observation"] == name]
                across = 0.5 if row["steps"] == 1 else row["step"] / (row["steps"] - 1)
                far = [
                    abs(across - (0.5 if d["steps"] == 1 else d["step"] / (d["steps"] - 1)))
                    for d in donors
                ]
                donor = donors[int(np.argmin(far))]
                place = donor["attention_y"] / donor["length"] * row["length"]
                assert exchanged[at, column] == (abs(place - row["emission_y"]) <= 4.0)

    def test_each_slit_gets_its_own_back(self):
        made = colocation(drawn(5))
        judged = JudgedSlits.of(made, 3.0)
        own = [judged.exchanged()[slit, code] for code, g in enumerate(judged.groups) for slit in g]
        assert_array_equal(own, made.table(3.0)["aligned"].astype(float))


class TestShares:
    def test_every_predictor_is_counted_on_the_same_slits(self):
        made = colocation(drawn(8), truth=True)
        table, slits = shares(made, 4.0), made.table(4.0)
        for name, column in {
            "attention": "attention_y",
            "score": "score_y",
            "brightest before": "brightest_y",
            "middle of the slit": "middle_y",
            "true precursors": "precursor_y",
        }.items():
            near = (slits[column] - slits["emission_y"]).abs() <= 4.0
            row = table.loc[name]
            assert row["aligned"] == near.sum()
            assert row["share"] == pytest.approx(near.mean())
            assert row["of_observations"] == pytest.approx(
                near.groupby(slits["observation"]).mean().mean()
            )
            if name == "attention":
                continue
            aligned = slits["aligned"].astype(bool)
            assert row["attention_only"] == (aligned & ~near).sum()
            assert row["this_only"] == (near & ~aligned).sum()
            assert row["ahead"] == pytest.approx(aligned.mean() - near.mean())
            ahead = (aligned.astype(int) - near.astype(int)).groupby(slits["observation"]).sum()
            assert (row["better_in"], row["worse_in"]) == ((ahead > 0).sum(), (ahead < 0).sum())
            decided = int((ahead != 0).sum())
            if decided:
                p = stats.binomtest(int((ahead > 0).sum()), decided).pvalue
                assert row["sign_p"] == pytest.approx(p)
        assert (table["slits"] == 32).all()
        assert (table["not_judged"] == 0).all()

    def test_random_places_and_those_of_others_are_expectations(self):
        made = colocation(drawn(4))
        table = shares(made, 4.0)
        assert table.loc["random place", "aligned"] == pytest.approx(
            made.table(4.0)["chance"].sum()
        )
        judged = JudgedSlits.of(made, 4.0)
        sums = np.array([judged.exchanged()[group].sum(axis=0) for group in judged.groups])
        expected = (sums.sum() - np.trace(sums)) / 3
        assert table.loc["attention elsewhere", "aligned"] == pytest.approx(expected)

    def test_intervals_are_those_of_an_independent_bootstrap(self):
        made = colocation(drawn(10, seed=4))
        table, slits = shares(made, 4.0, count=4000), made.table(4.0)
        near = ((slits["brightest_y"] - slits["emission_y"]).abs() <= 4.0).to_numpy()
        aligned = slits["aligned"].to_numpy(bool)
        own = [
            np.flatnonzero(slits["observation"] == name) for name in slits["observation"].unique()
        ]
        random = np.random.default_rng(99)
        drawn_ = []
        for _ in range(4000):
            places = np.concatenate([own[o] for o in random.integers(0, len(own), len(own))])
            drawn_.append((aligned[places].mean(), aligned[places].mean() - near[places].mean()))
        expected = np.quantile(drawn_, [0.025, 0.975], axis=0)
        assert_allclose(
            table.loc["attention", ["low", "high"]].astype(float), expected[:, 0], atol=0.03
        )
        found = table.loc["brightest before", ["ahead_low", "ahead_high"]].astype(float)
        assert_allclose(found, expected[:, 1], atol=0.03)

    def test_the_order_of_observations_makes_no_difference(self):
        made = drawn(11)
        names = list(made)
        mixed = {name: made[name] for name in np.random.default_rng(1).permutation(names)}
        first, second = colocation(made), colocation(mixed)
        pd.testing.assert_frame_equal(first.table(), second.table())
        pd.testing.assert_frame_equal(shares(first), shares(second))
        assert chance(first) == chance(second)
        assert first.slits["observation"].unique().tolist() == names  # PF 2 before PF 10

    def test_slits_that_cannot_be_judged_are_counted(self):
        made = drawn(4)
        made["PF 2"] = observed(peak_at([5, 6]), peak_at([5, 6]), onset=False)
        made["PF 3"] = observed(peak_at(5), peak_at(5), score=np.ones(40))
        table = shares(colocation(made))
        assert table.loc["attention", ["slits", "not_judged"]].tolist() == [9, 2]
        assert table.loc["score", ["slits", "not_judged"]].tolist() == [8, 3]

    def test_a_predictor_without_a_place_anywhere_is_unknown(self):
        made = {f"PF {n}": observed(peak_at(5), peak_at(5)) for n in (1, 2, 3)}
        row = shares(colocation(made)).loc["brightest before"]
        assert row["slits"] == 0
        assert row[["share", "low", "high", "ahead", "sign_p", "of_observations"]].isna().all()

    def test_one_observation_has_no_interval(self):
        table = shares(colocation(drawn(1)))
        assert table[["low", "high", "ahead_low", "ahead_high"]].isna().to_numpy().all()
        assert np.isnan(table.loc["attention elsewhere", "share"])
        assert table.loc["random place", "share"] > 0

    def test_without_the_truth_there_is_no_row_of_it(self):
        made = drawn(2)
        assert "true precursors" in shares(colocation(made, truth=True)).index
        assert "true precursors" not in shares(colocation(made)).index

    @pytest.mark.parametrize("shift", [-6, -1, 0, 3])
    def test_a_known_distance_is_aligned_from_there_on(self, shift):
        places = np.array([15, 25])
        made = colocation({"PF 1": observed(peak_at(places), peak_at(places + shift))})
        distance = abs(shift) * PIXEL
        assert shares(made, distance).loc["attention", "share"] == 1
        if shift:
            assert shares(made, distance - 0.01).loc["attention", "share"] == 0


class TestRefusals:
    def test_no_observations(self):
        with pytest.raises(FindingError, match="no observations"):
            Colocation.of({}, {}, {})

    @pytest.mark.parametrize(("which", "word"), [(1, "scores"), (2, "attributions"), (3, "truth")])
    def test_an_observation_that_lacks_something(self, which, word):
        made = together(drawn(3))
        del made[which]["PF 2"]
        with pytest.raises(FindingError, match=f"PF 2 has no {word}"):
            Colocation.of(*made)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"over_time": "median"}, "no reduction 'median': choose mean or max"),
            ({"emission": "sum"}, "no reduction 'sum'"),
            ({"measure": "light"}, "measure of emission 'light'"),
            ({"fewest": 0}, "fewest pixels is 0"),
            ({"before": (0.0, -60.0)}, "windows are"),
            ({"before": (-60.0, 60.0)}, "windows are"),
            ({"after": (-60.0, 60.0)}, "windows are"),
            ({"after": (0.0, np.nan)}, "windows are"),
        ],
    )
    def test_settings_that_are_wrong(self, options, message):
        with pytest.raises(FindingError, match=message):
            colocation(drawn(2), **options)


class TestFigures:
    def test_curves_are_drawn_each_with_a_look_of_its_own(self):
        curves = by_tolerance(colocation(drawn(4), truth=True), [0, 1, 5, 10])
        figure, axes = plt.subplots()
        figures_slits.colocation_curves(axes, curves)
        figure.canvas.draw()
        lines = {line.get_label(): line for line in axes.lines}
        plt.close(figure)
        assert set(lines) == set(curves) - {"moved low", "moved high"}
        for name, line in lines.items():
            assert_array_equal(line.get_ydata(), curves[name])
        for look in ("get_color", "get_marker"):
            assert len({getattr(line, look)() for line in lines.values()}) == len(lines)

    def test_places_show_every_slit_that_is_judged(self):
        made = drawn(3)
        made["PF 4"] = observed(peak_at(5), peak_at(5))
        made["PF 5"] = observed(peak_at(5), peak_at(5), onset=False)
        table = colocation(made).table(3.0)
        figure, axes = plt.subplots()
        figures_slits.places(axes, table, 3.0)
        figure.canvas.draw()
        plt.close(figure)
        shown = {
            (line.get_marker(), line.get_markerfacecolor() != "none"): line for line in axes.lines
        }
        for (marker, filled), line in shown.items():
            own = (table["aligned"] == filled) & ((table["steps"] == 1) == (marker == "^"))
            own = table[own.fillna(False)]
            assert_array_equal(line.get_xdata(), own["attention_y"])
            assert_array_equal(line.get_ydata(), own["emission_y"])
        assert len(shown) == 4
        assert axes.get_title(loc="left") == "13 slits, 1 not judged"
