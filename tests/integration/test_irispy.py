"""The reader against irispy-lmsal, on every real raster that either package ships."""

import warnings
from importlib.resources import files

import numpy as np
import pytest
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning
from astropy.wcs import WCS

import preflare as pf
from preflare.errors import CleaningError

THEIRS = sorted(str(path) for path in (files("irispy") / "data" / "test").rglob("*_raster_*.fits"))
OURS = sorted(str(path) for path in pf.shipped("iris").glob("*_raster_*.fits"))


def read_with_irispy(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyWarning)
        # irispy's own imports and file handling warn; they are not under test.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", ResourceWarning)
        warnings.simplefilter("ignore", UserWarning)
        from irispy.io import read_files

        read = read_files(path, spectral_windows=["Mg II k 2796"], uncertainty=False)
        return read["Mg II k 2796"][0]


def test_there_are_real_files_to_compare_on():
    assert len(THEIRS) >= 14
    assert len(OURS) == 1


@pytest.mark.parametrize("path", OURS + THEIRS, ids=lambda path: path[-48:])
def test_reader_agrees_on_values_wavelengths_and_times(path):
    ours, theirs = pf.read_raster(path), read_with_irispy(path)
    np.testing.assert_array_equal(ours.intensity.compute(), theirs.data)
    wavelength = theirs.wcs.pixel_to_world_values(np.arange(ours.wavelength.size), 0, 0)[0] * 1e10
    np.testing.assert_allclose(ours.wavelength, wavelength, rtol=0, atol=1e-6)
    times = theirs.time.to_value("datetime64")
    assert np.abs(ours.time - times).max() < np.timedelta64(1, "us")
    exposures = theirs.meta["exposure time"].to_value("s")
    np.testing.assert_array_equal(ours.exposure, exposures)
    np.testing.assert_array_equal(ours.missing.compute() & (ours.intensity == -200).compute(),
                                  theirs.mask)  # fmt: skip


@pytest.mark.parametrize("path", THEIRS, ids=lambda path: path[-48:])
def test_files_thinned_out_in_wavelength_are_not_cleaned(path):
    raster = pf.read_raster(path)
    with pytest.raises(CleaningError, match=r"too coarse in wavelength \(0\.2\d+ Å per pixel\)"):
        pf.clean(raster)


def test_spectra_lie_where_the_world_coordinates_put_them(real_raster):
    # astropy and the file's header directly: irispy adds a shift of its own along x.
    with fits.open(OURS[0]) as hdus:
        wcs = WCS(hdus[1].header)
    for step in range(3):
        for pixel in (0, 500, 1093):
            _, latitude, longitude = wcs.pixel_to_world_values(300, pixel, step)
            x = real_raster.x[step] + real_raster.slit_x[pixel]
            y = real_raster.y[step] + real_raster.slit_y[pixel]
            # One pointing for the file there, one for each exposure here: alike to half a pixel.
            assert abs(longitude * 3600 - x) < 0.08
            assert abs(latitude * 3600 - y) < 0.08
