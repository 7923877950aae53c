"""Two samples: can a classifier tell them apart (Lopez-Paz & Oquab 2017, ICLR)?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from threadpoolctl import threadpool_limits

from preflare.reliability import area_under_curve

Numbers = NDArray[np.float64]
Spectra = NDArray[np.float32]
Names = NDArray[np.str_]

COMPONENTS = 10
"""Principal components that the classifier sees, besides how much they leave over."""
FOLDS = 5
AT_ONCE = 8192
"""Spectra worked on at a time, which bounds the memory."""


def told_apart(
    new: Spectra,
    names: Names | None,
    reference: Spectra,
    observation: Names,
) -> float:
    """Measure how well a linear classifier tells new spectra from a reference.

    It is a linear discriminant (Fisher 1936) of the reference's first ten principal components and
    of the logarithm of what they leave over, cross-validated in five parts, or in as many as there
    are observations. Whole observations are held out; of a single one, stretches of it.

    Parameters
    ----------
    new : ndarray of float32, shape (n, 240)
    names : ndarray of str, shape (n,), or None
        Where each comes from; None is a single observation.
    reference : ndarray of float32, shape (m, 240)
    observation : ndarray of str, shape (m,)

    Returns
    -------
    float
        Area under the ROC curve, mean over the parts held out. 0.5 says that they cannot be told
        apart; for new spectra of one observation this is not to be expected, since each has its
        region and its exposure time. nan for fewer than ten spectra on either side.
    """
    if min(len(new), len(reference)) < 2 * FOLDS:
        return np.nan
    held = [np.unique(each).size for each in (names, observation) if each is not None]
    folds = min([FOLDS, *(number for number in held if number > 1)])
    new_part = _parts(len(new), names, folds)
    reference_part = _parts(len(reference), observation, folds)
    areas = []
    with threadpool_limits(1):  # many small products: threads would wait for each other
        for fold in range(folds):
            out, left = new_part == fold, reference_part == fold
            axes = _Axes.of(reference[~left])
            positive, negative = axes(new), axes(reference)
            direction = _discriminant(positive[~out], negative[~left])
            said = np.concatenate([positive[out] @ direction, negative[left] @ direction])
            truth = np.arange(said.size) < out.sum()
            areas.append(area_under_curve(truth, rankdata(said) / said.size))
    return float(np.mean(areas))


def _discriminant(positive: Numbers, negative: Numbers) -> Numbers:
    within = np.cov(positive.T, ddof=0) + np.cov(negative.T, ddof=0)
    # What is constant has no variance to divide by.
    within += max(1e-9 * np.trace(within) / len(within), 1e-15) * np.eye(len(within))
    return np.linalg.solve(within, positive.mean(axis=0) - negative.mean(axis=0))


def _parts(count: int, names: Names | None, parts: int) -> NDArray[np.intp]:
    """Part spectra into whole observations of about equal number, or one into stretches."""
    if names is None or np.unique(names).size < 2:
        return np.arange(count) * parts // count
    _, own, sizes = np.unique(names, return_inverse=True, return_counts=True)
    part_of, filled = np.empty(sizes.size, np.intp), np.zeros(parts, np.intp)
    for group in np.argsort(-sizes, kind="stable"):
        part_of[group] = filled.argmin()
        filled[part_of[group]] += sizes[group]
    return part_of[own]


@dataclass(frozen=True, eq=False)
class _Axes:
    """What the classifier sees of spectra: principal components, and what they leave over."""

    mean: Numbers
    components: Numbers

    @classmethod
    def of(cls, spectra: Spectra) -> _Axes:
        values = spectra.astype(np.float64)
        mean = values.mean(axis=0)
        _, directions = np.linalg.eigh(np.cov(values.T))
        return cls(mean, directions[:, -COMPONENTS:])

    def __call__(self, spectra: Spectra) -> Numbers:
        parts = []
        for first in range(0, len(spectra), AT_ONCE):
            away = spectra[first : first + AT_ONCE] - self.mean
            along = away @ self.components
            over = (away**2).mean(axis=1) - (along**2).sum(axis=1) / away.shape[1]
            parts.append(np.column_stack([along, np.log(np.maximum(over, 1e-12))]))
        return np.concatenate(parts)
