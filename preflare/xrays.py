"""X-ray flux of GOES and flare lists, by sunpy, which is asked for only here.

sunpy finds the science-quality files of NOAA's archive (``sunpy.net.dataretriever.XRSClient``) and
the flare list of the Heliophysics Event Knowledgebase, and reads the former. Flux is of the band
1-8 Å, averaged over minutes; where NOAA flags it as bad it is left out and counted.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from astropy.table import Table

from preflare.errors import ArchiveError, reason

FLAWED = 0b111
"""Bits of NOAA's quality flag that say that a minute is no good, as its files tell: bad data,
eclipses and the recovery from these; of GOES-R, electrons that make up more than half of the
signal. Higher bits tell how the flux was corrected for electrons."""
LATEST = timedelta(hours=24)
"""How long after an observation began its flare may begin."""


def flare_onset(flare_class: str, start: datetime) -> datetime:
    """Look up in the flare list of NOAA when the flare of an observation began.

    Parameters
    ----------
    flare_class : str
        GOES class, such as ``"X1.0"``.
    start : datetime
        UTC start of the observation.

    Returns
    -------
    datetime
        UTC start of the first flare of that class.

    Raises
    ------
    ArchiveError
        If sunpy is missing or its servers do not answer, or there is no such flare in 24 hours.
    """
    net, attrs = _sunpy_net()
    with _asking("the flare list"):
        answer = net.Fido.search(
            attrs.Time(start, start + LATEST),
            attrs.hek.EventType("FL"),
            attrs.hek.OBS.Observatory == "GOES",
        )
        flares = [
            (str(row["fl_goescls"]).strip(), _moment(row["event_starttime"]))
            for row in answer["hek"]
        ]
    return first_of_class(flares, flare_class, start)


def first_of_class(
    flares: Sequence[tuple[str, datetime]], flare_class: str, start: datetime
) -> datetime:
    """Return the start of the first flare of a class.

    Parameters
    ----------
    flares : sequence of (str, datetime)
        GOES class and UTC start of each.
    flare_class : str
    start : datetime
        UTC time before which none counts.

    Raises
    ------
    ArchiveError
        If there is none.

    Examples
    --------
    >>> eight, nine = datetime(2014, 3, 29, 8), datetime(2014, 3, 29, 9)
    >>> print(first_of_class([("C1.0", eight), ("X1.0", nine)], "X1.0", eight))
    2014-03-29 09:00:00
    """
    own = sorted(time for name, time in flares if name == flare_class and time >= start)
    if not own:
        raise ArchiveError(
            f"The flare list has no {flare_class} flare in the {LATEST.total_seconds() / 3600:.0f} "
            f"hours from {start}: give its start with --onset."
        )
    return own[0]


def flux(start: datetime, stop: datetime, downloads: Path) -> tuple[Table, list[str]]:
    """Return the X-ray flux between two times.

    Parameters
    ----------
    start, stop : datetime
        UTC.
    downloads : Path
        Folder for NOAA's files.

    Returns
    -------
    table : Table
        As `curve` returns it.
    addresses : list of str
        Where the files came from.

    Raises
    ------
    ArchiveError
        If sunpy is missing, its servers do not answer, or there is no flux of these times.
    """
    net, attrs = _sunpy_net()
    with _asking("the X-ray flux"):
        answer = net.Fido.search(
            attrs.Time(start, stop), attrs.Instrument("XRS"), attrs.Resolution("avg1m")
        )
        rows = answer["xrs"] if len(answer) and len(answer["xrs"]) else None
        if rows is None:
            raise ArchiveError(f"NOAA has no X-ray flux from {start} to {stop}: do without it.")
        # Satellites overlap; one has the days that another has, and numbers of two must not mix.
        satellites = list(rows["SatelliteNumber"])
        chosen = max(sorted(set(satellites)), key=satellites.count)
        own = rows[[satellite == chosen for satellite in satellites]]
        files = net.Fido.fetch(own, path=str(downloads / "{file}"), progress=False)
        if getattr(files, "errors", None):
            raise ArchiveError("The X-ray flux cannot be downloaded from NOAA: try again later.")
        from sunpy.timeseries import TimeSeries

        frame = TimeSeries([str(file) for file in files], concatenate=True).to_dataframe()
    table = curve(frame, start, stop)
    table.meta["satellite"] = f"GOES-{int(chosen)}"
    return table, [str(address) for address in own["url"]]


def curve(frame: pd.DataFrame, start: datetime, stop: datetime) -> Table:
    """Bring the flux into the form in which a study has it.

    Parameters
    ----------
    frame : DataFrame
        Column ``xrsb`` in W m-2 and, where it is known, ``xrsb_quality``, of which `FLAWED` tells;
        by UTC time.
    start, stop : datetime
        UTC times between which to keep it.

    Returns
    -------
    Table
        Columns ``time`` (UTC) and ``flux`` (W m-2, 1-8 Å); ``meta`` holds how many minutes were
        ``left_out`` because they are flagged, not positive or not finite.

    Raises
    ------
    ArchiveError
        If nothing is left.
    """
    within = frame[(frame.index >= start) & (frame.index <= stop)]
    values = within["xrsb"].to_numpy(float)
    good = np.isfinite(values) & (values > 0)
    if "xrsb_quality" in within:
        good &= (within["xrsb_quality"].to_numpy().astype(int) & FLAWED) == 0
    if not good.any():
        raise ArchiveError(
            f"None of {len(within)} minutes of X-ray flux from {start} to {stop} is good: do "
            "without it."
        )
    times = pd.DatetimeIndex(within.index[good]).strftime("%Y-%m-%dT%H:%M:%S.%f").str[:-3]
    table = Table({"time": np.array(times, str), "flux": values[good]})
    table["flux"].unit = "W / m2"
    table.meta["left_out"] = int((~good).sum())
    return table


def _sunpy_net() -> tuple[Any, Any]:
    try:
        import h5netcdf  # noqa: F401  # sunpy reads NOAA's files by it
        from sunpy import net
        from sunpy.net import attrs
    except ImportError as error:
        raise ArchiveError(
            f"X-ray flux and flare lists need sunpy, and {error.name} is missing: run pip install "
            "'preflare[goes]'."
        ) from error
    return net, attrs


@contextmanager
def _asking(what: str) -> Iterator[None]:
    """Turn whatever sunpy, its many libraries or their servers raise into one sentence."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except ArchiveError:
        raise
    except Exception as error:
        raise ArchiveError(
            f"{what.capitalize()} cannot be had, {type(error).__name__} ({reason(error)}): try "
            "again later, or do without."
        ) from error


def _moment(time: Any) -> datetime:
    return datetime.fromisoformat(str(getattr(time, "isot", time)))
