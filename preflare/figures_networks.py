"""Figures of networks, their training and their skill: axes in, artists out."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from numpy.typing import NDArray

from preflare.bootstrap import Interval
from preflare.figures import mark_lines

CLASS_COLOURS = {"AR": "C0", "PF": "C3"}


def learning_curves(axes: Axes, curves: pd.DataFrame, best_test: int, best_mean: int) -> None:
    """Draw training and test loss of one network against the epoch.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    curves : pandas.DataFrame
        One member's part of `preflare.Swarm.curves`, by epoch.
    best_test, best_mean : int
        Epochs of the lowest test loss and of the lowest mean of both losses.
    """
    axes.plot(curves.index, curves["train loss"], "0.1", lw=1.4, label="training")
    axes.plot(curves.index, curves["test loss"], "0.6", lw=1.4, label="test")
    axes.axvline(best_test, color="C3", ls="--", lw=1.2, label="lowest test loss")
    axes.axvline(best_mean, color="C0", ls=":", lw=1.8, label="lowest mean loss")
    axes.set(xlabel="Epoch", ylabel="Cross-entropy", xlim=(0.5, curves.index[-1] + 0.5))


def architecture(axes: Axes, shapes: Sequence[tuple[str, tuple[int, ...]]]) -> None:
    """Draw what a network puts out, layer by layer, from the left to the right.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    shapes : sequence of (str, tuple of int)
        What each layer does, and the shape of what it puts out: (points,) or (maps, points).
        The first is the input.
    """
    tallest = max(shape[-1] for _, shape in shapes)
    for place, (name, shape) in enumerate(shapes):
        maps, points = (1, *shape)[-2:]
        height = (points / tallest) ** 0.6
        for number in range(maps):
            x = place + 0.13 * (number - 0.5 * (maps - 1))
            axes.plot([x, x], [-height / 2, height / 2], color="C0", lw=3.5)
        label = f"({', '.join(map(str, shape))})"
        axes.text(place, height / 2 + 0.04, label, ha="center", va="bottom", fontsize="small")
        axes.text(place, -0.6, name, ha="center", va="top", fontsize="small")
    axes.set(xlim=(-0.5, len(shapes) - 0.5), ylim=(-0.85, 0.65))
    axes.axis("off")


def map_in_steps(
    panels: Sequence[Axes],
    wavelength: NDArray[Any],
    steps: Mapping[str, tuple[NDArray[Any], NDArray[Any]]],
) -> None:
    """Draw how a feature map comes about, one step a panel.

    Parameters
    ----------
    panels : sequence of matplotlib.axes.Axes
    wavelength : ndarray, shape (n,)
        In Å.
    steps : mapping of str to (ndarray, ndarray)
        What each step leaves: wavelengths in Å, and values.
    """
    for axes, (name, values) in zip(panels, steps.items(), strict=True):
        places, heights = values
        axes.axhline(0, color="0.8", lw=0.8)
        axes.plot(places, heights, "C0", lw=1.2, marker="." if len(heights) < 200 else "", ms=3)
        axes.set_title(f"{name} ({len(heights)})", fontsize="small", loc="left")
        axes.set(xlim=(wavelength[0], wavelength[-1]))
        mark_lines(axes, names=False)


def activation(
    axes: Axes,
    wavelength: NDArray[Any],
    spectrum: NDArray[Any],
    values: NDArray[Any],
    name: str,
) -> None:
    """Draw a spectrum, shaded by how active a feature map is at each of its points.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    wavelength : ndarray, shape (n,)
        In Å.
    spectrum : ndarray, shape (n,)
    values : ndarray, shape (n,)
        Activation at each point, from 0 to 1; nan where no unit of the map is.
    name : str
        Of the map.
    """
    points = np.column_stack([wavelength, spectrum])
    segments = np.stack([points[:-1], points[1:]], axis=1)
    middle = 0.5 * (values[:-1] + values[1:])
    axes.fill_between(wavelength, np.nan_to_num(values), color="0.9", lw=0)
    axes.plot(wavelength, spectrum, "0.75", lw=1)
    there = np.isfinite(middle)
    lines = LineCollection(list(segments[there]), array=middle[there], cmap="Blues", lw=2.2)
    lines.set_clim(-0.3, 1)
    axes.add_collection(lines)
    axes.set_title(name, fontsize="small", loc="left")
    axes.set(xlim=(wavelength[0], wavelength[-1]), ylim=(-0.02, 1.08))
    mark_lines(axes, names=False)


def neurons(axes: Axes, layers: Sequence[NDArray[Any]], weights: Sequence[NDArray[Any]]) -> None:
    """Draw a fully connected network: neurons by what they put out, lines by their weights.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    layers : sequence of ndarray, shape (neurons,)
        What each layer's neurons put out, the input first.
    weights : sequence of ndarray, shape (next neurons, neurons)
        Between each layer and the next.
    """
    places = [np.linspace(1, 0, layer.size + 2)[1:-1] for layer in layers]
    for left, (matrix, here, there) in enumerate(
        zip(weights, places[:-1], places[1:], strict=True)
    ):
        strength = np.abs(matrix) / np.abs(matrix).max()
        for row, y1 in enumerate(there):
            for column, y0 in enumerate(here):
                axes.plot(
                    [left, left + 1],
                    [y0, y1],
                    color="C2" if matrix[row, column] > 0 else "C4",
                    lw=1.6 * float(strength[row, column]),
                    alpha=0.15 + 0.6 * float(strength[row, column]),
                    zorder=1,
                )
    for place, (layer, ys) in enumerate(zip(layers, places, strict=True)):
        shade = np.maximum(layer, 0) / max(float(np.max(layer)), 1e-9)
        axes.scatter(
            np.full(layer.size, place), ys, c=shade, cmap="Greys", vmin=0, vmax=1.2,
            s=1500 / (layer.size + 12), edgecolors="0.2", linewidths=0.8, zorder=2,
        )  # fmt: skip
        axes.text(place, -0.02, f"{layer.size}", ha="center", va="top")
    for name, y in zip(CLASS_COLOURS, places[-1], strict=True):
        axes.annotate(name, (len(layers) - 1, y), (14, 0), textcoords="offset points", va="center")
    axes.set(xlim=(-0.15, len(layers) - 0.85), ylim=(-0.08, 1.02))
    axes.axis("off")


def skill_box(
    axes: Axes,
    groups: Mapping[str, NDArray[Any]],
    dead: Mapping[str, int],
    marked: Mapping[str, float] | None = None,
) -> None:
    """Draw skills as dots over boxes, one row a group, and say how many networks are dead.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    groups : mapping of str to ndarray, shape (n,)
        True skill statistics of the networks that learned.
    dead : mapping of str to int
        How many others there are in each group.
    marked : mapping of str to float, optional
        A skill to point out in a group.
    """
    rng = np.random.default_rng(0)
    for row, values in enumerate(groups.values()):
        box = axes.boxplot(
            values, positions=[row], orientation="horizontal", widths=0.6, showfliers=False,
            patch_artist=True, manage_ticks=False, whis=(0, 100),
        )  # fmt: skip
        box["boxes"][0].set(facecolor="0.93", edgecolor="0.4")
        for part in (*box["whiskers"], *box["caps"]):
            part.set(color="0.4")
        box["medians"][0].set(color="C3", lw=1.8)
        height = row + rng.uniform(-0.2, 0.2, len(values))
        axes.scatter(values, height, s=16, color="C0", alpha=0.75, lw=0, zorder=3)
    for name, value in (marked or {}).items():
        row = list(groups).index(name)
        axes.plot(value, row, "X", color="C3", ms=10, mec="white", zorder=4)
    names = [f"{name}\n{len(groups[name])} learned, {dead[name]} dead" for name in groups]
    axes.set_yticks(range(len(groups)), names, fontsize="small")
    axes.set(xlabel="True skill statistic", ylim=(len(groups) - 0.5, -0.5))


def intervals(axes: Axes, rows: Mapping[str, Interval], xlabel: str) -> None:
    """Draw values with their intervals, one row each.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    rows : mapping of str to Interval
    xlabel : str
        What the values are.
    """
    for row, each in enumerate(rows.values()):
        axes.plot([each.low, each.high], [row, row], color="C0", lw=2, solid_capstyle="butt")
        axes.plot(each.value, row, "o", color="C0", mec="white", ms=8)
        axes.annotate(
            f"{each.value:.2f}", (each.value, row), (0, 7), textcoords="offset points",
            ha="center", fontsize="small",
        )  # fmt: skip
    axes.axvline(0, color="0.6", lw=0.8, ls=":")
    axes.set_yticks(range(len(rows)), list(rows))
    axes.set(xlabel=xlabel, ylim=(len(rows) - 0.5, -0.6))


def changes(axes: Axes, change: pd.Series, hollow: Collection[str], noise: float) -> None:
    """Draw changes about zero, one a column.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    change : pandas.Series
        By name, in the order to draw.
    hollow : collection of str
        Names to draw as open circles.
    noise : float
        How large a change is by chance, shaded.
    """
    axes.axhspan(-noise, noise, color="0.92", lw=0)
    axes.axhline(0, color="0.6", lw=0.8, ls=":")
    for place, (name, value) in enumerate(change.items()):
        face = "white" if name in hollow else "C0"
        axes.plot([place, place], [0, value], color="C0", lw=1)
        axes.plot(place, value, "o", color="C0", mfc=face, ms=6)
    axes.set_xticks(range(len(change)), list(change.index), rotation=90, fontsize="x-small")
    axes.set(ylabel="Change of TSS")


def shares(axes: Axes, share: pd.Series) -> None:
    """Draw which share of each observation's spectra is called PF, classes apart.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    share : pandas.Series
        By the observation's name.
    """
    ordered = share.sort_values()
    for place, (name, value) in enumerate(ordered.items()):
        colour = CLASS_COLOURS[str(name)[:2]]
        axes.plot([0.5, value], [place, place], color=colour, lw=1.4, alpha=0.6)
        axes.plot(value, place, "o" if colour == "C3" else "s", color=colour, ms=6)
    axes.axvline(0.5, color="0.5", lw=0.8)
    axes.set_yticks(range(len(ordered)), list(ordered.index), fontsize="x-small")
    axes.set(xlabel="Share of spectra called PF", xlim=(-0.03, 1.03), ylim=(-1, len(ordered)))


def reliability_diagram(axes: Axes, table: pd.DataFrame) -> None:
    """Draw observed frequency against forecast probability.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    table : pandas.DataFrame
        From `preflare.reliability.reliability`.
    """
    axes.plot([0, 1], [0, 1], "0.6", lw=0.8, ls=":")
    axes.plot(table["forecast"], table["observed"], "o-", color="C0", ms=5)
    axes.set(xlabel="Forecast probability of PF", ylabel="Observed share of PF")
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")


def pairs(axes: Axes, first: NDArray[Any], second: NDArray[Any], xlabel: str, ylabel: str) -> None:
    """Draw one skill against another, with the line of equality.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    first, second : ndarray, shape (n,)
    xlabel, ylabel : str
    """
    low = min(first.min(), second.min(), 0) - 0.03
    high = max(first.max(), second.max()) + 0.03
    axes.plot([low, high], [low, high], "0.6", lw=0.8, ls=":")
    axes.plot(first, second, "o", color="C0", alpha=0.7, ms=5, mec="white", mew=0.5)
    axes.set(xlabel=xlabel, ylabel=ylabel, xlim=(low, high), ylim=(low, high), aspect="equal")


def votes(axes: Axes, count: NDArray[Any], members: int, labels: NDArray[Any]) -> None:
    """Draw how many spectra of each class have how many votes for PF.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    count : ndarray of int, shape (n,)
        Members that call a spectrum PF.
    members : int
        All of them.
    labels : ndarray, shape (n,)
        1 for PF and 0 for AR.
    """
    for label, (name, colour) in enumerate(CLASS_COLOURS.items()):
        edges = np.arange(-0.5, members + 1)
        counts, _ = np.histogram(count[labels == label], bins=edges)
        axes.stairs(counts, edges, color=colour, lw=1.8, label=f"{name} spectra")
    axes.set(xlabel="Members that call it PF", ylabel="Spectra", yscale="log")
    axes.set_xlim(-0.5, members + 0.5)
    axes.legend(fontsize="small", loc="upper center")
