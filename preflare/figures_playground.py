"""The playground on paper: axes in, artists out."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from preflare.figures import mark_lines
from preflare.figures_explaining import coloured_spectrum

FOR, AGAINST, HEAT = "#d95f0e", "#5e3c99", "#c2680a"
"""Of what speaks for PF, of what speaks against it, and of Grad-CAM: as on the live page."""


def on_paper(
    panels: Sequence[Axes],
    wavelength: NDArray[Any],
    spectrum: NDArray[Any],
    gradients: NDArray[Any],
    maps: NDArray[Any],
) -> None:
    """Draw a profile, expected gradients and Grad-CAM, members thin and their mean thick.

    Parameters
    ----------
    panels : sequence of three matplotlib.axes.Axes
    wavelength, spectrum : ndarray, shape (n,)
        Wavelength in Å.
    gradients, maps : ndarray, shape (members, n)
    """
    top, middle, bottom = panels
    mean, heat = gradients.mean(axis=0), maps.mean(axis=0)
    coloured_spectrum(top, wavelength, spectrum, mean)
    top.set_ylabel("Normalised intensity")
    middle.plot(wavelength, gradients.T, color="0.6", lw=0.5)
    width = 1.5 * (wavelength[1] - wavelength[0])
    for up, colour in ((mean > 0, FOR), (mean <= 0, AGAINST)):
        middle.bar(wavelength[up], mean[up], width, color=colour, lw=0, zorder=2)
    middle.axhline(0, color="0.4", lw=0.8)
    most = 1.15 * np.abs(mean).max()
    middle.set(ylabel="Added to the PF logit", ylim=(-most, most))
    bottom.fill_between(wavelength, heat, color=HEAT, alpha=0.45, lw=0)
    bottom.plot(wavelength, maps.T, color="0.6", lw=0.5)
    bottom.plot(wavelength, heat, color="0.1", lw=1.6)
    bottom.set(ylabel="Grad-CAM", ylim=(0, 2 * heat.max()), xlabel="Wavelength (Å)")
    mark_lines(top)
    for axes in (middle, bottom):
        mark_lines(axes, names=False)
