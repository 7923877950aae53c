"""What a network takes: normalised spectra, and labels that say PF or AR."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from preflare.errors import NetworkError, reason
from preflare.spectrum import POINTS


def checked_spectra(
    spectra: ArrayLike,
    *,
    normalised: bool = True,
    name: str = "spectra",
    kind: type[np.floating[Any]] = np.float32,
) -> NDArray[Any]:
    """Return spectra as a network takes them: (n, 240), finite, each with maximum 1.

    Parameters
    ----------
    spectra : array, (n, 240)
    normalised : bool
        Whether to insist on the maximum.
    name : str
        What to call them in an error.
    kind : type
        Their precision.

    Raises
    ------
    NetworkError
        If they are not like that.
    """
    try:
        if np.iscomplexobj(spectra):
            raise TypeError("they are complex")
        # Writable, for the compiled loops would be compiled anew for arrays that are not.
        values = np.require(spectra, kind, ["C", "W"])
    except (TypeError, ValueError, RuntimeError) as error:
        raise NetworkError(
            f"The {name} are no array of numbers ({reason(error)}): give (n, {POINTS})."
        ) from error
    if values.ndim != 2 or values.shape[1] != POINTS or not len(values):
        raise NetworkError(
            f"The {name} of shape {values.shape} do not fit the network: "
            f"give (n, {POINTS}), on the grid of preflare.grid()."
        )
    if not np.isfinite(values).all():
        count = int((~np.isfinite(values).all(axis=1)).sum())
        raise NetworkError(
            f"{count} of {len(values)} {name} hold nan or inf: leave out what "
            "preflare.accepted rejects."
        )
    highest = values.max(axis=1)
    wrong = np.abs(highest - 1.0) > 1e-3
    if normalised and wrong.any():
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
