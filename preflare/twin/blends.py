"""Absorption by the photosphere's other metals (Ni I, Cr II, Mn I ...) across the window.

The radiative transfer knows magnesium only. What the others take away is measured once, as an
optical depth, from the quietest of the real spectra that travel with preflare.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, grey_closing

from preflare.level2 import Raster, read_raster
from preflare.shipped import SAMPLE_RASTER, shipped
from preflare.twin.dressing import profiles_at
from preflare.twin.library import WAVELENGTH

Array = NDArray[np.float64]
Spectra = NDArray[np.float32]

QUIETEST = 0.3
"""Share of the real spectra, those with the faintest cores, that count as quiet."""
WIDEST = 23
"""Pixels; narrower dips in the ratio of real to synthetic spectra count as blends."""
OF_MAGNESIUM = ((2796.34, 0.5), (2803.52, 0.5), (2798.79, 0.14))
"""Å; centres and half-widths of what belongs to magnesium."""
REAL_MU = 0.81
"""Cosine of the viewing angle of the real spectra."""


def measure(raster: Raster, quiet: NDArray[np.floating]) -> Array:
    """Measure the blends' optical depth.

    Parameters
    ----------
    raster : Raster
        Real spectra that cover the library's window.
    quiet : ndarray, (512,)
        The mean quiet spectrum of the library.

    Returns
    -------
    ndarray, (512,)
        Optical depth at `preflare.twin.library.WAVELENGTH`; 0 in the lines of magnesium.
    """
    inside = (raster.wavelength > WAVELENGTH[0] - 0.05) & (
        raster.wavelength < WAVELENGTH[-1] + 0.05
    )
    spectra = raster.intensity[:, :, inside].compute().reshape(-1, inside.sum())
    peak = spectra.max(axis=1)
    usable = (spectra > -50.0).all(axis=1) & (peak > 10.0 * raster.exposure.max())
    spectra, peak = spectra[usable], peak[usable]
    mean = spectra[peak < np.quantile(peak, QUIETEST)].mean(axis=0)
    ratio = np.interp(WAVELENGTH, raster.wavelength[inside], mean) / quiet
    ratio = gaussian_filter1d(ratio, 0.5)
    depth = np.log(grey_closing(ratio, size=(WIDEST,)) / ratio)
    for centre, halfwidth in OF_MAGNESIUM:
        depth[np.abs(WAVELENGTH - centre) < halfwidth] = 0.0
    return np.asarray(depth)


@lru_cache(maxsize=1)
def blends() -> tuple[Spectra, float]:
    """Return the optical depth (512,) and the photosphere's radiance (W m-2 sr-1 nm-1).

    The blends act on the photosphere's light only, of which there is no more than that.
    """
    profiles = profiles_at(REAL_MU)
    quiet = profiles.radiance[profiles.regime == "quiet"]
    raster = read_raster(shipped(SAMPLE_RASTER))
    light = np.median(quiet[:, np.abs(WAVELENGTH - 2800.0) < 0.2].mean(axis=1))
    return measure(raster, quiet.mean(axis=0)).astype(np.float32), float(light)


def absorbed(radiance: Spectra, strength: float) -> Spectra:
    """Return spectra (..., 512) after the blends, ``strength`` times as deep as measured."""
    depth, photosphere = blends()
    taken = -np.expm1(-np.float32(strength) * depth)
    return np.asarray(radiance - np.minimum(radiance, np.float32(photosphere)) * taken)
