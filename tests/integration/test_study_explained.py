"""A study's scores and attributions, of every spectrum of every observation; and real data."""

import numpy as np
import pytest
import xarray as xr

import preflare as pf
from preflare.errors import StudyError
from preflare.explainer import Explainer
from preflare.partitions import folds
from preflare.rules import accepted
from preflare.sizes import SIZES, Size

# Three members a fold: one of them alone may fall silent.
SMALL = Size(spectra=200, training=2_000, splits=4, members=15, epochs=20)


@pytest.fixture(scope="module")
def small(study):
    """Give a study of few spectra, draws and epochs, with the cubes of the other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SIZES, "quick", SMALL)
        patch.setitem(Explainer.attributions.__kwdefaults__, "samples", 64)
        yield pf.Study(cache=study.cache)


def never(*_arguments, **_keywords):
    raise AssertionError("made again")


@pytest.fixture(scope="module")
def scores(small):
    return small.scores()


@pytest.fixture(scope="module")
def attributions(small):
    return small.attributions()


def test_every_accepted_spectrum_has_a_score_and_an_attribution(small, scores, attributions):
    assert list(scores) == list(attributions) == list(small.cubes())
    expected = {found.attrs["expected_logit"] for found in attributions.values()}
    assert len(expected) == 1
    for name, cube in small.cubes().items():
        keep = accepted(cube)
        for variable in ("score", "spread", "logit"):
            np.testing.assert_array_equal(np.isfinite(scores[name][variable]), keep)
        attribution = attributions[name]["attribution"].values
        np.testing.assert_array_equal(np.isfinite(attribution).all(axis=-1), keep)
        np.testing.assert_array_equal(scores[name]["start"], cube["start"])


def test_scores_are_the_mean_over_members_that_learned(small, scores):
    swarm, cube = small.swarm(), small.cube("PF 6")
    living = swarm.some(np.flatnonzero(swarm.report()["condition"] == "trained"))
    keep = accepted(cube)
    probability = living.predict(cube["intensity"].values[keep])
    np.testing.assert_allclose(
        scores["PF 6"]["score"].values[keep], probability.mean(axis=0), atol=1e-6
    )


def test_attributions_add_up_to_what_the_networks_say(scores, attributions):
    gaps, logits = [], []
    for name, found in attributions.items():
        logit = scores[name]["logit"].values
        total = found["attribution"].values.sum(axis=-1)
        gaps.append((total - (logit - found.attrs["expected_logit"]))[np.isfinite(logit)])
        logits.append(logit[np.isfinite(logit)])
    assert np.concatenate(gaps).std() < 0.05 * np.concatenate(logits).std()


def test_asked_again_they_are_read_back(small, scores, attributions, monkeypatch):
    monkeypatch.setattr(Explainer, "scores", never)
    monkeypatch.setattr(Explainer, "attributions", never)
    monkeypatch.setattr(pf.Study, "explainer", never)
    again = pf.Study(cache=small.cache)
    xr.testing.assert_identical(again.scores()["AR 3"], scores["AR 3"])
    xr.testing.assert_identical(again.attributions()["AR 3"], attributions["AR 3"])


def test_unseen_observations_are_scored_by_networks_of_other_folds(small, scores):
    unseen = small.scores(unseen=True)
    assert list(unseen) == list(scores)
    data = small.spectra()
    parts = folds(data.classes, 5, small.seed)
    swarm = small.train([small.split(part) for part in parts for _ in range(3)])
    learned = (swarm.report()["condition"] == "trained").to_numpy()
    for number, part in enumerate(parts):
        own = np.flatnonzero(learned & (np.arange(15) // 3 == number))
        name = part.test[0]
        cube = small.cube(name)
        keep = accepted(cube)
        probability = swarm.some(own).predict(cube["intensity"].values[keep])
        score = unseen[name]["score"].values[keep]
        np.testing.assert_allclose(score, probability.mean(axis=0), atol=1e-6)


def test_a_real_study_is_of_what_travels_with_preflare(tmp_path):
    study = pf.Study(source="iris", cache=tmp_path)
    assert [each.name for each in study.observations()] == ["PF 14"]
    cube = study.cube("PF 14")
    assert cube.attrs["tried"] & pf.Rule.QUIET_SUN
    assert np.isnan(cube["t_onset"]).all()
    assert study.goes("PF 14") is None
    assert study.slit_jaw("PF 14").channel == "SJI_2796"
    keep = accepted(cube)
    assert keep.sum() > 100
    score = study.scores()["PF 14"]["score"].values
    np.testing.assert_array_equal(np.isfinite(score), keep)
    assert (score[keep] >= 0).all()
    assert (score[keep] <= 1).all()
    attribution = study.attributions()["PF 14"]["attribution"].values
    np.testing.assert_array_equal(np.isfinite(attribution).all(axis=-1), keep)


def test_what_real_data_lack_is_one_sentence(tmp_path):
    study = pf.Study(source="iris", cache=tmp_path)
    with pytest.raises(StudyError, match="no IRIS files of AR 3"):
        study.cube("AR 3")
    with pytest.raises(StudyError, match="not known"):
        study.truth("PF 14")
    with pytest.raises(StudyError, match="two classes"):
        study.spectra()
    with pytest.raises(StudyError, match="No quiet-Sun files"):
        study.quiet_spectra()
