"""Means are those of numpy, and their intervals those of drawing observations by hand."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from preflare.errors import FindingError
from preflare.findings.means import means
from preflare.findings.resampling import Resampling

GROUPS = np.repeat(["PF 1", "PF 2", "AR 1", "AR 2"], [5, 3, 8, 4])


def values(seed=0, unknown=()):
    drawn = np.random.default_rng(seed).normal(size=GROUPS.size)
    drawn[list(unknown)] = np.nan
    return drawn


def test_undefined_spectra_are_left_out_and_counted():
    given = values(unknown=(0, 7, 19))
    row = means({"x": given}, GROUPS).loc["x"]
    assert row["value"] == pytest.approx(np.nanmean(given))
    assert (row["spectra"], row["undefined"], row["observations"]) == (17, 3, 4)


def test_intervals_are_quantiles_over_resampled_observations():
    given = values()
    row = means({"x": given}, GROUPS, count=200, seed=3).loc["x"]
    names = np.unique(GROUPS)
    drawn = []
    for times in Resampling(200, 3).times(len(names)).astype(int):
        parts = [np.tile(given[name == GROUPS], n) for name, n in zip(names, times, strict=True)]
        drawn.append(np.concatenate(parts).mean())
    assert_allclose(row[["low", "high"]].astype(float), np.quantile(drawn, [0.025, 0.975]))


def test_observations_without_a_defined_spectrum_are_not_drawn():
    given = values(unknown=range(5))
    rest = GROUPS != "PF 1"
    whole, parted = means({"x": given}, GROUPS).loc["x"], means({"x": given[rest]}, GROUPS[rest])
    assert_allclose(whole[["low", "high"]], parted.loc["x", ["low", "high"]].astype(float))
    assert whole["observations"] == 3


def test_one_observation_has_no_interval_and_none_has_no_mean():
    row = means({"x": [1.0, 2.0], "y": [np.nan, np.nan]}, ["PF 1", "PF 1"])
    assert row.loc["x", "value"] == 1.5
    assert row.loc["x", ["low", "high"]].isna().all()
    assert np.isnan(row.loc["y", "value"])
    assert row.loc["y", "undefined"] == 2


@pytest.mark.parametrize(
    ("columns", "groups", "fault"),
    [
        ({}, ["a"], "nothing to take the mean of"),
        ({"x": [1.0, np.inf]}, ["a", "b"], "x is nan or inf"),
        ({"x": [[1.0]]}, ["a"], "x has the shape"),
        ({"x": [1.0, 2.0]}, ["a"], "groups has the shape"),
        ({"x": [1.0, 2.0]}, ["a", None], "missing value"),
    ],
)
def test_what_is_wrong_is_named(columns, groups, fault):
    with pytest.raises(FindingError, match=fault):
        means(columns, groups)
