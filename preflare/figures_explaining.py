"""Figures of explanations: axes in, artists out."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from numpy.typing import NDArray

from preflare.figures import mark_lines

SIGNED_MAP = "PuOr_r"
"""Two colours that any colour vision tells apart: violet takes away, orange adds."""


def coloured_spectrum(
    axes: Axes,
    wavelength: NDArray[Any],
    spectrum: NDArray[Any],
    attribution: NDArray[Any],
    *,
    signed: bool = True,
) -> LineCollection:
    """Draw a spectrum as a line coloured by an attribution, and return the line.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    wavelength, spectrum, attribution : ndarray, shape (n,)
        Wavelength in Å.
    signed : bool
        Whether colours are symmetric about 0; else they start there.
    """
    points = np.column_stack([wavelength, spectrum])
    segments = np.stack([points[:-1], points[1:]], axis=1)
    middle = 0.5 * (attribution[:-1] + attribution[1:])
    most = max(float(np.abs(attribution).max()), 1e-12)
    axes.fill_between(wavelength, spectrum, color="0.94", lw=0)
    axes.plot(wavelength, spectrum, color="0.55", lw=4.2, solid_capstyle="round")
    colours = SIGNED_MAP if signed else "YlOrBr"
    line = LineCollection(list(segments), array=middle, cmap=colours, lw=3.2, capstyle="round")
    line.set_clim(-most if signed else 0.0, most)
    axes.add_collection(line)
    axes.set(xlim=(wavelength[0], wavelength[-1]), ylim=(-0.03, 1.08))
    return line


def gradcam_steps(
    panels: Sequence[Axes],
    units: NDArray[Any],
    maps: NDArray[Any],
    weights: NDArray[Any],
) -> None:
    """Draw how Grad-CAM's map comes about: each feature map, and their weighted sum.

    Parameters
    ----------
    panels : sequence of matplotlib.axes.Axes
        One for each map, and one for the sum.
    units : ndarray, shape (units,)
        Wavelengths of the units' centres, in Å.
    maps : ndarray, shape (maps, units)
    weights : ndarray, shape (maps,)
    """
    for number, (axes, values, weight) in enumerate(zip(panels, maps, weights, strict=False)):
        axes.bar(units, values, width=0.38, color="C2" if weight > 0 else "C4", lw=0)
        title = f"map {number + 1}, weight {weight:+.3f}".replace("-", "−")
        axes.set_title(title, fontsize="small", loc="left")
    total = weights @ maps
    last = panels[len(maps)]
    last.bar(units, total, width=0.38, color="0.85", lw=0, label="sum")
    last.bar(units, np.maximum(total, 0), width=0.38, color="C1", lw=0, label="after ReLU")
    last.axhline(0, color="0.4", lw=0.8)
    last.set_title("weighted sum", fontsize="small", loc="left")
    last.margins(y=0.25)
    last.legend(fontsize="x-small", loc="upper center", ncols=2, frameon=True)
    for axes in panels:
        mark_lines(axes, names=False)


def paths(
    panels: NDArray[Any],
    wavelength: NDArray[Any],
    points: NDArray[Any],
    alphas: Sequence[float],
    outputs: NDArray[Any],
) -> None:
    """Draw ways from baselines to a spectrum, one way a row.

    Parameters
    ----------
    panels : ndarray of matplotlib.axes.Axes, shape (ways, points)
    wavelength : ndarray, shape (240,)
        In Å.
    points : ndarray, shape (ways, points, 240)
    alphas : sequence of float
        How far along the way each is, from 0 to 1.
    outputs : ndarray, shape (ways, points)
        What the network says there.
    """
    for row, way, said in zip(panels, points, outputs, strict=True):
        for axes, alpha, spectrum, output in zip(row, alphas, way, said, strict=True):
            colour = "C0" if alpha == 0 else "C1" if alpha == 1 else "0.4"
            axes.plot(wavelength, spectrum, color=colour, lw=1.1)
            axes.text(0.97, 0.9, f"{output:.2f}", transform=axes.transAxes, ha="right", va="top")
            axes.set(xlim=(wavelength[0], wavelength[-1]), ylim=(-0.05, 1.12), xticks=[], yticks=[])
    for axes, alpha in zip(panels[0], alphas, strict=True):
        axes.set_title(f"$\\alpha$ = {alpha:g}", fontsize="small")


def errors_by_draws(
    axes: Axes, draws: Sequence[int], errors: Mapping[str, Sequence[float]]
) -> None:
    """Draw relative errors of estimators against the number of draws.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    draws : sequence of int
    errors : mapping of str to sequence of float
        By estimator.
    """
    markers = iter("osD^")
    for name, values in errors.items():
        axes.plot(draws, np.asarray(values) * 100, marker=next(markers), ms=5, lw=1.5, label=name)
    axes.set(xscale="log", yscale="log", xlabel="Draws a network", ylabel="Error (%)")
    axes.set_xticks(list(draws), [f"{each}" for each in draws])
    axes.minorticks_off()
    axes.legend(fontsize="small")


def gaps(axes: Axes, ratios: Mapping[str, NDArray[Any]]) -> None:
    """Draw how gaps of completeness, in units of their standard errors, are distributed.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    ratios : mapping of str to ndarray, shape (n,)
        By estimator.
    """
    edges = np.linspace(-4, 4, 41)
    for (name, ratio), colour in zip(ratios.items(), ("C0", "C2"), strict=False):
        density, _ = np.histogram(np.clip(ratio, -4, 4), edges, density=True)
        axes.stairs(density, edges, color=colour, lw=1.8, label=name)
    place = np.linspace(-4, 4, 200)
    axes.plot(place, np.exp(-0.5 * place**2) / np.sqrt(2 * np.pi), "0.3", lw=1.2, ls="--")
    axes.set(xlabel="Gap / standard error", ylabel="Density", xlim=(-4, 4))
    axes.legend(fontsize="x-small")


def shared_out(
    axes: Axes,
    edges: NDArray[Any],
    exact: NDArray[Any],
    found: NDArray[Any],
    error: NDArray[Any],
) -> None:
    """Draw what each band of wavelengths gets, by Shapley values and by expected gradients.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    edges : ndarray, shape (bands + 1,)
        Of the bands, in Å.
    exact, found, error : ndarray, shape (bands,)
        Shapley values, sums of expected gradients, and their Monte-Carlo errors.
    """
    axes.stairs(exact, edges, fill=True, color="0.82", label="Shapley, exact")
    middle = 0.5 * (edges[:-1] + edges[1:])
    axes.errorbar(middle, found, 3 * error, fmt="o", color="C0", ms=5, label="expected gradients")
    axes.axhline(0, color="0.4", lw=0.8)
    mark_lines(axes)
    axes.set(xlabel="Wavelength (Å)", ylabel="Share of the PF logit")
    axes.legend(fontsize="small")


def flipping(
    axes: Axes, fraction: NDArray[Any], curves: Mapping[str, NDArray[Any]], done: str
) -> None:
    """Draw the mean probability of PF against the share of points that something was done to.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    fraction : ndarray, shape (steps,)
    curves : mapping of str to ndarray, shape (steps,)
        By order; that of name ``"random order"`` is grey.
    done : str
        To the points.
    """
    for name, values in curves.items():
        chance = name == "random order"
        axes.plot(
            100 * fraction, values, label=name, lw=1.2 if chance else 1.8,
            color="0.6" if chance else None, ls="--" if chance else "-",
        )  # fmt: skip
    axes.set(xlabel=f"Points {done} (%)", ylabel="Probability of PF", xlim=(0, 100), ylim=(0, 1.02))
    axes.legend(fontsize="small")


def by_layer(axes: Axes, layers: Sequence[str], groups: Mapping[str, NDArray[Any]]) -> None:
    """Draw how alike maps stay while layers are made random, one after the other.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    layers : sequence of str
        In the order in which they are made random.
    groups : mapping of str to ndarray, shape (layers, 3)
        By method: quartiles of the rank correlation.
    """
    markers = iter("osD")
    for shift, (name, quartiles) in zip((-0.08, 0.08), groups.items(), strict=True):
        place = np.arange(len(layers)) + shift
        low, middle, high = quartiles.T
        spread = [middle - low, high - middle]
        axes.errorbar(place, middle, spread, marker=next(markers), ms=6, lw=1.5, label=name)
    axes.axhline(0, color="0.4", lw=0.8)
    axes.set_xticks(range(len(layers)), layers, fontsize="small")
    axes.set(ylabel="Rank correlation", ylim=(-1.05, 1.05))
    axes.legend(fontsize="small")


def marks_by_kind(
    axes: Axes, kinds: Sequence[str], values: Mapping[str, NDArray[Any]], chance: NDArray[Any]
) -> None:
    """Draw how well maps find what is known to be there, for each kind of event.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    kinds : sequence of str
    values : mapping of str to ndarray, shape (kinds, 3)
        By method: mark, and lower and upper end of its interval.
    chance : ndarray, shape (kinds,)
        What a flat map gets.
    """
    place = np.arange(len(kinds), dtype=float)
    for middle, level in zip(place, chance, strict=True):
        axes.plot([middle - 0.4, middle + 0.4], [level] * 2, color="0.35", lw=1.6, ls=":")
    markers, shifts = iter("osD^"), np.linspace(-0.24, 0.24, len(values))
    for shift, (name, marks) in zip(shifts, values.items(), strict=True):
        mean, low, high = marks.T
        spread = [mean - low, high - mean]
        axes.errorbar(place + shift, mean, spread, fmt=next(markers), ms=6, lw=1.4, label=name)
    axes.set_xticks(place, [kind.replace("_", " ") for kind in kinds], fontsize="small")
    axes.set(ylim=(0, 1), xlim=(-0.5, len(kinds) - 0.5))


def by_strength(axes: Axes, curves: pd.DataFrame, ylabel: str) -> None:
    """Draw curves against the epoch, one for each strength of a prior, the stronger the darker.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    curves : pandas.DataFrame
        Index epoch, one column a strength.
    ylabel : str
    """
    shades = plt.get_cmap("cividis_r")(np.linspace(0.1, 1, curves.shape[1]))
    for (strength, values), shade in zip(curves.items(), shades, strict=True):
        axes.plot(curves.index, values, color=shade, lw=1.6, label=f"{strength:g}")
    axes.set(xlabel="Epoch", ylabel=ylabel)
