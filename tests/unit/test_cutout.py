import hashlib

import numpy as np
import pytest
from astropy.io import fits

import preflare as pf
from preflare.errors import CubeError, RasterError


@pytest.mark.parametrize("stored", [np.float32, np.int16])
def test_a_cutout_reads_like_its_source_and_is_smaller(write_raster, tmp_path, stored):
    rng = np.random.default_rng(1)
    spectra = (np.round(rng.uniform(100, 900, (4, 30, 633)) * 4) / 4).astype(np.float32)
    spectra[:, :9] = -200
    source = write_raster(spectra, stored=stored, others=(("C II 1336", 1332.7, 300),))
    cut = pf.read_raster(pf.cutout(source, tmp_path / "cut.fits"))
    whole = pf.read_raster(source)
    np.testing.assert_array_equal(cut.intensity.compute(), whole.intensity.compute())
    for name in ("wavelength", "time", "exposure", "x", "y", "slit_x", "slit_y"):
        np.testing.assert_array_equal(getattr(cut, name), getattr(whole, name))
    assert (cut.observation_id, cut.positions, cut.window, cut.nominal_range) == (
        whole.observation_id, whole.positions, whole.window, whole.nominal_range)  # fmt: skip
    assert cut.path.stat().st_size < source.stat().st_size
    with fits.open(cut.path, do_not_scale_image_data=True) as hdus:
        assert hdus[1].data.dtype == stored


def test_only_the_mg_window_is_left_and_its_keywords_become_the_first(write_raster, tmp_path):
    cut = pf.cutout(write_raster(), tmp_path / "cut.fits")
    with fits.open(cut) as hdus:
        assert len(hdus) == 3
        assert hdus[0].header["NWIN"] == 1
        assert hdus[0].header["TDESC1"] == "Mg II k 2796"
        assert "TDESC2" not in hdus[0].header


def test_provenance_is_in_the_header(write_raster, tmp_path):
    source = write_raster()
    with fits.open(pf.cutout(source, tmp_path / "cut.fits", exposures=slice(1, 3))) as hdus:
        history = "\n".join(hdus[0].header["HISTORY"])
    assert "window Mg II k 2796 of raster.fits" in history
    assert "exposures 1:3 of 3" in history
    assert hashlib.sha256(source.read_bytes()).hexdigest() in history


def test_exposures_can_be_chosen_with_their_auxiliary_rows(write_raster, tmp_path):
    source = write_raster()
    cut = pf.read_raster(pf.cutout(source, tmp_path / "cut.fits", exposures=slice(1, 3)))
    whole = pf.read_raster(source)
    np.testing.assert_array_equal(cut.time, whole.time[1:3])
    np.testing.assert_array_equal(cut.intensity.compute(), whole.intensity[1:3].compute())


def test_a_cutout_of_a_cutout_is_the_same(write_raster, tmp_path):
    once = pf.cutout(write_raster(), tmp_path / "once.fits")
    twice = pf.cutout(once, tmp_path / "twice.fits")
    np.testing.assert_array_equal(
        pf.read_raster(once).intensity.compute(), pf.read_raster(twice).intensity.compute()
    )


def test_existing_files_are_kept_unless_told_otherwise(write_raster, tmp_path):
    source = write_raster()
    target = tmp_path / "cut.fits"
    target.write_text("mine")
    with pytest.raises(CubeError, match="exists"):
        pf.cutout(source, target)
    assert target.read_text() == "mine"
    pf.cutout(source, target, force=True)
    assert pf.read_raster(target).positions == 8


def test_a_cutout_over_its_own_source_is_whole(write_raster):
    source = write_raster()
    before = pf.read_raster(source).intensity.compute()
    pf.cutout(source, source, force=True)
    np.testing.assert_array_equal(pf.read_raster(source).intensity.compute(), before)


def test_no_exposures_left_is_an_error_and_leaves_nothing(write_raster, tmp_path):
    with pytest.raises(RasterError, match="no exposures 7:9"):
        pf.cutout(write_raster(), tmp_path / "out" / "cut.fits", exposures=slice(7, 9))
    assert not (tmp_path / "out").exists()


def test_the_shipped_files_are_cutouts(real_raster, real_slit_jaw):
    for file in (real_raster, real_slit_jaw):
        assert any("preflare cutout" in line for line in file.header["HISTORY"])
    assert real_raster.intensity.shape == (3, 1094, 633)
    assert real_slit_jaw.image.shape == (1, 1094, 1102)
