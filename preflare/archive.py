"""The mission's archive: which files an observation has there, and which observations there are.

What this rests on, since the tests cannot ask the archive itself:

- The tree of files, ``<data>/YYYY/MM/DD/<id>/iris_l2_<id>_raster.tar.gz`` and
  ``iris_l2_<id>_SJI_<channel>_t000.fits.gz``, with ``<id>`` the start and the OBSID of the
  observation, is that of the addresses in irispy's gallery, which gives checksums of the files that
  it downloads there. One tar archive holds all rasters of an observation.
- The search, ``hek/hcr?cmd=search-events3&outputformat=json`` with times to the minute, and its
  answer, ``Events`` with an ``instrument`` and ``groups`` that carry a ``comp_data_url`` each, are
  as several public programs use them. These replace ``data_lmsal`` by ``data`` in addresses, and
  take ``level2_nrt_compressed`` for files that are not final yet; so does this module.

An observation's files follow from its id, so that only a search for times needs the search
service; of its answers only ids and file names are used, so that they cannot lead elsewhere.
Not verified is which channels of the slit-jaw imager an observation has, so that they are tried in
turn, nor whether a search finds an observation that begins before its time and goes on into it.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from preflare.connection import PATIENT, Patience, refuse_unsafe
from preflare.download import get
from preflare.errors import ArchiveError

SERVER = "https://www.lmsal.com"
DATA = "solarsoft/irisa/data/level2_compressed"
SEARCH = "hek/hcr"
CHANNELS = ("2796", "1400", "2832", "1330")
"""Of the slit-jaw imager in Å, the one that shows the chromosphere of Mg II first."""
MOST_FOUND = 1000
"""Observations that a search may find."""
_LONGEST_ANSWER = 2**27
"""Bytes; a thousand observations have some 20 MB."""

_ID = re.compile(r"(\d{8}_\d{6})_\d{10}", re.ASCII)
_FILE = re.compile(
    r"iris_l2_(\d{8}_\d{6}_\d{10})_(raster\.tar\.gz|SJI_(\d{4})_t000\.fits\.gz)", re.ASCII
)


@dataclass(frozen=True)
class Remote:
    """The files of one observation, as the archive has them.

    Attributes
    ----------
    observation_id : str
    raster : str
        Address of the archive with all rasters.
    slit_jaws : tuple of str
        Addresses of slit-jaw images, the one to be preferred first.
    known : bool
        Whether the archive was asked which of these there are; if not, they follow from the id.
    """

    observation_id: str
    raster: str
    slit_jaws: tuple[str, ...]
    known: bool


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes
    ----------
    observations : tuple of Remote
        In order of time.
    without : tuple of str
        What was found and has no final level 2 raster, by what the service calls it.
    """

    observations: tuple[Remote, ...]
    without: tuple[str, ...] = field(default=())


def started(observation_id: str) -> datetime:
    """Return the UTC start that an observation id encodes.

    Parameters
    ----------
    observation_id : str
        ``startdate_starttime_OBSID``.

    Raises
    ------
    ArchiveError
        If it is no observation id.

    Examples
    --------
    >>> print(started("20140329_140938_3860258481"))
    2014-03-29 14:09:38
    """
    match = _ID.fullmatch(observation_id)
    try:
        return datetime.strptime(match[1] if match else "", "%Y%m%d_%H%M%S")
    except ValueError:
        raise ArchiveError(
            f"{observation_id!r} is no observation id: write it like 20140329_140938_3860258481."
        ) from None


def remote(observation_id: str, server: str = SERVER) -> Remote:
    """Return the addresses that an observation's files have, if they are there.

    Parameters
    ----------
    observation_id : str
    server : str
        Where the archive is.

    Raises
    ------
    ArchiveError
        If it is no observation id.

    Examples
    --------
    >>> remote("20140329_140938_3860258481").raster.split("level2_compressed/")[1]
    '2014/03/29/20140329_140938_3860258481/iris_l2_20140329_140938_3860258481_raster.tar.gz'
    """
    return _remote(observation_id, server, CHANNELS, known=False)


def search(
    start: datetime, stop: datetime, *, server: str = SERVER, patience: Patience = PATIENT
) -> Found:
    """Ask the mission's search service which observations there are between two times.

    Parameters
    ----------
    start, stop : datetime
        UTC.
    server : str
        Where the archive is.
    patience : Patience
        With the server.

    Returns
    -------
    Found

    Raises
    ------
    ArchiveError
        If the times are out of order, the service cannot be reached, its answer cannot be read, or
        it may have more observations than it told of.
    """
    if stop <= start:
        raise ArchiveError(f"There is no time from {start} to {stop}: give the earlier one first.")
    address = _search_address(start, stop, server)
    events = _events(get(address, limit=_LONGEST_ANSWER, patience=patience), address)
    if len(events) >= MOST_FOUND:
        raise ArchiveError(
            f"The search from {start} to {stop} finds {MOST_FOUND:,} observations or more: choose "
            "a shorter time."
        )
    channels: dict[str, list[str]] = defaultdict(list)
    rasters, without = set(), []
    for number, event in enumerate(events):
        own = [match for name in _names(event) if (match := _FILE.fullmatch(name))]
        for match in own:
            if match[3]:
                channels[match[1]].append(match[3])
            else:
                rasters.add(match[1])
        if not any(match[1] in rasters for match in own):
            without.append(str(event.get("startTime", f"number {number + 1}")))
    found = tuple(
        _remote(each, server, tuple(sorted(set(channels[each]), key=_rank)), known=True)
        for each in sorted(rasters)
    )
    return Found(found, tuple(without))


def _search_address(start: datetime, stop: datetime, server: str) -> str:
    refuse_unsafe(server)
    # The service takes whole minutes; what begins in the last one belongs to the search.
    last = (stop + timedelta(seconds=59, microseconds=999_999)).replace(second=0, microsecond=0)
    query = {
        "cmd": "search-events3",
        "outputformat": "json",
        "startTime": f"{start:%Y-%m-%dT%H:%M}",
        "stopTime": f"{last:%Y-%m-%dT%H:%M}",
        "hasData": "true",
        "limit": MOST_FOUND,
    }
    return f"{server.rstrip('/')}/{SEARCH}?{urlencode(query, safe=':')}"


def _events(answer: bytes, address: str) -> list[dict[str, Any]]:
    try:
        events = json.loads(answer)["Events"]
        if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
            raise TypeError("its Events are no list of observations")
    except (ValueError, KeyError, TypeError, RecursionError):
        page = answer.lstrip()[:1] == b"<"
        raise ArchiveError(
            f"{address} answers with {'a web page' if page else 'something else'} instead of a "
            "list of observations: try again later, or name observations by their ids."
        ) from None
    # Other instruments' events may be among them.
    return [event for event in events if event.get("instrument", "IRIS") == "IRIS"]


def _names(event: dict[str, Any]) -> list[str]:
    """Names of the final level 2 files of an event."""
    groups = event.get("groups")
    addresses = [
        str(group.get("comp_data_url", ""))
        for group in (groups if isinstance(groups, list) else [])
        if isinstance(group, dict)
    ]
    return [each.rsplit("/", 1)[-1] for each in addresses if "_nrt" not in each]


def _rank(channel: str) -> int:
    return CHANNELS.index(channel) if channel in CHANNELS else len(CHANNELS)


def _remote(observation_id: str, server: str, channels: tuple[str, ...], *, known: bool) -> Remote:
    refuse_unsafe(server)
    day = f"{started(observation_id):%Y/%m/%d}"
    stem = f"{server.rstrip('/')}/{DATA}/{day}/{observation_id}/iris_l2_{observation_id}"
    slit_jaws = tuple(f"{stem}_SJI_{channel}_t000.fits.gz" for channel in channels)
    return Remote(observation_id, f"{stem}_raster.tar.gz", slit_jaws, known)


def moment(text: str) -> datetime:
    """Read a UTC time.

    Parameters
    ----------
    text : str
        As ISO 8601 has it; without a time zone it is UTC.

    Returns
    -------
    datetime
        Without a time zone.

    Raises
    ------
    ArchiveError

    Examples
    --------
    >>> print(moment("2014-03-29T17:35Z"))
    2014-03-29 17:35:00
    """
    try:
        read = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ArchiveError(f"{text!r} is no time: write it like 2014-03-29T17:35.") from None
    return read.astimezone(UTC).replace(tzinfo=None) if read.tzinfo else read
