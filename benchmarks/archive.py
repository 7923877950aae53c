"""An archive of any size, in the layout of the mission: simulated spectra, over and over.

It has the observations of Table A1 with their own slits, rasters and shares of the spectra, each
as long as the size asks for. The spectra are those of a few observations of the twin, repeated:
simulating ten million would take hours, and what spectra look like hardly changes the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import xarray as xr
from astropy.io import fits
from numpy.typing import NDArray

import preflare as pf
from preflare.explainer import Explainer
from preflare.observations import Observation, read_observations
from preflare.quietsun import QuietSun
from preflare.scheduler import THREADS, Threads
from preflare.shipped import shipped
from preflare.sources import SHIPPED_QUIET_SUN, Progress, Twin
from preflare.study import SHIPPED_SWARM
from preflare.twin.files import Exposures, raster_name, write_raster
from preflare.twin.modes import PROFILES, Mode, mode

REPEATED = ("AR 3", "AR 5", "PF 3", "PF 14")
"""Whose spectra are repeated, two sit-and-stares and two rasters among them."""
SHORT = 300_000
"""Spectra up to which observations have the short slits of the profile ``quick``."""
WRITERS = 2
"""Files written at a time: the largest is held in memory."""


@dataclass(frozen=True)
class Few:
    """How many networks and draws explain a spectrum; None for all there are."""

    members: int | None = None
    samples: int | None = None


def pool(folder: Path) -> NDArray[np.int16]:
    """Simulate what is repeated; return the pixels (n, 512) as level 2 files store them."""
    study = pf.Study(cache=folder, scheduler=THREADS)
    pixels = []
    for name in REPEATED:
        for file in sorted(study.files(name).glob("*_raster_*.fits")):
            with fits.open(file, do_not_scale_image_data=True) as hdus:
                stored = hdus[1].data
                pixels.append(stored.reshape(-1, stored.shape[-1]).astype(np.int16))
    return np.concatenate(pixels)


def laid_out(spectra: int) -> list[tuple[Observation, Mode]]:
    """Lay out each observation so that all together have about so many spectra."""
    profile = PROFILES["quick" if spectra <= SHORT else "paper"]
    modes = [(each, mode(each, profile)) for each in read_observations()]
    share = spectra / sum(how.spectra for _, how in modes)
    return [(each, _longer(each, how, share)) for each, how in modes]


def _longer(observation: Observation, how: Mode, share: float) -> Mode:
    rasters = np.arange(max(1, round(share * len(how.time))))
    cadence = float(observation.cadence.to_value("s"))
    return replace(how, time=how.time[0] + cadence * rasters[:, None])


def write(folder: Path, spectra: int, pixels: NDArray[np.int16]) -> list[Mode]:
    """Write an archive; return how its observations were laid out."""
    planned = laid_out(spectra)
    jobs = [(folder, *each, pixels) for each in planned]
    Threads(WRITERS).each(_write, jobs)
    return [how for _, how in planned]


def _write(folder: Path, observation: Observation, how: Mode, pixels: NDArray[np.int16]) -> None:
    target = folder / observation.observation_id
    target.mkdir(parents=True)
    # A sit-and-stare is one file, and so is each scan of a raster.
    scans = [how.time.ravel()] if how.positions == 1 else list(how.time)
    begin = observation.number
    for raster, time in enumerate(scans):
        count = time.size * how.y.size
        counts = pixels[(begin + np.arange(count)) % len(pixels)]
        begin += count
        seen = Exposures(
            counts.reshape(time.size, how.y.size, -1),
            time,
            np.full(time.size, how.exposure),
            np.resize(how.x, time.size),
        )
        write_raster(target / raster_name(observation, raster), observation, how, seen)


class Archive(Twin):
    """Observations that `write` wrote."""

    def __init__(self, folder: Path) -> None:
        super().__init__("paper", 0, folder)
        self._written = folder

    def files(self, observations: Sequence[Observation], progress: Progress) -> list[Path]:
        """Return the folders: nothing is ever made."""
        return [self._written / each.observation_id for each in observations]

    def onset(self, name: str) -> None:
        """Return None: the spectra are of several regions."""

    def quiet_sun(self) -> QuietSun:
        """Return the autoencoder that travels with preflare."""
        return QuietSun.load(shipped(SHIPPED_QUIET_SUN))


class ArchiveStudy(pf.Study):
    """A study of an archive by the swarm that travels with preflare, or by some of it."""

    def __init__(self, archive: Path, cache: Path, scheduler: str, few: Few | None = None) -> None:
        self._archive, self._few = archive, few or Few()
        super().__init__("twin", "paper", cache=cache, scheduler=scheduler)

    def _source(self) -> Archive:
        return Archive(self._archive)

    def explainer(self) -> Explainer:
        """Return all members that travel with preflare."""
        return Explainer.load(shipped(SHIPPED_SWARM))

    def few_members(self) -> Explainer:
        """Return those of them that explain."""
        every = self.explainer()
        chosen = every.swarm.some(range(self._few.members or len(every.swarm)))
        return Explainer(chosen, every.baselines, every.observation)

    def attributions(self, progress: Progress = lambda done: None) -> dict[str, xr.Dataset]:
        """Explain every accepted spectrum."""
        few = self._few
        return self._explained("attributions", self.few_members, _Attributing(few), progress)


@dataclass(frozen=True)
class _Attributing:
    few: Few

    def __call__(self, explainer: Explainer, cube: xr.Dataset) -> xr.Dataset:
        if self.few.samples is None:
            return explainer.attributions(cube)
        return explainer.attributions(cube, samples=self.few.samples)
