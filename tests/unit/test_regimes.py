"""Regimes are what they are called, and are counted and compared as scipy and brute force do."""

from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from preflare.errors import FindingError
from preflare.findings.red_noise import CELL
from preflare.findings.regimes import (
    REGIMES,
    against_controls,
    count_regimes,
    ranks_among_controls,
    regimes,
)
from preflare.findings.trends import USED, trends


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
