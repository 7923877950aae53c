"""What unresolved motion and unresolved structure make of the library's spectra.

A pixel of the spectrograph sees more than one plane-parallel column: macroturbulence broadens its
light, neighbours mix in it, and a flare adds emission from moving plasma. Each of the library's
regime spectra is taken several times with other such numbers, drawn once and for all.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from preflare.spectrum import LIGHT_KM_S, LINES
from preflare.twin import transfer
from preflare.twin.library import PIXEL, REGIME_NAMES, WAVELENGTH, Library, read_library

Array = NDArray[np.float64]
Spectra = NDArray[np.float32]

SEED = 20230302
COPIES = {"quiet": 20, "active": 20, "dense": 20, "flare": 40}
KM_S_PER_PIXEL = PIXEL / LINES["k"] * LIGHT_KM_S
MACROTURBULENCE = {"quiet": (6, 24), "active": (6, 24), "dense": (6, 24), "flare": (6, 35)}
"""km/s; standard deviation times the root of two, from the regime's least to its most."""
PARTNERS = {
    "quiet": ("quiet",),
    "active": ("quiet", "active"),
    "dense": ("quiet", "active", "dense"),
    "flare": ("dense", "flare"),
}
"""Regimes that each regime's pixels may be mixed with."""
MIXED_SHARE = 0.6
MIXED_SPEED = 7.0
"""km/s; standard deviation of the speed of one component relative to the other."""
MIXING = (0.2, 0.8)
SATELLITE_SHARE = 0.6
SATELLITE_SPEED = (15.0, 110.0)
SATELLITE_WIDTH = (5.0, 45.0)
SATELLITE_WEIGHT = (0.1, 1.2)
PAIR_MACROTURBULENCE = (4.0, 10.0)
BROAD_CORE = (16.0, 28.0)
"""km/s of macroturbulence that a broad core has more than its base."""
KINDS = ("triplet", "red_wing", "blue_wing", "broad_core", "single_peak")


@dataclass(frozen=True)
class Profiles:
    """Dressed spectra at one angle.

    Attributes
    ----------
    regime : ndarray of str, (n,)
        Which regime each belongs to.
    radiance : ndarray of float32, (n, 512)
        W m-2 sr-1 nm-1.
    base : ndarray of float32, (pairs, 512)
        Spectra without a precursor.
    disturbed : ndarray of float32, (5, pairs, 512)
        The same columns with each of `KINDS`.
    """

    regime: NDArray[np.str_]
    radiance: Spectra
    base: Spectra
    disturbed: Spectra


@lru_cache(maxsize=1)
def wardrobe() -> tuple[Profiles, Profiles]:
    """Return the shipped library's spectra, dressed alike, at the two angles of `transfer.MU`."""
    library = read_library()
    first, last = (dress(library, mu) for mu in transfer.MU)
    return first, last


def profiles_at(mu: float) -> Profiles:
    """Return the dressed spectra under any angle, linear in its cosine."""
    low, high = transfer.MU
    share = np.float32(np.clip((mu - low) / (high - low), 0.0, 1.0))
    first, last = wardrobe()
    return Profiles(
        first.regime,
        *(
            (1 - share) * getattr(first, part) + share * getattr(last, part)
            for part in ("radiance", "base", "disturbed")
        ),
    )


def broadened(spectrum: NDArray[np.floating], speed: float) -> Array:
    """Blur a spectrum by macroturbulence of ``speed`` km/s (half-width at 1/e)."""
    pixels = speed / np.sqrt(2.0) / KM_S_PER_PIXEL
    return np.asarray(
        gaussian_filter1d(np.asarray(spectrum, np.float64), pixels, axis=-1, mode="nearest")
    )


def shifted(spectrum: NDArray[np.floating], speed: float) -> Array:
    """Move a spectrum by ``speed`` km/s, away from the observer for positive ones."""
    moved = WAVELENGTH / (1.0 + speed / LIGHT_KM_S)
    return np.asarray(np.interp(moved, WAVELENGTH, spectrum))


def with_satellite(spectrum: Array, speed: float, width: float, weight: float) -> Array:
    """Add the emission of moving plasma to a spectrum."""
    emission = broadened(spectrum - spectrum.min(), width)
    return spectrum + weight * shifted(emission, speed)


def dress(library: Library, mu: float) -> Profiles:
    """Dress the library's spectra as they look under an angle.

    Parameters
    ----------
    library : Library
        The spectra.
    mu : float
        Cosine of the angle to the line of sight, one of `transfer.MU`.

    Returns
    -------
    Profiles
        As many as `COPIES` says for each of the library's regime spectra, and the pairs.
    """
    plain = library.at(mu)
    rng = np.random.default_rng(SEED)
    regimes, spectra = [], []
    for regime in REGIME_NAMES:
        members = library.of(regime)
        partners = library.of(*PARTNERS[regime])
        low, high = MACROTURBULENCE[regime]
        for place in np.tile(members, COPIES[regime]):
            draws = rng.random(8)
            other = rng.choice(partners)
            speed = rng.normal(0.0, MIXED_SPEED)
            sign = rng.choice((-1.0, 1.0), p=(0.3, 0.7))
            mixing = MIXING[0] + draws[1] * (MIXING[1] - MIXING[0])
            mixing *= draws[0] < MIXED_SHARE
            spectrum = (1 - mixing) * plain[place] + mixing * shifted(plain[other], speed)
            spectrum = broadened(spectrum, low + draws[2] * (high - low))
            if regime == "flare" and draws[3] < SATELLITE_SHARE:
                spectrum = with_satellite(
                    spectrum,
                    sign * np.interp(draws[4], (0, 1), SATELLITE_SPEED),
                    np.interp(draws[5], (0, 1), SATELLITE_WIDTH),
                    np.interp(draws[6], (0, 1), SATELLITE_WEIGHT),
                )
            regimes.append(regime)
            spectra.append(spectrum)
    numbers = library.number[library.of("base")]
    speeds = rng.uniform(*PAIR_MACROTURBULENCE, numbers.size)
    extra = rng.uniform(*BROAD_CORE, numbers.size)

    def of(group: str, number: int) -> Spectra:
        return plain[np.flatnonzero((library.group == group) & (library.number == number))[0]]

    base = [broadened(of("base", n), v) for n, v in zip(numbers, speeds, strict=True)]
    disturbed = [
        [
            broadened(of("base", n), np.hypot(v, e))
            if kind == "broad_core"
            else broadened(of(kind, n), v)
            for n, v, e in zip(numbers, speeds, extra, strict=True)
        ]
        for kind in KINDS
    ]
    return Profiles(
        regime=np.array(regimes),
        radiance=np.array(spectra, np.float32),
        base=np.array(base, np.float32),
        disturbed=np.array(disturbed, np.float32),
    )
