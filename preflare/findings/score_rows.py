"""Scores as rows of a heat map: on one grid of time, each by its maximum, the alike together.

Panos et al. (2023, Sect. 8.5 and Fig. 17).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from preflare.errors import FindingError
from preflare.findings.red_noise import WINDOW
from preflare.findings.trends import USED, natural

Numbers = NDArray[np.float64]

GRID = np.arange(-int(WINDOW), 0)
"""s: the start of each second of the window."""
COARSE = 150
"""s over which curves are averaged before they are compared, so that noise does not part them."""
IN_COMMON = 3
"""Averages that two curves must share to be compared."""
FARTHEST = 1.0
"""By which two curves from 0 to 1 differ at most."""


def on_grid(table: pd.DataFrame) -> Numbers:
    """Put the scores of one observation on a grid of seconds.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows of `preflare.findings.trends.raster_scores` of one observation.

    Returns
    -------
    ndarray, shape (1500,)
        The score at each second of `GRID`: a raster's where one is, the mean where several are, and
        between two the straight line from one to the next, across rasters without accepted
        spectra as well. nan before the first and after the last: nothing is extrapolated.

    Raises
    ------
    FindingError
        If there are rows of several observations.
    """
    if table["observation"].nunique() > 1:
        raise FindingError("The table is of several observations: give the rows of one.")
    used = table[table["status"] == USED]
    second = np.floor(used["time"]).astype(int)
    held = used.groupby(second)["score"].mean()
    if held.empty:
        return np.full(GRID.size, np.nan)
    return np.interp(GRID, held.index, held, left=np.nan, right=np.nan)


def score_matrix(table: pd.DataFrame) -> pd.DataFrame:
    """Put the scores of all observations on a grid of seconds, each divided by its maximum.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `preflare.findings.trends.raster_scores`, for Fig. 17 rows of one kind.

    Returns
    -------
    pandas.DataFrame
        One row an observation, one column a second of `GRID`; nan where `on_grid` has none.

    Raises
    ------
    FindingError
        If an observation's maximum is not positive, as that of logits may be.
    """
    rows = {}
    for name, own in table.groupby("observation", sort=False):
        row = on_grid(own)
        highest = np.fmax.reduce(row)
        if highest <= 0:
            raise FindingError(
                f"The highest score of {name} is {highest:g}, which nothing can be divided by: "
                "give probabilities."
            )
        rows[name] = row / highest
    matrix = pd.DataFrame.from_dict(rows, orient="index", columns=pd.Index(GRID, name="time"))
    return matrix.rename_axis("observation")


def order_alike(matrix: pd.DataFrame) -> pd.DataFrame:
    """Order observations so that those with similar curves are neighbours, rising ones first.

    Parameters
    ----------
    matrix : pandas.DataFrame
        Of `score_matrix`. The order of its rows makes no difference.

    Returns
    -------
    pandas.DataFrame
        One row an observation, in their new order: ``observation``, and ``placed``: by
        ``"likeness"``, or ``"last"`` if its curve is too short to be compared with another.

    Notes
    -----
    Curves are averaged over `COARSE`. Two differ by the root mean square difference of the averages
    that they share: what the eye compares in the heat map. Two that share fewer than `IN_COMMON`
    differ by as much as the shortest way over others, 1 at most. Average linkage joins the most
    similar first (Sokal & Michener 1958), and of all orders that keep its tree whole that one is
    taken whose neighbours differ least in sum (Bar-Joseph et al. 2001). Correlation would not do:
    between two curves that hardly change, it is noise. An order and its reverse are equally good;
    of them that one is taken in which slopes fall from the first to the last row.

    The paper does not say by what its rows are ordered.
    """
    matrix = matrix.loc[sorted(matrix.index, key=natural)]
    coarse = matrix.T.groupby(np.asarray(matrix.columns) // COARSE).mean().T.to_numpy()
    known = np.isfinite(coarse)
    shared = (known[:, None] & known).sum(axis=2)
    square = np.where(known[:, None] & known, (coarse[:, None] - coarse) ** 2, 0.0).sum(axis=2)
    apart = np.where(shared >= IN_COMMON, np.sqrt(square / np.maximum(shared, 1)), np.inf)
    np.fill_diagonal(apart, np.inf)
    compared = np.flatnonzero(np.isfinite(apart).any(axis=1))
    if compared.size:
        apart = apart[np.ix_(compared, compared)]
        over = apart.copy()
        for other in range(compared.size):
            over = np.minimum(over, over[:, [other]] + over[other])
        apart = np.where(np.isfinite(apart), apart, np.minimum(over, FARTHEST))
        np.fill_diagonal(apart, 0)
        tree = linkage(squareform(apart), "average", optimal_ordering=True)
        compared = compared[leaves_list(tree)]
        rises = np.array([_rise(coarse[row]) for row in compared])
        if rises @ (np.arange(rises.size) - 0.5 * (rises.size - 1)) > 0:
            compared = compared[::-1]
    last = np.setdiff1d(np.arange(len(matrix)), compared)
    return pd.DataFrame(
        {
            "observation": matrix.index[np.concatenate([compared, last])],
            "placed": ["likeness"] * compared.size + ["last"] * last.size,
        }
    )


def _rise(averages: Numbers) -> float:
    there = np.flatnonzero(np.isfinite(averages))
    return float(np.polyfit(there, averages[there], 1)[0])
