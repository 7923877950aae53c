"""What a network takes: normalised spectra, and labels that say PF or AR."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from preflare.errors import NetworkError, reason
from preflare.spectrum import POINTS


def checked_spectra(spectra: ArrayLike) -> NDArray[np.float32]:
    """Return spectra as a network takes them: (n, 240) float32, finite, each with maximum 1.

    Raises
    ------
    NetworkError
        If they are not like that.
    """
    try:
        values = np.ascontiguousarray(spectra, np.float32)
    except (TypeError, ValueError) as error:
        raise NetworkError(
            f"The spectra are no array of numbers ({reason(error)}): give (n, {POINTS})."
        ) from error
    if values.ndim != 2 or values.shape[1] != POINTS or not len(values):
        raise NetworkError(
            f"Spectra of shape {values.shape} do not fit the network: "
            f"give (n, {POINTS}), on the grid of preflare.grid()."
        )
    highest = values.max(axis=1)
    if not np.isfinite(values).all():
        count = int((~np.isfinite(values).all(axis=1)).sum())
        raise NetworkError(
            f"{count} of {len(values)} spectra hold nan or inf: leave out what "
            "preflare.accepted rejects."
        )
    wrong = np.abs(highest - 1.0) > 1e-3
    if wrong.any():
        raise NetworkError(
            f"{int(wrong.sum())} of {len(values)} spectra are not normalised (one has the maximum "
            f"{highest[wrong][0]:.4g}): divide each by its maximum, as preflare.clean does."
        )
    return values


def checked_labels(labels: ArrayLike, count: int) -> NDArray[np.int8]:
    """Return labels as int8, one a spectrum, 1 for PF and 0 for AR.

    Raises
    ------
    NetworkError
        If they are not like that.
    """
    marks = np.asarray(labels)
    if marks.shape != (count,):
        raise NetworkError(
            f"There are labels of shape {marks.shape} for {count} spectra: give one a spectrum."
        )
    if marks.dtype.kind not in "biuf" or not np.isin(marks, (0, 1)).all():
        odd = next(str(mark) for mark in marks if mark not in (0, 1))
        raise NetworkError(f"A label is {odd!r}: give 0 for AR and 1 for PF.")
    return np.ascontiguousarray(marks, np.int8)
