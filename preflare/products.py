"""Products on disk: made once, kept under a key of all that they depend on, written whole."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import platformdirs

from preflare.atomic import alone, atomically, cleared_away, locked
from preflare.checksums import fault_of, record_checksums, recorded
from preflare.errors import StudyError, reason
from preflare.notices import notice

ENVIRONMENT = "PREFLARE_CACHE"
"""Environment variable that names the cache."""


def cache_folder(cache: str | Path | None) -> Path:
    """Return the folder that keeps products: as named, else `$PREFLARE_CACHE`, else the user's."""
    named = cache or os.environ.get(ENVIRONMENT) or platformdirs.user_cache_dir("preflare")
    return Path(named).expanduser().absolute()


def digest(paths: list[Path], *extra: str) -> str:
    """Hash files by name and content, folders with all that is in them.

    Parameters
    ----------
    paths : list of Path
        Files and folders.
    *extra : str
        More to hash.

    Returns
    -------
    str
        SHA-256 in hexadecimal.
    """
    total = hashlib.sha256()
    for text in extra:
        total.update(f"{len(text)}:{text}".encode())
    for path in paths:
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                content = hashlib.sha256(file.read_bytes()).hexdigest()
                total.update(f"{file.relative_to(path.parent)}:{content}\n".encode())
    return total.hexdigest()


def product_key(**depends: object) -> str:
    """Hash what a product depends on."""
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()[:16]


def kept(path: Path, make: Callable[[Path], object]) -> Path:
    """Return a product's path, after making it if it is not there and nobody else is making it.

    Its checksums are recorded beside it. One that is damaged is made again.

    Parameters
    ----------
    path : Path
        Where the product is kept.
    make : callable
        Makes it at the path that it is given, which then takes the product's place.

    Raises
    ------
    StudyError
        If it cannot be written.
    """
    if is_sound(path):
        return path
    with alone(path):
        if not path.exists():
            with atomically(path, StudyError, replace=False, cure=_CURE) as place:
                make(place)
                record_checksums(place, path, StudyError)
    return path


def is_sound(path: Path) -> bool:
    """Tell whether a product is there as it was made; one that is damaged is named, and removed.

    Parameters
    ----------
    path : Path
        Where the product is kept, with its checksums beside it.

    Raises
    ------
    StudyError
        If it is damaged and cannot be removed.
    """
    if not os.path.lexists(path):
        return False
    if locked(path):
        # Made just now; or who made it was killed, and left the lock.
        with alone(path):
            pass
    if fault_of(path) is None:
        return True
    with alone(path):
        # Somebody else may have seen it, too, and made it again.
        fault = fault_of(path)
        if fault and os.path.lexists(path):
            notice(f"{path} is damaged ({fault}): it is made again.")
            try:
                cleared_away(path)
                if os.path.lexists(recorded(path)):
                    cleared_away(recorded(path))
            except OSError as refusal:
                raise StudyError(
                    f"{path} is damaged ({fault}) and cannot be removed ({reason(refusal)}): "
                    f"{_CURE}."
                ) from refusal
    return os.path.lexists(path)


_CURE = "choose another cache folder"
