"""Which observations look at the same active region.

Two observations of one active region are hardly less alike than two halves of one observation, so
a test on one after training on the other says little about other regions. Table A1 prints no
region numbers; pointing and time tell.
"""

from collections.abc import Sequence
from datetime import datetime

import astropy.units as u
import numpy as np
from numpy.typing import NDArray

from preflare.observations import Observation

LONGITUDE, LATITUDE = 12.0, 8.0
"""Degrees within which two pointings are at one region.

A large region is some 15 degrees long and a third as high, a field of view up to 10 degrees, and
IRIS may look at any part of the region. The groups of Table A1 are the same from 8 to 38 degrees
and from 2 to 24."""

ROTATION = (14.713, -2.396, -1.787)
"""Sidereal rotation, degrees per day: coefficients of 1, sin² and sin⁴ of the latitude (Snodgrass &
Ulrich 1990, ApJ 351, 309). Published rates of spots are up to 0.4 lower, 4 degrees in 10 days."""
EARTH = 0.9856
"""Mean motion of the Earth, degrees per day, by which we see the Sun rotate more slowly."""
J2000 = datetime(2000, 1, 1, 12)

Array = NDArray[np.float64]


def active_regions(
    observations: Sequence[Observation],
    longitude: float = LONGITUDE,
    latitude: float = LATITUDE,
) -> dict[str, int]:
    """Tell which observations look at the same active region.

    Two pointings belong together if solar rotation carries one to within some degrees of the
    other; what belongs to the same belongs together. A region that comes back after half a
    rotation behind the Sun counts as another one.

    Parameters
    ----------
    observations : sequence of Observation
    longitude, latitude : float
        Degrees within which two pointings are at one region.

    Returns
    -------
    dict of str to int
        Number of the region by name of the observation, in the order of `observations`. Regions
        are numbered from 0 by their first observation.

    Notes
    -----
    Coordinates are taken as they are. Those of PF 13 in Table A1 are doubtful: with y = +205
    instead of -205 arcsec it would look at the region of PF 2, NOAA 12205.

    Examples
    --------
    >>> from preflare.observations import read_observations
    >>> regions = active_regions(read_observations())
    >>> [name for name in regions if regions[name] == regions["PF 8"]]
    ['PF 5', 'PF 8', 'PF 16']
    """
    rows = sorted(observations, key=lambda row: (row.start, row.name))
    position, days = stonyhurst(rows), _days(rows)
    lon, lat = position.T
    middle = np.sin(np.radians(lat[:, None] + lat) / 2) ** 2
    rate = np.polynomial.polynomial.polyval(middle, ROTATION) - EARTH
    # Not reduced to one turn: the rotation that passes while a region is hidden parts it in two.
    ahead = lon[:, None] + rate * (days - days[:, None]) - lon
    linked = (np.abs(ahead) <= longitude) & (np.abs(lat[:, None] - lat) <= latitude)
    first = np.arange(len(rows))
    for one, other in np.argwhere(linked):
        both = np.isin(first, first[[one, other]])
        first[both] = first[both].min()
    numbers = np.unique(first, return_inverse=True)[1].tolist()
    number_of = {row.name: number for row, number in zip(rows, numbers, strict=True)}
    return {row.name: number_of[row.name] for row in observations}


def stonyhurst(observations: Sequence[Observation]) -> Array:
    """Find where on the Sun observations point, at their start.

    Parameters
    ----------
    observations : sequence of Observation

    Returns
    -------
    ndarray, (n, 2)
        Heliographic longitude west of the central meridian, and latitude, in degrees. A pointing
        off the limb is taken for the nearest point of the limb.

    Notes
    -----
    Within 0.3 degrees up to 0.93 of the radius from the centre of the disk: the Earth is taken to
    be infinitely far away, and the Sun's place is that of the low-precision formulae of the
    Astronomical Almanac. The tilt of the axis, B0, is by Meeus (1998, Astronomical Algorithms,
    ch. 29).
    """
    tilt, radius = _ephemeris(_days(observations))
    pointing = [[row.x.to_value(u.arcsec), row.y.to_value(u.arcsec)] for row in observations]
    west, north = np.array(pointing, float).reshape(-1, 2).T / radius
    off_limb = np.maximum(np.hypot(west, north), 1)
    west, north = west / off_limb, north / off_limb
    towards = np.sqrt(np.maximum(1 - west**2 - north**2, 0))
    latitude = np.arcsin(np.clip(north * np.cos(tilt) + towards * np.sin(tilt), -1, 1))
    longitude = np.arctan2(west, towards * np.cos(tilt) - north * np.sin(tilt))
    return np.degrees(np.stack([longitude, latitude], axis=1))


def _days(observations: Sequence[Observation]) -> Array:
    return np.array([(row.start - J2000).total_seconds() / 86_400 for row in observations])


def _ephemeris(days: Array) -> tuple[Array, Array]:
    """Return B0 in rad and the radius of the solar disk in arcsec, days after J2000."""
    anomaly = np.radians(357.528 + 0.9856003 * days)
    longitude = 280.460 + 0.9856474 * days + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly)
    distance = 1.00014 - 0.01671 * np.cos(anomaly) - 0.00014 * np.cos(2 * anomaly)
    node = 75.760 + 1.3958333 * days / 36_525
    tilt = np.arcsin(np.sin(np.radians(longitude - node)) * np.sin(np.radians(7.25)))
    return tilt, 959.63 / distance
