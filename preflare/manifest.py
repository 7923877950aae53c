"""What was fetched: for each file where it came from, and what it was when it was first seen."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from preflare.atomic import alone, atomically
from preflare.checksums import checksum
from preflare.errors import ArchiveError, reason
from preflare.products import product_key

NAME = "manifest.json"
_VERSION = 1


@dataclass(frozen=True)
class Entry:
    """One file.

    Attributes
    ----------
    file : str
        Its path below the manifest's folder; empty if it was unpacked and not kept.
    address : str
        Where it came from.
    member : str
        Its name in the archive that the address is of; empty if it is the whole.
    size : int
        Bytes.
    sha256 : str
        Of its content.
    seen : str
        UTC time at which it was first seen.
    """

    file: str
    address: str
    member: str
    size: int
    sha256: str
    seen: str


@dataclass(frozen=True)
class Holding:
    """One observation, as far as it was fetched.

    Attributes
    ----------
    observation_id : str
    start, stop : str
        UTC times between which rasters were kept; empty for no bound.
    mg_only : bool
        Whether Mg II was cut out.
    slit_jaw : bool
        Whether slit-jaw images were asked for; there may be none.
    onset : str
        UTC start of the flare; empty if it is not known, or there is none.
    left_out : int
        Rasters of the archive that lie outside these times.
    entries : tuple of Entry
    """

    observation_id: str
    start: str
    stop: str
    mg_only: bool
    slit_jaw: bool
    onset: str
    left_out: int
    entries: tuple[Entry, ...]

    def files(self) -> tuple[Entry, ...]:
        """Return the entries of files that were kept."""
        return tuple(entry for entry in self.entries if entry.file)

    def key(self) -> str:
        """Hash all that a product of this observation depends on."""
        return product_key(
            onset=self.onset, files=sorted((entry.file, entry.sha256) for entry in self.files())
        )


class Manifest:
    """The manifest of a folder: read as it is now, changed by one process at a time.

    Parameters
    ----------
    folder : Path
        Where the files are, in a folder for each observation.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / NAME

    def holdings(self) -> dict[str, Holding]:
        """Return what there is, by observation id; nothing if there is no manifest.

        Raises
        ------
        ArchiveError
            If the manifest cannot be read.
        """
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
            if content["version"] != _VERSION:
                raise ValueError(f"version {content['version']}")
            listed = [_holding(each) for each in content["observations"]]
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise ArchiveError(
                f"{self.path} cannot be read ({reason(error)}): choose another folder."
            ) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ArchiveError(
                f"{self.path} is no manifest that can be read ({reason(error)}): move it away "
                "with the files beside it, and fetch them again."
            ) from error
        return {each.observation_id: each for each in listed}

    def record(self, holding: Holding) -> None:
        """Add an observation, in the place of what there was of it.

        Raises
        ------
        ArchiveError
            If the manifest cannot be read or written.
        """
        with alone(self.path):
            content = {**self.holdings(), holding.observation_id: holding}
            with atomically(self.path, ArchiveError, cure="choose another folder") as place:
                text = {"version": _VERSION, "observations": [asdict(h) for h in content.values()]}
                place.write_text(json.dumps(text, indent=1), encoding="utf-8")

    def first_seen(self, address: str) -> Entry | None:
        """Return what came from an address when it was first seen; None if nothing did."""
        for holding in self.holdings().values():
            for entry in holding.entries:
                if entry.address == address and not entry.member:
                    return entry
        return None

    def faults(self, observation_id: str, *, thorough: bool = False) -> list[str]:
        """Say in what the files of an observation are not what they were when first seen.

        Parameters
        ----------
        observation_id : str
        thorough : bool
            Compare contents, too, not only sizes.

        Returns
        -------
        list of str
            One phrase for each file at fault.
        """
        found = []
        holding = self.holdings().get(observation_id)
        for entry in holding.files() if holding else ():
            fault = self.fault_of(entry, thorough=thorough)
            if fault is not None:
                found.append(fault)
        return found

    def fault_of(self, entry: Entry, *, thorough: bool = True) -> str | None:
        """Say in what a file is not what it was when first seen; None if it is."""
        path = self.folder / entry.file
        if not path.is_file():
            return f"{path} is missing"
        if path.stat().st_size != entry.size:
            return f"{path} has {path.stat().st_size:,} bytes, not {entry.size:,}"
        if thorough and sha256_of(path) != entry.sha256:
            return f"{path} has changed"
        return None


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal.

    Parameters
    ----------
    path : Path

    Raises
    ------
    ArchiveError
        If it cannot be read.
    """
    try:
        return checksum(path)
    except OSError as error:
        raise ArchiveError(
            f"{path} cannot be read ({reason(error)}): check the disk, or fetch it again."
        ) from error


def entries_of(
    paths: Iterable[Path], root: Path, sources: dict[str, tuple[str, str]]
) -> list[Entry]:
    """Describe files as they are now.

    Parameters
    ----------
    paths : iterable of Path
    root : Path
        The folder that their entries are relative to.
    sources : dict
        Address and member by the file's name.

    Returns
    -------
    list of Entry
    """
    return [
        Entry(
            file=str(PurePosixPath(path.relative_to(root))),
            address=sources[path.name][0],
            member=sources[path.name][1],
            size=path.stat().st_size,
            sha256=sha256_of(path),
            seen=now(),
        )
        for path in paths
    ]


def now() -> str:
    """Return the UTC time, to the second."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"


def _holding(content: dict[str, object]) -> Holding:
    """Read one observation, and refuse a path that would lead out of the folder."""
    entries = tuple(Entry(**entry) for entry in content.pop("entries"))  # type: ignore[attr-defined]
    holding = Holding(**content, entries=entries)  # type: ignore[arg-type]
    for entry in entries:
        path = PurePosixPath(entry.file)
        if path.is_absolute() or ".." in path.parts:
            raise ValueError(f"{entry.file} is outside the folder")
        if not isinstance(entry.size, int):
            raise TypeError(f"{entry.file} has no size")
    return holding
