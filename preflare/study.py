"""Study: the one object that a chapter asks for products, each made once and kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from preflare.artificial import FlareSpectra, Pairs
from preflare.course import Course, follow
from preflare.cubes import open_cube, write_cube
from preflare.errors import StudyError
from preflare.explainer import Explainer
from preflare.labelled import LabelledSpectra
from preflare.observed import Observed
from preflare.partitions import Partition, folds, random_partitions
from preflare.products import kept
from preflare.shipped import shipped
from preflare.sizes import ARTIFICIAL
from preflare.splits import Split, balanced_split
from preflare.swarm import Swarm
from preflare.weights import without_damage

Spectra = NDArray[np.float32]

SHIPPED_SWARM = "swarm/swarm.safetensors"
"""Trained on the twin, with the spectra that it compares with."""
TESTED = 5
"""Observations of each class that a partition tests."""
FOLDS = 5
"""Parts of the observations; each is scored by networks that were trained on the others."""


class Study(Observed):
    """All products of one source, at one size, from one seed.

    Parameters
    ----------
    source : {"twin", "iris"}
        Where the observations come from: simulated, or files of the mission, as ``preflare fetch``
        puts them into the cache. Before anything was fetched there is a cut-out of one observation.
        With too few real observations to train on, the swarm is the one that travels with preflare
        and was trained on the twin.
    profile : {"quick", "paper"}
        How much of each observation there is.
    seed : int
        Every random draw follows from it.
    cache : path, optional
        Folder that keeps the products. Default: `$PREFLARE_CACHE`, else the user's cache folder.
    fetched : bool
        Whether real observations are those that were fetched; if not, or if there are none, it is
        the cut-out that travels with preflare.
    scheduler : str, optional
        Where files, cubes, networks, scores and attributions are made: ``"threads"`` of this
        machine, or a dask cluster by the address of its scheduler, such as ``"tcp://host:8786"``.
        The bits are the same on processors of the same kind. Default: `$PREFLARE_SCHEDULER`, else
        threads.

    Raises
    ------
    ClusterError
        If the address of the scheduler makes no sense; later, if the cluster cannot be used.
    StudyError
        If there is no such source or profile, or the seed is no whole number from 0 on.

    Examples
    --------
    >>> Study(profile="quick", seed=1)
    Study(source='twin', profile='quick', seed=1)
    """

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

    @property
    def learns(self) -> bool:
        """Whether there are observations enough to train on and to test with.

        That takes more of each class than are tested on, and the onset of every flare.
        """
        return not self.lacks

    @property
    def lacks(self) -> str:
        """What keeps the study from learning from its own observations: a sentence, or nothing."""
        kinds = [each.kind for each in self.observations()]
        flaring, others, without = kinds.count("PF"), kinds.count("AR"), len(self._without_onset())
        if self.source == "twin" or (min(flaring, others) > TESTED and not without):
            return ""
        here = f"{flaring} PF and {others} AR" + (f", {without} of unknown onset" * bool(without))
        return (
            f"This takes {TESTED + 1} observations of each class or more, and the onset of every "
            f"flare: here are {here}."
        )

    def _without_onset(self) -> list[str]:
        """Name the PF observations whose onset is not known."""
        return [
            each.name
            for each in self.observations()
            if self.source == "iris" and each.kind == "PF" and self._from.onset(each.name) is None
        ]

    def spectra(self) -> LabelledSpectra:
        """Return what there is to learn from: accepted spectra, those of PF before the onset.

        Raises
        ------
        StudyError
            If there are observations of one class only.
        """
        kinds = {each.kind for each in self.observations()}
        if len(kinds) < 2:
            raise StudyError(
                f"The source {self.source!r} has {' and '.join(kinds)} observations only, and "
                "networks learn from two classes: use the swarm that travels with preflare."
            )
        lacking = self._without_onset()
        if lacking:
            raise StudyError(
                f"When the flare of {', '.join(lacking)} began is not known, and spectra are taken "
                "before it: fetch with --goes, or with --onset."
            )
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
                checkpoint=without_damage(path.with_suffix(".training")),
                scheduler=self.scheduler,
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
        """Return the swarm: networks trained on the chosen split (Panos et al. 2023, Sect. 7).

        Of too few real observations to train on, the one that travels with preflare and was trained
        on the twin.
        """
        if not self.learns:
            return Swarm.load(shipped(SHIPPED_SWARM))
        return self.train(self.split(self.chosen()), progress=progress)

    def explainer(self) -> Explainer:
        """Return the members of the swarm that learned, with what they compare spectra with."""
        if not self.learns:
            return Explainer.load(shipped(SHIPPED_SWARM))
        data, split = self.spectra(), self.split(self.chosen())
        own = data.spectra[split.train], np.asarray(data.observation)[split.train]
        return Explainer.of(self.swarm(), *own)

    def scores(
        self, *, unseen: bool = False, progress: Callable[[Path], None] = lambda done: None
    ) -> dict[str, xr.Dataset]:
        """Score every accepted spectrum of every observation; made if need be.

        Parameters
        ----------
        unseen : bool
            Score each observation by networks that were trained on others only, a fifth of the
            swarm's number for each fifth of the observations, instead of by the swarm, which knows
            those that it was trained on.
        progress : callable
            Called with each path as soon as a product is there.

        Returns
        -------
        dict of xarray.Dataset
            By the observation's name, see `preflare.explainer.Explainer.scores`. What belongs to
            a spectrum has the same index as in `cube`.
        """
        if not unseen:
            return self._explained("scores", self.explainer, Explainer.scores, progress)
        found: dict[str, xr.Dataset] = {}
        for partition, explainer in self._of_folds():
            found |= self._explained(
                "unseen", explainer, Explainer.scores, progress, only=partition.test
            )
        return {name: found[name] for name in self.spectra().classes}

    def attributions(
        self, progress: Callable[[Path], None] = lambda done: None
    ) -> dict[str, xr.Dataset]:
        """Explain every accepted spectrum of every observation by the swarm; made if need be.

        Returns
        -------
        dict of xarray.Dataset
            By the observation's name, see `preflare.explainer.Explainer.attributions`.
        """
        return self._explained("attributions", self.explainer, Explainer.attributions, progress)

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

    def _of_folds(self) -> Iterator[tuple[Partition, Callable[[], Explainer]]]:
        """Give each fold, and how to get the networks that were trained on the other folds."""
        data = self.spectra()
        parts = folds(data.classes, FOLDS, self.seed)
        splits = [self.split(part) for part in parts]
        each = max(1, self.size.members // FOLDS)
        for place, part in enumerate(parts):

            def explainer(place: int = place) -> Explainer:
                swarm = self.train([split for split in splits for _ in range(each)])
                own = splits[place].train
                return Explainer.of(
                    swarm.some(range(each * place, each * (place + 1))),
                    data.spectra[own],
                    np.asarray(data.observation)[own],
                )

            yield part, explainer

    def _explained(
        self,
        product: str,
        explainer: Callable[[], Explainer],
        explain: Callable[[Explainer, xr.Dataset], xr.Dataset],
        progress: Callable[[Path], None],
        only: Sequence[str] | None = None,
    ) -> dict[str, xr.Dataset]:
        folder = self.cache / f"{product}-{self.source}-{self.profile}-{self._key('explaining')}"
        wanted = [each for each in self.observations() if only is None or each.name in only]
        paths = {each.name: folder / f"{each.observation_id}.zarr" for each in wanted}

        cubes: dict[str, Path] = {}

        def prepared() -> tuple[Study, Explainer, Any]:
            cubes.update(self._cube_paths(wanted, lambda _: None))
            return self._here(), explainer(), explain

        def size(name: str) -> int:
            return sum(file.stat().st_size for file in cubes[name].rglob("*"))

        self._made(_make_explained, paths, prepared, size, progress)
        return {name: open_cube(path) for name, path in paths.items()}


def _make_explained(name: str, path: Path, how: tuple[Study, Explainer, Any]) -> Path:
    study, explainer, explain = how

    def make(place: Path) -> None:
        with threadpool_limits(1):
            write_cube(explain(explainer, study.cube(name)), place)

    return kept(path, make)


@lru_cache(maxsize=1)
def _read_spectra(path: Path) -> LabelledSpectra:
    """Read labelled spectra once, however many splits are made of them."""
    return LabelledSpectra.load(path)
