"""Study: the one object that a chapter asks for products, each made once and kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr
from astropy.table import Table
from numpy.typing import NDArray

from preflare.artificial import FlareSpectra, Pairs
from preflare.cleaning import clean_observation
from preflare.course import Course, follow
from preflare.cubes import open_cube, write_cube
from preflare.errors import StudyError
from preflare.labelled import LabelledSpectra
from preflare.level2 import Raster, SlitJaw, read_raster, read_slitjaw
from preflare.observations import Observation, observation, read_observations
from preflare.partitions import Partition, random_partitions
from preflare.products import cache_folder, kept
from preflare.quietsun import QuietSun
from preflare.rules import accepted, count_rules
from preflare.sizes import ARTIFICIAL, SIZES
from preflare.splits import Split, balanced_split
from preflare.stages import Stage, stage_key
from preflare.swarm import Swarm
from preflare.twin.modes import PROFILES
from preflare.twin.observing import Settings
from preflare.twin.simulate import described, simulate

Spectra = NDArray[np.float32]

QUIET_MODES = ("AR 1", "AR 5", "AR 9", "AR 15")
"""Observations whose modes look at the quiet Sun."""


class Study:
    """All products of one source, at one size, from one seed.

    Parameters
    ----------
    source : {"twin"}
        Where the observations come from.
    profile : {"quick", "paper"}
        How much of each observation there is.
    seed : int
        Every random draw follows from it.
    cache : path, optional
        Folder that keeps the products. Default: `$PREFLARE_CACHE`, else the user's cache folder.

    Raises
    ------
    StudyError
        If there is no such source or profile, or the seed is no whole number from 0 on.

    Examples
    --------
    >>> Study(profile="quick", seed=1)
    Study(source='twin', profile='quick', seed=1)
    """

    def __init__(
        self,
        source: Literal["twin"] = "twin",
        profile: str = "quick",
        seed: int = 0,
        cache: str | Path | None = None,
    ) -> None:
        if source != "twin":
            raise StudyError(
                f"There is no source {source!r} to study yet: choose 'twin', "
                "or clean your own level 2 files with preflare.clean."
            )
        if profile not in PROFILES:
            raise StudyError(f"There is no profile {profile!r}: choose {' or '.join(PROFILES)}.")
        if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
            raise StudyError(f"The seed {seed!r} is no whole number from 0 on: give one.")
        self.source = source
        self.profile = profile
        self.seed = seed
        self.size = SIZES[profile]
        self.cache = cache_folder(cache)

    def __repr__(self) -> str:
        return f"Study(source={self.source!r}, profile={self.profile!r}, seed={self.seed})"

    def observations(self) -> tuple[Observation, ...]:
        """Return the observations: Table A1."""
        return read_observations()

    def files(self, name: str, progress: Callable[[Path], None] = lambda done: None) -> Path:
        """Return the folder with an observation's level 2 files, simulated if need be.

        Parameters
        ----------
        name : str
            Such as ``"PF 14"``.
        progress : callable
            Called with the folder once it is there.
        """
        return self._simulated([observation(name)], progress)[0]

    def rasters(self, name: str) -> list[Raster]:
        """Return an observation's rasters, in order of time."""
        return [read_raster(file) for file in sorted(self.files(name).glob("*_raster_*.fits"))]

    def slit_jaw(self, name: str) -> SlitJaw:
        """Return an observation's slit-jaw images."""
        return read_slitjaw(next(self.files(name).glob("*_SJI_*.fits")))

    def goes(self, name: str) -> Table:
        """Return the X-ray flux during an observation: columns time (UTC) and flux (W m-2)."""
        return Table.read(self.files(name) / "goes.ecsv", format="ascii.ecsv")

    def truth(self, name: str) -> xr.Dataset:
        """Return what is in every spectrum of an observation, index for index with its cube.

        ``kind`` (time, step, slit) uint8, 0 for none, as the attribute ``kinds`` names them;
        ``share`` float32, of the light that the event replaces; ``difference`` (time, step, slit,
        wavelength) float32 in DN/s, with events less without; ``normalised_difference`` float32,
        the same of the profiles normalised each by its maximum.
        """
        return open_cube(self.files(name) / "truth.zarr")

    def events(self, which: NDArray[np.int64]) -> tuple[Spectra, NDArray[np.uint8]]:
        """Return what events did to some of the study's spectra.

        Parameters
        ----------
        which : ndarray of int, (n,)
            Their places in `spectra`.

        Returns
        -------
        difference : ndarray of float32, (n, 240)
            The normalised profile less the one that there would be without events.
        kind : ndarray of uint8, (n,)
            Of the strongest event, a place in `preflare.twin.truth.TRUTH_KINDS`.
        """
        data = self.spectra()
        difference = np.zeros((len(which), data.spectra.shape[1]), np.float32)
        kind = np.zeros(len(which), np.uint8)
        names = np.asarray(data.observation)[which]
        for name in np.unique(names):
            own = np.flatnonzero(names == name)
            time, step, slit = (xr.DataArray(at, dims="n") for at in data.place[which[own]].T)
            found = self.truth(str(name)).isel(time=time, step=step, slit=slit)
            difference[own] = found["normalised_difference"].values
            kind[own] = found["kind"].values
        return difference, kind

    def quiet_spectra(self) -> Spectra:
        """Return the accepted spectra (n, 240) of quiet-Sun observations."""
        folder = self.cache / f"quiet-{self._key('simulation')}"
        settings = Settings("quick", self.seed)
        modes = [observation(name) for name in QUIET_MODES]
        targets = simulate(modes, folder, settings, quiet=True)
        spectra = []
        for target in targets:
            rasters = [read_raster(file) for file in sorted(target.glob("*_raster_*.fits"))]
            cube = clean_observation(rasters).load()
            spectra.append(cube["intensity"].values[accepted(cube)])
        return np.concatenate(spectra)

    def quiet_sun(self) -> QuietSun:
        """Return the autoencoder that knows the quiet Sun, trained if need be."""
        path = self.cache / f"quiet-sun-{self._key('quiet')}.safetensors"
        kept(path, lambda place: QuietSun.train(self.quiet_spectra(), seed=self.seed).save(place))
        return QuietSun.load(path)

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
        self._simulated(list(self.observations()), progress)
        cubes = {}
        for each in self.observations():
            cubes[each.name] = self._cube(each)
            progress(self._cube_path(each))
        return cubes

    def table(self) -> pd.DataFrame:
        """Return the number of spectra that each rule finds, one row an observation."""
        rows = {}
        for name, cube in self.cubes().items():
            counts = count_rules(cube)["flagged"].to_dict()
            spectra = int(cube["flags"].size)
            rows[name] = {"spectra": spectra, **counts, "kept": int(accepted(cube).sum())}
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("observation")

    def spectra(self) -> LabelledSpectra:
        """Return what there is to learn from: accepted spectra, those of PF before the onset."""
        path = self.cache / f"spectra-{self.profile}-{self._key('training')}.npz"
        kept(
            path,
            lambda place: LabelledSpectra.drawn(self.cubes(), self.size.spectra, self.seed).save(
                place
            ),
        )
        return _read_spectra(path)

    def partitions(self) -> tuple[Partition, ...]:
        """Return the random partitions to choose from, five observations a class to test on."""
        return random_partitions(self.spectra().classes, self.size.splits, seed=self.seed)

    def split(self, partition: Partition) -> Split:
        """Return the balanced split of a partition, into the study's spectra."""
        data = self.spectra()
        return balanced_split(
            partition, data.classes, data.observation, self.seed, at_most=self.size.training
        )

    def train(
        self,
        splits: Split | Sequence[Split],
        members: int | None = None,
        penalty: float = 0.0,
        progress: Callable[[int, int, float], None] = lambda done, total, loss: None,
    ) -> Swarm:
        """Train on the study's spectra, once: asked again, the swarm is read back.

        Parameters
        ----------
        splits : Split or sequence of Split
            For all members, or one for each.
        members : int, optional
            How many; with a sequence, as many as it has. Default: the study's.
        penalty, progress
            See `Swarm.train`.
        """
        data, shared = self.spectra(), isinstance(splits, Split)
        wanted = hashlib.sha256(repr((shared, members, penalty)).encode())
        for split in [splits] if isinstance(splits, Split) else splits:
            for side, places in split.sides.items():
                wanted.update(side.encode() + places.tobytes())
        folder = self.cache / f"swarms-{self.profile}-{self._key('training')}"
        path = folder / f"{wanted.hexdigest()[:16]}.safetensors"

        def make(place: Path) -> None:
            swarm = Swarm.train(
                data.spectra,
                data.labels,
                splits,
                members=members or (self.size.members if shared else None),
                epochs=self.size.epochs,
                seed=self.seed,
                penalty=penalty,
                checkpoint=path.with_suffix(".training"),
                progress=progress,
            )
            swarm.save(place)

        return Swarm.load(kept(path, make))

    def chosen(self) -> Partition:
        """Return the partition whose network has the best skill on its test side.

        As in the paper (Sect. 6); its score is flattered by the choice.
        """
        partitions = self.partitions()
        report = self.train([self.split(each) for each in partitions]).report()
        return partitions[int(report["test tss"].argmax())]

    def swarm(
        self, progress: Callable[[int, int, float], None] = lambda done, total, loss: None
    ) -> Swarm:
        """Return the swarm: networks trained on the chosen split (Panos et al. 2023, Sect. 7)."""
        return self.train(self.split(self.chosen()), progress=progress)

    def flare_spectra(self) -> FlareSpectra:
        """Return accepted spectra taken after the onset of a flare."""
        path = self.cache / f"flare-{self.profile}-{self._key('artificial')}.npz"
        at_most = ARTIFICIAL[self.profile].flare
        kept(
            path,
            lambda place: FlareSpectra.drawn(self.cubes(), at_most, self.seed).save(place),
        )
        return FlareSpectra.load(path)

    def pairs(self) -> Pairs:
        """Return the flare spectra with and without the artefact (Panos et al. 2023, Sect. 5)."""
        return Pairs.of(self.flare_spectra(), seed=self.seed)

    def artificial_course(
        self, progress: Callable[[int, int], None] = lambda done, total: None
    ) -> Course:
        """Return networks trained to find the artefact, with their weights on the way.

        Parameters
        ----------
        progress : callable
            See `preflare.course.follow`.
        """
        path = self.cache / f"course-{self.profile}-{self._key('artificial')}.safetensors"
        size = ARTIFICIAL[self.profile]

        def make(place: Path) -> None:
            pairs, course = self.pairs(), Course.new(size.members, self.seed)
            data = pairs.spectra, pairs.labels, pairs.split
            course.then(follow(course, *data, size.snapshots, progress=progress)).save(place)

        return Course.load(kept(path, make))

    def _key(self, stage: Stage) -> str:
        settings: dict[str, Any] = {"source": self.source, "profile": self.profile}
        if stage == "quiet":
            settings["profile"] = "quick"
        if stage == "training":
            settings["size"] = asdict(self.size)
        if stage == "artificial":
            settings["size"] = asdict(ARTIFICIAL[self.profile])
        return stage_key(stage, seed=self.seed, **settings)

    def _simulated(
        self, observations: list[Observation], progress: Callable[[Path], None]
    ) -> list[Path]:
        folder = self.cache / f"twin-{self.profile}-{self._key('simulation')}"
        settings = Settings(self.profile, self.seed)
        return simulate(observations, folder, settings, progress=progress)

    def _cube_path(self, each: Observation) -> Path:
        folder = self.cache / f"cubes-{self.profile}-{self._key('cube')}"
        return folder / f"{each.observation_id}.zarr"

    def _cube(self, each: Observation) -> xr.Dataset:
        def make(path: Path) -> None:
            onset = described(self.files(each.name))["onset"]
            rasters = self.rasters(each.name)
            cube = clean_observation(rasters, onset=None if onset is None else str(onset))
            write_cube(self.quiet_sun().flag(cube), path)

        return open_cube(kept(self._cube_path(each), make))


@lru_cache(maxsize=1)
def _read_spectra(path: Path) -> LabelledSpectra:
    """Read labelled spectra once, however many splits are made of them."""
    return LabelledSpectra.load(path)
