"""Observations are drawn whole; intervals are those of a plain bootstrap."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from preflare.errors import FindingError
from preflare.findings.resampling import Resampling, finite, observations, whole_number


def test_each_resample_has_as_many_observations_as_there_are():
    times = Resampling(count=200).times(7)
    assert times.shape == (200, 7)
    assert_array_equal(times.sum(axis=1), 7)
    assert_allclose(times.mean(axis=0), 1, atol=0.2)


def test_the_same_seed_draws_the_same_and_another_does_not():
    assert_array_equal(Resampling(seed=3).times(5), Resampling(seed=3).times(5))
    assert (Resampling(seed=3).times(5) != Resampling(seed=4).times(5)).any()


def test_the_interval_of_a_mean_is_that_of_repeated_spectra():
    random = np.random.default_rng(0)
    values, codes = random.normal(size=60), random.integers(0, 6, 60)
    drawing = Resampling(count=300, level=0.9)
    means = [
        np.concatenate(
            [np.repeat(values[codes == code], number) for code, number in enumerate(row)]
        ).mean()
        for row in drawing.times(6).astype(int)
    ]
    (bounds,) = drawing.ratios(np.bincount(codes, values)[:, None], np.bincount(codes) * 1.0)
    assert_allclose(bounds[:2], np.quantile(means, [0.05, 0.95]))
    assert bounds.undefined == 0


def test_resamples_without_any_weight_are_undefined():
    (bounds,) = Resampling(count=1000).ratios(np.array([[1.0], [2.0]]), np.array([0.0, 1.0]))
    assert bounds.undefined == pytest.approx(250, abs=50)
    assert np.isnan(bounds.low)


def test_a_single_observation_has_no_interval():
    (bounds,) = Resampling().ratios(np.array([[1.0]]), np.array([1.0]))
    assert np.isnan([bounds.low, bounds.high]).all()


def test_few_undefined_resamples_are_left_out_and_counted():
    drawn = np.r_[np.nan, np.arange(99.0)]
    low, high, undefined = Resampling(count=100, level=0.9).bounds(drawn)
    assert_allclose([low, high], np.quantile(np.arange(99.0), [0.05, 0.95]))
    assert undefined == 1


def test_observations_are_numbered_in_order_of_their_names():
    codes, names = observations(["b", "a", "b"], 3)
    assert_array_equal(codes, [1, 0, 1])
    assert names == ["a", "b"]


def test_a_categorical_counts_only_the_observations_that_occur():
    codes, names = observations(pd.Categorical.from_codes([2, 0, 2], ["c", "b", "a"]), 3)
    assert_array_equal(codes, [1, 0, 1])
    assert names == ["c", "a"]


@pytest.mark.parametrize("groups", [["a", None], ["a", np.nan], pd.Categorical(["a", None])])
def test_a_missing_observation_is_refused(groups):
    with pytest.raises(FindingError, match="missing value"):
        observations(groups, 2)


def test_another_number_of_observations_is_refused():
    with pytest.raises(FindingError, match="each of 3 spectra"):
        observations(["a", "b"], 3)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"count": 0}, "number of resamples is 0"),
        ({"count": 2.5}, "number of resamples is 2.5"),
        ({"seed": -1}, "seed is -1"),
        ({"level": 1.0}, "between 0 and 1"),
        ({"level": np.nan}, "nan or inf"),
        ({"count": 39}, "at least 40"),
    ],
)
def test_wrong_settings_are_refused(settings, said):
    with pytest.raises(FindingError, match=said):
        Resampling(**settings)


def test_numbers_are_refused_by_their_name():
    with pytest.raises(FindingError, match=r"peak is nan or inf in 1 of 2 places"):
        finite("peak", [1.0, np.nan], None)
    with pytest.raises(FindingError, match="least number is 'x'"):
        whole_number("least number", "x", 1)
