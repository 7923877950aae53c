"""What is done to attributions after they are computed: smoothing, and the published scaling."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import savgol_filter

from preflare.errors import ExplanationError
from preflare.explain.judged import whole_number
from preflare.network_inputs import checked_spectra
from preflare.spectrum import POINTS

Array = NDArray[np.float64]

WINDOW, ORDER = 41, 3
"""Of the Savitzky-Golay filter in the code published with the paper."""


def smoothed(attributions: ArrayLike, window: int = WINDOW, order: int = ORDER) -> Array:
    """Return attributions (n, 240) smoothed along the wavelength by a Savitzky-Golay filter.

    Near the ends the polynomial of the first and last window is used, as scipy does.

    Parameters
    ----------
    attributions : array, (n, 240)
    window : int
        Points that each polynomial is fitted to; odd, for it has a middle.
    order : int
        Of the polynomial.

    Raises
    ------
    ExplanationError
        If there is no such filter.
    NetworkError
        If the attributions have another shape or hold nan.
    """
    window, order = whole_number("window", window, 1), whole_number("order", order, 0)
    if not order < window <= POINTS or window % 2 == 0:
        raise ExplanationError(
            f"There is no Savitzky-Golay filter of order {order} over {window} points: "
            f"give an odd window of at most {POINTS} points, and an order below it."
        )
    return _double(savgol_filter(_checked(attributions), window, order, axis=1))


def published_scaling(
    attributions: ArrayLike, logits: ArrayLike, window: int = WINDOW, order: int = ORDER
) -> Array:
    """Return attributions (n, 240) as the code published with the paper goes on with them.

    They are smoothed, shifted so that each has the minimum 0, and scaled so that each sums to the
    PF logit. Their sign, and with it their completeness, is lost. Where the logit is negative, all
    values are, and what spoke most against PF is 0. Flat ones become 0.

    Parameters
    ----------
    attributions : array, (n, 240)
    logits : array, (n,)
        PF logit of each spectrum.
    window, order : int
        See `smoothed`.

    Raises
    ------
    ExplanationError
        If there is no such filter, or not one finite logit for each.
    NetworkError
        If the attributions have another shape or hold nan.
    """
    shifted = smoothed(attributions, window, order)
    wanted = np.asarray(logits, np.float64)
    if wanted.shape != (len(shifted),) or not np.isfinite(wanted).all():
        raise ExplanationError(
            f"There are logits of shape {wanted.shape} for {len(shifted)} attributions: "
            "give one finite logit for each."
        )
    highest = np.abs(shifted).max(axis=1)
    shifted -= shifted.min(axis=1, keepdims=True)
    total = shifted.sum(axis=1)
    # What rounding leaves of a flat one is no shape.
    scale = np.divide(wanted, total, out=np.zeros_like(total), where=total > 1e-9 * highest)
    return shifted * scale[:, None]


def _checked(attributions: ArrayLike) -> Array:
    return checked_spectra(attributions, normalised=False, name="attributions", kind=np.float64)


def _double(values: Any) -> Array:
    return np.asarray(values, np.float64)
