"""A page about one scored observation: its slit, its raster and its most PF-like spectrum."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from preflare import figures_score
from preflare.figures import use_style

DRAWN = 400
"""Columns and rows of a map, at most: a screen has no more."""


def draw(cube: xr.Dataset, shift: str, path: Path) -> Path:
    """Draw a scored observation into a PNG file.

    Three panels: the scores of one raster, that with the highest mean; the scores along the slit
    against time, at the slit position with the highest mean; and the spectrum that scores highest,
    coloured by its attribution. What is not there is said in its panel.

    Parameters
    ----------
    cube : xarray.Dataset
        As from `preflare.scoring.scored`.
    shift : str
        What to say of the domain shift.
    path : Path
        The file.
    """
    score = cube["score"].values
    filled = np.where(np.isfinite(score), score, 0.0)
    raster = int(filled.sum(axis=(1, 2)).argmax())
    step = int(filled.sum(axis=(0, 2)).argmax())
    time, at, pixel = np.unravel_index(int(filled.argmax()), score.shape)
    best = cube.isel(time=time, step=at, slit=pixel).load()
    minutes, since = _minutes(cube, step)
    use_style()
    figure = plt.figure(figsize=(11, 7.4))
    grid = figure.add_gridspec(2, 2, width_ratios=(1, 1.7))
    left, right, below = (
        figure.add_subplot(place) for place in (grid[0, 0], grid[0, 1], grid[1, :])
    )
    along = cube["slit_y"].values
    x, order = _known(cube["x"].values[raster])
    if x.size > 1:
        figures_score.score_map(left, x, along, score[raster][order], "Slit position (arcsec)")
        left.set_title(f"Raster {raster}", fontsize="small", loc="left")
    else:
        left.set_axis_off()
        figures_score.said(left, "A sit-and-stare: one slit position, so no map of a raster.")
    times, order = _known(minutes)
    if times.size > 1:
        some = slice(None, None, -(-times.size // DRAWN))
        figures_score.score_map(right, times[some], along, score[order, step][some], since)
    else:
        figures_score.score_profile(right, along, score[time, step])
    right.set_title(f"Along the slit, at position {step}", fontsize="small", loc="left")
    figures_score.score_bar(figure, [left, right])
    title = "Spectrum that scores highest"
    if np.isfinite(best["score"]):
        title += f": raster {time}, step {at}, pixel {pixel}, score {float(best['score']):.2f}"
    figures_score.explained_spectrum(
        below,
        cube["wavelength"].values,
        best["intensity"].values,
        best["attribution"].values,
        title,
    )
    name = cube.attrs["observation_id"]
    about = f"{name}: scored by networks that learned from a simulated Sun."
    figure.suptitle(fill(f"{about} {shift}", 140), fontsize="small", x=0.01, ha="left")
    figure.savefig(path, format="png", dpi=130)
    plt.close(figure)
    return path


def _known(places: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Return places that are known, in order, and their indices: a raster cut short lacks some."""
    order = np.argsort(places, kind="stable")
    order = order[np.isfinite(places[order])]
    return places[order], order


def _minutes(cube: xr.Dataset, step: int) -> tuple[NDArray[Any], str]:
    onset = cube["t_onset"].values[:, step] / 60
    if np.isfinite(onset).any():
        return onset, "Minutes since the onset"
    start = cube["start"].values[:, step]
    since = (start - np.nanmin(start)) / np.timedelta64(1, "m")
    return since, "Minutes since the first exposure (onset not known)"
