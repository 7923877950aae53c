"""Spectrograms: what one pixel of the slit sees, spectrum after spectrum, until the onset.

Panos et al. (2023, Sect. 8.1) put their spectra together in time, slit pixel by slit pixel and
step by step. `preflare.findings.ranking` puts all of them in order; here is a single one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from preflare.errors import FindingError
from preflare.rules import accepted

Numbers = NDArray[np.float64]
Marks = NDArray[np.bool_]

DURATION = 25 * 60.0
"""s that a spectrogram lasts at most, as in the paper."""
SPECTRA = ("time", "step", "slit")

BEFORE_ONSET, FIRST, ALL = "25 min before the onset", "first 25 min", "all, the onset is unknown"
Class = Literal["PF", "AR", "unknown"]


def window(name: str, cube: xr.Dataset) -> tuple[Class, str, Marks]:
    """Tell which exposures of an observation its spectrograms are made of.

    Parameters
    ----------
    name : str
        Of the observation: ``"PF 14"`` or ``"AR 3"``; any other has a class only by its onset.
    cube : xarray.Dataset
        As from `preflare.clean`.

    Returns
    -------
    kind : {"PF", "AR", "unknown"}
        By the name; else PF where the onset of a flare is known.
    said : str
        The 25 min before the onset; of AR the 25 min from the first exposure on; all exposures
        where the onset of a PF observation or the class is unknown.
    inside : ndarray of bool, shape (time, step)
        Exposures in that window. A step that a raster lacks is not in it.

    Raises
    ------
    FindingError
        If an observation that is called AR has an onset.
    """
    t_onset, start = cube["t_onset"].values, cube["start"].values
    called = name.split(" ")[0]
    if np.isfinite(t_onset).any():
        if called == "AR":
            raise FindingError(
                f"{name} is called AR and has the onset of a flare: clean it without one, or "
                "call it PF."
            )
        return "PF", BEFORE_ONSET, (t_onset >= -DURATION) & (t_onset < 0)
    there = ~np.isnat(start)
    if called == "AR":
        if there.any():
            there &= start - start[there].min() < np.timedelta64(round(DURATION * 1e9), "ns")
        return "AR", FIRST, there
    return "PF" if called == "PF" else "unknown", ALL, there


@dataclass(frozen=True, eq=False)
class Spectrogram:
    """One spectrogram with its scores and attributions.

    Attributes
    ----------
    name, kind : str
        Of the observation, and its class.
    step, pixel : int
        Which one of the observation.
    slit_y : float
        arcsec along the slit.
    raster : ndarray of int, shape (n,)
        Numbers of the rasters in the cube, without a gap.
    time : ndarray, shape (n,)
        s since the onset, negative, or since the first exposure where no onset is known; nan where
        the raster lacks the step.
    onset_known : bool
    wavelength : ndarray, shape (240,)
        Å.
    spectra, attribution : ndarray of float32, shape (n, 240)
        nan where the spectrum is not accepted.
    score : ndarray of float32, shape (n,)
    accepted : ndarray of bool, shape (n,)
    """

    name: str
    kind: Class
    step: int
    pixel: int
    slit_y: float
    raster: NDArray[np.intp]
    time: Numbers
    onset_known: bool
    wavelength: Numbers
    spectra: NDArray[np.float32]
    attribution: NDArray[np.float32]
    score: NDArray[np.float32]
    accepted: Marks

    def __len__(self) -> int:
        return len(self.raster)

    @property
    def cadence(self) -> float:
        """Seconds from one raster to the next, median; nan if fewer than two have a time."""
        known = np.isfinite(self.time)
        steps = np.diff(self.time[known]) / np.diff(self.raster[known])
        return float(np.median(steps)) if steps.size else np.nan


def spectrogram(
    name: str,
    cube: xr.Dataset,
    scores: xr.Dataset,
    attributions: xr.Dataset,
    step: int,
    pixel: int,
) -> Spectrogram:
    """Put together what one slit pixel sees at one step, as Fig. 12 of the paper shows it.

    Parameters
    ----------
    name : str
        Of the observation.
    cube, scores, attributions : xarray.Dataset
        Its cube, ``score`` (time, step, slit), and ``attribution`` (time, step, slit, wavelength).
    step, pixel : int
        Raster step and slit pixel, from 0.

    Raises
    ------
    FindingError
        If there is no such step or pixel, no exposure of it in the window, or what is given does
        not fit together.
    """
    for axis, number in (("step", step), ("slit", pixel)):
        if not 0 <= number < cube.sizes[axis]:
            raise FindingError(f"{name} has no {axis} {number}: give 0 to {cube.sizes[axis] - 1}.")
    kind, said, inside = window(name, cube)
    exposures = np.flatnonzero(inside[:, step])
    if not exposures.size:
        raise FindingError(f"{name} has no exposure of step {step} in its window ({said}).")
    raster = np.arange(exposures[0], exposures[-1] + 1)
    place = {"time": raster, "step": [step], "slit": [pixel]}
    part = cube.isel(place)
    keep, score = scored(name, part, scores.isel(place))
    keep, score = keep[:, 0, 0], score[:, 0, 0]
    values = _of_wavelength(attributions["attribution"].isel(place))
    if not np.isfinite(values[keep]).all():
        raise FindingError(
            f"The attributions of {name} are not finite where spectra are accepted: "
            "give those of this cube."
        )
    t_onset, start = part["t_onset"].values[:, 0], part["start"].values[:, 0]
    onset_known = bool(np.isfinite(t_onset).any())
    since_first = (start - start[0]) / np.timedelta64(1, "s")
    return Spectrogram(
        name=name,
        kind=kind,
        step=step,
        pixel=pixel,
        slit_y=float(cube["slit_y"].values[pixel]),
        raster=raster,
        time=np.asarray(t_onset if onset_known else since_first, np.float64),
        onset_known=onset_known,
        wavelength=np.asarray(cube["wavelength"].values, np.float64),
        spectra=_only(keep, _of_wavelength(part["intensity"])),
        attribution=_only(keep, values),
        score=score,
        accepted=keep,
    )


def _of_wavelength(values: xr.DataArray) -> NDArray[Any]:
    """Return the values (n, 240) of a single pixel and step."""
    return values.transpose(*SPECTRA, "wavelength").values[:, 0, 0]


def _only(keep: Marks, values: NDArray[Any]) -> NDArray[np.float32]:
    return np.where(keep[:, None], values, np.nan).astype(np.float32)


def scored(name: str, cube: xr.Dataset, scores: xr.Dataset) -> tuple[Marks, NDArray[np.float32]]:
    """Return which spectra are accepted, and their scores, (time, step, slit)."""
    keep = accepted(cube)
    score = scores["score"].transpose(*SPECTRA).values
    if score.shape != keep.shape:
        raise FindingError(
            f"The scores of {name} have the shape {score.shape} and its cube {keep.shape}: "
            "give the scores of this cube."
        )
    other = int((np.isfinite(score) != keep).sum())
    if other:
        raise FindingError(
            f"The scores of {name} are known where spectra are not accepted, or the other way "
            f"round, in {other} of {keep.size} places: give the scores of this cube."
        )
    if ((score[keep] < 0) | (score[keep] > 1)).any():
        raise FindingError(
            f"The scores of {name} go from {score[keep].min():g} to {score[keep].max():g}: "
            "give probabilities, from 0 to 1."
        )
    return keep, np.asarray(score, np.float32)
