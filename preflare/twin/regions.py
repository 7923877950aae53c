"""What sets one region from another: the draws that make a scene of a row of Table A1.

The physics that parts the two classes, and the one thing that the twin's difficulty is tuned by:
before a flare small heating events on both sides of the inversion line come more often and
stronger, mostly more and more so towards the onset, and the plasma along the line is somewhat
hotter. Both differ so much from region to region that the classes overlap.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from preflare.observations import Observation
from preflare.twin.dressing import KINDS
from preflare.twin.events import Activity, Events, Flare, InversionLine, draw_events
from preflare.twin.fields import Field
from preflare.twin.modes import AFTER_ONSET, BEFORE_ONSET, SLIT_PIXEL
from preflare.twin.palette import TRAITS
from preflare.twin.scene import Scene, Spot

Array = NDArray[np.float64]

LENGTHS = (3.8, 3.8, 3.6, 2.6, 2.2)
"""arcsec; correlation lengths of the five fields, in the order of `palette.TRAITS`."""
LIFETIME = 420.0
"""s over which brightness, continuum, width and depth change."""
PERIODS = (170.0, 310.0)
"""s; periods of the oscillation that drives the asymmetry."""
CHARACTER, QUIET_CHARACTER = 0.5, 0.15
"""Standard deviation, over regions and over pieces of quiet Sun, of each trait's average."""
GROWING_SHARE = 0.75
"""Share of the PF regions whose events come more and more often."""
GROWTH = (480.0, 720.0)
"""s over which their rate grows e-fold."""
RATE = {"PF": 700.0, "AR": 2.5}
"""Events a minute: median over regions, at the onset."""
RATE_SCATTER = 0.5
"""Standard deviation of its natural logarithm."""
STRENGTH = {"PF": (0.5, 1.0), "AR": (0.1, 0.5)}
REACH = (8.0, 20.0)
"""arcsec; standard deviation of the events' distance from the inversion line."""
EXTENT = (30.0, 60.0)
"""arcsec; half the length of the inversion line on which events happen."""
SHEAR = {"PF": 0.3, "AR": 0.0}
"""Mean of the heating along the inversion line, in standard deviations of the palette."""
SHEAR_SCATTER = 0.6
C_FLARES = 0.3
"""Share of the AR regions in which a C-class flare happens."""
FLARE = {"PF": ((15.0, 30.0), (0.5, 0.95)), "AR": ((4.0, 10.0), (0.2, 0.6))}
"""Half the ribbons' length (arcsec), and the share of the light that they replace."""
RIBBON_SPEED = (0.5 * SLIT_PIXEL, 2.0 * SLIT_PIXEL)
"""arcsec/s."""


def fields(rng: np.random.Generator) -> tuple[Field, ...]:
    """Draw the five fields that vary over any piece of the Sun."""
    slow = [Field.evolving(length, LIFETIME, rng) for length in LENGTHS[:-1]]
    return (*slow, Field.oscillating(LENGTHS[-1], PERIODS, rng))


def character(rng: np.random.Generator, scatter: float) -> tuple[float, ...]:
    """Draw how a region differs from others in each of its spectra's traits."""
    return tuple(float(value) for value in rng.normal(0.0, scatter, len(TRAITS)))


def region(observation: Observation, rng: np.random.Generator) -> Scene:
    """Draw the region that an observation looks at.

    Parameters
    ----------
    observation : Observation
        Its class decides how often and how strongly events happen, and whether a flare follows.
    rng : Generator
        Source of all draws.
    """
    kind = observation.kind
    line = InversionLine(
        angle=float(rng.uniform(0, np.pi)),
        middle=(float(rng.normal(0, 2.0)), float(rng.normal(0, 3.0))),
        swing=float(rng.uniform(1.0, 4.0)),
        wavelength=float(rng.uniform(30.0, 70.0)),
        phase=float(rng.uniform(0, 2 * np.pi)),
    )
    spots = []
    for side in (-1.0, 1.0):
        x, y = line.place(np.array(rng.uniform(-20, 20)), np.array(side * rng.uniform(12, 22)))
        spots.append(Spot(float(x), float(y), float(rng.uniform(3.0, 8.0))))
    growing = kind == "PF" and rng.random() < GROWING_SHARE
    activity = Activity(
        rate=float(RATE[kind] * np.exp(rng.normal(0, RATE_SCATTER))),
        growth=float(rng.uniform(*GROWTH)) if growing else float("inf"),
        strength=STRENGTH[kind],
        kinds=tuple(float(share) for share in rng.dirichlet(np.ones(len(KINDS)))),
        reach=float(rng.uniform(*REACH)),
        extent=float(rng.uniform(*EXTENT)),
    )
    flare_class, onset, flare = observation.flare_class, BEFORE_ONSET, None
    if kind == "AR" and rng.random() < C_FLARES:
        flare_class = f"C{rng.uniform(1.0, 6.0):.1f}"
        onset = float(rng.uniform(0.0, BEFORE_ONSET))
    if flare_class:
        extent, strength = FLARE[kind]
        flare = Flare(
            onset=onset,
            speed=float(rng.uniform(*RIBBON_SPEED)),
            start=float(rng.uniform(1.0, 4.0)),
            extent=float(rng.uniform(*extent)),
            width=float(rng.uniform(0.4, 0.8)),
            trail=float(rng.uniform(2.0, 5.0)),
            strength=float(rng.uniform(*strength)),
        )
    return Scene(
        fields=fields(rng),
        line=line,
        spots=tuple(spots),
        character=character(rng, CHARACTER),
        contrast=float(rng.uniform(0.4, 1.0)),
        radius=float(rng.uniform(20.0, 35.0)),
        shear=float(rng.normal(SHEAR[kind], SHEAR_SCATTER)),
        events=draw_events(activity, line, BEFORE_ONSET, BEFORE_ONSET + AFTER_ONSET, rng),
        flare=flare,
        flare_class=flare_class,
        onset=onset if flare else float("nan"),
    )


def quiet_sun(rng: np.random.Generator) -> Scene:
    """Draw a piece of the quiet Sun: no region, no spots, no events."""
    line = InversionLine(0.0, (0.0, 0.0), 0.0, 60.0, 0.0)
    return Scene(
        fields=fields(rng),
        line=line,
        spots=(),
        character=character(rng, QUIET_CHARACTER),
        contrast=0.0,
        radius=40.0,
        shear=0.0,
        events=Events.none(),
        flare=None,
        flare_class="",
        onset=float("nan"),
    )
