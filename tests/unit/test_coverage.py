"""Coverage is a share that can be counted, and rank correlations are those of scipy."""

from itertools import permutations

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from preflare.errors import FindingError
from preflare.findings.coverage import brightenings, coverage, footprint, rank_correlation

EDGES = (-10.0, 10.0, 0.0, 40.0)


class TestCoverage:
    def test_bright_pixels_have_their_places_and_weights(self):
        image = np.zeros((8, 4))
        image[1, 0], image[7, 3], image[2, 2] = 5, 2, np.nan
        x, y, weight = brightenings(image, EDGES, 90)
        assert_array_equal(x, [-7.5, 7.5])
        assert_array_equal(y, [7.5, 37.5])
        assert_allclose(weight, np.array([5, 2]) - np.percentile(image[np.isfinite(image)], 90))

    def test_it_is_the_share_of_the_weight_that_slits_see(self):
        x, y, weight = [0.0, 1.0, 2.1, 0.0, -1.0], [5.0, 5.0, 5.0, 30.0, 9.0], [1, 2, 4, 8, 16]
        assert coverage(x, y, weight, [-1, 1], (0, 10)) == (1 + 2 + 16) / 31
        assert coverage(x, y, weight, [0.0], (0, 10), half_width=0.5) == 1 / 31
        assert coverage(x, y, weight, [0.0, 0.0, 2.0], (0, 40), 3) == 1.0
        assert coverage(x, y, weight, [50.0], (0, 40), 3) == 0.0

    def test_of_even_light_it_is_the_share_of_the_area(self):
        x, y = (each.ravel() for each in np.meshgrid(np.arange(-9.95, 10, 0.1), np.arange(0.5, 40)))
        seen = coverage(x, y, np.ones(x.size), np.arange(-3, 4, 2), (10, 20))
        assert_allclose(seen, 8 / 20 * 10 / 40)

    @pytest.mark.parametrize(
        ("wrong", "cured"),
        [
            ({"y": [1.0]}, r"y has the shape \(1,\)"),
            ({"weight": [1, np.nan]}, "weight is nan"),
            ({"weight": [0, 0]}, "no positive sum"),
            ({"weight": [-1, 3]}, "no positive sum"),
            ({"slits": []}, r"slits has the shape \(0,\)"),
            ({"slits": [3.0]}, "One slit position has no step"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, wrong, cured):
        given = {"x": [0.0, 1], "y": [0.0, 1], "weight": [1, 1], "slits": [0.0, 1], "span": (0, 9)}
        with pytest.raises(FindingError, match=cured):
            coverage(**(given | wrong))

    @pytest.mark.parametrize(
        ("image", "percentile", "cured"),
        [
            (np.full((3, 3), np.nan), 99, "shows nothing"),
            (np.ones(3), 99, r"shape \(3,\), shows nothing"),
            (np.ones((3, 3)), 99, "Nothing in the image stands out"),
            (np.eye(3), 100, "percentile is 100"),
        ],
    )
    def test_images_that_show_nothing_are_refused(self, image, percentile, cured):
        with pytest.raises(FindingError, match=cured):
            brightenings(image, EDGES, percentile)


class TestRankCorrelation:
    @pytest.mark.parametrize("ties", [False, True])
    def test_of_few_pairs_all_orders_are_taken(self, ties):
        one = np.array([0.1, 0.5, 0.3, 0.9, 0.7, 0.2])
        other = np.array([1.0, 4, 1 if ties else 2, 5, 3, 4 if ties else 2.5])
        found = rank_correlation(one, other)
        assert_allclose(found.correlation, stats.spearmanr(one, other).statistic)
        by_chance = [
            stats.spearmanr(one[list(order)], other)[0] for order in permutations(range(6))
        ]
        p = np.mean(np.abs(by_chance) >= abs(found.correlation) - 1e-9)
        assert_allclose(found.p, p)

    def test_of_many_pairs_some_are_drawn(self):
        random = np.random.default_rng(0)
        one = random.normal(size=30)
        other = one + 2 * random.normal(size=30)
        found = rank_correlation(one, other)
        expected = stats.spearmanr(one, other)
        assert_allclose(found.correlation, expected.statistic)
        assert_allclose(found.p, expected.pvalue, atol=0.01)
        assert rank_correlation(one, other) == found
        assert rank_correlation(one, one, count=99).p == 1 / 100

    def test_pairs_with_nothing_are_left_out_and_counted(self):
        found = rank_correlation([1, 2, np.nan, 3, 5], [1, 2, 3, np.nan, 4])
        assert (found.pairs, found.left_out) == (3, 2)
        assert found.correlation == pytest.approx(1)

    @pytest.mark.parametrize("first", [[1, 1, 1, 1], [np.nan, np.nan, 1, 2]])
    def test_what_does_not_vary_or_is_too_few_has_none(self, first):
        found = rank_correlation(first, [1, 2, 3, 4])
        assert np.isnan([found.correlation, found.p]).all()

    def test_what_are_no_pairs_is_refused(self):
        with pytest.raises(FindingError, match="are no pairs"):
            rank_correlation([1, 2, 3], [1, 2])

    def test_resampled_pairs_give_the_interval(self):
        random = np.random.default_rng(1)
        one = random.normal(size=40)
        other = one + random.normal(size=40)
        found = rank_correlation(one, other, count=2000)
        same = stats.bootstrap(
            (one, other), lambda a, b: stats.spearmanr(a, b).statistic, paired=True,
            method="percentile", vectorized=False, n_resamples=2000, rng=0,
        ).confidence_interval  # fmt: skip
        assert_allclose([found.low, found.high], [same.low, same.high], atol=0.03)
        assert found.low < found.correlation < found.high

    def test_the_interval_of_pairs_that_hardly_vary_is_unknown(self):
        found = rank_correlation([1, 1, 1, 2], [1, 2, 3, 4])
        assert np.isfinite(found.correlation)
        assert np.isnan([found.low, found.high]).all()


class TestFootprint:
    def cube(self, x, y, slit_y=(-5.0, 0, 5)):
        places = {name: (("time", "step"), np.array(value)) for name, value in (("x", x), ("y", y))}
        return xr.Dataset(coords=places | {"slit_y": ("slit", np.array(slit_y))})

    def test_it_is_the_median_over_rasters(self):
        x = [[10.0, 12, 14], [10.5, 12.5, 14.5], [11.5, 13.5, np.nan]]
        slits, span = footprint(self.cube(x, [[20.0] * 3, [21.0] * 3, [22.0] * 3]))
        assert_allclose(slits, [10.5, 12.5, 14.25])
        assert span == (16, 26)  # about 21, the median of the eight places that are known

    def test_dimensions_in_another_order_change_nothing(self):
        cube = self.cube([[10.0, 12], [11, 13]], [[3.0, 3], [4, 4]])
        assert_allclose(footprint(cube.transpose())[0], footprint(cube)[0])

    def test_an_unknown_place_is_refused(self):
        with pytest.raises(FindingError, match="place of a slit position is not known"):
            footprint(self.cube([[10.0, np.nan]], [[3.0, 3]]))
