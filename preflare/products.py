"""Products on disk: made once, kept under a key of all that they depend on, written whole."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from preflare.errors import StudyError, reason
from preflare.shipped import shipped

ENVIRONMENT = "PREFLARE_CACHE"
"""Environment variable that names the cache."""


def cache_folder(cache: str | Path | None) -> Path:
    """Return the folder that keeps products: as named, else `$PREFLARE_CACHE`, else the user's."""
    named = cache or os.environ.get(ENVIRONMENT) or platformdirs.user_cache_dir("preflare")
    return Path(named).expanduser().absolute()


def code_key(*sources: str) -> str:
    """Hash the code and the data that make a product.

    Parameters
    ----------
    *sources : str
        Modules and packages below `preflare/`, such as ``"twin"`` or ``"cleaning.py"``, and data
        below `data/`, such as ``"data/twin"``.
    """
    package = Path(__file__).parent
    total = hashlib.sha256()
    for source in sources:
        if source.startswith("data/"):
            place = shipped(source.removeprefix("data/"))
        else:
            place = package / source
        files = sorted(place.rglob("*")) if place.is_dir() else [place]
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                total.update(f"{source}/{file.name}".encode() + file.read_bytes())
    return total.hexdigest()


def product_key(**depends: object) -> str:
    """Hash what a product depends on."""
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()[:16]


def kept(path: Path, make: Callable[[Path], object]) -> Path:
    """Return a product's path, after making it if it is not there.

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
    if path.exists():
        return path
    with _room_beside(path) as unfinished:
        make(unfinished)
        if not path.exists():
            unfinished.rename(path)
    return path


@contextmanager
def _room_beside(path: Path) -> Iterator[Path]:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield unfinished
    except OSError as error:
        raise StudyError(
            f"{path} cannot be written ({reason(error)}): choose another cache folder."
        ) from error
    finally:
        if unfinished.is_dir():
            shutil.rmtree(unfinished, ignore_errors=True)
        else:
            unfinished.unlink(missing_ok=True)
