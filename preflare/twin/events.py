"""What happens on the twin's Sun: small heating events, and the flare."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from preflare.twin.dressing import KINDS

Array = NDArray[np.float64]

DURATION = (60.0, 300.0)
"""s."""
SIZE = (0.8, 6.6)
"""arcsec; full width at half maximum."""
SLOWING = 60.0
"""s over which ribbons lose their speed, e-fold: they run out of field, and stay in view."""
FAINTEST = 0.02
"""An event ends where it replaces a smaller share of the light than this."""


@dataclass(frozen=True)
class InversionLine:
    """The line that parts the polarities of an active region.

    Coordinates (along, across) are arcsec from its middle; the line itself winds about across = 0.
    """

    angle: float
    middle: tuple[float, float]
    swing: float
    wavelength: float
    phase: float

    def coordinates(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Return the distance along and from the line (arcsec) of places (arcsec)."""
        east, north = x - self.middle[0], y - self.middle[1]
        along = east * np.cos(self.angle) + north * np.sin(self.angle)
        across = north * np.cos(self.angle) - east * np.sin(self.angle)
        return along, across - self.winding(along)

    def winding(self, along: Array) -> Array:
        """Return how far (arcsec) the line strays from a straight one."""
        return np.asarray(self.swing * np.sin(2 * np.pi * along / self.wavelength + self.phase))

    def place(self, along: Array, across: Array) -> tuple[Array, Array]:
        """Return the places (arcsec) of points given along and from the line."""
        north = across + self.winding(along)
        x = self.middle[0] + along * np.cos(self.angle) - north * np.sin(self.angle)
        y = self.middle[1] + along * np.sin(self.angle) + north * np.cos(self.angle)
        return x, y


@dataclass(frozen=True)
class Events:
    """Precursor events, one row each.

    Attributes
    ----------
    kind : ndarray of uint8
        1 to 5, in the order of `preflare.twin.dressing.KINDS`.
    x, y : ndarray
        Place, in arcsec.
    size : ndarray
        Full width at half maximum, in arcsec.
    start, duration : ndarray
        In s.
    strength : ndarray
        Share of the light that the event replaces where and when it is strongest.
    """

    kind: NDArray[np.uint8]
    x: Array
    y: Array
    size: Array
    start: Array
    duration: Array
    strength: Array

    @classmethod
    def none(cls) -> Events:
        """Return no events at all."""
        nothing = np.zeros(0)
        return cls(np.zeros(0, np.uint8), *(nothing,) * 6)

    def __len__(self) -> int:
        return len(self.kind)

    def light_curve(self, event: int, t: Array) -> Array:
        """Return how far an event is on at times (s), 0 to 1: a fast rise and a slow fall."""
        phase = (t - self.start[event]) / self.duration[event]
        rise = np.clip(phase / 0.2, 0.0, 1.0)
        fall = np.clip((1.0 - phase) / 0.5, 0.0, 1.0)
        return np.asarray(np.sin(0.5 * np.pi * np.minimum(rise, fall)) ** 2)

    def share(self, event: int, x: Array, t: Array, y: Array) -> Array:
        """Return the share (exposures, slit) of the light that an event replaces.

        It is nearly constant inside the event and falls off steeply at half its size.
        """
        distance = np.hypot((x - self.x[event])[:, None], y - self.y[event])
        inside = 0.5 ** ((2.0 * distance / self.size[event]) ** 4)
        share = self.strength[event] * self.light_curve(event, t)[:, None] * inside
        return np.asarray(np.where(share < FAINTEST, 0.0, share))

    def heating(self, t: Array) -> Array:
        """Return the sum of all events' areas times their light curves, in arcsec squared."""
        total = np.zeros_like(t)
        for event in range(len(self)):
            total += self.strength[event] * self.size[event] ** 2 * self.light_curve(event, t)
        return total


@dataclass(frozen=True)
class Activity:
    """How often and how strongly a region's events happen.

    Attributes
    ----------
    rate : float
        Events a minute at the onset, or throughout where the rate is flat.
    growth : float
        s over which the rate grows e-fold towards the onset; infinite for a flat rate.
    strength : tuple of float
        Least and greatest strength.
    kinds : tuple of float
        Share of each of `preflare.twin.dressing.KINDS`.
    reach : float
        arcsec; standard deviation of the events' distance from the inversion line.
    extent : float
        arcsec; half the length of the inversion line on which events happen.
    """

    rate: float
    growth: float
    strength: tuple[float, float]
    kinds: tuple[float, ...]
    reach: float
    extent: float


def draw_events(
    activity: Activity,
    line: InversionLine,
    onset: float,
    end: float,
    rng: np.random.Generator,
) -> Events:
    """Draw a region's events as a Poisson process in time.

    Parameters
    ----------
    activity : Activity
        Their rate and strength.
    line : InversionLine
        Where they happen.
    onset, end : float
        s; the rate grows until the one and is constant from there to the other.
    rng : Generator
        Source of all draws.
    """
    begin = -DURATION[1]
    ceiling = rng.poisson(activity.rate * (end - begin) / 60.0)
    start = np.sort(rng.uniform(begin, end, ceiling))
    kept = rng.random(ceiling) < np.exp(np.minimum(start - onset, 0.0) / activity.growth)
    start = start[kept]
    count = start.size
    along = rng.uniform(-activity.extent, activity.extent, count)
    x, y = line.place(along, rng.normal(0.0, activity.reach, count))
    return Events(
        kind=rng.choice(len(KINDS), count, p=activity.kinds).astype(np.uint8) + np.uint8(1),
        x=x,
        y=y,
        size=rng.uniform(*SIZE, count),
        start=start,
        duration=rng.uniform(*DURATION, count),
        strength=rng.uniform(*activity.strength, count),
    )


@dataclass(frozen=True)
class Flare:
    """Two ribbons that part from the inversion line.

    Attributes
    ----------
    onset : float
        s.
    speed : float
        arcsec/s at which each ribbon moves away at first.
    start : float
        arcsec from the inversion line at which they appear.
    extent : float
        arcsec; half their length along it.
    width : float
        arcsec; standard deviation of the bright front.
    trail : float
        arcsec over which the light behind the front decays.
    strength : float
        Share of the light that the brightest part replaces.
    """

    onset: float
    speed: float
    start: float
    extent: float
    width: float
    trail: float
    strength: float

    def share(self, along: Array, across: Array, t: Array) -> Array:
        """Return the share (exposures, slit) of the light that the ribbons replace.

        ``along`` and ``across`` have that shape too, ``t`` is (exposures,).
        """
        since = t - self.onset
        if not (since > 0).any():
            return np.zeros_like(across)
        front = self.start - self.speed * SLOWING * np.expm1(-np.maximum(since, 0.0) / SLOWING)
        ahead = np.abs(across) - front[:, None]
        shape = np.where(
            ahead > 0, np.exp(-0.5 * (ahead / self.width) ** 2), np.exp(ahead / self.trail)
        )
        level = np.clip(since / 90.0, 0.0, 1.0) * np.exp(-np.maximum(since - 90.0, 0.0) / 600.0)
        ends = 1.0 / (1.0 + np.exp((np.abs(along) - self.extent) / 1.5))
        share = self.strength * level[:, None] * shape * ends
        return np.asarray(np.where(share < FAINTEST, 0.0, share))
