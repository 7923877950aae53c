"""How the noise of scores falls with the number of spectra that they are averaged over."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from preflare.errors import FindingError
from preflare.findings.spectrograms import SPECTRA
from preflare.findings.trends import USED

Numbers = NDArray[np.float64]

FEWEST = 5
"""Values in time that a series needs."""


def series(
    table: pd.DataFrame, scores: xr.Dataset, pixels: int | None, value: str = "score"
) -> tuple[Numbers, Numbers, Numbers]:
    """Average scores over pieces of the slit, or over whole rasters.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows of `preflare.findings.trends.raster_scores` of one observation.
    scores : xarray.Dataset
        Of that observation, as from `Study.scores`.
    pixels : int or None
        Length of the pieces, one slit position each; what is left over at the end of the slit is
        not used. None for the whole raster.
    value : str
        What of the scores to average.

    Returns
    -------
    time : ndarray, shape (rasters,)
        s, of the rasters in use.
    mean : ndarray, shape (rasters, pieces)
        nan where a piece has no accepted spectrum.
    number : ndarray, shape (rasters, pieces)
        Accepted spectra.

    Raises
    ------
    FindingError
        If there are rows of several observations, or the slit is shorter than a piece.
    """
    if table["observation"].nunique() > 1:
        raise FindingError("The table is of several observations: give the rows of one.")
    used = table[table["status"] == USED]
    values = scores[value].transpose(*SPECTRA).values[used["raster"]]
    rasters, steps, slit = values.shape
    if pixels is not None and not 1 <= pixels <= slit:
        raise FindingError(f"The slit has {slit} pixels: give pieces of 1 to {slit}, not {pixels}.")
    if pixels is None:
        pieces = values.reshape(rasters, 1, steps * slit)
    else:
        along = slit // pixels
        pieces = values[:, :, : along * pixels].reshape(rasters, steps * along, pixels)
    known = np.isfinite(pieces)
    number = known.sum(axis=2).astype(np.float64)
    total = np.where(known, pieces, 0.0).sum(axis=2, dtype=np.float64)
    mean = np.divide(total, number, out=np.full(number.shape, np.nan), where=number > 0)
    return used["time"].to_numpy(), mean, number


def noise_by_area(
    table: pd.DataFrame, scores: xr.Dataset, pixels: Sequence[int | None]
) -> pd.DataFrame:
    """Measure the noise of scores in time, averaged over more and more spectra.

    Parameters
    ----------
    table, scores
        As for `series`.
    pixels : sequence of int or None
        Lengths of the pieces.

    Returns
    -------
    pandas.DataFrame
        One row for each length: ``pixels`` (nan for whole rasters); ``series``, how many have
        `FEWEST` values in time, and ``left_out``, how many have fewer; ``spectra``, the mean number
        in an average; ``noise``, the root mean square of what a straight line in time does not
        explain; and ``independent``, how many independent spectra would have the same effect: the
        square of the noise of single spectra over this noise, nan without single ones.

    Raises
    ------
    FindingError
        As for `series`.

    Notes
    -----
    Independent spectra would make the noise fall as one over the root of their number.
    """
    rows = []
    for length in pixels:
        time, mean, number = series(table, scores, length)
        known = np.isfinite(mean)
        long = known.sum(axis=0) >= FEWEST
        left = np.array(
            [
                _left(time[own], values[own])
                for own, values in zip(known.T[long], mean.T[long], strict=True)
            ]
        )
        held = number[:, long][known[:, long]]
        rows.append(
            {
                "pixels": length,
                "series": int(long.sum()),
                "left_out": int((~long).sum()),
                "spectra": float(held.mean()) if long.any() else np.nan,
                "noise": float(np.sqrt(left.mean())) if long.any() else np.nan,
            }
        )
    found = pd.DataFrame(rows).astype({"pixels": float})
    single = found.loc[found["pixels"] == 1, "noise"]
    first = float(single.iloc[0]) if len(single) else np.nan
    return found.assign(independent=(first / found["noise"].where(found["noise"] > 0)) ** 2)


def _left(time: Numbers, values: Numbers) -> float:
    """Return the variance about the straight line that fits best."""
    centred, deviation = time - time.mean(), values - values.mean()
    explained = (centred @ deviation) ** 2 / (centred @ centred)
    return float(max(deviation @ deviation - explained, 0.0) / (len(time) - 2))
