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


CLASSES = {"PF": "C3", "AR": "C0"}
"""Colour of each class."""


def region_curves(
    axes: Axes, minutes: NDArray[Any], curves: dict[str, NDArray[Any]], ylabel: str
) -> None:
    """Draw a feature against time, a thin line a region and a thick one for each class's mean.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    minutes : ndarray, shape (times,)
    curves : dict of str to ndarray, shape (regions, times)
        By class, ``"PF"`` and ``"AR"``.
    ylabel : str
    """
    for kind, values in curves.items():
        axes.plot(minutes, values.T, color=CLASSES[kind], lw=0.6, alpha=0.35)
        axes.plot(minutes, values.mean(axis=0), color=CLASSES[kind], lw=3, label=kind)
    axes.set(xlabel="Minutes", ylabel=ylabel, xlim=(minutes[0], minutes[-1]))


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
        From `preflare.findings.score_rows.score_matrix`, rows in the order in which to draw them.
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


def noise_with_lines(
    axes: Axes,
    minutes: NDArray[Any],
    noises: NDArray[Any],
    lines: NDArray[Any],
    ps: Sequence[float],
) -> None:
    """Draw series of noise one above the other, each with the line that regression finds.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    minutes : ndarray, shape (n,)
    noises, lines : ndarray, shape (series, n)
        In standard deviations.
    ps : sequence of float
        What regression says of each line.
    """
    for level, (noise, line, p) in enumerate(zip(noises, lines, ps, strict=True)):
        axes.plot(minutes, noise - 6 * level, ".-", color="0.55", ms=3, lw=0.6)
        axes.plot(minutes, line - 6 * level, color="C3", lw=2)
        said = "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
        axes.text(minutes[0], 2.7 - 6 * level, said, fontsize="small", va="bottom")
    axes.set(xlabel="Minutes", yticks=[], ylabel="Noise without a trend")


def false_alarms(axes: Axes, table: pd.DataFrame, level: float, measured: Sequence[float]) -> None:
    """Draw how often noise is called a trend, against how long it remembers.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    table : pandas.DataFrame
        Index: correlation time in s. One column a test: share of the series called a trend.
    level : float
        That the tests ask for.
    measured : sequence of float
        Correlation times that were measured, ticked along the lower edge.
    """
    for place, (name, column) in enumerate(table.items()):
        axes.plot(table.index, column, "os^Dv"[place % 5] + "-", color=f"C{place}", label=name)
    axes.axhline(level, color="0.4", lw=0.8, ls=":")
    axes.plot(
        measured, np.full(len(measured), 0.015), "|", color="0.3", ms=9,
        transform=axes.get_xaxis_transform(), clip_on=False,
    )  # fmt: skip
    axes.set(xlabel="Correlation time (s)", ylabel="Called a trend", ylim=(0, 1))


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
        From `preflare.findings.associations.associations`. What is infinite goes to the edge.
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
    axes.plot(shown, rows, "o", color="C0", ms=6, label="odds ratio, 95 %", clip_on=False)
    axes.axvline(1, color="0.4", lw=0.8, ls=":")
    for row, (p, smallest) in enumerate(zip(table["p"], table["smallest_p"], strict=True)):
        axes.annotate(
            f"p = {p:.2f}, at least {smallest:.2g}", (1, row), (10, 0), va="center",
            xycoords=axes.get_yaxis_transform(), textcoords="offset points", fontsize="small",
        )  # fmt: skip
    axes.set_yticks(rows, table["attribute"])
    axes.set(xscale="log", xlim=(left, right), ylim=(len(table) - 0.5, -0.5), xlabel="Odds ratio")
    axes.xaxis.set_major_locator(LogLocator(numticks=7))
    axes.xaxis.set_minor_formatter(NullFormatter())


def noise_and_number(
    axes: Axes, tables: dict[str, list[pd.DataFrame]], middle: dict[str, pd.DataFrame]
) -> None:
    """Draw the noise of scores against the number of spectra that they are averaged over.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    tables : dict of str to list of pandas.DataFrame
        By class, one from `preflare.findings.area_noise.noise_by_area` an observation: thin lines.
    middle : dict of str to pandas.DataFrame
        By class, with ``spectra`` and ``noise`` of the class: thick lines.
    """
    for kind, own in tables.items():
        for table in own:
            axes.plot(table["spectra"], table["noise"], color=CLASSES[kind], lw=0.6, alpha=0.35)
        axes.plot(
            middle[kind]["spectra"],
            middle[kind]["noise"],
            "o-",
            color=CLASSES[kind],
            lw=3,
            label=kind,
        )
        first = middle[kind].iloc[0]
        number = np.array([1.0, middle[kind]["spectra"].max()])
        axes.plot(
            number,
            first["noise"] * (number / first["spectra"]) ** -0.5,
            ":",
            color=CLASSES[kind],
            lw=1.2,
        )
    axes.set(xscale="log", yscale="log", xlabel="Spectra averaged", ylabel="Noise of the score")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
