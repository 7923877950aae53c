"""Labelled spectra: what networks learn from, with the observation that each comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from preflare.arrays import stored_arrays
from preflare.errors import StudyError
from preflare.rules import Rule, accepted

MARGIN = 60.0
"""s before the onset in which spectra are not taken, as in the published code."""


@dataclass(frozen=True, eq=False)
class LabelledSpectra:
    """Spectra of many observations, the spectrum first in every array.

    Attributes
    ----------
    spectra : ndarray of float32, (n, 240)
        Normalised profiles.
    peak : ndarray of float32, (n,)
        What each was divided by, in DN/s.
    observation : pandas.Categorical, (n,)
        Name of the observation, such as ``"PF 14"``.
    place : ndarray of int32, (n, 3)
        Raster, step and slit pixel in the observation's cube.
    t_onset : ndarray of float32, (n,)
        s since the onset, negative; nan for AR.
    metadata : pandas.DataFrame
        How each observation was taken, see `metadata`.
    """

    spectra: NDArray[np.float32]
    peak: NDArray[np.float32]
    observation: pd.Categorical[str]
    place: NDArray[np.int32]
    t_onset: NDArray[np.float32]
    metadata: pd.DataFrame

    @classmethod
    def drawn(
        cls, cubes: Mapping[str, xr.Dataset], at_most: int | None, seed: int
    ) -> LabelledSpectra:
        """Draw accepted spectra from cubes; of PF observations, those before the onset.

        A PF observation is one whose onset is known.

        Parameters
        ----------
        cubes : mapping of str to Dataset
            By the observation's name.
        at_most : int or None
            Spectra of an observation, so that none outweighs the others; None for all.
        seed : int
            Of the draw where there are more.
        """
        parts: dict[str, list[NDArray[Any]]] = {
            "spectra": [],
            "peak": [],
            "place": [],
            "t_onset": [],
        }
        codes = []
        for code, cube in enumerate(cubes.values()):
            t_onset = np.broadcast_to(cube["t_onset"].values[..., None], cube["flags"].shape)
            kept = accepted(cube) & ~(t_onset >= -MARGIN)
            place = np.argwhere(kept).astype(np.int32)
            if at_most is not None and len(place) > at_most:
                rng = np.random.default_rng([seed, code])
                place = place[np.sort(rng.choice(len(place), at_most, replace=False))]
            at = tuple(place.T)
            parts["place"].append(place)
            parts["peak"].append(cube["peak"].values[at])
            parts["t_onset"].append(t_onset[at].astype(np.float32))
            parts["spectra"].append(_picked(cube["intensity"], place))
            codes.append(np.full(len(place), code))
        observation = pd.Categorical.from_codes(np.concatenate(codes), pd.Index(list(cubes)))
        return cls(
            observation=observation,
            metadata=pd.DataFrame({name: metadata(cube) for name, cube in cubes.items()}).T,
            **{name: np.concatenate(arrays) for name, arrays in parts.items()},
        )

    def __len__(self) -> int:
        return len(self.spectra)

    @property
    def classes(self) -> dict[str, int]:
        """Class of each observation that there are spectra of: 1 for PF and 0 for AR."""
        codes, first = np.unique(self.observation.codes, return_index=True)
        names = self.observation.categories[codes]
        return dict(zip(names, self.labels[first].tolist(), strict=True))

    @property
    def labels(self) -> NDArray[np.int8]:
        """Class of each spectrum, (n,): 1 for PF and 0 for AR."""
        return np.asarray(np.isfinite(self.t_onset), np.int8)

    def save(self, path: Path) -> None:
        """Store everything in one npz file."""
        with path.open("wb") as file:
            np.savez(
                file,
                spectra=self.spectra,
                peak=self.peak,
                codes=self.observation.codes,
                names=np.array(self.observation.categories, str),
                place=self.place,
                t_onset=self.t_onset,
                metadata=self.metadata.to_numpy(),
            )

    @classmethod
    def load(cls, path: Path) -> LabelledSpectra:
        """Read what `save` stored.

        Raises
        ------
        StudyError
            If there is no such thing.
        """
        cure = "remove it, and it is made anew"
        with stored_arrays(path, StudyError, "labelled spectra", cure) as stored:
            return cls(
                spectra=stored["spectra"],
                peak=stored["peak"],
                observation=pd.Categorical.from_codes(stored["codes"], pd.Index(stored["names"])),
                place=stored["place"],
                t_onset=stored["t_onset"],
                metadata=pd.DataFrame(
                    stored["metadata"], pd.Index(stored["names"]), list(METADATA)
                ),
            )


METADATA = ("exposure", "cadence", "noise", "missing", "peak")


def metadata(cube: xr.Dataset) -> dict[str, float]:
    """Describe how an observation was taken, without a look at the shape of its spectra.

    Parameters
    ----------
    cube : xarray.Dataset
        As from `preflare.clean`. Exposures from the onset on are left out.

    Returns
    -------
    dict
        ``exposure`` (s, median), ``cadence`` (s from one raster to the next, median; of a single
        raster, how long it took), ``noise`` (relative, of the mean peak, as photon counts have
        it), ``missing`` (share of the spectra, plus one in a thousand, so that its logarithm
        exists) and ``peak`` (DN/s, mean where it is known); nan where there is nothing to tell.
    """
    # Steps that a raster cut short lacks have no time: they are as late as the one before.
    before = ~np.logical_or.accumulate(cube["t_onset"].values >= 0, axis=1)
    flags, peaks = cube["flags"].values[before], cube["peak"].values[before]
    missing = (flags & Rule.MISSING) > 0
    peak = _mean(peaks[~missing & np.isfinite(peaks) & (peaks > 0)])
    exposures = cube["exposure"].values[before]
    exposure = _median(exposures[exposures > 0])
    values = (
        exposure,
        _cadence(cube["start"].values, before, exposure),
        (peak * exposure) ** -0.5,
        _mean(missing) + 1e-3,
        peak,
    )
    return dict(zip(METADATA, values, strict=True))


def _cadence(starts: NDArray[np.datetime64], before: NDArray[np.bool_], exposure: float) -> float:
    rasters = starts[before[:, 0], 0]
    if rasters.size > 1:
        return _median(np.diff(rasters) / np.timedelta64(1, "s"))
    exposures = starts[before & ~np.isnat(starts)]
    if not exposures.size:
        return np.nan
    return float((exposures[-1] - exposures[0]) / np.timedelta64(1, "s")) + exposure


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if values.size else np.nan


def _median(values: NDArray[Any]) -> float:
    return float(np.median(values)) if values.size else np.nan


def _picked(intensity: xr.DataArray, place: NDArray[np.int32]) -> NDArray[np.float32]:
    """Read chosen spectra, some rasters at a time: an observation may be larger than memory."""
    parts = []
    length = max(1, 200_000 // max(1, int(np.prod(intensity.shape[1:3]))))
    for first in range(0, intensity.sizes["time"], length):
        inside = (place[:, 0] >= first) & (place[:, 0] < first + length)
        if inside.any():
            block = intensity.isel(time=slice(first, first + length)).values
            parts.append(block[place[inside, 0] - first, place[inside, 1], place[inside, 2]])
    return np.concatenate(parts) if parts else np.zeros((0, intensity.shape[-1]), np.float32)
