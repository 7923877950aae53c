"""Where a study's observations come from: the twin, or files of the mission."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import xarray as xr
from astropy.table import Table
from numpy.typing import NDArray

from preflare.cleaning import clean_observation
from preflare.context import Heating, heating
from preflare.cubes import open_cube
from preflare.errors import StudyError
from preflare.fetching import BESIDES
from preflare.level2 import read_raster
from preflare.manifest import Entry, Holding, Manifest
from preflare.observations import Observation, observation, read_observations
from preflare.products import is_sound, kept
from preflare.quietsun import QuietSun
from preflare.rules import accepted
from preflare.scheduler import THREADS, running
from preflare.shipped import SAMPLE_RASTER, shipped
from preflare.stages import stage_key
from preflare.twin.observing import Settings
from preflare.twin.simulate import described, simulate

Progress = Callable[[Path], None]

QUIET_MODES = ("AR 1", "AR 5", "AR 9", "AR 15")
"""Observations whose modes look at the quiet Sun."""
SHIPPED_QUIET_SUN = "swarm/quiet_sun.safetensors"


class Source(Protocol):
    """What a study asks of where its observations come from."""

    name: str

    def observations(self) -> tuple[Observation, ...]:
        """Return the observations that there are."""

    def files(self, observations: Sequence[Observation], progress: Progress) -> list[Path]:
        """Return the folders with their level 2 files, made if need be."""

    def onset(self, name: str) -> str | None:
        """Return the UTC start of the flare; None if there is none, or it is not known."""

    def goes(self, name: str) -> Table | None:
        """Return the X-ray flux during an observation; None if it is not known."""

    def edition(self, name: str) -> str:
        """Return what tells apart the files that there may be of an observation."""

    def truth(self, name: str) -> xr.Dataset:
        """Return what is in every spectrum."""

    def heating(self, name: str, start: float, stop: float) -> Heating | None:
        """Return what heats a region, as a coronal imager sees it; None if that is not known."""

    def quiet_spectra(self) -> NDArray[np.float32]:
        """Return accepted spectra (n, 240) of the quiet Sun."""

    def quiet_sun(self) -> QuietSun:
        """Return the autoencoder that knows the quiet Sun."""


class Twin:
    """The simulated Sun: all observations of Table A1, their truth, and quiet Sun.

    Parameters
    ----------
    profile : str
        How much of each observation there is.
    seed : int
        Every draw follows from it.
    cache : Path
        Folder that keeps what was simulated.
    scheduler : str
        Where it is made, see `preflare.scheduler.scheduler_named`.
    """

    name = "twin"

    def __init__(self, profile: str, seed: int, cache: Path, scheduler: str = THREADS) -> None:
        self._profile, self._seed, self._cache = profile, seed, cache
        self._scheduler = scheduler

    def observations(self) -> tuple[Observation, ...]:
        """See `Source.observations`."""
        return read_observations()

    def files(self, observations: Sequence[Observation], progress: Progress) -> list[Path]:
        """See `Source.files`."""
        key = stage_key("simulation", seed=self._seed, source=self.name, profile=self._profile)
        folder = self._cache / f"twin-{self._profile}-{key}"
        settings = Settings(self._profile, self._seed)
        return simulate(
            list(observations),
            folder,
            settings,
            mend=True,
            scheduler=self._scheduler,
            progress=progress,
        )

    def onset(self, name: str) -> str | None:
        """See `Source.onset`."""
        onset = described(self._folder(name))["onset"]
        return None if onset is None else str(onset)

    def goes(self, name: str) -> Table:
        """See `Source.goes`."""
        return Table.read(self._folder(name) / "goes.ecsv", format="ascii.ecsv")

    def edition(self, name: str) -> str:
        """Return nothing: profile and seed tell all."""
        return ""

    def truth(self, name: str) -> xr.Dataset:
        """See `Source.truth`."""
        return open_cube(self._folder(name) / "truth.zarr")

    def heating(self, name: str, start: float, stop: float) -> Heating:
        """See `Source.heating`."""
        return heating(name, Settings(self._profile, self._seed), start, stop)

    def quiet_spectra(self) -> NDArray[np.float32]:
        """See `Source.quiet_spectra`."""
        spectra = []
        for target in self._quiet_files():
            rasters = [read_raster(file) for file in sorted(target.glob("*_raster_*.fits"))]
            cube = clean_observation(rasters).load()
            spectra.append(cube["intensity"].values[accepted(cube)])
        return np.concatenate(spectra)

    def quiet_sun(self) -> QuietSun:
        """See `Source.quiet_sun`. It is trained if need be."""
        key = stage_key("quiet", seed=self._seed, source=self.name, profile="quick")
        path = self._cache / f"quiet-sun-{key}.safetensors"
        if not is_sound(path):
            self._quiet_files()
            here = Twin(self._profile, self._seed, self._cache)
            with running(self._scheduler, self._cache) as tasks:
                tasks.each(_train_quiet_sun, [(here, self._seed, path)], wide=True)
        return QuietSun.load(path)

    def _quiet_files(self) -> list[Path]:
        key = stage_key("simulation", seed=self._seed, source=self.name, profile=self._profile)
        settings, folder = Settings("quick", self._seed), self._cache / f"quiet-{key}"
        modes = [observation(name) for name in QUIET_MODES]
        return simulate(modes, folder, settings, quiet=True, mend=True, scheduler=self._scheduler)

    def _folder(self, name: str) -> Path:
        return self.files([observation(name)], lambda _: None)[0]


def _train_quiet_sun(twin: Twin, seed: int, path: Path) -> Path:
    return kept(path, lambda place: QuietSun.train(twin.quiet_spectra(), seed=seed).save(place))


class Iris:
    """Files of the mission: those that were fetched, else a cut-out that travels with preflare.

    Parameters
    ----------
    folder : Path or None
        Where `preflare.fetching` puts files, with their manifest; None for the cut-out alone.
    """

    name = "iris"

    def __init__(self, folder: Path | None) -> None:
        # Nothing is ever fetched into what travels along.
        self._manifest = Manifest(folder or shipped("iris"))

    def observations(self) -> tuple[Observation, ...]:
        """See `Source.observations`."""
        fetched = self._manifest.holdings()
        own = tuple(each for each in read_observations() if each.observation_id in fetched)
        return own or (self._cut_out,)

    def files(self, observations: Sequence[Observation], progress: Progress) -> list[Path]:
        """See `Source.files`."""
        folders = []
        for each in observations:
            folders.append(self._folder(each))
            progress(folders[-1])
        return folders

    def onset(self, name: str) -> str | None:
        """Return the onset that an observation was fetched with; Table A1 does not print any."""
        holding = self._holding(name)
        return holding.onset or None if holding else None

    def goes(self, name: str) -> Table | None:
        """Return the X-ray flux that was fetched; None if it was not."""
        holding = self._holding(name)
        for entry in holding.files() if holding else ():
            if entry.file.startswith(f"{BESIDES}/"):
                return self._read_flux(entry, name)
        return None

    def edition(self, name: str) -> str:
        """See `Source.edition`."""
        holding = self._holding(name)
        return holding.key() if holding else ""

    def truth(self, name: str) -> xr.Dataset:
        """Refuse, for nobody knows."""
        raise StudyError(
            f"What is in the real spectra of {name} is not known: ask the source 'twin' for truth."
        )

    def heating(self, name: str, start: float, stop: float) -> None:
        """Return None: images of AIA do not travel with preflare."""

    def quiet_spectra(self) -> NDArray[np.float32]:
        """Refuse, for there are none."""
        raise StudyError(
            "No quiet-Sun files of IRIS travel with preflare: ask the source 'twin' for them."
        )

    def quiet_sun(self) -> QuietSun:
        """See `Source.quiet_sun`. It learned from the twin and travels with preflare."""
        return QuietSun.load(shipped(SHIPPED_QUIET_SUN))

    @property
    def _cut_out(self) -> Observation:
        held = Path(SAMPLE_RASTER).name
        return next(each for each in read_observations() if each.observation_id in held)

    def _holding(self, name: str) -> Holding | None:
        return self._manifest.holdings().get(observation(name).observation_id)

    def _read_flux(self, entry: Entry, name: str) -> Table:
        fault = self._manifest.fault_of(entry)
        if fault is not None:
            raise StudyError(
                f"The X-ray flux is not what was fetched, {fault}: "
                f'run preflare fetch --force --goes "{name}".'
            )
        return Table.read(self._manifest.folder / entry.file, format="ascii.ecsv")

    def _folder(self, each: Observation) -> Path:
        if self._holding(each.name) is not None:
            faults = self._manifest.faults(each.observation_id, thorough=True)
            if faults:
                raise StudyError(
                    f"The files of {each.name} are not those that were fetched, "
                    f'{" and ".join(faults)}: run preflare fetch --force "{each.name}".'
                )
            return self._manifest.folder / each.observation_id
        if each == self._cut_out:
            return shipped("iris")
        raise StudyError(
            f"There are no IRIS files of {each.name} here: run preflare fetch "
            f'"{each.name}", or clean your own files with preflare.clean.'
        )
