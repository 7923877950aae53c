"""Figures of scores against time, and of what goes with their trends: axes in, artists out."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.ticker import LogLocator, MultipleLocator, NullFormatter
from numpy.typing import NDArray

from preflare import figures
from preflare.observations import Observation

LOOKS = {
    "strong": ("^", "C3"),
    "weak": ("o", "0.35"),
    "falling": ("v", "C0"),
    "too few rasters": ("x", "0.6"),
}
"""Marker and colour of each regime."""


def row_label(observation: Observation) -> str:
    """Name an observation with the class of its flare and its mode.

    Parameters
    ----------
    observation : Observation

    Examples
    --------
    >>> from preflare.observations import observation
    >>> row_label(observation("PF 14")), row_label(observation("AR 3"))
    ('X raster  PF 14', 'stare  AR 3')
    """
    mode = "stare" if observation.sit_and_stare else "raster"
    return f"{observation.flare_class[:1]} {mode}  {observation.name}".strip()


def score_rows(
    axes: Axes,
    matrix: pd.DataFrame,
    labels: Sequence[str],
    divides: Sequence[int] = (),
    *,
    lowest: float = 0.0,
) -> QuadMesh:
    """Draw scores against time, one row an observation; grey where there are none (Fig. 17).

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    matrix : pandas.DataFrame
        From `preflare.findings.trends.score_matrix`, rows in the order in which to draw them.
    labels : sequence of str
        One a row.
    divides : sequence of int
        Numbers of rows above a horizontal line.
    lowest : float
        Score of the darkest colour; 1 has the brightest.

    Returns
    -------
    matplotlib.collections.QuadMesh
        For a colour bar.
    """
    seconds = matrix.columns.to_numpy()
    minutes = np.append(seconds, seconds[-1] + 1) / 60
    axes.set_facecolor("0.8")
    image = axes.pcolormesh(
        minutes,
        np.arange(len(matrix) + 1),
        np.ma.masked_invalid(matrix.to_numpy()),
        cmap=figures.INTENSITY_MAP,
        vmin=lowest,
        vmax=1,
        rasterized=True,
    )
    for row in range(1, len(matrix)):
        axes.axhline(row, color="white", lw=0.8)
    for row in divides:
        axes.axhline(row, color="white", lw=5)
        axes.axhline(row, color="black", lw=2)
    axes.set_yticks(np.arange(len(matrix)) + 0.5, labels, fontsize="x-small")
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.xaxis.set_major_locator(MultipleLocator(5))
    axes.set_xlabel("Minutes")
    return image


def slopes(axes: Axes, table: pd.DataFrame, labels: Sequence[str]) -> None:
    """Draw slopes, one row an observation, each with the range that noise alone reaches.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    table : pandas.DataFrame
        From `preflare.findings.regimes.regimes`, rows in the order in which to draw them.
    labels : sequence of str
        One a row.
    """
    rows = np.arange(len(table))
    axes.axvline(0, color="0.6", lw=0.8, zorder=0)
    tested = (table["regime"] != "too few rasters").to_numpy()
    axes.barh(
        rows[tested],
        (table["high"] - table["low"])[tested],
        left=table["low"][tested],
        height=0.62,
        color="0.85",
        lw=0,
        zorder=0,
        label="noise alone",
    )
    for regime, (marker, colour) in LOOKS.items():
        own = (table["regime"] == regime).to_numpy()
        if own.any():
            axes.plot(table["slope"][own], rows[own], marker, color=colour, ms=6, label=regime)
    axes.set_yticks(rows, labels, fontsize="x-small")
    axes.tick_params(axis="y", length=0)
    axes.set(xlabel="Change of the score in 25 min", ylim=(len(table) - 0.4, -0.6))


def odds_ratios(axes: Axes, table: pd.DataFrame) -> None:
    """Draw odds ratios with their intervals, and those that could hardly have been found.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    table : pandas.DataFrame
        From `preflare.findings.regimes.associations`. What is infinite goes to the edge.
    """
    left, right = 1e-3, 1e3
    rows = np.arange(len(table))
    low, high, shown = (table[name].clip(left, right) for name in ("low", "high", "odds_ratio"))
    weak, strong = (
        table[f"detectable_{side}"].clip(left, right).to_numpy() for side in ("low", "high")
    )
    axes.barh(
        rows, strong - weak, left=weak, height=0.5, color="0.88", lw=0, label="power below 80 %"
    )
    axes.hlines(rows, low, high, color="C0", lw=1.8)
    axes.plot(shown, rows, "o", color="C0", ms=6, label="odds ratio, 95 %")
    axes.axvline(1, color="0.4", lw=0.8, ls=":")
    for row, (p, smallest) in enumerate(zip(table["p"], table["smallest_p"], strict=True)):
        axes.annotate(
            f"p = {p:.2f}, at least {smallest:.2g}", (1, row), (4, 0), va="center",
            xycoords=axes.get_yaxis_transform(), textcoords="offset points", fontsize="small",
        )  # fmt: skip
    axes.set_yticks(rows, table["attribute"])
    axes.set(xscale="log", xlim=(left, right), ylim=(len(table) - 0.5, -0.5), xlabel="Odds ratio")
    axes.xaxis.set_major_locator(LogLocator(numticks=7))
    axes.xaxis.set_minor_formatter(NullFormatter())


def context_image(
    axes: Axes,
    image: NDArray[Any],
    edges: tuple[float, float, float, float],
    slits: NDArray[Any],
    span: tuple[float, float],
    title: str,
    *,
    bright: float | None = None,
) -> None:
    """Draw a slit-jaw image with lines at both ends of the raster (Fig. 18).

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    image, edges, span
        As for `preflare.figures.slit_jaw`.
    slits : ndarray, shape (m,)
        x of each slit position in arcsec.
    title : str
        Observation and filter.
    bright : float, optional
        Level above which pixels count as brightenings, outlined.
    """
    figures.slit_jaw(axes, image, edges, [float(slits.min()), float(slits.max())], span)
    if bright is not None and np.nanmax(image) > bright:
        axes.contour(image, levels=[bright], extent=edges, colors="white", linewidths=0.6)
    axes.set_title(title, fontsize="small", loc="left")
    axes.set(xlabel="", ylabel="")
    axes.tick_params(labelsize="x-small")


def coverage_and_slope(axes: Axes, coverage: NDArray[Any], table: pd.DataFrame) -> None:
    """Draw slopes against the share of brightenings that the slit could see.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    coverage : ndarray, shape (n,)
        Share of each observation.
    table : pandas.DataFrame
        From `preflare.findings.regimes.regimes`, row for row.
    """
    for regime, (marker, colour) in LOOKS.items():
        own = (table["regime"] == regime).to_numpy()
        if own.any():
            axes.plot(coverage[own], table["slope"][own], marker, color=colour, label=regime)
    axes.axhline(0, color="0.6", lw=0.8, zorder=0)
    axes.set(xlabel="Share of brightenings that the slit sees", xlim=(-0.02, 1.02))
    axes.set_ylabel("Change of the score in 25 min")
