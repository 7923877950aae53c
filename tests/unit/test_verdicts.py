"""Verdicts are those of a look at every point of the interval."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from preflare.errors import ClaimError
from preflare.verdicts import DIFFERS, REPRODUCED, UNDECIDED, Rule, is_number

bounds = st.tuples(st.integers(-4, 4), st.integers(-4, 4)).map(sorted)


def point_by_point(meets, low, high):
    """Judge an interval by its points, half a unit apart: limits are whole numbers."""
    met = [meets(x) for x in np.arange(low, high + 0.25, 0.5)]
    return REPRODUCED if all(met) else UNDECIDED if any(met) else DIFFERS


@given(bounds, st.integers(-4, 4))
def test_above_and_below(interval, than):
    above, below = (Rule(kind, {"than": than}).verdict(*interval) for kind in ("above", "below"))
    assert above == point_by_point(lambda x: x > than, *interval)
    assert below == point_by_point(lambda x: x < than, *interval)


@given(bounds, bounds)
def test_between(interval, limits):
    rule = Rule("between", dict(zip(("low", "high"), limits, strict=True)))
    expected = point_by_point(lambda x: limits[0] <= x <= limits[1], *interval)
    assert rule.verdict(*interval) == expected


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.6, 0.9, REPRODUCED),
        (0.78, 0.9, REPRODUCED),
        (0.6, 0.78, REPRODUCED),
        (0.78, 0.78, REPRODUCED),
        (0.1, 0.9, UNDECIDED),  # holds the number, and nearly everything else
        (0.8, 0.9, DIFFERS),
        (0.1, 0.7, DIFFERS),  # wide, but the number is outside
        (0.5, 0.5, DIFFERS),
    ],
)
def test_interval(low, high, verdict):
    assert Rule("interval", {"widest": 0.4}).verdict(low, high, 0.78) == verdict


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"kind": "above", "than": 0}, "lies above <0>"),
        ({"kind": "below", "than": 0.5}, "lies below <0.5>"),
        ({"kind": "between", "low": -1, "high": 1}, "lies between <-1> and <1>"),
        ({"kind": "interval", "widest": 2}, "holds the paper's number and is no wider than <2>"),
    ],
)
def test_condition_in_words(rule, words):
    assert Rule.of(rule).condition(lambda number: f"<{number:g}>") == words


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        ("above 0", "'above 0' is no rule"),
        (None, "None is no rule"),
        ({"than": 0}, "There is no rule 'None': choose one of interval, above, below, between"),
        ({"kind": "beyond", "than": 0}, "There is no rule 'beyond'"),
        ({"kind": "above"}, "give than, as finite numbers"),
        ({"kind": "above", "than": 0, "low": 1}, "'low': 1}: give than"),
        ({"kind": "above", "than": "zero"}, "give than, as finite numbers"),
        ({"kind": "above", "than": float("nan")}, "give than, as finite numbers"),
        ({"kind": "above", "than": True}, "give than, as finite numbers"),
        ({"kind": "between", "low": 0}, "give low and high"),
        ({"kind": "between", "low": 1, "high": 0}, "give low before high"),
        ({"kind": "interval"}, "give widest"),
    ],
)
def test_rules_that_are_none(rule, complaint):
    with pytest.raises(ClaimError) as caught:
        Rule.of(rule)
    assert complaint in str(caught.value)


@pytest.mark.parametrize("number", [0, -1.5, np.float32(2), np.int64(3)])
def test_numbers(number):
    assert is_number(number)


@pytest.mark.parametrize("other", [None, "1", True, float("nan"), float("inf"), [1.0], 1j])
def test_what_is_no_number(other):
    assert not is_number(other)
