"""Figures of what explanations say over all spectra: axes in, artists out, no computing."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from preflare.figures import INTENSITY_MAP, mark_lines
from preflare.figures_explaining import coloured_spectrum
from preflare.figures_networks import CLASS_COLOURS
from preflare.findings.bands import METALS, OF_MAGNESIUM, spans
from preflare.findings.intensity import Regimes


def two_regimes(
    axes: Axes, peak: NDArray[Any], attribution: NDArray[Any], regimes: Regimes
) -> PolyCollection:
    """Draw mean attribution against intensity, and the lines of two regimes (paper's Fig. 15).

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    peak, attribution : ndarray, shape (n,)
        DN/s, and mean attribution of each spectrum. Counts are drawn, on a logarithmic scale.
    regimes : Regimes
        Of the same spectra; the break is dashed, its interval shaded.

    Returns
    -------
    matplotlib.collections.PolyCollection
        For a colour bar.
    """
    logarithmic = regimes.scale == "log10"
    cells = axes.hexbin(
        peak, attribution, gridsize=70, bins="log", mincnt=1, cmap=INTENSITY_MAP, lw=0.1,
        xscale="log" if logarithmic else "linear",
    )  # fmt: skip
    at, low, high = _numbers(regimes.table, "break")
    ends = np.array([peak.min(), at, peak.max()])
    for side, line, ha, place in (
        ("below", regimes.fit.below, "left", 0.02),
        ("above", regimes.fit.above, "right", 0.98),
    ):
        x = ends[:2] if side == "below" else ends[1:]
        x = np.geomspace(x[0], x[1], 50) if logarithmic else x
        axes.plot(x, line(regimes.x(x)), color="white", lw=3.6)
        axes.plot(x, line(regimes.x(x)), color="C3", lw=2)
        explained, _, _ = _numbers(regimes.table, f"R2 {side}")
        axes.text(
            place, 1.01, f"$R^2$ = {explained:.3f}", transform=axes.transAxes, ha=ha, va="bottom",
            color="C3",
        )  # fmt: skip
    if np.isfinite(low):
        axes.axvspan(low, high, color="C1", alpha=0.16, lw=0, zorder=0)
    axes.axvline(at, color="C1", lw=1.4, ls=(0, (4, 3)))
    axes.set(xlabel="Intensity (DN/s)", ylabel="Mean attribution")
    return cells


def by_observation(axes: Axes, table: pd.DataFrame, relations: pd.DataFrame) -> None:
    """Draw the rank correlation of attention and intensity inside each observation.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    table : pandas.DataFrame
        From `preflare.findings.within_observations.by_observation`; the area of a dot goes with
        the spectra. Observations without a correlation are left out.
    relations : pandas.DataFrame
        From `preflare.findings.within_observations.rank_correlations`.
    """
    known = table.dropna(subset="rank correlation").sort_values("rank correlation")
    rows = np.arange(len(known))
    sizes = 20 + 60 * known["spectra"] / known["spectra"].max()
    axes.scatter(known["rank correlation"], rows, s=sizes, color="C0", zorder=3)
    styles = {"pooled": ("C3", "-"), "between": ("C2", ":"), "within: median": ("C0", "--")}
    for relation, (colour, style) in styles.items():
        value, low, high = _numbers(relations, relation)
        if np.isfinite(low):
            axes.axvspan(low, high, color=colour, alpha=0.1, lw=0, zorder=0)
        axes.axvline(value, color=colour, lw=1.4, ls=style, label=relation)
    axes.axvline(0, color="0.6", lw=0.8, zorder=1)
    axes.set_yticks(rows, known.index, fontsize="x-small")
    axes.set(xlabel="Rank correlation", xlim=(-1, 1), ylim=(-0.8, len(known) - 0.2))
    axes.legend(fontsize="x-small", loc="lower right")


def mark_metals(axes: Axes, *, names: bool = True) -> None:
    """Mark the metallic absorption lines by ticks above the axes.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        With wavelength in Å along x.
    names : bool
        Whether to write the element of those that are identified.
    """
    for name, wavelength in METALS.items():
        known = not name.endswith("Å")
        axes.plot(
            [wavelength] * 2, [0.96, 1.0], color="C2" if known else "0.6", lw=1.6,
            transform=axes.get_xaxis_transform(), zorder=4,
        )  # fmt: skip
        if names and known:
            axes.text(
                wavelength, 0.95, name.rsplit(" ", 1)[0], transform=axes.get_xaxis_transform(),
                ha="center", va="top", rotation=90, fontsize="xx-small", color="C2",
            )  # fmt: skip


def importance(axes: Axes, table: pd.DataFrame, references: Mapping[str, NDArray[Any]]) -> None:
    """Draw where the largest attributions lie (paper's Fig. 16, top).

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    table : pandas.DataFrame
        From `preflare.findings.importance.Importance.by_wavelength`.
    references : mapping of str to ndarray, shape (240,)
        Profiles by what they are of, drawn at the height of the highest bar; ``"PF"`` and
        ``"AR"`` have their colours. Shades are the bands of magnesium, the cores darker.
    """
    wavelength = table.index.to_numpy()
    share = table["magnitude"] / table["magnitude"].sum()
    for name, low, high in spans():
        shade = 0.16 if "core" in name else 0.08 if name in OF_MAGNESIUM else 0.0
        axes.axvspan(low, high, color="C1", alpha=shade, lw=0, zorder=0)
    axes.bar(wavelength, share, width=wavelength[1] - wavelength[0], color="0.2", lw=0)
    for number, (name, profile) in enumerate(references.items()):
        scaled = profile / profile.max() * share.max()
        colour = CLASS_COLOURS.get(name, f"C{2 + 2 * number}")
        axes.plot(wavelength, scaled, color=colour, lw=1.3, label=name)
    mark_lines(axes)
    mark_metals(axes)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set(
        xlabel="Wavelength (Å)", ylabel="Share of the largest attributions",
        xlim=(wavelength[0], wavelength[-1]), ylim=(0, 1.3 * share.max()),
    )  # fmt: skip
    axes.legend(fontsize="small", loc="center")


def band_shares(axes: Axes, table: pd.DataFrame) -> None:
    """Draw the share of each band in the largest attributions beside what chance would give.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    table : pandas.DataFrame
        From `preflare.findings.importance.Importance.by_band`.
    """
    rows = np.arange(len(table))
    marks = {
        "by_points": ("|", "0.3", "any point"),
        "by_light": ("x", "0.5", "mean profile"),
        "by_difference": ("+", "0.5", "differences"),
    }
    for column, (marker, colour, label) in marks.items():
        axes.plot(table[column], rows, marker, color=colour, ms=8, label=label)
    _interval(axes, rows, table["share"], table["low"], table["high"], color="C0")
    axes.set_yticks(rows, table.index, fontsize="small")
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set(xlabel="Share of the largest attributions", ylim=(len(table) - 0.4, -0.6))
    axes.set_xlim(left=-0.01)
    axes.legend(fontsize="small", title="by chance", title_fontsize="small", loc="lower right")


def changed_spectrum(
    axes: Axes,
    wavelength: NDArray[Any],
    spectrum: NDArray[Any],
    attribution: NDArray[Any],
    changed: Mapping[str, NDArray[Any]],
    top: float = 1.08,
) -> LineCollection:
    """Draw a spectrum coloured by its attributions, and after interventions (Fig. 16, bottom).

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    wavelength, spectrum, attribution : ndarray, shape (240,)
        Wavelength in Å.
    changed : mapping of str to ndarray, shape (240,)
        The spectrum after each intervention, by its name.
    top : float
        Upper end of the axis; a low one shows the continuum.

    Returns
    -------
    matplotlib.collections.LineCollection
        For a colour bar.
    """
    line = coloured_spectrum(axes, wavelength, spectrum, attribution)
    styles = zip(("C0", "C2", "C4", "C5", "C7"), ("-", "--", ":", "-.", "-"), strict=True)
    for (name, values), (colour, style) in zip(changed.items(), cycle(styles)):
        other = np.convolve(values != spectrum, [1, 1, 1], "same") > 0  # to where both meet
        shown = np.where(other, values, np.nan)
        axes.plot(wavelength, shown, color=colour, ls=style, lw=1.4, label=name, zorder=3)
    mark_lines(axes, through=False)
    mark_metals(axes, names=False)
    axes.set(xlabel="Wavelength (Å)", ylabel="Normalised intensity", ylim=(-0.03 * top, top))
    if changed:
        axes.legend(fontsize="x-small", loc="upper center", bbox_to_anchor=(0.5, 0.94))
    return line


def effects(axes: Axes, table: pd.DataFrame, output: str = "log-odds of PF") -> None:
    """Draw how far interventions move what networks say, each above its control.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    table : pandas.DataFrame
        From `preflare.findings.continuum.effect`. Controls are grey.
    output : str
        What networks were asked for.
    """
    controls = set(table["control"])
    rows = np.arange(len(table))
    for row, (name, each) in zip(rows, table.iterrows(), strict=True):
        colour = "0.55" if name in controls else "C0"
        at = np.array([row])
        _interval(axes, at, each[["change"]], each[["low"]], each[["high"]], color=colour)
    axes.axvline(0, color="0.4", lw=0.8)
    axes.set_yticks(rows, table.index, fontsize="small")
    axes.set(xlabel=f"Change of the {output}", ylim=(len(table) - 0.4, -0.6))


def line_depths(axes: Axes, table: pd.DataFrame) -> None:
    """Draw how deep lines are in each observation, by class and by whether it was trained on.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    table : pandas.DataFrame
        One row an observation: ``class``, ``trained on`` and ``depth`` (a share of the light).
    """
    groups = [(seen, kind) for seen in (True, False) for kind in ("PF", "AR")]
    for column, (seen, kind) in enumerate(groups):
        own = table.loc[(table["class"] == kind) & (table["trained on"] == seen), "depth"]
        beside = column + 0.24 * (np.arange(len(own)) % 5 - 2) / 2
        axes.plot(beside, own, "o" if kind == "PF" else "s", ms=4, color=CLASS_COLOURS[kind])
        axes.plot([column - 0.36, column + 0.36], [own.mean()] * 2, color="0.2", lw=1.8)
    labels = [f"{kind},\n{'trained on' if seen else 'others'}" for seen, kind in groups]
    axes.set_xticks(range(len(groups)), labels, fontsize="small")
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_ylabel("Light taken by the lines")


def answers_by_depth(axes: Axes, answers: pd.DataFrame) -> None:
    """Draw what swarms say of each observation against the depth of lines there.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    answers : pandas.DataFrame
        Index ``depth`` (a share of the light); a column of log-odds for each swarm. Observations
        without an answer (nan) are not drawn.
    """
    looks = cycle((("C2", "o"), ("C4", "^"), ("C5", "D")))
    for name, (colour, marker) in zip(answers, looks, strict=False):
        axes.plot(answers.index, answers[name], marker, ms=5, color=colour, label=name)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set(xlabel="Light taken by the lines", ylabel="Log-odds of PF")
    axes.legend(fontsize="small", loc="lower left", bbox_to_anchor=(0, 1), ncols=2)


def _numbers(table: pd.DataFrame, row: str) -> tuple[float, float, float]:
    value, low, high = table.loc[row, ["value", "low", "high"]].to_numpy(np.float64)
    return float(value), float(low), float(high)


def _interval(
    axes: Axes, rows: NDArray[Any], value: Any, low: Any, high: Any, *, color: str
) -> None:
    """Draw numbers with their intervals, one a row; without an interval a number alone."""
    middle = np.asarray(value, np.float64)
    spread = [middle - np.asarray(low, np.float64), np.asarray(high, np.float64) - middle]
    axes.errorbar(
        middle, rows, xerr=np.nan_to_num(np.maximum(spread, 0)), fmt="o", ms=6, lw=1.6, color=color
    )
