import gc
import gzip
import os
import shutil

import numpy as np
import pytest
from astropy.io import fits

import preflare as pf
from preflare.errors import RasterError
from preflare.lazyfits import BLOCK_BYTES
from tests.conftest import FIRST, WAVELENGTH, mg_profile


def spectra(steps=3, slit=5):
    level = 1 + np.arange(steps * slit).reshape(steps, slit, 1)
    return (np.round(mg_profile() * level) / 4).astype(np.float32)


@pytest.mark.parametrize("stored", [np.float32, np.int16])
@pytest.mark.parametrize("compression", [{}, {"compression_type": "GZIP_2", "quantize_level": 0.0}])
def test_values_survive_every_way_of_storing(write_raster, stored, compression):
    expected = spectra()
    raster = pf.read_raster(write_raster(expected, stored=stored, **compression))
    assert raster.intensity.dtype == np.float32
    np.testing.assert_array_equal(raster.intensity.compute(), expected)
    np.testing.assert_array_equal(raster.intensity[1, 2:4, 100:110].compute(),
                                  expected[1, 2:4, 100:110])  # fmt: skip


def test_gzip_is_known_by_content_and_its_scratch_copy_goes_away(
    write_raster, tmp_path, monkeypatch
):
    plain = write_raster(spectra())
    packed = tmp_path / "raster_in_disguise.fits"
    with plain.open("rb") as source, gzip.open(packed, "wb") as target:
        shutil.copyfileobj(source, target)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    # The lazy array outlives the raster that it came from, and so must its copy.
    lazy = pf.read_raster(packed).intensity
    gc.collect()
    assert len(list(scratch.iterdir())) == 1
    np.testing.assert_array_equal(lazy.compute(), spectra())
    del lazy
    gc.collect()
    assert not list(scratch.iterdir())


def test_times_exposures_and_pointing_come_from_the_auxiliary_extension(write_raster):
    raster = pf.read_raster(write_raster())
    expected = np.datetime64("2014-03-29T14:09:38.830") + np.array([170, 9570, 18970]) * (
        np.timedelta64(1, "ms")
    )
    np.testing.assert_array_equal(raster.time, expected)
    np.testing.assert_array_equal(raster.exposure, 8.0)
    np.testing.assert_array_equal(raster.x, [484, 486, 488])
    np.testing.assert_allclose(raster.slit_y, 0.16635 * np.arange(-2, 3))
    np.testing.assert_allclose(raster.slit_x, 0.002 * np.arange(-2, 3))
    np.testing.assert_allclose(raster.wavelength, WAVELENGTH)
    assert raster.observation_id == "20140329_140938_3860258481"


def test_sit_and_stare_is_told_from_rasters(write_raster):
    assert pf.read_raster(write_raster(positions=1, name="stare.fits")).sit_and_stare
    assert not pf.read_raster(write_raster(positions=8, name="raster.fits")).sit_and_stare


def test_window_is_found_by_wavelength_not_by_name_or_order(write_raster):
    path = write_raster(window="a name", others=(("Mg II k 2796", 1332.7, 17), ("2832", 2831.2, 9)))
    raster = pf.read_raster(path)
    assert raster.window == "a name"
    assert raster.wavelength[0] == pytest.approx(FIRST)


def test_windows_that_the_header_lists_but_the_file_lacks_do_not_mislead(write_raster):
    path = write_raster(others=(), listed=("C II 1336", "1343", "2832"))
    with fits.open(path, mode="update") as hdus:
        hdus[0].header["TWMIN1"], hdus[0].header["TWMIN2"] = 1332.7, FIRST
        hdus[0].header["TDESC2"] = "Mg II k 2796"
    assert pf.read_raster(path).window == "Mg II k 2796"


def test_missing_and_saturated_pixels_are_told_apart(write_raster):
    pixels = spectra()
    pixels[0, 0, :4] = [-200, np.nan, 16000, np.inf]
    pixels[0, 0, 4:6] = [15999, -99]
    raster = pf.read_raster(write_raster(pixels))
    assert raster.missing[0, 0, :6].compute().tolist() == [True, True, False, False, False, False]
    assert raster.saturated[0, 0, :6].compute().tolist() == [False, False, True, True, False, False]


def test_unscaled_missing_value_is_minus_200_once_scaled(write_raster):
    pixels = spectra()
    pixels[0, 0, 0] = -200
    path = write_raster(pixels, stored=np.int16)
    with fits.open(path, do_not_scale_image_data=True) as hdus:
        assert hdus[2].data[0, 0, 0] == -32768
    raster = pf.read_raster(path)
    assert raster.intensity[0, 0, 0].compute() == -200
    assert raster.missing.sum().compute() == 1


def test_blocks_are_bounded(write_raster):
    raster = pf.read_raster(write_raster(np.tile(mg_profile(), (40, 500, 1)), positions=1))
    blocks = raster.intensity.blocks
    assert len(raster.intensity.chunks[0]) > 1
    assert max(blocks[i].nbytes for i in range(blocks.shape[0])) <= BLOCK_BYTES


def no_mg(write_raster):
    return write_raster(first=1400.0, window="Si IV 1403")


def empty(write_raster):
    return write_raster(np.empty((0, 5, 633), np.float32))


def truncated(write_raster):
    path = write_raster()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def truncated_gzip(write_raster):
    path = write_raster()
    packed = gzip.compress(path.read_bytes())
    path.write_bytes(packed[: len(packed) // 2])
    return path


def not_fits(write_raster):
    path = write_raster()
    path.write_text("no FITS at all")
    return path


def nothing_in_it(write_raster):
    path = write_raster()
    path.write_bytes(b"")
    return path


def directory(write_raster):
    return write_raster().parent


def pipe(write_raster):
    path = write_raster().with_name("pipe.fits")
    os.mkfifo(path)
    return path


def not_there(write_raster):
    return write_raster().with_name("none.fits")


def no_auxiliary(write_raster):
    path = write_raster()
    with fits.open(path) as hdus:
        fits.HDUList(hdus[:-1]).writeto(path.with_name("cut.fits"))
    return path.with_name("cut.fits")


def too_few_rows(write_raster):
    path = write_raster()
    with fits.open(path, mode="update") as hdus:
        hdus[-1].data = hdus[-1].data[:-1]
    return path


def no_start(write_raster):
    path = write_raster()
    with fits.open(path, mode="update") as hdus:
        del hdus[0].header["STARTOBS"]
    return path


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (no_mg, "has no Mg II k window; it holds C II 1336, Si IV 1403"),
        (empty, "is empty"),
        (truncated, "is truncated"),
        (truncated_gzip, "truncated or damaged gzip"),
        (not_fits, "is not a FITS file"),
        (nothing_in_it, "is not a FITS file"),
        (directory, "is a directory"),
        (pipe, "is no plain file"),
        (not_there, "cannot be read: no such file"),
        (no_auxiliary, "no auxiliary extension"),
        (too_few_rows, "3 exposures and 2 rows"),
        (no_start, "does not say which observation"),
    ],
)
def test_bad_files_are_refused_in_one_sentence(write_raster, make, reason):
    path = make(write_raster)
    with pytest.raises(RasterError, match=reason) as caught:
        pf.read_raster(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert message.endswith(".")


def test_a_raster_is_no_movie_and_a_movie_no_raster(write_raster, real_slit_jaw):
    with pytest.raises(RasterError, match="no slit-jaw images"):
        pf.read_slitjaw(write_raster())
    with pytest.raises(RasterError, match="slit-jaw images and no spectra"):
        pf.read_raster(real_slit_jaw.path)
