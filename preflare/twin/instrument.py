"""The spectrograph: from the light of a scene to counts, with all that goes wrong on the way.

Numbers are those of De Pontieu et al. (2014, Solar Physics 289, 2733) and of the real spectra that
travel with preflare. What differs from observation to observation is drawn from the same
distributions for both classes, so that nothing of the instrument tells them apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from preflare.twin.blends import absorbed
from preflare.twin.library import SIGMA_PER_FWHM
from preflare.twin.modes import Mode

Array = NDArray[np.float64]
Spectra = NDArray[np.float32]

COUNTS = 0.036 / 8.0
"""DN per s and per W m-2 sr-1 nm-1."""
SLIT_PSF = 0.4
"""arcsec; full width at half maximum of the point spread along the slit."""
NARROWEST_PSF = 0.3
"""Pixels; a point spread with a smaller standard deviation is lost in the pixel."""
READ_VARIANCE = 0.1
COUNTS_PER_PHOTON = 1.0 / 11.5
CLIP = 16_383.0
"""DN at which the detector clips."""
COSMIC_RAYS = 3.0e-6
"""Hits per pixel that despiking leaves."""
ORBIT = 97 * 60.0
"""s; the wavelength scale drifts with the spacecraft's orbit."""
WELL_EXPOSED = 12_000.0
"""DN above which automatic exposure control shortens the next exposures."""
SHORTEST = 0.5
"""s."""
MISSING = -200.0


@dataclass(frozen=True)
class Detector:
    """What differs from one observation to another.

    Attributes
    ----------
    throughput : float
        Factor on the counts.
    offset, drift, phase : float
        Error of the wavelength scale in pixels: constant, amplitude over the orbit, and phase.
    blends : float
        Factor on the blends' optical depth.
    dark : float
        DN left over after the dark subtraction.
    lost_rows : float
        Share of the pixels along the slit, at its ends and under the fiducial marks, without data.
    lost_steps : float
        Share of the exposures without data.
    gaps : float
        Share of the exposures that lack part of the slit.
    """

    throughput: float
    offset: float
    drift: float
    phase: float
    blends: float
    dark: float
    lost_rows: float
    lost_steps: float
    gaps: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Detector:
        """Draw an observation's detector."""
        return cls(
            throughput=float(np.exp(rng.normal(0.0, 0.08))),
            offset=float(rng.normal(0.0, 0.25)),
            drift=float(rng.uniform(0.0, 0.2)),
            phase=float(rng.uniform(0, 2 * np.pi)),
            blends=float(rng.uniform(0.75, 1.25)),
            dark=float(rng.normal(0.0, 0.5)),
            lost_rows=float(rng.uniform(0.02, 0.06)),
            lost_steps=float(rng.uniform(0.0, 0.01)),
            gaps=float(rng.uniform(0.0, 0.03)),
        )

    def rate(self, radiance: Spectra, t: Array) -> Spectra:
        """Return DN/s, free of noise, from spectra as they reach the slit.

        Parameters
        ----------
        radiance : ndarray of float32, (n, 512)
            W m-2 sr-1 nm-1.
        t : ndarray, (n,)
            When each was taken, in s.
        """
        shift = self.offset + self.drift * np.sin(2 * np.pi * t / ORBIT + self.phase)
        moved = _shifted(absorbed(radiance, self.blends), shift.astype(np.float32)[:, None])
        return np.asarray(np.float32(COUNTS * self.throughput) * moved)


def _shifted(spectra: Spectra, shift: Spectra) -> Spectra:
    """Move spectra (n, points) by part of a pixel, with a parabola through three pixels."""
    moved = (1 - shift**2) * spectra
    moved[:, 1:] += 0.5 * shift * (shift + 1) * spectra[:, :-1]
    moved[:, :-1] += 0.5 * shift * (shift - 1) * spectra[:, 1:]
    moved[:, [0, -1]] = spectra[:, [0, -1]]
    return np.asarray(moved)


def blurred(light: NDArray[np.floating], mode: Mode) -> Spectra:
    """Return what the point spread along the slit makes of an array (exposures, slit, ...)."""
    pixel = float(mode.y[1] - mode.y[0]) if mode.y.size > 1 else np.inf
    sigma = SLIT_PSF * SIGMA_PER_FWHM / pixel
    if sigma < NARROWEST_PSF:
        return np.asarray(light, np.float32)
    return np.asarray(
        gaussian_filter1d(light, sigma, axis=1, mode="nearest", truncate=3.0), np.float32
    )


def spilled(kind: NDArray[np.uint8], touched: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return the kind of event (exposures, slit) in each pixel that the point spread reaches.

    A pixel keeps its own; one that only gets a neighbour's light takes the nearest one's kind.
    """
    result = np.where(touched, kind, 0).astype(np.uint8)
    distance = 1
    while (open_pixels := touched & (result == 0)).any() and distance < kind.shape[1]:
        for here, there in (
            (slice(distance, None), slice(None, -distance)),
            (slice(None, -distance), slice(distance, None)),
        ):
            fills = open_pixels[:, here] & (result[:, here] == 0)
            result[:, here][fills] = kind[:, there][fills]
        distance += 1
    return result


def exposures(commanded: float, brightest: Array, before: float) -> Array:
    """Return each exposure's time (s) under automatic exposure control.

    Parameters
    ----------
    commanded : float
        s.
    brightest : ndarray, (exposures,)
        DN/s of the brightest pixel in each exposure.
    before : float
        DN/s of the brightest pixel in the exposure before the first.
    """
    seen = np.concatenate([[before], brightest[:-1]])
    with np.errstate(divide="ignore"):
        halvings = np.ceil(np.log2(np.maximum(seen * commanded / WELL_EXPOSED, 1.0)))
    return np.asarray(np.maximum(commanded / 2.0**halvings, min(SHORTEST, commanded)))


def noisy(counts: Spectra, rng: np.random.Generator) -> Spectra:
    """Return DN with photon and read noise, cosmic rays, and the detector's clipping."""
    noise = rng.standard_normal(counts.shape, np.float32)
    noise *= np.sqrt(READ_VARIANCE + np.maximum(counts, 0.0) * np.float32(COUNTS_PER_PHOTON))
    noise += counts
    for _ in range(rng.poisson(COSMIC_RAYS * counts.size)):
        place = tuple(rng.integers(0, counts.shape))
        width = rng.integers(1, 4)
        noise[(*place[:-1], slice(place[-1], place[-1] + width))] += rng.exponential(1500.0)
    return np.minimum(noise, np.float32(CLIP), out=noise)


def lost(mode: Mode, detector: Detector, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Draw which pixels (rasters, positions, slit) have no data."""
    slit = mode.y.size
    result = np.zeros((*mode.time.shape, slit), bool)
    rows = max(1, round(detector.lost_rows * slit))
    first = rng.integers(0, rows + 1)
    result[..., :first] = True
    result[..., slit - (rows - first) :] = True
    result |= (rng.random(mode.time.shape) < detector.lost_steps)[..., None]
    for raster, position in np.argwhere(rng.random(mode.time.shape) < detector.gaps):
        start = rng.integers(0, slit)
        result[raster, position, start : start + rng.integers(1, max(2, slit // 8))] = True
    return result
