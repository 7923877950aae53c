"""Fields, events and ribbons against closed forms."""

import numpy as np
import pytest

import preflare as pf
from preflare.twin import regions
from preflare.twin.events import Activity, Events, Flare, InversionLine, draw_events
from preflare.twin.fields import Field
from preflare.twin.instrument import spilled
from preflare.twin.modes import BEFORE_ONSET, PROFILES, cosine, mode, profile_named
from preflare.twin.scene import RIBBON

LINE = InversionLine(0.7, (1.0, -2.0), 3.0, 40.0, 0.4)


def average_over_fields(draw, moments, seeds=60):
    rng = np.random.default_rng(0)
    return np.mean([moments(draw(rng)) for _ in range(seeds)], axis=0)


def test_a_field_has_unit_variance_and_the_matern_correlation():
    y = np.linspace(0, 200, 801)
    length, lag = 2.0, 8  # a lag of 2 arcsec

    def moments(field):
        values = field.at(np.zeros(1), np.zeros(1), y)[0]
        return [np.mean(values**2), np.mean(values[lag:] * values[:-lag])]

    variance, correlation = average_over_fields(
        lambda rng: Field.evolving(length, 400.0, rng), moments
    )
    a = np.sqrt(3) * 2.0 / length
    assert variance == pytest.approx(1.0, abs=0.05)
    assert correlation == pytest.approx((1 + a) * np.exp(-a), abs=0.05)


def test_a_field_forgets_itself_over_its_lifetime():
    t = np.linspace(0, 4000, 401)

    def moments(field):
        values = field.at(np.zeros(t.size), t, np.zeros(1))[:, 0]
        return [np.mean(values[40:] * values[:-40])]

    (correlation,) = average_over_fields(lambda rng: Field.evolving(2.0, 400.0, rng), moments, 200)
    assert correlation == pytest.approx(np.exp(-0.5), abs=0.05)


def test_an_oscillation_has_its_periods_and_no_others():
    t = np.arange(0, 20_000, 10.0)
    field = Field.oscillating(2.0, (170.0, 310.0), np.random.default_rng(1))
    power = np.abs(np.fft.rfft(field.at(np.zeros(t.size), t, np.zeros(1))[:, 0])) ** 2
    frequency = np.fft.rfftfreq(t.size, 10.0)
    inside = (frequency > 1 / 320) & (frequency < 1 / 165)
    assert power[inside].sum() > 0.95 * power.sum()


def test_the_product_of_matrices_is_the_sum_of_waves():
    field = Field.evolving(2.0, 400.0, np.random.default_rng(2))
    x, t, y = np.array([0.3, -4.0]), np.array([5.0, 700.0]), np.array([-1.0, 0.0, 2.5])
    phases = (
        field.wave_x * x[:, None, None]
        + field.wave_y * y[:, None]
        - field.frequency * t[:, None, None]
        + field.phase
    )
    expected = np.sqrt(2 / field.phase.size) * np.cos(phases).sum(axis=-1)
    np.testing.assert_allclose(field.at(x, t, y), expected, atol=1e-10)


def test_the_inversion_line_turns_places_into_coordinates_and_back():
    along, across = np.array([-10.0, 0.0, 7.0]), np.array([0.0, 2.0, -5.0])
    back = LINE.coordinates(*LINE.place(along, across))
    np.testing.assert_allclose(back, [along, across], atol=1e-12)


def one_event(**changes):
    values = {
        "kind": [1], "x": [0.0], "y": [0.0], "size": [4.0],
        "start": [100.0], "duration": [200.0], "strength": [0.8],
    } | changes  # fmt: skip
    return Events(**{name: np.array(value) for name, value in values.items()})


def test_an_event_has_half_its_strength_at_half_its_size_and_ends():
    events = one_event()
    y = np.array([0.0, 2.0, 50.0])
    at_its_height = events.share(0, np.zeros(1), np.array([180.0]), y)[0]
    np.testing.assert_allclose(at_its_height, [0.8, 0.4, 0.0])
    for moment in (99.0, 300.1):
        assert not events.share(0, np.zeros(1), np.array([moment]), y).any()


def draws(activity, seeds=40):
    return [
        draw_events(activity, LINE, BEFORE_ONSET, BEFORE_ONSET + 600, np.random.default_rng(seed))
        for seed in range(seeds)
    ]


def activity(growth, rate=30.0):
    return Activity(rate, growth, (0.2, 0.4), (0.2,) * 5, 3.0, 25.0)


def test_a_flat_rate_is_flat_and_as_named():
    starts = np.concatenate([events.start for events in draws(activity(np.inf))])
    minutes = (BEFORE_ONSET + 600 + 300) / 60
    assert starts.size == pytest.approx(40 * 30.0 * minutes, rel=0.02)
    first, second = np.histogram(starts, bins=[-300, 900, 2100])[0]
    assert first == pytest.approx(second, rel=0.05)


def test_a_growing_rate_grows_by_e_over_its_time():
    starts = np.concatenate([events.start for events in draws(activity(600.0))])
    early, late = np.histogram(starts, bins=[300, 500, 900, 1100])[0][[0, 2]]
    assert late / early == pytest.approx(np.e, rel=0.1)


def test_events_lie_along_the_inversion_line():
    events = draws(activity(np.inf), 1)[0]
    along, across = LINE.coordinates(events.x, events.y)
    assert np.abs(along).max() <= 25.0
    assert across.std() == pytest.approx(3.0, rel=0.1)
    assert set(np.unique(events.kind)) == {1, 2, 3, 4, 5}


def test_ribbons_part_at_their_speed_and_slow_down():
    flare = Flare(100.0, 0.2, 1.0, 20.0, 0.5, 3.0, 0.9)
    across = np.linspace(-60, 60, 2401)
    for since in (90.0, 200.0):
        share = flare.share(np.zeros((1, 2401)), across[None], np.array([100.0 + since]))[0]
        brightest = np.abs(across[share > 0.999 * share.max()])
        assert brightest.mean() == pytest.approx(1.0 + 12.0 * (1 - np.exp(-since / 60)), abs=0.1)
    assert not flare.share(np.zeros((1, 3)), np.zeros((1, 3)), np.array([100.0])).any()


def scene_of(name, seed=0):
    return regions.region(pf.observation(name), np.random.default_rng(seed))


def test_nothing_but_the_strongest_event_counts_in_a_pixel():
    scene = scene_of("PF 14")
    x, t, y = np.linspace(-8, 8, 9), np.linspace(0, 1400, 9), np.linspace(-20, 20, 81)
    kind, share = scene.precursors(x, t, y)
    each = np.stack([scene.events.share(event, x, t, y) for event in range(len(scene.events))])
    np.testing.assert_allclose(share, each.max(axis=0))
    expected = np.where(share > 0, scene.events.kind[each.argmax(axis=0)], 0)
    np.testing.assert_array_equal(kind, expected)
    assert kind.max() < RIBBON


def test_every_m_or_x_flare_comes_at_the_onset_and_ar_regions_have_none():
    for observation in pf.read_observations():
        scene = regions.region(observation, np.random.default_rng(observation.number))
        if observation.kind == "PF":
            assert scene.onset == BEFORE_ONSET
            assert scene.flare_class == observation.flare_class
        else:
            assert scene.flare_class[:1] in ("", "C")


def test_table_a1_sets_the_modes():
    for observation in pf.read_observations():
        full = mode(observation, PROFILES["paper"])
        assert full.positions == observation.steps
        cadence = observation.cadence.to_value("s")
        assert np.allclose(np.diff(full.time, axis=0), cadence)
        assert full.exposure < cadence / observation.steps or full.exposure == 0.5
        assert full.time[-1, -1] < BEFORE_ONSET + 600
        assert 0.45 < cosine(observation) <= 1.0


def test_the_profiles_have_the_sizes_that_they_promise():
    def total(name):
        return sum(mode(each, profile_named(name)).spectra for each in pf.read_observations())

    assert total("quick") == pytest.approx(100_000, rel=0.1)
    assert total("paper") == pytest.approx(5_500_000, rel=0.1)


def test_pf_14_is_observed_as_the_real_one_was():
    full = mode(pf.observation("PF 14"), PROFILES["paper"])
    assert full.exposure == 8.0
    assert full.step == 2.0
    assert full.y.size == pytest.approx(1094, rel=0.05)


def test_a_pixel_keeps_its_own_event_and_lends_it_only_to_empty_neighbours():
    kind = np.array([[0, 0, 1, 6, 0, 0, 0, 0, 2]], np.uint8)
    touched = np.array([[1, 1, 1, 1, 1, 1, 0, 1, 1]], bool)
    np.testing.assert_array_equal(spilled(kind, touched), [[1, 1, 1, 6, 6, 6, 0, 2, 2]])
    np.testing.assert_array_equal(spilled(kind, kind > 0), kind)
