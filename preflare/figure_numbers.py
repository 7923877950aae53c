"""The numbers that a figure shows, read back from its artists, for readers to plot anew."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import Collection, LineCollection, PathCollection, QuadMesh
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

COLUMNS = ("panel", "artist", "label", "x", "y", "width", "height", "value")


def numbers(figure: Figure) -> pd.DataFrame:
    """List the numbers that a figure shows, a row each.

    Parameters
    ----------
    figure : matplotlib.figure.Figure

    Returns
    -------
    pandas.DataFrame
        With the columns `COLUMNS`. A *panel* is called by its place, from 1, and its title. Lines,
        points and areas have x and y; bars their lower left corner, width and height; maps the
        middle of each cell and its value, those without a value left out. What has no label in
        the legend is called by its colour.
    """
    panels = [axes for axes in figure.axes if not _is_colour_bar(axes)]
    rows = [
        part.assign(panel=f"{place} {axes.get_title('left') or axes.get_title()}".strip())
        for place, axes in enumerate(panels, 1)
        for artist in axes.get_children()
        for part in _rows(artist, axes)
    ]
    if not rows:
        return pd.DataFrame(columns=list(COLUMNS))
    return pd.concat(rows, ignore_index=True).reindex(columns=list(COLUMNS))


def _is_colour_bar(axes: Axes) -> bool:
    return getattr(axes, "_colorbar", None) is not None


def _rows(artist: Artist, axes: Axes) -> Iterator[pd.DataFrame]:
    """Read an artist, if it stands for data: those placed in parts of the panel do not."""
    if not artist.get_visible() or not _in_data(artist, axes):
        return
    if isinstance(artist, Line2D):
        x, y = (np.atleast_1d(each) for each in artist.get_data(orig=True))
        yield _table("line", artist, artist.get_color(), x=x, y=y)
    elif isinstance(artist, QuadMesh):
        corners = np.asarray(artist.get_coordinates(), float)
        middles = 0.25 * (corners[1:, 1:] + corners[:-1, 1:] + corners[1:, :-1] + corners[:-1, :-1])
        yield _map(artist, middles[..., 0], middles[..., 1])
    elif isinstance(artist, AxesImage):
        pixels: Any = artist.get_array()
        height, width = pixels.shape[:2]
        left, right, bottom, top = artist.get_extent()
        if artist.origin == "upper":
            bottom, top = top, bottom
        x = left + (np.arange(width) + 0.5) * (right - left) / width
        y = bottom + (np.arange(height) + 0.5) * (top - bottom) / height
        yield _map(artist, *np.meshgrid(x, y))
    elif isinstance(artist, LineCollection):
        values = _values(artist).get("value")
        for place, line in enumerate(np.asarray(each) for each in artist.get_segments()):
            kept = {} if values is None else {"value": values[place]}
            yield _table("line", artist, _colour(artist), x=line[:, 0], y=line[:, 1], **kept)
    elif isinstance(artist, Collection) and (
        isinstance(artist, PathCollection) or len(places(artist)) > 1
    ):
        x, y = places(artist).T
        yield _table("points", artist, _colour(artist), x=x, y=y, **_values(artist))
    elif isinstance(artist, Collection):
        for path in artist.get_paths():
            x, y = np.asarray(path.vertices).T
            yield _table("area", artist, _colour(artist), x=x, y=y)
    elif isinstance(artist, Rectangle) and artist is not axes.patch:
        left, bottom = artist.get_xy()
        size = {"width": artist.get_width(), "height": artist.get_height()}
        yield _table("bar", artist, artist.get_facecolor(), x=[left], y=[bottom], **size)


def _in_data(artist: Artist, axes: Axes) -> bool:
    placed = [artist.get_transform()]
    if isinstance(artist, Collection) and len(places(artist)) > 0:
        placed.append(artist.get_offset_transform())
    return any(transform.contains_branch(axes.transData) for transform in placed)


def places(artist: Collection) -> NDArray[np.float64]:
    """Return where a collection repeats its shapes, (n, 2): as points and hexagonal bins do."""
    offsets: Any = artist.get_offsets()
    return np.ma.filled(np.ma.asarray(offsets, float), np.nan)


def _colour(artist: Collection) -> Any:
    colours = (
        artist.get_edgecolor() if isinstance(artist, LineCollection) else artist.get_facecolor()
    )
    return colours[0] if len(colours) else "none"


def _values(artist: Collection) -> dict[str, NDArray[np.float64]]:
    mapped: Any = artist.get_array()
    if mapped is None:
        return {}
    return {"value": np.ma.filled(np.ma.asarray(mapped, float), np.nan)}


def _map(artist: QuadMesh | AxesImage, x: NDArray[Any], y: NDArray[Any]) -> pd.DataFrame:
    value: Any = artist.get_array()
    if value is None or (np.ndim(value) > 2 and np.shape(value)[2] in (3, 4)):
        return pd.DataFrame()  # colours, not numbers
    value = np.ma.filled(np.ma.asarray(value, float), np.nan).ravel()
    known = np.isfinite(value)
    return _table("map", artist, "none", x=x.ravel()[known], y=y.ravel()[known], value=value[known])


def _table(kind: str, artist: Artist, colour: Any, **columns: Any) -> pd.DataFrame:
    label = str(artist.get_label())
    if not label or label.startswith("_"):
        label = "" if isinstance(colour, str) and colour == "none" else to_hex(colour)
    return pd.DataFrame({"artist": kind, "label": label} | columns)
