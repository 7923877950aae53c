"""Two processes with one cache: both give the right answer, and nothing is made twice."""

from collections import Counter

import numpy as np
import pytest

from tests.faults.disturbing import STAGES, Runner, content, unfinished, without

MADE = tuple(stem for stage in ("clean", "train", "explain") for stem in STAGES[stage])


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    runner = Runner(tmp_path_factory.mktemp("other"))
    yield runner
    runner.close()


@pytest.mark.parametrize(
    "second", [pytest.param("together", marks=pytest.mark.thorough), "backwards"]
)
def test_two_studies_at_once_make_everything_once(second, run, other, cache, thorough, survived):
    expected = content(cache)
    for _ in range(4 if thorough else 1):
        without(cache, *MADE)
        run.begin("together", cache)
        other.begin(second, cache)
        outcomes = [run.end(), other.end()]
        assert [(each.code, each.said) for each in outcomes] == [(0, "")] * 2
        assert content(cache) == expected
        assert unfinished(cache) == []
        survived("pairs of studies at once")
        # Each has a share, and a product is put in place but once.
        placed = Counter(
            path for each in outcomes for path in each.placed if not path.endswith(".training")
        )
        assert placed
        assert set(placed.values()) == {1}


@pytest.mark.thorough
def test_two_studies_at_once_of_which_one_is_killed(run, other, cache, thorough, survived):
    expected = content(cache)
    draws = np.random.default_rng(1)
    without(cache, *MADE)
    events = len(run("together", cache).events)
    for _ in range(8 if thorough else 1):
        without(cache, *MADE)
        run.begin("together", cache, event=int(draws.integers(1, events // 2)))
        other.begin("together", cache)
        killed, left = run.end(), other.end()
        assert (left.code, left.said) == (0, "")
        assert content(cache) == expected
        assert unfinished(cache) == []
        if killed.killed:
            survived("kills of one of two studies at once")
