"""Noise, lines and names that were planted are read back; folds are those of scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.linear_model import Ridge
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict

from preflare.errors import FindingError
from preflare.findings.leakage import (
    later,
    noise_level,
    partial_rank_correlation,
    read_off,
    recognised,
)
from preflare.findings.resampling import Resampling

GROUPS = np.repeat([f"AR {n}" for n in range(8)], 100)


def features(seed=0, count=800):
    return np.random.default_rng(seed).normal(size=(count, 6)) * [1, 2, 3, 0.1, 5, 1]


class TestNoise:
    @pytest.mark.parametrize("sigma", [0.003, 0.02])
    def test_white_noise_on_a_smooth_line_is_found(self, sigma):
        points = np.arange(240)
        line = np.exp(-0.5 * ((points - 120) / 30) ** 2)
        noisy = line + sigma * np.random.default_rng(0).normal(size=(400, 240))
        assert noise_level(noisy).mean() == pytest.approx(sigma, rel=0.06)

    def test_a_straight_line_has_none(self):
        assert_allclose(noise_level(np.linspace(0, 1, 240)[None]), 0, atol=1e-15)

    def test_it_scales_with_the_spectrum(self):
        spectra = np.random.default_rng(1).random((3, 240))
        assert_allclose(noise_level(4 * spectra), 4 * noise_level(spectra))


class TestReading:
    def test_it_is_scikit_learns_ridge_with_one_observation_left_out(self):
        x = features()
        y = x @ [0.5, -0.2, 0.1, 3.0, 0, 0] + np.random.default_rng(1).normal(size=800)
        scaled = (x - x.mean(axis=0)) / x.std(axis=0)
        expected = cross_val_predict(
            Ridge(0.3 * 700), scaled, y, groups=GROUPS, cv=LeaveOneGroupOut()
        )
        found = read_off(x, y, GROUPS, penalty=0.3)
        assert_allclose(found.read, expected, rtol=1e-8)
        left = 1 - ((y - expected) ** 2).sum() / ((y - y.mean()) ** 2).sum()
        assert found.r_squared.value == pytest.approx(left)

    def test_a_line_is_read_exactly_and_noise_is_not(self):
        x = features()
        exact = read_off(x, x @ np.arange(6.0), GROUPS, penalty=1e-12).r_squared
        assert_allclose([exact.value, exact.low], 1)
        noise = read_off(x, np.random.default_rng(2).normal(size=800), GROUPS).r_squared
        assert noise.value < 0.01

    def test_what_only_tells_observations_apart_does_not_help_in_another(self):
        own = np.eye(8)[np.repeat(np.arange(8), 100)]
        exposure = np.repeat([1.0, 2, 4, 8, 1, 2, 4, 8], 100)
        assert read_off(own, exposure, GROUPS).r_squared.value < 0

    def test_intervals_are_those_of_repeated_observations(self):
        x = features()
        y = x[:, 0] + np.random.default_rng(1).normal(size=800)
        found = read_off(x, y, GROUPS, count=100, level=0.8, seed=2)
        drawn = []
        for row in Resampling(100, 2, 0.8).times(8).astype(int):
            some = np.concatenate([np.tile(np.arange(100) + 100 * n, k) for n, k in enumerate(row)])
            varied = ((y[some] - y[some].mean()) ** 2).sum()
            drawn.append(1 - ((y - found.read)[some] ** 2).sum() / varied)
        bounds = found.r_squared.low, found.r_squared.high
        assert_allclose(bounds, np.quantile(drawn, [0.1, 0.9]))

    @pytest.mark.parametrize(
        ("quantity", "groups", "penalty", "fault"),
        [
            (np.ones(800), GROUPS, 1.0, "the same everywhere"),
            (np.arange(800), ["PF 1"] * 800, 1.0, "one observation"),
            (np.arange(800), GROUPS, 0.0, "penalty is 0"),
            (np.arange(799), GROUPS, 1.0, "quantity has the shape"),
        ],
    )
    def test_what_is_wrong_is_named(self, quantity, groups, penalty, fault):
        with pytest.raises(FindingError, match=fault):
            read_off(features(), quantity, groups, penalty=penalty)


class TestRecognised:
    def test_the_later_half_is_later(self):
        place = np.array([[0, 0, 5], [0, 1, 5], [1, 0, 5], [1, 1, 5], [7, 0, 0], [8, 0, 0]])
        marked = later(place, ["PF 1"] * 4 + ["PF 2"] * 2)
        assert_array_equal(marked, [0, 0, 1, 1, 0, 1])

    def test_observations_apart_are_known_and_equal_ones_are_guessed(self):
        test = np.tile([False, True], 400)
        apart = features() + 50 * np.repeat(np.arange(8), 100)[:, None]
        assert_array_equal(recognised(apart, GROUPS, test), GROUPS[test])
        right = (recognised(features(), GROUPS, test) == GROUPS[test]).mean()
        assert right == pytest.approx(1 / 8, abs=0.05)

    def test_an_observation_that_teaches_nothing_is_never_named(self):
        test = GROUPS == "AR 3"
        assert "AR 3" not in recognised(features(), GROUPS, test)

    def test_nothing_to_guess_is_refused(self):
        with pytest.raises(FindingError, match="0 spectra are to be guessed"):
            recognised(features(), GROUPS, np.zeros(800))


class TestPartial:
    def test_a_common_cause_is_taken_out(self):
        random = np.random.default_rng(0)
        cause = random.normal(size=800)
        one, other = cause + 0.3 * random.normal(size=(2, 800))
        plain, _ = partial_rank_correlation(one, other, np.zeros(800), GROUPS)
        without, each = partial_rank_correlation(one, other, cause, GROUPS)
        assert plain.value > 0.8
        assert abs(without.value) < 0.15
        assert each.index.tolist() == sorted(set(GROUPS))

    def test_it_is_the_correlation_of_what_lines_in_ranks_leave(self):
        random = np.random.default_rng(1)
        one, other, cause = random.normal(size=(3, 100))
        ranks = [stats.rankdata(each) for each in (one + cause, other + 0.5 * cause, cause)]
        left = [each - np.polyval(np.polyfit(ranks[2], each, 1), ranks[2]) for each in ranks[:2]]
        found, _ = partial_rank_correlation(one + cause, other + 0.5 * cause, cause, GROUPS[:100])
        assert found.value == pytest.approx(np.corrcoef(*left)[0, 1])
        assert np.isnan(found.low)

    def test_observations_without_a_correlation_are_nan(self):
        one, other = np.random.default_rng(2).normal(size=(2, 800))
        one[GROUPS == "AR 5"] = 1.0
        median, each = partial_rank_correlation(one, other, other**2, pd.Categorical(GROUPS))
        assert np.isnan(each["AR 5"])
        assert median.value == pytest.approx(np.nanmedian(each))
        with pytest.raises(FindingError, match="No observation"):
            partial_rank_correlation(one[:5], other[:5], one[:5], GROUPS[:5])
