"""Figures of what the slit covers, and of slopes against it: axes in, artists out."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from preflare import figures
from preflare.figures_trends import LOOKS


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
    axes.locator_params(nbins=4)


def slope_against(
    axes: Axes, values: NDArray[Any], table: pd.DataFrame, xlabel: str, *, names: bool = False
) -> None:
    """Draw slopes against a number that each observation has.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    values : ndarray, shape (n,)
        Of each observation.
    table : pandas.DataFrame
        From `preflare.findings.regimes.regimes`, row for row.
    xlabel : str
        What the values are.
    names : bool
        Whether to write the number of each PF observation beside it.
    """
    axes.axhline(0, color="0.6", lw=0.8, zorder=0)
    for regime, (marker, colour) in LOOKS.items():
        for kind, face in (("PF", colour), ("AR", "none")):
            own = ((table["regime"] == regime) & (table["kind"] == kind)).to_numpy()
            if own.any():
                label = f"{kind}, {regime}"
                look: dict[str, Any] = {"mec": colour, "mfc": face, "color": colour, "ls": ""}
                axes.plot(values[own], table["slope"][own], marker, label=label, **look)
    if names:
        for row, value in zip(table.itertuples(), values, strict=True):
            if row.kind == "PF" and np.isfinite([value, row.slope]).all():
                axes.annotate(
                    str(row.observation).split()[1], (value, row.slope), (4, 3),
                    textcoords="offset points", fontsize="x-small",
                )  # fmt: skip
    axes.margins(x=0.08)
    axes.set(xlabel=xlabel, ylabel="Change of the score in 25 min")
