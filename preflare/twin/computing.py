"""Compute the spectra of the profile library: in parallel, one file a spectrum, resumable."""

from __future__ import annotations

import hashlib
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from preflare.arrays import stored_arrays
from preflare.atomic import atomically
from preflare.errors import SimulationError, reason
from preflare.twin import transfer
from preflare.twin.atmospheres import Atmosphere
from preflare.twin.plan import Entry

PHYSICS = (
    transfer.WAVELENGTH.tobytes(),
    transfer.MU,
    transfer.POPULATION_TOLERANCE,
    transfer.RADIATION_TOLERANCE,
    transfer.LEVELS,
    transfer.ATTEMPTS,
)


def key(atmosphere: Atmosphere) -> str:
    """Return a name for the spectrum of an atmosphere under the present settings."""
    return hashlib.sha256(repr((PHYSICS, atmosphere)).encode()).hexdigest()[:16]


def spectrum_file(folder: Path, atmosphere: Atmosphere) -> Path:
    """Return where the spectrum of an atmosphere is, or will be."""
    return folder / f"{key(atmosphere)}.npz"


def compute_one(atmosphere: Atmosphere, file: Path) -> str | None:
    """Compute one spectrum and store it; return why not, if it does not converge."""
    try:
        solution = transfer.solve(atmosphere)
    except SimulationError as error:
        radiance, answer = np.full((len(transfer.MU), 0), np.nan), str(error)
        iterations, attempt = 0, len(transfer.ATTEMPTS)
    else:
        radiance, answer = solution.radiance, ""
        iterations, attempt = solution.iterations, solution.attempt
    with atomically(file, SimulationError) as place, place.open("wb") as stored:
        np.savez(stored, radiance=radiance.astype(np.float32), effort=[iterations, attempt])
    return answer or None


def read_one(folder: Path, atmosphere: Atmosphere) -> tuple[NDArray[np.float32], int, int] | None:
    """Return radiance (2, 1401), iterations and attempt; None if it did not converge."""
    file = spectrum_file(folder, atmosphere)
    cure = "remove it and compute again"
    with stored_arrays(file, SimulationError, "a computed spectrum", cure) as stored:
        radiance, (iterations, attempt) = stored["radiance"], stored["effort"]
    return (radiance, int(iterations), int(attempt)) if radiance.size else None


def compute(
    entries: Sequence[Entry],
    folder: Path,
    workers: int,
    progress: Callable[[int], None] = lambda done: None,
) -> dict[str, str]:
    """Compute the spectra that ``folder`` does not hold yet.

    Parameters
    ----------
    entries : sequence of Entry
        What to compute.
    folder : Path
        Where each spectrum is stored as soon as it is there.
    workers : int
        Processes.
    progress : callable
        Called with the number of spectra stored, once at the start and after each one.

    Returns
    -------
    dict
        Names of the entries that did not converge, and why.

    Raises
    ------
    SimulationError
        If the folder cannot be written or Lightweaver is not installed.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SimulationError(
            f"The folder {folder} cannot be made ({reason(error)}): choose another one."
        ) from error
    missing = [e for e in entries if not spectrum_file(folder, e.atmosphere).exists()]
    done = len(entries) - len(missing)
    progress(done)
    if not missing:
        return {}
    transfer.lightweaver()
    failures = {}
    # A fresh interpreter a worker: compiled libraries and their threads do not survive a fork.
    processes = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=processes) as pool:
        jobs = {
            pool.submit(compute_one, e.atmosphere, spectrum_file(folder, e.atmosphere)): e
            for e in missing
        }
        for job in as_completed(jobs):
            if (why := job.result()) is not None:
                failures[jobs[job].name] = why
            done += 1
            progress(done)
    return failures
