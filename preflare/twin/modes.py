"""How an observation of Table A1 puts its slit on the Sun, exposure by exposure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from preflare.errors import SimulationError
from preflare.observations import Observation

Array = NDArray[np.float64]

SLIT_PIXEL = 0.16635
"""arcsec along the slit."""
BEFORE_ONSET = 25 * 60.0
"""s that an observation of either class covers before the onset, or in all."""
AFTER_ONSET = 10 * 60.0
"""s that a PF observation goes on after the onset."""
SLIT_LENGTH = {"Very large": 175.0, "Large": 119.0, "Medium": 60.0}
"""arcsec, by the first words of the observing mode."""
STEP = {"dense": 0.35, "sparse": 1.0, "coarse": 2.0}
"""arcsec from one slit position to the next."""
OVERHEAD = 0.9
"""s between exposures at least, for reading out and moving the slit."""
EXPOSURES = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
BINNED_FROM = 5.5
"""s between exposures below which two pixels along the slit are added up on board, as many fast
programmes do to spare telemetry."""
SOLAR_RADIUS = 960.0
"""arcsec."""


@dataclass(frozen=True)
class Profile:
    """How much of an observation is simulated.

    Attributes
    ----------
    slit : int or None
        Pixels along the slit at most, taken from its middle; None for all.
    summing : int
        Detector pixels that one pixel along the slit adds up to, at least.
    exposures : int or None
        Exposures at most; None for all. Whole rasters are left out evenly until they fit.
    images : int
        Slit-jaw images.
    image_pixels : int
        Pixels across a slit-jaw image, each way.
    """

    slit: int | None
    summing: int
    exposures: int | None
    images: int
    image_pixels: int


PROFILES = {
    "quick": Profile(slit=40, summing=4, exposures=72, images=2, image_pixels=96),
    "paper": Profile(slit=None, summing=1, exposures=None, images=4, image_pixels=120),
}


@dataclass(frozen=True)
class Mode:
    """Where the slit is, when, and for how long.

    Attributes
    ----------
    positions : int
        Slit positions of a raster; 1 for a sit-and-stare.
    step : float
        arcsec from one position to the next.
    exposure : float
        s of light in one exposure as commanded.
    time : ndarray, (rasters, positions)
        Start of each exposure, in s since the start of the observation.
    x : ndarray, (positions,)
        Each slit position, in arcsec from the middle of the field.
    y : ndarray, (slit,)
        Each pixel along the slit, in arcsec from its middle.
    summing : int
        Detector pixels in one pixel along the slit.
    """

    positions: int
    step: float
    exposure: float
    time: Array
    x: Array
    y: Array
    summing: int

    @property
    def spectra(self) -> int:
        """How many spectra the observation has."""
        return int(self.time.size * self.y.size)


def profile_named(name: str) -> Profile:
    """Return a profile by its name.

    Raises
    ------
    SimulationError
        If there is none.
    """
    try:
        return PROFILES[name]
    except KeyError:
        raise SimulationError(
            f"There is no profile {name!r}: choose {' or '.join(PROFILES)}."
        ) from None


def mode(observation: Observation, profile: Profile) -> Mode:
    """Lay out an observation in time and space.

    Parameters
    ----------
    observation : Observation
        A row of Table A1.
    profile : Profile
        How much of it to keep.

    Returns
    -------
    Mode
        From `BEFORE_ONSET` before the onset to `AFTER_ONSET` after it for a PF observation, and
        as long as the first part for an AR observation.
    """
    cadence = float(observation.cadence.to_value("s"))
    between = cadence / observation.steps
    exposure = max(e for e in EXPOSURES if e <= max(between - OVERHEAD, EXPOSURES[0]))
    rasters = np.arange(int(duration(observation) // cadence))
    if profile.exposures is not None:
        every = int(np.ceil(rasters.size * observation.steps / profile.exposures))
        rasters = rasters[::every]
    words = observation.mode
    length = next(arcsec for words_, arcsec in SLIT_LENGTH.items() if words.startswith(words_))
    summing = max(profile.summing, 2 if between < BINNED_FROM else 1)
    pixel = SLIT_PIXEL * summing
    pixels = int(length / pixel)
    if profile.slit is not None:
        pixels = min(pixels, profile.slit)
    step = next((arcsec for word, arcsec in STEP.items() if word in words), 0.0)
    return Mode(
        positions=observation.steps,
        step=step,
        exposure=exposure,
        time=cadence * rasters[:, None] + between * np.arange(observation.steps),
        x=centred(observation.steps, step),
        y=centred(pixels, pixel),
        summing=summing,
    )


def duration(observation: Observation) -> float:
    """Return how long (s) an observation is simulated."""
    return BEFORE_ONSET + (AFTER_ONSET if observation.kind == "PF" else 0.0)


def centred(count: int, spacing: float) -> Array:
    """Return evenly spaced places around 0."""
    return np.asarray(spacing * (np.arange(count) - 0.5 * (count - 1)), np.float64)


def cosine(observation: Observation) -> float:
    """Return the cosine of the angle between the Sun's surface normal and the line of sight."""
    x, y = (float(q.to_value("arcsec")) for q in (observation.x, observation.y))
    return float(np.sqrt(max(0.0, 1.0 - (x**2 + y**2) / SOLAR_RADIUS**2)))
