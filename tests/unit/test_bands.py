"""Bands part the window; every line lies in its own."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from preflare.errors import FindingError
from preflare.findings.bands import (
    BANDS,
    METALS,
    OF_MAGNESIUM,
    band_of_points,
    metallic,
    points_of,
    spans,
)
from preflare.spectrum import FIRST, LAST, LINES, POINTS, SPACING, grid, nearest_point


def test_every_point_is_in_exactly_one_band():
    names = {name for name, _ in BANDS}
    counted = sum(points_of(name).astype(int) for name in names)
    assert_array_equal(counted, np.ones(POINTS))
    assert set(band_of_points()) == names


def test_points_lie_between_the_ends_of_their_band():
    inside = np.zeros(POINTS, int)
    for name, low, high in spans():
        here = (grid() > low - 1e-9) & (grid() < high - 1e-9 + (high == LAST))
        assert (band_of_points()[here] == name).all()
        inside += here
    assert_array_equal(inside, 1)


def test_spans_follow_each_other_through_the_window():
    _, low, high = zip(*spans(), strict=True)
    assert (low[0], high[-1]) == (FIRST, LAST)
    assert low[1:] == high[:-1]
    assert (np.diff(low) > 0).all()


@pytest.mark.parametrize(("name", "place"), METALS.items())
def test_a_metallic_line_is_in_the_middle_of_its_band(name, place):
    here = np.flatnonzero(points_of(name))
    assert nearest_point(place) in here
    assert 3 <= here.size <= 6
    assert_array_equal(np.diff(here), 1)


@pytest.mark.parametrize(
    ("band", "line"), [("k core", "k"), ("triplet", "triplet"), ("h core", "h")]
)
def test_magnesium_is_in_its_bands(band, line):
    here = np.flatnonzero(points_of(band))
    assert abs(grid()[here].mean() - LINES[line]) < 2 * SPACING


def test_k_and_h_have_sides_of_the_same_width():
    width = {name: points_of(name).sum() for name in OF_MAGNESIUM}
    assert width["k core"] == width["h core"]
    assert width["right of k"] == width["right of h"] == width["left of h"]
    # Manganese takes its part of the left of k.
    assert width["left of k"] + points_of("Mn I 2795.64").sum() == width["left of h"]


def test_all_metallic_lines_are_their_bands():
    assert metallic().sum() == sum(points_of(name).sum() for name in METALS)
    assert not (metallic() & points_of(*OF_MAGNESIUM)).any()


def test_a_band_that_is_none_is_refused():
    with pytest.raises(FindingError, match="no band 'g core': choose from"):
        points_of("k core", "g core")
