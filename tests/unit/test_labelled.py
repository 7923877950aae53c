"""What is learnt from is accepted, from before the onset, and found again in its cube."""

from collections import Counter
from itertools import pairwise, product
from statistics import fmean, median

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from dask.callbacks import Callback

import preflare as pf
from preflare.labelled import METADATA, LabelledSpectra, metadata
from tests.conftest import PIXELS, mg_profile

RASTERS, STEPS, SLIT = 5, 4, 6
ONSET = "2014-03-29T14:12:08.400"
"""Sixty seconds after step 1 of raster 2, between rasters 3 and 4."""
MISSING, DIM = (0, 1, 2), (1, 3, 4)


@pytest.fixture
def observe(write_raster):
    """Give a function that makes the cube of an observation, no spectrum of it like another."""

    def make(seed, onset=None, rasters=RASTERS, **making):
        rng = np.random.default_rng(seed)
        files = []
        for number in range(rasters):
            pixels = mg_profile() * rng.uniform(0.5, 2.0, (STEPS, SLIT, 1))
            pixels *= 1 + 0.05 * rng.random((STEPS, SLIT, PIXELS))
            if number == MISSING[0]:
                pixels[*MISSING[1:], 300] = -200
            if number == DIM[0]:
                pixels[DIM[1:]] *= 0.02
            files.append(
                write_raster(
                    pixels.astype(np.float32),
                    name=f"{seed}-{number}.fits",
                    begins=0.17 + 40 * number,
                    **making,
                )
            )
        rasters = [pf.read_raster(file) for file in files]
        return pf.clean_observation(rasters, onset=onset).load()

    return make


@pytest.fixture
def cubes(observe):
    return {"AR 1": observe(1), "PF 1": observe(2, ONSET), "AR 2": observe(3, rasters=2)}


def everything(cubes, seed=0):
    return LabelledSpectra.drawn(cubes, None, seed)


def of(data, name):
    return [tuple(place) for place in data.place[data.observation == name].tolist()]


def blackened(cube):
    """Leave no spectrum that could be accepted."""
    return cube.assign(
        intensity=xr.full_like(cube["intensity"], np.nan),
        peak=xr.full_like(cube["peak"], np.nan),
        flags=xr.full_like(cube["flags"], int(pf.Rule.MISSING)),
    )


def same(one, other):
    for name in ("spectra", "peak", "place", "t_onset", "labels"):
        ours, theirs = getattr(one, name), getattr(other, name)
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)
    pd.testing.assert_index_equal(one.observation.categories, other.observation.categories)
    np.testing.assert_array_equal(one.observation.codes, other.observation.codes)
    pd.testing.assert_frame_equal(one.metadata, other.metadata)
    assert one.classes == other.classes


# What is drawn


def test_of_ar_every_accepted_spectrum_is_drawn(cubes):
    data = everything(cubes)
    for name, rasters in (("AR 1", 5), ("AR 2", 2)):
        every = list(product(range(rasters), range(STEPS), range(SLIT)))
        assert of(data, name) == [place for place in every if place not in (MISSING, DIM)]
        assert np.isnan(data.t_onset[data.observation == name]).all()


def test_of_pf_only_what_is_more_than_a_minute_before_the_onset_is_drawn(cubes):
    early = [*product(range(2), range(STEPS)), (2, 0)]
    expected = [(*exposure, pixel) for exposure in early for pixel in range(SLIT)]
    data = everything(cubes)
    assert cubes["PF 1"]["t_onset"].values[2, 1] == -60
    assert of(data, "PF 1") == [place for place in expected if place not in (MISSING, DIM)]
    assert data.t_onset[data.observation == "PF 1"].max() == pytest.approx(-69.4)


def test_what_the_cube_does_not_reject_is_drawn(cubes):
    lenient = cubes["AR 1"].assign_attrs(reject=int(pf.Rule.MISSING))
    assert set(of(everything({"AR 1": lenient}), "AR 1")) - set(of(everything(cubes), "AR 1")) == {
        DIM
    }


def test_a_place_points_back_at_its_spectrum(cubes):
    data = LabelledSpectra.drawn(cubes, 11, seed=0)
    for number, (name, place) in enumerate(zip(data.observation, data.place, strict=True)):
        at = dict(zip(("time", "step", "slit"), place.tolist(), strict=True))
        cube = cubes[name].isel(at)
        np.testing.assert_array_equal(data.spectra[number], cube["intensity"])
        assert data.peak[number] == cube["peak"]
        assert data.spectra[number].max() == 1
        if name == "PF 1":
            assert data.t_onset[number] == pytest.approx(float(cube["t_onset"]))
    assert len(np.unique(data.spectra, axis=0)) == len(data)
    for floats in (data.spectra, data.peak, data.t_onset):
        assert floats.dtype == np.float32


@pytest.mark.parametrize("first", [0, 2])
def test_it_does_so_where_a_cube_is_read_in_several_goes(first):
    """Count the spectra through, in a cube of which no more than two rasters are read at once."""
    shape = (5, 300, 250)
    numbers = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    flags = np.ones(shape, np.uint8)
    flags[first:, ::7, ::3] = 0
    dims = ("time", "step", "slit")
    start = np.datetime64("2014-03-29T14:09:39", "ns") + np.arange(1500).reshape(5, 300)
    cube = xr.Dataset(
        {
            "intensity": (
                (*dims, "wavelength"),
                da.from_array(np.stack([numbers, -numbers], -1), (1, *shape[1:], 2)),
            ),
            "peak": (dims, numbers + 1),
            "flags": (dims, flags),
            "t_onset": (dims[:2], np.full(shape[:2], np.nan)),
        },
        {"start": (dims[:2], start), "exposure": (dims[:2], np.ones(shape[:2]))},
        {"reject": int(pf.Rule.MISSING)},
    )
    goes = []
    with Callback(start=goes.append):
        data = LabelledSpectra.drawn({"AR 1": cube}, 5000, seed=0)
    assert len(goes) == (3 if first == 0 else 2), "nothing is read where nothing is drawn"
    assert len(data) == 5000
    assert set(data.place[:, 0]) == set(range(first, 5))
    expected = numbers[tuple(data.place.T)]
    np.testing.assert_array_equal(data.spectra, np.stack([expected, -expected], -1))
    np.testing.assert_array_equal(data.peak, expected + 1)


def test_no_observation_gives_more_than_asked_for_nor_a_spectrum_twice(cubes):
    data, every = LabelledSpectra.drawn(cubes, 51, seed=0), everything(cubes)
    assert Counter(data.observation) == {"AR 1": 51, "PF 1": 51, "AR 2": 46}
    for name in cubes:
        assert of(data, name) == sorted(set(of(data, name)))
        assert set(of(data, name)) <= set(of(every, name))
    same(LabelledSpectra.drawn(cubes, 118, seed=0), every)


def test_a_draw_can_be_repeated_and_another_seed_is_another_draw(cubes):
    data = LabelledSpectra.drawn(cubes, 11, seed=0)
    same(LabelledSpectra.drawn(cubes, 11, seed=0), data)
    other = LabelledSpectra.drawn(cubes, 11, seed=1)
    for name in cubes:
        assert of(other, name) != of(data, name)
    twins = LabelledSpectra.drawn({"AR 1": cubes["AR 1"], "AR 3": cubes["AR 1"]}, 11, seed=0)
    assert of(twins, "AR 1") != of(twins, "AR 3")


def test_every_spectrum_is_drawn_equally_often(cubes):
    cube, draws = {"AR 2": cubes["AR 2"]}, 400
    drawn = Counter(
        place
        for seed in range(draws)
        for place in of(LabelledSpectra.drawn(cube, 23, seed), "AR 2")
    )
    assert len(drawn) == 46
    assert max(abs(times - draws / 2) for times in drawn.values()) < 5 * np.sqrt(draws / 4)


def test_labels_and_classes_follow_from_the_onset_not_from_the_name(observe):
    data = everything({"mine": observe(1, ONSET), "PF 7": observe(2), "last": observe(3, ONSET)})
    assert data.classes == {"mine": 1, "PF 7": 0, "last": 1}
    assert data.labels.dtype == np.int8
    for name, label in data.classes.items():
        assert set(data.labels[data.observation == name]) == {label}
    assert len(data.labels) == len(data) == len(data.observation) == 2 * 52 + 118


def test_an_observation_without_accepted_spectra_is_known_and_has_no_class(cubes):
    fewer = everything(cubes | {"PF 1": blackened(cubes["PF 1"])})
    assert list(fewer.observation.categories) == ["AR 1", "PF 1", "AR 2"]
    assert fewer.classes == {"AR 1": 0, "AR 2": 0}
    assert list(fewer.metadata.index) == ["AR 1", "PF 1", "AR 2"]
    whole = everything(cubes)
    np.testing.assert_array_equal(fewer.spectra, whole.spectra[whole.observation != "PF 1"])


def test_where_nothing_is_accepted_there_are_no_spectra(cubes):
    data = everything({name: blackened(cube) for name, cube in cubes.items()})
    assert data.spectra.shape == (0, 240)
    assert (data.spectra.dtype, data.labels.dtype) == (np.float32, np.int8)
    assert data.place.shape == (0, 3)
    assert data.classes == {}


@pytest.mark.parametrize("empty", [None, "AR 1", "AR 2"])
def test_what_is_saved_is_loaded(cubes, empty, tmp_path):
    if empty:
        cubes[empty] = blackened(cubes[empty])
    data = LabelledSpectra.drawn(cubes, 11, seed=0)
    data.save(tmp_path / "any name at all")
    same(LabelledSpectra.load(tmp_path / "any name at all"), data)


# How an observation was taken


def plain_metadata(cube, exposures):
    """Describe an observation by what is found in some of its exposures, in a plain loop."""
    times, lengths, peaks, missing = {}, [], [], []
    for exposure in exposures:
        one = cube.isel(time=exposure[0], step=exposure[1])
        times[exposure] = one["start"].values.astype("datetime64[ms]").astype(float) / 1000
        lengths.append(float(one["exposure"]))
        for flags, peak in zip(one["flags"].values, one["peak"].values, strict=True):
            missing.append(bool(flags & 1))
            if not missing[-1]:
                peaks.append(float(peak))
    rasters = [time for (_, step), time in times.items() if step == 0]
    exposure, peak = median(lengths), fmean(peaks)
    return {
        "exposure": exposure,
        "cadence": median(late - early for early, late in pairwise(rasters)),
        "noise": 1 / np.sqrt(peak * exposure),
        "missing": fmean(missing) + 1e-3,
        "peak": peak,
    }


def test_metadata_agree_with_a_plain_loop(cubes):
    ar = list(product(range(RASTERS), range(STEPS)))
    assert metadata(cubes["AR 1"]) == pytest.approx(plain_metadata(cubes["AR 1"], ar))
    before = list(product(range(4), range(STEPS)))
    assert metadata(cubes["PF 1"]) == pytest.approx(plain_metadata(cubes["PF 1"], before))
    assert metadata(cubes["PF 1"])["missing"] == pytest.approx(1 / 96 + 1e-3)
    assert metadata(cubes["PF 1"])["cadence"] == pytest.approx(40)
    assert tuple(metadata(cubes["AR 1"])) == METADATA


def test_metadata_are_kept_with_the_spectra(cubes):
    table = everything(cubes).metadata
    assert list(table.columns) == list(METADATA)
    assert (table.dtypes == np.float64).all()
    for name, cube in cubes.items():
        assert table.loc[name].to_dict() == metadata(cube)


def test_exposures_before_the_onset_count_though_their_raster_goes_on_after_it(observe):
    cube = observe(2, "2014-03-29T14:11:10")
    before = [*product(range(2), range(STEPS)), (2, 0), (2, 1)]
    assert metadata(cube) == pytest.approx(plain_metadata(cube, before))


@pytest.mark.parametrize("onset", [ONSET, "2014-03-29T14:11:10"])
def test_nothing_after_the_onset_enters(observe, onset):
    cube = observe(2, onset)
    late = cube["t_onset"] >= 0
    assert late.any()
    changed = cube.assign(
        intensity=cube["intensity"].where(~late, 0.5),
        peak=cube["peak"].where(~late, 1e6),
        flags=cube["flags"].where(~late, int(pf.Rule.MISSING)).astype(np.uint8),
    ).assign_coords(
        exposure=cube["exposure"].where(~late, 99.0),
        start=cube["start"] + late * np.timedelta64(1, "h"),
    )
    assert metadata(changed) == metadata(cube)
    same(everything({"PF 1": changed}), everything({"PF 1": cube}))


@pytest.mark.parametrize("raster", [2, 4])
def test_steps_that_a_raster_cut_short_lacks_are_as_late_as_the_last_before_them(observe, raster):
    cube = observe(2, ONSET)
    cut = {"time": [raster], "step": slice(2, None)}
    for name, nothing in (("flags", 1), ("peak", np.nan), ("intensity", np.nan)):
        cube[name][cut] = nothing
    for name, nothing in (("t_onset", np.nan), ("exposure", np.nan), ("start", "NaT")):
        cube[name][cut] = nothing
    missing = 1 / 96 + (2 * SLIT / 96 if raster == 2 else 0)
    assert metadata(cube)["missing"] == pytest.approx(missing + 1e-3)
    assert metadata(cube)["exposure"] == 8


def test_a_maximum_that_is_not_known_leaves_the_mean_alone(cubes):
    cube = cubes["AR 1"]
    broken = cube.copy(deep=True)
    broken["peak"][4, 0, :4] = [np.inf, np.nan, 0, -3]
    known = cube["flags"].values != pf.Rule.MISSING
    known[4, 0, :4] = False
    assert metadata(broken)["peak"] == pytest.approx(cube["peak"].values[known].mean())
    assert metadata(broken)["missing"] == metadata(cube)["missing"]


def test_an_exposure_that_lasted_no_time_leaves_the_median_alone(cubes):
    cube = cubes["AR 1"]
    cube["exposure"][1:] = 0.0
    cube["exposure"][0, 0] = 20.0
    assert metadata(cube)["exposure"] == 8
    cube["exposure"][:] = 0.0
    told = metadata(cube)
    assert np.isnan([told["exposure"], told["noise"]]).all()
    assert told["cadence"] == pytest.approx(40)


def test_a_single_raster_has_the_cadence_that_it_could_be_repeated_at(observe):
    cube = observe(1, rasters=1)
    assert metadata(cube)["cadence"] == pytest.approx(3 * 9.4 + 8)
    assert metadata(cube.isel(step=[0]))["cadence"] == 8
    straddling = observe(2, "2014-03-29T14:09:50", rasters=1)
    assert metadata(straddling)["cadence"] == pytest.approx(9.4 + 8)
    assert np.isfinite(list(metadata(straddling).values())).all()


def test_a_sit_and_stare_has_the_cadence_of_its_exposures(observe):
    cube = observe(1, positions=1)
    assert cube.sizes["step"] == 1
    assert metadata(cube)["cadence"] == pytest.approx(9.4)


def test_what_nothing_tells_is_nan(cubes, observe):
    told = metadata(blackened(cubes["AR 1"]))
    assert np.isnan([told["noise"], told["peak"]]).all()
    assert told["missing"] == 1.001
    assert (told["exposure"], told["cadence"]) == (8, pytest.approx(40))
    late = observe(4, "2014-03-29T14:00")
    assert np.isnan(list(metadata(late).values())).all()
    assert not len(everything({"PF 2": late}))
