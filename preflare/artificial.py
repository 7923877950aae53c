"""The artificial test: spectra of which we know what tells the classes apart, for we put it there.

Section 5 of Panos et al. (2023): one class holds spectra of flares, the other copies of the same
spectra with a small bump. Whatever an explanation points at besides the bump is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from preflare.arrays import stored_arrays
from preflare.errors import ExplanationError, StudyError
from preflare.network_inputs import checked_spectra
from preflare.rules import accepted
from preflare.spectrum import POINTS
from preflare.splits import Split

Spectra = NDArray[np.float32]

AT_ONCE = 200_000
"""Spectra of a cube that are read together."""


@dataclass(frozen=True)
class Artefact:
    """A narrow bump of light, of Gaussian shape.

    Attributes
    ----------
    centre : int
        Point of the grid, 0 to 239. The paper puts it at the centre of the window.
    width : float
        Standard deviation in points: 3 make a full width at half maximum of 7 points, 0.34 Å.
    height : float
        In units of a spectrum's maximum.

    Raises
    ------
    ExplanationError
        If the bump lies outside the window, or has no width or no height.
    """

    centre: int = 120
    width: float = 3.0
    height: float = 0.2

    def __post_init__(self) -> None:
        if not 0 <= self.centre < POINTS:
            raise ExplanationError(
                f"The artefact's centre {self.centre} is not on the grid: give 0 to {POINTS - 1}."
            )
        for name, value in (("width", self.width), ("height", self.height)):
            if not 0 < value < np.inf:
                raise ExplanationError(f"The artefact's {name} {value} is not positive: try 0.2.")

    @property
    def profile(self) -> Spectra:
        """Its light at every point, (240,)."""
        away = (np.arange(POINTS) - self.centre) / self.width
        return np.asarray(self.height * np.exp(-0.5 * away**2), np.float32)

    @property
    def support(self) -> NDArray[np.bool_]:
        """Where it is, (240,): the points at which it has 1 % of its height or more."""
        return self.profile >= 0.01 * self.height

    def insert(self, spectra: ArrayLike) -> Spectra:
        """Return copies (n, 240) of spectra with the bump, renormalised where they exceed 1.

        Raises
        ------
        NetworkError
            If the spectra are no normalised profiles.
        """
        disturbed = checked_spectra(spectra) + self.profile
        highest = disturbed.max(axis=1, keepdims=True)
        return np.asarray(disturbed / np.maximum(highest, 1), np.float32)


@dataclass(frozen=True, eq=False)
class FlareSpectra:
    """Spectra taken after the onset of a flare.

    Attributes
    ----------
    spectra : ndarray of float32, (n, 240)
        Normalised profiles.
    observation : pandas.Categorical, (n,)
        Name of the observation, such as ``"PF 14"``.
    """

    spectra: Spectra
    observation: pd.Categorical[str]

    def __len__(self) -> int:
        return len(self.spectra)

    @classmethod
    def drawn(cls, cubes: Mapping[str, xr.Dataset], at_most: int | None, seed: int) -> FlareSpectra:
        """Draw from all accepted spectra that were taken after the onset.

        Parameters
        ----------
        cubes : mapping of str to Dataset
            By the observation's name; those without an onset have nothing to give.
        at_most : int or None
            Spectra, all observations together; None for all.
        seed : int
            Of the draw where there are more.

        Raises
        ------
        ExplanationError
            If there is no such spectrum.
        """
        kept = {name: accepted(cube) & _flaring(cube) for name, cube in cubes.items()}
        kept = {name: chosen for name, chosen in kept.items() if chosen.any()}
        if not kept:
            raise ExplanationError(
                "The cubes hold no accepted spectra after an onset: give observations of flares."
            )
        counts = np.array([chosen.sum() for chosen in kept.values()])
        drawn = np.arange(counts.sum())
        if at_most is not None and at_most < drawn.size:
            drawn = np.random.default_rng(seed).choice(drawn, at_most, replace=False)
        parts, codes = [], []
        first = np.cumsum(counts) - counts
        for code, (name, chosen) in enumerate(kept.items()):
            own = np.sort(drawn[(drawn >= first[code]) & (drawn < first[code] + counts[code])])
            wanted = np.zeros(chosen.shape, bool)
            wanted.flat[np.flatnonzero(chosen)[own - first[code]]] = True
            parts.append(_read(cubes[name]["intensity"], wanted))
            codes.append(np.full(own.size, code))
        observation = pd.Categorical.from_codes(np.concatenate(codes), pd.Index(list(kept)))
        return cls(np.concatenate(parts), observation)

    def save(self, path: Path) -> None:
        """Store everything in one npz file."""
        with path.open("wb") as file:
            np.savez(
                file,
                spectra=self.spectra,
                codes=self.observation.codes,
                names=np.array(self.observation.categories, str),
            )

    @classmethod
    def load(cls, path: Path) -> FlareSpectra:
        """Read what `save` stored.

        Raises
        ------
        StudyError
            If there is no such thing.
        """
        cure = "remove it, and it is made anew"
        with stored_arrays(path, StudyError, "spectra of flares", cure) as stored:
            names = pd.Index(stored["names"])
            return cls(stored["spectra"], pd.Categorical.from_codes(stored["codes"], names))


@dataclass(frozen=True, eq=False)
class Pairs:
    """Every spectrum twice: as it is, class 0, and with the artefact, class 1.

    Attributes
    ----------
    spectra : ndarray of float32, (2 n, 240)
        Twins next to each other, the one without the artefact first.
    labels : ndarray of int8, (2 n,)
        0 and 1 in turn. Class 1 takes the place of PF in whatever explains it.
    split : Split
        Both twins, and all spectra of an observation, on the same side.
    artefact : Artefact
    """

    spectra: Spectra
    labels: NDArray[np.int8]
    split: Split
    artefact: Artefact

    @classmethod
    def of(
        cls,
        flare: FlareSpectra,
        artefact: Artefact | None = None,
        *,
        held_out: int = 5,
        seed: int = 0,
    ) -> Pairs:
        """Make pairs of flare spectra, some observations held out to test on.

        Parameters
        ----------
        flare : FlareSpectra
        artefact : Artefact, optional
            Default: the one described in `Artefact`.
        held_out : int
            Observations to test on, drawn at random.
        seed : int
            Of that draw.

        Raises
        ------
        ExplanationError
            If no observation is left to train or to test on.
        """
        artefact = artefact or Artefact()
        codes = np.unique(flare.observation.codes)
        if not 1 <= held_out < codes.size:
            raise ExplanationError(
                f"{held_out} of {codes.size} observations cannot be held out: "
                f"give 1 to {codes.size - 1}."
            )
        spectra = np.repeat(flare.spectra, 2, axis=0)
        spectra[1::2] = artefact.insert(flare.spectra)
        labels = np.tile(np.array([0, 1], np.int8), len(flare))
        tested = np.random.default_rng(seed).choice(codes, held_out, replace=False)
        test = np.isin(np.repeat(flare.observation.codes, 2), tested)
        split = Split(np.flatnonzero(~test), np.flatnonzero(test))
        return cls(spectra, labels, split, artefact)

    def tested(self, count: int) -> Spectra:
        """Return spectra (count, 240) with the artefact, spread evenly over the test side.

        Raises
        ------
        ExplanationError
            If there are fewer.
        """
        marked = self.split.test[self.labels[self.split.test] == 1]
        if not 1 <= count <= marked.size:
            raise ExplanationError(
                f"{count} spectra with the artefact cannot be had: there are {marked.size} "
                "on the test side."
            )
        return self.spectra[marked[_spread(marked.size, count)]]

    def trained(self, count: int) -> NDArray[np.int64]:
        """Return places of pairs, at most ``count`` of them, spread evenly over the training side.

        Raises
        ------
        ExplanationError
            If none is asked for.
        """
        if count < 1:
            raise ExplanationError(f"{count} pairs are none: ask for 1 or more.")
        pairs = self.split.train.reshape(-1, 2)
        return pairs[_spread(len(pairs), min(count, len(pairs)))].ravel()


def _spread(size: int, count: int) -> NDArray[np.int64]:
    """Return places spread evenly over so many."""
    return np.linspace(0, size - 1, count).astype(np.int64)


def _flaring(cube: xr.Dataset) -> NDArray[np.bool_]:
    since = cube["t_onset"].values[..., None]
    return np.broadcast_to(since > 0, cube["flags"].shape)


def _read(intensity: xr.DataArray, wanted: NDArray[np.bool_]) -> Spectra:
    """Read chosen spectra, some rasters at a time: an observation may be larger than memory."""
    length = max(1, AT_ONCE // max(1, int(np.prod(wanted.shape[1:]))))
    parts = [np.zeros((0, POINTS), np.float32)]
    for start in range(0, len(wanted), length):
        chosen = wanted[start : start + length]
        if chosen.any():
            parts.append(intensity.isel(time=slice(start, start + length)).values[chosen])
    return np.concatenate(parts)
