import numpy as np
import pytest

import preflare as pf
from preflare.spectrum import SPACING, nearest_point


def test_grid_is_the_papers():
    grid = pf.grid()
    assert grid.shape == (240,)
    assert grid[0] == 2794.14
    assert grid[-1] == 2805.72
    np.testing.assert_allclose(np.diff(grid), 11.58 / 239, rtol=1e-9)


def test_continuum_points_of_the_published_code_are_where_it_says():
    np.testing.assert_allclose(pf.grid()[[115, 124]], [2799.7, 2800.2], atol=0.06)


@pytest.mark.parametrize("name", ["k", "triplet", "h"])
def test_nearest_point_is_nearest(name):
    wavelength = pf.LINES[name]
    assert nearest_point(wavelength) == np.argmin(np.abs(pf.grid() - wavelength))


def test_nearest_point_refuses_what_lies_outside():
    with pytest.raises(ValueError, match="outside the window"):
        nearest_point(2794.0)


def test_velocity_agrees_with_astropy():
    import astropy.units as u

    wavelength = pf.grid()
    doppler = u.doppler_optical(pf.LINES["h"] * u.AA)
    expected = (wavelength * u.AA).to_value(u.km / u.s, doppler)
    np.testing.assert_allclose(pf.velocity(wavelength, "h"), expected, rtol=1e-9)
    assert pf.velocity(pf.LINES["k"] + SPACING) > 0
