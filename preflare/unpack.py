"""Unpack what came from elsewhere: nothing outside the target, no links, no devices, no bombs.

A tar archive is read as a stream and none of its members is held whole. An archive that holds
anything that has no place among a raster's files, and could do harm, is refused as a whole. The
check sum at the end of the gzip stream is read in any case, so that damage is found also behind the
last member that is kept.
"""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tarfile import EOFHeaderError, HeaderError, ReadError, TarFile  # type: ignore[attr-defined]
from typing import IO, Self

from astropy.io import fits

from preflare.connection import megabytes
from preflare.errors import ArchiveError, reason

PIECE = 2**20
"""Bytes that are copied at a time."""
MOST_MEMBERS = 100_000
LONGEST_NAME = 2**16
"""Bytes of a member that only carries names; tarfile reads those whole."""
_HEADER = 2**18
"""Bytes that a level 2 primary header does not exceed; it has some 40,000."""
_CARD = 80
_CARRIES_NAMES = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


class _Member(tarfile.TarInfo):
    """A member whose header can be read, and whose name has a decent length."""

    @classmethod
    def fromtarfile(cls, tarfile: TarFile) -> Self:
        """Read the next header; tarfile itself takes one that it cannot read for the end."""
        try:
            return super().fromtarfile(tarfile)
        except EOFHeaderError:
            raise
        except HeaderError as error:
            raise ReadError(f"a header in it cannot be read, {reason(error)}") from error

    def _proc_member(self, archive: TarFile) -> tarfile.TarInfo:
        if self.type in _CARRIES_NAMES and self.size > LONGEST_NAME:
            raise ReadError(f"it has a name of {self.size:,} bytes")
        read: tarfile.TarInfo = super()._proc_member(archive)  # type: ignore[misc]
        return read


class Streamed:
    """A file of an archive, while the archive stands at it.

    Parameters
    ----------
    name : str
        Without folders.
    size : int
        Bytes.
    content : file
        Where the archive stands.
    source : Path
        The archive.
    """

    def __init__(self, name: str, size: int, content: IO[bytes], source: Path) -> None:
        self.name, self.size = name, size
        self._rest, self._source = content, source
        self._head = content.read(_HEADER)

    def header(self) -> fits.Header | None:
        """Return the primary header if the file begins with one."""
        if not self._head.startswith(b"SIMPLE  ="):
            return None
        for end in range(0, len(self._head), _CARD):
            if self._head[end : end + _CARD].rstrip() == b"END":
                return fits.Header.fromstring(self._head[: end + _CARD].decode("latin-1"))
        return None

    def copy(self, path: Path) -> None:
        """Write the file to a path.

        Raises
        ------
        ArchiveError
            If the archive is damaged.
        """
        with path.open("wb") as file:
            file.write(self._head)
            with _damage_reported(self._source):
                while piece := self._rest.read(PIECE):
                    file.write(piece)
        if path.stat().st_size != self.size:
            raise _damaged(self._source, f"{self.name} ends early")


def members(archive: Path, *, limit: int) -> Iterator[Streamed]:
    """Go through the files of a gzipped tar archive.

    Parameters
    ----------
    archive : Path
    limit : int
        Bytes that its files together must not exceed.

    Yields
    ------
    Streamed
        Each file in turn, to be used before the next is asked for.

    Raises
    ------
    ArchiveError
        If the archive is damaged, cut off or empty, or holds more than the limit; if a member has
        an absolute name, one that leads out of the target, or one that was there before, or is
        neither a file nor a folder.
    """
    seen: set[str] = set()
    total = 0
    with _damage_reported(archive), gzip.open(archive, "rb") as packed:
        with tarfile.open(fileobj=packed, mode="r|", tarinfo=_Member) as opened:
            for count, member in enumerate(opened):
                if count >= MOST_MEMBERS:
                    raise _refused(archive, f"has more than {MOST_MEMBERS:,} members")
                _refuse_harm(archive, member)
                if member.isdir():
                    continue
                name = PurePosixPath(member.name).name
                if name in seen:
                    raise _refused(archive, f"holds {name!r} twice")
                seen.add(name)
                total += member.size
                if total > limit:
                    raise ArchiveError(
                        f"{archive.name} holds {megabytes(total)} or more, and the limit is "
                        f"{megabytes(limit)}: raise the limit, or leave it out."
                    )
                content = opened.extractfile(member)
                if content is not None:
                    yield Streamed(name, member.size, content, archive)
        while packed.read(PIECE):  # up to the checksum at its end
            pass
    if not seen:
        raise ArchiveError(f"{archive.name} is empty: download it again.")


def gunzip(source: Path, destination: Path, *, limit: int) -> None:
    """Unpack a gzipped file.

    Parameters
    ----------
    source, destination : Path
    limit : int
        Bytes that the content must not exceed.

    Raises
    ------
    ArchiveError
        If the file is damaged, cut off, or holds more than the limit.
    """
    total = 0
    with (
        _damage_reported(source),
        gzip.open(source, "rb") as packed,
        destination.open("wb") as plain,
    ):
        while piece := packed.read(PIECE):
            total += len(piece)
            if total > limit:
                raise ArchiveError(
                    f"{source.name} holds more than the limit, {megabytes(limit)}: raise the "
                    "limit, or leave it out."
                )
            plain.write(piece)


def _refuse_harm(archive: Path, member: tarfile.TarInfo) -> None:
    path = PurePosixPath(member.name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or "\0" in member.name:
        raise _refused(archive, f"would write outside its folder, to {member.name!r}")
    if member.issym() or member.islnk():
        raise _refused(archive, f"holds a link, {member.name!r}")
    if member.sparse is not None or not (member.isfile() or member.isdir()):
        raise _refused(archive, f"holds something that is no plain file, {member.name!r}")


@contextmanager
def _damage_reported(archive: Path) -> Iterator[None]:
    try:
        yield
    except EOFError as error:
        raise _damaged(archive, "its end is missing") from error
    except (tarfile.TarError, zlib.error, gzip.BadGzipFile, ValueError) as error:
        raise _damaged(archive, reason(error)) from error


def _damaged(archive: Path, what: str) -> ArchiveError:
    return ArchiveError(f"{archive.name} is damaged, {what}: download it again.")


def _refused(archive: Path, what: str) -> ArchiveError:
    return ArchiveError(
        f"{archive.name} {what}, as no archive of the mission does: nothing of it was used; check "
        "where it came from."
    )
