"""The commands of the twin: simulate observations, and recompute what they are made of."""

import os
from pathlib import Path

import click

from preflare.cli_terminal import PATH, SCHEDULER, counting, err, out


@click.command()
@click.argument("observations", nargs=-1, metavar="[OBSERVATION]...")
@click.option("--output", required=True, type=PATH, help="Folder for the observations.")
@click.option("--profile", default="quick", help="quick or paper.  [default: quick]")
@click.option("--seed", default=0, type=int, help="Every draw follows from it.  [default: 0]")
@click.option("--no-noise", is_flag=True, help="Leave out noise, gaps, clipping and rounding.")
@SCHEDULER
@click.option("--force", is_flag=True, help="Replace observations simulated otherwise.")
def simulate(
    observations: tuple[str, ...],
    output: Path,
    profile: str,
    seed: int,
    no_noise: bool,
    scheduler: str | None,
    force: bool,
) -> None:
    """Simulate observations of Table A1, with their truth.

    OBSERVATION is a name such as "PF 14" or an observation id; without any, all 37 are simulated.
    Each gets a folder with level 2 raster files, slit-jaw images, the X-ray flux and the truth of
    every spectrum. Interrupted, the same command goes on where it stopped.
    """
    from preflare.twin.observing import Settings
    from preflare.twin.simulate import chosen, simulate

    rows = chosen(observations)
    with counting("simulating", len(rows)) as tell:
        finished: list[Path] = []

        def progress(folder: Path) -> None:
            finished.append(folder)
            tell(len(finished))

        settings = Settings(profile, seed, not no_noise)
        folders = simulate(
            rows, output, settings, force=force, scheduler=scheduler, progress=progress
        )
    for row, folder in zip(rows, folders, strict=True):
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
        out.print(f"{row.name:6} {folder}  {size:.1f} MB", markup=False)


@click.group()
def twin() -> None:
    """Recompute what the twin is made of."""


@twin.command()
@click.option(
    "--work", required=True, type=PATH, help="Folder for the spectra as they are computed."
)
@click.option("--output", required=True, type=PATH, help="The library file to write (.npz).")
@click.option("--workers", type=click.IntRange(1), help="Processes.  [default: the cores]")
@click.option("--force", is_flag=True, help="Replace a library that exists.")
def library(work: Path, output: Path, workers: int | None, force: bool) -> None:
    """Compute the profile library by NLTE radiative transfer.

    About 1,100 spectra, 40 minutes on four cores; needs Lightweaver (preflare[twin]). Every
    spectrum is stored in WORK as soon as it is there: interrupted, the same command goes on.
    """
    from preflare.cubes import check_writable
    from preflare.twin.computing import compute
    from preflare.twin.library import pack
    from preflare.twin.plan import plan

    check_writable(output, overwrite=force, kind="file")
    entries = plan()
    with counting("computing spectra", len(entries)) as tell:
        failures = compute(entries, work, workers or os.cpu_count() or 1, tell)
    for name, why in failures.items():
        err.print(f"{name} is left out: {why}", markup=False)
    pack(entries, work, output)
    out.print(f"{output}  {output.stat().st_size / 1e6:.1f} MB", markup=False)
