"""`preflare train` as a new user meets it."""

import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import preflare as pf
from tests.conftest import mg_profile
from tests.warm import preflare

ONSET = "2014-03-29T17:00"


@pytest.fixture
def cubes(write_raster, tmp_path):
    """Give two PF and two AR cubes, made from files by the command line's own cleaning."""
    rng = np.random.default_rng(0)
    made = []
    for number, onset in enumerate((ONSET, ONSET, None, None)):
        shape = mg_profile() + (30.0 if onset else 0.0)
        spectra = rng.poisson(np.tile(shape, (20, 30, 1))).astype(np.float32)
        path = write_raster(spectra, name=f"{number}.fits", start=f"2014-03-29T1{number}:00:00")
        cube = pf.clean(pf.read_raster(path), onset=onset, reject=pf.Rule.MISSING)
        made.append(pf.write_cube(cube, tmp_path / "cubes" / f"{number}.zarr"))
    return made


def test_it_trains_on_a_user_s_own_cubes(cubes, tmp_path):
    output = tmp_path / "swarm.safetensors"
    done = preflare(
        "train", *cubes, "--test", 1, "--members", 4, "--epochs", 30, "--output", output
    )
    assert done.returncode == 0, done.stderr
    swarm = pf.Swarm.load(output)
    assert len(swarm) == 4
    assert swarm.settings.epochs == 30
    assert (swarm.report()["test tss"] > 0.9).any()
    assert f"{(swarm.report()['condition'] == 'trained').sum()} trained" in done.stdout
    median = swarm.report()["test tss"].median()
    assert f"true skill statistic {median:.2f}" in done.stdout
    assert not list(tmp_path.glob(".*training*"))


def test_a_swarm_is_not_replaced_unless_told(cubes, tmp_path):
    output = tmp_path / "swarm.safetensors"
    output.write_text("mine")
    arguments = ("train", *cubes, "--test", 1, "--members", 1, "--epochs", 1, "--output", output)
    refused = preflare(*arguments)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "exists: name another output" in refused.stderr
    assert output.read_text() == "mine"
    assert preflare(*arguments, "--force").returncode == 0
    assert len(pf.Swarm.load(output)) == 1


def test_killed_and_started_again_it_ends_the_same(cubes, tmp_path):
    def arguments(output):
        own = "--test", "1", "--members", "6", "--epochs", "600", "--output", str(output)
        return [sys.executable, "-m", "preflare", "train", *map(str, cubes), *own]

    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    store = tmp_path / ".first.safetensors.training"
    process = subprocess.Popen(arguments(first))
    while not store.exists():
        time.sleep(0.01)
        assert process.poll() is None, "it ended before it stored anything"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not first.exists()
    assert store.exists()
    for output in (first, second):
        assert subprocess.run(arguments(output), check=False).returncode == 0
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    "option", [("--test", 0), ("--members", 0), ("--epochs", -1), ("--seed", -1), ("--seed", "x")]
)
def test_bad_settings_are_wrong_usage(cubes, tmp_path, option):
    done = preflare("train", *cubes, *option, "--output", tmp_path / "swarm.safetensors")
    assert done.returncode == 2
    assert f"Error: Invalid value for '{option[0]}'" in done.stderr
    assert not (tmp_path / "swarm.safetensors").exists()


def test_bad_cubes_are_one_sentence(cubes, tmp_path):
    output = tmp_path / "swarm.safetensors"
    copy = tmp_path / "again" / cubes[0].name
    pf.write_cube(pf.open_cube(cubes[0]).load(), copy)
    (tmp_path / "file").touch()
    for arguments, sentence in (
        ((tmp_path / "none.zarr", "--output", output), "is not a cube"),
        ((tmp_path / "file", "--output", output), "is not a cube"),
        ((*cubes, copy, "--output", output), "the same name"),
        ((cubes[0], cubes[1], "--test", 1, "--output", output), "AR"),
        ((*cubes, "--output", output), "observations"),
        ((*cubes, "--test", 1, "--output", tmp_path / "file" / "x"), "cannot be"),
        (("--profile", "huge", "--output", output), "no profile 'huge'"),
    ):
        done = preflare("train", *arguments)
        assert done.returncode == 1, done.stderr
        assert done.stderr.count("\n") <= 2
        assert sentence in done.stderr
        assert "Traceback" not in done.stderr
        assert not output.exists()
