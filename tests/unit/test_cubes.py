import os

import numpy as np
import pytest
import xarray as xr

import preflare as pf
from preflare.cubes import check_writable
from preflare.errors import CubeError
from tests.conftest import mg_profile


@pytest.fixture
def cube(write_raster):
    return pf.clean(pf.read_raster(write_raster()), onset="2014-03-29T17:35")


def test_a_stored_cube_comes_back_identical(cube, tmp_path):
    path = pf.write_cube(cube, tmp_path / "deep" / "cube.zarr")
    with pf.open_cube(path) as stored:
        xr.testing.assert_identical(stored.load(), cube.load())


def test_uneven_blocks_are_stored_too(write_raster, tmp_path, monkeypatch):
    monkeypatch.setattr("preflare.lazyfits.BLOCK_BYTES", 3 * 5 * 633 * 4)
    rasters = [
        pf.read_raster(
            write_raster(np.tile(mg_profile(), (steps, 5, 1)), begins=begins, name=f"{begins}.fits")
        )
        for steps, begins in ((8, 1.0), (7, 100.0), (5, 200.0))
    ]
    joined = pf.clean_observation(rasters)
    path = pf.write_cube(joined, tmp_path / "cube.zarr")
    with pf.open_cube(path) as stored:
        xr.testing.assert_equal(stored.load(), joined.load())


def test_an_existing_cube_is_kept_unless_told_otherwise(cube, tmp_path):
    path = pf.write_cube(cube, tmp_path / "cube.zarr")
    with pytest.raises(CubeError, match="exists"):
        pf.write_cube(cube, path)
    pf.write_cube(cube.isel(slit=slice(0, 2)), path, overwrite=True)
    with pf.open_cube(path) as stored:
        assert stored.sizes["slit"] == 2
    assert [entry.name for entry in tmp_path.glob(".*")] == []


def a_folder(path):
    path.mkdir()
    (path / "thesis.tex").write_text("years of work")


def a_store_with_something_else_in_it(path):
    a_folder(path)
    (path / "zarr.json").write_text("{}")


def a_link(path):
    path.symlink_to(path.parent / "elsewhere")


@pytest.mark.parametrize("kind", ["cube", "file"])
@pytest.mark.parametrize(
    "put",
    [a_folder, a_store_with_something_else_in_it, a_link, os.mkfifo],
    ids=lambda f: f.__name__,
)
def test_what_preflare_did_not_make_is_never_replaced(put, kind, tmp_path):
    path = tmp_path / "out"
    put(path)
    before = sorted(tmp_path.rglob("*")), path.lstat().st_ino
    with pytest.raises(CubeError, match=f"is no {kind} that could be replaced"):
        check_writable(path, overwrite=True, kind=kind)
    assert (sorted(tmp_path.rglob("*")), path.lstat().st_ino) == before


def test_a_file_is_no_cube(tmp_path):
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(CubeError, match="is no cube"):
        check_writable(tmp_path / "notes", overwrite=True)
    check_writable(tmp_path / "notes", overwrite=True, kind="file")


def test_a_write_that_fails_half_way_leaves_the_old_cube_and_nothing_else(
    cube, tmp_path, monkeypatch
):
    path = pf.write_cube(cube, tmp_path / "cube.zarr")
    wrong = cube.isel(slit=slice(0, 2))

    def full_disk(*_args, **_keywords):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("preflare.cleaning.find_faults", full_disk)
    with pytest.raises(CubeError, match="no space left on device"):
        pf.write_cube(wrong, path, overwrite=True)
    monkeypatch.undo()
    with pf.open_cube(path) as stored:
        xr.testing.assert_equal(stored.load(), cube.load())
    assert [entry.name for entry in tmp_path.iterdir() if "unfinished" in entry.name] == []


def test_what_is_no_cube_is_refused(tmp_path):
    with pytest.raises(CubeError, match="is not a cube"):
        pf.open_cube(tmp_path / "none.zarr")
    (tmp_path / "folder").mkdir()
    with pytest.raises(CubeError, match="is not a cube"):
        pf.open_cube(tmp_path / "folder")
    xr.Dataset({"a": ("b", np.arange(3))}).to_zarr(tmp_path / "other.zarr", consolidated=False)
    with pytest.raises(CubeError, match="holds no spectra"):
        pf.open_cube(tmp_path / "other.zarr")
