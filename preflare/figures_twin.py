"""Figures of the twin and of what only whole observations show: axes in, artists out."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import BoundaryNorm, ListedColormap
from numpy.typing import NDArray

from preflare.figures import INTENSITY_MAP, mark_lines
from preflare.quietsun import LearningCurve

_KIND_COLOURS = ["0.88", "#0072b2", "#d55e00", "#56b4e9", "#cc79a7", "#e69f00", "0.25"]


def x_rays(
    axes: Axes,
    minutes: NDArray[Any],
    flux: NDArray[Any],
    window: tuple[float, float],
    onset: float | None,
) -> None:
    """Draw the X-ray flux with the observed window shaded and the onset marked.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    minutes : ndarray, shape (n,)
        Since the observation began.
    flux : ndarray, shape (n,)
        W m-2.
    window : tuple of float
        First and last minute whose spectra count for the study.
    onset : float or None
        Minute of the flare's onset.
    """
    axes.axvspan(*window, color="C0", alpha=0.15, lw=0)
    axes.semilogy(minutes, flux, "0.2", lw=1.4)
    if onset is not None:
        axes.axvline(onset, color="C3", lw=1.2, ls="--")
        axes.annotate(
            "onset", (onset, 0.95), (4, 0), xycoords=("data", "axes fraction"),
            textcoords="offset points", color="C3", va="top", fontsize="small",
        )  # fmt: skip
    for letter, level in (("C", 1e-6), ("M", 1e-5), ("X", 1e-4)):
        axes.text(1.01, level, letter, transform=axes.get_yaxis_transform(), va="center")
    axes.set(ylim=(2e-7, 4e-4), xlim=minutes[[0, -1]], ylabel="1–8 Å (W m$^{-2}$)")


def slit_time(
    axes: Axes, minutes: NDArray[Any], along: NDArray[Any], values: NDArray[Any]
) -> QuadMesh:
    """Draw a quantity along the slit against time.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    minutes : ndarray, shape (n,)
    along : ndarray, shape (m,)
        In arcsec.
    values : ndarray, shape (n, m)
    """
    axes.set_facecolor("0.8")
    image = axes.pcolormesh(
        minutes, along, np.ma.masked_invalid(values).T, cmap=INTENSITY_MAP, rasterized=True
    )
    axes.set(ylabel="Along the slit (arcsec)")
    return image


def kinds_along_slit(
    axes: Axes,
    minutes: NDArray[Any],
    along: NDArray[Any],
    kind: NDArray[Any],
    names: list[str],
) -> QuadMesh:
    """Draw the truth along the slit against time: which kind of event each spectrum holds.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    minutes : ndarray, shape (n,)
    along : ndarray, shape (m,)
        In arcsec.
    kind : ndarray of int, shape (n, m)
        Places in `names`.
    names : list of str

    Returns
    -------
    matplotlib.collections.QuadMesh
        For a colour bar, whose ticks are the kinds.
    """
    colours = ListedColormap(_KIND_COLOURS[: len(names)])
    norm = BoundaryNorm(np.arange(-0.5, len(names)), len(names))
    image = axes.pcolormesh(minutes, along, kind.T, cmap=colours, norm=norm, rasterized=True)
    axes.set(ylabel="Along the slit (arcsec)")
    return image


def pair(
    axes: Axes,
    wavelength: NDArray[Any],
    without: NDArray[Any],
    with_event: NDArray[Any],
    title: str,
) -> None:
    """Draw a profile with and without an event, and shade the difference.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    wavelength : ndarray, shape (n,)
        In Å.
    without, with_event : ndarray, shape (n,)
    title : str
    """
    axes.fill_between(wavelength, without, with_event, color="C1", alpha=0.3, lw=0)
    axes.plot(wavelength, without, "0.3", lw=1.1, label="without")
    axes.plot(wavelength, with_event, "C1", lw=1.3, label="with")
    axes.set(xlim=wavelength[[0, -1]], ylim=(0, None))
    axes.set_title(title, pad=14, fontsize="medium")
    mark_lines(axes)


def beside(
    axes: Axes,
    wavelength: NDArray[Any],
    real: NDArray[Any],
    synthetic: NDArray[Any],
    distance: float,
) -> None:
    """Draw a real profile and the synthetic one nearest to it.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    wavelength : ndarray, shape (n,)
        In Å.
    real, synthetic : ndarray, shape (n,)
    distance : float
        Their rms difference.
    """
    axes.plot(wavelength, real, "0.2", lw=1.1, label="IRIS")
    axes.plot(wavelength, synthetic, "C1", lw=1.1, ls="--", label="twin")
    axes.set(xlim=wavelength[[0, -1]], ylim=(0, 1.08))
    axes.text(0.5, 0.9, f"rms {distance:.3f}", transform=axes.transAxes, ha="center")


def learning_curve(axes: Axes, curve: LearningCurve) -> None:
    """Draw the reconstruction error against the epoch.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    curve : LearningCurve
    """
    epochs = np.arange(1, curve.train.size + 1)
    axes.plot(epochs, curve.train, "C0", marker="o", ms=3, label="trained on")
    axes.plot(epochs, curve.held_out, "C1", marker="s", ms=3, ls="--", label="held out")
    axes.set(xlabel="Epoch", ylabel="Mean error", yscale="log")
    axes.legend()


def error_histogram(axes: Axes, errors: Mapping[str, NDArray[Any]], threshold: float) -> None:
    """Draw how the reconstruction errors of some sets of spectra are distributed.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    errors : mapping of str to ndarray
        By the name of the set.
    threshold : float
        Up to which a spectrum counts as quiet.
    """
    bins = np.geomspace(0.05, 20, 60)
    highest = 0.0
    for (name, values), style in zip(errors.items(), ("-", "--", ":", "-."), strict=False):
        share, _ = np.histogram(values, bins)
        highest = max(highest, share.max() / len(values))
        axes.stairs(share / len(values), bins, lw=1.6, ls=style, label=name)
    axes.axvline(threshold, color="0.3", lw=1)
    axes.set(xscale="log", xlabel="Reconstruction error", ylabel="Share of the spectra")
    axes.set_ylim(0, 1.5 * highest)  # room for the legend above the curves
    axes.legend(fontsize="small", ncols=2, loc="upper center")
