"""Rows of the heat map are drawn from rasters alone, and alike ones are neighbours."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from preflare.errors import FindingError
from preflare.findings.score_rows import GRID, on_grid, order_alike, score_matrix
from preflare.findings.trends import EMPTY, USED


def table_of(curves, times=None):
    """Rows of `raster_scores`, made of curves by name."""
    parts = []
    for name, curve in curves.items():
        curve = np.asarray(curve, float)
        time = np.linspace(-1490, -10, curve.size) if times is None else times[name]
        status = np.where(np.isfinite(curve), USED, EMPTY)
        part = {"observation": name, "kind": name[:2], "clock": "onset", "time": time}
        parts.append(pd.DataFrame(part | {"score": curve, "status": status}))
    return pd.concat(parts, ignore_index=True)


class TestScoreMatrix:
    def test_between_rasters_lines_are_straight_and_beyond_them_is_nothing(self):
        times = {"PF 1": np.array([-1399.5, -1000.2, -400.0])}
        row = on_grid(table_of({"PF 1": [0.2, 0.6, 0.1]}, times))
        assert row.shape == (1500,)
        at = dict(zip(GRID.tolist(), row, strict=True))
        assert_allclose([at[-1400], at[-1001], at[-400]], [0.2, 0.6, 0.1])
        assert_allclose(at[-700], 0.6 - 0.5 * 301 / 601)
        assert np.isnan(row[:100]).all()
        assert np.isnan(row[1101:]).all()
        assert np.isfinite(row[100:1101]).all()

    def test_a_raster_without_spectra_is_bridged(self):
        row = on_grid(table_of({"PF 1": [0.2, np.nan, 0.4]}))
        assert_allclose(row[750], 0.3, atol=1e-3)

    def test_rasters_of_one_second_are_averaged(self):
        row = on_grid(table_of({"PF 1": [0.2, 0.4]}, {"PF 1": np.array([-99.8, -99.1])}))
        assert_allclose(row[1400], 0.3)
        assert np.isfinite(row).sum() == 1

    def test_rows_are_divided_by_their_maxima_and_keep_their_names(self):
        curves = {f"PF {number}": np.linspace(0.1, 0.1 * number, 9) for number in range(1, 20)}
        matrix = score_matrix(table_of(curves))
        assert matrix.shape == (19, 1500)
        assert matrix.index.tolist() == list(curves)
        assert_allclose(matrix.max(axis=1), 1)
        assert_allclose(matrix.loc["PF 4", -1490], 0.25)

    def test_an_observation_without_scores_is_a_row_of_nothing(self):
        matrix = score_matrix(table_of({"PF 1": [np.nan, np.nan], "PF 2": [0.1, 0.2]}))
        assert np.isfinite(matrix).any(axis=1).tolist() == [False, True]

    def test_what_cannot_be_divided_or_mixed_is_refused(self):
        with pytest.raises(FindingError, match="highest score of PF 1 is -1"):
            score_matrix(table_of({"PF 1": [-1, -2]}))
        with pytest.raises(FindingError, match="several observations"):
            on_grid(table_of({"PF 1": [0.1], "PF 2": [0.2]}))


class TestOrder:
    def families(self, members=4, seed=0):
        """Rising, humped, falling, and flat curves, mixed."""
        u = np.linspace(0, 1, 30)
        shapes = [0.3 + 0.7 * u, 0.3 + np.sin(np.pi * u), 1 - 0.7 * u, np.full(30, 0.9)]
        random = np.random.default_rng(seed)
        numbers = random.permutation(4 * members) + 1
        family = {f"PF {number}": place % 4 for place, number in enumerate(numbers.tolist())}
        return family, table_of(
            {name: shapes[kind] + random.normal(0, 0.03, 30) for name, kind in family.items()}
        )

    @pytest.mark.parametrize("seed", range(5))
    def test_planted_families_are_together_rising_first(self, seed):
        family, table = self.families(seed=seed)
        order = order_alike(score_matrix(table))["observation"]
        kinds = [family[name] for name in order]
        assert len([1 for one, other in pairwise(kinds) if one != other]) == 3
        assert kinds[0] == 0 or kinds.index(0) < kinds.index(2)

    def test_the_order_of_the_rows_makes_no_difference(self):
        matrix = score_matrix(self.families()[1])
        expected = order_alike(matrix)
        for seed in range(3):
            shuffled = matrix.sample(frac=1, random_state=seed)
            pd.testing.assert_frame_equal(order_alike(shuffled), expected)

    def test_neighbours_differ_less_than_by_chance(self):
        matrix = score_matrix(self.families()[1])
        curves = matrix.ffill(axis=1).bfill(axis=1)

        def steps(names):
            return np.abs(np.diff(curves.loc[names], axis=0)).mean()

        random = np.random.default_rng(0)
        by_chance = [steps(random.permutation(matrix.index)) for _ in range(200)]
        assert steps(order_alike(matrix)["observation"]) < min(by_chance)

    def test_curves_that_overlap_in_part_are_placed_by_what_they_share(self):
        family, table = self.families()
        name = next(name for name, kind in family.items() if kind == 0)
        late = table[(table["observation"] != name) | (table["time"] > -800)]
        order = order_alike(score_matrix(late))
        place = order["observation"].tolist().index(name)
        beside = order["observation"].iloc[[max(place - 1, 0), place + 1]]
        assert {0} <= {family[other] for other in beside}
        assert set(order["placed"]) == {"likeness"}

    def test_curves_that_share_nothing_are_still_ordered(self):
        times = {
            f"PF {n}": np.linspace(*((-1490, -900), (-600, -10))[n % 2], 9) for n in range(1, 7)
        }
        curves = {name: np.linspace(0.2, 0.9, 9) for name in times}
        order = order_alike(score_matrix(table_of(curves, times)))
        odd = [int(name[3:]) % 2 for name in order["observation"]]
        assert odd in ([0, 0, 0, 1, 1, 1], [1, 1, 1, 0, 0, 0])

    def test_what_is_too_short_to_be_compared_comes_last_and_says_so(self):
        table = self.families(members=1)[1]
        short = table_of({"PF 12": [0.5], "PF 9": [np.nan, np.nan]})
        order = order_alike(score_matrix(pd.concat([short, table])))
        assert order["observation"].iloc[-2:].tolist() == ["PF 9", "PF 12"]
        assert order["placed"].tolist() == ["likeness"] * 4 + ["last"] * 2

    @pytest.mark.parametrize("names", [["PF 3"], ["PF 3", "AR 1"]])
    def test_one_or_two_curves_are_an_order(self, names):
        table = table_of({name: np.linspace(0.9, 0.2, 20) for name in names})
        assert set(order_alike(score_matrix(table))["observation"]) == set(names)

    def test_of_two_the_rising_one_is_first(self):
        curves = {"PF 1": np.linspace(1, 0.2, 20), "PF 2": np.linspace(0.2, 1, 20)}
        order = order_alike(score_matrix(table_of(curves)))
        assert order["observation"].tolist() == ["PF 2", "PF 1"]
