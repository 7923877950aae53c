"""The command that fetches observations from the mission's archive."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from preflare.cli_terminal import PATH, counting, err, out

if TYPE_CHECKING:
    from preflare.archive import Remote
    from preflare.connection import Patience
    from preflare.keeping import Wish

AROUND = timedelta(minutes=5)
"""Of X-ray flux before and after an observation's rasters."""
GB = 1e9


class _Number(click.types.FloatParamType):
    """A number above 0 and up to some most; nan is none."""

    def __init__(self, most: float) -> None:
        self._most = most

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number = float(super().convert(value, param, ctx))
        if not 0 < number <= self._most:
            self.fail(f"{value} is not above 0 and up to {self._most:,.0f}.", param, ctx)
        return number


@click.command()
@click.argument("observations", nargs=-1, metavar="[OBSERVATION]...")
@click.option("--all", "everything", is_flag=True, help="All 37 observations of Table A1.")
@click.option("--from", "start", metavar="TIME", help="Keep rasters from this UTC time on.")
@click.option("--to", "stop", metavar="TIME", help="Keep rasters up to this UTC time.")
@click.option("--onset", metavar="TIME", help="UTC start of the flare, of one OBSERVATION.")
@click.option(
    "--goes",
    is_flag=True,
    help="Fetch X-ray flux, too, and look up when flares of Table A1 began; needs preflare[goes].",
)
@click.option(
    "--window",
    type=_Number(24 * 60),
    metavar="MINUTES",
    help="Keep rasters of so many minutes before the onset, of observations with a flare; needs "
    "--onset or --goes.",
)
@click.option("--mg-only", is_flag=True, help="Keep Mg II only, losslessly, to save room.")
@click.option("--no-slit-jaw", is_flag=True, help="Leave slit-jaw images out.")
@click.option("--output", type=PATH, help="Folder to fetch into.  [default: that of a study]")
@click.option(
    "--limit",
    type=_Number(1e6),
    default=30.0,
    metavar="GB",
    help="Size that no download, and no archive's content, may exceed.  [default: 30]",
)
@click.option("--server", metavar="URL", help="Another server with the archive's tree.")
@click.option(
    "--timeout",
    type=_Number(3600),
    default=60.0,
    metavar="SECONDS",
    help="Without a byte, after which to try again.  [default: 60]",
)
@click.option(
    "--attempts",
    type=click.IntRange(min=1),
    default=6,
    help="Tries in a row that bring nothing, after which to give up.  [default: 6]",
)
@click.option("--dry-run", is_flag=True, help="Say what would be fetched, and fetch nothing.")
@click.option("--check", is_flag=True, help="Compare what was fetched with its checksums.")
@click.option("--force", is_flag=True, help="Fetch again what is there, or has changed.")
def fetch(
    observations: tuple[str, ...],
    everything: bool,
    start: str | None,
    stop: str | None,
    onset: str | None,
    goes: bool,
    window: float | None,
    mg_only: bool,
    no_slit_jaw: bool,
    output: Path | None,
    limit: float,
    server: str | None,
    timeout: float,
    attempts: int,
    dry_run: bool,
    check: bool,
    force: bool,
) -> None:
    """Fetch IRIS level 2 files from the mission's archive.

    OBSERVATION is a name of Table A1 such as "PF 14", or an observation id. Without any, all
    observations between --from and --to are searched for. What was fetched without --output is
    what pf.Study(source="iris") works on.

    The archive has one file with all rasters of an observation, a few GB; it is downloaded, and
    only what --from, --to or --window ask for is kept. Interrupted, the same command goes on where
    it stopped. The manifest beside the files says where each came from, with its checksum.
    """
    from preflare.archive import SERVER, moment
    from preflare.connection import PATIENT, Patience
    from preflare.fetching import FETCHED
    from preflare.keeping import Wish
    from preflare.products import cache_folder

    folder = output or cache_folder(None) / FETCHED
    if check:
        _check(folder)
        return
    if everything and observations:
        raise click.UsageError("--all fetches every observation: name none.")
    if onset and len(observations) != 1:
        raise click.UsageError("--onset is that of one flare: name one OBSERVATION.")
    if window and not (onset or goes):
        raise click.UsageError("--window ends at the onset: give --onset or --goes.")
    if window and (start or stop):
        raise click.UsageError("--window says when, as --from and --to do: give one or the other.")
    if not (observations or everything or (start and stop)):
        raise click.UsageError("Name observations, or give --from and --to, or --all.")
    wish = Wish(
        start=moment(start) if start else None,
        stop=moment(stop) if stop else None,
        mg_only=mg_only,
        slit_jaw=not no_slit_jaw,
        onset=moment(onset) if onset else None,
    )
    patience = Patience(timeout, attempts, PATIENT.pause, PATIENT.longest, PATIENT.slowest)
    chosen = _chosen(observations, everything, wish, server or SERVER, patience)
    if dry_run:
        for each in chosen:
            span = _with_onset(each, wish, goes, window).span()
            out.print(f"{each.raster}  {span or 'all'}", markup=False)
        return
    order = _Order(folder, wish, goes, window, int(limit * GB), patience, force, len(chosen) > 1)
    failures = [each.observation_id for each in chosen if not order.fetch(each)]
    if failures:
        from preflare.errors import ArchiveError

        raise ArchiveError(
            f"{len(failures)} of {len(chosen)} observations were not fetched, "
            f"{', '.join(failures)}: see above, and run the same command again."
        )


def _check(folder: Path) -> None:
    """Compare every file with its checksum, and say what was found."""
    from preflare.errors import ArchiveError
    from preflare.manifest import Manifest

    manifest = Manifest(folder)
    holdings = manifest.holdings()
    if not holdings:
        raise ArchiveError(f"{folder} holds nothing that was fetched: name another with --output.")
    faults = [fault for name in holdings for fault in manifest.faults(name, thorough=True)]
    if faults:
        raise ArchiveError(f"{'; '.join(faults)}: fetch them again with --force.")
    count = sum(len(holding.files()) for holding in holdings.values())
    out.print(f"{count} files of {len(holdings)} observations are what they were", markup=False)


def _chosen(
    names: tuple[str, ...], everything: bool, wish: Wish, server: str, patience: Patience
) -> list[Remote]:
    from preflare.archive import remote, search, started
    from preflare.errors import ArchiveError, CatalogueError
    from preflare.observations import observation, read_observations

    if everything:
        return [remote(each.observation_id, server) for each in read_observations()]
    if names:
        ids = []
        for name in names:
            try:
                ids.append(observation(name).observation_id)
            except CatalogueError:
                if not name[:1].isdigit():
                    raise
                started(name)
                ids.append(name)
        return [remote(each, server) for each in dict.fromkeys(ids)]
    if wish.start is None or wish.stop is None:
        return []
    found = search(wish.start, wish.stop, server=server, patience=patience)
    if found.without:
        err.print(
            f"{len(found.without)} observations have no final rasters: {', '.join(found.without)}",
            markup=False,
        )
    if not found.observations:
        raise ArchiveError(
            f"The archive has no observation with rasters {wish.span()}: choose another time."
        )
    return list(found.observations)


def _with_onset(each: Remote, wish: Wish, goes: bool, window: float | None) -> Wish:
    """Add the onset to a wish, looked up if need be, and the window that ends there."""
    from preflare.errors import ArchiveError
    from preflare.observations import read_observations
    from preflare.xrays import flare_onset

    (row,) = [r for r in read_observations() if r.observation_id == each.observation_id] or (None,)
    if row is not None and row.kind == "AR":
        if wish.onset is not None:
            raise ArchiveError(f"{row.name} is followed by no flare: fetch it without --onset.")
        return wish
    onset = wish.onset
    if goes and onset is None and row is not None:
        onset = flare_onset(row.flare_class, row.id_start)
    if window is None:
        return replace(wish, onset=onset)
    if onset is None:
        raise ArchiveError(
            f"Where the window of {each.observation_id} ends is not known, as it is not in Table "
            "A1: give --onset, or --from and --to."
        )
    return replace(wish, onset=onset, start=onset - timedelta(minutes=window), stop=onset)


@dataclass(frozen=True)
class _Order:
    """What is the same for all observations that a command fetches."""

    folder: Path
    wish: Wish
    goes: bool
    window: float | None
    limit: int
    patience: Patience
    force: bool
    several: bool

    def fetch(self, each: Remote) -> bool:
        """Fetch one observation and say what came; of several, one that fails stops none other."""
        from preflare.errors import PreflareError
        from preflare.fetching import fetch

        name = each.observation_id
        try:
            wish = _with_onset(each, self.wish, self.goes, self.window)
            with counting(name, 1) as tell:

                def told(file: str, here: int, total: int | None) -> None:
                    tell(here // 2**20, f"{file} (MiB)", (total or here) // 2**20)

                came = fetch(
                    each,
                    self.folder,
                    wish,
                    limit=self.limit,
                    patience=self.patience,
                    told=told,
                    force=self.force,
                )
            if self.goes:
                _goes(name, self.folder, wish)
        except PreflareError as error:
            if not self.several:
                raise
            err.print(f"preflare: {error}", markup=False)
            return False
        held = came.holding
        size = sum(entry.size for entry in held.files()) / 1e6
        rasters = sum("_raster_" in entry.file for entry in held.files())
        outside = f", {held.left_out} of another time left out" if held.left_out else ""
        there = "" if came.fresh else "  (was there)"
        out.print(
            f"{self.folder / name}  {rasters} rasters{outside}  {size:.1f} MB{there}", markup=False
        )
        for note in came.notes:
            err.print(f"{name}: {note}", markup=False)
        return True


def _goes(observation_id: str, folder: Path, wish: Wish) -> None:
    """Store the X-ray flux during the rasters that were fetched."""
    from tempfile import TemporaryDirectory

    from preflare.atomic import atomically
    from preflare.errors import ArchiveError
    from preflare.fetching import BESIDES, attach
    from preflare.level2 import read_raster
    from preflare.manifest import Manifest
    from preflare.observations import read_observations
    from preflare.xrays import flux

    rasters = sorted((folder / observation_id).glob("*_raster_*.fits"))
    first, last = (read_raster(rasters[place]).time for place in (0, -1))
    start: datetime = first[0].astype("datetime64[us]").item()
    stop: datetime = last[-1].astype("datetime64[us]").item()
    with TemporaryDirectory() as scratch:
        table, addresses = flux(start - AROUND, stop + AROUND, Path(scratch))
    known = [row for row in read_observations() if row.observation_id == observation_id]
    table.meta["flare_class"] = known[0].flare_class if known else ""
    table.meta["onset"] = wish.onset.isoformat() if wish.onset else ""
    path = folder / BESIDES / f"{observation_id}.ecsv"
    with atomically(path, ArchiveError) as place:
        table.write(place, format="ascii.ecsv")
    attach(Manifest(folder), observation_id, path, " ".join(addresses))
