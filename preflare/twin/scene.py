"""An active region on the twin's Sun: where it is quiet, where it is bright, and what happens.

Everything is a function of place (arcsec from the middle of the field of view) and time (s since
the observation began), so that a slit, a raster or a camera can look at it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from preflare.twin.dressing import KINDS
from preflare.twin.events import Events, Flare, InversionLine
from preflare.twin.fields import Field

Array = NDArray[np.float64]

RIBBON = len(KINDS) + 1
"""The truth's number for the flare's ribbons, after those of the precursors."""


SPREAD = (0.8, 1.0, 1.0, 1.0, 0.6)
"""How much of the palette's range each trait uses, in the order of `palette.TRAITS`."""
MEAN = (0.35, 0.0, 0.0, 0.3, -0.2)
"""Where in the palette's range each trait lies on average: the blue peak is the higher one more
often than not, because the layers above it flow down (Leenaarts et al. 2013, ApJ 772, 90)."""


@dataclass(frozen=True)
class Spot:
    """A sunspot: dark continuum, narrow single-peaked lines."""

    x: float
    y: float
    radius: float

    def inside(self, x: Array, y: Array) -> Array:
        """Return 1 in the spot and 0 outside, with a penumbra between."""
        distance = np.hypot(x[:, None] - self.x, y - self.y)
        return np.asarray(1.0 / (1.0 + np.exp((distance - self.radius) / 1.2)))


@dataclass(frozen=True)
class Scene:
    """One region during one observation.

    Attributes
    ----------
    fields : tuple of Field
        One for each of `preflare.twin.palette.TRAITS`.
    line : InversionLine
        The line between the polarities.
    spots : tuple of Spot
        Sunspots.
    character : tuple of float
        How the region differs from others in each of `preflare.twin.palette.TRAITS`, in standard
        deviations of the palette.
    contrast : float
        How much brighter its middle is than the quiet Sun around it.
    radius : float
        arcsec; how far the region reaches.
    shear : float
        Heating along the inversion line beyond that of the region, in standard deviations.
    events : Events
        Precursors.
    flare : Flare or None
        What follows.
    flare_class : str
        Its GOES class; empty without a flare.
    onset : float
        s; nan without a flare.
    """

    fields: tuple[Field, ...]
    line: InversionLine
    spots: tuple[Spot, ...]
    character: tuple[float, ...]
    contrast: float
    radius: float
    shear: float
    events: Events
    flare: Flare | None
    flare_class: str
    onset: float

    def numbers(self, x: Array, t: Array, y: Array) -> Array:
        """Return the five numbers (exposures, slit, 5) that choose each pixel's spectrum."""
        values = np.stack([field.at(x, t, y) for field in self.fields], axis=-1)
        values = values * SPREAD + MEAN + self.character
        along, across = self.line.coordinates(x[:, None], y)
        distance = np.hypot(along / 1.6, across) / self.radius
        plage = np.exp(-0.5 * distance**2)
        sheared = np.exp(-0.5 * (across / 4.0) ** 2) * plage
        values[..., 0] += self.contrast * (plage - 0.5) + self.shear * sheared
        for spot in self.spots:
            inside = spot.inside(x, y)
            values[..., 1] -= 2.2 * inside
            values[..., 2] -= 0.8 * inside
            values[..., 3] += 1.2 * inside
        return values

    def precursors(self, x: Array, t: Array, y: Array) -> tuple[NDArray[np.uint8], Array]:
        """Return the kind and the share (exposures, slit) of the strongest event in each pixel.

        Shares are of the light that the event replaces; where there is none, both are 0.
        """
        kind = np.zeros((x.size, y.size), np.uint8)
        strongest = np.zeros((x.size, y.size))
        events = self.events
        reach = 1.2 * events.size
        ends = events.start + events.duration
        candidates = (events.start <= t.max()) & (ends >= t.min())
        candidates &= (events.x + reach > x.min()) & (events.x - reach < x.max())
        candidates &= (events.y + reach > y.min()) & (events.y - reach < y.max())
        first, last = np.searchsorted(y, [events.y - reach, events.y + reach])
        for event in np.flatnonzero(candidates).tolist():
            near = np.abs(x - events.x[event]) < reach[event]
            (rows,) = np.nonzero(near & (t >= events.start[event]) & (t <= ends[event]))
            columns = slice(first[event], last[event])
            share = events.share(event, x[rows], t[rows], y[columns])
            before = strongest[rows, columns]
            stronger = share > before
            strongest[rows, columns] = np.where(stronger, share, before)
            kind[rows, columns] = np.where(stronger, events.kind[event], kind[rows, columns])
        return kind, strongest

    def ribbons(self, x: Array, t: Array, y: Array) -> Array:
        """Return the share (exposures, slit) of the light that the flare's ribbons replace."""
        if self.flare is None:
            return np.zeros((x.size, y.size))
        along, across = self.line.coordinates(x[:, None], y)
        return self.flare.share(along, across, t)
