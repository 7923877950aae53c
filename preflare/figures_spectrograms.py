"""Figures of spectrograms, of the scores of features, and of domain shift: axes in, artists out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap, Normalize, PowerNorm
from matplotlib.image import AxesImage
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator, MultipleLocator
from numpy.typing import NDArray

from preflare.domain_shift import Reference, Shift
from preflare.figures import INTENSITY_MAP, mark_lines
from preflare.figures_explaining import SIGNED_MAP, coloured_spectrum
from preflare.figures_networks import CLASS_COLOURS
from preflare.findings.spectrograms import Spectrogram
from preflare.spectrum import LINES

GAP = "0.8"
_SLICE = "C3"
_OUTLINE = withStroke(linewidth=2.5, foreground="white")


def spectrogram(axes: Axes, example: Spectrogram, at: int | None = None) -> AxesImage:
    """Draw a spectrogram: wavelength upwards, raster after raster to the right (Fig. 12).

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    example : Spectrogram
        What is not accepted stays grey.
    at : int, optional
        Which of its spectra to mark by a dashed line, from 0.

    Returns
    -------
    matplotlib.image.AxesImage
        Of normalised intensity for a colour bar; its colours go with the square root, so that
        the triplet is seen beside k and h.
    """
    axes.set_facecolor(GAP)
    image = _map(axes, example, example.spectra, INTENSITY_MAP, PowerNorm(0.5, 0, 1))
    _mark(axes, example, at, "white")
    return image


def saliency(
    axes: Axes, example: Spectrogram, most: float, at: int | None = None
) -> tuple[AxesImage, Axes]:
    """Draw a spectrogram's attributions, the more opaque the higher the score (Fig. 12).

    The line is the score, on the axis to the right; the bar below is one minute.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    example : Spectrogram
        What is not accepted is grey.
    most : float
        Attribution of the full colour, positive and negative, the same for all panels.
    at : int, optional
        Which of its spectra to mark by a dashed line, from 0.

    Returns
    -------
    image : matplotlib.image.AxesImage
        Of attributions, for a colour bar.
    right : matplotlib.axes.Axes
        That of the score.
    """
    axes.set_facecolor("white")
    gaps = np.ma.masked_equal(~example.accepted[None], False)
    _map(axes, example, gaps.T, ListedColormap([GAP]), Normalize(0, 1))
    opacity = np.nan_to_num(example.score)[None].repeat(len(example.wavelength), 0)
    image = _map(axes, example, example.attribution, SIGNED_MAP, Normalize(-most, most))
    image.set_alpha(np.clip(opacity, 0.0, 1.0))
    _mark(axes, example, at, "0.35")
    right = axes.twinx()
    # A score between two gaps has no neighbour to be joined to: the dots show it.
    right.plot(
        example.raster, example.score, ".-", color="0.1", lw=1.2, ms=3, path_effects=[_OUTLINE]
    )
    right.set(ylim=(0, 1), yticks=[0, 0.5, 1])
    right.spines["right"].set_visible(True)
    if np.isfinite(example.cadence):
        minute, start = 60 / example.cadence, example.raster[0] - 0.5 + 0.03 * len(example)
        axes.broken_barh(
            [(start, minute)], (0.04, 0.02), color="black", transform=axes.get_xaxis_transform()
        )
        axes.annotate(
            "1 min", (start + minute, 0.05), (3, 0), xycoords=axes.get_xaxis_transform(),
            textcoords="offset points", va="center", fontsize="x-small", path_effects=[_OUTLINE],
        )  # fmt: skip
    return image, right


def slices(
    panels: Sequence[Axes], examples: Sequence[Spectrogram], places: Sequence[int], most: float
) -> list[LineCollection]:
    """Draw one spectrum of each spectrogram, coloured by its attribution (Fig. 13).

    Parameters
    ----------
    panels : sequence of matplotlib.axes.Axes
    examples : sequence of Spectrogram
    places : sequence of int
        Which accepted spectrum of each, from 0.
    most : float
        Attribution of the full colour, as for `saliency`.
    """
    lines = []
    for axes, example, at in zip(panels, examples, places, strict=True):
        line = coloured_spectrum(
            axes, example.wavelength, example.spectra[at], example.attribution[at]
        )
        line.set_clim(-most, most)
        mark_lines(axes, through=False)
        axes.xaxis.set_major_locator(MultipleLocator(5))
        what = f"{example.name}\nstep {example.step}\nscore {example.score[at]:.2f}"
        axes.text(
            0.58, 0.95, what,
            transform=axes.transAxes, ha="center", va="top", fontsize="x-small",
        )  # fmt: skip
        lines.append(line)
    return lines


def feature_differences(axes: Axes, table: pd.DataFrame) -> None:
    """Draw how much higher spectra with a feature score, one row a feature.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    table : pandas.DataFrame
        From `preflare.findings.feature_scores.feature_scores`, rows of one comparison; classes get
        a colour and a marker each.
    """
    features = list(dict.fromkeys(table["feature"]))
    rows = pd.Series(np.arange(len(features), dtype=float), features)
    classes = list(dict.fromkeys(table["class"]))
    markers = iter("osD")
    for shift, name in zip(np.linspace(-0.12, 0.12, len(classes)), classes, strict=True):
        own = table[table["class"] == name]
        place = rows[own["feature"]] + (shift if len(classes) > 1 else 0.0)
        spread = [own["difference"] - own["low"], own["high"] - own["difference"]]
        axes.errorbar(
            own["difference"], place, xerr=spread, fmt=next(markers), ms=6, lw=1.5,
            color=CLASS_COLOURS.get(name), label=name,
        )  # fmt: skip
    axes.axvline(0, color="0.4", lw=0.8)
    axes.set_yticks(rows, [feature.replace("_", " ") for feature in features])
    axes.set_ylim(len(features) - 0.5, -0.5)
    axes.set_xlabel("Mean score with the feature less without")
    axes.legend(
        fontsize="small", ncols=len(classes), loc="lower right", bbox_to_anchor=(1, 1),
        borderaxespad=0,
    )  # fmt: skip


def distances(axes: Axes, reference: Reference, shifts: dict[str, Shift]) -> None:
    """Draw how far spectra are from the nearest training spectrum, and what is usual.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    reference : Reference
        Its distances are drawn filled; the line is what 95 % of them do not exceed.
    shifts : dict of str to Shift
        By what the spectra are.
    """
    highest = max(float(each.distance.max()) for each in shifts.values())
    edges = np.linspace(0, 1.02 * max(highest, float(reference.usual.max())), 61)

    def draw(values: NDArray[Any], **look: Any) -> None:
        axes.stairs(np.histogram(values, edges)[0] / len(values), edges, **look)

    draw(reference.usual, fill=True, color="0.82", label="training, to other observations")
    for number, (name, each) in enumerate(shifts.items()):
        draw(each.distance, color=f"C{number}", lw=1.8, label=name)
    axes.axvline(reference.limit, color="0.25", lw=1, ls="--")
    axes.annotate(
        "95 %", (reference.limit, 1), (3, 0), xycoords=("data", "axes fraction"),
        textcoords="offset points", va="top", fontsize="small",
    )  # fmt: skip
    axes.set(
        xlabel="Rms distance to the nearest training spectrum",
        ylabel="Share of the spectra",
        xlim=(0, edges[-1]),
    )
    axes.legend(fontsize="small")


def _map(
    axes: Axes,
    example: Spectrogram,
    values: NDArray[Any],
    colours: str | ListedColormap,
    norm: Normalize,
) -> AxesImage:
    """Draw values (n, 240) or (n, 1), nan left transparent, over raster and wavelength."""
    raster, wavelength = example.raster, example.wavelength
    half = 0.5 * (wavelength[1] - wavelength[0])
    edges = raster[0] - 0.5, raster[-1] + 0.5, wavelength[0] - half, wavelength[-1] + half
    return axes.imshow(
        np.ma.masked_invalid(values).T, extent=edges, origin="lower", aspect="auto",
        interpolation="none", cmap=colours, norm=norm,
    )  # fmt: skip


def _mark(axes: Axes, example: Spectrogram, at: int | None, colour: str) -> None:
    for wavelength in LINES.values():
        axes.axhline(wavelength, color=colour, lw=0.8, ls=(0, (4, 3)))
    axes.set_yticks(list(LINES.values()), [f"{name} {place:.1f}" for name, place in LINES.items()])
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    if at is not None:
        axes.axvline(example.raster[at], color=_SLICE, lw=1.4, ls="--")
    axes.set_xlim(example.raster[0] - 0.5, example.raster[-1] + 0.5)
