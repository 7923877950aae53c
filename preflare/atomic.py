"""Write a file or a folder whole or not at all, also when the process is killed; one at a time."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import TextIO

from preflare.errors import PreflareError, reason

_ATTEMPTS, _PAUSE = 20, 0.05
"""To remove a folder, and seconds between them."""
_UNFINISHED = re.compile(r"\.(\d+)\.\d+\.unfinished")
"""The process at work, and the end of the name of what it is at work on."""


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
    place = path.with_name(_here(path) + _mine())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _clear_left_overs(path)
        _remove(place)
        yield place
        if replace and path.is_dir():
            old = _set_aside(path)
            place.rename(path)
            _remove(old)
        elif replace or not path.exists():
            place.replace(path)
        # Once more: who was killed a moment ago may not have been gone by then.
        _clear_left_overs(path)
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
    lock = _lock(path)
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


def cleared_away(path: Path) -> None:
    """Remove a file or a folder: whole, or not at all.

    Parameters
    ----------
    path : Path

    Raises
    ------
    OSError
        If the system refuses.
    """
    _remove(_set_aside(path))


def locked(path: Path) -> bool:
    """Tell whether somebody makes what belongs at a path, or was killed doing so."""
    return _lock(path).exists()


def _here(path: Path) -> str:
    return f".{path.name}.{socket.gethostname()}."


def _mine() -> str:
    return f"{os.getpid()}.{threading.get_ident()}.unfinished"


def _lock(path: Path) -> Path:
    return path.with_name(f".{path.name}.lock")


def _set_aside(path: Path) -> Path:
    old = path.with_name(f"{_here(path)}old.{_mine()}")
    _remove(old)
    return path.rename(old)


def _clear_left_overs(path: Path) -> None:
    # What is made by parts has unfinished things of unfinished things.
    for left_over in path.parent.glob(f"*{escape(_here(path))}*.unfinished*"):
        process = _UNFINISHED.search(left_over.name)
        if process and not _is_running(int(process[1])):
            _remove(left_over)


def _remove(path: Path) -> None:
    for _ in range(_ATTEMPTS):
        if not path.is_dir():
            break
        shutil.rmtree(path, ignore_errors=True)
        if path.is_dir():
            # After a fault, other threads may still write a last file there.
            time.sleep(_PAUSE)
    with suppress(OSError):
        path.unlink()


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    with suppress(OSError):
        # A zombie, which nobody has waited for, is at work no more.
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        return state not in "ZX"
    return True
