"""Fetch an observation: what its time window needs of the archive, put in place whole."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from preflare.archive import Remote, started
from preflare.atomic import alone, atomically
from preflare.connection import PATIENT, MissingError, Patience
from preflare.download import Downloaded, download
from preflare.errors import ArchiveError
from preflare.keeping import EVERYTHING, Wish, isotime, keep_raster, keep_slit_jaw
from preflare.manifest import Entry, Holding, Manifest, entries_of, now
from preflare.unpack import gunzip, members

FETCHED = "archive"
"""Folder of a cache for what was fetched."""
DOWNLOADS = "downloads"
"""Folder for what is on its way."""
BESIDES = "goes"
"""Folder for what belongs to an observation and is no file of IRIS."""

Told = Callable[[str, int, int | None], None]
"""Is told the name of a file, how many bytes of it are here, and how many there are."""


@dataclass(frozen=True)
class Fetched:
    """What came of a wish.

    Attributes
    ----------
    holding : Holding
    fresh : bool
        Whether anything had to be fetched.
    notes : tuple of str
        What is otherwise than one might expect.
    """

    holding: Holding
    fresh: bool
    notes: tuple[str, ...] = ()


def fetch(
    remote: Remote,
    folder: Path,
    wish: Wish = EVERYTHING,
    *,
    limit: int,
    patience: Patience = PATIENT,
    told: Told = lambda name, here, total: None,
    force: bool = False,
) -> Fetched:
    """Fetch an observation into a folder of its own, unless it is there.

    The folder is put in place once all is in it, and then told of in the manifest. What was seen
    before must still be the same.

    Parameters
    ----------
    remote : Remote
        Where its files are.
    folder : Path
        That of the manifest.
    wish : Wish
        What to keep.
    limit : int
        Bytes that no download, and no archive's content, must exceed.
    patience : Patience
        With the server.
    told : callable
        Is told of downloads as they go on.
    force : bool
        Fetch also what is there, and take files that changed since they were first seen.

    Returns
    -------
    Fetched

    Raises
    ------
    ArchiveError
        If a file cannot be fetched or used, is not what it was when first seen, or if no raster
        is of the time.
    """
    if wish.start and wish.stop and wish.stop <= wish.start:
        raise ArchiveError(
            f"There is no time from {wish.start} to {wish.stop}: give the earlier one first."
        )
    manifest = Manifest(folder)
    with alone(folder / remote.observation_id):
        there = manifest.holdings().get(remote.observation_id)
        if there is not None and not force and wish.served_by(there):
            faults = manifest.faults(remote.observation_id)
            if faults:
                raise ArchiveError(
                    f"Of {remote.observation_id}, {' and '.join(faults)}: fetch it again by force."
                )
            if wish.onset is not None and there.onset != isotime(wish.onset):
                there = replace(there, onset=isotime(wish.onset))
                manifest.record(there)
            return Fetched(there, fresh=False)
        return _Fetching(remote, manifest, wish, limit, patience, told, force).run(there)


def attach(manifest: Manifest, observation_id: str, path: Path, address: str) -> None:
    """Tell the manifest of a file that belongs to an observation and is no file of IRIS.

    Parameters
    ----------
    manifest : Manifest
    observation_id : str
    path : Path
        Below the manifest's folder, in `BESIDES`.
    address : str
        Where its content came from.

    Raises
    ------
    ArchiveError
        If the observation was not fetched.
    """
    with alone(manifest.folder / observation_id):
        holding = manifest.holdings().get(observation_id)
        if holding is None:
            raise ArchiveError(f"{observation_id} was not fetched: fetch it first.")
        new = entries_of([path], manifest.folder, {path.name: (address, "")})
        others = tuple(each for each in holding.entries if each.file != new[0].file)
        manifest.record(replace(holding, entries=(*others, *new)))


@dataclass
class _Fetching:
    """One observation on its way."""

    remote: Remote
    manifest: Manifest
    wish: Wish
    limit: int
    patience: Patience
    told: Told
    force: bool

    def __post_init__(self) -> None:
        self.notes: list[str] = []
        self.sources: dict[str, tuple[str, str]] = {}
        self.wholes: list[Entry] = []

    def run(self, there: Holding | None) -> Fetched:
        name = self.remote.observation_id
        target = self.manifest.folder / name
        raster = self._download(self.remote.raster)
        try:
            with atomically(target, ArchiveError, cure="choose another folder") as place:
                place.mkdir()
                left_out = self._unpack(raster, place)
                if self.wish.slit_jaw:
                    self._slit_jaw(place)
                kept = entries_of(sorted(place.iterdir()), place, self.sources)
        finally:
            raster.path.unlink(missing_ok=True)
        besides = [
            each for each in (there.entries if there else ()) if each.file.startswith(f"{BESIDES}/")
        ]
        own = [replace(each, file=f"{name}/{each.file}") for each in kept]
        onset = isotime(self.wish.onset) if self.wish.onset else (there.onset if there else "")
        holding = Holding(
            observation_id=name,
            start=isotime(self.wish.start) if self.wish.start else "",
            stop=isotime(self.wish.stop) if self.wish.stop else "",
            mg_only=self.wish.mg_only,
            slit_jaw=self.wish.slit_jaw,
            onset=onset,
            left_out=left_out,
            entries=(*self.wholes, *own, *besides),
        )
        self.manifest.record(holding)
        return Fetched(holding, fresh=True, notes=tuple(self.notes))

    def _download(self, address: str) -> Downloaded:
        name = address.rsplit("/", 1)[-1]
        came = download(
            address,
            self.manifest.folder / DOWNLOADS / name,
            limit=self.limit,
            patience=self.patience,
            progress=lambda here, total: self.told(name, here, total),
        )
        first = self.manifest.first_seen(address)
        if first is not None and first.sha256 != came.sha256 and not self.force:
            came.path.unlink()
            raise ArchiveError(
                f"{address} has changed since it was first fetched on {first.seen}: fetch it by "
                "force if the archive has a newer version, or try again later."
            )
        same = first if first is not None and first.sha256 == came.sha256 else None
        seen = same.seen if same else now()
        self.wholes.append(Entry("", address, "", came.size, came.sha256, seen))
        return came

    def _unpack(self, raster: Downloaded, place: Path) -> int:
        """Keep the rasters that are wished for, and return how many are not."""
        wanted = re.compile(
            rf"iris_l2_{self.remote.observation_id}_raster_t[0-9]{{3}}_r[0-9]{{5}}\.fits"
        )
        kept, left_out, others = 0, 0, 0
        for each in members(raster.path, limit=self.limit):
            if not wanted.fullmatch(each.name):
                others += 1
            elif keep_raster(each, place, self.wish):
                self.sources[each.name] = (raster.address, each.name)
                kept += 1
            else:
                left_out += 1
        if others:
            self.notes.append(
                f"{others} files of {raster.path.name} are no rasters of the observation"
            )
        if not kept and not left_out:
            raise ArchiveError(
                f"{raster.path.name} holds no raster of {self.remote.observation_id}: check the "
                "observation id, or try again later."
            )
        if not kept:
            raise ArchiveError(
                f"None of the {left_out} rasters of {self.remote.observation_id} is of the time "
                f"{self.wish.span()}: the observation begins at "
                f"{started(self.remote.observation_id)}; choose another time."
            )
        return left_out

    def _slit_jaw(self, place: Path) -> None:
        for address in self.remote.slit_jaws:
            try:
                came = self._download(address)
            except MissingError:
                continue
            try:
                path = place / came.path.name.removesuffix(".gz")
                gunzip(came.path, path, limit=self.limit)
            finally:
                came.path.unlink(missing_ok=True)
            channel = keep_slit_jaw(path, self.wish)
            self.sources[path.name] = (address, "")
            if address != self.remote.slit_jaws[0]:
                self.notes.append(f"slit-jaw images are of {channel}")
            return
        self.notes.append("there are no slit-jaw images")
