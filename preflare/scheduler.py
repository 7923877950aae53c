"""Where tasks run: on threads of this machine, or on the workers of a dask cluster."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from dask.base import compute
from dask.delayed import delayed
from threadpoolctl import threadpool_limits

from preflare.errors import ClusterError

Result = TypeVar("Result")

ENVIRONMENT = "PREFLARE_SCHEDULER"
"""Environment variable that names the scheduler."""
THREADS = "threads"
"""Names this machine."""

_ADDRESS = re.compile(r"(tcp|tls)://([^\s/:\[\]]+|\[[0-9a-fA-F:]+\]):(\d{1,5})")


class Tasks(Protocol):
    """What runs tasks. A task is a function of a module with what it is given, and nothing else.

    It is pure, or makes a product whole or not at all: it may run again where it was cut short.
    """

    def shared(self, value: Any) -> Any:
        """Return what stands, among a task's arguments, for a value that many tasks need."""

    def each(
        self,
        function: Callable[..., Result],
        jobs: Sequence[tuple[Any, ...]],
        finished: Callable[[Result], object] = lambda result: None,
        *,
        wide: bool = False,
    ) -> list[Result]:
        """Call a function with the arguments of each job.

        Parameters
        ----------
        function : callable
            If it makes a product, it returns its path.
        jobs : sequence of tuple
            Arguments.
        finished : callable
            Called with each result as soon as it is there.
        wide : bool
            Whether one call keeps a whole machine busy: on threads, such calls run one by one.

        Returns
        -------
        list
            Results, in the order of the jobs.
        """


class Threads:
    """Tasks on threads of this process.

    Parameters
    ----------
    workers : int, optional
        How many. Default: as many as there are cores.
    """

    def __init__(self, workers: int | None = None) -> None:
        self._options = {} if workers is None else {"num_workers": workers}

    def shared(self, value: Any) -> Any:
        """See `Tasks.shared`."""
        return value

    def each(
        self,
        function: Callable[..., Result],
        jobs: Sequence[tuple[Any, ...]],
        finished: Callable[[Result], object] = lambda result: None,
        *,
        wide: bool = False,
    ) -> list[Result]:
        """See `Tasks.each`."""

        def call(job: tuple[Any, ...]) -> Result:
            result = function(*job)
            finished(result)
            return result

        if wide:
            return [call(job) for job in jobs]
        tasks = [delayed(partial(call, job), pure=False, traverse=False)() for job in jobs]
        # Each thread is one core's; linear algebra by itself takes them all.
        with threadpool_limits(1):
            return list(compute(*tasks, scheduler="threads", **self._options))


def scheduler_named(scheduler: str | None) -> str:
    """Return where tasks run: as named, else `$PREFLARE_SCHEDULER`, else on threads.

    Parameters
    ----------
    scheduler : str or None
        ``"threads"``, or the address of a cluster's scheduler, such as ``"tcp://host:8786"``.

    Raises
    ------
    ClusterError
        If it is neither.

    Examples
    --------
    >>> scheduler_named("tcp://login1:8786")
    'tcp://login1:8786'
    >>> scheduler_named("login1")
    Traceback (most recent call last):
    ...
    preflare.errors.ClusterError: 'login1' is no address of a scheduler: write tcp://host:port.
    """
    named = str(scheduler or os.environ.get(ENVIRONMENT) or THREADS)
    parts = _ADDRESS.fullmatch(named)
    if named != THREADS and not (parts and 0 < int(parts[3]) < 65536):
        raise ClusterError(f"{named!r} is no address of a scheduler: write tcp://host:port.")
    return named


@contextmanager
def running(
    scheduler: str | None, folder: Path | None = None, *, workers: int | None = None
) -> Iterator[Tasks]:
    """Give what runs tasks, for as long as the context lasts.

    Parameters
    ----------
    scheduler : str or None
        See `scheduler_named`.
    folder : Path, optional
        Where the tasks make products. A cluster's workers must see the same one.
    workers : int, optional
        Threads of this machine. A cluster has as many workers as it has.

    Yields
    ------
    Tasks

    Raises
    ------
    ClusterError
        If the cluster cannot be used, see `preflare.cluster.connected`.
    """
    where = scheduler_named(scheduler)
    if where == THREADS:
        yield Threads(workers)
        return
    # Here and not above: distributed takes half a second to import, and need not be installed.
    from preflare.cluster import connected

    with connected(where, folder) as cluster:
        yield cluster
