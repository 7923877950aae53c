"""What to keep of an observation's files: those of a time, and of these what is needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from preflare.archive import moment
from preflare.cutout import cutout
from preflare.errors import ArchiveError, RasterError
from preflare.fitsheaders import quietly
from preflare.level2 import read_raster, read_slitjaw
from preflare.manifest import Holding
from preflare.unpack import Streamed


@dataclass(frozen=True)
class Wish:
    """What to keep of an observation.

    Attributes
    ----------
    start, stop : datetime or None
        UTC times; rasters with an exposure between them are kept. None for no bound.
    mg_only : bool
        Whether to keep only Mg II, and of a sit-and-stare and of slit-jaw images only what was
        exposed between the times.
    slit_jaw : bool
        Whether to fetch slit-jaw images, too.
    onset : datetime or None
        UTC start of the flare.
    """

    start: datetime | None = None
    stop: datetime | None = None
    mg_only: bool = False
    slit_jaw: bool = True
    onset: datetime | None = None

    def served_by(self, holding: Holding) -> bool:
        """Tell whether what was fetched has all that is wished for."""
        early = not holding.start or (
            self.start is not None and holding.start <= isotime(self.start)
        )
        late = not holding.stop or (self.stop is not None and holding.stop >= isotime(self.stop))
        seen = holding.slit_jaw or not self.slit_jaw
        return early and late and seen and (self.mg_only or not holding.mg_only)

    def span(self) -> str:
        """Say between which times."""
        parts = (("from", self.start), ("to", self.stop))
        return " ".join(f"{word} {time}" for word, time in parts if time is not None)


EVERYTHING = Wish()
LONGEST_EXPOSURE = timedelta(minutes=1)
"""DATE_END is the start of the last exposure in the files that travel with preflare."""


def isotime(time: datetime) -> str:
    """Write a time so that texts sort like times.

    Parameters
    ----------
    time : datetime
        UTC.
    """
    return time.isoformat(timespec="milliseconds")


def keep_raster(each: Streamed, place: Path, wish: Wish) -> bool:
    """Write a raster to a folder if it is wished for.

    Its primary header says when it was taken, so that most of what is not wished for is never
    written; else the times of its exposures decide.

    Parameters
    ----------
    each : Streamed
    place : Path
    wish : Wish

    Returns
    -------
    bool
        Whether it is there.

    Raises
    ------
    ArchiveError
        If it is no level 2 raster with Mg II.
    """
    header = each.header()
    if header is not None and _outside(header, wish):
        return False
    path = place / each.name
    each.copy(path)
    with _named(path):
        read = read_raster(path)
        end = read.time + np.round(read.exposure * 1e9).astype("timedelta64[ns]")
        inside = _inside(read.time, end, wish)
        if not inside.any():
            path.unlink()
            return False
        if wish.mg_only:
            # Steps of a raster stay together: their number says where the slit was.
            _cut(path, _slice(inside) if read.sit_and_stare else slice(None))
    return True


def keep_slit_jaw(path: Path, wish: Wish) -> str:
    """Cut a file of slit-jaw images to what is wished for.

    Parameters
    ----------
    path : Path
    wish : Wish

    Returns
    -------
    str
        The channel.

    Raises
    ------
    ArchiveError
        If it holds no slit-jaw images.
    """
    with _named(path):
        images = read_slitjaw(path)
        inside = _inside(images.time, images.time, wish)
        if wish.mg_only and inside.any():
            _cut(path, _slice(inside))
    return images.channel


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Name a file by its name only in what is said of it, for its folder is not there to stay."""
    try:
        yield
    except RasterError as error:
        raise ArchiveError(str(error).replace(str(path), path.name)) from error


def _cut(path: Path, exposures: slice) -> None:
    whole = path.with_name(f"{path.name}.whole")
    path.rename(whole)
    cutout(whole, path, exposures=exposures)
    whole.unlink()


def _outside(header: fits.Header, wish: Wish) -> bool:
    """Tell from its primary header whether a file is of another time, as far as that says so."""
    try:
        with quietly():
            times = [moment(str(header[key])) for key in ("DATE_OBS", "DATE_END")]
    except (KeyError, ArchiveError, fits.VerifyError):
        return False
    first, last = min(times) - LONGEST_EXPOSURE, max(times) + LONGEST_EXPOSURE
    late = wish.stop is not None and first >= wish.stop
    return late or (wish.start is not None and last < wish.start)


def _inside(
    first: NDArray[np.datetime64], last: NDArray[np.datetime64], wish: Wish
) -> NDArray[np.bool_]:
    inside = np.ones(first.shape, bool)
    if wish.start is not None:
        inside &= last >= np.datetime64(wish.start)
    if wish.stop is not None:
        inside &= first < np.datetime64(wish.stop)
    return inside


def _slice(inside: NDArray[np.bool_]) -> slice:
    places = np.flatnonzero(inside)
    return slice(int(places[0]), int(places[-1]) + 1)
