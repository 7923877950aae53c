"""Table A1 of the paper, as a catalogue of observations."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Literal

from astropy.table import QTable
from astropy.units import Quantity

from preflare.errors import CatalogueError, reason
from preflare.shipped import shipped

Kind = Literal["PF", "AR"]

_TEXT = ("kind", "flare_class", "mode", "obsid", "observation_id", "note")
_WHOLE = ("number", "steps")
_TIMES = ("start", "id_start")
_QUANTITIES = ("cadence", "x", "y")
_COLUMNS = (*_TEXT, *_WHOLE, *_TIMES, *_QUANTITIES)


@dataclass(frozen=True)
class Observation:
    """One IRIS observation of the study: a row of Table A1.

    Attributes
    ----------
    kind : {"PF", "AR"}
        Whether an M- or X-class flare follows (PF) or not (AR).
    number : int
        The paper's number; PF and AR are numbered apart.
    flare_class : str
        GOES class of the flare that follows, ``"X1.0"``; empty for AR.
    start : datetime
        UTC start of the raster as printed in Table A1, to the minute.
    mode : str
        Observing mode as printed.
    steps : int
        Slit positions of a raster; 1 for a sit-and-stare.
    cadence : Quantity
        Time from one raster to the next, in s.
    x, y : Quantity
        Centre of the field of view, helioprojective, in arcsec.
    obsid : str
        IRIS OBSID.
    observation_id : str
        ``startdate_starttime_OBSID``, under which the mission files the observation.
    id_start : datetime
        UTC start that the observation id encodes, to the second.
    note : str
        Where table and id disagree; else empty.

    Examples
    --------
    >>> row = observation("PF 14")
    >>> print(row.flare_class, row.steps, row.cadence, row.start)
    X1.0 8 72.0 s 2014-03-29 14:09:00
    """

    kind: Kind
    number: int
    flare_class: str
    start: datetime
    mode: str
    steps: int
    cadence: Quantity
    x: Quantity
    y: Quantity
    obsid: str
    observation_id: str
    id_start: datetime
    note: str

    @property
    def name(self) -> str:
        """The paper's name for it, such as ``"PF 14"``."""
        return f"{self.kind} {self.number}"

    @property
    def sit_and_stare(self) -> bool:
        """Whether the slit stays where it is."""
        return self.steps == 1


def read_observations(path: str | Path | None = None) -> tuple[Observation, ...]:
    """Read a catalogue of observations.

    Parameters
    ----------
    path : path, optional
        An ECSV table with the columns of `data/observations.ecsv`, which is the default.

    Returns
    -------
    tuple of Observation
        PF 1 to 19 and then AR 1 to 18 in the default catalogue (Panos et al. 2023, Table A1).

    Raises
    ------
    CatalogueError
        If the file cannot be read or lacks a column.

    Examples
    --------
    >>> len(read_observations())
    37
    """
    return _table_a1() if path is None else _read(Path(path))


@lru_cache(maxsize=1)
def _table_a1() -> tuple[Observation, ...]:
    """Read the default catalogue once: a study looks into it a thousand times."""
    return _read(shipped("observations.ecsv"))


def _read(path: Path) -> tuple[Observation, ...]:
    try:
        table = QTable.read(path, format="ascii.ecsv", fill_values=[])
    except (OSError, ValueError) as error:
        raise CatalogueError(
            f"{path} cannot be read as an ECSV table ({reason(error)}): "
            "give a table like data/observations.ecsv."
        ) from error
    lacking = [column for column in _COLUMNS if column not in table.colnames]
    if lacking:
        raise CatalogueError(
            f"{path} lacks the column {lacking[0]!r}: give a table like data/observations.ecsv."
        )
    return tuple(_observation(dict(zip(_COLUMNS, row, strict=True))) for row in _rows(table))


def _rows(table: QTable) -> zip:  # type: ignore[type-arg]
    return zip(*(table[column] for column in _COLUMNS), strict=True)


def _observation(row: dict[str, object]) -> Observation:
    fields: dict[str, object] = dict(row)
    for column in _TEXT:
        fields[column] = str(row[column])
    for column in _WHOLE:
        fields[column] = int(str(row[column]))
    for column in _TIMES:
        fields[column] = datetime.fromisoformat(str(row[column]))
    return Observation(**fields)  # type: ignore[arg-type]


def observation(name: str) -> Observation:
    """Look up one observation of Table A1.

    Parameters
    ----------
    name : str
        ``"PF 14"`` or ``"AR 3"``, or an observation id.

    Returns
    -------
    Observation

    Raises
    ------
    CatalogueError
        If Table A1 has no such observation.

    Examples
    --------
    >>> observation("PF 14").flare_class
    'X1.0'
    """
    for candidate in read_observations():
        if name in (candidate.name, candidate.observation_id):
            return candidate
    raise CatalogueError(
        f"Table A1 has no observation {name!r}: give PF 1 to PF 19, AR 1 to AR 18, "
        "or an observation id."
    )
