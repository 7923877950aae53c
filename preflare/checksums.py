"""Checksums of what is kept: recorded when it is made, compared when it is asked for."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from preflare.atomic import atomically
from preflare.errors import PreflareError, reason

SUFFIX = ".sha256"
"""Ends the name of the file with the checksums of what lies beside it."""

_hashed: dict[Path, tuple[tuple[int, ...], str]] = {}


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal.

    A process reads a file once: again only if its size, its times or its place on the disk differ.

    Parameters
    ----------
    path : Path

    Raises
    ------
    OSError
        If it cannot be read.
    """
    state = path.stat()
    stamp = state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino
    known = _hashed.get(path)
    if known is None or known[0] != stamp:
        with path.open("rb") as stream:
            known = stamp, hashlib.file_digest(stream, "sha256").hexdigest()
        _hashed[path] = known
    return known[1]


def record_checksums(place: Path, path: Path, error: type[PreflareError]) -> None:
    """Record the checksum of a file, or of every file of a folder, beside where it belongs.

    Recorded before it is put there, so that nothing is ever there without. The command
    ``sha256sum --check`` reads the record, too.

    Parameters
    ----------
    place : Path
        What was made.
    path : Path
        Where it is about to be put.
    error : type
        What to raise if the system refuses.

    Raises
    ------
    PreflareError
        As `error`, if the record cannot be written.
    """
    lines = [f"{checksum(file)}  {_named(file, place, path)}\n" for file in _files(place)]
    with atomically(recorded(path), error) as record:
        record.write_text("".join(sorted(lines)), encoding="utf-8")


def recorded(path: Path) -> Path:
    """Return where the checksums of a path are recorded."""
    return path.with_name(path.name + SUFFIX)


def fault_of(path: Path) -> str | None:
    """Say in what a file or folder is not what it was when its checksums were recorded.

    Parameters
    ----------
    path : Path

    Returns
    -------
    str or None
        The first fault, or None.
    """
    record = recorded(path)
    try:
        expected = _read(record)
    except FileNotFoundError:
        return f"{record.name} is missing"
    except OSError as refusal:
        return f"{record.name} cannot be read ({reason(refusal)})"
    except ValueError:
        return f"{record.name} is no list of checksums"
    try:
        found = {_named(file, path, path): file for file in _files(path)}
    except OSError as refusal:
        return f"it cannot be read ({reason(refusal)})"
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            return f"{name} is missing"
        if name not in expected:
            return f"{name} was added"
        try:
            if checksum(found[name]) != expected[name]:
                return f"{name} has changed"
        except OSError as refusal:
            return f"{name} cannot be read ({reason(refusal)})"
    return None


def _read(record: Path) -> dict[str, str]:
    expected = {}
    for line in record.read_text(encoding="utf-8").splitlines():
        value, _, name = line.partition("  ")
        if len(value) != 64 or not name:
            raise ValueError(line)
        expected[name] = value
    if not expected:
        raise ValueError("nothing")
    return expected


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return

    def refuse(error: OSError) -> None:
        raise error

    for folder, _, names in os.walk(path, onerror=refuse):
        yield from (Path(folder, name) for name in names)


def _named(file: Path, root: Path, path: Path) -> str:
    """Name a file of what will be at a path, from the folder that it lies in."""
    return str(PurePosixPath(path.name, file.relative_to(root)))
