import pytest

import preflare as pf
from preflare.asked import to_learn_from
from preflare.errors import StudyError


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PREFLARE_CACHE", str(tmp_path))


@pytest.fixture
def seven_of_each(monkeypatch):
    """Have seven real observations of each class, with known onsets."""
    some = [pf.observation(f"{kind} {number}") for kind in ("PF", "AR") for number in range(1, 8)]
    monkeypatch.setattr(pf.Study, "observations", lambda _: some)
    monkeypatch.setattr(pf.Study, "_without_onset", lambda _: [])


def test_the_twin_is_shown_as_simulated():
    asked = to_learn_from("twin", "quick", 3)
    assert (asked.study.source, asked.study.profile, asked.study.seed) == ("twin", "quick", 3)
    assert asked.page_data == "the twin, simulated. Nothing on this page is IRIS data."
    assert asked.data_are == "Twin, simulated"


def test_enough_of_iris_is_shown_as_real(seven_of_each):
    asked = to_learn_from("iris", "quick", 0)
    assert asked.study.source == "iris"
    assert asked.page_data.startswith("IRIS, real: 14 observations that were fetched.")
    assert asked.data_are == "IRIS, real"


def test_the_twin_takes_the_place_of_too_little_and_the_page_says_why():
    asked = to_learn_from("iris", "quick", 3)
    assert (asked.study.source, asked.study.seed) == ("twin", 3)
    assert asked.data_are == "Twin, simulated"
    assert "too little of IRIS" in asked.page_data
    assert asked.page_data.endswith("here are 1 PF and 0 AR, 1 of unknown onset.")


def test_a_chapter_may_need_more_than_a_study(seven_of_each):
    assert to_learn_from("iris", "quick", 0, of_each=7).study.source == "iris"
    asked = to_learn_from("iris", "quick", 0, of_each=8)
    assert asked.study.source == "twin"
    assert asked.page_data.endswith(
        "This takes 8 observations of each class or more: here are 7 PF and 7 AR."
    )


def test_another_source_is_refused():
    with pytest.raises(StudyError, match="no source 'aia'"):
        to_learn_from("aia", "quick", 0)
