"""The command that scores level 2 files with the swarm that travels with preflare."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from preflare.cli_terminal import PATH, SCHEDULER, counting, out
from preflare.level2 import read_raster
from preflare.scheduler import running

if TYPE_CHECKING:
    from preflare.explainer import Explainer
    from preflare.quietsun import QuietSun


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILES...", type=PATH)
@click.option("--output", required=True, type=PATH, help="Folder for what is written.")
@click.option(
    "--swarm",
    type=PATH,
    help="Networks and baselines that Explainer.save has written.  [default: those that travel "
    "with preflare, trained on the twin]",
)
@click.option("--onset", help="UTC start of the flare, for example 2014-01-31T12:00.")
@click.option(
    "--samples",
    default=128,
    type=click.IntRange(1),
    help="Draws for each spectrum and network.  [default: 128]",
)
@SCHEDULER
@click.option("--force", is_flag=True, help="Replace what exists.")
def score(
    files: tuple[Path, ...],
    output: Path,
    swarm: Path | None,
    onset: str | None,
    samples: int,
    scheduler: str | None,
    force: bool,
) -> None:
    """Score and explain the spectra of IRIS level 2 rasters.

    FILES are rasters with Mg II h&k, of one observation or several. For each observation three
    things are written: a Zarr cube with every spectrum, its score and its attribution; a table
    (.csv) with a row for each exposure; and a quick look (.png). Nothing is written unless all
    FILES can be read.

    The score is the probability that a spectrum precedes a flare, by networks that learned from a
    simulated Sun. How unlike their Sun the spectra are is printed with it: heed that first.
    """
    from preflare.cubes import check_writable
    from preflare.errors import CubeError
    from preflare.explainer import Explainer
    from preflare.quietsun import QuietSun
    from preflare.shipped import shipped
    from preflare.sources import SHIPPED_QUIET_SUN
    from preflare.study import SHIPPED_SWARM

    by_observation: dict[str, list[Path]] = defaultdict(list)
    for file in files:
        by_observation[read_raster(file).observation_id].append(file.absolute())
    explainer = Explainer.load(swarm or shipped(SHIPPED_SWARM))
    quiet_sun = QuietSun.load(shipped(SHIPPED_QUIET_SUN))
    if output.is_file():
        raise CubeError(f"{output} is a file: name a folder.")
    for name in by_observation:
        check_writable(output / f"{name}.zarr", overwrite=force)
        for suffix in (".csv", ".png"):
            check_writable(output / f"{name}{suffix}", overwrite=force, kind="file")
    with counting("scoring", len(by_observation)) as tell:
        finished: list[Path] = []

        def told(cube: Path) -> None:
            _sum_up(output / cube.name, explainer)
            finished.append(cube)
            tell(len(finished), f"scored {cube.stem}")

        with running(scheduler, output.absolute()) as tasks:
            shared = tasks.shared((explainer, quiet_sun, onset, samples))
            jobs = [
                (output.absolute() / f"{name}.zarr", rasters, shared)
                for name, rasters in by_observation.items()
            ]
            tasks.each(_score, jobs, told, wide=True)


def _score(
    path: Path,
    files: list[Path],
    how: tuple[Explainer, QuietSun, str | None, int],
) -> Path:
    """Write the cube of one observation, scored and explained."""
    from preflare.cubes import write_cube
    from preflare.scoring import scored

    explainer, quiet_sun, onset, samples = how
    rasters = [read_raster(file) for file in files]
    cube = scored(rasters, explainer, quiet_sun, onset=onset, samples=samples)
    return write_cube(cube, path, overwrite=True)


def _sum_up(path: Path, explainer: Explainer) -> None:
    """Write what a scored cube comes with, and say what was found."""
    import numpy as np

    from preflare.atomic import atomically
    from preflare.cubes import open_cube
    from preflare.errors import CubeError
    from preflare.quick_look import draw
    from preflare.scoring import by_exposure, shift_of

    stem = path.with_suffix("")
    stored = open_cube(path)
    table, shift = by_exposure(stored), shift_of(stored, explainer)
    with atomically(Path(f"{stem}.csv"), CubeError) as place:
        table.to_csv(place, index=False)
    with atomically(Path(f"{stem}.png"), CubeError) as place:
        draw(stored, shift, place)
    count, total = int(table["scored"].sum()), int(table["spectra"].sum())
    out.print(f"{stem.name}: {count:,} of {total:,} spectra scored", markup=False)
    if count:
        mean = np.average(table["score"].fillna(0), weights=table["scored"])
        out.print(f"mean score {mean:.2f}, highest {table['top_score'].max():.2f}", markup=False)
    else:
        out.print("the rules accept none, so there is nothing to score", markup=False)
    out.print(shift, markup=False)
    for suffix in (".zarr", ".csv", ".png"):
        out.print(f"{stem}{suffix}", markup=False)
