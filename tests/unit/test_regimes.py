"""Tests of few observations are those of scipy and of brute force, and say what they could find."""

from itertools import combinations, permutations, product
from math import comb

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from preflare import figures_trends
from preflare.errors import FindingError
from preflare.findings.red_noise import CELL
from preflare.findings.regimes import (
    REGIMES,
    against_controls,
    associations,
    brightenings,
    count_regimes,
    coverage,
    exact_test,
    rank_correlation,
    ranks_among_controls,
    regimes,
)
from preflare.findings.trends import USED, trends

EDGES = (-10.0, 10.0, 0.0, 40.0)


def trends_of(rows):
    """Trends of some slopes, p and least p, by name."""
    columns = ["slope", "p", "smallest_p"]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns).astype(float)
    table = table.rename_axis("observation").reset_index()
    return table.assign(kind=table["observation"].str[:2], low=-0.2 * np.ones(len(table)), high=0.2)


def slopes_of(flaring, controls):
    rows = {f"PF {number}": (slope, 0.5, 0.01) for number, slope in enumerate(flaring, 1)}
    rows |= {f"AR {number}": (slope, 0.5, 0.01) for number, slope in enumerate(controls, 1)}
    return trends_of(rows)


class TestRegimes:
    def test_each_regime_is_what_it_is_called(self):
        table = regimes(
            trends_of({
                "PF 1": (0.3, 0.01, 0.001), "PF 2": (-0.3, 0.05, 0.001), "PF 3": (0.3, 0.06, 0.001),
                "PF 4": (0.9, 0.08, 0.08), "PF 5": (np.nan, np.nan, 1.0),
            })
        )  # fmt: skip
        assert table["regime"].tolist() == [
            "strong", "falling", "weak", "too few rasters", "too few rasters",
        ]  # fmt: skip

    def test_the_level_decides(self):
        table = trends_of({"PF 1": (0.3, 0.04, 0.02), "PF 2": (0.3, 0.02, 0.02)})
        assert regimes(table, 0.02)["regime"].tolist() == ["weak", "strong"]
        assert regimes(table, 0.01)["regime"].tolist() == ["too few rasters"] * 2
        with pytest.raises(FindingError, match="level is 0: give one between 0 and 1"):
            regimes(table, 0)

    def test_rising_noise_is_strong_and_trendless_noise_is_so_by_chance_only(self):
        time, random = np.arange(-1450.0, 0, CELL), np.random.default_rng(3)
        parts = []
        for number in range(1, 201):
            score = random.normal(0.5, 0.05, time.size) + (0.5 * time / 1500) * (number <= 40)
            own = {"observation": f"PF {number}", "kind": "PF", "clock": "onset", "time": time}
            parts.append(pd.DataFrame(own | {"score": score, "status": USED}))
        regime = regimes(trends(pd.concat(parts), count=199))["regime"]
        assert (regime[:40] == "strong").mean() > 0.95
        assert 0 < (regime[40:] == "strong").sum() < 10  # 4 expected
        assert 0 < (regime[40:] == "falling").sum() < 10

    def test_strong_ones_are_counted_with_the_interval_of_clopper_and_pearson(self):
        rows = {f"PF {n}": (0.3, 0.01, 0.001) for n in range(1, 6)}
        rows |= {f"PF {n}": (0.3, 0.5, 0.001) for n in range(6, 15)}
        rows |= {"PF 15": (-0.3, 0.01, 0.001), "PF 16": (0.1, 0.3, 0.3), "AR 1": (1, 0.3, 0.3)}
        counted = count_regimes(regimes(trends_of(rows))).set_index("kind")
        row = counted.loc["PF"]
        assert row[["observations", *REGIMES, "tested"]].tolist() == [16, 5, 9, 1, 1, 15]
        # The bounds are those at which 5 or more, and 5 or fewer, have probability 2.5 %.
        assert_allclose(stats.binom.sf(4, 15, row["low"]), 0.025)
        assert_allclose(stats.binom.cdf(5, 15, row["high"]), 0.025)
        assert_allclose(row[["share", "expected"]].astype(float), [1 / 3, 0.375])
        assert_allclose(row["p"], stats.binom.sf(4, 15, 0.025))
        assert counted.loc["AR", ["observations", "tested"]].tolist() == [1, 0]
        assert counted.loc["AR", ["share", "low", "high", "p"]].isna().all()

    @pytest.mark.parametrize("strong", [0, 4])
    def test_none_and_all_have_one_sided_bounds(self, strong):
        rows = {f"PF {n}": (0.3, 0.01 if n <= strong else 0.5, 0.001) for n in range(1, 5)}
        row = count_regimes(regimes(trends_of(rows)), confidence=0.9).iloc[0]
        edge = 0.05**0.25
        assert_allclose(row[["low", "high"]].astype(float), [edge, 1] if strong else [0, 1 - edge])


class TestAgainstControls:
    def test_p_is_that_of_all_ways_to_part_the_slopes(self):
        flaring, controls = [0.9, 0.3, 0.5, 0.25], [0.1, 0.4, -0.2, 0.0, 0.2]
        found = against_controls(slopes_of(flaring, controls))
        ranks = stats.rankdata(flaring + controls)
        sums, own = [sum(some) for some in combinations(ranks, 4)], ranks[:4].sum()
        p = 2 * np.mean(np.array(sums) >= own)
        assert_allclose(found.p, p)
        assert_allclose(found.share, np.mean([a > b for a, b in product(flaring, controls)]))
        assert (found.flaring, found.controls, found.left_out) == (4, 5, 0)

    def test_equal_slopes_count_half_and_are_permuted(self):
        table = slopes_of([0.5, 0.2, 0.2, 0.4], [0.2, 0.1, 0.0, 0.1])
        found = against_controls(table)
        assert found.share == (14 + 2 * 0.5) / 16
        ranks = stats.rankdata(table["slope"])
        sums, own = [sum(some) for some in combinations(ranks, 4)], ranks[:4].sum()
        assert_allclose(found.p, 2 * np.mean(np.array(sums) >= own))

    def test_observations_without_a_slope_are_counted(self):
        found = against_controls(slopes_of([0.5, np.nan, 0.7], [0.1, np.nan]))
        assert (found.flaring, found.controls, found.left_out) == (2, 1, 2)

    def test_slopes_are_ranked_among_the_controls(self):
        ranks = ranks_among_controls(slopes_of([0.9, 0.2, -0.5, np.nan], [0.1, 0.2, 0.3, 0.0]))
        assert ranks["below"].tolist() == [4, 2, 0]
        assert_allclose(ranks["p"], [1 / 5, 3 / 5, 1])
        assert ranks["observation"].tolist() == ["PF 1", "PF 2", "PF 3"]

    @pytest.mark.parametrize("test", [against_controls, ranks_among_controls])
    def test_a_kind_without_slopes_is_refused(self, test):
        with pytest.raises(FindingError, match="No AR observation has a slope"):
            test(slopes_of([0.5], [np.nan]))
        with pytest.raises(FindingError, match="No PF observation has a slope"):
            test(slopes_of([], [0.5]))


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


class TestAssociations:
    TABLE = regimes(
        trends_of({
            "PF 1": (0.3, 0.01, 0.001), "PF 2": (0.4, 0.01, 0.001), "PF 3": (0.3, 0.6, 0.001),
            "PF 4": (-0.9, 0.01, 0.001), "PF 5": (0.9, 0.2, 0.2),
        })
    )  # fmt: skip

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


class TestFigures:
    def test_each_slope_is_drawn_with_its_regime_and_range(self):
        table = TestAssociations.TABLE
        _, axes = plt.subplots()
        figures_trends.slopes(axes, table, table["observation"].tolist())
        drawn = {line.get_label(): line.get_xdata() for line in axes.lines}
        assert_array_equal(drawn["strong"], [0.3, 0.4])
        assert_array_equal(drawn["too few rasters"], [0.9])
        assert len(axes.patches) == 4  # and none where nothing could be significant
        assert axes.patches[0].get_bbox().intervalx.tolist() == [-0.2, 0.2]
        axes.legend()
        axes.figure.canvas.draw()
        plt.close(axes.figure)

    def test_infinite_odds_are_at_the_edge(self):
        names = TestAssociations.TABLE["observation"]
        attributes = pd.DataFrame({"with": [True, True, False, False, True]}, names)
        table = associations(TestAssociations.TABLE, attributes)
        assert table["odds_ratio"].tolist() == [np.inf]
        _, axes = plt.subplots()
        figures_trends.odds_ratios(axes, table)
        assert axes.lines[0].get_xdata().tolist() == [1e3]
        axes.figure.canvas.draw()
        plt.close(axes.figure)

    def test_context_shows_both_ends_of_the_raster(self):
        image = np.random.default_rng(0).exponential(size=(8, 4))
        _, axes = plt.subplots()
        figures_trends.context_image(
            axes, image, EDGES, np.array([2.0, -1, 0.5]), (5, 30), "PF 1", bright=2.0
        )
        ends = axes.collections[0].get_segments()
        assert [segment[0][0] for segment in ends] == [-1, 2]
        assert axes.get_title(loc="left") == "PF 1"
        axes.figure.canvas.draw()
        plt.close(axes.figure)

    def test_coverage_is_drawn_by_regime(self):
        _, axes = plt.subplots()
        figures_trends.coverage_and_slope(axes, np.linspace(0, 1, 5), TestAssociations.TABLE)
        drawn = {line.get_label(): list(line.get_xdata()) for line in axes.lines}
        assert drawn["strong"] == [0, 0.25]
        assert drawn["falling"] == [0.75]
        plt.close(axes.figure)
