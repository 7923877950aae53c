"""The quick look at a scored observation: slit, raster and spectrum; axes in, artists out."""

from __future__ import annotations

from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import QuadMesh
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from preflare.figures import cell_edges, mark_lines
from preflare.figures_explaining import coloured_spectrum

SCORE_MAP = "cividis"
NOTHING = "no spectrum was accepted"


def score_map(
    axes: Axes, across: NDArray[Any], along: NDArray[Any], score: NDArray[Any], xlabel: str
) -> QuadMesh | None:
    """Draw scores along the slit, against slit position or time; grey where there is none.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    across : ndarray, shape (columns,)
        Slit positions in arcsec, or times; ascending.
    along : ndarray, shape (slit,)
        In arcsec.
    score : ndarray, shape (columns, slit)
    xlabel : str

    Returns
    -------
    matplotlib.collections.QuadMesh or None
        None, and a word in the panel, if there is no score at all.
    """
    axes.set(xlabel=xlabel, ylabel="Along the slit (arcsec)")
    axes.set_facecolor("0.8")
    if not np.isfinite(score).any():
        said(axes, NOTHING)
        return None
    values = np.ma.masked_invalid(score.T)
    look: dict[str, Any] = {"cmap": SCORE_MAP, "vmin": 0, "vmax": 1, "rasterized": True}
    return axes.pcolormesh(cell_edges(across), cell_edges(along), values, **look)


def score_profile(axes: Axes, along: NDArray[Any], score: NDArray[Any]) -> None:
    """Draw the scores of one exposure along the slit.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    along, score : ndarray, shape (slit,)
        Position in arcsec; nan where there is no score.
    """
    axes.scatter(along, score, s=9, c=score, cmap=SCORE_MAP, vmin=0, vmax=1, ec="0.4", lw=0.3)
    axes.set(xlabel="Along the slit (arcsec)", ylabel="Score", ylim=(0, 1))
    if not np.isfinite(score).any():
        said(axes, NOTHING)


def said(axes: Axes, words: str) -> None:
    """Say in a panel what is not there to be drawn."""
    axes.text(
        0.5, 0.5, fill(words, 30), ha="center", va="center", fontsize="small",
        transform=axes.transAxes,
    )  # fmt: skip


def explained_spectrum(
    axes: Axes,
    wavelength: NDArray[Any],
    spectrum: NDArray[Any],
    attribution: NDArray[Any],
    title: str,
) -> None:
    """Draw a spectrum coloured by what each wavelength adds to the PF logit.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    wavelength, spectrum, attribution : ndarray, shape (240,)
        Wavelength in Å. All nan: a word in the panel says so.
    title : str
    """
    axes.set(xlabel="Wavelength (Å)", ylabel="Normalised intensity")
    axes.set_title(title, fontsize="small", loc="left", pad=18)
    if not np.isfinite(attribution).all():
        said(axes, NOTHING)
        return
    line = coloured_spectrum(axes, wavelength, spectrum, attribution)
    mark_lines(axes, through=False)
    axes.figure.colorbar(line, ax=axes, label="Added to the PF logit", pad=0.01)


def score_bar(figure: Figure, panels: list[Axes]) -> None:
    """Add the colour bar of `score_map` beside its panels."""
    scale = ScalarMappable(Normalize(0, 1), SCORE_MAP)
    figure.colorbar(scale, ax=panels, label="Score", pad=0.01)
