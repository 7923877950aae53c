"""Figures of the audit: axes in, artists out, no computing."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LogNorm
from numpy.typing import NDArray

from preflare.figures import mark_lines

COLOURS = ("C0", "C1")
BETWEEN = (0.42, 1.0)
"""Where no line is marked: between triplet and h."""
FOR, AGAINST = "#e08214", "#8073ac"
"""Orange and violet of `preflare.figures_explaining.SIGNED_MAP`."""


def moved_units(axes: Axes, wavelength: NDArray[Any], moved: NDArray[Any]) -> None:
    """Draw by how much places on the spectrum are moved.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    wavelength : ndarray, shape (n,)
        In Å.
    moved : ndarray, shape (n,)
        In Å, positive to the red; nan where it is not known.
    """
    axes.axhline(0, color="0.6", lw=0.8, ls=":")
    axes.plot(wavelength, moved, color="C3", lw=2)
    axes.set(ylabel="Moved by (Å)", xlim=(wavelength[0], wavelength[-1]))
    mark_lines(axes)


def maxima(axes: Axes, places: Mapping[str, tuple[NDArray[Any], NDArray[Any]]]) -> None:
    """Draw where maps are highest, one bar a place.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    places : mapping of str to (ndarray, ndarray), shape (places,) each
        By how the maps were made: wavelengths in Å, and shares of the spectra; two at most.
    """
    for (name, (wavelength, share)), colour in zip(places.items(), COLOURS, strict=False):
        axes.vlines(wavelength, 0, 100 * share, color=colour, lw=6, alpha=0.8, label=name)
    axes.set(ylabel="Maxima (%)", ylim=(0, None))
    mark_lines(axes, names=False)
    axes.legend(fontsize="small", loc="upper left", bbox_to_anchor=BETWEEN)


def scaling_steps(
    panels: Sequence[Axes],
    wavelength: NDArray[Any],
    spectrum: NDArray[Any],
    maps: Mapping[str, NDArray[Any]],
) -> None:
    """Draw a spectrum, and below it what becomes of its attributions, one step a panel.

    Parameters
    ----------
    panels : sequence of matplotlib.axes.Axes
        One for the spectrum, and one for each map.
    wavelength, spectrum : ndarray, shape (n,)
        Wavelength in Å.
    maps : mapping of str to ndarray, shape (n,)
        By the step's name.
    """
    first, *rest = panels
    first.plot(wavelength, spectrum, color="0.2", lw=1.2)
    first.set(ylim=(-0.03, 1.08))
    mark_lines(first)
    for axes, (name, values) in zip(rest, maps.items(), strict=True):
        axes.axhline(0, color="0.5", lw=0.8)
        for part, colour in ((np.maximum(values, 0), FOR), (np.minimum(values, 0), AGAINST)):
            axes.fill_between(wavelength, part, color=colour, lw=0)
        axes.set_title(name, fontsize="small", loc="left")
        mark_lines(axes, names=False)
    for axes in panels:
        axes.set(xlim=(wavelength[0], wavelength[-1]))


def attention(
    axes: Axes,
    edges: NDArray[Any],
    shares: Mapping[str, NDArray[Any]],
    wavelength: NDArray[Any],
    spectrum: NDArray[Any],
) -> None:
    """Draw how much attention stretches of the spectrum get, by several networks.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    edges : ndarray, shape (stretches + 1,)
        In Å.
    shares : mapping of str to ndarray, shape (stretches,)
        By name, from 0 to 1; three at most.
    wavelength, spectrum : ndarray, shape (n,)
        In Å, and from 0 to 1; drawn in grey as high as the axes.
    """
    most = 100 * max(float(share.max()) for share in shares.values())
    axes.fill_between(wavelength, most * spectrum, color="0.9", lw=0)
    styles: tuple[dict[str, Any], ...] = (
        {"color": "C0", "lw": 2.2},
        {"color": "C1", "lw": 2, "ls": (0, (4, 1))},
        {"color": "0.25", "lw": 1.5, "ls": (0, (1, 1.2))},
    )
    for (name, share), style in zip(shares.items(), styles, strict=False):
        axes.stairs(100 * share, edges, label=name, **style)
    axes.set(xlabel="Wavelength (Å)", ylabel="Share of the attention (%)")
    axes.set(xlim=(edges[0], edges[-1]), ylim=(0, 1.05 * most))
    mark_lines(axes)
    axes.legend(fontsize="small", loc="upper left", bbox_to_anchor=BETWEEN)


def read_against_true(axes: Axes, true: NDArray[Any], read: NDArray[Any]) -> QuadMesh:
    """Draw what was read off spectra against what is true, both logarithmic, as a density.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    true, read : ndarray, shape (n,)
        Positive.

    Returns
    -------
    matplotlib.collections.QuadMesh
        For a colour bar.
    """
    low, high = np.quantile(true, [0.001, 0.999]) * (0.7, 1.4)
    edges = np.geomspace(low, high, 50)
    counts, _, _ = np.histogram2d(np.clip(true, low, high), np.clip(read, low, high), [edges] * 2)
    image = axes.pcolormesh(edges, edges, np.ma.masked_equal(counts.T, 0), norm=LogNorm())
    axes.plot([low, high], [low, high], color="0.5", lw=0.9, ls=":")
    axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high), aspect="equal")
    return image
