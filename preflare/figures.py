"""Figures: axes in, artists out, no computing."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.image import AxesImage
from matplotlib.ticker import MultipleLocator
from numpy.typing import NDArray
from pandas.io.formats.style import Styler

from preflare.figure_formats import offer
from preflare.spectrum import LINES

INTENSITY_MAP = "cividis"
"""Perceptually uniform and readable with any colour vision."""

_WAVELENGTH = "Wavelength (Å)"


def use_style() -> None:
    """Set the look of all figures of the book, and have notebooks keep them for taking home."""
    offer()
    sns.set_theme(
        context="notebook",
        style="ticks",
        palette="colorblind",
        rc={
            "figure.dpi": 110,
            "savefig.dpi": 160,
            "figure.constrained_layout.use": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "image.cmap": INTENSITY_MAP,
            "image.origin": "lower",
            "legend.frameon": False,
            "font.size": 11,
            "figure.labelsize": "medium",
        },
    )


def mark_lines(axes: Axes, *, names: bool = True, through: bool = True) -> None:
    """Mark the positions of k, the triplet and h.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        With wavelength in Å along x.
    names : bool
        Whether to write each line's name above it.
    through : bool
        Whether to draw dashed lines through the axes, or only ticks above them.
    """
    for name, wavelength in LINES.items():
        if through:
            axes.axvline(wavelength, color="0.35", lw=0.8, ls=(0, (4, 3)), zorder=1)
        else:
            ends = [1.0, 1.025]
            axes.plot(
                [wavelength] * 2,
                ends,
                "0.35",
                lw=1,
                transform=axes.get_xaxis_transform(),
                clip_on=False,
            )
        if names:
            axes.text(
                wavelength,
                1.01 if through else 1.03,
                name,
                transform=axes.get_xaxis_transform(),
                ha="center",
                va="bottom",
                fontsize="small",
            )


def profile(
    axes: Axes, wavelength: NDArray[Any], intensity: NDArray[Any], ylabel: str, **style: Any
) -> None:
    """Draw one spectrum with the line positions.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    wavelength : ndarray, shape (n,)
        In Å.
    intensity : ndarray, shape (n,)
    ylabel : str
        What the intensity is, with its unit.
    **style
        For `Axes.plot`.
    """
    look: dict[str, Any] = {"lw": 1.3, "color": "C0"} | style
    axes.plot(wavelength, intensity, **look)
    axes.set(xlabel=_WAVELENGTH, ylabel=ylabel, xlim=(wavelength[0], wavelength[-1]))
    mark_lines(axes)


def spectrogram(
    axes: Axes,
    wavelength: NDArray[Any],
    along: NDArray[Any],
    intensity: NDArray[Any],
    ylabel: str = "Along the slit (arcsec)",
) -> QuadMesh:
    """Draw spectra as rows of an image; rows without values stay grey.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    wavelength : ndarray, shape (n,)
        In Å.
    along : ndarray, shape (rows,)
        Position of each row.
    intensity : ndarray, shape (rows, n)
    ylabel : str
        What `along` is.

    Returns
    -------
    matplotlib.collections.QuadMesh
        For a colour bar.
    """
    axes.set_facecolor("0.8")
    image = axes.pcolormesh(
        wavelength, along, np.ma.masked_invalid(intensity), cmap=INTENSITY_MAP, rasterized=True
    )
    axes.set(xlabel=_WAVELENGTH, ylabel=ylabel)
    mark_lines(axes, through=False)
    return image


def gallery(
    panels: Iterable[Axes],
    wavelength: NDArray[Any],
    profiles: Sequence[NDArray[Any]],
    titles: Sequence[str],
) -> None:
    """Draw small normalised profiles, one a panel.

    Parameters
    ----------
    panels : iterable of matplotlib.axes.Axes
    wavelength : ndarray, shape (n,)
        In Å.
    profiles : sequence of ndarray, shape (n,)
    titles : sequence of str
        One for each profile.
    """
    for axes, values, title in zip(panels, profiles, titles, strict=True):
        axes.plot(wavelength, values, lw=1.1)
        axes.set_title(title, fontsize="small", loc="left")
        axes.set(xlim=(wavelength[0], wavelength[-1]), ylim=(-0.02, 1.08))
        axes.xaxis.set_major_locator(MultipleLocator(5))
        mark_lines(axes, names=False)


def rule_counts(axes: Axes, counts: pd.DataFrame) -> None:
    """Draw how many spectra each rule finds, and how many only it finds.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    counts : pandas.DataFrame
        From `preflare.count_rules`.
    """
    rows = np.arange(len(counts))
    axes.barh(rows, counts["flagged"], color="C0", alpha=0.45, label="flagged")
    axes.barh(rows, counts["alone"], height=0.4, color="C0", label="by this rule alone")
    for row, flagged in zip(rows, counts["flagged"], strict=True):
        axes.annotate(
            f"{flagged:,}", (flagged, row), (4, 0), textcoords="offset points", va="center"
        )
    axes.set_yticks(rows, counts.index)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_xlabel("Spectra")
    axes.legend(loc="center right")


def slit_jaw(
    axes: Axes,
    image: NDArray[Any],
    edges: tuple[float, float, float, float],
    slits: Sequence[float],
    span: tuple[float, float],
) -> AxesImage:
    """Draw a slit-jaw image with the slit positions of a raster.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    image : ndarray, shape (y, x)
        nan where there is none.
    edges : tuple of float
        Left, right, bottom, top in arcsec.
    slits : sequence of float
        x of each slit position in arcsec.
    span : tuple of float
        Lowest and highest y of the slit in arcsec.

    Returns
    -------
    matplotlib.image.AxesImage
        For a colour bar.
    """
    low, high = np.nanpercentile(image, [1, 99.5])
    axes.set_facecolor("0.8")
    shown = axes.imshow(image, extent=edges, vmin=low, vmax=high, cmap=INTENSITY_MAP)
    axes.vlines(slits, *span, color="white", lw=1.6)
    axes.vlines(slits, *span, color="C3", lw=0.9)
    axes.set(xlabel="Helioprojective x (arcsec)", ylabel="Helioprojective y (arcsec)")
    return shown


def slit_shadow(
    axes: Axes, x: NDArray[Any], brightness: NDArray[Any], expected: float, exposed: float
) -> None:
    """Draw the brightness across a slit-jaw image, with the slit where two files expect it.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    x : ndarray, shape (n,)
        Of each image column in arcsec.
    brightness : ndarray, shape (n,)
        Median of each column in DN.
    expected : float
        x of the slit by the slit-jaw file.
    exposed : float
        x of the slit by the raster file.
    """
    axes.plot(x, brightness, drawstyle="steps-mid", color="C0", lw=1.2)
    axes.axvline(expected, color="0.35", lw=0.8, ls=(0, (4, 3)), label="slit, slit-jaw file")
    axes.plot(exposed, brightness.min(), "^", color="C3", clip_on=False, label="slit, raster file")
    axes.set(xlabel="Helioprojective x (arcsec)", ylabel="Median brightness (DN)")
    axes.legend(fontsize="small", loc="center right")


def table(rows: pd.DataFrame) -> Styler:
    """Set a table for a page: no index, numbers grouped and to the right.

    Parameters
    ----------
    rows : pandas.DataFrame

    Returns
    -------
    pandas.io.formats.style.Styler
        Shown by a notebook as HTML, the same HTML every time.
    """
    numbers = rows.select_dtypes("number").columns
    # Styles go by the cells' identifiers, so those must differ between the tables of a page.
    name = "".join(filter(str.isalnum, "".join(map(str, rows.columns))))
    style = rows.style.hide(axis="index").format(thousands=",").set_uuid(name)
    style = style.set_properties(subset=numbers, **{"text-align": "right"})
    return style.set_table_attributes('class="dataframe"')


def offset_profiles(
    axes: Axes, wavelength: NDArray[Any], profiles: dict[str, NDArray[Any]]
) -> None:
    """Draw named profiles one above the other.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    wavelength : ndarray, shape (n,)
        In Å.
    profiles : dict of str to ndarray, shape (n,)
        Normalised; the first is drawn lowest.
    """
    for level, (name, values) in enumerate(profiles.items()):
        axes.plot(wavelength, values + 1.15 * level, lw=1.3)
        axes.text(2801.1, 1.15 * level + 0.55, name, ha="center", color=f"C{level}")
    axes.set(xlabel=_WAVELENGTH, ylabel="Normalised intensity + offset", yticks=[])
    axes.set_xlim(wavelength[0], wavelength[-1])
    mark_lines(axes)


def cell_edges(centres: NDArray[Any]) -> NDArray[Any]:
    """Return where the cells of a map meet.

    Parameters
    ----------
    centres : ndarray, shape (n,)
        One alone gets a cell of width 1.

    Returns
    -------
    ndarray, shape (n + 1,)
    """
    if centres.size == 1:
        return np.array([centres[0] - 0.5, centres[0] + 0.5])
    middle = 0.5 * (centres[1:] + centres[:-1])
    first, last = 2 * centres[0] - middle[0], 2 * centres[-1] - middle[-1]
    return np.concatenate([[first], middle, [last]])
