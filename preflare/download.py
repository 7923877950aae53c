"""Download one file: whole and of the right kind, or not at all.

A download goes on where it stopped, by HTTP's ranges (RFC 9110, Sect. 14), also in another process,
provided the server still has the same file.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import requests

from preflare.atomic import alone
from preflare.connection import (
    PATIENT,
    LostError,
    Patience,
    Progress,
    length,
    megabytes,
    persist,
    refuse_unsafe,
)
from preflare.errors import ArchiveError, reason

KINDS = {".gz": b"\x1f\x8b"}
"""How the content of a file begins, by the end of its name."""


@dataclass(frozen=True)
class Downloaded:
    """A file that came whole.

    Attributes
    ----------
    path : pathlib.Path
    address : str
        Where it was asked for.
    size : int
        Bytes.
    sha256 : str
        Of its content, in hexadecimal.
    """

    path: Path
    address: str
    size: int
    sha256: str


def download(
    address: str,
    path: Path,
    *,
    limit: int,
    patience: Patience = PATIENT,
    progress: Progress = lambda here, total: None,
) -> Downloaded:
    """Download a file, or go on with a download that was cut off.

    What came of an unfinished download stays beside the path, with ``.part`` at its end, if it can
    be gone on with; the path itself holds a whole file or none.

    Parameters
    ----------
    address : str
        Begins with https, or with http where the server is on this machine.
    path : Path
        Where to put the file.
    limit : int
        Bytes that the file must not exceed.
    patience : Patience
        With the server.
    progress : callable
        Is told how many bytes are here, and how many there are, if that is known.

    Returns
    -------
    Downloaded

    Raises
    ------
    ArchiveError
        If the server has no such file, the address may not be used, the file is too large or not
        of the kind that its name says, the server refuses or fails too often, or the file cannot
        be written.

    Examples
    --------
    >>> download("http://www.lmsal.com/a.gz", Path("a.gz"), limit=1)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    preflare.errors.ArchiveError: http://www.lmsal.com/a.gz is not protected by TLS: ...
    """
    refuse_unsafe(address)
    try:
        with alone(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            part = _Part(path, address, limit)
            persist(part, patience, progress)
            return part.finish()
    except OSError as error:
        raise ArchiveError(
            f"{path} cannot be written ({reason(error)}): make room, or choose another folder."
        ) from error


def get(address: str, *, limit: int, patience: Patience = PATIENT) -> bytes:
    """Return a short answer, such as that of a search, by the same rules as `download`.

    Parameters
    ----------
    address : str
    limit : int
        Bytes that it must not exceed.
    patience : Patience
        With the server.

    Raises
    ------
    ArchiveError
        As `download`.
    """
    refuse_unsafe(address)
    answer = _Answer(address, limit)
    persist(answer, patience, lambda here, total: None)
    return bytes(answer.content)


class _Answer:
    """A short answer, which is asked for anew at each try."""

    def __init__(self, address: str, limit: int) -> None:
        self.address, self.limit, self.keeps = address, limit, False
        self.content = bytearray()

    @property
    def here(self) -> int:
        return len(self.content)

    def headers(self) -> dict[str, str]:
        self.content.clear()
        return {}

    def begins(self, response: requests.Response) -> int | None:
        return length(response)

    def takes(self, piece: bytes) -> None:
        self.content += piece

    def ends(self) -> None:
        pass

    def discard(self) -> None:
        self.content.clear()


class _Part:
    """What is here of a file, with what tells whether the server still has the same one."""

    def __init__(self, path: Path, address: str, limit: int) -> None:
        self.path, self.address, self.limit, self.keeps = path, address, limit, True
        self._part = path.with_name(f"{path.name}.part")
        self._about = path.with_name(f"{path.name}.part.json")
        self._file: BinaryIO | None = None

    @property
    def here(self) -> int:
        return self._part.stat().st_size if self._part.exists() else 0

    def headers(self) -> dict[str, str]:
        """Ask for the rest, if what is here is known to be of the same file."""
        validator = self._validator()
        if not validator or not self.here:
            self.discard()
            return {}
        return {"Range": f"bytes={self.here}-", "If-Range": validator}

    def begins(self, response: requests.Response) -> int | None:
        """Open the file where the answer goes on, and return the bytes that it will have."""
        if response.status_code == 206:
            span = response.headers.get("Content-Range", "")
            unit, _, total = span.partition("/")
            if not unit.startswith(f"bytes {self.here}-"):
                self.discard()
                raise LostError("it sent another part of the file than was asked for")
            self._file = self._part.open("ab")
            return int(total) if total.isdigit() else None
        self.discard()
        etag = response.headers.get("ETag", "")
        strong = "" if etag.startswith("W/") else etag
        about = {
            "address": self.address,
            "validator": strong or response.headers.get("Last-Modified", ""),
        }
        self._about.write_text(json.dumps(about))
        self._file = self._part.open("wb")
        total_length = length(response)
        room = shutil.disk_usage(self._part.parent).free
        if total_length is not None and room < total_length <= self.limit:
            self.ends()
            self.discard()
            raise ArchiveError(
                f"{self.address} has {megabytes(total_length)} and {self.path.parent} has room for "
                f"{megabytes(room)}: make room, or choose another folder."
            )
        return total_length

    def takes(self, piece: bytes) -> None:
        if self._file is not None:
            if self._file.tell() == 0:
                self._refuse_another_kind(piece)
            self._file.write(piece)

    def ends(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def finish(self) -> Downloaded:
        """Give what came its name."""
        with self._part.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        size = self.here
        if not size:
            self.discard()
            raise ArchiveError(f"{self.address} is empty: try again later.")
        self._part.replace(self.path)
        self.discard()
        return Downloaded(self.path, self.address, size, sha256)

    def discard(self) -> None:
        """Forget what came."""
        for path in (self._part, self._about):
            path.unlink(missing_ok=True)

    def _validator(self) -> str:
        with suppress(OSError, ValueError, AttributeError, TypeError):
            about = json.loads(self._about.read_text())
            if about["address"] == self.address:
                return str(about.get("validator", ""))
        return ""

    def _refuse_another_kind(self, piece: bytes) -> None:
        begins = KINDS.get(Path(urlsplit(self.address).path).suffix)
        if begins and not piece.startswith(begins[: len(piece)]):
            page = piece.lstrip()[:1] == b"<"
            self.ends()
            self.discard()
            raise ArchiveError(
                f"{self.address} is {'a web page' if page else 'no gzip file'}, not what its name "
                "says: check the address, or try again later."
            )
