"""The break is that of brute force over all breaks."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.stats import linregress

from preflare.errors import FindingError
from preflare.findings.broken_line import Line, broken_line


def brute_force(x, y, least):
    """Try every break with numpy's own fits; return the least residual and where it is."""
    best = np.inf, np.nan
    levels = np.unique(x)
    for low, high in pairwise(levels):
        sides = x <= low, x >= high
        if any(s.mean() < least - 1e-12 or np.unique(x[s]).size < 3 for s in sides):
            continue
        fits = [np.polynomial.Polynomial.fit(x[s], y[s], 1) for s in sides]
        residual = sum(((y[s] - f(x[s])) ** 2).sum() for s, f in zip(sides, fits, strict=True))
        if residual < best[0] * (1 - 1e-10):
            best = residual, (low + high) / 2
    return best


def points(seed, number=80, levels=None):
    random = np.random.default_rng(seed)
    x = random.lognormal(4, 1, number) if levels is None else random.integers(0, levels, number)
    return np.asarray(x, float), 0.01 * x + random.normal(size=number)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(("levels", "least"), [(None, 0.05), (None, 0.3), (9, 0.05)])
def test_it_is_the_best_of_all_breaks(seed, levels, least):
    x, y = points(seed, levels=levels)
    found = broken_line(x, y, least=least)
    residual, at = brute_force(x, y, least)
    assert found.at == pytest.approx(at)
    assert found.below.residual + found.above.residual == pytest.approx(residual)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 9999),
    number=st.integers(12, 40),
    shift=st.sampled_from([0.0, 1e4, -1e6]),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
)
def test_far_and_small_numbers_break_at_the_same_place(seed, number, shift, scale):
    x, y = points(seed, number)
    found, moved = broken_line(x, y), broken_line(shift + scale * x, 3 * y - 7)
    levels = np.unique(x)
    assert np.searchsorted(shift + scale * levels, moved.at) == np.searchsorted(levels, found.at)
    assert moved.gain == pytest.approx(found.gain, abs=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_each_line_is_scipys(seed):
    x, y = points(seed)
    found = broken_line(x, y)
    for line, side in (
        (found.below, x < found.at),
        (found.above, x > found.at),
        (found.one, x > 0),
    ):
        other = linregress(x[side], y[side])
        assert_allclose(
            [line.slope, line.intercept, line.r_squared],
            [other.slope, other.intercept, other.rvalue**2],
        )
        assert_allclose(line(x[side]), other.intercept + other.slope * x[side])


def test_all_of_the_variance_is_shared_out():
    x, y = points(0)
    found = broken_line(x, y)
    variance = ((y - y.mean()) ** 2).sum()
    left = found.below.residual + found.above.residual
    assert found.r_squared == pytest.approx(1 - left / variance)
    assert found.gain == pytest.approx(1 - left / found.one.residual)
    assert 1 - found.r_squared == pytest.approx((1 - found.gain) * (1 - found.one.r_squared))


def test_a_planted_break_is_found():
    random = np.random.default_rng(1)
    x = random.uniform(0, 10, 2000)
    y = np.where(x < 6, 2.0, 2 + 3 * (x - 6)) + 0.1 * random.normal(size=x.size)
    found = broken_line(x, y)
    assert found.at == pytest.approx(6, abs=0.15)
    assert_allclose([found.below.slope, found.above.slope], [0, 3], atol=0.02)
    assert found.share_below == pytest.approx(0.6, abs=0.03)
    assert not found.at_edge


@pytest.mark.parametrize("seed", range(4))
def test_a_weight_of_two_is_a_repetition(seed):
    x, y = points(seed)
    weights = np.random.default_rng(seed).integers(0, 4, x.size)
    weighted = broken_line(x, y, weights)
    repeated = broken_line(np.repeat(x, weights), np.repeat(y, weights))
    assert weighted.at == pytest.approx(repeated.at)
    assert vars(weighted.below) == pytest.approx(vars(repeated.below))
    assert vars(weighted.above) == pytest.approx(vars(repeated.above))
    assert weighted.r_squared == pytest.approx(repeated.r_squared)


def test_the_order_of_points_makes_no_difference():
    x, y = points(5)
    order = np.random.default_rng(0).permutation(x.size)
    found, other = broken_line(x, y), broken_line(x[order], y[order])
    assert other.at == found.at
    assert other.gain == pytest.approx(found.gain)


def test_a_break_that_would_lie_further_out_is_at_the_edge():
    x = np.arange(100.0)
    y = np.where(x < 3, 50.0, 0.0) + 0.01 * np.sin(x)
    found = broken_line(x, y, least=0.2)
    assert found.at_edge
    assert found.share_below == pytest.approx(0.2)


def test_points_on_one_line_gain_nothing():
    found = broken_line(np.arange(20.0) / 7, 3 * np.arange(20.0))
    assert found.gain == 0
    assert found.r_squared == pytest.approx(1)


def test_a_level_side_explains_nothing_of_no_variance():
    x = np.arange(10.0)
    assert np.isnan(broken_line(x, np.where(x < 5, 0.0, x)).below.r_squared)


def test_a_line_takes_single_numbers():
    assert Line(1.0, 2.0, 1.0, 0.0)(3) == 7


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        ([], [], "x has the shape"),
        ([1, 2, np.nan], [1, 2, 3], "x is nan or inf in 1 of 3"),
        ([1, 2, 3], [1, 2], "y has the shape"),
        ([1, 1, 1], [1, 2, 3], "x is the same everywhere"),
        ([1, 2, 3], [1, 1, 1], "y is the same everywhere"),
        ([1, 2, 3, 4, 5], [1, 3, 2, 5, 4], "3 different x on each side: give more points"),
    ],
)
def test_what_has_no_break_is_refused(x, y, said):
    with pytest.raises(FindingError, match=said):
        broken_line(x, y)


@pytest.mark.parametrize("least", [0, 0.5, -1, np.nan])
def test_a_share_that_is_none_is_refused(least):
    with pytest.raises(FindingError, match=r"between 0 and 0\.5"):
        broken_line(*points(0), least=least)


@pytest.mark.parametrize(
    ("weights", "said"), [([-1] * 80, "holds -1"), ([0] * 80, "x is the same")]
)
def test_useless_weights_are_refused(weights, said):
    with pytest.raises(FindingError, match=said):
        broken_line(*points(0), weights)
