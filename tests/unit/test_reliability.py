"""Scores of probabilities agree with scikit-learn's, ties and weights included."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.calibration import calibration_curve

from preflare.errors import SkillError
from preflare.reliability import area_under_curve, brier_score, reliability, roc_curve, scores
from preflare.skill import called, confusion

TRUTH, PROBABILITY = [0, 1, 0, 1], [0.1, 0.4, 0.4, 0.8]


@st.composite
def forecasts(draw):
    """Draw truth, probabilities (often equal ones) and weights, of both classes."""
    probability = st.sampled_from([0.0, 0.25, 0.5, 0.6, 1.0]) | st.floats(0, 1)
    row = st.tuples(st.integers(0, 1), probability, st.floats(0.01, 100))
    rows = draw(st.lists(row, max_size=30))
    both = [(0, draw(probability), 2.0), (1, draw(probability), 0.5)]
    return tuple(np.array(column) for column in zip(*both, *rows, strict=True))


@given(forecasts())
def test_roc_curve_agrees_with_scikit_learn(forecasts):
    truth, probability, weights = forecasts
    for weight in (None, weights):
        expected = metrics.roc_curve(
            truth, probability, sample_weight=weight, drop_intermediate=False
        )
        for ours, theirs in zip(roc_curve(truth, probability, weight), expected, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-12)


@given(forecasts())
def test_each_point_of_the_curve_is_that_of_its_threshold(forecasts):
    truth, probability, weights = forecasts
    for false_alarms, recall, threshold in zip(*roc_curve(*forecasts), strict=True):
        table = confusion(truth, called(probability, threshold), weights)
        assert recall == pytest.approx(table.recall)
        assert false_alarms == pytest.approx(table.false_positive_rate)


@given(forecasts())
def test_area_and_brier_score_agree_with_scikit_learn(forecasts):
    truth, probability, weights = forecasts
    for ours, theirs in (
        (area_under_curve, metrics.roc_auc_score),
        (brier_score, metrics.brier_score_loss),
    ):
        for weight in (None, weights):
            expected = theirs(truth, probability, sample_weight=weight)
            assert ours(truth, probability, weight) == pytest.approx(expected, abs=1e-12)


@given(forecasts())
def test_area_is_how_often_pf_outranks_ar_and_exactly_so(forecasts):
    truth, probability, _ = forecasts
    pf, ar = probability[truth == 1, None], probability[None, truth == 0]
    halves = 2 * np.count_nonzero(pf > ar) + np.count_nonzero(pf == ar)
    exact = halves / 2 / (pf.size * ar.size)
    assert area_under_curve(truth, probability) == pytest.approx(exact, abs=1e-15)


@given(forecasts(), st.floats(0.01, 0.99))
def test_area_does_not_depend_on_the_base_rate_but_the_brier_score_does(forecasts, rate):
    truth, probability, weights = forecasts
    at_rate = scores(*forecasts, base_rate=rate)
    assert at_rate.auc == pytest.approx(area_under_curve(*forecasts))
    of_class = [
        np.average((probability - label)[truth == label] ** 2, weights=weights[truth == label])
        for label in (0, 1)
    ]
    assert at_rate.brier == pytest.approx((1 - rate) * of_class[0] + rate * of_class[1])


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_area_forgets_the_unit_of_weights(scale):
    assert area_under_curve(TRUTH, PROBABILITY, [scale] * 4) == 0.875


def test_reliability_agrees_with_scikit_learn():
    random = np.random.default_rng(0)
    probability = random.beta(0.5, 0.9, 500)
    truth = random.random(500) < probability**2
    for bins in (1, 7, 10):
        table = reliability(truth, probability, bins)
        observed, forecast = calibration_curve(truth, probability, n_bins=bins)
        np.testing.assert_allclose(table.observed, observed)
        np.testing.assert_allclose(table.forecast, forecast)
        assert table["count"].tolist() == np.histogram(probability, bins, (0, 1))[0].tolist()


def test_a_bin_holds_its_lower_edge_and_the_last_its_upper_and_empty_ones_are_left_out():
    table = reliability([1, 0, 1, 0, 1], [0.25, 0.2, 0.1, 0.75, 1], bins=4)
    np.testing.assert_array_equal(table.low, [0, 0.25, 0.75])
    np.testing.assert_array_equal(table.high, [0.25, 0.5, 1])
    np.testing.assert_array_equal(table["count"], [2, 1, 2])
    np.testing.assert_allclose(table.forecast, [0.15, 0.25, 0.875])
    np.testing.assert_allclose(table.observed, [0.5, 1, 0.5])


def test_reliability_weighs_spectra():
    truth, probability = [1, 0, 1, 0], [0.1, 0.2, 0.3, 0.9]
    table = reliability(truth, probability, 2, [3, 1, 0, 0])
    repeated = reliability([1, 1, 1, 0], [0.1, 0.1, 0.1, 0.2], 2)
    np.testing.assert_allclose(table.drop(columns="count"), repeated.drop(columns="count"))
    assert table["count"].tolist() == [2]


@given(forecasts(), st.floats(0, 1))
def test_all_scores_at_once_are_those_one_by_one(forecasts, threshold):
    truth, probability, weights = forecasts
    table = confusion(truth, called(probability, threshold), weights)
    result = scores(*forecasts, threshold=threshold)
    assert result.to_dict() == pytest.approx(
        {
            "tss": table.true_skill_statistic,
            "accuracy": table.accuracy,
            "precision": table.precision if called(probability, threshold).any() else np.nan,
            "recall": table.recall,
            "hss": table.heidke_skill_score,
            "auc": area_under_curve(*forecasts),
            "brier": brier_score(*forecasts),
        },
        nan_ok=True,
    )


def test_scores_of_calls_at_a_base_rate_are_those_of_the_counts():
    table = confusion(TRUTH, called(PROBABILITY)).at_base_rate(0.2)
    result = scores(TRUTH, PROBABILITY, base_rate=0.2)
    assert result.precision == pytest.approx(table.precision)
    assert result.accuracy == pytest.approx(table.accuracy)
    assert result.hss == pytest.approx(table.heidke_skill_score)


def test_only_the_precision_is_nan_when_nothing_is_called_pf():
    result = scores(TRUTH, PROBABILITY, threshold=0.9)
    assert result.index[result.isna()].tolist() == ["precision"]
    assert result.tss == result.hss == 0


def test_the_brier_score_of_one_class_is_known():
    assert brier_score([1, 1], [0.5, 1]) == 0.125


NO_AR = "truth has no AR spectrum of any weight: add AR spectra."


@pytest.mark.parametrize("score", [roc_curve, area_under_curve, brier_score, reliability, scores])
@pytest.mark.parametrize(
    ("truth", "probability", "sentence"),
    [
        (TRUTH, [0.1, 0.2, 0.3, 1.01], "probability holds 1.01: give numbers from 0 to 1."),
        (TRUTH, [0.1, 0.2, 0.3, np.nan], "probability holds nan: give numbers from 0 to 1."),
        ([0, 1, 0, 3], PROBABILITY, "truth holds 3: give 1 for PF and 0 for AR."),
        (TRUTH, [], "probability is empty: give at least one spectrum."),
        (
            TRUTH,
            [0.1],
            "truth and probability differ in length (4 and 1): "
            "give one value of each for every spectrum.",
        ),
    ],
)
def test_spectra_that_cannot_be_scored_are_refused(score, truth, probability, sentence):
    with pytest.raises(SkillError) as refusal:
        score(truth, probability)
    assert str(refusal.value) == sentence


@pytest.mark.parametrize("score", [roc_curve, area_under_curve, brier_score, reliability, scores])
def test_useless_weights_are_refused(score):
    with pytest.raises(SkillError, match="weights holds -1: give finite numbers"):
        score(TRUTH, PROBABILITY, weights=[1, 1, 1, -1])


@pytest.mark.parametrize(
    ("compute", "sentence"),
    [
        (lambda: roc_curve([1, 1], [0.1, 0.2]), NO_AR),
        (lambda: area_under_curve([1, 1], [0.1, 0.2]), NO_AR),
        (lambda: area_under_curve([1, 0], [0.1, 0.2], [1, 0]), NO_AR),
        (lambda: scores([1, 1], [0.1, 0.2], base_rate=0.5), NO_AR),
        (lambda: scores([1, 1], [0.1, 0.2]), NO_AR),
        (
            lambda: scores(TRUTH, PROBABILITY, base_rate=0),
            "The base rate 0 is not between 0 and 1: give the expected share of PF.",
        ),
        *(
            (
                lambda bins=bins: reliability(TRUTH, PROBABILITY, bins),
                f"The number of bins is {bins!r}: give a whole number from 1 on.",
            )
            for bins in (0, 2.5, "ten")
        ),
    ],
)
def test_what_cannot_be_scored_is_refused_in_one_sentence(compute, sentence):
    with pytest.raises(SkillError) as refusal:
        compute()
    assert str(refusal.value) == sentence
