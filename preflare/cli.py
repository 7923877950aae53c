"""The `preflare` command: thin wrappers that turn errors into one sentence and exit status 1."""

import errno
import logging
import os
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import click
import xarray as xr
import yaml
from dask.callbacks import Callback
from rich.table import Table

import preflare
from preflare.claims import SOURCES
from preflare.cli_fetch import fetch
from preflare.cli_score import score
from preflare.cli_terminal import PATH, SCHEDULER, err, out, progress_bar
from preflare.cli_train import train
from preflare.cli_twin import simulate, twin
from preflare.errors import PreflareError, reason
from preflare.notices import PREFIX
from preflare.scheduler import ENVIRONMENT, running, scheduler_named
from preflare.sizes import SIZES


class _Notices(logging.Handler):
    """Sentences on standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        err.print(f"{PREFIX}{record.getMessage()}", markup=False)


class _OneSentence(click.Group):
    """A group whose commands fail with one sentence on standard error and no traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        logging.getLogger("preflare").handlers = [_Notices()]
        try:
            return super().invoke(ctx)
        except PreflareError as error:
            err.print(f"preflare: {error}", markup=False)
            sys.exit(1)
        except OSError as refusal:
            if refusal.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            err.print(f"preflare: the disk takes no more ({reason(refusal)}): make room.")
            sys.exit(1)
        except KeyboardInterrupt:
            err.print("preflare: interrupted; nothing half-written was left behind.")
            sys.exit(130)


@click.group(cls=_OneSentence, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(preflare.__version__, prog_name="preflare")
def main() -> None:
    """Which wavelengths of Mg II h&k announce a solar flare?

    Fetch, cut out and clean IRIS level 2 files, simulate them, train networks on them, and build
    the executable book.
    """


main.add_command(fetch)
main.add_command(simulate)
main.add_command(twin)
main.add_command(train)
main.add_command(score)


def _exposures(_context: Any, _parameter: Any, text: str | None) -> slice:
    if text is None:
        return slice(None)
    first, colon, last = text.partition(":")
    try:
        if not colon:
            return slice(int(first), int(first) + 1)
        return slice(int(first) if first else None, int(last) if last else None)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is not a range of exposures: write FIRST:LAST, for example 0:3."
        ) from None


@main.command()
@click.argument("sources", nargs=-1, required=True, metavar="IN...", type=PATH)
@click.argument("output", metavar="OUT", type=PATH)
@click.option(
    "--exposures",
    callback=_exposures,
    metavar="FIRST:LAST",
    help="Exposures to keep, from 0, LAST not included; one number keeps one. Default: all.",
)
@click.option("--force", is_flag=True, help="Replace an output that exists.")
def cutout(sources: tuple[Path, ...], output: Path, exposures: slice, force: bool) -> None:
    """Write Mg II-only copies of level 2 files, losslessly compressed.

    IN are raster or slit-jaw files. OUT is a file for one IN and a folder for several; an
    existing folder takes the copies under the names of their sources.
    """
    into_folder = len(sources) > 1 or output.is_dir()
    if into_folder and output.is_file():
        raise PreflareError(f"{output} is a file: name a folder to take several cut-outs.")
    for source in sources:
        name = source.name.removesuffix(".gz")
        destination = output / name if into_folder else output
        preflare.cutout(source, destination, exposures=exposures, force=force)
        size = destination.stat().st_size / 1e6
        out.print(f"{destination}  {size:.1f} MB", markup=False)


@main.command()
@click.argument("files", nargs=-1, required=True, metavar="FILES...", type=PATH)
@click.option("--output", required=True, type=PATH, help="Folder for the cubes.")
@click.option(
    "--reject",
    multiple=True,
    type=click.Choice([str(rule.name).lower() for rule in preflare.Rule]),
    help="Reject by this rule; repeat for more. Default: the rules of the paper.",
)
@click.option("--onset", help="UTC start of the flare, for example 2014-01-31T12:00.")
@SCHEDULER
@click.option("--force", is_flag=True, help="Replace cubes that exist.")
def clean(
    files: tuple[Path, ...],
    output: Path,
    reject: tuple[str, ...],
    onset: str | None,
    scheduler: str | None,
    force: bool,
) -> None:
    """Clean level 2 rasters into one Zarr cube an observation.

    Spectra are interpolated to 240 points, normalised and flagged; what each rule found is
    printed. Nothing is written unless all FILES can be read.
    """
    rules = preflare.PAPER_RULES
    if reject:
        rules = preflare.Rule(sum({preflare.Rule[name.upper()] for name in reject}))
    by_observation: dict[str, list[preflare.Raster]] = defaultdict(list)
    for file in files:
        raster = preflare.read_raster(file.absolute())
        by_observation[raster.observation_id].append(raster)
    # Lazy: nothing but the checks is done until they are written, wherever that is.
    cubes = {
        f"{name}.zarr": preflare.clean_observation(rasters, reject=rules, onset=onset)
        for name, rasters in by_observation.items()
    }
    for name in cubes:
        preflare.cubes.check_writable(output / name, overwrite=force)
    with _ProgressBar("cleaning"), running(scheduler, output.absolute()) as tasks:
        jobs = [(cube, output.absolute() / name, force) for name, cube in cubes.items()]
        tasks.each(_write, jobs, lambda path: _print_counts(output / path.name), wide=True)


def _write(cube: xr.Dataset, path: Path, force: bool) -> Path:
    return preflare.write_cube(cube, path, overwrite=force)


def _print_counts(path: Path) -> None:
    cube = preflare.open_cube(path)
    kept = preflare.accepted(cube)
    table = Table("rule", box=None, header_style="bold")
    for heading in ("flagged", "alone", "rejects"):
        table.add_column(heading, justify="right")
    for rule, row in preflare.count_rules(cube).iterrows():
        flagged, alone = f"{row['flagged']:,}", f"{row['alone']:,}"
        table.add_row(str(rule), flagged, alone, "yes" if row["rejects"] else "no")
    out.print(table)
    out.print(f"{path}: {kept.sum():,} of {kept.size:,} spectra kept", markup=False)


class _ProgressBar(Callback):
    """A bar over dask's tasks of this machine, on standard error where that is a terminal."""

    def __init__(self, label: str) -> None:
        super().__init__()
        self._bar = progress_bar()
        self._task = self._bar.add_task(label)

    def _start_state(self, _graph: Any, state: dict[str, Any]) -> None:
        total = sum(len(state[key]) for key in ("ready", "waiting", "running", "finished"))
        self._bar.reset(self._task, total=total)
        self._bar.start()

    def _posttask(self, *_: Any) -> None:
        self._bar.advance(self._task)

    def _finish(self, *_: Any) -> None:
        self._bar.stop()


def _parameters(_context: Any, _parameter: Any, pairs: tuple[str, ...]) -> dict[str, Any]:
    values = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key.isidentifier():
            raise click.BadParameter(f"{pair!r} is not a parameter: write KEY=VALUE.")
        try:
            values[key] = yaml.safe_load(text)
        except yaml.YAMLError:
            raise click.BadParameter(
                f"{text!r} is not a value for {key}: write a number, a word, or a list in brackets."
            ) from None
    return values


@main.command()
@click.option("--chapter", help="Run this chapter only; the others are shown as last run.")
@click.option(
    "-p",
    "parameters",
    multiple=True,
    callback=_parameters,
    metavar="KEY=VALUE",
    help="Set a parameter of the chapter; needs --chapter. Repeat for more.",
)
@click.option(
    "--profile", type=click.Choice(list(SIZES)), help="How much of everything, in all chapters."
)
@click.option(
    "--source", type=click.Choice(list(SOURCES)), help="Whose spectra, in all chapters that can."
)
@click.option("--force", is_flag=True, help="Run chapters again that are up to date.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Chapters to run side by side; what they share is made once, their memory adds up.",
)
@SCHEDULER
@click.option("--solutions", is_flag=True, help="Add the solutions of the exercises.")
@click.option("--pdf", type=PATH, help="Also print all pages into this file, by Chromium.")
@click.option("--output", type=PATH, help="Folder to build in. Default: _build.")
def book(
    chapter: str | None,
    parameters: dict[str, Any],
    profile: str | None,
    source: str | None,
    force: bool,
    jobs: int,
    scheduler: str | None,
    solutions: bool,
    pdf: Path | None,
    output: Path | None,
) -> None:
    """Run the chapters that changed and render the book.

    Without options this is what `make book` does. A chapter that fails stops the build and
    leaves the pages of the last good one in place. The ledger follows whatever else was run.
    A build without --solutions removes those of the last one.
    """
    from preflare.book import Book

    if parameters and chapter is None:
        raise click.UsageError("-p sets a parameter of one chapter: name it with --chapter.")
    given = {"profile": profile, "source": source}
    if scheduler is not None:
        # Chapters run in processes of their own, whose studies read it there.
        os.environ[ENVIRONMENT] = scheduler_named(scheduler)
    found = Book.found(output)
    site = found.build(
        chapter=chapter,
        parameters=parameters,
        settings={name: value for name, value in given.items() if value is not None},
        force=force,
        solutions=solutions,
        jobs=jobs,
        say=err.print,
    )
    out.print(str(site / "index.html"), markup=False)
    if pdf is not None:
        from preflare.printing import print_book

        out.print(str(print_book(site, found.pages(), pdf, say=err.print)), markup=False)


@main.command()
@click.option("--output", type=PATH, help="Folder of the build. Default: _build.")
def status(output: Path | None) -> None:
    """Show when each chapter last ran, how it went, and whether it is up to date."""
    from preflare.book import Book

    table = Table("chapter", "state", "run", "time", "peak memory", box=None, header_style="bold")
    for row in Book.found(output).status():
        table.add_row(row.chapter, row.state, row.when, row.seconds, row.memory)
    out.print(table)
