"""One observation of the twin, from its scene to its files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from preflare import spectrum
from preflare.observations import Observation
from preflare.twin import files, instrument
from preflare.twin.dressing import profiles_at
from preflare.twin.goes import goes_curve
from preflare.twin.library import WAVELENGTH
from preflare.twin.modes import (
    Mode,
    centred,
    cosine,
    duration,
    mode,
    profile_named,
)
from preflare.twin.painting import ACTIVE_REGION, QUIET_SUN, Light, Painter
from preflare.twin.regions import quiet_sun, region
from preflare.twin.scene import Scene
from preflare.twin.truth import TruthBlock, TruthFile, differences

Array = NDArray[np.float64]
Spectra = NDArray[np.float32]

SIMULATION = "simulation.json"
"""In every observation's folder, and written last: says what was simulated, and how."""
SPECTRA_AT_ONCE = 6000
IMAGE_FIELD = 120.0
"""arcsec across a slit-jaw image."""
IMAGE_BAND = (2794.0, 2798.0)
"""Å."""


@dataclass(frozen=True)
class Settings:
    """What a simulation depends on.

    Attributes
    ----------
    profile : str
        How much of each observation is simulated, a name in `preflare.twin.modes.PROFILES`.
    seed : int
        Every draw follows from it.
    noise : bool
        False leaves out noise, cosmic rays, clipping, gaps and rounding, so that the truth can be
        checked.
    """

    profile: str = "quick"
    seed: int = 0
    noise: bool = True

    def asked(self, observation: Observation, *, quiet: bool) -> dict[str, object]:
        """Say what an observation under these settings is, before it is made."""
        return {"observation_id": observation.observation_id, "quiet": quiet, **asdict(self)}


@dataclass(frozen=True)
class Block:
    """Consecutive rasters as seen, and their truth."""

    first: int
    counts: Spectra
    exposure: Array
    truth: TruthBlock


class Observing:
    """An observation about to be made.

    Parameters
    ----------
    observation : Observation
        A row of Table A1.
    settings : Settings
        What the simulation depends on.
    quiet : bool
        Look at the quiet Sun in the same mode instead of at a region.
    """

    def __init__(self, observation: Observation, settings: Settings, *, quiet: bool = False):
        profile = profile_named(settings.profile)
        number = observation.number + (1000 if observation.kind == "AR" else 0)
        seeds = np.random.SeedSequence([settings.seed, number, quiet]).spawn(5)
        self._draws = [np.random.default_rng(seed) for seed in seeds]
        self.observation = observation
        self.settings = settings
        self.quiet = quiet
        self.profile = profile
        self.mode: Mode = mode(observation, profile)
        self.scene: Scene = (quiet_sun if quiet else partial(region, observation))(self._draws[0])
        self.detector = instrument.Detector.draw(self._draws[1])
        self._shares = QUIET_SUN if quiet else ACTIVE_REGION
        self._before = 0.0

    @cached_property
    def _painter(self) -> Painter:
        return Painter(profiles_at(cosine(self.observation)), self._shares)

    def blocks(self) -> Iterator[Block]:
        """Take the exposures, some rasters at a time."""
        shape = self.mode.time.shape[1:] + self.mode.y.shape
        lost = instrument.lost(self.mode, self.detector, self._draws[2])
        for first in range(0, len(self.mode.time), self.at_once):
            rows = slice(first, first + self.at_once)
            t = self.mode.time[rows].ravel()
            x = np.tile(self.mode.x, len(t) // len(self.mode.x))
            light = self._painter.paint(self.scene, x, t, self.mode.y)
            counts, exposure, truth = self._expose(light, t)
            if self.settings.noise:
                counts = instrument.noisy(counts, self._draws[3])
                counts[lost[rows].reshape(counts.shape[:2])] = instrument.MISSING
            yield Block(first, counts, exposure, _folded(truth, (-1, *shape)))

    @property
    def at_once(self) -> int:
        """Rasters in a block."""
        return max(1, SPECTRA_AT_ONCE // (self.mode.positions * self.mode.y.size))

    def _expose(self, light: Light, t: Array) -> tuple[Spectra, Array, TruthBlock]:
        calm = instrument.blurred(light.undisturbed, self.mode)
        added = np.zeros_like(calm)
        added[light.changed] = light.difference
        added = instrument.blurred(added, self.mode)
        touched = np.asarray(added.any(axis=-1))
        at = np.nonzero(touched)
        times = np.repeat(t, calm.shape[1]).reshape(touched.shape)
        flat = (calm + added).reshape(-1, WAVELENGTH.size)
        rate = self.detector.rate(flat, times.ravel()).reshape(calm.shape)
        brightest = rate.max(axis=(1, 2)).astype(np.float64)
        exposure = instrument.exposures(self.mode.exposure, brightest, self._before)
        self._before = float(brightest[-1])
        dark = (self.detector.dark / exposure).astype(np.float32)
        rate += dark[:, None, None]
        without = self.detector.rate(calm[at], times[at]) + dark[at[0], None]
        truth = TruthBlock(
            kind=instrument.spilled(light.kind, touched),
            share=instrument.blurred(light.share, self.mode) * touched,
            difference=np.zeros((*touched.shape, spectrum.POINTS), np.float32),
            normalised=np.zeros((*touched.shape, spectrum.POINTS), np.float32),
        )
        truth.difference[at], truth.normalised[at] = differences(rate[at], without)
        return rate * exposure[:, None, None].astype(np.float32), exposure, truth

    def images(self) -> tuple[Spectra, Array]:
        """Take slit-jaw images: DN (images, y, x), and their times (s)."""
        times = np.linspace(0.0, duration(self.observation) - 60.0, self.profile.images)
        pixels = self.profile.image_pixels
        place = centred(pixels, IMAGE_FIELD / pixels)
        band = (IMAGE_BAND[0] < WAVELENGTH) & (IMAGE_BAND[1] > WAVELENGTH)
        images = np.empty((times.size, pixels, pixels), np.float32)
        for number, time in enumerate(times):
            light = self._painter.paint(self.scene, place, np.full(pixels, time), place)
            bright = light.undisturbed[..., band].mean(axis=-1)
            bright[light.changed] += light.difference[:, band].mean(axis=-1)
            images[number] = 8.0 * instrument.COUNTS * self.detector.throughput * bright.T
        return np.minimum(images, instrument.CLIP), times

    def write(self, folder: Path) -> None:
        """Take the observation and write its files into an empty folder."""
        exact = not self.settings.noise
        shape = (*self.mode.time.shape, self.mode.y.size)
        about = {
            "observation_id": self.observation.observation_id,
            "onset": self.onset or "",
        }
        truth = TruthFile(folder / "truth.zarr", shape, self.at_once, about)
        pending = _Pending(self, folder, exact)
        for block in self.blocks():
            truth.write(block.first, block.truth)
            pending.add(block)
        images, times = self.images()
        name = f"iris_l2_{self.observation.observation_id}_SJI_2796_t000.fits"
        pixel = IMAGE_FIELD / self.profile.image_pixels
        files.write_images(folder / name, self.observation, images, times, pixel)
        curve = goes_curve(self.observation, self.scene, self._draws[4])
        curve.write(folder / "goes.ecsv", format="ascii.ecsv")
        (folder / SIMULATION).write_text(json.dumps(self.description, indent=1) + "\n")

    @property
    def onset(self) -> str | None:
        """UTC start of the flare that the class is about; None for an AR observation."""
        if self.observation.kind == "AR" or self.scene.flare is None:
            return None
        since = np.timedelta64(round(1e3 * self.scene.onset), "ms")
        return str(np.datetime64(self.observation.id_start, "ms") + since)

    @property
    def description(self) -> dict[str, object]:
        """Say what was simulated, and under which settings."""
        return {
            **self.settings.asked(self.observation, quiet=self.quiet),
            "observation": self.observation.name,
            "onset": self.onset,
            "flare_class": self.scene.flare_class,
            "mu": round(cosine(self.observation), 4),
        }


def _folded(truth: TruthBlock, shape: tuple[int, ...]) -> TruthBlock:
    return TruthBlock(
        truth.kind.reshape(shape),
        truth.share.reshape(shape),
        truth.difference.reshape(*shape, spectrum.POINTS),
        truth.normalised.reshape(*shape, spectrum.POINTS),
    )


class _Pending:
    """Exposures that wait for their file to be complete."""

    def __init__(self, observing: Observing, folder: Path, exact: bool) -> None:
        self._observing = observing
        self._folder = folder
        self._exact = exact
        mode = observing.mode
        stare = mode.positions == 1
        self._length = len(mode.time) if stare else mode.positions
        self._counts: list[files.Counts] = []
        self._exposure: list[Array] = []
        self._written = 0

    def add(self, block: Block) -> None:
        """Take a block, and write every file that it completes."""
        self._counts.append(files.stored(block.counts, exact=self._exact))
        self._exposure.append(block.exposure)
        while sum(map(len, self._exposure)) >= self._length:
            counts, exposure = np.concatenate(self._counts), np.concatenate(self._exposure)
            self._write(counts[: self._length], exposure[: self._length])
            self._counts, self._exposure = [counts[self._length :]], [exposure[self._length :]]

    def _write(self, counts: files.Counts, exposure: Array) -> None:
        observing, mode = self._observing, self._observing.mode
        first = self._written * self._length
        seen = files.Exposures(
            counts,
            mode.time.ravel()[first : first + self._length],
            exposure,
            np.resize(mode.x, self._length),
        )
        name = files.raster_name(observing.observation, self._written)
        files.write_raster(self._folder / name, observing.observation, mode, seen)
        self._written += 1
