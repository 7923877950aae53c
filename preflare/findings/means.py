"""Means over spectra, with intervals from observations drawn again."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from preflare.errors import FindingError
from preflare.findings.resampling import Bounds, Resampling, finite, observations


def means(
    columns: Mapping[str, ArrayLike],
    groups: ArrayLike | pd.Categorical,
    *,
    count: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return the mean of each quantity over spectra, those left out in which it is undefined.

    Parameters
    ----------
    columns : mapping of str to array_like, shape (n,)
        A number of each spectrum, nan where it has none.
    groups : array_like or Categorical, shape (n,)
        Which observation each spectrum is of.
    count, seed, level
        Of the resamples of the observations, see `preflare.findings.resampling.Resampling`.

    Returns
    -------
    pandas.DataFrame
        One row a quantity, by its name: ``value`` with the bounds ``low`` and ``high``, nan for
        fewer than two observations; ``spectra`` and ``observations`` that it is the mean of; and
        ``undefined`` spectra. nan where none is left.

    Raises
    ------
    FindingError
        If there is no quantity, lengths differ, a number is infinite, a spectrum has no
        observation, or a setting is wrong.

    Examples
    --------
    >>> found = means({"height": [1, 3, np.nan, 5]}, ["PF 1", "PF 1", "PF 1", "PF 2"])
    >>> found.loc["height", ["value", "low", "high", "undefined"]].tolist()
    [3.0, 2.0, 5.0, 1.0]
    """
    drawing = Resampling(count, seed, level)
    if not columns:
        raise FindingError("There is nothing to take the mean of: give one quantity or more.")
    rows = {}
    for name, given in columns.items():
        values = np.asarray(given, np.float64)
        known = ~np.isnan(values)
        values = finite(name, np.where(known, values, 0.0), None)
        codes, _ = observations(groups, len(values))
        number = np.bincount(codes, known).astype(np.float64)
        total = np.bincount(codes, values).astype(np.float64)
        held = number > 0
        bounds = Bounds(np.nan, np.nan, 0)
        if held.sum() > 1:
            (bounds,) = drawing.ratios(total[held, None], number[held])
        rows[name] = {
            "value": total.sum() / number.sum() if held.any() else np.nan,
            "low": bounds.low,
            "high": bounds.high,
            "spectra": int(number.sum()),
            "observations": int(held.sum()),
            "undefined": int((~known).sum()),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("quantity")
