"""How much the twin's spectra look like real ones."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from preflare.cleaning import clean
from preflare.level2 import read_raster
from preflare.rules import PAPER_RULES, Rule, accepted
from preflare.shapes import shapes
from preflare.shipped import SAMPLE_RASTER, shipped
from preflare.spectrum import Sampling, grid
from preflare.twin.blends import REAL_MU, absorbed
from preflare.twin.dressing import profiles_at
from preflare.twin.library import WAVELENGTH

Spectra = NDArray[np.float32]

CENTROID_WAVELENGTH = np.linspace(2793.8501, 2799.3240, 216)
"""Å; of the flare centroids of Panos et al. (2018)."""
NOISE_CENTROIDS = [25, 51]
"""Two of the centroids stand for cosmic rays and for noise."""
AT_ONCE = 8192


def real_spectra() -> Spectra:
    """Return the real spectra (n, 240) that travel with preflare, normalised.

    The limb rule stays out: on this raster it finds quiet surroundings, which the twin has too.
    """
    raster = read_raster(shipped(SAMPLE_RASTER))
    cube = clean(raster, reject=PAPER_RULES & ~Rule.LIMB).load()
    spectra = cube["intensity"].values[accepted(cube)]
    return np.asarray(spectra[np.isfinite(spectra).all(axis=1)])


def synthetic_spectra() -> Spectra:
    """Return the spectra (n, 240) that scenes are painted with, as the real ones are seen.

    Under the same angle, with blends, normalised, free of noise.
    """
    return _seen(grid())


def on_centroid_grid() -> Spectra:
    """Return the same spectra (n, 216) at the wavelengths of the flare centroids."""
    return _seen(CENTROID_WAVELENGTH)


def centroids() -> Spectra:
    """Return the centres (53, 216) of clusters of real Mg II k flare spectra."""
    with np.load(shipped("iris/flare_centroids.npz"), allow_pickle=False) as stored:
        found = stored["centroids"].T
    return np.asarray(found / found.max(axis=1, keepdims=True), np.float32)


def nearest_distance(spectra: Spectra, others: Spectra) -> NDArray[np.float64]:
    """Return the rms distance of each spectrum (n, points) to the nearest of others (m, points)."""
    squares = (spectra**2).sum(axis=1, dtype=np.float64)[:, None]
    best = np.full(len(spectra), np.inf)
    for first in range(0, len(others), AT_ONCE):
        part = others[first : first + AT_ONCE]
        distance = squares + (part**2).sum(axis=1, dtype=np.float64) - 2.0 * (spectra @ part.T)
        np.minimum(best, distance.min(axis=1), out=best)
    return np.sqrt(np.maximum(best, 0.0) / spectra.shape[1])


def slit_correlation(cube: xr.Dataset, lag: int) -> dict[str, float]:
    """Return how alike spectra are that are some pixels apart along the slit.

    Parameters
    ----------
    cube : xarray.Dataset
        Loaded, as from `preflare.clean`. Spectra that are not finite are left out.
    lag : int
        Pixels along the slit.

    Returns
    -------
    dict
        The autocorrelation of ``asymmetry``, ``fwhm`` and ``continuum`` (`shapes`), each measured
        from its mean along the slit of its exposure.
    """
    exposures = cube["intensity"].values.reshape(-1, *cube["intensity"].shape[-2:])
    finite = np.isfinite(exposures).all(axis=-1)
    measured = shapes(exposures[finite])
    found = {}
    for trait in ("asymmetry", "fwhm", "continuum"):
        values = np.full(finite.shape, np.nan)
        values[finite] = measured[trait]
        values -= np.nanmean(values, axis=1, keepdims=True)
        pairs = values[:, lag:] * values[:, :-lag]
        found[trait] = float(np.nanmean(pairs) / np.nanmean(values**2))
    return found


def explained_variance(spectra: Spectra, others: Spectra, components: int) -> float:
    """Return the share of the variance of spectra that the others' first components explain."""
    _, _, axes = np.linalg.svd(others - others.mean(axis=0), full_matrices=False)
    centred = spectra - spectra.mean(axis=0)
    projected = centred @ axes[:components].T
    return float((projected**2).sum() / (centred**2).sum())


def _seen(wavelength: NDArray[np.float64]) -> Spectra:
    sampling = Sampling.between(WAVELENGTH, wavelength)
    radiance = absorbed(profiles_at(REAL_MU).radiance, 1.0)
    profiles = sampling(radiance[:, sampling.window])
    return profiles / profiles.max(axis=1, keepdims=True)
