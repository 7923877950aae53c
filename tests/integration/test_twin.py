"""The twin from settings to files: exact truth, the same bytes, and nothing half-written."""

import hashlib
import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

import preflare as pf
from preflare.errors import SimulationError
from preflare.twin.instrument import exposures
from preflare.twin.modes import BEFORE_ONSET, PROFILES, mode
from preflare.twin.observing import Observing, Settings
from preflare.twin.simulate import chosen, described, simulate
from tests.integration.test_irispy import read_with_irispy
from tests.warm import preflare

SOME = ("PF 14", "PF 18", "AR 8")


def cleaned(folder, **settings):
    rasters = [pf.read_raster(file) for file in sorted(folder.glob("*_raster_*.fits"))]
    return pf.clean_observation(rasters, **settings).load()


def truth_of(folder):
    return xr.open_zarr(folder / "truth.zarr", consolidated=False).load()


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("twin")
    simulate(chosen(SOME), folder, Settings())
    return folder


@pytest.mark.parametrize("name", SOME)
def test_with_the_noise_off_the_stored_difference_is_the_observed_one(name, tmp_path):
    observation = pf.observation(name)
    with_events, without = tmp_path / "with", tmp_path / "without"
    for folder in (with_events, without):
        folder.mkdir()
        observing = Observing(observation, Settings(noise=False))
        if folder is without:
            events = observing.scene.events
            nothing = replace(events, **{part: value[:0] for part, value in vars(events).items()})
            observing.scene = replace(observing.scene, events=nothing, flare=None)
        observing.write(folder)
    present, absent = (cleaned(folder, reject=pf.Rule(0)) for folder in (with_events, without))
    truth = truth_of(with_events)
    assert not truth_of(without)["difference"].any()
    # Exposure control sees the flare, and the dark level's share of the rate goes with it.
    same = (present["exposure"] == absent["exposure"]).values
    rate = {key: (c["intensity"] * c["peak"]).values for key, c in (("+", present), ("-", absent))}
    scale = present["peak"].values[..., None]
    plain = (rate["+"] - rate["-"] - truth["difference"].values) / scale
    normalised = (present["intensity"] - absent["intensity"]).values
    normalised = normalised - truth["normalised_difference"].values
    assert same.mean() > 0.5
    assert np.abs(plain[same]).max() < 2e-6
    assert np.abs(normalised[same]).max() < 2e-6
    untouched = truth["kind"].values == 0
    assert untouched.any()
    assert not truth["difference"].values[untouched].any()
    np.testing.assert_array_equal(
        present["intensity"].values[untouched & same[..., None]],
        absent["intensity"].values[untouched & same[..., None]],
    )
    assert np.abs(truth["difference"].values[~untouched]).max(axis=1).min() > 0


@pytest.mark.parametrize("name", SOME)
def test_truth_and_cube_share_their_index(name, simulated):
    folder = simulated / pf.observation(name).observation_id
    cube, truth = cleaned(folder), truth_of(folder)
    assert dict(cube.sizes) == dict(truth.sizes)
    np.testing.assert_array_equal(cube["wavelength"], truth["wavelength"])
    assert ((truth["share"] > 0) == (truth["kind"] > 0)).all()
    assert truth["share"].max() <= 1


def test_what_was_simulated_reads_like_a_real_observation(simulated):
    for name in SOME:
        observation = pf.observation(name)
        folder = simulated / observation.observation_id
        files = sorted(folder.glob("*_raster_*.fits"))
        raster = pf.read_raster(files[0])
        assert raster.observation_id == observation.observation_id
        assert raster.positions == observation.steps
        assert raster.sit_and_stare == observation.sit_and_stare
        rasters = len(mode(observation, PROFILES["quick"]).time)
        assert len(files) == (1 if observation.sit_and_stare else rasters)
        image = pf.read_slitjaw(next(folder.glob("*_SJI_*.fits")))
        slit = image.edges(0)[0], image.slit_position(0)
        assert slit[0] < observation.x.value < image.edges(0)[1]
        assert slit[1] == pytest.approx(observation.x.value, abs=image.scale[0])
        assert raster.x.mean() == pytest.approx(observation.x.value, abs=1e-6)


def test_irispy_reads_the_same_numbers(simulated):
    for name in SOME:
        file = sorted((simulated / pf.observation(name).observation_id).glob("*_raster_*"))[0]
        ours, theirs = pf.read_raster(file), read_with_irispy(file)
        np.testing.assert_array_equal(ours.intensity.compute(), theirs.data)
        pixels = np.arange(ours.wavelength.size)
        wavelength = theirs.wcs.pixel_to_world_values(pixels, 0, 0)[0] * 1e10
        np.testing.assert_allclose(ours.wavelength, wavelength, atol=1e-6)
        apart = ours.time - theirs.time.to_value("datetime64")
        assert np.abs(apart).max() < np.timedelta64(1, "us")


def test_the_x_rays_rise_after_the_onset_to_the_flares_class(simulated):
    from astropy.table import Table

    observation = pf.observation("PF 14")
    folder = simulated / observation.observation_id
    curve = Table.read(folder / "goes.ecsv", format="ascii.ecsv")
    onset = np.datetime64(described(folder)["onset"])
    before = np.array(curve["time"], "datetime64[ms]") < onset
    assert curve["flux"][~before].max() == pytest.approx(1e-4, rel=0.1)  # X1.0
    assert curve["flux"][before].max() < 1e-5
    start = np.datetime64(observation.id_start, "ms")
    assert (onset - start) / np.timedelta64(1, "s") == pytest.approx(BEFORE_ONSET)


def test_exposures_are_shortened_where_the_light_would_be_too_much():
    brightest = np.array([100.0, 100.0, 40_000.0, 3_000.0, 100.0])
    exposure = exposures(8.0, brightest, before=100.0)
    np.testing.assert_array_equal(exposure, [8.0, 8.0, 8.0, 0.5, 4.0])


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(simulated, tmp_path):
    again, other = tmp_path / "again", tmp_path / "other"
    simulate(chosen(SOME), again, Settings())
    assert digests(again) == digests(simulated)
    simulate(chosen(["AR 8"]), other, Settings(seed=1))
    name = pf.observation("AR 8").observation_id
    differ = digests(other / name).items() - digests(simulated / name).items()
    assert any("raster" in path for path, _ in differ)


def command(*arguments):
    return [sys.executable, "-W", "error", "-m", "preflare", "simulate", *map(str, arguments)]


def test_killed_and_started_again_it_ends_with_the_same_bytes(simulated, tmp_path):
    target = tmp_path / "killed"
    arguments = command(*SOME, "--output", target)
    running = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not list(target.glob("*")) and running.poll() is None:
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert digests(target) != digests(simulated)
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert digests(target) == digests(simulated)


def test_what_is_there_is_not_made_again(simulated):
    before = {path: path.stat().st_mtime_ns for path in simulated.rglob("*")}
    told = []
    simulate(chosen(SOME), simulated, Settings(), progress=told.append)
    assert {path: path.stat().st_mtime_ns for path in simulated.rglob("*")} == before
    assert len(told) == len(SOME)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("PF 99",), "no observation 'PF 99'"),
        (("AR 3", "--profile", "huge"), "no profile 'huge'"),
        (("AR 3", "--seed", "-1"), "seed -1 is negative"),
    ],
)
def test_bad_settings_are_one_sentence_and_leave_nothing(arguments, said, tmp_path):
    target = tmp_path / "out"
    done = preflare("simulate", *arguments, "--output", target)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not target.exists()


def test_a_full_disk_is_noticed_before_the_start(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "preflare.twin.simulate.shutil.disk_usage", lambda _: SimpleNamespace(free=1000)
    )
    with pytest.raises(SimulationError, match="make room"):
        simulate(chosen(["AR 3"]), tmp_path / "out", Settings())
    assert not (tmp_path / "out").exists()


def test_a_disk_that_fills_up_leaves_no_half_written_observation(tmp_path, monkeypatch):
    def full(*_arguments, **_keywords):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("preflare.twin.files.fits.HDUList.writeto", full)
    with pytest.raises(SimulationError, match="no space left on device"):
        simulate(chosen(["AR 3"]), tmp_path / "out", Settings())
    assert list((tmp_path / "out").iterdir()) == []


def test_other_settings_do_not_replace_what_is_there_unless_told(simulated, tmp_path):
    simulate(chosen(["AR 3"]), tmp_path, Settings())
    with pytest.raises(SimulationError, match="other settings"):
        simulate(chosen(["AR 3"]), tmp_path, Settings(seed=3))
    (folder,) = simulate(chosen(["AR 3"]), tmp_path, Settings(seed=3), force=True)
    assert json.loads((folder / "simulation.json").read_text())["seed"] == 3


def test_a_folder_of_the_user_is_never_replaced(tmp_path):
    mine = tmp_path / pf.observation("AR 3").observation_id
    mine.mkdir()
    (mine / "thesis.tex").write_text("years of work")
    with pytest.raises(SimulationError, match="no simulated observation"):
        simulate(chosen(["AR 3"]), tmp_path, Settings(), force=True)
    assert [path.name for path in mine.iterdir()] == ["thesis.tex"]
