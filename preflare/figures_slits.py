"""Figures of slits: emission, attention and their places; axes in, artists out, no computing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter
from numpy.typing import NDArray

from preflare.figures import INTENSITY_MAP, cell_edges
from preflare.figures_explaining import SIGNED_MAP
from preflare.findings.slits import SlitMap

_UNKNOWN = "0.8"
_OUTLINE = [withStroke(linewidth=3.2, foreground="white")]
_CLASSES = {"B": 1e-7, "C": 1e-6, "M": 1e-5, "X": 1e-4}
_LOOKS: dict[str, dict[str, Any]] = {
    "attention": {"color": "C3", "lw": 2.2, "marker": "o"},
    "score": {"color": "C1", "ls": "--", "marker": "s"},
    "brightest before": {"color": "C0", "marker": "^"},
    "middle of the slit": {"color": "C2", "ls": "-.", "marker": "D"},
    "true precursors": {"color": "C4", "ls": (0, (5, 1, 1, 1, 1, 1)), "marker": "P"},
    "attention elsewhere": {"color": "C7", "ls": (0, (1, 1)), "marker": "x"},
    "random place": {"color": "0.2", "ls": ":", "lw": 1.8},
}
"""By predictor: colour, dashes and marker all differ."""


def slit_map(
    panels: Sequence[Axes], slit: SlitMap, x_rays: tuple[NDArray[Any], NDArray[Any]] | None = None
) -> tuple[QuadMesh, QuadMesh] | None:
    """Draw a slit as in Fig. 14 of Panos et al. (2023): emission above, attention below.

    Both maps are normalised before and after the onset apart; brighter colours are more intense,
    orange speaks for a flare and violet against it; what is not known stays grey. What cannot be
    drawn is named in its panel.

    Parameters
    ----------
    panels : sequence of matplotlib.axes.Axes
        Two, one above the other.
    slit : SlitMap
    x_rays : tuple of ndarray, optional
        From `SlitMap.x_rays`: s and W m-2. Drawn above, with the GOES classes on the right.

    Returns
    -------
    tuple of matplotlib.collections.QuadMesh, or None
        Both maps, for colour bars; None if no exposure has a time.
    """
    above, below = panels
    for axes in panels:
        axes.set_facecolor(_UNKNOWN)
        axes.set_ylabel("Along the slit (arcsec)")
    below.set_xlabel(f"Minutes since the {'onset' if slit.onset_known else 'first exposure'}")
    if not slit.time.size:
        _say(above, "no exposure has a time")
        return None
    meshes = (
        _map(above, slit, slit.normalised(slit.emission), INTENSITY_MAP, 0.0),
        _map(below, slit, slit.normalised(slit.attention), SIGNED_MAP, -1.0),
    )
    _x_rays(above, x_rays)
    score, _ = slit.score_curve
    probability = below.twinx()
    probability.plot(slit.time / 60, score, "0.1", lw=1.3, marker=".", ms=4, path_effects=_OUTLINE)
    probability.set(ylim=(0, 1), ylabel="Score, mean of all pixels")
    probability.spines["right"].set_visible(True)
    if not np.isfinite(slit.emission).any():
        _say(above, "no emission is known")
    elif not slit.onset_known:
        _say(above, "no onset is known")
    elif not (slit.time >= 0).any():
        _say(above, "no exposure after the onset")
    elif not (slit.time < 0).any():
        _say(above, "no exposure before the onset")
    if not np.isfinite(slit.attention).any():
        _say(below, "no spectrum is explained")
    return meshes


def along_slits(panels: Sequence[Axes], slits: Mapping[str, SlitMap], exposure: int = 0) -> None:
    """Draw emission and score along slits at one exposure each, for want of a map in time.

    Parameters
    ----------
    panels : sequence of matplotlib.axes.Axes
        Two, one above the other: emission, and the score of each spectrum that has one.
    slits : mapping of str to SlitMap
        By what they are called; three at most are told apart.
    exposure : int
        Which one of each, from 0.
    """
    above, below = panels
    looks = cycle((("C0", "o"), ("C1", "s"), ("C2", "^")))
    for (name, slit), (colour, marker) in zip(slits.items(), looks, strict=False):
        light, score = slit.emission[exposure], slit.score[exposure]
        above.semilogy(slit.y, np.where(light > 0, light, np.nan), color=colour, lw=0.8)
        below.plot(slit.y, score, marker, ls="", ms=2.4, mew=0, color=colour, label=name)
    above.set_ylabel("Maximum (DN/s)")
    below.set(xlabel="Along the slit (arcsec)", ylabel="Score", ylim=(0, 1))
    above.legend(
        *below.get_legend_handles_labels(), fontsize="small", ncols=3, markerscale=2.5,
        loc="lower left", bbox_to_anchor=(0, 1),
    )  # fmt: skip


def colocation_curves(axes: Axes, curves: pd.DataFrame) -> None:
    """Draw the share of aligned slits against the tolerance.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    curves : pandas.DataFrame
        From `preflare.findings.aligned.by_tolerance`.
    """
    tolerance = curves.index.to_numpy()
    axes.fill_between(
        tolerance, curves["moved low"], curves["moved high"], color="0.88", lw=0,
        label="attention moved, 95 %",
    )  # fmt: skip
    for name, look in _LOOKS.items():
        if name in curves:
            every = max(1, tolerance.size // 10)
            axes.plot(tolerance, curves[name], label=name, ms=5, markevery=every, **look)
    axes.set(
        xlabel="Tolerance (arcsec)", ylabel="Slits aligned", xlim=tolerance[[0, -1]], ylim=(0, 1)
    )
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.legend(fontsize="x-small", loc="upper left", bbox_to_anchor=(1.0, 1.0))


def places(axes: Axes, table: pd.DataFrame, tolerance: float) -> None:
    """Draw where attention was against where the emission came to be, one mark a slit.

    Circles are steps of a raster, triangles sit-and-stares; full marks are aligned. The band is
    the tolerance.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    table : pandas.DataFrame
        From `preflare.findings.colocation.Colocation.table`. Slits that cannot be judged are
        counted above the axes.
    tolerance : float
        arcsec; that of the table.
    """
    judged = table[table["aligned"].notna()]
    single = judged["steps"] == 1
    aligned = judged["aligned"].astype(bool)
    reach = float(table["length"].max()) / 2 * 1.05
    ends = np.array([-reach, reach]) + float(table["middle_y"].mean())
    axes.fill_between(ends, ends - tolerance, ends + tolerance, color="0.9", lw=0)
    for marker, which, name in (("o", ~single, "raster step"), ("^", single, "sit-and-stare")):
        for own, colour, said in ((aligned, "C0", "aligned"), (~aligned, "C1", "not aligned")):
            shown = judged[which & own]
            axes.plot(
                shown["attention_y"], shown["emission_y"], marker, ls="", ms=5,
                color=colour, mfc=colour if said == "aligned" else "none",
                label=f"{name}, {said} ({len(shown)})",
            )  # fmt: skip
    axes.set(
        xlabel="Greatest attention before the onset (arcsec)",
        ylabel="Greatest emission after it (arcsec)",
        xlim=ends, ylim=ends, aspect="equal",
    )  # fmt: skip
    axes.set_title(
        f"{len(judged)} slits, {len(table) - len(judged)} not judged", fontsize="small", loc="left"
    )
    axes.legend(fontsize="x-small", loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _map(axes: Axes, slit: SlitMap, values: NDArray[Any], colours: str, lowest: float) -> QuadMesh:
    edges, cells = slit.cells(values)
    mesh = axes.pcolormesh(
        edges / 60, cell_edges(slit.y), np.ma.masked_invalid(cells).T,
        cmap=colours, vmin=lowest, vmax=1, rasterized=True,
    )  # fmt: skip
    if slit.onset_known:
        axes.axvline(0, color="black", lw=1.4)
    axes.set_xlim(edges[0] / 60, edges[-1] / 60)
    return mesh


def _x_rays(axes: Axes, x_rays: tuple[NDArray[Any], NDArray[Any]] | None) -> None:
    if x_rays is None:
        _say(axes, "no GOES curve", low=True)
        return
    seconds, flux = x_rays
    curve = axes.twinx()
    curve.semilogy(seconds / 60, flux, "black", lw=1.6, path_effects=_OUTLINE)
    curve.yaxis.set_major_locator(FixedLocator(list(_CLASSES.values())))
    curve.yaxis.set_minor_locator(NullLocator())
    curve.set_yticks(list(_CLASSES.values()), list(_CLASSES))
    curve.set(ylim=(5e-8, 1e-3), ylabel="GOES class")
    curve.spines["right"].set_visible(True)


def _say(axes: Axes, what: str, *, low: bool = False) -> None:
    axes.text(
        0.02, 0.06 if low else 0.94, what, transform=axes.transAxes,
        va="bottom" if low else "top", fontsize="small",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 2, "alpha": 0.85},
    )  # fmt: skip
