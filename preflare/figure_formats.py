"""Figures and tables that a notebook shows, in the formats that a reader may take home.

A notebook keeps an output in several formats. To matplotlib's PNG these add the same figure for a
dark page, as PDF, and its numbers; to a table its numbers.
"""

from __future__ import annotations

import gzip
import sys
from base64 import b64encode
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rcParams
from matplotlib.collections import Collection
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from pandas.io.formats.style import Styler

from preflare.figure_dark import dark
from preflare.figure_numbers import numbers, places

PDF, CSV = "application/pdf", "text/csv"
DARK, PACKED = "application/vnd.preflare.dark+png", "application/vnd.preflare.csv+gzip"
"""Formats beside those that every notebook knows."""
LONG = 500_000
"""Characters of numbers from which they are packed: a notebook is saved after each cell."""
MANY = 1000
"""Marks that PDF draws as an image: as many would make the file large and slow to open."""
DIGITS = "%.6g"


def offer() -> None:
    """Make the notebook that this runs in keep figures and tables in all formats."""
    if "IPython" not in sys.modules:
        return
    shell: Any = sys.modules["IPython"].get_ipython()
    if shell is None:
        return
    bundles: Any = shell.display_formatter.mimebundle_formatter
    bundles.for_type(Figure, figure_bundle)
    bundles.for_type(pd.DataFrame, table_bundle)
    bundles.for_type(Styler, lambda styler, **_: table_bundle(styler.data))


def figure_bundle(figure: Figure, **_: Any) -> dict[str, str]:
    """Give a figure's formats: PDF, numbers, and PNG for a dark page.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    **_
        What IPython says besides.

    Returns
    -------
    dict of str to str
        By MIME type; what is not text as base64. A drawing that shows no data has no numbers.
    """
    # Laid out and measured once, not anew for each format.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    extent = figure.get_tightbbox().padded(rcParams["savefig.pad_inches"])
    with dark(figure):
        night = _saved(figure, "png", extent, facecolor=figure.get_facecolor(), dpi="figure")
    heavy = [
        artist
        for artist in figure.findobj(Collection)
        if max(len(places(artist)), np.size(artist.get_array())) > MANY  # type: ignore[arg-type]
    ]
    for artist in heavy:
        artist.set_rasterized(True)
    formats = {PDF: _saved(figure, "pdf", extent, metadata={"CreationDate": None}), DARK: night}
    shown = numbers(figure)
    return formats | (_listed(shown, index=False) if len(shown) else {})


def table_bundle(table: pd.DataFrame, **_: Any) -> dict[str, str]:
    """Give a table's numbers.

    Parameters
    ----------
    table : pandas.DataFrame
    **_
        What IPython says besides.

    Returns
    -------
    dict of str to str
        By MIME type.
    """
    named = table.index.names != [None] or not isinstance(table.index, pd.RangeIndex)
    return _listed(table, index=named)


def _listed(table: pd.DataFrame, *, index: bool) -> dict[str, str]:
    listed = table.to_csv(index=index, float_format=DIGITS)
    if len(listed) <= LONG:
        return {CSV: listed}
    return {
        PACKED: b64encode(gzip.compress(listed.encode(), compresslevel=6, mtime=0)).decode("ascii")
    }


def _saved(figure: Figure, kind: str, extent: Bbox, **options: Any) -> str:
    file = BytesIO()
    figure.savefig(file, format=kind, bbox_inches=extent, **options)
    return b64encode(file.getvalue()).decode("ascii")
