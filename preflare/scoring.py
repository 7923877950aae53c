"""Score one observation from its rasters: clean, flag, score, explain; and sum up in a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from preflare.cleaning import clean_observation
from preflare.domain_shift import Reference
from preflare.explainer import SAMPLES, Explainer
from preflare.level2 import Raster
from preflare.quietsun import QuietSun
from preflare.rules import PAPER_RULES, Rule

CALLED = 0.5
"""Score from which on a spectrum is called PF."""


def scored(
    rasters: Sequence[Raster],
    explainer: Explainer,
    quiet_sun: QuietSun,
    *,
    reject: Rule = PAPER_RULES,
    onset: str | None = None,
    samples: int = SAMPLES,
) -> xr.Dataset:
    """Clean, score and explain every spectrum of an observation.

    Parameters
    ----------
    rasters : sequence of Raster
        Of one observation.
    explainer : Explainer
        What scores and explains.
    quiet_sun : QuietSun
        What flags the quiet Sun.
    reject : Rule
        Rules whose spectra are not scored.
    onset : str, optional
        UTC start of the flare.
    samples : int
        See `Explainer.attributions`.

    Returns
    -------
    xarray.Dataset
        Lazy: the cleaned cube with the variables of `Explainer.scores` and
        `Explainer.attributions`.

    Raises
    ------
    CleaningError
        If the rasters cannot be cleaned.
    """
    cube = quiet_sun.flag(clean_observation(rasters, reject=reject, onset=onset))
    found = explainer.attributions(cube, samples=samples)
    merged = cube.assign(explainer.scores(cube).data_vars).assign(found.data_vars)
    merged.attrs |= {name: found.attrs[name] for name in ("expected_logit", "samples", "seed")}
    return merged.chunk(found.chunksizes)


def by_exposure(cube: xr.Dataset) -> pd.DataFrame:
    """Sum up what `scored` found, one row an exposure.

    Parameters
    ----------
    cube : xarray.Dataset
        As from `scored`.

    Returns
    -------
    pandas.DataFrame
        ``raster`` and ``step`` from 0; ``start`` (UTC); ``t_onset`` (s, nan if unknown); ``x``
        (arcsec); ``spectra`` in all and ``scored`` of them; ``score`` (mean), ``called_pf`` (share
        of the scored that score above 0.5) and ``logit`` (mean); of the spectrum that scores
        highest ``top_score``, ``top_pixel`` along the slit, ``top_y`` (arcsec) and
        ``top_angstrom``, the wavelength that adds most to its PF logit. nan, and no pixel, where
        nothing is scored.
    """
    exposures = [values.ravel() for values in np.indices(cube["t_onset"].shape)]
    score = cube["score"].values.reshape(len(exposures[0]), -1)
    known = np.isfinite(score)
    any_known, count = known.any(axis=1), known.sum(axis=1)
    top = np.where(known, score, -1.0).argmax(axis=1)
    at = dict(zip(("time", "step", "slit"), (*exposures, top), strict=True))
    best = cube.isel({name: xr.DataArray(places, dims="n") for name, places in at.items()})
    most = np.nan_to_num(best["attribution"].values, nan=-np.inf).argmax(axis=1)
    table = pd.DataFrame(
        {
            "raster": exposures[0],
            "step": exposures[1],
            "start": best["start"].values,
            "t_onset": best["t_onset"].values,
            "x": best["x"].values,
            "spectra": score.shape[1],
            "scored": count,
            "score": _mean(score, known),
            "called_pf": _mean(score > CALLED, known),
            "logit": _mean(cube["logit"].values.reshape(score.shape), known),
            "top_score": best["score"].values,
            "top_pixel": pd.array(top, "Int64"),
            "top_y": (best["y"] + best["slit_y"]).values,
            "top_angstrom": cube["wavelength"].values[most],
        }
    )
    table.loc[~any_known, ["top_pixel", "top_y", "top_angstrom"]] = pd.NA
    return table


def shift_of(cube: xr.Dataset, explainer: Explainer) -> str:
    """Say in one sentence how unlike the training spectra those are that were scored.

    Parameters
    ----------
    cube : xarray.Dataset
        As from `scored`.
    explainer : Explainer
        What scored them.
    """
    known = np.isfinite(cube["score"].values)
    if not known.any():
        return "Domain shift: no spectrum was accepted that could tell."
    reference = Reference.of(explainer.baselines, explainer.observation)
    names = [cube.attrs["observation_id"]] * int(known.sum())
    return reference.shift(cube["intensity"].values[known], names).sentence


def _mean(values: NDArray[Any], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the mean of each row's known values; nan where there is none."""
    total = np.where(known, values, 0.0).sum(axis=1, dtype=np.float64)
    count = known.sum(axis=1)
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
