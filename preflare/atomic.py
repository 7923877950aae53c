"""Write a file or a folder whole or not at all, also when the process is killed; one at a time."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import TextIO

from preflare.errors import PreflareError, reason


@contextmanager
def atomically(
    path: Path,
    error: type[PreflareError],
    *,
    replace: bool = True,
    cure: str = "choose another place",
) -> Iterator[Path]:
    """Give a place beside a path, whose content takes the path's place when all went well.

    What a killed process left at such a place is cleared on the next attempt.

    Parameters
    ----------
    path : Path
        The file or folder to make.
    error : type
        What to raise if the system refuses.
    replace : bool
        Whether to replace what stands at the path by then, or leave it and drop the new one.
    cure : str
        What a person should do if the system refuses.

    Yields
    ------
    Path
        Where to write. Nothing is there yet.

    Raises
    ------
    PreflareError
        As `error`, if it cannot be written.
    """
    here = f".{path.name}.{socket.gethostname()}."
    mine = f"{os.getpid()}.{threading.get_ident()}.unfinished"
    place = path.with_name(here + mine)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for left_over in path.parent.glob(f"{escape(here)}*.unfinished"):
            process = left_over.name.split(".")[-3]
            if process.isdigit() and not _is_running(int(process)):
                _remove(left_over)
        _remove(place)
        yield place
        if replace and path.is_dir():
            old = path.with_name(f"{here}old.{mine}")
            path.rename(old)
            place.rename(path)
            _remove(old)
        elif replace or not path.exists():
            place.replace(path)
    except OSError as refusal:
        raise error(f"{path} cannot be written ({reason(refusal)}): {cure}.") from refusal
    finally:
        _remove(place)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Wait until nobody else on this machine makes what belongs at a path.

    Where the system keeps no locks, as on some disks of networks, nobody waits: `atomically` sees
    to it that what is made twice is whole all the same.

    Parameters
    ----------
    path : Path
    """
    lock = path.with_name(f".{path.name}.lock")
    with ExitStack() as held:
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            held.enter_context(_locked(lock))
            held.callback(lock.unlink, missing_ok=True)
        yield


def _locked(lock: Path) -> TextIO:
    while True:
        file = lock.open("w")
        fcntl.flock(file, fcntl.LOCK_EX)
        # Whoever held it before has removed it: others may hold a new one of the same name.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), lock.stat()):
                return file
        file.close()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):
        path.unlink()


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
