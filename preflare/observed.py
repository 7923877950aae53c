"""The observations of a study: files, cleaned cubes, and what comes with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
import xarray as xr
from astropy.table import Table
from numpy.typing import NDArray

from preflare.cleaning import clean_observation
from preflare.context import Heating
from preflare.cubes import open_cube, write_cube
from preflare.errors import StudyError
from preflare.fetching import FETCHED
from preflare.level2 import Raster, SlitJaw, read_raster, read_slitjaw
from preflare.observations import Observation, observation
from preflare.products import cache_folder, is_sound, kept
from preflare.quietsun import QuietSun
from preflare.rules import accepted, count_rules
from preflare.scheduler import THREADS, running, scheduler_named
from preflare.sizes import ARTIFICIAL, SIZES
from preflare.sources import Iris, Source, Twin
from preflare.stages import Stage, stage_key
from preflare.twin.modes import BEFORE_ONSET

Spectra = NDArray[np.float32]


class Observed:
    """The observations of one source, at one size, from one seed: see `preflare.Study`."""

    def __init__(
        self,
        source: Literal["twin", "iris"] = "twin",
        profile: str = "quick",
        seed: int = 0,
        cache: str | Path | None = None,
        scheduler: str | None = None,
        *,
        fetched: bool = True,
    ) -> None:
        if source not in ("twin", "iris"):
            raise StudyError(f"There is no source {source!r}: choose 'twin' or 'iris'.")
        if profile not in SIZES:
            raise StudyError(f"There is no profile {profile!r}: choose {' or '.join(SIZES)}.")
        if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
            raise StudyError(f"The seed {seed!r} is no whole number from 0 on: give one.")
        self.cache = cache_folder(cache)
        self._fetched = self.cache / FETCHED if fetched else None
        self.source = source
        self.profile = profile
        self.seed = seed
        self.size = SIZES[profile]
        self.scheduler = scheduler_named(scheduler)
        self._from: Source = self._source()

    def __repr__(self) -> str:
        about = f"source={self.source!r}, profile={self.profile!r}, seed={self.seed}"
        return f"{type(self).__name__}({about})"

    def observations(self) -> tuple[Observation, ...]:
        """Return the observations that there are: all of Table A1 if they are simulated."""
        return self._from.observations()

    def files(self, name: str, progress: Callable[[Path], None] = lambda done: None) -> Path:
        """Return the folder with an observation's level 2 files, simulated if need be.

        Parameters
        ----------
        name : str
            Such as ``"PF 14"``.
        progress : callable
            Called with the folder once it is there.
        """
        return self._from.files([observation(name)], progress)[0]

    def rasters(self, name: str) -> list[Raster]:
        """Return an observation's rasters, in order of time."""
        return [read_raster(file) for file in sorted(self.files(name).glob("*_raster_*.fits"))]

    def slit_jaw(self, name: str) -> SlitJaw:
        """Return an observation's slit-jaw images.

        Raises
        ------
        StudyError
            If there are none.
        """
        folder = self.files(name)
        held = sorted(folder.glob("*_SJI_*.fits"))
        if not held:
            raise StudyError(
                f"There are no slit-jaw images of {name} in {folder}: do without, or fetch them."
            )
        return read_slitjaw(held[0])

    def goes(self, name: str) -> Table | None:
        """Return the X-ray flux during an observation: columns time (UTC) and flux (W m-2).

        None where it is not known.
        """
        return self._from.goes(observation(name).name)

    def heating(self, name: str, start: float = 0.0, stop: float = BEFORE_ONSET) -> Heating | None:
        """Return what heats a region between two times (s), as a coronal imager would see it.

        See `preflare.context.heating`. None where it is not known.
        """
        return self._from.heating(observation(name).name, start, stop)

    def truth(self, name: str) -> xr.Dataset:
        """Return what is in every spectrum of an observation, index for index with its cube.

        ``kind`` (time, step, slit) uint8, 0 for none, as the attribute ``kinds`` names them;
        ``share`` float32, of the light that the event replaces; ``difference`` (time, step, slit,
        wavelength) float32 in DN/s, with events less without; ``normalised_difference`` float32,
        the same of the profiles normalised each by its maximum.

        Raises
        ------
        StudyError
            If the observations are real.
        """
        return self._from.truth(observation(name).name)

    def quiet_spectra(self) -> Spectra:
        """Return the accepted spectra (n, 240) of quiet-Sun observations."""
        return self._from.quiet_spectra()

    def quiet_sun(self) -> QuietSun:
        """Return the autoencoder that knows the quiet Sun, trained if need be."""
        return self._from.quiet_sun()

    def cube(self, name: str) -> xr.Dataset:
        """Return an observation's cleaned cube, quiet-Sun flags included; made if need be."""
        return self._cube(observation(name))

    def cubes(self, progress: Callable[[Path], None] = lambda done: None) -> dict[str, xr.Dataset]:
        """Return every observation's cleaned cube by its name, such as ``"PF 14"``.

        Parameters
        ----------
        progress : callable
            Called with each path as soon as a product is there.

        Returns
        -------
        dict of xarray.Dataset
            As from `preflare.clean`, with the quiet-Sun bit set and ``t_onset`` known for PF.
        """
        paths = self._cube_paths(self.observations(), progress)
        return {name: open_cube(path) for name, path in paths.items()}

    def table(self) -> pd.DataFrame:
        """Return the number of spectra that each rule finds, one row an observation."""
        rows = {}
        for name, cube in self.cubes().items():
            counts = count_rules(cube)["flagged"].to_dict()
            spectra = int(cube["flags"].size)
            rows[name] = {"spectra": spectra, **counts, "kept": int(accepted(cube).sum())}
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("observation")

    def _key(self, stage: Stage, names: Sequence[str] | None = None) -> str:
        """Return the key of what is made from some observations, by default from all."""
        settings: dict[str, Any] = {"source": self.source, "profile": self.profile}
        if stage in ("training", "explaining"):
            settings["size"] = asdict(self.size)
        if stage == "artificial":
            settings["size"] = asdict(ARTIFICIAL[self.profile])
        every = names or [each.name for each in self.observations()]
        editions = {name: self._from.edition(name) for name in every}
        if any(editions.values()):
            settings["editions"] = editions
        return stage_key(stage, seed=self.seed, **settings)

    def _source(self) -> Source:
        if self.source == "iris":
            return Iris(self._fetched)
        return Twin(self.profile, self.seed, self.cache, self.scheduler)

    def _here(self) -> Self:
        """Return the same study, all of whose tasks run where it is."""
        study = copy(self)
        study.scheduler = THREADS
        study._from = study._source()
        return study

    def _cube(self, each: Observation) -> xr.Dataset:
        return open_cube(self._cube_paths([each], lambda _: None)[each.name])

    def _cube_paths(
        self, observations: Sequence[Observation], progress: Callable[[Path], None]
    ) -> dict[str, Path]:
        paths = {
            each.name: self.cache
            / f"cubes-{self.profile}-{self._key('cube', [each.name])}"
            / f"{each.observation_id}.zarr"
            for each in observations
        }

        def prepared() -> Observed:
            self._from.files(observations, progress)
            self.quiet_sun()
            return self._here()

        def size(name: str) -> int:
            rasters = self.files(name).glob("*_raster_*.fits")
            return sum(file.stat().st_size for file in rasters)

        self._made(_make_cube, paths, prepared, size, progress)
        return paths

    def _made(
        self,
        make: Callable[[str, Path, Any], Path],
        paths: Mapping[str, Path],
        prepared: Callable[[], Any],
        size: Callable[[str], int],
        progress: Callable[[Path], None],
    ) -> None:
        """Have products made that are not there, each by a task.

        The task is given an observation's name, the product's path, and what was prepared for all.
        The largest begins first: begun last, it would keep one worker busy and all others waiting.
        """
        todo = {name: path for name, path in paths.items() if not is_sound(path)}
        for path in paths.values():
            if path not in todo.values():
                progress(path)
        if todo:
            ready = prepared()
            with running(self.scheduler, self.cache) as tasks:
                ready = tasks.shared(ready)
                names = sorted(todo, key=size, reverse=True)
                jobs = [(name, todo[name], ready) for name in names]
                tasks.each(make, jobs, progress, wide=True)


def _make_cube(name: str, path: Path, study: Observed) -> Path:
    def make(place: Path) -> None:
        onset = study._from.onset(name)
        cube = clean_observation(study.rasters(name), onset=onset)
        write_cube(study.quiet_sun().flag(cube), place)

    return kept(path, make)
