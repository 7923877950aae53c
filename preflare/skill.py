"""Skill of calling spectra PF or AR: the counts of right and wrong calls, and what they are worth.

PF is the positive class, 1; AR is the negative class, 0. Our sets hold about as many spectra of
either, the Sun does not: `Confusion.at_base_rate` tells what the scores would be there.
"""

import math
from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import ArrayLike

from preflare.errors import SkillError
from preflare.score_inputs import (
    Classes,
    Numbers,
    base_rate,
    class_weights,
    classes,
    probabilities,
    weights_of,
)


@dataclass(frozen=True)
class Confusion:
    """Right and wrong calls, counted or weighed.

    Attributes
    ----------
    true_positives, false_positives, false_negatives, true_negatives : float
        PF called PF, AR called PF, PF called AR, AR called AR.

    Raises
    ------
    SkillError
        If a count is negative or not finite; by each score, if the counts leave it undefined.

    Notes
    -----
    Definitions and history: Woodcock (1976); in use for flares: Bloomfield et al. (2012).

    Examples
    --------
    >>> counts = Confusion(80, 10, 20, 90)
    >>> print(f"{counts.true_skill_statistic:.2f} {counts.precision:.2f}")
    0.70 0.89
    >>> rare = counts.at_base_rate(0.05)
    >>> print(f"{rare.true_skill_statistic:.2f} {rare.precision:.2f}")
    0.70 0.30
    """

    true_positives: float
    false_positives: float
    false_negatives: float
    true_negatives: float

    def __post_init__(self) -> None:
        for name, value in zip(self.__dataclass_fields__, astuple(self), strict=True):
            if not (math.isfinite(value) and value >= 0):
                raise SkillError(
                    f"The count {name}={value} is wrong: give a finite number from 0 on."
                )
        if not math.isfinite(self.total):
            raise SkillError(f"The counts {astuple(self)} have no finite sum: scale them down.")

    @property
    def positives(self) -> float:
        """Spectra that are PF."""
        return self.true_positives + self.false_negatives

    @property
    def negatives(self) -> float:
        """Spectra that are AR."""
        return self.false_positives + self.true_negatives

    @property
    def total(self) -> float:
        """All spectra."""
        return self.positives + self.negatives

    @property
    def accuracy(self) -> float:
        """Share of all spectra that are called right."""
        if not self.total:
            raise SkillError("Accuracy is undefined because nothing was counted: add spectra.")
        return (self.true_positives + self.true_negatives) / self.total

    @property
    def precision(self) -> float:
        """Share of the spectra called PF that are PF (1 - false alarm *ratio*)."""
        called_positive = self.true_positives + self.false_positives
        if not called_positive:
            raise SkillError(
                "Precision is undefined because no spectrum is called PF: lower the threshold."
            )
        return self.true_positives / called_positive

    @property
    def recall(self) -> float:
        """Share of the PF spectra that are called PF (probability of detection)."""
        if not self.positives:
            raise SkillError("Recall is undefined because no spectrum is PF: add PF spectra.")
        return self.true_positives / self.positives

    @property
    def false_positive_rate(self) -> float:
        """Share of the AR spectra that are called PF (false alarm *rate*)."""
        if not self.negatives:
            raise SkillError(
                "The false alarm rate is undefined because no spectrum is AR: add AR spectra."
            )
        return self.false_positives / self.negatives

    @property
    def true_skill_statistic(self) -> float:
        """Recall less false alarm rate: 1 is perfect, 0 no skill, -1 always wrong.

        Hanssen & Kuipers (1965). It does not depend on the base rate.
        """
        return self.recall - self.false_positive_rate

    @property
    def heidke_skill_score(self) -> float:
        """Accuracy beyond chance over that of perfect calls (Heidke 1926; Cohen's kappa)."""
        # 2(TP TN - FP FN) / [P(FN + TN) + N(TP + FP)], in shares: no product of them overflows.
        skill = self.true_skill_statistic
        positive, negative = self.positives / self.total, self.negatives / self.total
        called_positive = (self.true_positives + self.false_positives) / self.total
        called_negative = (self.false_negatives + self.true_negatives) / self.total
        by_chance = positive * called_negative + negative * called_positive
        return 2 * positive * negative * skill / by_chance

    def at_base_rate(self, rate: float) -> "Confusion":
        """Return the counts that as many spectra would give if PF had this share among them.

        Recall and false alarm rate stay what they are (Woodcock 1976); accuracy, precision and
        Heidke skill score do not.

        Parameters
        ----------
        rate : float
            Share of PF, between 0 and 1: the climatological one, say.

        Raises
        ------
        SkillError
            If the rate is not between 0 and 1, or one class has no spectra.
        """
        recall, false_alarms = self.recall, self.false_positive_rate
        positives = self.total * base_rate(rate)
        negatives = self.total * (1 - rate)
        return Confusion(
            true_positives=positives * recall,
            false_positives=negatives * false_alarms,
            false_negatives=positives * (self.false_negatives / self.positives),
            true_negatives=negatives * (self.true_negatives / self.negatives),
        )


def called(probability: ArrayLike, threshold: float = 0.5) -> Classes:
    """Call spectra PF from a probability on.

    Parameters
    ----------
    probability : array_like, shape (n,)
        Of PF.
    threshold : float
        Lowest probability that is called PF.

    Returns
    -------
    ndarray of bool, shape (n,)

    Raises
    ------
    SkillError
        If there are no spectra, a probability is not from 0 to 1, or the threshold is nan.

    Examples
    --------
    >>> called([0.2, 0.5, 0.9])
    array([False,  True,  True])
    """
    if math.isnan(threshold):
        raise SkillError("The threshold is nan: give a number such as 0.5.")
    return probabilities(probability) >= threshold


def confusion(
    truth: ArrayLike, prediction: ArrayLike, weights: ArrayLike | None = None
) -> Confusion:
    """Count right and wrong calls.

    Parameters
    ----------
    truth : array_like, shape (n,)
        1 for PF, 0 for AR.
    prediction : array_like, shape (n,)
        The same, as called; for probabilities see `called`.
    weights : array_like, shape (n,), optional
        What each spectrum counts; 1 if not given.

    Returns
    -------
    Confusion

    Raises
    ------
    SkillError
        If there are no spectra, lengths differ, a class is other than 0 or 1, or weights are
        negative, not finite or all zero.
    """
    true, positive = classes("truth", truth), classes("prediction", prediction)
    weight = weights_of(weights, truth=true, prediction=positive)
    cells = np.bincount(2 * true + positive, weight, minlength=4)
    true_negatives, false_positives, false_negatives, true_positives = cells.tolist()
    return Confusion(true_positives, false_positives, false_negatives, true_negatives)


def true_skill_statistic(
    truth: ArrayLike, prediction: ArrayLike, weights: ArrayLike | None = None
) -> float:
    """Score calls by recall less false alarm rate (Hanssen & Kuipers 1965; Bloomfield et al. 2012).

    Parameters
    ----------
    truth : array_like, shape (n,)
        1 for PF, 0 for AR.
    prediction : array_like, shape (n,)
        The same, as called; for probabilities see `called`.
    weights : array_like, shape (n,), optional
        What each spectrum counts; 1 if not given.

    Returns
    -------
    float
        From -1 to 1; 0 is no skill.

    Raises
    ------
    SkillError
        If `truth` lacks a class, or for what `confusion` refuses.

    Examples
    --------
    >>> true_skill_statistic([1, 1, 0, 0], [1, 1, 1, 0])
    0.5
    """
    return confusion(truth, prediction, weights).true_skill_statistic


def base_rate_weights(truth: ArrayLike, rate: float, weights: ArrayLike | None = None) -> Numbers:
    """Weigh spectra so that PF has a share of its own among them.

    What `Confusion.at_base_rate` does to counts, for scores that are no function of counts.

    Parameters
    ----------
    truth : array_like, shape (n,)
        1 for PF, 0 for AR.
    rate : float
        Share of PF, between 0 and 1.
    weights : array_like, shape (n,), optional
        What each spectrum counts within its class; 1 if not given.

    Returns
    -------
    ndarray, shape (n,)
        Their sum is 1.

    Raises
    ------
    SkillError
        If the rate is not between 0 and 1, `truth` lacks a class, or for what `confusion` refuses.

    Examples
    --------
    >>> base_rate_weights([1, 0, 0], 0.5)
    array([0.5 , 0.25, 0.25])
    """
    base_rate(rate)
    true = classes("truth", truth)
    weight = weights_of(weights, truth=true)
    positives, negatives = class_weights(true, weight)
    return weight / np.where(true, positives, negatives) * np.where(true, rate, 1 - rate)
