"""What a coronal imager would see of the twin's region: the heating, at the resolution of AIA.

Slit-jaw images and AIA's channels showed the paper's authors where small brightenings were (Panos
et al. 2023, Sect. 8.5). Of the twin it is known: each event heats a patch for a while. Hot plasma
shines as long as it is heated, and is seen through AIA's point spread.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from preflare.errors import StudyError
from preflare.observations import observation
from preflare.twin.events import Events
from preflare.twin.modes import BEFORE_ONSET
from preflare.twin.observing import IMAGE_FIELD, Observing, Settings

Array = NDArray[np.float64]

PIXEL = 0.6
"""arcsec of AIA (Lemen et al. 2012, Sol. Phys. 275, 17)."""
RESOLUTION = 1.5
"""arcsec; full width at half maximum of its point spread."""
PART = 300.0
"""s at both ends of the 25 minutes, in which events are counted."""
PHASES = (np.arange(20) + 0.5) / 20
"""Of an event's life, at which its light curve is sampled."""


@dataclass(frozen=True, eq=False)
class Heating:
    """Heating of a region, as an imager sees it.

    Attributes
    ----------
    image : ndarray, (y, x)
        Mean share of the light that events replace, over the time asked for.
    place : ndarray, (pixels,)
        arcsec of the pixels from the middle of the field, along x and along y.
    """

    image: Array
    place: Array


def heating(name: str, settings: Settings, start: float, stop: float) -> Heating:
    """Return what heats a region of the twin.

    Parameters
    ----------
    name : str
        Of the observation, such as ``"PF 14"``.
    settings : Settings
        Of the simulation.
    start, stop : float
        s since the observation began, between which the heating is averaged.

    Raises
    ------
    StudyError
        If there is no time between the two.
    """
    if not start < stop:
        raise StudyError(f"There is no time between {start:g} s and {stop:g} s: give two in order.")
    pixels = round(IMAGE_FIELD / PIXEL)
    place: Array = PIXEL * (np.arange(pixels, dtype=np.float64) - (pixels - 1) / 2)
    events = Observing(observation(name), settings).scene.events
    image = np.zeros((pixels, pixels))
    for event, seconds in enumerate(_seconds_on(events, start, stop)):
        if seconds > 0:
            _add(image, place, events, event, seconds / (stop - start))
    return Heating(gaussian_filter(image, RESOLUTION / PIXEL / 2.3548, mode="constant"), place)


def event_growth(name: str, settings: Settings) -> float:
    """Say by how much events become more frequent in a region of the twin.

    Parameters
    ----------
    name : str
        Of the observation, such as ``"PF 14"``.
    settings : Settings
        Of the simulation.

    Returns
    -------
    float
        Events that begin in the last five of the 25 minutes, over those of the first five: about 1
        where the rate is flat. nan if there are none in the first five.
    """
    start = Observing(observation(name), settings).scene.events.start
    first = int(((start >= 0) & (start < PART)).sum())
    last = int(((start >= BEFORE_ONSET - PART) & (start < BEFORE_ONSET)).sum())
    return last / first if first else float("nan")


def _seconds_on(events: Events, start: float, stop: float) -> Array:
    """Return each event's light curve, integrated between two times (s)."""
    seconds = np.zeros(len(events))
    near = (events.start < stop) & (events.start + events.duration > start)
    for event in np.flatnonzero(near).tolist():
        t = events.start[event] + events.duration[event] * PHASES
        on = events.light_curve(event, t) * ((t >= start) & (t < stop))
        seconds[event] = on.mean() * events.duration[event]
    return seconds


def _add(
    image: Array,
    place: Array,
    events: Events,
    event: int,
    share_of_time: float,
) -> None:
    reach = 1.2 * events.size[event]
    rows, columns = (
        slice(*np.searchsorted(place, [centre - reach, centre + reach]))
        for centre in (events.y[event], events.x[event])
    )
    distance = np.hypot((place[rows] - events.y[event])[:, None], place[columns] - events.x[event])
    inside = 0.5 ** ((2.0 * distance / events.size[event]) ** 4)
    image[rows, columns] += events.strength[event] * share_of_time * inside
