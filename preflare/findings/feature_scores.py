"""Do spectra that show a feature score higher? The claim behind four pictures, on all spectra."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from preflare.errors import FindingError
from preflare.findings.resampling import Bounds, Numbers, Resampling, finite, observations


def feature_scores(
    strengths: pd.DataFrame,
    score: ArrayLike,
    observation: ArrayLike,
    kind: ArrayLike,
    *,
    share: float = 0.1,
    count: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> pd.DataFrame:
    """Compare the scores of spectra that show a feature most with those of all others.

    Parameters
    ----------
    strengths : pandas.DataFrame, n rows
        From `preflare.findings.features.feature_strengths`, one column a feature.
    score : array_like, shape (n,)
        Mean probability of PF.
    observation, kind : array_like of str, shape (n,)
        Where each spectrum comes from, and its class.
    share : float
        Of the spectra, those of the greatest strength show the feature; where strengths are equal
        there may be more of them.
    count, seed, level
        See `Resampling`.

    Returns
    -------
    pandas.DataFrame
        Two rows for each ``class`` and ``feature``. If their ``comparison`` is ``"pooled"``, the
        tenth is that of all spectra of the class. If it is ``"within"``, it is that of each
        observation, and the means are those of observations, so that one that scores high as a
        whole makes no difference. ``spectra`` that show the feature; ``observations`` that they
        are of; mean score ``with`` and ``without`` it; ``difference`` with its bounds ``low`` and
        ``high``, nan where fewer than two observations show it or too many resamples lack it; and
        ``undefined``, the number of those. ``without`` is nan, and so is the difference, where
        all spectra are equally strong.

    Raises
    ------
    FindingError
        If lengths differ, a number is not finite, a name is missing, an observation has spectra of
        two classes, or a setting makes no sense.

    Notes
    -----
    Percentile intervals of a bootstrap over observations (see `preflare.findings.resampling`). The
    tenth is not chosen anew in each resample. A difference tells that spectra with the feature
    score higher, not that the networks look at it: features come together.

    Examples
    --------
    >>> strengths = pd.DataFrame({"triplet": [0.0, 0.1, 3.0, 0.2, 0.3, 4.0]})
    >>> score, names = [0.5, 0.5, 0.9, 0.3, 0.3, 0.9], ["PF 1"] * 3 + ["PF 2"] * 3
    >>> table = feature_scores(strengths, score, names, ["PF"] * 6, share=0.3)
    >>> table[["comparison", "spectra", "difference", "low", "high"]].round(2)
      comparison  spectra  difference  low  high
    0     pooled        2         0.5  0.4   0.6
    1     within        2         0.5  0.4   0.6
    """
    resampling = Resampling(count, seed, level)
    if not 0 < share < 1:
        raise FindingError(f"The share {share} is not between 0 and 1: give 0.1, for example.")
    values = finite("score", score, len(strengths))
    finite("strengths", strengths.to_numpy(), None, strengths.shape[1])
    codes, names = observations(observation, len(strengths))
    classes = _classes(kind, codes, names)
    rows = []
    for of_class in np.unique(classes):
        own = classes[codes] == of_class
        for feature in strengths.columns:
            strength = strengths.loc[own, feature].reset_index(drop=True)
            whole = strength.quantile(1 - share)
            each = strength.groupby(codes[own]).transform("quantile", 1 - share)
            for comparison, edge in (("pooled", whole), ("within", each)):
                sums = _sums(values[own], (strength >= edge).to_numpy(), codes[own])
                about = {"class": of_class, "feature": feature, "comparison": comparison}
                rows.append(about | _compared(sums, comparison == "within", resampling))
    return pd.DataFrame(rows)


def event_scores(
    event: ArrayLike,
    score: ArrayLike,
    observation: ArrayLike,
    kind: ArrayLike,
    *,
    none: str = "none",
    count: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> pd.DataFrame:
    """Compare the scores of spectra that truly hold an event with those that hold none.

    Parameters
    ----------
    event : array_like of str, shape (n,)
        What each spectrum holds, as the truth of a twin tells.
    score, observation, kind, count, seed, level
        As for `feature_scores`.
    none : str
        What spectra without an event are said to hold.

    Returns
    -------
    pandas.DataFrame
        As from `feature_scores`, by ``class`` and kind of event (``feature``), in the order of
        their names; spectra with any other event are left aside.

    Raises
    ------
    FindingError
        As `feature_scores`, or if no spectrum is without an event.
    """
    resampling = Resampling(count, seed, level)
    held = np.asarray(event, object)
    values = finite("score", score, None)
    codes, names = observations(observation, len(values))
    classes = _classes(kind, codes, names)
    if held.shape != values.shape or pd.isna(held).any() or not (held == none).any():
        raise FindingError(
            f"event has the shape {held.shape}, lacks a value or is nowhere {none!r}: say what "
            f"each of {len(values)} spectra holds, of some that it is nothing."
        )
    rows = []
    for of_class in np.unique(classes):
        for name in sorted({*held[classes[codes] == of_class]} - {none}):
            own = (classes[codes] == of_class) & np.isin(held, [name, none])
            sums = _sums(values[own], held[own] == name, codes[own])
            for comparison in ("pooled", "within"):
                about = {"class": of_class, "feature": name, "comparison": comparison}
                rows.append(about | _compared(sums, comparison == "within", resampling))
    return pd.DataFrame(rows)


def _classes(kind: ArrayLike, codes: NDArray[np.intp], names: list[str]) -> NDArray[np.str_]:
    """Return the class of each observation."""
    kinds = np.asarray(kind, object)
    if kinds.shape != codes.shape or pd.isna(kinds).any():
        raise FindingError(
            f"kind has the shape {kinds.shape} or lacks a class: name the class of each of "
            f"{codes.size} spectra."
        )
    _, first = np.unique(codes, return_index=True)
    classes = kinds[first].astype(str)
    mixed = classes[codes] != kinds
    if mixed.any():
        raise FindingError(
            f"{names[codes[mixed.argmax()]]} has spectra of two classes: give the spectra of each "
            "class an observation of their own."
        )
    return np.asarray(classes)


def _sums(score: Numbers, shows: NDArray[np.bool_], codes: NDArray[np.intp]) -> Numbers:
    """Return sums of scores and numbers of spectra with and without: (observations, 4)."""
    held, own = np.unique(codes, return_inverse=True)
    columns = (score * shows, shows, score * ~shows, ~shows)
    return np.column_stack([np.bincount(own, column, held.size) for column in columns])


def _compared(sums: Numbers, within: bool, resampling: Resampling) -> dict[str, float]:
    """Compare means, and resample observations; within, each of them counts as one."""
    if within:
        sums = sums[(sums[:, 1] > 0) & (sums[:, 3] > 0)]
    spectra, showing = int(sums[:, 1].sum()), int((sums[:, 1] > 0).sum())
    if within:
        sums = sums / sums[:, [1, 1, 3, 3]]
    shown, others = (_ratio(sums[:, place].sum(axis=0)) for place in ([0, 1], [2, 3]))
    bounds = Bounds(np.nan, np.nan, resampling.count)
    if showing > 1:
        drawn = resampling.times(len(sums)) @ sums
        bounds = resampling.bounds(_ratio(drawn[:, :2].T) - _ratio(drawn[:, 2:].T))
    return {
        "spectra": spectra,
        "observations": showing,
        "with": float(shown),
        "without": float(others),
        "difference": float(shown - others),
        **bounds._asdict(),
    }


def _ratio(sums: Numbers) -> Numbers:
    total, number = sums
    return np.divide(total, number, out=np.full(np.shape(total), np.nan), where=number > 0)
