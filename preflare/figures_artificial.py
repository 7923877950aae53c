"""Figures of the artificial test: axes in, artists out, no computing."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LogNorm
from matplotlib.ticker import MultipleLocator
from numpy.typing import NDArray

from preflare.figures import INTENSITY_MAP, mark_lines
from preflare.loss_plane import LossPlane


def pair(
    axes: Axes, wavelength: NDArray[Any], plain: NDArray[Any], marked: NDArray[Any]
) -> None:  # fmt: skip
    """Draw a spectrum without and with the artefact.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    wavelength : ndarray, shape (n,)
        In Å.
    plain, marked : ndarray, shape (n,)
    """
    axes.fill_between(wavelength, plain, marked, color="C1", alpha=0.6, lw=0)
    axes.plot(wavelength, marked, "C1", lw=1.2, label="with the artefact")
    axes.plot(wavelength, plain, "0.2", lw=1.2, label="without")
    axes.set(xlim=(wavelength[0], wavelength[-1]), ylim=(-0.02, 1.08))
    mark_lines(axes, through=False)


def heat_strip(
    axes: Axes,
    wavelength: NDArray[Any],
    heat: NDArray[Any],
    spectrum: NDArray[Any],
    support: NDArray[np.bool_],
) -> None:
    """Draw a spectrum on its heat: yellow is the hottest of the panel, dark blue is none.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    wavelength : ndarray, shape (n,)
        In Å.
    heat, spectrum : ndarray, shape (n,)
    support : ndarray of bool, shape (n,)
        Where the artefact is, bracketed above the axes.
    """
    highest = float(heat.max())
    half = 0.5 * float(wavelength[1] - wavelength[0])
    edges = wavelength[0] - half, wavelength[-1] + half
    axes.imshow(
        heat[None] / highest if highest > 0 else np.zeros((1, heat.size)),
        extent=(*edges, -0.02, 1.08),
        aspect="auto",
        cmap=INTENSITY_MAP,
        vmin=0,
        vmax=1,
        interpolation="nearest",
    )
    axes.plot(wavelength, spectrum, color="0.1", lw=2.6, alpha=0.6)
    axes.plot(wavelength, spectrum, color="white", lw=1.2)
    place = axes.get_xaxis_transform()
    ends = wavelength[support][[0, -1]]
    axes.plot(ends, [1.05, 1.05], color="C1", lw=3, transform=place, clip_on=False,
              solid_capstyle="butt")  # fmt: skip
    if highest <= 0:
        axes.text(0.5, 0.6, "no heat at all", color="white", ha="center", transform=axes.transAxes)
    axes.set(xlim=edges, ylim=(-0.02, 1.08), yticks=[])
    axes.xaxis.set_major_locator(MultipleLocator(5))
    axes.tick_params(bottom=False)


def members_and_mean(
    axes: Axes, shares: Mapping[str, NDArray[Any]], means: Mapping[str, float], chance: float
) -> None:
    """Draw the score of every member, their median, and the score of the mean of their maps.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    shares : mapping of str to ndarray, shape (members,)
        One row each.
    means : mapping of str to float
    chance : float
        The score of heat spread evenly.
    """
    rng = np.random.default_rng(0)
    for row, (name, values) in enumerate(shares.items()):
        height = row + rng.uniform(-0.18, 0.18, len(values))
        axes.scatter(values, height, s=14, color="C0", alpha=0.6, lw=0)
        middle = np.median(values)
        label = "median member" if row == 0 else None
        axes.plot([middle] * 2, [row - 0.32, row + 0.32], color="0.1", lw=2, label=label)
        label = "mean of the maps" if row == 0 else None
        axes.plot(means[name], row, "D", color="C3", ms=8, mec="white", zorder=4, label=label)
    axes.axvline(chance, color="0.5", lw=0.9, ls=":", label="chance")
    axes.set_yticks(range(len(shares)), list(shares), fontsize="small")
    axes.set(xlim=(-0.03, 1.0), ylim=(len(shares) - 0.45, -0.55))
    axes.set_xlabel("Share of the heat on the artefact")


def by_number(axes: Axes, curves: Mapping[str, pd.DataFrame], chance: float) -> None:
    """Draw the score of mean maps against the number of members.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    curves : mapping of str to pandas.DataFrame
        From `preflare.localisation.by_members`.
    chance : float
        The score of heat spread evenly.
    """
    for number, (name, curve) in enumerate(curves.items()):
        colour, marker = f"C{number}", "osD^v"[number % 5]
        axes.fill_between(curve.index, curve["low"], curve["high"], color=colour, alpha=0.18, lw=0)
        axes.plot(curve.index, curve["middle"], color=colour, marker=marker, ms=5, label=name)
    axes.axhline(chance, color="0.5", lw=0.9, ls=":")
    axes.set(
        xscale="log", ylim=(0, 1), xlabel="Members", ylabel="Share of the heat on the artefact"
    )
    sizes = next(iter(curves.values())).index
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()


def loss_plane(axes: Axes, plane: LossPlane, lowest: float, highest: float) -> QuadMesh:
    """Draw the loss on a plane through three networks; lighter is lower, dashed is guessing.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    plane : LossPlane
    lowest, highest : float
        Losses at the ends of the colours.

    Returns
    -------
    matplotlib.collections.QuadMesh
        For a colour bar.
    """
    image = axes.pcolormesh(
        plane.across,
        plane.up,
        plane.loss,
        norm=LogNorm(lowest, highest),
        cmap=f"{INTENSITY_MAP}_r",
        shading="gouraud",
        rasterized=True,
    )
    axes.contour(
        plane.across, plane.up, plane.loss, [np.log(2)], colors="white", linestyles="--",
        linewidths=1,
    )  # fmt: skip
    axes.plot(*plane.corners.T, "o", color="white", mec="black", ms=9)
    axes.plot(*plane.corners.mean(axis=0), "X", color="C3", mec="white", ms=10)
    axes.set(aspect="equal", xlim=plane.across[[0, -1]], ylim=plane.up[[0, -1]])
    return image
