"""How far to trust a score: intervals by resampling observations.

Spectra of one observation are alike, so that thousands of them may say little more than one: what
is drawn again is observations (a cluster bootstrap; Davison & Hinkley 1997, Sect. 3.8).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from preflare.errors import SkillError
from preflare.score_inputs import Classes, Numbers, classes, column, same_length, whole_number

Score = Callable[[Classes, Numbers, Numbers], float]
"""Takes truth (bool), prediction and weights (float), (n,) each, and returns a number.

A spectrum of weight 2 must count as two of it.
"""
Places = NDArray[np.intp]


@dataclass(frozen=True)
class Interval:
    """A score and its confidence interval.

    Attributes
    ----------
    value : float
        The score of all observations.
    low, high : float
        Bounds of the interval.
    undefined : int
        Resamples in which the score was undefined, which the bounds leave out.
    """

    value: float
    low: float
    high: float
    undefined: int = 0


def bootstrap(
    score: Score,
    truth: ArrayLike,
    prediction: ArrayLike,
    groups: ArrayLike,
    *,
    count: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Give a score its percentile interval by resampling observations (Efron 1979).

    From each class, as many observations are drawn as it has, with replacement. The interval tells
    how the score would vary with other observations of the same network; that training would give
    another network is not in it.

    Parameters
    ----------
    score : callable
        Takes truth, prediction and weights and returns a number: `true_skill_statistic`,
        `area_under_curve`, or any function of them.
    truth : array_like, shape (n,)
        1 for PF, 0 for AR.
    prediction : array_like, shape (n,)
        Classes or probabilities, as the score takes them.
    groups : array_like, shape (n,)
        Which observation each spectrum is of.
    count : int
        Resamples.
    seed : int
        Of the draws. The order of spectra makes no difference to them.
    level : float
        Share of the resamples that the interval holds, between 0 and 1.

    Returns
    -------
    Interval
        A resample in which the score is undefined (no spectrum called PF leaves precision so) is
        left out and counted in `Interval.undefined`. More of them than the interval leaves outside
        anyway, 1 - `level`, are refused: what it would mean could not be told.

    Raises
    ------
    SkillError
        If the score refuses what is given, is nan, or does not heed weights; if it is undefined in
        too many resamples; if lengths differ, a spectrum has no observation, an observation holds
        both classes, or a class has fewer than two observations; or if the resamples are too few
        for the level, or the seed is no whole number from 0 on.

    Examples
    --------
    >>> from preflare.skill import confusion, true_skill_statistic
    >>> truth, prediction = [1, 1, 1, 1, 0, 0, 0, 0], [1, 1, 1, 0, 0, 0, 1, 0]
    >>> groups = ["PF 1", "PF 1", "PF 2", "PF 2", "AR 1", "AR 1", "AR 2", "AR 2"]
    >>> bootstrap(true_skill_statistic, truth, prediction, groups)
    Interval(value=0.5, low=0.0, high=1.0, undefined=0)

    Any score at a base rate:

    >>> def precision(*spectra):
    ...     return confusion(*spectra).at_base_rate(0.05).precision
    >>> interval = bootstrap(precision, truth, prediction, groups)
    >>> print(f"{interval.value:.2f} ({interval.low:.2f} to {interval.high:.2f})")
    0.14 (0.05 to 1.00)
    """
    _check_settings(count, seed, level)
    true, predicted = classes("truth", truth), column("prediction", prediction)
    observation, positive = _observations(groups, true, predicted)
    value = float(score(true, predicted, np.ones(true.size)))
    if not np.isfinite(value):
        raise SkillError(f"The score is {value}: choose one that is defined for these spectra.")
    true, predicted, observation, spectra = _merge(true, predicted, observation)
    _check_weights_heeded(score, true, predicted, spectra)
    drawn = np.full(count, np.nan)
    for place, times in enumerate(_multiplicities(positive, count, seed)):
        weight = spectra * times[observation]
        held = weight > 0
        drawn[place] = _score_or_nan(score, true[held], predicted[held], weight[held])
    return _interval(value, drawn, level)


def _interval(value: float, drawn: Numbers, level: float) -> Interval:
    defined = drawn[np.isfinite(drawn)]
    undefined = drawn.size - defined.size
    if undefined > (1 - level) * drawn.size:
        raise SkillError(
            f"The score is undefined in {undefined} of {drawn.size} resamples, too many for an "
            f"interval of level {level}: take more observations or another threshold."
        )
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high), undefined)


def _observations(groups: ArrayLike, true: Classes, predicted: Numbers) -> tuple[Places, Classes]:
    """Return the number of each spectrum's observation, and which observations are PF."""
    names = np.asarray(groups, object)  # as text, a nan among names would be one of them
    if names.ndim != 1:
        raise SkillError(f"groups has the shape {names.shape}: name one observation a spectrum.")
    same_length(truth=true, prediction=predicted, groups=names)
    observation, named = pd.factorize(names, sort=True)
    if (observation < 0).any():
        raise SkillError("groups holds a missing value: name the observation of every spectrum.")
    share = np.bincount(observation, true) / np.bincount(observation)
    mixed = np.flatnonzero((share > 0) & (share < 1))
    if mixed.size:
        raise SkillError(
            f"Observation {named[mixed[0]]} has spectra of both classes: "
            "give the spectra of each class an observation of their own."
        )
    positive: Classes = share == 1
    for name, number in (("PF", positive.sum()), ("AR", (~positive).sum())):
        if number < 2:
            raise SkillError(
                f"There are too few {name} observations to resample ({number}): give at least 2."
            )
    return observation, positive


def _merge(
    true: Classes, predicted: Numbers, observation: Places
) -> tuple[Classes, Numbers, Places, Numbers]:
    """Merge spectra of an observation with equal predictions, count them, order by prediction.

    Of called spectra no more than the confusion of each observation remains, and of probabilities
    the one sort that all resamples need: that is what makes them fast.
    """
    order = np.lexsort((observation, predicted))
    true, predicted, observation = true[order], predicted[order], observation[order]
    first = np.append(True, (np.diff(observation) != 0) | (predicted[1:] != predicted[:-1]))
    places = np.flatnonzero(first)
    spectra = np.diff(np.append(places, first.size)).astype(np.float64)
    return true[places], predicted[places], observation[places], spectra


def _multiplicities(positive: Classes, count: int, seed: int) -> Iterator[NDArray[np.intp]]:
    """Draw, for each resample, how often each observation is in it: (observations,)."""
    random = np.random.default_rng(seed)
    members = [np.flatnonzero(~positive), np.flatnonzero(positive)]
    for _ in range(count):
        drawn = [random.choice(of_class, of_class.size) for of_class in members]
        yield np.bincount(np.concatenate(drawn), minlength=positive.size)


def _score_or_nan(score: Score, true: Classes, predicted: Numbers, weight: Numbers) -> float:
    try:
        return score(true, predicted, weight)
    except SkillError:
        return np.nan


def _check_weights_heeded(
    score: Score, true: Classes, predicted: Numbers, spectra: Numbers
) -> None:
    # A score that takes weights and forgets them would get a wrong interval, and nobody would see.
    twice = spectra * (1 + np.arange(spectra.size) % 2)
    repeated = np.repeat(np.arange(spectra.size), twice.astype(np.intp))
    weighed = score(true, predicted, twice)
    counted = score(true[repeated], predicted[repeated], np.ones(repeated.size))
    if not np.isclose(weighed, counted, rtol=1e-6, atol=1e-9):
        raise SkillError(
            f"The score is {weighed:g} for weights and {counted:g} for as many spectra: "
            "make a weight count as so many spectra."
        )


def _check_settings(count: int, seed: int, level: float) -> None:
    whole_number("seed", seed, 0)
    whole_number("number of resamples", count, 1)
    if not 0 < level < 1:
        raise SkillError(f"The level {level} is not between 0 and 1: give one such as 0.95.")
    needed = round(2 / (1 - level), 6)
    if count < needed:
        raise SkillError(
            f"{count} resamples are too few for the level {level}, which leaves less than one "
            f"outside on either side: take at least {np.ceil(needed):.0f}."
        )
