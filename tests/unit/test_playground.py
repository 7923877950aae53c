"""Profiles have the shapes that they are named for; pages are whole, small, and ask for nothing."""

import json
import re
from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import preflare as pf
from preflare import figures_playground
from preflare.domain_shift import Reference
from preflare.errors import BookError, NetworkError
from preflare.explain.expected_gradients import attribute
from preflare.explainer import Explainer
from preflare.inlined import packed
from preflare.playground import SLIDERS, Experiment, Playground, iris_examples
from preflare.playground.examples import Example
from preflare.playground.page import MODULES, WEB, page
from preflare.playground.shape import FITTED, nearest, profile, reshaped
from preflare.spectrum import LIGHT_KM_S, nearest_point

PLAIN = {"k": 1.0, "h": 0.8, "reversal": 0.0, "dip": 0.0, "width": 0.6, "wing": 0.0,
         "triplet": 0.0, "continuum": 0.1}  # fmt: skip
SETTINGS = st.fixed_dictionaries(
    {slider.name: st.floats(slider.least, slider.most) for slider in FITTED}
)


@pytest.fixture(scope="module")
def explainer():
    return Explainer.load(pf.shipped("swarm/swarm.safetensors")).thinned(128)


@pytest.fixture(scope="module")
def example(explainer):
    return Example("one", "IRIS, real", "one", "Not known.", explainer.baselines[0])


@pytest.fixture(scope="module")
def playground(explainer, example):
    few = replace(explainer, swarm=explainer.swarm.some(range(4)))
    return Playground(few, [example], {"lit": Experiment(values={"triplet": 0.3})})


def unpacked(stored):
    values = np.frombuffer(b64decode(stored["data"]), np.dtype(stored["type"]).newbyteorder("<"))
    return values.reshape(stored["shape"])


def crossing(values, level, inside, step):
    """Return where, from a point on, values fall through a level: a place between points."""
    at = inside
    while values[at] >= level:
        at += step
    return at - step * (level - values[at]) / (values[at - step] - values[at])


class TestProfile:
    @settings(max_examples=60)
    @given(values=SETTINGS)
    def test_it_is_normalised_whatever_the_sliders_say(self, values):
        made = profile(values)
        assert made.shape == (240,)
        assert made.max() == 1
        assert (made >= 0).all()

    @settings(max_examples=30)
    @given(values=SETTINGS, factor=st.floats(0.1, 10))
    def test_only_ratios_of_light_matter(self, values, factor):
        scaled = values | {
            name: factor * values[name] for name in ("k", "h", "triplet", "continuum")
        }
        np.testing.assert_allclose(profile(scaled), profile(values), atol=1e-12)

    def test_width_is_the_full_width_at_half_maximum(self):
        made = profile(PLAIN | {"continuum": 0.0, "width": 0.8, "k": 1.2})
        k = nearest_point(pf.LINES["k"])
        points = crossing(made, 0.5, k, 1) - crossing(made, 0.5, k, -1)
        assert points * np.diff(pf.grid())[0] == pytest.approx(0.8, abs=0.01)

    @pytest.mark.parametrize("line", ["k", "h"])
    @pytest.mark.parametrize("wing", [-60, 60])
    def test_a_wing_shift_moves_the_half_maximum_of_its_side_alone(self, line, wing):
        both = [profile(PLAIN | {"continuum": 0.0, "wing": shift}) for shift in (0, wing)]
        middle, moved = nearest_point(pf.LINES[line]), {}
        for step in (-1, 1):
            level = 0.5 * PLAIN[line]
            places = [crossing(made, level, middle, step) for made in both]
            moved[step] = np.diff(places)[0] * np.diff(pf.grid())[0]
        shifted = moved[int(np.sign(wing))] / pf.LINES[line] * LIGHT_KM_S
        assert shifted == pytest.approx(wing, abs=1.5)
        assert moved[-int(np.sign(wing))] == pytest.approx(0, abs=1e-3)

    @pytest.mark.parametrize("line", ["k", "h"])
    def test_a_reversal_makes_two_peaks_and_its_shift_one_of_them_higher(self, line):
        near = np.abs(pf.grid() - pf.LINES[line]) < 0.4
        blue = near & (pf.grid() < pf.LINES[line])
        red = near & ~blue
        even, towards_red = (profile(PLAIN | {"reversal": 0.6, "dip": dip}) for dip in (0.0, 20.0))
        centre = nearest_point(pf.LINES[line])
        assert even[centre] < 0.7 * even[near].max()
        assert even[blue].max() == pytest.approx(even[red].max(), abs=0.03)
        assert towards_red[blue].max() > towards_red[red].max() + 0.1

    def test_the_triplet_is_in_emission_or_absorption(self):
        at = nearest_point(pf.LINES["triplet"])
        dark, without, bright = (
            profile(PLAIN | {"triplet": light})[at] for light in (-0.05, 0.0, 0.3)
        )
        assert dark < without < bright
        assert bright - without == pytest.approx(0.3, rel=0.1)

    def test_the_continuum_is_eaten_into_by_the_lines(self):
        made = profile(PLAIN | {"continuum": 0.5})
        between, wing = nearest_point(2800.3), nearest_point(2797.2)
        assert made[between] > 1.5 * made[wing]


class TestNearest:
    @settings(max_examples=12)
    @given(data=st.data())
    def test_it_finds_the_settings_again(self, data):
        inner = {
            "k": (0.9, 1.2), "h": (0.5, 0.8), "reversal": (0.2, 0.7), "dip": (-10, 10),
            "width": (0.4, 1.0), "wing": (-30, 30), "triplet": (0, 0.3), "continuum": (0.05, 0.3),
        }  # fmt: skip
        sliders = {slider.name: slider for slider in SLIDERS}
        planted = {
            name: round(data.draw(st.floats(*ends)) / sliders[name].step) * sliders[name].step
            for name, ends in inner.items()
        }
        found = nearest(profile(planted))
        assert np.abs(profile(found) - profile(planted)).max() < 0.05

    def test_it_stands_on_the_steps_of_the_sliders(self, explainer):
        found = nearest(explainer.baselines[3])
        for slider in SLIDERS:
            assert slider.least <= found[slider.name] <= slider.most
            steps = (found[slider.name] - slider.least) / slider.step
            assert steps == pytest.approx(round(steps), abs=1e-6)
        assert found["noise"] == 0

    def test_no_other_setting_nearby_is_nearer(self, explainer):
        spectrum = explainer.baselines[3]
        found = nearest(spectrum)
        least = np.square(profile(found) - spectrum).sum()
        for slider in FITTED:
            for step in (-3, 3):
                moved = found[slider.name] + step * slider.step
                if slider.least <= moved <= slider.most:
                    other = profile(found | {slider.name: moved})
                    assert np.square(other - spectrum).sum() > least

    def test_what_is_not_normalised_is_refused(self):
        with pytest.raises(NetworkError, match="not normalised"):
            nearest(np.full(240, 0.5))


class TestReshaped:
    def test_sliders_that_do_not_move_change_nothing(self, explainer):
        spectrum = explainer.baselines[5]
        fitted = nearest(spectrum)
        np.testing.assert_array_equal(reshaped(spectrum, fitted, fitted), spectrum)

    @settings(max_examples=20)
    @given(start=SETTINGS, values=SETTINGS)
    def test_a_profile_made_by_sliders_is_changed_as_if_made_anew(self, start, values):
        made = reshaped(profile(start), start, values)
        if start["triplet"] >= 0 and values["triplet"] >= 0:  # nothing was cut off at zero
            np.testing.assert_allclose(made, profile(values), atol=1e-9)

    def test_only_what_was_touched_changes(self, explainer):
        spectrum = explainer.baselines[5]
        fitted = nearest(spectrum)
        made = reshaped(spectrum, fitted, fitted | {"triplet": fitted["triplet"] + 0.1})
        far = np.abs(pf.grid() - pf.LINES["triplet"]) > 0.8
        np.testing.assert_allclose(made[far], spectrum[far], atol=1e-6)
        assert (made - spectrum).max() > 0.05


class TestPage:
    @pytest.mark.parametrize("kind", ["float16", "float32", "float64", "uint16"])
    def test_arrays_come_back(self, kind):
        values = np.arange(12).reshape(3, 4) / (1 if kind == "uint16" else 4)
        again = unpacked(json.loads(json.dumps(packed(values, kind))))
        np.testing.assert_array_equal(again, values)

    def test_it_holds_the_swarm_and_all_it_compares_with(self, playground):
        payload = json.loads(json.dumps(playground.payload()))
        own = playground.explainer
        np.testing.assert_array_equal(unpacked(payload["weights"]), own.swarm.weights)
        np.testing.assert_array_equal(unpacked(payload["baselines"]), own.baselines)
        usual = Reference.of(own.baselines, own.observation).usual
        np.testing.assert_allclose(unpacked(payload["usual"]), np.sort(usual), rtol=1e-6)
        (stored,) = payload["examples"]
        np.testing.assert_array_equal(unpacked(stored["spectrum"]), own.baselines[0])

    def test_baselines_that_half_precision_would_change_are_kept_whole(self, playground):
        own = playground.explainer
        random = np.random.default_rng(0).random((40, 240)).astype(np.float32)
        random /= random.max(axis=1, keepdims=True)
        other = Playground(replace(own, baselines=random, observation=own.observation[:40]),
                           playground.examples)  # fmt: skip
        np.testing.assert_array_equal(unpacked(other.payload()["baselines"]), random)

    def test_words_cannot_end_the_script_that_holds_them(self, playground, example):
        naughty = replace(example, label="</script><script>alert(1)</script>")
        html = Playground(playground.explainer, [naughty])._repr_html_()
        assert "alert(1)" in html
        assert "<script>alert" not in html

    def test_it_asks_for_nothing_and_its_names_are_its_own(self, playground):
        html = playground._repr_html_()
        ids = Ids(html).found
        assert len(ids) == len(set(ids)) > 10
        assert all(name.startswith("pg-") for name in ids)
        assert not re.search(r"(?:src|href)=\"(?!\?)", html)
        assert not re.search(r"https?://|\burl\(|\bfetch\(|@import", html)

    def test_modules_import_only_each_other(self):
        assert {path.stem for path in WEB.glob("*.mjs")} == set(MODULES)
        for path in WEB.glob("*.mjs"):
            for name in re.findall(r'from "([^"]+)"', path.read_text(encoding="utf-8")):
                assert name.removeprefix("preflare/") in MODULES

    def test_what_is_too_heavy_is_refused(self):
        with pytest.raises(BookError, match=r"weigh 3\.\d MB.*Explainer\.thinned"):
            page({"much": "x" * 3_000_000})


class Ids(HTMLParser):
    """Collects the identifiers of a piece of HTML."""

    def __init__(self, html):
        super().__init__()
        self.found = []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.found += [value for name, value in attributes if name == "id"]


class TestExplanations:
    def test_nine_stand_for_all_or_all_if_there_are_fewer(self, playground, explainer):
        np.testing.assert_array_equal(playground.nine, range(4))
        whole = Playground(explainer, playground.examples)
        assert len(whole.nine) == 9
        np.testing.assert_array_equal(whole.members("all"), range(48))
        np.testing.assert_array_equal(whole.members(17), [17])
        assert whole.scatter.distance(whole.nine) < whole.scatter.by_chance(9)

    def test_a_member_draws_the_same_whoever_else_explains(self, playground):
        spectra = playground.explainer.baselines[:2]
        together = playground.explain(spectra, "all", 16).each
        for member in range(4):
            alone = playground.explain(spectra, member, 16)
            np.testing.assert_array_equal(alone.each[0], together[member])

    def test_all_explain_as_everywhere_else(self, playground):
        own, spectra = playground.explainer, playground.explainer.baselines[:3]
        wanted = attribute(own.swarm, spectra, own.baselines, 64)
        np.testing.assert_array_equal(playground.explain(spectra, "all", 64).mean, wanted.mean)

    def test_an_experiment_shows_what_its_sliders_make(self, playground):
        wanted = profile(playground.plain | {"triplet": 0.3})
        np.testing.assert_allclose(playground.spectrum("lit"), wanted, atol=1e-7)

    def test_real_examples_are_chosen_each_once(self, explainer):
        found = iris_examples(explainer)
        assert [each.name for each in found] == [
            "iris-typical", "iris-triplet", "iris-broad", "iris-high",
        ]  # fmt: skip
        spectra = np.stack([each.spectrum for each in found])
        assert len(np.unique(spectra, axis=0)) == 4
        np.testing.assert_allclose(spectra.max(axis=1), 1)
        assert {each.source for each in found} == {"IRIS, real"}
        assert all(each.without is None for each in found)
        assert explainer.swarm.predict(spectra).mean(axis=0).argmax() == 3


class TestRefusals:
    def test_no_spectrum(self, explainer):
        with pytest.raises(BookError, match="no spectrum to start from"):
            Playground(explainer, [])

    def test_two_of_one_name(self, explainer, example):
        with pytest.raises(BookError, match="2 spectra of the playground are called one"):
            Playground(explainer, [example, example])

    @pytest.mark.parametrize(
        ("experiment", "message"),
        [
            (Experiment("two"), "starts from two: choose from plain, one"),
            (Experiment(asked=48), "asks 48: choose from nine, all, 0"),
            (Experiment(draws=100), "draws 100: choose from 16, 64, 256"),
            (Experiment(values={"heat": 1}), "sets heat: the sliders are k, h"),
            (Experiment(values={"k": 9}), r"sets k to 9: it goes from 0\.1 to 1\.5"),
            (Experiment(values={"k": np.nan}), r"sets k to nan: it goes"),
        ],
    )
    def test_an_experiment_that_asks_for_what_there_is_not(
        self, explainer, example, experiment, message
    ):
        with pytest.raises(BookError, match=message):
            Playground(explainer, [example], {"odd": experiment})


def test_on_paper_bars_show_the_mean_and_its_sign_by_colour_and_direction():
    rng = np.random.default_rng(0)
    gradients, maps = rng.normal(size=(3, 240)), rng.random((3, 240))
    figure, panels = plt.subplots(3, 1)
    figures_playground.on_paper(panels, pf.grid(), rng.random(240), gradients, maps)
    bars = {bar.get_x() + bar.get_width() / 2: bar for bar in panels[1].patches}
    heights = [bars[place].get_height() for place in sorted(bars)]
    np.testing.assert_allclose(heights, gradients.mean(axis=0))
    for bar in bars.values():
        colour = figures_playground.FOR if bar.get_height() > 0 else figures_playground.AGAINST
        assert plt.matplotlib.colors.to_hex(bar.get_facecolor()) == colour
    thick = max(panels[2].lines, key=lambda line: line.get_linewidth())
    np.testing.assert_allclose(thick.get_ydata(), maps.mean(axis=0))
    plt.close(figure)
