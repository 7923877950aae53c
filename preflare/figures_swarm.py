"""Figures of a swarm's explanations: axes in, artists out, no computing."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter
from numpy.typing import NDArray

from preflare.figures import mark_lines
from preflare.figures_explaining import coloured_spectrum


def distance_by_number(axes: Axes, curves: pd.DataFrame, all_members: int) -> None:
    """Draw how far the mean of some members is from that of all, against their number.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    curves : pandas.DataFrame
        By the number of members: ``low``, ``median`` and ``high`` of members drawn at random,
        ``predicted`` of those, and of the chosen ones ``here``, on the spectra that they were
        chosen on, and ``elsewhere``.
    all_members : int
        How many there are.
    """
    number = curves.index
    axes.fill_between(number, curves["low"], curves["high"], color="0.88", lw=0)
    axes.plot(number, curves["median"], "s", color="0.45", ms=4, label="random: median, range")
    axes.plot(number, curves["predicted"], "--", color="0.25", lw=1, label="random: predicted")
    axes.plot(number, curves["elsewhere"], "o-", color="C3", ms=5, label="chosen, other spectra")
    axes.plot(number, curves["here"], "o-", color="C0", ms=4, mfc="w", label="chosen, same spectra")
    axes.axvline(9, color="0.5", lw=0.8, ls=":")
    axes.set(xscale="log", yscale="log", xlabel="Members")
    ticks = [1, 2, 3, 5, 9, 15, 25, *([all_members] if all_members > 36 else [])]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter("{x:.0f}")
    axes.yaxis.set_major_locator(FixedLocator([0.05, 0.1, 0.2, 0.5, 1, 2]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlim(0.9, 1.1 * all_members)


def two_methods(
    panels: Sequence[Axes],
    wavelength: NDArray[Any],
    spectrum: NDArray[Any],
    heat: NDArray[Any],
    gradients: NDArray[Any],
) -> None:
    """Draw a spectrum twice, coloured by Grad-CAM and by expected gradients.

    Parameters
    ----------
    panels : sequence of matplotlib.axes.Axes
        Two.
    wavelength, spectrum, heat, gradients : ndarray, shape (n,)
        Wavelength in Å; Grad-CAM has no sign, expected gradients have.
    """
    coloured_spectrum(panels[0], wavelength, spectrum, heat, signed=False)
    coloured_spectrum(panels[1], wavelength, spectrum, gradients)
    mark_lines(panels[0], through=False)
    mark_lines(panels[1], names=False, through=False)


def agreements(axes: Axes, groups: Mapping[str, NDArray[Any]]) -> None:
    """Draw how rank correlations are distributed, one row a group, with their medians.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    groups : mapping of str to ndarray, shape (n,)
        Rank correlations; nan is left out. The first group is drawn in another colour.
    """
    edges = np.linspace(-1, 1, 51)
    for row, values in enumerate(groups.values()):
        known = values[np.isfinite(values)]
        counts = np.histogram(known, edges)[0]
        height = row - 0.75 * counts / counts.max()
        colour = "C1" if row == 0 else "0.6"
        axes.stairs(height, edges, baseline=row, fill=True, color=colour, alpha=0.8)
        middle = float(np.median(known))
        axes.plot([middle] * 2, [row, row - 0.8], color="0.1", lw=1.6)
        axes.annotate(
            f"{middle:+.2f}", (middle, row - 0.8), (0, 1), textcoords="offset points",
            ha="center", va="bottom", fontsize="small",
        )  # fmt: skip
        axes.axhline(row, color="0.8", lw=0.8, zorder=0)
    axes.axvline(0, color="0.6", lw=0.8, ls=":", zorder=0)
    axes.set_yticks(np.arange(len(groups)) - 0.25, list(groups), fontsize="small")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set(xlim=(-1, 1.02), ylim=(len(groups) - 0.9, -1.1), xlabel="Rank correlation")
