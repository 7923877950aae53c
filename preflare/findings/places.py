"""What a product says of chosen spectra, found by their places in the cubes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from preflare.errors import FindingError
from preflare.findings.resampling import Numbers, observations


def at_places(
    product: Mapping[str, xr.Dataset],
    variable: str,
    groups: ArrayLike | pd.Categorical,
    place: NDArray[np.integer],
) -> Numbers:
    """Pick what a product says of some spectra.

    Parameters
    ----------
    product : mapping of str to Dataset
        By the observation's name, such as `Study.scores` or `Study.attributions`.
    variable : str
        Of dimensions (time, step, slit) or (time, step, slit, wavelength).
    groups : array_like or Categorical, shape (n,)
        Which observation each spectrum is of.
    place : ndarray of int, shape (n, 3)
        Raster, step and slit pixel of each, as in `preflare.labelled.LabelledSpectra`.

    Returns
    -------
    ndarray, shape (n,) or (n, 240)

    Raises
    ------
    FindingError
        If an observation is not in the product, or the product says nothing of a spectrum.
    """
    codes, names = observations(groups, len(place))
    parts = {}
    for code, name in enumerate(names):
        if name not in product:
            raise FindingError(f"The product holds nothing of {name}: give that of every cube.")
        own = np.flatnonzero(codes == code)
        at = zip(("time", "step", "slit"), np.asarray(place)[own].T, strict=True)
        picked = product[name][variable].isel({dim: xr.DataArray(i, dims="n") for dim, i in at})
        parts[name] = own, np.asarray(picked.transpose("n", ...).values, np.float64)
        unknown = int((~np.isfinite(parts[name][1]).reshape(len(own), -1).all(axis=1)).sum())
        if unknown:
            raise FindingError(
                f"The {variable} of {unknown} of the {len(own)} spectra of {name} is not known: "
                "give accepted spectra."
            )
    width = next(iter(parts.values()))[1].shape[1:]
    found = np.empty((len(place), *width))
    for own, values in parts.values():
        found[own] = values
    return found
