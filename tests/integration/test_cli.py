"""The command line as a new user meets it: good input, and every bad input we could think of."""

import gzip
import os
import subprocess
import sys

import numpy as np
import pytest

import preflare as pf
from tests.conftest import mg_profile
from tests.warm import IMPORTED, preflare


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def leftovers(folder):
    return sorted(path.name for path in folder.rglob("*"))


def test_starting_cold_warns_of_nothing():
    for run in (["-m", "preflare", "--version"], ["-c", f"import {', '.join(IMPORTED)}"]):
        done = subprocess.run(
            [sys.executable, "-W", "error", *run], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_help_is_there_for_every_command():
    for command in ((), ("cutout",), ("clean",), ("train",), ("book",), ("status",)):
        shown = preflare(*command, "--help")
        assert shown.returncode == 0
        assert shown.stdout.startswith("Usage: ")


def test_clean_writes_a_cube_an_observation_and_prints_the_counts(write_raster, tmp_path):
    one = [write_raster(name=f"{begins}.fits", begins=begins) for begins in (1.0, 80.0)]
    other = write_raster(name="other.fits", start="2014-03-30T00:00:00")
    done = preflare("clean", *one, other, "--output", tmp_path / "cubes")
    assert done.returncode == 0, done.stderr
    names = ["20140329_140938_3860258481", "20140330_000000_3860258481"]
    assert names_in(tmp_path / "cubes") == [f"{name}.zarr" for name in names]
    with pf.open_cube(tmp_path / "cubes" / f"{names[0]}.zarr") as cube:
        assert (cube.sizes["time"], cube.sizes["step"]) == (2, 3)
    assert "30 of 30 spectra kept" in done.stdout


def test_clean_rejects_by_the_rules_that_are_named(tmp_path, real_raster):
    done = preflare("clean", real_raster.path, "--output", tmp_path, "--reject", "missing")
    assert done.returncode == 0, done.stderr
    with pf.open_cube(next(tmp_path.iterdir())) as cube:
        assert cube.attrs["reject"] == pf.Rule.MISSING


def test_clean_does_not_replace_cubes_unless_told(write_raster, tmp_path):
    path = write_raster()
    assert preflare("clean", path, "--output", tmp_path / "out").returncode == 0
    again = preflare("clean", path, "--output", tmp_path / "out")
    assert again.returncode == 1
    assert "exists" in again.stderr
    assert preflare("clean", path, "--output", tmp_path / "out", "--force").returncode == 0


def test_cutout_takes_several_files_into_a_folder(write_raster, tmp_path, real_slit_jaw):
    raster = write_raster()
    done = preflare("cutout", raster, real_slit_jaw.path, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert names_in(tmp_path / "out") == sorted([raster.name, real_slit_jaw.path.name])
    assert pf.read_slitjaw(tmp_path / "out" / real_slit_jaw.path.name).channel == "SJI_2796"


def rng_spectra():
    return np.random.default_rng(0).uniform(10, 900, (3, 5, 633)).astype(np.float32)


def make_not_fits(write_raster, tmp_path):
    path = tmp_path / "notes.fits"
    path.write_text("these are notes")
    return path


def make_truncated(write_raster, tmp_path):
    path = write_raster()
    path.write_bytes(path.read_bytes()[:-9000])
    return path


def make_truncated_gzip(write_raster, tmp_path):
    path = tmp_path / "raster.fits.gz"
    path.write_bytes(gzip.compress(write_raster(rng_spectra()).read_bytes())[:3000])
    return path


def make_no_mg(write_raster, tmp_path):
    return write_raster(first=1400.0, window="Si IV 1403")


def make_coarse(write_raster, tmp_path):
    return write_raster(np.tile(mg_profile()[::10], (2, 5, 1)), dispersion=0.2546)


def make_empty(write_raster, tmp_path):
    return write_raster(np.empty((0, 5, 633), np.float32))


def make_all_missing(write_raster, tmp_path):
    return write_raster(np.full((2, 5, 633), -200, np.float32))


def make_directory(write_raster, tmp_path):
    (tmp_path / "rasters").mkdir()
    return tmp_path / "rasters"


def make_none(write_raster, tmp_path):
    return tmp_path / "none.fits"


BAD = [
    (make_not_fits, "is not a FITS file"),
    (make_truncated, "is truncated"),
    (make_truncated_gzip, "truncated or damaged gzip file"),
    (make_no_mg, "has no Mg II k window; it holds C II 1336, Si IV 1403"),
    (make_coarse, "is too coarse in wavelength (0.255 Å per pixel)"),
    (make_empty, "is empty"),
    (make_all_missing, "holds no data"),
    (make_directory, "is a directory"),
    (make_none, "no such file"),
]


def assert_one_sentence(done, path, reason):
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith(f"preflare: {path} ")
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stderr.endswith(".\n")


@pytest.mark.parametrize(("make", "reason"), BAD, ids=lambda value: getattr(value, "__name__", ""))
def test_bad_input_to_clean_is_one_sentence_and_nothing_is_written(
    write_raster, tmp_path, make, reason
):
    bad = make(write_raster, tmp_path)
    good = write_raster(name="good.fits", start="2015-01-01T00:00:00")
    before = leftovers(tmp_path)
    assert_one_sentence(preflare("clean", good, bad, "--output", tmp_path / "out"), bad, reason)
    assert leftovers(tmp_path) == before


@pytest.mark.parametrize(
    ("make", "reason"),
    [case for case in BAD if case[0] not in (make_coarse, make_all_missing)],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_bad_input_to_cutout_is_one_sentence_and_nothing_is_written(
    write_raster, tmp_path, make, reason
):
    bad = make(write_raster, tmp_path)
    before = leftovers(tmp_path)
    assert_one_sentence(preflare("cutout", bad, tmp_path / "cut.fits"), bad, reason)
    assert leftovers(tmp_path) == before


def test_a_cutout_over_an_existing_file_needs_force(write_raster, tmp_path):
    target = tmp_path / "mine.fits"
    target.write_text("mine")
    done = preflare("cutout", write_raster(), target)
    assert_one_sentence(done, target, "exists")
    assert target.read_text() == "mine"
    assert preflare("cutout", write_raster(name="b.fits"), target, "--force").returncode == 0


def test_force_replaces_no_pipe_and_no_folder_of_the_user(write_raster, tmp_path):
    source = write_raster()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    done = preflare("cutout", source, pipe, "--force")
    assert_one_sentence(done, pipe, "is no file that could be replaced")
    assert pipe.is_fifo()
    folder = tmp_path / "20140329_140938_3860258481.zarr"
    folder.mkdir()
    (folder / "thesis.tex").write_text("years of work")
    done = preflare("clean", source, "--output", tmp_path, "--force")
    assert_one_sentence(done, folder, "is no cube that could be replaced")
    assert [entry.name for entry in folder.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("command", ["cutout", "clean"])
def test_an_output_that_cannot_be_written_is_one_sentence(write_raster, tmp_path, command):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    source = write_raster()
    before = leftovers(tmp_path)
    if command == "cutout":
        target = blocked / "cut.fits"
        done = preflare("cutout", source, target)
    else:
        target = blocked / "20140329_140938_3860258481.zarr"
        done = preflare("clean", source, "--output", blocked)
    assert_one_sentence(done, target, "cannot be written")
    assert leftovers(tmp_path) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("clean",),
        ("clean", "x.fits"),
        ("clean", "x.fits", "--output", "o", "--reject", "ugliness"),
        ("cutout", "x.fits"),
        ("cutout", "--exposures", "a:b", "x.fits", "y.fits"),
        ("book", "-p", "rasters=[]"),
        ("book", "--chapter", "data", "-p", "nonsense"),
        ("dance",),
    ],
)
def test_wrong_usage_exits_with_two(arguments, tmp_path):
    done = preflare(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_outside_a_checkout_the_book_says_so(tmp_path):
    for command in ("book", "status"):
        done = preflare(command, cwd=tmp_path)
        assert done.returncode == 1
        assert "is not in a checkout of preflare" in done.stderr
