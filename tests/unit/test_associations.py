"""Exact tests are those of scipy, and what they could have found is that of brute force."""

from itertools import product
from math import comb

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats

from preflare.errors import FindingError
from preflare.findings.associations import associations, exact_test, share_difference


def rejected_at(table, odds, level=0.05):
    """Probabilities of significant tables below and above the mean, by counting every table."""
    (a, b), (c, d) = table
    tables = [
        (k, comb(a + b, k) * comb(c + d, a + c - k))
        for k in range(max(0, a - d), min(a + b, a + c) + 1)
    ]
    total = sum(ways for _, ways in tables)
    mean = sum(k * ways for k, ways in tables) / total
    weighted = sum(ways * odds**k for k, ways in tables)
    sides = [0.0, 0.0]
    for k, ways in tables:
        if sum(other for _, other in tables if other <= ways) / total <= level:
            sides[k > mean] += ways * odds**k / weighted
    return sides


class TestExactTest:
    TABLES = (
        [[10, 3], [2, 4]],
        [[7, 2], [2, 5]],
        [[1, 6], [5, 4]],
        [[3, 3], [3, 3]],
        [[0, 9], [4, 3]],
    )

    @pytest.mark.parametrize("table", TABLES)
    def test_it_is_that_of_scipy(self, table):
        found = exact_test(table)
        assert_allclose(found.p, stats.fisher_exact(table).pvalue)
        ratio = stats.contingency.odds_ratio(table)
        assert found.odds_ratio == ratio.statistic
        assert (found.low, found.high) == tuple(ratio.confidence_interval(0.95))

    @given(counts=st.lists(st.integers(0, 9), min_size=4, max_size=4))
    def test_p_is_that_of_scipy_for_any_table(self, counts):
        table = np.reshape(counts, (2, 2))
        found = exact_test(table)
        assert_allclose(found.p, stats.fisher_exact(table).pvalue, rtol=1e-9)
        assert 0 < found.smallest_p <= found.p + 1e-12

    @pytest.mark.parametrize("table", TABLES)
    def test_the_smallest_p_is_that_of_all_tables_with_the_same_sums(self, table):
        (a, b), (c, d) = table
        possible = [
            [[a + k, b - k], [c - k, d + k]]
            for k in range(-20, 20)
            if min(a + k, b - k, c - k, d + k) >= 0
        ]
        smallest = min(stats.fisher_exact(each).pvalue for each in possible)
        assert_allclose(exact_test(table).smallest_p, smallest)

    @pytest.mark.parametrize("table", TABLES)
    @pytest.mark.parametrize("power", [0.5, 0.8])
    def test_what_is_detectable_is_found_with_that_power(self, table, power):
        found = exact_test(table, power=power)
        low, high = found.detectable_low, found.detectable_high
        assert low < 1 < high
        # Where none would be detected, no odds ratio makes a table significant on that side.
        assert_allclose(rejected_at(table, low or 1e-6)[0], power if low > 0 else 0)
        assert_allclose(rejected_at(table, min(high, 1e6))[1], power if high < np.inf else 0)

    def test_power_is_that_of_the_noncentral_distribution(self):
        found = exact_test([[10, 3], [2, 4]])
        significant = [
            k for k in range(6, 13) if exact_test([[k, 13 - k], [12 - k, k - 6]]).p <= 0.05
        ]
        above = [k for k in significant if k > 13 * 12 / 19]
        power = stats.nchypergeom_fisher.pmf(above, 19, 13, 12, found.detectable_high).sum()
        assert_allclose(power, 0.8)

    def test_the_counts_of_the_paper_are_not_significant_and_could_hardly_be(self):
        found = exact_test([[10, 3], [2, 4]])
        assert_allclose(found.p, 0.12874, atol=1e-5)
        assert found.low < 1 < found.odds_ratio < found.detectable_high

    @pytest.mark.parametrize("table", [[[3, 0], [5, 0]], [[0, 0], [4, 5]], [[0, 0], [0, 0]]])
    def test_an_empty_row_or_column_tells_nothing(self, table):
        found = exact_test(table)
        assert np.isnan(found.odds_ratio)
        assert (found.p, found.smallest_p, found.low, found.high) == (1, 1, 0, np.inf)
        assert (found.detectable_low, found.detectable_high) == (0, np.inf)

    def test_sums_that_can_give_nothing_significant_can_detect_nothing(self):
        found = exact_test([[1, 1], [1, 2]])
        assert found.smallest_p > 0.05
        assert (found.detectable_low, found.detectable_high) == (0, np.inf)

    @pytest.mark.parametrize("table", [[1, 2, 3, 4], [[1, -1], [2, 3]], [[0.5, 1], [2, 3]]])
    def test_what_are_no_counts_is_refused(self, table):
        with pytest.raises(FindingError, match="no two rows of two counts"):
            exact_test(table)

    def test_settings_that_make_no_sense_are_refused(self):
        with pytest.raises(FindingError, match="power is 1"):
            exact_test([[1, 2], [3, 4]], power=1)


class TestShareDifference:
    @pytest.mark.parametrize(
        ("counts", "low", "high"),
        [
            ([[56, 14], [48, 32]], 0.0524, 0.3339),
            ([[9, 1], [3, 7]], 0.1705, 0.8090),
            ([[6, 1], [2, 5]], 0.0582, 0.8062),
            ([[5, 51], [0, 29]], -0.0381, 0.1926),
            ([[0, 10], [0, 20]], -0.1611, 0.2775),
            ([[10, 0], [0, 20]], 0.6791, 1.0),
            ([[10, 0], [0, 10]], 0.6075, 1.0),
        ],
    )
    def test_intervals_are_those_of_newcombe_1998(self, counts, low, high):
        found = share_difference(counts)
        assert_allclose([found.low, found.high], [low, high], atol=6e-5)
        (a, b), (c, d) = counts
        assert_allclose(found.value, a / (a + b) - c / (c + d))

    @pytest.mark.parametrize("shares", [(0.8, 0.4), (0.5, 0.5), (0.95, 0.3)])
    def test_the_interval_holds_the_difference_as_often_as_asked(self, shares):
        held = 0.0
        for first, second in product(range(13), range(8)):
            chance = stats.binom.pmf(first, 12, shares[0]) * stats.binom.pmf(second, 7, shares[1])
            found = share_difference([[first, 12 - first], [second, 7 - second]])
            held += chance * (found.low <= shares[0] - shares[1] <= found.high)
        assert 0.92 < held < 0.99

    def test_rows_in_the_other_order_change_the_sign(self):
        found, other = share_difference([[9, 3], [0, 4]]), share_difference([[0, 4], [9, 3]])
        assert_allclose(other, [-found.value, -found.high, -found.low])

    def test_an_empty_row_has_no_share(self):
        assert np.isnan(share_difference([[0, 0], [3, 4]])).all()

    def test_what_makes_no_sense_is_refused(self):
        with pytest.raises(FindingError, match="no two rows of two counts"):
            share_difference([[1, -1], [2, 3]])
        with pytest.raises(FindingError, match="confidence is 1"):
            share_difference([[1, 1], [2, 3]], confidence=1)


class TestAssociations:
    TABLE = pd.DataFrame(
        {
            "observation": [f"PF {number}" for number in range(1, 6)],
            "regime": ["strong", "strong", "weak", "falling", "too few rasters"],
        }
    )

    def test_observations_are_counted_by_regime_and_attribute(self):
        names = ["PF 5", "PF 4", "PF 3", "PF 2", "PF 1", "AR 1"]
        raster = [True, False, True, False, True, True]
        found = associations(self.TABLE, pd.DataFrame({"raster": raster}, names)).iloc[0]
        counts = ["strong_with", "strong_without", "other_with", "other_without", "left_out"]
        assert found[counts].tolist() == [1, 1, 1, 1, 1]
        assert found["p"] == exact_test([[1, 1], [1, 1]]).p

    def test_attributes_that_lack_or_are_none_are_refused(self):
        with pytest.raises(FindingError, match="PF 3 has no attributes"):
            associations(self.TABLE, pd.DataFrame({"raster": [True] * 2}, ["PF 1", "PF 2"]))
        numbers = pd.DataFrame({"steps": [1, 4, 8, 1, 1]}, self.TABLE["observation"])
        with pytest.raises(FindingError, match="attribute 'steps' is not all true or false"):
            associations(self.TABLE, numbers)
