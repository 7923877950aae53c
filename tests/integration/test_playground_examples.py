"""The playground's simulated spectra are what they are called, of regions not trained on."""

import numpy as np
import pytest

import preflare as pf
from preflare.explainer import Explainer
from preflare.playground import twin_examples
from preflare.twin.dressing import KINDS
from preflare.twin.truth import TRUTH_KINDS


@pytest.fixture(scope="module")
def explainer():
    return Explainer.load(pf.shipped("swarm/swarm.safetensors"))


@pytest.fixture(scope="module")
def examples(study, explainer):
    return {each.name: each for each in twin_examples(study, explainer)}


def region(example):
    return example.truth.partition(";")[0]


def in_cube(study, example):
    """Return the place (time, step, slit) of an example in its cube, and the truth there."""
    intensity = study.cube(region(example))["intensity"].values
    (place,) = np.argwhere((intensity == example.spectrum).all(axis=-1))
    time, step, slit = (int(at) for at in place)
    return (time, step, slit), study.truth(region(example)).isel(time=time, step=step, slit=slit)


def test_there_is_one_of_each_kind(examples):
    kinds = [f"twin-{kind.replace('_', '-')}" for kind in KINDS]
    quiet = ["twin-ar-quiet", "twin-pf-quiet"]
    assert list(examples) == [*quiet, *kinds, "twin-ribbon", "twin-ar-high"]


def test_each_holds_the_event_that_it_is_said_to_hold(study, examples):
    for name, example in examples.items():
        place, known = in_cube(study, example)
        kind = TRUTH_KINDS[int(known["kind"])]
        assert example.source == "Twin, simulated"
        if name == "twin-ribbon":
            assert kind == "ribbon"
            assert float(study.cube(region(example))["t_onset"][place[:2]]) > 0
            assert f"{100 * float(known['share']):.0f} %" in example.truth
        elif name.endswith("quiet"):
            assert kind == "none"
            assert "no event" in example.truth
        else:
            assert example.truth.endswith(f"an event in it: {kind.replace('_', ' ')}.")
            assert name in (f"twin-{kind.replace('_', '-')}", "twin-ar-high")


def test_without_the_event_is_what_the_truth_says(study, examples):
    for example in examples.values():
        _, known = in_cube(study, example)
        if TRUTH_KINDS[int(known["kind"])] == "none":
            assert example.without is None
        else:
            difference = known["normalised_difference"].values
            np.testing.assert_allclose(example.spectrum - example.without, difference, atol=1e-6)


def test_no_region_was_trained_on_and_classes_are_as_named(examples, explainer):
    for name, example in examples.items():
        assert region(example) not in explainer.observation
        assert region(example)[:2] == ("AR" if name.startswith("twin-ar") else "PF")


def test_the_false_alarm_scores_highest_of_the_ar_spectra(study, examples, explainer):
    data = study.spectra()
    names = np.asarray(data.observation)
    unseen = (data.labels == 0) & ~np.isin(names, explainer.observation)
    scores = explainer.swarm.predict(data.spectra[unseen]).mean(axis=0)
    own = explainer.swarm.predict(examples["twin-ar-high"].spectrum[None]).mean()
    assert own == pytest.approx(scores.max(), abs=1e-6)
