"""Intervals are those of a plain loop and of closed forms, over observations and not spectra."""

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from preflare.bootstrap import Interval, bootstrap
from preflare.errors import SkillError
from preflare.reliability import area_under_curve, brier_score, scores
from preflare.skill import called, confusion, true_skill_statistic


def at_base_rate(name, rate):
    return lambda *spectra: getattr(confusion(*spectra).at_base_rate(rate), name)


def reweighed_precision(truth, prediction):
    weights = np.where(truth == 1, 0.1 / (truth == 1).sum(), 0.9 / (truth == 0).sum())
    return metrics.precision_score(truth, prediction, sample_weight=weights)


CALLS = {
    true_skill_statistic: lambda *spectra: metrics.balanced_accuracy_score(*spectra, adjusted=True),
    at_base_rate("precision", 0.1): reweighed_precision,
}
PROBABILITIES = {
    area_under_curve: metrics.roc_auc_score,
    brier_score: metrics.brier_score_loss,
    lambda *spectra: scores(*spectra)["hss"]: lambda truth, probability: metrics.cohen_kappa_score(
        truth, probability >= 0.5
    ),
}


def observations(seed, groups=12, most=9, alike=0.2):
    """Make spectra of observations whose probabilities scatter about one of their own."""
    random = np.random.default_rng(seed)
    groups = np.repeat(np.arange(groups), random.integers(1, most, groups))
    truth = groups % 2
    own = random.normal(0, alike, groups.max() + 1)[groups]
    probability = 0.4 + 0.2 * truth + own + random.normal(0, 0.1, groups.size)
    # Rounded, so that there are equal ones, and one of each class that is surely called PF.
    probability = np.clip(probability, 0, 1).round(1)
    probability[np.searchsorted(groups, [0, 1])] = 0.9
    return truth, probability, groups


def plain_loop(score, truth, prediction, groups, count, seed, level):
    """Resample observations, spectrum by spectrum, with the same draws."""
    random = np.random.default_rng(seed)
    drawn = []
    for _ in range(count):
        spectra = []
        for label in (0, 1):
            own = np.unique(groups[truth == label])
            for observation in random.choice(own, own.size):
                spectra.extend(np.flatnonzero(groups == observation))
        drawn.append(score(truth[spectra], prediction[spectra]))
    outside = 50 * (1 - level)
    return score(truth, prediction), *np.percentile(drawn, [outside, 100 - outside])


@pytest.mark.parametrize(
    "score", [*CALLS, *PROBABILITIES], ids=["tss", "precision", "auc", "brier", "hss"]
)
@settings(max_examples=10)
@given(seed=st.integers(0, 1000), level=st.sampled_from([0.5, 0.9]))
def test_agrees_with_a_plain_loop(score, seed, level):
    truth, prediction, groups = observations(seed)
    if score in CALLS:
        prediction = called(prediction, 0.3)
    other = (CALLS | PROBABILITIES)[score]
    ours = bootstrap(score, truth, prediction, groups, count=50, seed=seed, level=level)
    expected = plain_loop(other, truth, prediction, groups, 50, seed, level)
    assert astuple(ours) == pytest.approx((*expected, 0), abs=1e-12)


@given(seed=st.integers(0, 1000))
def test_the_order_of_spectra_makes_no_difference(seed):
    truth, probability, groups = observations(seed)
    shuffle = np.random.default_rng(seed).permutation(truth.size)
    shuffled = bootstrap(
        area_under_curve, truth[shuffle], probability[shuffle], groups[shuffle], count=40
    )
    assert bootstrap(area_under_curve, truth, probability, groups, count=40) == shuffled


def test_the_seed_makes_the_draws():
    spectra = observations(3)
    first, again, other = (
        bootstrap(brier_score, *spectra, count=50, seed=seed) for seed in (0, 0, 1)
    )
    assert first == again
    assert (first.value, first.low) != (other.value, other.low)
    assert first.value == other.value


@pytest.mark.parametrize("level", [0.68, 0.95])
def test_the_width_is_the_analytic_one_of_independent_calls(level):
    # Recall of n observations of one spectrum each is binomial: sd = sqrt(p(1 - p)/n).
    n = 400
    truth = np.arange(2 * n) % 2
    prediction = np.arange(2 * n) // 2 % 10 < 3
    interval = bootstrap(
        lambda *spectra: confusion(*spectra).recall,
        truth,
        prediction,
        np.arange(2 * n),
        count=4000,
        level=level,
    )
    deviations = {0.68: 0.9945, 0.95: 1.96}[level]
    assert interval.value == pytest.approx(0.3)
    half = deviations * np.sqrt(0.3 * 0.7 / n)
    assert interval.high - interval.value == pytest.approx(half, rel=0.08)
    assert interval.value - interval.low == pytest.approx(half, rel=0.08)


def test_the_interval_covers_the_truth_as_often_as_it_says():
    random = np.random.default_rng(1)
    truth, groups = np.repeat(np.arange(80) % 2, 5), np.repeat(np.arange(80), 5)
    covered = 0
    for seed in range(200):
        # All five spectra of an observation are called alike: right three times of four.
        right = np.repeat(random.random(80) < 0.75, 5)
        interval = bootstrap(
            true_skill_statistic, truth, truth ^ ~right, groups, count=200, seed=seed, level=0.9
        )
        covered += interval.low <= 0.5 <= interval.high
    assert 0.84 < covered / 200 < 0.96  # 2.8 deviations of a binomial about 0.9


def test_observations_of_like_spectra_say_less_than_as_many_independent_spectra():
    truth, probability, groups = observations(5, groups=40, most=50, alike=0.3)
    by_observation = bootstrap(area_under_curve, truth, probability, groups, count=200)
    own = 2 * np.arange(truth.size) + truth
    by_spectrum = bootstrap(area_under_curve, truth, probability, own, count=200)
    assert by_observation.value == by_spectrum.value
    ratio = (by_observation.high - by_observation.low) / (by_spectrum.high - by_spectrum.low)
    assert ratio > 2


def test_copies_of_every_spectrum_change_nothing():
    truth, probability, groups = observations(4)
    once = bootstrap(brier_score, truth, probability, groups, count=100)
    copies = (np.repeat(column, 7) for column in (truth, probability, groups))
    assert astuple(bootstrap(brier_score, *copies, count=100)) == pytest.approx(astuple(once))


def test_resamples_of_calls_are_scored_on_the_confusion_of_each_observation():
    # Which, and that they come sorted, is why they are fast.
    sizes = []

    def score(truth, prediction, weights):
        sizes.append(truth.size)
        assert len(sizes) == 1 or (np.diff(prediction) >= 0).all()
        return true_skill_statistic(truth, prediction, weights)

    truth, probability, groups = observations(6, groups=12, most=100)
    bootstrap(score, truth, called(probability), groups, count=40)
    assert max(sizes[-40:]) <= 2 * 12 < truth.size == sizes[0]


def precision(*spectra):
    return confusion(*spectra).precision


@pytest.mark.parametrize("score", [precision, lambda *spectra: scores(*spectra)["precision"]])
def test_resamples_without_a_score_are_left_out_and_counted(score):
    # Two of six PF observations are called PF: (4/6)^6 of the resamples hold neither.
    truth, groups = np.repeat([0, 1], 6), np.arange(12)
    prediction = np.isin(groups, [6, 7])
    interval = bootstrap(score, truth, prediction, groups, count=2000, level=0.8)
    assert interval.undefined == pytest.approx(2000 * (4 / 6) ** 6, rel=0.2)
    assert (interval.value, interval.low, interval.high) == (1, 1, 1)


def test_too_many_resamples_without_a_score_are_refused():
    truth, groups = np.repeat([0, 1], 6), np.arange(12)
    with pytest.raises(
        SkillError,
        match=r"The score is undefined in \d+ of 1000 resamples, too many for an interval of "
        r"level 0\.95: take more observations or another threshold\.$",
    ):
        bootstrap(precision, truth, np.isin(groups, [6, 7]), groups)


def test_a_score_that_forgets_its_weights_is_refused():
    truth, probability, groups = observations(2)
    with pytest.raises(SkillError, match="make a weight count as so many spectra"):
        bootstrap(
            lambda true, forecast, _: float(forecast[true].mean()), truth, probability, groups
        )


TRUTH, PREDICTION, GROUPS = [1, 1, 0, 0], [1, 0, 1, 0], [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"groups": [1, 2, 2, 4]},
            "Observation 2 has spectra of both classes: "
            "give the spectra of each class an observation of their own.",
        ),
        (
            {"groups": ["a", "b", "c", "b"]},
            "Observation b has spectra of both classes: "
            "give the spectra of each class an observation of their own.",
        ),
        (
            {"groups": [1, 1, 3, 4]},
            "There are too few PF observations to resample (1): give at least 2.",
        ),
        (
            {"truth": [1, 1, 1, 1]},
            "There are too few AR observations to resample (0): give at least 2.",
        ),
        *(
            (
                {"groups": groups},
                "groups holds a missing value: name the observation of every spectrum.",
            )
            for groups in ([1, 2, None, 4], [1, 2, np.nan, 4], ["a", "b", np.nan, "d"])
        ),
        (
            {"groups": [[1, 2, 3, 4]]},
            "groups has the shape (1, 4): name one observation a spectrum.",
        ),
        (
            {"groups": [1, 2, 3]},
            "truth and groups differ in length (4 and 3): "
            "give one value of each for every spectrum.",
        ),
        (
            {"prediction": [1, 0]},
            "truth and prediction differ in length (4 and 2): "
            "give one value of each for every spectrum.",
        ),
        (
            {"truth": [], "prediction": [], "groups": []},
            "truth is empty: give at least one spectrum.",
        ),
        (
            {"prediction": [1, 0.5, 1, 0]},
            "prediction holds 0.5: give 1 for PF and 0 for AR, "
            "which called(probability) makes of probabilities.",
        ),
        (
            {"score": area_under_curve, "prediction": [1, 2, 1, 0]},
            "probability holds 2: give numbers from 0 to 1.",
        ),
        (
            {"score": precision, "prediction": [0, 0, 0, 0]},
            "Precision is undefined because no spectrum is called PF: lower the threshold.",
        ),
        (
            {"score": lambda *spectra: np.nan},
            "The score is nan: choose one that is defined for these spectra.",
        ),
        ({"count": 0}, "The number of resamples is 0: give a whole number from 1 on."),
        ({"count": 1e3}, "The number of resamples is 1000.0: give a whole number from 1 on."),
        ({"seed": -1}, "The seed is -1: give a whole number from 0 on."),
        ({"seed": None}, "The seed is None: give a whole number from 0 on."),
        (
            {"count": 39},
            "39 resamples are too few for the level 0.95, which leaves less than one outside "
            "on either side: take at least 40.",
        ),
        *(
            (
                {"level": level},
                f"The level {level} is not between 0 and 1: give one such as 0.95.",
            )
            for level in (0, 1, 95, np.nan)
        ),
    ],
)
def test_what_cannot_be_resampled_is_refused_in_one_sentence(changes, sentence):
    given = {
        "score": true_skill_statistic,
        "truth": TRUTH,
        "prediction": PREDICTION,
        "groups": GROUPS,
    }
    with pytest.raises(SkillError) as refusal:
        bootstrap(**given | changes)
    assert str(refusal.value) == sentence


def test_the_least_that_can_be_resampled():
    interval = bootstrap(true_skill_statistic, TRUTH, PREDICTION, GROUPS, count=40)
    assert interval == Interval(value=0, low=-1, high=1)
