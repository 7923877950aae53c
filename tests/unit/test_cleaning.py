import numpy as np
import pytest
from scipy.interpolate import interp1d

import preflare as pf
from benchmarks.reference import clean_loop
from preflare.errors import CleaningError
from tests.conftest import FIRST, mg_profile


def test_cube_has_the_agreed_form(write_raster):
    cube = pf.clean(pf.read_raster(write_raster()), onset="2014-03-29T14:10:00")
    assert cube.intensity.dims == ("time", "step", "slit", "wavelength")
    assert dict(cube.sizes) == {"time": 1, "step": 3, "slit": 5, "wavelength": 240}
    assert cube.peak.dims == cube.flags.dims == ("time", "step", "slit")
    assert (cube.intensity.dtype, cube.flags.dtype) == (np.float32, np.uint8)
    np.testing.assert_array_equal(cube.wavelength, pf.grid())
    np.testing.assert_allclose(cube.t_onset.values, [[-21, -11.6, -2.2]])
    assert cube.chunksizes, "cleaning is lazy"


def test_without_onset_its_time_is_nan_not_zero(write_raster):
    assert np.isnan(pf.clean(pf.read_raster(write_raster())).t_onset).all()


def test_sit_and_stare_lies_along_time(write_raster):
    cube = pf.clean(pf.read_raster(write_raster(positions=1)))
    assert (cube.sizes["time"], cube.sizes["step"]) == (3, 1)
    assert np.all(np.diff(cube.start.values[:, 0]) > np.timedelta64(0))


def test_interpolation_agrees_with_scipy_on_real_spectra(real_raster):
    cube = pf.clean(real_raster).load()
    raw = real_raster.intensity.compute().astype(np.float64)
    expected = interp1d(real_raster.wavelength, raw, axis=-1)(pf.grid())
    kept = pf.accepted(cube)[0]
    expected = expected[kept] / expected[kept].max(axis=-1, keepdims=True)
    np.testing.assert_allclose(cube.intensity.values[0][kept], expected, rtol=0, atol=1e-6)


def test_cleaning_agrees_with_the_plain_loop_on_real_spectra(real_raster):
    cube = pf.clean(real_raster).load()
    profiles, peaks, flags = clean_loop(
        real_raster.intensity.compute(), real_raster.wavelength, real_raster.exposure
    )
    np.testing.assert_array_equal(cube.flags.values[0], flags)
    np.testing.assert_allclose(cube.intensity.values[0], profiles, atol=1e-6)
    np.testing.assert_allclose(cube.peak.values[0], peaks, rtol=1e-6)


def test_peak_is_in_dn_per_second(write_raster):
    short = pf.clean(pf.read_raster(write_raster(exposure=2.0, name="short.fits"))).load()
    long = pf.clean(pf.read_raster(write_raster(exposure=8.0, name="long.fits"))).load()
    np.testing.assert_allclose(short.peak, 4 * long.peak, rtol=1e-6)
    np.testing.assert_array_equal(short.intensity, long.intensity)


def test_rejecting_is_a_setting_and_flags_do_not_depend_on_it(real_raster):
    all_kept = pf.clean(real_raster, reject=pf.Rule(0)).load()
    paper = pf.clean(real_raster).load()
    np.testing.assert_array_equal(all_kept.flags, paper.flags)
    limb_only = paper.flags.values == pf.Rule.LIMB
    assert limb_only.any()
    assert np.isnan(paper.intensity.values[limb_only]).all()
    assert np.isfinite(all_kept.intensity.values[limb_only]).all()
    same = pf.accepted(paper)
    np.testing.assert_array_equal(all_kept.intensity.values[same], paper.intensity.values[same])


def test_limits_are_settings(real_raster):
    strict = pf.clean(real_raster, limits=pf.Limits(continuum=0.2)).load()
    usual = pf.clean(real_raster).load()
    limb = (strict.flags.values & pf.Rule.LIMB) > 0
    assert limb.sum() > ((usual.flags.values & pf.Rule.LIMB) > 0).sum()
    assert strict.attrs["limits"]["continuum"] == 0.2


def test_infinite_pixels_leave_no_profile_and_an_infinite_peak(write_raster):
    pixels = np.tile(mg_profile(), (1, 2, 1))
    pixels[0, 0, 230] = np.inf
    cube = pf.clean(pf.read_raster(write_raster(pixels)), reject=pf.Rule(0)).load()
    assert np.isnan(cube.intensity.values[0, 0, 0]).all()
    assert np.isposinf(cube.peak.values[0, 0, 0])
    assert cube.flags.values[0, 0].tolist() == [pf.Rule.SATURATED, 0]


def test_steps_without_exposure_are_missing(write_raster):
    from astropy.io import fits

    path = write_raster()
    with fits.open(path, mode="update") as hdus:
        hdus[-1].data[1, 0] = 0.0
    cube = pf.clean(pf.read_raster(path)).load()
    np.testing.assert_array_equal(cube.flags.values[0], [[0] * 5, [pf.Rule.MISSING] * 5, [0] * 5])


def test_chunking_does_not_change_a_bit(write_raster, monkeypatch):
    rng = np.random.default_rng(0)
    pixels = mg_profile() * rng.uniform(0.05, 3, (9, 7, 1)).astype(np.float32)
    whole = pf.clean(pf.read_raster(write_raster(pixels, positions=1))).load()
    monkeypatch.setattr("preflare.lazyfits.BLOCK_BYTES", 2 * 7 * 633 * 4)
    split = pf.clean(pf.read_raster(write_raster(pixels, positions=1, name="b.fits")))
    assert split.intensity.data.numblocks[0] == 5
    assert split.load().drop_attrs().identical(whole.drop_attrs())


def test_rasters_of_an_observation_join_in_order_of_time(write_raster):
    late = pf.read_raster(write_raster(begins=75.0, name="late.fits"))
    early = pf.read_raster(write_raster(begins=0.17, name="early.fits"))
    cube = pf.clean_observation([late, early])
    assert cube.sizes["time"] == 2
    assert np.all(np.diff(cube.start.values.ravel()) > np.timedelta64(0))
    assert cube.attrs["files"] == ["early.fits", "late.fits"]


def test_a_raster_cut_short_is_filled_up_with_missing_steps(write_raster):
    whole = pf.read_raster(write_raster(name="whole.fits"))
    short = pf.read_raster(
        write_raster(np.tile(mg_profile(), (2, 5, 1)), begins=75.0, name="short.fits")
    )
    cube = pf.clean_observation([whole, short]).load()
    assert cube.flags.dtype == np.uint8
    np.testing.assert_array_equal(cube.flags.values[1, 2], pf.Rule.MISSING)
    assert np.isnan(cube.intensity.values[1, 2]).all()
    assert np.isnat(cube.start.values[1, 2])
    np.testing.assert_array_equal(cube.flags.values[:, :2], 0)


def test_rasters_that_do_not_belong_together_are_refused(write_raster):
    first = pf.read_raster(write_raster(name="first.fits"))
    other_day = pf.read_raster(write_raster(start="2014-03-30T14:09:38", name="other.fits"))
    longer = pf.read_raster(
        write_raster(np.tile(mg_profile(), (3, 6, 1)), begins=75.0, name="longer.fits")
    )
    with pytest.raises(CleaningError, match=r"belongs to observation 20140330.*clean each"):
        pf.clean_observation([first, other_day])
    with pytest.raises(CleaningError, match="pixels along the slit"):
        pf.clean_observation([first, longer])
    with pytest.raises(CleaningError, match="hold the same exposures: give them once"):
        pf.clean_observation([first, pf.read_raster(first.path)])
    with pytest.raises(CleaningError, match="no rasters"):
        pf.clean_observation([])


@pytest.mark.parametrize(
    ("making", "reason"),
    [
        ({"dispersion": 0.2546, "first": FIRST}, r"too coarse in wavelength \(0.255 Å per pixel\)"),
        ({"first": 2795.0}, "covers 2795.00-2811.09 Å and not the window"),
        ({"exposure": 0.0}, "no exposure longer than 0 s"),
        ({"spectra": np.full((2, 3, 633), -200, np.float32)}, "every pixel is marked as missing"),
    ],
)
def test_rasters_that_cannot_be_cleaned_are_refused_with_the_reason(write_raster, making, reason):
    raster = pf.read_raster(write_raster(**making))
    with pytest.raises(CleaningError, match=reason) as caught:
        pf.clean(raster)
    assert str(raster.path) in str(caught.value)


def test_an_onset_that_is_no_time_is_refused(write_raster):
    with pytest.raises(CleaningError, match="'soon' is not a time"):
        pf.clean(pf.read_raster(write_raster()), onset="soon")
