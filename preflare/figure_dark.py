"""The same figure for a dark page: what is black, white or grey trades places, colours stay."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.collections import Collection, QuadMesh
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from numpy.typing import NDArray

GROUND, INK = 0.07, 0.92
"""Brightness of the page and of the writing on it; pure black and white tire the eye."""
GREY = 0.06
"""Colours whose channels differ by no more are neutral."""

_PROPERTIES: dict[type[Artist], tuple[str, ...]] = {
    Text: ("color",),
    Line2D: ("color", "markerfacecolor", "markeredgecolor"),
    Patch: ("facecolor", "edgecolor"),
    Collection: ("facecolor", "edgecolor"),
}


def darkened(colours: Any) -> NDArray[Any]:
    """Turn neutral colours round: white becomes the dark ground, black the bright ink.

    Parameters
    ----------
    colours : anything that matplotlib takes for colours

    Returns
    -------
    ndarray, shape (n, 4)
        RGBA. Colours that are not neutral, and transparency, stay.
    """
    rgba = to_rgba_array(colours)
    neutral = np.ptp(rgba[:, :3], axis=1) <= GREY
    brightness = rgba[:, :3].mean(axis=1, keepdims=True)
    rgba[neutral, :3] = (INK + (GROUND - INK) * brightness)[neutral]
    return rgba


@contextmanager
def dark(figure: Figure) -> Iterator[Figure]:
    """Darken a figure for as long as the context lasts.

    Parameters
    ----------
    figure : matplotlib.figure.Figure

    Yields
    ------
    matplotlib.figure.Figure
        The same one. Maps of numbers to colours and images keep their colours, and so does what is
        drawn on them.
    """
    undone = []
    kept = set(_on_maps(figure))
    boxes = [text.get_bbox_patch() for text in figure.findobj(Text) if text not in kept]
    for artist in [*figure.findobj(), *filter(None, boxes)]:
        if artist in kept:
            continue
        mapped = isinstance(artist, Collection) and artist.get_array() is not None
        for kind, names in _PROPERTIES.items():
            if not isinstance(artist, kind) or mapped:
                continue
            # All are read before any is set: a marker may follow the colour of its line.
            colours = {name: getattr(artist, f"get_{name}")() for name in names}
            for name, before in colours.items():
                if isinstance(before, str) and before in ("none", "auto"):
                    continue
                after = darkened(before)
                put = getattr(artist, f"set_{name}")
                undone.append((put, before))
                put(after if isinstance(artist, Collection) else tuple(after[0]))
        effects = artist.get_path_effects()
        if effects:
            undone.append((artist.set_path_effects, effects))
            artist.set_path_effects([_stroke(each) for each in effects])
    try:
        yield figure
    finally:
        for put_back, before in reversed(undone):
            put_back(before)


def _on_maps(figure: Figure) -> Iterator[Artist]:
    """Find what is drawn on maps: it must stand out from their colours, which stay."""
    maps = [
        axes.get_position().bounds
        for axes in figure.axes
        if axes.get_images() or any(isinstance(each, QuadMesh) for each in axes.collections)
    ]
    for axes in figure.axes:
        if not any(np.allclose(axes.get_position().bounds, place) for place in maps):
            continue
        around = [axes.xaxis, axes.yaxis, *axes.spines.values()]
        for child in axes.get_children():
            title = isinstance(child, Text) and child not in axes.texts
            if child not in around and not title:
                yield from child.findobj()


def _stroke(effect: Any) -> Any:
    given = dict(effect._gc)  # matplotlib tells it nowhere else
    if "foreground" in given:
        given["foreground"] = darkened(given["foreground"])[0]
    return withStroke(**given)
