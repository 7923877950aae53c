import numpy as np
import pytest

import preflare as pf
from preflare.context import PIXEL, event_growth, heating
from preflare.errors import StudyError
from preflare.twin.events import Events
from preflare.twin.modes import BEFORE_ONSET
from preflare.twin.observing import Observing, Settings
from preflare.twin.regions import GROWTH, region

SETTINGS = Settings("quick", 0)
AREA = np.pi**1.5 / (8 * np.sqrt(np.log(2)))
"""Of an event of size 1, each place weighed by its share: the integral of 0.5 ** (2 r)**4."""
MEAN = 0.5 * 0.2 + 0.3 + 0.5 * 0.5
"""Of a light curve over an event's life."""


@pytest.fixture
def only(monkeypatch):
    """Give a function that leaves one event to the region."""

    def leave(x=0.0, y=0.0, size=6.0, start=100.0, duration=200.0, strength=0.8):
        rows = (np.array([value]) for value in (x, y, size, start, duration, strength))
        events = Events(np.array([1], np.uint8), *rows)
        monkeypatch.setattr(
            Observing,
            "__init__",
            lambda self, *_: setattr(self, "scene", type("", (), {"events": events})),
        )

    return leave


def total(image):
    return image.sum() * PIXEL**2


def test_an_event_heats_its_area_for_as_long_as_it_lasts(only):
    only()
    found = heating("PF 14", SETTINGS, 0, 1000)
    assert total(found.image) == pytest.approx(0.8 * AREA * 36 * MEAN * 200 / 1000, rel=0.01)


def test_it_is_where_the_event_is(only):
    only(x=12.0, y=-24.0)
    found = heating("PF 14", SETTINGS, 0, 1000)
    weight = found.image / found.image.sum()
    assert weight.sum(axis=0) @ found.place == pytest.approx(12.0, abs=0.05)
    assert weight.sum(axis=1) @ found.place == pytest.approx(-24.0, abs=0.05)


def test_times_add_up(only):
    only()
    whole, first, second = (
        heating("PF 14", SETTINGS, *times).image * (times[1] - times[0])
        for times in ((0, 400), (0, 200), (200, 400))
    )
    np.testing.assert_allclose(first + second, whole, atol=1e-9)
    assert first.sum() > 0 < second.sum()


def test_what_is_over_or_out_of_field_heats_nothing(only):
    only()
    assert not heating("PF 14", SETTINGS, 301, 1000).image.any()
    only(x=500.0)
    assert not heating("PF 14", SETTINGS, 0, 1000).image.any()


def test_a_region_before_its_flare_is_heated_more_than_a_quieter_one(tmp_path):
    study = pf.Study(cache=tmp_path)
    assert study.heating("PF 14").image.mean() > 10 * study.heating("AR 3").image.mean()
    assert pf.Study(source="iris", cache=tmp_path).heating("PF 14") is None


def test_growth_counts_events_that_begin_in_the_first_and_the_last_five_minutes(monkeypatch):
    def starting_at(*start):
        rows = (np.ones(len(start)) for _ in range(5))
        x, y, size, duration, strength = rows
        events = Events(
            np.ones(len(start), np.uint8), x, y, size, np.array(start), duration, strength
        )
        scene = type("", (), {"events": events})
        monkeypatch.setattr(Observing, "__init__", lambda self, *_: setattr(self, "scene", scene))
        return event_growth("PF 14", SETTINGS)

    assert starting_at(-1.0, 0.0, 299.0, 300.0, 1199.0, 1200.0, 1300.0, 1499.0, 1500.0) == 3 / 2
    assert np.isnan(starting_at(400.0, 1300.0))


def test_regions_that_were_drawn_to_grow_do_and_others_do_not(monkeypatch):
    drawn = {}

    def noted(activity, *rest):
        drawn["growth"] = activity.growth
        return draw(activity, *rest)

    draw = region.__globals__["draw_events"]
    monkeypatch.setitem(region.__globals__, "draw_events", noted)
    for number in range(1, 20):
        found = event_growth(f"PF {number}", SETTINGS)
        if np.isinf(drawn["growth"]):
            assert found == pytest.approx(1, abs=0.15)
        else:
            apart = BEFORE_ONSET - 300
            assert found == pytest.approx(np.exp(apart / drawn["growth"]), rel=0.3)
            assert GROWTH[0] <= drawn["growth"] <= GROWTH[1]


def test_no_time_is_refused():
    with pytest.raises(StudyError, match="no time between 9 s and 9 s"):
        heating("PF 14", SETTINGS, 9, 9)
