"""The X-ray flux that a scene's heating would give: the twin's GOES curve."""

from __future__ import annotations

import numpy as np
from astropy.table import Table
from astropy.time import Time, TimeDelta
from numpy.typing import NDArray

from preflare.observations import Observation
from preflare.twin.modes import duration
from preflare.twin.scene import Scene

Array = NDArray[np.float64]

SAMPLING = 10.0
"""s."""
MARGIN = 300.0
"""s of the curve before and after the observation."""
COOLING = 900.0
"""s over which the X-ray plasma cools."""
IMPULSE = (60.0, 150.0)
"""s; standard deviation of the flare's heating in time."""
BACKGROUND = (3e-7, 1.5e-6)
"""W m-2."""
COUPLING = 1e-11
"""W m-2 of X-rays for each arcsec squared of precursor heating."""
CLASS_FLUX = {"A": 1e-8, "B": 1e-7, "C": 1e-6, "M": 1e-5, "X": 1e-4}
"""W m-2 in the band 1-8 Å."""


def flare_flux(flare_class: str) -> float:
    """Return the peak flux (W m-2) of a GOES class such as M2.3.

    Examples
    --------
    >>> flare_flux("M2.5")
    2.5e-05
    """
    return CLASS_FLUX[flare_class[0]] * float(flare_class[1:])


def neupert(heating: Array) -> Array:
    """Return soft X-rays that grow as the heating adds up and fall as the plasma cools.

    The derivative of the soft X-rays follows the impulsive heating (Neupert 1968, ApJ 153, L59).
    """
    flux = np.zeros_like(heating)
    for moment in range(1, heating.size):
        flux[moment] = flux[moment - 1] * np.exp(-SAMPLING / COOLING) + heating[moment] * SAMPLING
    return flux


def goes_curve(observation: Observation, scene: Scene, rng: np.random.Generator) -> Table:
    """Return the X-ray flux during an observation.

    Parameters
    ----------
    observation : Observation
        Its start and the class of its flare.
    scene : Scene
        What happens in it.
    rng : Generator
        Source of all draws.

    Returns
    -------
    Table
        Columns ``time`` (UTC) and ``flux`` (W m-2, 1-8 Å), every 10 s from 5 min before the
        observation to 5 min after it; ``meta`` holds the onset and the flare's class, empty
        where there is none.
    """
    t = np.arange(-MARGIN, duration(observation) + MARGIN, SAMPLING)
    flux = (
        np.exp(rng.uniform(*np.log(BACKGROUND)))
        + COUPLING * neupert(scene.events.heating(t)) / 60.0
    )
    if scene.flare_class:
        width = rng.uniform(*IMPULSE)
        impulse = neupert(np.exp(-0.5 * ((t - scene.onset - 2.5 * width) / width) ** 2))
        flux += flare_flux(scene.flare_class) * impulse / impulse.max()
    start = Time(observation.id_start, scale="utc")
    moment = start + TimeDelta(np.nan_to_num(scene.onset), format="sec")
    times = start + TimeDelta(t, format="sec")
    return Table(
        {"time": times.isot, "flux": flux.astype(np.float32)},
        meta={
            "flare_class": scene.flare_class,
            "onset": moment.isot if scene.flare_class else "",
            "unit": "flux: W m-2, 1-8 Angstrom",
        },
    )
