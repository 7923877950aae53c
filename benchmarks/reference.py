"""Cleaning as one would first write it: a loop over spectra. Slow, plain, and independent."""

import numpy as np
from numpy.typing import NDArray

GRID = 2794.14 + (2805.72 - 2794.14) / 239 * np.arange(240)
K, H = 2796.34, 2803.52


def clean_one(
    pixels: NDArray[np.float32], wavelength: NDArray[np.float64], exposure: float
) -> tuple[NDArray[np.float64], float, int]:
    """Clean one spectrum.

    Parameters
    ----------
    pixels : ndarray, shape (n,)
        In DN.
    wavelength : ndarray, shape (n,)
        In Å.
    exposure : float
        In s.

    Returns
    -------
    profile : ndarray, shape (240,)
        Normalised; nan throughout if any rule but saturation finds fault.
    peak : float
        In DN/s.
    flags : int
        1 missing, 2 overexposed, 4 low signal, 8 cosmic ray, 16 line ratio, 32 limb,
        128 saturated.
    """
    left = np.searchsorted(wavelength, GRID[0], side="right") - 1
    right = np.searchsorted(wavelength, GRID[-1], side="right") + 1
    window = np.array(pixels[left:right], float)
    flags = 0
    if not np.all(window >= -100) or not exposure > 0:
        flags |= 1
    if np.any(window >= 16000):
        flags |= 128
    if np.any(np.isposinf(window)):
        return np.full(240, np.nan), np.inf, flags
    window[~(window >= -100)] = np.nan
    profile = np.interp(GRID, wavelength[left:right], window)
    if np.isnan(profile).all():
        return profile, np.nan, flags
    top = np.nanmax(profile)
    run = longest = 0
    for equal in profile == top:
        run = run + 1 if equal else 0
        longest = max(longest, run)
    if longest >= 10:
        flags |= 2
    if exposure > 0 and top / exposure < 10:
        flags |= 4
    k, h = np.argmin(np.abs(GRID - K)), np.argmin(np.abs(GRID - H))
    cores = np.concatenate([profile[k - 10 : k + 11], profile[h - 10 : h + 11]])
    if not np.isnan(cores).all() and np.nanmax(cores) < top:
        flags |= 8
    ratio = profile[k - 10 : k + 11].sum() / profile[h - 10 : h + 11].sum()
    if ratio < 0.7 or ratio > 2.3:
        flags |= 16
    if top > 0 and exposure > 0 and np.mean(profile[115:125]) / top >= 0.4:
        flags |= 32
    if flags & 127 or not top > 0:
        profile = np.full(240, np.nan)
    return profile / top, top / exposure if exposure > 0 else np.nan, flags


def clean_loop(
    spectra: NDArray[np.float32], wavelength: NDArray[np.float64], exposure: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.uint8]]:
    """Clean a raster (step, slit, wavelength), spectrum by spectrum.

    Parameters
    ----------
    spectra : ndarray, shape (step, slit, n)
        In DN.
    wavelength : ndarray, shape (n,)
        In Å.
    exposure : ndarray, shape (step,)
        In s.

    Returns
    -------
    profiles, peaks, flags : ndarray
        As `clean_one`, with the leading axes (step, slit).
    """
    steps, slit, _ = spectra.shape
    profiles = np.empty((steps, slit, 240))
    peaks = np.empty((steps, slit))
    flags = np.empty((steps, slit), np.uint8)
    for step in range(steps):
        for pixel in range(slit):
            profiles[step, pixel], peaks[step, pixel], flags[step, pixel] = clean_one(
                spectra[step, pixel], wavelength, exposure[step]
            )
    return profiles, peaks, flags
