"""The swarm that travels with preflare is what its card says, and knows the twin."""

import re

import numpy as np
import pytest

import preflare as pf
from preflare.explainer import Explainer
from preflare.quietsun import QuietSun

TESTED = ["PF 3", "PF 6", "PF 10", "PF 14", "PF 19", "AR 1", "AR 8", "AR 12", "AR 14", "AR 16"]


@pytest.fixture(scope="module")
def card():
    return pf.shipped("swarm/README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def explainer():
    return Explainer.load(pf.shipped("swarm/swarm.safetensors"))


def test_the_card_describes_the_files(card, explainer):
    assert f"`weights` ({len(explainer.swarm)}, 363)" in card
    assert f"`baselines` ({len(explainer.baselines)}, 240)" in card
    tested = re.search(r"\*\*Tested on\*\* (PF [\d, ]+) and (AR [\d, ]+)\.", card)
    names = [
        f"{group[:2]} {number}" for group in tested.groups() for number in re.findall(r"\d+", group)
    ]
    assert names == TESTED


def test_baselines_are_of_both_classes_and_of_no_tested_observation(explainer):
    of_flares = np.char.startswith(explainer.observation, "PF")
    assert of_flares.mean() == pytest.approx(0.5, abs=0.05)
    assert not set(explainer.observation) & set(TESTED)
    assert len(set(explainer.observation)) == 27
    np.testing.assert_allclose(explainer.baselines.max(axis=1), 1, atol=1e-3)


def test_it_tells_classes_apart_on_observations_that_it_never_saw(study, explainer):
    """The quick twin has the same regions as the one that it learned from, less of each."""
    data = study.spectra()
    unseen = np.isin(np.asarray(data.observation), TESTED)
    score = explainer.swarm.predict(data.spectra[unseen]).mean(axis=0)
    assert pf.true_skill_statistic(data.labels[unseen], score > 0.5) > 0.4


def test_its_quiet_sun_is_that_of_the_twin(study):
    quiet = QuietSun.load(pf.shipped("swarm/quiet_sun.safetensors"))
    spectra = study.quiet_spectra()
    assert (quiet.errors(spectra) <= quiet.threshold).mean() > 0.95


def test_files_are_small_and_the_same_swarm_is_read_as_a_swarm(explainer):
    assert sum(path.stat().st_size for path in pf.shipped("swarm").iterdir()) < 1e6
    swarm = pf.Swarm.load(pf.shipped("swarm/swarm.safetensors"))
    np.testing.assert_array_equal(swarm.weights, explainer.swarm.weights)
