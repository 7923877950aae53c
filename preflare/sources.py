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
from preflare.level2 import read_raster
from preflare.observations import Observation, observation, read_observations
from preflare.products import kept
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
            list(observations), folder, settings, scheduler=self._scheduler, progress=progress
        )

    def onset(self, name: str) -> str | None:
        """See `Source.onset`."""
        onset = described(self._folder(name))["onset"]
        return None if onset is None else str(onset)

    def goes(self, name: str) -> Table:
        """See `Source.goes`."""
        return Table.read(self._folder(name) / "goes.ecsv", format="ascii.ecsv")

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
        if not path.exists():
            self._quiet_files()
            here = Twin(self._profile, self._seed, self._cache)
            with running(self._scheduler, self._cache) as tasks:
                tasks.each(_train_quiet_sun, [(here, self._seed, path)], wide=True)
        return QuietSun.load(path)

    def _quiet_files(self) -> list[Path]:
        key = stage_key("simulation", seed=self._seed, source=self.name, profile=self._profile)
        settings, folder = Settings("quick", self._seed), self._cache / f"quiet-{key}"
        modes = [observation(name) for name in QUIET_MODES]
        return simulate(modes, folder, settings, quiet=True, scheduler=self._scheduler)

    def _folder(self, name: str) -> Path:
        return self.files([observation(name)], lambda _: None)[0]


def _train_quiet_sun(twin: Twin, seed: int, path: Path) -> Path:
    return kept(path, lambda place: QuietSun.train(twin.quiet_spectra(), seed=seed).save(place))


class Iris:
    """Files of the mission: what travels with preflare, a cut-out of one observation."""

    name = "iris"

    def observations(self) -> tuple[Observation, ...]:
        """See `Source.observations`."""
        held = Path(SAMPLE_RASTER).name
        return tuple(each for each in read_observations() if each.observation_id in held)

    def files(self, observations: Sequence[Observation], progress: Progress) -> list[Path]:
        """See `Source.files`."""
        held = [each.name for each in self.observations()]
        for each in observations:
            if each.name not in held:
                raise StudyError(
                    f"There are no IRIS files of {each.name} here: only {', '.join(held)} travels "
                    "with preflare, so choose that, or clean your own files with preflare.clean."
                )
            progress(shipped("iris"))
        return [shipped("iris")] * len(observations)

    def onset(self, name: str) -> None:
        """Return None: Table A1 does not print when flares begin."""

    def goes(self, name: str) -> None:
        """Return None: no X-ray flux travels with preflare."""

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
