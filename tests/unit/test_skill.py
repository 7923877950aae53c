"""Counts and their scores agree with scikit-learn's, at any base rate, and refuse what is wrong."""

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from preflare.errors import SkillError
from preflare.skill import (
    Confusion,
    base_rate_weights,
    called,
    confusion,
    true_skill_statistic,
)

SCORES = {
    "accuracy": metrics.accuracy_score,
    "precision": metrics.precision_score,
    "recall": metrics.recall_score,
    "heidke_skill_score": metrics.cohen_kappa_score,
    "true_skill_statistic": lambda *spectra, **weights: metrics.balanced_accuracy_score(
        *spectra, adjusted=True, **weights
    ),
    "false_positive_rate": lambda truth, prediction, **weights: metrics.recall_score(
        1 - truth, prediction, **weights
    ),
}
counts = st.integers(1, 10_000)
tables = st.builds(Confusion, counts, counts, counts, counts)
rates = st.floats(0.001, 0.999)


@st.composite
def spectra(draw):
    """Draw truth, prediction and weights in which every score is defined."""
    rows = draw(
        st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1), st.floats(0.01, 100)), max_size=30)
    )
    columns = zip(*[(1, 1, 1.0), (0, 1, 2.0), (1, 0, 0.5), (0, 0, 1.5), *rows], strict=True)
    return tuple(np.array(column) for column in columns)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", SCORES)
@given(spectra=spectra())
def test_scores_agree_with_scikit_learn(name, weighted, spectra):
    truth, prediction, weights = spectra
    weights = weights if weighted else None
    ours = getattr(confusion(truth, prediction, weights), name)
    assert ours == pytest.approx(SCORES[name](truth, prediction, sample_weight=weights), abs=1e-12)


@given(spectra())
def test_counts_are_those_of_a_plain_loop(spectra):
    truth, prediction, weights = spectra
    expected = dict.fromkeys([(1, 1), (0, 1), (1, 0), (0, 0)], 0.0)
    for true, positive, weight in zip(truth, prediction, weights, strict=True):
        expected[true, positive] += weight
    assert astuple(confusion(truth, prediction, weights)) == pytest.approx([*expected.values()])


@given(spectra())
def test_the_public_score_is_that_of_the_counts(spectra):
    assert true_skill_statistic(*spectra) == confusion(*spectra).true_skill_statistic


@pytest.mark.parametrize("kind", [list, np.float32, bool, object, np.uint8])
def test_classes_may_be_of_any_kind(kind):
    truth, prediction = [1, 1, 1, 0, 0], [1, 1, 0, 1, 0]
    if kind is not list:
        truth, prediction = np.array(truth, kind), np.array(prediction, kind)
    assert astuple(confusion(truth, prediction)) == (2, 1, 1, 1)


@pytest.mark.parametrize(
    ("prediction", "skill"), [([1, 1, 0, 0], 1), ([0, 0, 1, 1], -1), ([1, 1, 1, 1], 0)]
)
def test_right_wrong_and_blind_calls(prediction, skill):
    table = confusion([1, 1, 0, 0], prediction)
    assert table.true_skill_statistic == table.heidke_skill_score == skill


@given(table=tables, more=st.integers(2, 1000))
def test_tss_does_not_depend_on_the_share_of_a_class(table, more):
    rarer = Confusion(
        table.true_positives,
        more * table.false_positives,
        table.false_negatives,
        more * table.true_negatives,
    )
    assert rarer.true_skill_statistic == pytest.approx(table.true_skill_statistic, abs=1e-12)
    assert rarer.precision < table.precision


@given(spectra=spectra(), rate=rates)
def test_a_base_rate_is_a_weighing_of_the_classes(spectra, rate):
    truth, prediction, weights = spectra
    table = confusion(*spectra)
    at_rate = table.at_base_rate(rate)
    share = np.where(truth == 1, rate / weights[truth == 1].sum(), 1)
    share = np.where(truth == 0, (1 - rate) / weights[truth == 0].sum(), share)
    expected = confusion(truth, prediction, share * weights * table.total)
    assert astuple(at_rate) == pytest.approx(astuple(expected))
    np.testing.assert_allclose(base_rate_weights(truth, rate, weights), share * weights)


@given(table=tables, rate=rates)
def test_a_base_rate_changes_the_share_of_classes_only(table, rate):
    at_rate = table.at_base_rate(rate)
    assert at_rate.positives / at_rate.total == pytest.approx(rate)
    assert at_rate.total == pytest.approx(table.total)
    assert at_rate.recall == pytest.approx(table.recall)
    assert at_rate.false_positive_rate == pytest.approx(table.false_positive_rate)


@given(tables)
def test_the_own_base_rate_changes_nothing(table):
    own = table.positives / table.total
    assert astuple(table.at_base_rate(own)) == pytest.approx(astuple(table))


def test_precision_falls_as_bayes_says():
    table = Confusion(80, 10, 20, 90)
    bayes = 0.8 * 0.05 / (0.8 * 0.05 + 0.1 * 0.95)
    assert table.at_base_rate(0.05).precision == pytest.approx(bayes)


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_scores_forget_the_unit_of_weights(scale):
    table = Confusion(80, 10, 20, 90)
    scaled = Confusion(*(scale * count for count in astuple(table)))
    for name in SCORES:
        assert getattr(scaled, name) == pytest.approx(getattr(table, name))
    assert scaled.at_base_rate(0.05).precision == pytest.approx(table.at_base_rate(0.05).precision)


def test_a_spectrum_is_called_from_the_threshold_on():
    assert called([0, 0.3, 0.5, 1]).tolist() == [False, False, True, True]
    assert called([0, 0.3, 0.5, 1], 0.3).tolist() == [False, True, True, True]
    assert called([0, 0.3, 0.5, 1], np.inf).tolist() == [False] * 4


TRUTH = [1, 1, 0, 0]
NONE_CALLED = Confusion(0, 0, 5, 5)
NO_PF = Confusion(0, 2, 0, 5)
NO_AR = Confusion(2, 0, 5, 0)


@pytest.mark.parametrize(
    ("compute", "sentence"),
    [
        (
            lambda: confusion(TRUTH, [0.37, 1, 0, 1]),
            "prediction holds 0.37: give 1 for PF and 0 for AR, "
            "which called(probability) makes of probabilities.",
        ),
        (
            lambda: true_skill_statistic(TRUTH, [1, np.nan, 0, 1]),
            "prediction holds nan: give 1 for PF and 0 for AR, "
            "which called(probability) makes of probabilities.",
        ),
        (lambda: confusion([1, 2, 0, 0], TRUTH), "truth holds 2: give 1 for PF and 0 for AR."),
        (lambda: confusion([1, -1, 0, 0], TRUTH), "truth holds -1: give 1 for PF and 0 for AR."),
        (
            lambda: confusion(["PF", "PF", "AR", "AR"], TRUTH),
            "truth holds what is no number: give one number for every spectrum.",
        ),
        (
            lambda: confusion([[1], [1, 0]], TRUTH),
            "truth holds what is no number: give one number for every spectrum.",
        ),
        (
            lambda: confusion([1, 1j, 0, 0], TRUTH),
            "truth holds what is no number: give one number for every spectrum.",
        ),
        (lambda: confusion([], []), "truth is empty: give at least one spectrum."),
        (
            lambda: confusion([TRUTH], [TRUTH]),
            "truth has the shape (1, 4): give one number for every spectrum.",
        ),
        (
            lambda: confusion(TRUTH, TRUTH[1:]),
            "truth and prediction differ in length (4 and 3): "
            "give one value of each for every spectrum.",
        ),
        (
            lambda: confusion(TRUTH, TRUTH, [1, 2]),
            "truth and weights differ in length (4 and 2): "
            "give one value of each for every spectrum.",
        ),
        (
            lambda: confusion(TRUTH, TRUTH, [1, 1, -2, 1]),
            "weights holds -2: give finite numbers from 0 on.",
        ),
        (
            lambda: confusion(TRUTH, TRUTH, [1, 1, np.nan, 1]),
            "weights holds nan: give finite numbers from 0 on.",
        ),
        (
            lambda: confusion(TRUTH, TRUTH, [1, 1, np.inf, 1]),
            "weights holds inf: give finite numbers from 0 on.",
        ),
        (
            lambda: confusion(TRUTH, TRUTH, [0, 0, 0, 0]),
            "weights have the sum 0: give weights of a positive, finite sum.",
        ),
        (
            lambda: confusion(TRUTH, TRUTH, [1e308, 1e308, 1, 1]),
            "weights have the sum inf: give weights of a positive, finite sum.",
        ),
        (
            lambda: called([0.5, 1.5]),
            "probability holds 1.5: give numbers from 0 to 1.",
        ),
        (lambda: called([0.5, -0.1]), "probability holds -0.1: give numbers from 0 to 1."),
        (lambda: called([np.nan]), "probability holds nan: give numbers from 0 to 1."),
        (lambda: called([0.5], np.nan), "The threshold is nan: give a number such as 0.5."),
        (
            lambda: Confusion(1, -1, 0, 0),
            "The count false_positives=-1 is wrong: give a finite number from 0 on.",
        ),
        (
            lambda: Confusion(1, 1, 0, np.nan),
            "The count true_negatives=nan is wrong: give a finite number from 0 on.",
        ),
        (
            lambda: Confusion(1e308, 1e308, 0, 0),
            "The counts (1e+308, 1e+308, 0, 0) have no finite sum: scale them down.",
        ),
        (
            lambda: Confusion(0, 0, 0, 0).accuracy,
            "Accuracy is undefined because nothing was counted: add spectra.",
        ),
        (
            lambda: NONE_CALLED.precision,
            "Precision is undefined because no spectrum is called PF: lower the threshold.",
        ),
        (
            lambda: NO_PF.recall,
            "Recall is undefined because no spectrum is PF: add PF spectra.",
        ),
        (
            lambda: NO_AR.false_positive_rate,
            "The false alarm rate is undefined because no spectrum is AR: add AR spectra.",
        ),
        (
            lambda: true_skill_statistic([1, 1], [1, 0]),
            "The false alarm rate is undefined because no spectrum is AR: add AR spectra.",
        ),
        (
            lambda: NO_PF.heidke_skill_score,
            "Recall is undefined because no spectrum is PF: add PF spectra.",
        ),
        (
            lambda: NO_PF.at_base_rate(0.1),
            "Recall is undefined because no spectrum is PF: add PF spectra.",
        ),
        (
            lambda: base_rate_weights([0, 0], 0.1),
            "truth has no PF spectrum of any weight: add PF spectra.",
        ),
        (
            lambda: base_rate_weights([1, 1, 0], 0.1, [1, 1, 0]),
            "truth has no AR spectrum of any weight: add AR spectra.",
        ),
        *(
            (
                lambda rate=rate: Confusion(1, 1, 1, 1).at_base_rate(rate),
                f"The base rate {rate} is not between 0 and 1: give the expected share of PF.",
            )
            for rate in (0, 1, -0.1, np.nan)
        ),
        (
            lambda: base_rate_weights(TRUTH, 1.5),
            "The base rate 1.5 is not between 0 and 1: give the expected share of PF.",
        ),
    ],
)
def test_what_cannot_be_scored_is_refused_in_one_sentence(compute, sentence):
    with pytest.raises(SkillError) as refusal:
        compute()
    assert str(refusal.value) == sentence


@pytest.mark.parametrize("table", [NONE_CALLED, Confusion(5, 5, 0, 0)])
def test_the_other_scores_of_blind_calls_are_known(table):
    assert table.true_skill_statistic == table.heidke_skill_score == 0
    assert table.accuracy == 0.5


def test_scores_of_one_class_alone_are_known():
    assert NO_AR.recall == NO_AR.accuracy == 2 / 7
    assert NO_PF.false_positive_rate == 1 - NO_PF.accuracy == 2 / 7
