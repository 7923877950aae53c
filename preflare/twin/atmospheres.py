"""Parametric model atmospheres: temperature, density, turbulence and velocity on column mass.

FAL-C (Fontenla, Avrett & Loeser 1993, ApJ 406, 319) lends the photosphere and the shape of the
transition region; what lies between is drawn. Everything here is plain numbers: the radiative
transfer that turns an atmosphere into a spectrum is in `preflare.twin.transfer`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.stats import norm, qmc

Array = NDArray[np.float64]

GRAVITY = 274.0  # m s-2
HELIUM = 0.1  # helium atoms for every hydrogen atom
METAL_ELECTRONS = 1.1e-4  # electrons that ionised metals give for every hydrogen atom
BOLTZMANN = 1.380649e-23  # J K-1
HYDROGEN_MASS = 1.4 * 1.6726e-27  # kg of gas for every hydrogen atom, helium included

# FAL-C: log10 column mass (g cm-2) below the temperature minimum, and temperature (K).
PHOTOSPHERE = np.array(
    [
        [-0.20, 4880.0],
        [0.165, 5150.0],
        [0.42, 5580.0],
        [0.589, 6180.0],
        [0.672, 6720.0],
        [0.747, 7590.0],
        [0.812, 8540.0],
        [0.871, 9400.0],
    ]
)
# FAL-C: distance below the top in log10 column mass, and the share of the rise to 100,000 K.
TRANSITION = np.array(
    [
        [0.0, 1.0],
        [0.0004, 0.822],
        [0.0008, 0.626],
        [0.00115, 0.441],
        [0.0014, 0.300],
        [0.0017, 0.162],
        [0.0020, 0.076],
        [0.0025, 0.031],
        [0.0033, 0.010],
        [0.0060, 0.002],
        [0.0083, 0.0],
    ]
)
CORONAL_EDGE = 100_000.0  # K, temperature of the uppermost point
# FAL-C: log10 column mass (g cm-2) and microturbulence (km/s).
TURBULENCE = np.array(
    [
        [-4.94, 8.2],
        [-4.77, 6.82],
        [-4.57, 6.21],
        [-4.18, 5.30],
        [-3.60, 4.06],
        [-2.88, 2.60],
        [-2.33, 1.77],
        [-1.78, 1.17],
        [-1.28, 0.80],
        [-0.78, 0.56],
        [-0.20, 0.63],
        [0.17, 1.00],
        [0.42, 1.29],
        [0.87, 1.81],
    ]
)
VELOCITY_KNOTS = np.array([0.0, 0.25, 0.5, 0.75, 1.0])  # share of the way to the minimum


@dataclass(frozen=True)
class Bump:
    """A local disturbance, Gaussian in log10 column mass (g cm-2)."""

    centre: float
    width: float
    height: float

    def at(self, log_mass: Array) -> Array:
        """Return the disturbance at each depth."""
        return self.height * np.exp(-0.5 * ((log_mass - self.centre) / self.width) ** 2)


@dataclass(frozen=True)
class Atmosphere:
    """The few numbers that stand for one column of the solar atmosphere.

    Attributes
    ----------
    transition : float
        log10 column mass (g cm-2) of the transition region.
    top, middle, minimum : float
        Temperature (K) at the top, in the middle and at the bottom of the chromosphere.
    minimum_at : float
        log10 column mass (g cm-2) of the temperature minimum.
    photosphere : float
        Temperature (K) added to FAL-C's photosphere.
    turbulence : tuple of float
        Factor on FAL-C's microturbulence, and km/s added in quadrature in the chromosphere.
    velocity : tuple of float
        Line-of-sight velocity (km/s, positive towards the observer) at five depths from the
        transition region to the temperature minimum.
    heating, flow : Bump or None
        Temperature (K) and velocity (km/s) added around one depth.
    """

    transition: float
    top: float
    middle: float
    minimum: float
    minimum_at: float
    photosphere: float = 0.0
    turbulence: tuple[float, float] = (1.0, 0.0)
    velocity: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0)
    heating: Bump | None = None
    flow: Bump | None = None


@dataclass(frozen=True)
class Column:
    """An atmosphere on its depth grid, from the top down, in SI units.

    Attributes
    ----------
    mass : ndarray, (depths,)
        Column mass (kg m-2).
    temperature, turbulence, velocity : ndarray, (depths,)
        Temperature (K), microturbulence and line-of-sight velocity (m/s).
    electrons, hydrogen : ndarray, (depths,)
        Number densities (m-3) of electrons and of hydrogen nuclei.
    """

    mass: Array
    temperature: Array
    turbulence: Array
    velocity: Array
    electrons: Array
    hydrogen: Array = field(repr=False)


def depth_grid(transition: float, fineness: float = 1.0) -> Array:
    """Return log10 column mass from the transition region to the deep photosphere.

    The step grows with the distance below the transition region: an unresolved base of it is
    what makes the iteration cycle instead of converge.
    """
    points = [transition]
    while points[-1] < PHOTOSPHERE[-1, 0]:
        below = points[-1] - transition
        points.append(points[-1] + fineness * min(0.25 * below + 8e-4, 0.11))
    return np.array([*points[:-1], PHOTOSPHERE[-1, 0]])


def temperature(atmosphere: Atmosphere, log_mass: Array) -> Array:
    """Return the temperature (K) at each log10 column mass (g cm-2)."""
    base = atmosphere.transition + TRANSITION[-1, 0]
    bottom = atmosphere.minimum_at
    photosphere = PHOTOSPHERE[PHOTOSPHERE[:, 0] > bottom + 0.25]
    knots = np.vstack(
        [
            [base, atmosphere.top],
            [0.5 * (base + bottom), atmosphere.middle],
            [bottom, atmosphere.minimum],
            photosphere + np.array([0.0, atmosphere.photosphere]),
        ]
    )
    chromosphere = PchipInterpolator(*knots.T)(np.maximum(log_mass, base))
    rise = np.interp(log_mass - atmosphere.transition, *TRANSITION.T)
    result = chromosphere + rise * (CORONAL_EDGE - atmosphere.top)
    if atmosphere.heating is not None:
        result = result + atmosphere.heating.at(log_mass)
    return np.asarray(result)


def electron_share(temperature: Array, hydrogen: Array, log_mass: Array) -> Array:
    """Return the number of electrons for every hydrogen nucleus.

    In the photosphere hydrogen is ionised as Saha's equation says. In the chromosphere the
    second level stays tied to the first by Lyman alpha and is ionised by the photospheric
    Balmer continuum, so that n_p n_e / n_2 is nearly constant at 6.2e16 cm-3 (Poland & Anzer
    1971; the value is FAL-C's own).
    """
    chromospheric = 6.2e22 * 4.0 * np.exp(-118353.0 / temperature)
    saha = 2.4146e21 * temperature**1.5 * np.exp(-157887.0 / temperature)
    deep = 1.0 / (1.0 + np.exp(-(log_mass + 0.2) / 0.1))
    ratio = np.exp(deep * np.log(saha) + (1.0 - deep) * np.log(chromospheric)) / hydrogen
    # ionised share x of x (x + metals) / (1 - x) = ratio
    half = 0.5 * (ratio + METAL_ELECTRONS)
    ionised = ratio / (half + np.sqrt(half**2 + ratio))
    return np.asarray(ionised + METAL_ELECTRONS)


def column(atmosphere: Atmosphere, fineness: float = 1.0) -> Column:
    """Put an atmosphere on its depth grid in hydrostatic equilibrium.

    Parameters
    ----------
    atmosphere : Atmosphere
        The column's few numbers.
    fineness : float
        Factor on the steps of the depth grid; less than 1 for more depths.

    Returns
    -------
    Column
        All quantities at 65 to 90 depths, in SI units.
    """
    log_mass = depth_grid(atmosphere.transition, fineness)
    kelvin = temperature(atmosphere, log_mass)
    mass = 10.0 * 10.0**log_mass
    pressure = GRAVITY * mass
    factor, extra = atmosphere.turbulence
    chromospheric = np.clip((-1.5 - log_mass) / 1.5, 0.0, 1.0)
    turbulence = np.hypot(factor * np.interp(log_mass, *TURBULENCE.T), extra * chromospheric)
    electrons = np.full_like(kelvin, 0.1)
    for _ in range(60):
        hydrogen = pressure / (BOLTZMANN * kelvin * (1.0 + HELIUM + electrons))
        electrons = electron_share(kelvin, hydrogen, log_mass)
    knots = atmosphere.transition + VELOCITY_KNOTS * (atmosphere.minimum_at - atmosphere.transition)
    velocity = PchipInterpolator(knots, atmosphere.velocity)(np.minimum(log_mass, knots[-1]))
    if atmosphere.flow is not None:
        velocity = velocity + atmosphere.flow.at(log_mass)
    return Column(
        mass=mass,
        temperature=kelvin,
        turbulence=1e3 * turbulence,
        velocity=1e3 * np.asarray(velocity),
        electrons=electrons * hydrogen,
        hydrogen=hydrogen,
    )


@dataclass(frozen=True)
class Regime:
    """The ranges from which a kind of atmosphere is drawn; units as in `Atmosphere`."""

    name: str
    transition: tuple[float, float]
    top: tuple[float, float]
    middle: tuple[float, float]
    minimum: tuple[float, float]
    velocity: float
    turbulence: tuple[float, float]


QUIET = Regime("quiet", (-5.5, -4.3), (6300, 8300), (5300, 6200), (4150, 4900), 4.0, (0, 9))
ACTIVE = Regime("active", (-5.0, -3.2), (6500, 9500), (5700, 6900), (4150, 4900), 7.0, (0, 9))
DENSE = Regime("dense", (-3.7, -2.3), (7000, 11000), (5800, 7500), (4300, 5400), 10.0, (0, 9))
FLARE = Regime("flare", (-3.4, -1.7), (8000, 13000), (6200, 9000), (4300, 5400), 20.0, (0, 30))
REGIMES = (QUIET, ACTIVE, DENSE, FLARE)


def draw(regime: Regime, count: int, seed: int) -> list[Atmosphere]:
    """Draw atmospheres that fill a regime's ranges evenly (scrambled Sobol points).

    Parameters
    ----------
    regime : Regime
        The ranges.
    count : int
        How many atmospheres.
    seed : int
        The scrambling's seed: the same seed gives the same atmospheres.
    """
    sampler = qmc.Sobol(d=13, rng=np.random.default_rng(seed))
    cube = sampler.random(2 ** int(np.ceil(np.log2(max(count, 2)))))[:count]

    def between(limits: tuple[float, float], share: float) -> float:
        return limits[0] + share * (limits[1] - limits[0])

    drawn = []
    for point in cube:
        transition = between(regime.transition, point[0])
        scatter = regime.velocity * np.array([1.0, 0.8, 0.5, 0.2, 0.0])
        velocity = scatter * norm.ppf(np.clip([*point[8:12], 0.5], 1e-3, 1 - 1e-3))
        drawn.append(
            Atmosphere(
                transition=transition,
                top=between(regime.top, point[1]),
                middle=between(regime.middle, point[2]),
                minimum=between(regime.minimum, point[3]),
                minimum_at=max(between((-1.9, -0.9), point[4]), transition + 0.6),
                photosphere=between((-100.0, 250.0), point[5]),
                turbulence=(between((0.5, 1.5), point[6]), between(regime.turbulence, point[7])),
                velocity=tuple(float(v) for v in velocity),
            )
        )
    return drawn


def with_triplet_heating(base: Atmosphere, kelvin: float, centre: float) -> Atmosphere:
    """Heat the lower chromosphere, which lifts the subordinate triplet into emission."""
    return replace(base, heating=Bump(centre, 0.135, kelvin))


def with_flow(base: Atmosphere, speed: float) -> Atmosphere:
    """Move the layer where the line wings form, at ``speed`` km/s towards the observer."""
    return replace(base, flow=Bump(-3.3, 0.3, speed))


def with_deep_transition(base: Atmosphere, transition: float) -> Atmosphere:
    """Push the transition region down and still the column: h and k become single peaks."""
    return replace(
        base,
        transition=transition,
        top=8000.0,
        middle=6300.0,
        turbulence=(0.7, 0.0),
        velocity=(0.0,) * len(VELOCITY_KNOTS),
        minimum_at=max(base.minimum_at, transition + 0.6),
    )
