"""How good the probabilities of PF are, before any threshold turns them into calls."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from preflare.score_inputs import (
    Numbers,
    class_weights,
    classes,
    probabilities,
    weights_of,
    whole_number,
)
from preflare.skill import base_rate_weights, called, confusion


def roc_curve(
    truth: ArrayLike, probability: ArrayLike, weights: ArrayLike | None = None
) -> tuple[Numbers, Numbers, Numbers]:
    """Trace false alarm rate and recall over all thresholds (Fawcett 2006).

    Parameters
    ----------
    truth : array_like, shape (n,)
        1 for PF, 0 for AR.
    probability : array_like, shape (n,)
        Of PF.
    weights : array_like, shape (n,), optional
        What each spectrum counts; 1 if not given.

    Returns
    -------
    false_alarms, recall, thresholds : ndarray, shape (m + 1,)
        One point for each of the m different probabilities, falling, after the point (0, 0) of an
        infinite threshold. A spectrum is called PF from the threshold on.

    Raises
    ------
    SkillError
        If there are no spectra, lengths differ, `truth` lacks a class or holds others than 0 and 1,
        a probability is not from 0 to 1, or weights are negative, not finite or all zero.

    Examples
    --------
    >>> roc_curve([0, 1, 0, 1], [0.1, 0.4, 0.4, 0.8])
    (array([0. , 0. , 0.5, 1. ]), array([0. , 0.5, 1. , 1. ]), array([inf, 0.8, 0.4, 0.1]))
    """
    false_positives, true_positives, thresholds = _passed(truth, probability, weights)
    return false_positives / false_positives[-1], true_positives / true_positives[-1], thresholds


def area_under_curve(
    truth: ArrayLike, probability: ArrayLike, weights: ArrayLike | None = None
) -> float:
    """Measure the area under the ROC curve: how often a PF spectrum outranks an AR spectrum.

    Equal probabilities count half (Hanley & McNeil 1982). It does not depend on the base rate.

    Parameters
    ----------
    truth, probability, weights
        As in `roc_curve`.

    Returns
    -------
    float
        1 is perfect, 0.5 no skill.

    Raises
    ------
    SkillError
        As `roc_curve` does.

    Examples
    --------
    >>> area_under_curve([0, 1, 0, 1], [0.1, 0.4, 0.4, 0.8])
    0.875
    """
    false_positives, true_positives, _ = _passed(truth, probability, weights)
    # Of counts, not rates: while they are whole numbers, the sum is exact.
    area = np.trapezoid(true_positives, false_positives)
    return float(area / true_positives[-1] / false_positives[-1])


def brier_score(
    truth: ArrayLike, probability: ArrayLike, weights: ArrayLike | None = None
) -> float:
    """Measure the mean squared distance of probability and truth (Brier 1950).

    Parameters
    ----------
    truth, probability, weights
        As in `roc_curve`.

    Returns
    -------
    float
        0 is perfect; 0.25 is what a constant 0.5 gets.

    Raises
    ------
    SkillError
        As `roc_curve` does, but `truth` may lack a class.

    Examples
    --------
    >>> brier_score([0, 1], [0.5, 1.0])
    0.125
    """
    true, forecast = classes("truth", truth), probabilities(probability)
    weight = weights_of(weights, truth=true, probability=forecast)
    return float((weight / weight.sum()) @ (forecast - true) ** 2)


def reliability(
    truth: ArrayLike,
    probability: ArrayLike,
    bins: int = 10,
    weights: ArrayLike | None = None,
) -> pd.DataFrame:
    """Compare forecast probabilities with observed frequencies (Murphy & Winkler 1977).

    Parameters
    ----------
    truth, probability, weights
        As in `roc_curve`. For a reliability at a base rate, weigh by `base_rate_weights`.
    bins : int
        Bins of equal width from 0 to 1; each holds its lower edge, the last its upper edge too.

    Returns
    -------
    pandas.DataFrame
        One row for each bin that holds a spectrum of any weight: ``low`` and ``high`` (edges),
        ``forecast`` (mean probability), ``observed`` (share of PF) and ``count`` (spectra, however
        they weigh). Bins without spectra are left out: nothing is known of them.

    Raises
    ------
    SkillError
        As `brier_score` does, and if the bins are no positive whole number.

    Examples
    --------
    >>> reliability([0, 1, 1], [0.2, 0.3, 1.0], bins=4)[["forecast", "observed", "count"]]
       forecast  observed  count
    0       0.2       0.0      1
    1       0.3       1.0      1
    2       1.0       1.0      1
    """
    true, forecast = classes("truth", truth), probabilities(probability)
    weight = weights_of(weights, truth=true, probability=forecast)
    edges = np.linspace(0, 1, whole_number("number of bins", bins, 1) + 1)
    place = np.searchsorted(edges[1:-1], forecast, side="right")
    total, forecasts, observed, count = (
        np.bincount(place, each, minlength=bins)
        for each in (weight, weight * forecast, weight * true, weight > 0)
    )
    held = total > 0
    return pd.DataFrame(
        {
            "low": edges[:-1][held],
            "high": edges[1:][held],
            "forecast": forecasts[held] / total[held],
            "observed": observed[held] / total[held],
            "count": count[held].astype(np.int64),
        }
    )


def scores(
    truth: ArrayLike,
    probability: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    threshold: float = 0.5,
    base_rate: float | None = None,
) -> pd.Series:
    """Score probabilities, and the calls that a threshold makes of them, in every way.

    Parameters
    ----------
    truth, probability, weights
        As in `roc_curve`.
    threshold : float
        Lowest probability that is called PF.
    base_rate : float, optional
        Share of PF at which to score; if not given, its share among the spectra.

    Returns
    -------
    pandas.Series
        ``tss``, ``accuracy``, ``precision``, ``recall``, ``hss``, ``auc`` and ``brier``. The
        precision is nan where no spectrum is called PF: the others are known nevertheless.

    Raises
    ------
    SkillError
        As `roc_curve`, `called` and `base_rate_weights` do.

    Examples
    --------
    >>> result = scores([0, 1, 0, 1], [0.1, 0.4, 0.4, 0.8], base_rate=0.1)
    >>> print(f"{result.tss:.2f} {result.precision:.2f} {result.auc:.3f}")
    0.50 1.00 0.875
    """
    if base_rate is not None:
        weights = base_rate_weights(truth, base_rate, weights)
    area = area_under_curve(truth, probability, weights)
    counts = confusion(truth, called(probability, threshold), weights)
    called_any = counts.true_positives + counts.false_positives > 0
    return pd.Series(
        {
            "tss": counts.true_skill_statistic,
            "accuracy": counts.accuracy,
            "precision": counts.precision if called_any else np.nan,
            "recall": counts.recall,
            "hss": counts.heidke_skill_score,
            "auc": area,
            "brier": brier_score(truth, probability, weights),
        },
        name="score",
    )


def _passed(
    truth: ArrayLike, probability: ArrayLike, weights: ArrayLike | None
) -> tuple[Numbers, Numbers, Numbers]:
    """Count AR and PF from each threshold on, from the highest to the lowest."""
    true, forecast = classes("truth", truth), probabilities(probability)
    weight = weights_of(weights, truth=true, probability=forecast)
    class_weights(true, weight)
    weight = weight / weight.max()  # products of tiny weights would vanish
    # Rising and then turned: the stable sort takes no time for what is in order, as resamples are.
    order = np.argsort(forecast, kind="stable")[::-1]
    ranked, weight, true = forecast[order], weight[order], true[order]
    last_of_ties = np.append(ranked[1:] != ranked[:-1], True)
    false_positives, true_positives = (
        np.append(0.0, np.cumsum(weight * of_class)[last_of_ties]) for of_class in (~true, true)
    )
    return false_positives, true_positives, np.append(np.inf, ranked[last_of_ties])
