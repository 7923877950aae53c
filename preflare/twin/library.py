"""The profile library: Mg II spectra that travel with preflare, packed into one file.

The file holds what the radiative transfer gave, seen through the spectrograph's point spread and
sampled at its pixels, and nothing else; what is added to make varied spectra of it is in
`preflare.twin.dressing`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from preflare.arrays import stored_arrays
from preflare.atomic import atomically
from preflare.errors import SimulationError
from preflare.shipped import shipped
from preflare.spectrum import Sampling
from preflare.twin import transfer
from preflare.twin.computing import read_one
from preflare.twin.plan import Entry, plan

Array = NDArray[np.float64]

PIXEL = 0.02546
"""Å; the near-ultraviolet spectrograph's pixel (De Pontieu et al. 2014)."""
PSF_FWHM = 0.051
"""Å; full width at half maximum of its spectral point spread."""
WAVELENGTH = np.round(2793.40 + PIXEL * np.arange(512), 5)
"""Vacuum wavelengths (Å) at which the library is sampled."""
SIGMA_PER_FWHM = 1.0 / np.sqrt(8.0 * np.log(2.0))


@dataclass(frozen=True)
class Library:
    """Spectra at two angles, and which atmosphere each belongs to.

    Attributes
    ----------
    group : ndarray of str, (n,)
        A regime's name, "base", or the kind of a precursor.
    number : ndarray of int, (n,)
        Counted within the group; a base and its disturbed partners share it.
    radiance : ndarray of float32, (n, 2, 512)
        W m-2 sr-1 nm-1 at the two angles of `preflare.twin.transfer.MU` and at `WAVELENGTH`.
    iterations, attempt : ndarray of int, (n,)
        What it took to converge.
    settings : dict
        Of the computation.
    """

    group: NDArray[np.str_]
    number: NDArray[np.int64]
    radiance: NDArray[np.float32]
    iterations: NDArray[np.int64]
    attempt: NDArray[np.int64]
    settings: dict[str, object]

    def of(self, *groups: str) -> NDArray[np.intp]:
        """Return the places of the entries of some groups."""
        return np.flatnonzero(np.isin(self.group, groups))

    def at(self, mu: float) -> NDArray[np.float32]:
        """Return the spectra (n, 512) at an angle, linear in its cosine between the two."""
        low, high = transfer.MU
        share = np.float32(np.clip((mu - low) / (high - low), 0.0, 1.0))
        return (1 - share) * self.radiance[:, 0] + share * self.radiance[:, 1]


def sampled(radiance: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return spectra as the spectrograph sees them: (..., 1401) to (..., 512)."""
    step = transfer.WAVELENGTH[1] - transfer.WAVELENGTH[0]
    sigma = PSF_FWHM * SIGMA_PER_FWHM / step
    blurred = gaussian_filter1d(np.asarray(radiance, np.float64), sigma, axis=-1, mode="nearest")
    sampling = Sampling.between(transfer.WAVELENGTH, WAVELENGTH)
    return sampling(blurred[..., sampling.window].astype(np.float32))


def settings() -> dict[str, object]:
    """Return the settings under which the library is computed."""
    return {
        "code": "Lightweaver 0.17",
        "levels": list(transfer.LEVELS),
        "mu": list(transfer.MU),
        "population_tolerance": transfer.POPULATION_TOLERANCE,
        "radiation_tolerance": transfer.RADIATION_TOLERANCE,
        "attempts": [list(attempt) for attempt in transfer.ATTEMPTS],
        "pixel": PIXEL,
        "psf_fwhm": PSF_FWHM,
        "plan": plan_digest(plan()),
    }


def plan_digest(entries: Sequence[Entry]) -> str:
    """Return a hash of the atmospheres."""
    text = json.dumps([[e.name, asdict(e.atmosphere)] for e in entries])
    return hashlib.sha256(text.encode()).hexdigest()


def pack(entries: Sequence[Entry], folder: Path, destination: Path) -> Path:
    """Put computed spectra into one file.

    Entries that did not converge, or whose continuum no Sun shows, are left out; a pair is left
    out whole, so that every precursor keeps its base.

    Parameters
    ----------
    entries : sequence of Entry
        All of them computed.
    folder : Path
        Where `preflare.twin.computing.compute` stored them.
    destination : Path
        The file to write.

    Returns
    -------
    Path
        ``destination``.
    """
    found = [(entry, read_one(folder, entry.atmosphere)) for entry in entries]
    lost = {entry.name for entry, spectrum in found if spectrum is None}
    broken = {e.number for e, _ in found if e.name in lost and e.group not in REGIME_NAMES}
    rows = []
    for entry, spectrum in found:
        paired = entry.group not in REGIME_NAMES
        if spectrum is None or (paired and entry.number in broken):
            continue
        radiance = sampled(spectrum[0])
        continuum = radiance[-1, np.abs(WAVELENGTH - 2800.0) < 0.2].mean()
        low, high = transfer.CONTINUUM_LIMITS
        if not paired and not low <= continuum <= high:
            continue
        rows.append((entry, radiance, spectrum[1], spectrum[2]))
    logs = np.log(np.array([radiance for _, radiance, _, _ in rows]))
    floor = logs.min(axis=(1, 2), keepdims=True)
    span = np.ptp(logs, axis=(1, 2), keepdims=True)
    with atomically(destination, SimulationError) as place, place.open("wb") as file:
        np.savez_compressed(
            file,
            group=np.array([entry.group for entry, *_ in rows]),
            number=np.array([entry.number for entry, *_ in rows], np.int16),
            # The change from pixel to pixel packs better than the values.
            change=np.diff(
                np.round((logs - floor) / span * 65535).astype(np.uint16), axis=-1, prepend=0
            ),
            floor=floor.astype(np.float32),
            span=span.astype(np.float32),
            iterations=np.array([row[2] for row in rows], np.int16),
            attempt=np.array([row[3] for row in rows], np.int8),
            settings=json.dumps(settings() | {"left_out": sorted(lost)}),
        )
    return destination


REGIME_NAMES = ("quiet", "active", "dense", "flare")


@lru_cache(maxsize=4)
def read_library(path: Path | None = None) -> Library:
    """Read the profile library, by default the one that travels with preflare.

    Raises
    ------
    SimulationError
        If it cannot be read.
    """
    path = path or shipped("twin/library.npz")
    cure = "install preflare again, or remake it with preflare twin library"
    with stored_arrays(path, SimulationError, "a profile library", cure) as stored:
        logs = np.add.accumulate(stored["change"], axis=-1, dtype=np.uint16)
        radiance = np.exp(stored["floor"] + stored["span"] * (logs / np.float32(65535)))
        return Library(
            group=stored["group"],
            number=stored["number"].astype(np.int64),
            radiance=radiance.astype(np.float32),
            iterations=stored["iterations"].astype(np.int64),
            attempt=stored["attempt"].astype(np.int64),
            settings=json.loads(str(stored["settings"])),
        )
