"""What all commands share: where they print, and how they show that they are at work."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from preflare.scheduler import ENVIRONMENT

PATH: Any = click.Path(path_type=Path)
SCHEDULER = click.option(
    "--scheduler",
    envvar=ENVIRONMENT,
    metavar="ADDRESS",
    help="Run tasks on the dask cluster whose scheduler is there, such as tcp://host:8786.  "
    "[default: $PREFLARE_SCHEDULER, else threads of this machine]",
)
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def progress_bar() -> Progress:
    """Return a bar on standard error, where that is a terminal, that vanishes when it is done."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=err, transient=True, disable=not err.is_terminal)


@contextmanager
def counting(label: str, total: int) -> Iterator[Callable[..., None]]:
    """Show a bar that is told how much is done, and, if these change, its label and total."""
    with progress_bar() as bar:
        task = bar.add_task(label, total=total)

        def tell(done: int, label: str = label, total: int | None = None) -> None:
            bar.update(task, completed=done, description=label, total=total)

        yield tell
