"""Simulate observations: several at once, each written whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from preflare.atomic import alone, atomically
from preflare.checksums import fault_of, record_checksums
from preflare.errors import SimulationError, reason
from preflare.observations import Observation, read_observations
from preflare.observations import observation as look_up
from preflare.products import is_sound
from preflare.scheduler import running
from preflare.twin.blends import blends
from preflare.twin.library import WAVELENGTH
from preflare.twin.modes import mode, profile_named
from preflare.twin.observing import SIMULATION, Observing, Settings

BYTES_PER_SPECTRUM = 2_000
"""Counts of 16 bits and the truth: measured 1,720 (profile paper) and 1,930 (quick)."""


def simulate(
    observations: Sequence[Observation],
    folder: Path,
    settings: Settings,
    *,
    force: bool = False,
    quiet: bool = False,
    mend: bool = False,
    scheduler: str | None = None,
    progress: Callable[[Path], None] = lambda finished: None,
) -> list[Path]:
    """Simulate observations into a folder each.

    Parameters
    ----------
    observations : sequence of Observation
        Rows of Table A1.
    folder : Path
        Takes one folder an observation, named by the observation's id. One that is there already
        and was simulated under the same settings is left as it is, so that a simulation that was
        interrupted goes on where it stopped.
    settings : Settings
        Profile, seed and noise.
    force : bool
        Replace folders that were simulated under other settings.
    quiet : bool
        Look at the quiet Sun in the same modes instead of at active regions.
    mend : bool
        Make again what is damaged, as its checksums tell, instead of refusing it.
    scheduler : str, optional
        Where, see `preflare.scheduler.scheduler_named`.
    progress : callable
        Called with each folder as soon as it is there.

    Returns
    -------
    list of Path
        The observations' folders. Each holds level 2 raster files, slit-jaw images, the X-ray
        flux (``goes.ecsv``), the truth (``truth.zarr``) and `SIMULATION`. Beside it are the
        checksums of all that, see `preflare.checksums`.

    Raises
    ------
    ClusterError
        If there is no such cluster, or it cannot be used.
    SimulationError
        If the settings make no sense, the disk is too full, the folder cannot be written, or holds
        something else or something damaged under an observation's name.
    """
    profile_named(settings.profile)
    if settings.seed < 0:
        raise SimulationError(f"The seed {settings.seed} is negative: give 0 or more.")
    folder = folder.absolute()
    targets = [folder / observation.observation_id for observation in observations]
    todo = []
    for observation, target in zip(observations, targets, strict=True):
        asked = settings.asked(observation, quiet=quiet)
        if _is_sound(target, asked, force=force, mend=mend):
            progress(target)
        else:
            todo.append((observation, target, settings, quiet, force))
    _check_room(folder, [observation for observation, *_ in todo], settings)
    if todo:
        blends()  # once, before threads ask for it together
        with running(scheduler, folder) as tasks:
            tasks.each(_make, todo, progress)
    return targets


def chosen(names: Iterable[str]) -> list[Observation]:
    """Return the observations of some names or ids, in the order of Table A1; all for none."""
    wanted = {look_up(name).name for name in names}
    return [each for each in read_observations() if not wanted or each.name in wanted]


def described(folder: Path) -> dict[str, object]:
    """Return what a simulated observation's folder says of itself.

    Raises
    ------
    SimulationError
        If it is no such folder.
    """
    try:
        return dict(json.loads((folder / SIMULATION).read_text()))
    except (OSError, ValueError) as error:
        raise SimulationError(
            f"{folder} is no simulated observation ({reason(error)}): "
            "make one with preflare simulate."
        ) from error


def _is_there(target: Path, asked: dict[str, object], *, force: bool) -> bool:
    if not os.path.lexists(target):
        return False
    try:
        found = described(target)
    except SimulationError:
        raise SimulationError(
            f"{target} exists and is no simulated observation: name another output folder."
        ) from None
    if asked.items() <= found.items():
        return True
    if not force:
        raise SimulationError(
            f"{target} was simulated under other settings: "
            "name another output folder, or allow it to be replaced (--force)."
        )
    return False


def _is_sound(target: Path, asked: dict[str, object], *, force: bool, mend: bool) -> bool:
    if mend:
        return is_sound(target) and _is_there(target, asked, force=force)
    if not _is_there(target, asked, force=force):
        return False
    if force:
        return is_sound(target)
    fault = fault_of(target)
    if fault:
        raise SimulationError(
            f"{target} is damaged ({fault}): "
            "name another output folder, or allow it to be replaced (--force)."
        )
    return True


def _check_room(folder: Path, observations: list[Observation], settings: Settings) -> None:
    profile = profile_named(settings.profile)
    spectra = sum(mode(observation, profile).spectra for observation in observations)
    needed = spectra * (BYTES_PER_SPECTRUM + (0 if settings.noise else 2 * WAVELENGTH.size))
    place = folder
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if needed > free:
        raise SimulationError(
            f"{folder} has {free / 1e9:.1f} GB of free space and the simulation takes about "
            f"{needed / 1e9:.1f} GB: make room, or name another output folder."
        )


def _make(
    observation: Observation, target: Path, settings: Settings, quiet: bool, force: bool
) -> Path:
    with alone(target):
        if not _is_there(target, settings.asked(observation, quiet=quiet), force=force):
            with atomically(target, SimulationError) as place:
                place.mkdir()
                Observing(observation, settings, quiet=quiet).write(place)
                record_checksums(place, target, SimulationError)
    return target
