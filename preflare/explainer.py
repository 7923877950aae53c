"""A swarm with what it takes to explain: scores and attributions for every spectrum of a cube."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from preflare.cubes import DIMENSIONS
from preflare.errors import ExplanationError
from preflare.explain.draws import by_likeness
from preflare.explain.outputs import Differentiable, differentiable
from preflare.explain.ready import Member, prepared, summed_up
from preflare.network_inputs import checked_spectra
from preflare.rules import accepted
from preflare.spectrum import POINTS
from preflare.swarm import Swarm
from preflare.weights import read_weights, write_weights

Spectra = NDArray[np.float32]

SAMPLES = 128
"""Draws for each spectrum and member. Spread, they err about as 500 independent ones do."""
BLOCKS = 8
"""Parts of a cube, at least, so that several cores have work."""
MOST = 4096
"""Spectra of a part, at most, which bounds the memory."""
MOST_SCORES = 2**20
"""Spectra whose scores are stored together, at most."""


@dataclass(frozen=True, eq=False)
class Explainer:
    """Networks, and the spectra that they compare with.

    Attributes
    ----------
    swarm : Swarm
        Networks that learned.
    baselines : ndarray of float32, (m, 240)
        Normalised profiles, as many of each class.
    observation : ndarray of str, (m,)
        Where each comes from.

    Raises
    ------
    ExplanationError
        If there is no network or no baseline, or the observations are not theirs.
    """

    swarm: Swarm
    baselines: Spectra
    observation: NDArray[np.str_]

    def __post_init__(self) -> None:
        if not len(self.swarm):
            raise ExplanationError("No network has learned anything: train with other settings.")
        if not np.size(self.baselines):
            raise ExplanationError("There is no baseline to compare with: give one or more.")
        baselines = checked_spectra(self.baselines, name="baselines")
        if np.shape(self.observation) != (len(baselines),):
            raise ExplanationError(
                f"Observations have the shape {np.shape(self.observation)}: "
                f"name that of each of {len(baselines)} baselines."
            )
        object.__setattr__(self, "baselines", baselines)
        object.__setattr__(self, "observation", np.asarray(self.observation, str))

    @classmethod
    def of(cls, swarm: Swarm, baselines: ArrayLike, observation: ArrayLike) -> Explainer:
        """Take the members of a swarm that learned: neither dead nor diverged.

        Parameters
        ----------
        swarm : Swarm
        baselines : array, (m, 240)
            Such as the balanced spectra that it was trained on.
        observation : array of str, (m,)
            Where each comes from.
        """
        learned = swarm.report()["condition"].isin(["trained", "abandoned"]).to_numpy()
        return cls(
            swarm.some(np.flatnonzero(learned)),
            np.asarray(baselines, np.float32),
            np.asarray(observation, str),
        )

    def scores(self, cube: xr.Dataset) -> xr.Dataset:
        """Score every accepted spectrum of a cube.

        Parameters
        ----------
        cube : xarray.Dataset
            As from `preflare.clean`.

        Returns
        -------
        xarray.Dataset
            Lazy, with dimensions (time, step, slit) and the cube's coordinates:

            - ``score`` float32, mean over members of the probability of PF
            - ``spread`` float32, its standard deviation over members
            - ``logit`` float32, mean over members of the PF logit

            nan where the spectrum is not accepted, or lacks a pixel.
        """
        logits = differentiable(self.swarm, "logit", None, "cpu")
        log_odds = differentiable(self.swarm, "log-odds", None, "cpu")
        found = self._mapped(cube, partial(_scored, logits, log_odds), 3)
        found = found.rechunk((*_parts(found.shape[:3], MOST_SCORES), -1))
        result = xr.Dataset(coords=_coordinates(cube), attrs=_origin(cube))
        for place, (name, unit, meaning) in enumerate(
            (
                ("score", "1", "probability of PF, mean over members"),
                ("spread", "1", "standard deviation of the probability over members"),
                ("logit", "1", "PF logit, mean over members"),
            )
        ):
            attributes = {"units": unit, "long_name": meaning}
            result[name] = (DIMENSIONS[:3], found[..., place], attributes)
        return result

    def attributions(
        self, cube: xr.Dataset, *, samples: int = SAMPLES, seed: int = 0
    ) -> xr.Dataset:
        """Explain every accepted spectrum of a cube by expected gradients.

        Parameters
        ----------
        cube : xarray.Dataset
            As from `preflare.clean`.
        samples : int
            Draws for each spectrum and member.
        seed : int
            Every draw follows from it.

        Returns
        -------
        xarray.Dataset
            Lazy, with the cube's dimensions and coordinates. ``attribution`` float32: what each
            wavelength adds to the PF logit, mean over members, compared with the baselines (Panos
            et al. 2023, Eqs. 2, C.2); nan where the spectrum is not accepted, or lacks a pixel.
            The attribute ``expected_logit`` is the mean PF logit over members and baselines: the
            sum over wavelengths is ``logit`` of `scores` less that.
        """
        members = _prepared(self, samples, seed)
        found = self._mapped(cube, partial(_attributed, members), POINTS, samples, seed)
        attributes = {"units": "1", "long_name": "share of the PF logit, mean over members"}
        expected = float(np.mean([member.expected for member in members]))
        return xr.Dataset(
            {"attribution": (DIMENSIONS, found, attributes)},
            _coordinates(cube),
            _origin(cube) | {"expected_logit": expected, "samples": samples, "seed": seed},
        )

    def thinned(self, count: int) -> Explainer:
        """Return the same networks with fewer baselines, that are as various as all.

        Of the baselines in an order in which neighbours are alike, every so many is taken.

        Parameters
        ----------
        count : int
            How many to keep, at most.
        """
        order = by_likeness(self.baselines)
        some = np.sort(order[:: max(1, -(-len(order) // count))])
        return Explainer(self.swarm, self.baselines[some], self.observation[some])

    def save(self, path: str | Path) -> Path:
        """Store weights and baselines in one safetensors file, baselines to 16 bits.

        Raises
        ------
        NetworkError
            If it cannot be written.
        """
        names, codes = np.unique(self.observation, return_inverse=True)
        tensors: dict[str, NDArray[Any]] = {
            "weights": self.swarm.weights,
            "baselines": self.baselines.astype(np.float16),
            "observation": codes.astype(np.int16),
        }
        write_weights(Path(path), tensors, {"observations": names.tolist()})
        return Path(path)

    @classmethod
    def load(cls, path: str | Path) -> Explainer:
        """Read what `save` stored.

        Raises
        ------
        ExplanationError
            If the file holds no baselines.
        NetworkError
            If the file cannot be read, is cut short, or holds no swarm.
        """
        swarm = Swarm.load(path)
        tensors, about = read_weights(Path(path))
        if not {"baselines", "observation"} <= tensors.keys() or "observations" not in about:
            raise ExplanationError(
                f"{path} holds a swarm without the spectra to compare with: "
                "give a file that Explainer.save has written."
            )
        names = np.asarray(about["observations"], str)
        return cls(
            Swarm(swarm.weights),
            tensors["baselines"].astype(np.float32),
            names[tensors["observation"]],
        )

    def _mapped(self, cube: xr.Dataset, function: Any, width: int, *settings: object) -> da.Array:
        """Apply a function of spectra (n, 240), to (n, width), to the accepted ones of a cube."""
        keep = accepted(cube)
        chunks = _parts(keep.shape, min(MOST, keep.size // BLOCKS))
        intensity = cube["intensity"].chunk(dict(zip(DIMENSIONS, (*chunks, POINTS), strict=True)))
        name = hashlib.sha256(repr((str(intensity.data.name), settings)).encode())
        name.update(self.swarm.weights.tobytes() + self.baselines.tobytes())
        return da.map_blocks(
            partial(_where_accepted, function, width, keep),
            intensity.data,
            dtype=np.float32,
            chunks=(*intensity.data.chunks[:3], (width,)),
            name=f"{width}-of-{name.hexdigest()}",
            meta=np.zeros((0, 0, 0, 0), np.float32),
        )


def _parts(shape: tuple[int, ...], most: int) -> tuple[int, int, int]:
    """Part a cube (time, step, slit): some rasters, else some steps, and always the whole slit."""
    _, steps, slit = shape
    rasters = most // max(1, steps * slit)
    return (rasters, steps, slit) if rasters else (1, max(1, most // max(1, slit)), slit)


def _where_accepted(
    function: Any, width: int, keep: NDArray[np.bool_], spectra: Spectra, block_info: Any
) -> Spectra:
    # Not as a second lazy array: dask would then read many blocks before it explains the first.
    here = tuple(slice(*ends) for ends in block_info[0]["array-location"][:3])
    where = keep[here] & np.isfinite(spectra).all(axis=-1)
    result = np.full((*where.shape, width), np.nan, np.float32)
    if where.any():
        result[where] = function(np.ascontiguousarray(spectra[where]))
    return result


def _scored(
    logits: list[Differentiable], log_odds: list[Differentiable], spectra: Spectra
) -> Spectra:
    probability = np.stack([each.outputs(spectra) for each in log_odds])
    with np.errstate(over="ignore"):
        probability = 1.0 / (1.0 + np.exp(-probability, dtype=np.float64))
    logit = np.mean([each.outputs(spectra) for each in logits], axis=0, dtype=np.float64)
    columns = probability.mean(axis=0), probability.std(axis=0), logit
    return np.stack(columns, axis=1).astype(np.float32)


@lru_cache(maxsize=1)
def _prepared(explainer: Explainer, samples: int, seed: int) -> list[Member]:
    """Make members ready once, however many cubes they explain."""
    return prepared(explainer.swarm, explainer.baselines, samples, seed)


def _attributed(members: list[Member], spectra: Spectra) -> Spectra:
    return summed_up(members, spectra).mean.astype(np.float32)


def _coordinates(cube: xr.Dataset) -> Any:
    return cube.coords.to_dataset().load().coords


def _origin(cube: xr.Dataset) -> dict[str, Any]:
    known = ("observation_id", "files")
    return {name: cube.attrs[name] for name in known if name in cube.attrs}
