"""Tasks on the workers of a dask cluster, which compute what this machine would, to the bit."""

from __future__ import annotations

import asyncio
import logging
import platform
import socket
import threading
import time
import uuid
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import dask
from threadpoolctl import threadpool_limits

from preflare.errors import ClusterError, reason
from preflare.products import digest

Result = TypeVar("Result")

ANSWERS_WITHIN = 10
"""Seconds in which a scheduler must answer, and have a worker."""
ARRIVES_WITHIN = 90
"""Seconds in which a product must be seen here: disks of networks take up to a minute."""
COMPARED = ("dask", "llvmlite", "numba", "numpy", "scipy", "torch", "xarray", "zarr")
"""Packages whose versions must be the same everywhere, for the bits may depend on them."""


class Probe(NamedTuple):
    """A file that all machines should see, and what is in it."""

    path: Path
    content: str

    @classmethod
    def laid(cls, folder: Path) -> Probe:
        """Write one into a folder.

        Raises
        ------
        ClusterError
            If it cannot be written.
        """
        probe = cls(folder / f".{uuid.uuid4().hex}.probe", uuid.uuid4().hex)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe.path.write_text(probe.content)
        except OSError as error:
            raise ClusterError(
                f"{folder} cannot be written ({reason(error)}): choose another folder."
            ) from error
        return probe

    def seen(self) -> bool:
        """Tell whether it is there."""
        try:
            return self.path.read_text() == self.content
        except OSError:
            return False


class Cluster:
    """Tasks on the workers of a cluster: see `preflare.scheduler.Tasks`.

    A task whose worker dies runs again on another one.

    Parameters
    ----------
    client : distributed.Client
        Connected.
    address : str
        Of the scheduler.
    probe : Probe, optional
        In the folder of the products.
    """

    def __init__(self, client: Any, address: str, probe: Probe | None) -> None:
        self._client, self._address, self._probe = client, address, probe

    def shared(self, value: Any) -> Any:
        """See `Tasks.shared`. The scheduler keeps it: it outlives the workers that hold it."""
        # Spectra to share are large, and are sent once.
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1TB"}):
            return self._client.submit(_itself, value, key=self._named(_itself), pure=False)

    def each(
        self,
        function: Callable[..., Result],
        jobs: Sequence[tuple[Any, ...]],
        finished: Callable[[Result], object] = lambda result: None,
        *,
        wide: bool = False,
    ) -> list[Result]:
        """See `Tasks.each`.

        Raises
        ------
        ClusterError
            If the scheduler is lost, a task kills worker after worker, a worker is unlike this
            machine, or a product does not arrive here.
        """
        from distributed import KilledWorker, as_completed
        from distributed.comm.core import CommClosedError

        # As one group, whose first is sent first and whose others wait until a worker is free:
        # each by itself would be in some worker's queue at once, a long one behind others.
        group = self._named(function)
        futures = self._client.map(
            partial(_called, versions(), self._probe, function),
            jobs,
            key=[(group, number) for number, _ in enumerate(jobs)],
            pure=False,
        )
        try:
            for future in as_completed(futures, loop=self._client.loop):
                result = future.result()
                if isinstance(result, Path):
                    _await(result)
                finished(result)
            return [future.result() for future in futures]
        except KilledWorker as error:
            raise ClusterError(
                f"A task has killed worker after worker of {self._address}, perhaps for want of "
                "memory: give each worker more."
            ) from error
        except (CancelledError, CommClosedError) as error:
            raise ClusterError(
                f"The scheduler at {self._address} was lost: start it again, and then the same "
                "command, which goes on where it stopped."
            ) from error
        finally:
            self._client.cancel([future for future in futures if not future.done()])

    def check(self) -> None:
        """Refuse workers that are unlike this machine, or do not see the folder.

        Raises
        ------
        ClusterError
            If so, or if there is no worker.
        """
        try:
            self._client.wait_for_workers(1, timeout=ANSWERS_WITHIN)
        except TimeoutError as error:
            raise ClusterError(
                f"The scheduler at {self._address} has no worker: start one or more, and wait "
                "until they have joined."
            ) from error
        found = self._client.run(_check, versions(), self._probe, on_error="return")
        for worker, fault in sorted(found.items()):
            if isinstance(fault, ClusterError):
                raise fault
            if isinstance(fault, ImportError):
                raise ClusterError(
                    f"The worker {worker} cannot load preflare ({reason(fault)}): install the "
                    "same environment there."
                ) from fault

    @staticmethod
    def _named(function: Callable[..., object]) -> str:
        return f"{function.__name__}-{uuid.uuid4().hex}".lstrip("_")


@contextmanager
def connected(address: str, folder: Path | None) -> Iterator[Cluster]:
    """Connect to a cluster, and check that it computes what this machine would.

    Parameters
    ----------
    address : str
        Of the scheduler, such as ``"tcp://host:8786"``.
    folder : Path or None
        Where the tasks make products.

    Yields
    ------
    Cluster

    Raises
    ------
    ClusterError
        If distributed is not installed, nobody answers, there is no worker, a worker has other
        versions of preflare or what it computes with, or does not see the folder.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise ClusterError(
            "A cluster needs the package distributed, which is not installed: "
            "install preflare[cluster]."
        ) from error
    try:
        # In a thread, for a notebook has a loop of its own running in this one.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, _greeted(address)).result()
        with warnings.catch_warnings():
            # `Cluster.check` compares what matters, and says so in one sentence.
            warnings.filterwarnings("ignore", message="Mismatched versions found")
            client = Client(address, timeout=ANSWERS_WITHIN, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ClusterError(
            f"No dask scheduler answers at {address}: start one there, or give the address "
            "of one that runs."
        ) from error
    with ExitStack() as open_until_then:
        # What it would log of a scheduler that is lost is an error of ours, one sentence.
        log = logging.getLogger("distributed.client")
        open_until_then.callback(log.setLevel, log.level)
        log.setLevel(logging.CRITICAL)
        open_until_then.enter_context(client)
        probe = None if folder is None else Probe.laid(folder)
        if probe is not None:
            open_until_then.callback(probe.path.unlink, missing_ok=True)
        cluster = Cluster(client, address, probe)
        cluster.check()
        yield cluster


async def _greeted(address: str) -> None:
    """Exchange greetings with a scheduler: a client would wait for them for ever."""
    from distributed.comm.core import connect
    from distributed.security import Security

    safely = Security().get_connection_args("client")
    greeting = connect(address, timeout=ANSWERS_WITHIN, **safely)
    comm = await asyncio.wait_for(greeting, ANSWERS_WITHIN)
    await comm.close()


@cache
def versions() -> dict[str, str]:
    """Return the versions of Python, of packages, and of the code of preflare, by name."""
    found = {name: metadata.version(name) for name in COMPARED}
    code = digest([Path(__file__).parent])[:12]
    return {"Python": platform.python_version(), "preflare": code, **found}


def _itself(value: Any) -> Any:
    return value


def _called(
    expected: Mapping[str, str],
    probe: Probe | None,
    function: Callable[..., Result],
    job: tuple[Any, ...],
) -> Result:
    """Run a task on a worker, which may have joined after the others were checked."""
    _check(expected, probe)
    with _by_itself:
        return function(*job)


def _check(expected: Mapping[str, str], probe: Probe | None) -> None:
    here = socket.gethostname()
    for name, version in expected.items():
        if (own := versions()[name]) != version:
            raise ClusterError(
                f"A worker on {here} has {name} {own}, and this machine has {version}: install "
                "the same environment on both."
            )
    if probe is not None and not probe.seen():
        raise ClusterError(
            f"A worker on {here} does not see {probe.path.parent} as this machine does: choose a "
            "folder on a disk that all share."
        )


class _ByItself:
    """A task in the thread that it was given, without others of its own.

    Many threads of a worker may be inside together, and these settings are those of the process:
    the first sets them, the last takes them back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._settings = ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                # Else dask would send to the cluster what a task computes lazily, and wait for it.
                self._settings.enter_context(dask.config.set(scheduler="sync"))
                self._settings.enter_context(threadpool_limits(1))
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._settings.close()


_by_itself = _ByItself()


def _await(product: Path) -> None:
    """Wait until what a worker has made is seen here, too."""
    until = time.monotonic() + ARRIVES_WITHIN
    while not product.exists():
        if time.monotonic() > until:
            raise ClusterError(
                f"{product} was made by a worker and is not seen here: choose a folder on a disk "
                "that all share."
            )
        time.sleep(0.2)
        # Disks of networks remember for a while what was not there: to list a folder is to ask.
        if product.parent.exists():
            list(product.parent.iterdir())
