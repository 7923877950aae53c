"""Mg II h&k spectra of model atmospheres, by Lightweaver (Osborne & Milić 2021, ApJ 917, 14).

Statistical equilibrium without LTE, partial redistribution in h and k. Lightweaver is an optional
dependency: only recomputing the profile library needs it.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preflare.errors import SimulationError
from preflare.twin.atmospheres import Atmosphere, Column, column

Array = NDArray[np.float64]

WAVELENGTH = np.round(np.arange(2793.0, 2807.0001, 0.01), 2)  # Angstrom, in vacuum
MU = (0.5, 1.0)  # cosines of the angle to the line of sight
POPULATION_TOLERANCE = 3e-4
RADIATION_TOLERANCE = 1e-3
CONTINUUM_LIMITS = (800.0, 9000.0)  # W m-2 sr-1 nm-1 at 2800 Angstrom: outside is no Sun
ITERATIONS = 500
LEVELS = (0, 1, 2, 3, 4, 5, 10)  # of Lightweaver's Mg II: up to 3d, and the continuum
# Tried in turn until one converges: factor on the depth steps, sub-iterations, first Lambda steps.
ATTEMPTS = ((1.0, 2, 3), (0.6, 2, 3), (0.8, 3, 10), (0.45, 4, 10))


@dataclass(frozen=True)
class Solution:
    """A converged spectrum.

    Attributes
    ----------
    radiance : ndarray of float64, (2, 1401)
        W m-2 sr-1 nm-1 at `MU` and `WAVELENGTH`.
    iterations : int
        Iterations that it took.
    attempt : int
        Which of `ATTEMPTS` converged.
    """

    radiance: Array
    iterations: int
    attempt: int


def lightweaver() -> Any:
    """Import Lightweaver.

    Raises
    ------
    SimulationError
        If it is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it asks for a benchmark of this machine
            import lightweaver
    except ImportError:
        raise SimulationError(
            "Recomputing the profile library needs Lightweaver, which is not installed: "
            "install preflare[twin]."
        ) from None
    return lightweaver


def magnesium() -> Any:
    """Return Mg II with six levels and the continuum: all that h, k and the triplet need."""
    lw = lightweaver()
    from lightweaver.rh_atoms import MgII_atom

    atom = MgII_atom()
    place = {old: new for new, old in enumerate(LEVELS)}
    atom.levels = [atom.levels[old] for old in LEVELS]
    for part in ("lines", "continua", "collisions"):
        kept = [t for t in getattr(atom, part) if t.i in place and t.j in place]
        for transition in kept:
            transition.i, transition.j = place[transition.i], place[transition.j]
        setattr(atom, part, kept)
    for line in atom.lines[:2]:
        line.quadrature = lw.atomic_model.LinearCoreExpWings(qCore=25, qWing=900, Nlambda=140)
    lw.atomic_model.reconfigure_atom(atom)
    return atom


def context(layers: Column) -> Any:
    """Set up the radiative transfer of one column."""
    lw = lightweaver()
    from lightweaver import rh_atoms as atoms

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sky = lw.Atmosphere.make_1d(
            scale=lw.ScaleType.ColumnMass,
            depthScale=layers.mass,
            temperature=layers.temperature,
            vlos=layers.velocity,
            vturb=layers.turbulence,
            ne=layers.electrons.copy(),
            nHTot=layers.hydrogen.copy(),
        )
        sky.quadrature(3)
        species = lw.RadiativeSet(
            [
                atoms.H_6_atom(),
                atoms.C_atom(),
                atoms.O_atom(),
                atoms.Si_atom(),
                atoms.Al_atom(),
                atoms.Fe_atom(),
                atoms.He_9_atom(),
                magnesium(),
            ]
        )
        species.set_active("Mg")
        spectrum = species.compute_wavelength_grid()
        populations = species.compute_eq_pops(sky)
        moving = float(np.ptp(layers.velocity)) > 3e3
        return lw.Context(sky, spectrum, populations, hprd=moving, Nthreads=1)


def solve(atmosphere: Atmosphere) -> Solution:
    """Compute the spectrum of an atmosphere, from a cold start.

    Parameters
    ----------
    atmosphere : Atmosphere
        The column.

    Returns
    -------
    Solution
        The spectrum at two angles.

    Raises
    ------
    SimulationError
        If no attempt converges, or Lightweaver is not installed.
    """
    lw = lightweaver()
    from lightweaver.utils import ExplodingMatrixError

    for attempt, (fineness, redistributions, scatterings) in enumerate(ATTEMPTS):
        problem = context(column(atmosphere, fineness))
        try:
            with np.errstate(all="ignore"):
                iterations = lw.iterate_ctx_se(
                    problem,
                    Nscatter=scatterings,
                    NmaxIter=ITERATIONS,
                    prd=True,
                    JTol=RADIATION_TOLERANCE,
                    popsTol=POPULATION_TOLERANCE,
                    maxPrdSubIter=redistributions,
                    quiet=True,
                )
                radiance = problem.compute_rays(
                    wavelengths=0.1 * WAVELENGTH, mus=list(MU), refinePrd=False
                )
        except (ExplodingMatrixError, ValueError, np.linalg.LinAlgError):
            continue
        # W m-2 sr-1 Hz-1 to W m-2 sr-1 nm-1
        per_nm = np.asarray(radiance).T * 2.99792458e8 / (1e-10 * WAVELENGTH) ** 2 * 1e-9
        if iterations < ITERATIONS - 1 and np.isfinite(per_nm).all() and (per_nm > 0).all():
            return Solution(per_nm, int(iterations), attempt)
    raise SimulationError(
        f"The spectrum of {atmosphere} did not converge in any of {len(ATTEMPTS)} attempts: "
        "leave this atmosphere out."
    )
