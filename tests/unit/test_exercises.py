"""Answers are told right from wrong, and cannot be read off what is kept of them."""

import hashlib
import json
import time

import numpy as np
import pytest
from astropy import units as u

from preflare import exercises
from preflare.errors import ExerciseError
from preflare.exercises import check


@pytest.fixture
def known(monkeypatch):
    """Give a function that makes the checks of answers the only ones there are, and quick."""
    quick = lambda text, salt: hashlib.sha256(f"{salt} {text}".encode()).hexdigest()  # noqa: E731
    monkeypatch.setattr(exercises, "_hash", quick)

    def make(**answers):
        kept = {name.replace("_", "-"): exercises.made(*each) for name, each in answers.items()}
        monkeypatch.setattr(exercises, "checks", lambda: kept)
        return kept

    return make


@pytest.mark.parametrize("value", [0.0, 0.16, -3.75, 2795.488, 0.025, -0.025])
@pytest.mark.parametrize("within", [0.002, 0.05])
def test_what_is_within_the_tolerance_is_right_and_what_is_far_beyond_is_not(known, value, within):
    known(a_1=(value, within))
    for off in np.linspace(-1, 1, 9):
        assert check("a-1", value + 0.999 * off * within)
    for off in (-1.51, 1.51):
        assert check("a-1", value + off * within).text.startswith("Close, but not yet: off by more")
        assert not check("a-1", value + off * within)
    for off in (-7.6, 7.6):
        assert check("a-1", value + off * within).text == "Not yet."


def test_whole_numbers_must_be_exact(known):
    known(a_1=(61.0, 0.0))
    assert check("a-1", 61)
    assert repr(check("a-1", np.int64(61))) == "Right."
    assert [check("a-1", wrong).text for wrong in (60, 62, -61)] == ["Not yet."] * 3
    assert check("a-1", 61.2).text == "Not yet: the answer is a whole number."


@pytest.mark.parametrize("given", [2.5, np.float32(2.5), np.array(2.5), np.array([2.5])])
def test_one_number_is_taken_in_any_form(known, given):
    known(a_1=(2.5, 0.1))
    assert check("a-1", given).right


@pytest.mark.parametrize(
    "given", [np.nan, np.inf, "2.5", None, True, [2.5], np.array([2.5, 2.5]), 2.5 * u.m, 1j]
)
def test_what_is_no_number_is_refused(known, given):
    known(a_1=(2.5, 0.1))
    with pytest.raises(ExerciseError, match=r"cannot be checked: give one finite number\.$"):
        check("a-1", given)


def test_an_exercise_without_a_check_is_named_with_those_that_have_one(known):
    known(a_1=(2.5, 0.1), b_2=(3.0, 0.0))
    with pytest.raises(ExerciseError, match=r"'c-1' has an answer to check: .* are a-1, b-2"):
        check("c-1", 1)


def test_nothing_that_is_kept_tells_the_answer(known):
    made = known(a_1=(0.625, 0.01), a_2=(0.625, 0.01))
    assert set(made["a-1"]) == {"within", "salt", "right", "close"}
    assert made["a-1"]["right"] == sorted(made["a-1"]["right"])
    assert not set(made["a-1"]["right"]) & set(made["a-2"]["right"])
    assert "625" not in json.dumps({**made["a-1"], "salt": "", "right": [], "close": []})


def test_trying_all_numbers_takes_a_while():
    started = time.perf_counter()
    found = {exercises._hash(f"right {number}", "salt") for number in range(10)}
    assert len(found) == 10
    assert time.perf_counter() - started > 0.05
