"""Examples: for each feature the spectrogram of the highest scores that shows it best."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from preflare.errors import FindingError
from preflare.findings.features import FEATURES, feature_strengths
from preflare.findings.spectrograms import Spectrogram, window
from preflare.rules import accepted

LEAST = 2.0
"""Strength from which on a spectrogram shows a feature: some 2 % of normally distributed spectra
have it by chance."""


def spectrogram_strengths(
    cubes: Mapping[str, xr.Dataset], table: pd.DataFrame, typical: pd.DataFrame
) -> pd.DataFrame:
    """Return the mean strength of each feature over a spectrogram's accepted spectra.

    Parameters
    ----------
    cubes : mapping of str to Dataset
        Cleaned cubes by the observation's name.
    table : pandas.DataFrame
        Spectrograms: rows of `preflare.findings.ranking.ranked`.
    typical : pandas.DataFrame
        From `typical_features`.

    Returns
    -------
    pandas.DataFrame
        With the index of `table`, one column a feature; nan where no spectrum is accepted.
    """
    found = pd.DataFrame(np.nan, table.index, list(FEATURES))
    for name, own in table.groupby("observation"):
        cube = cubes[str(name)]
        step, pixel = own["step"].to_numpy(), own["pixel"].to_numpy()
        inside = window(str(name), cube)[2][:, step]
        place = {"step": xr.DataArray(step, dims="n"), "slit": xr.DataArray(pixel, dims="n")}
        keep = accepted(cube)[:, step, pixel] & inside
        if not keep.any():
            continue
        profiles = cube["intensity"].isel(place).transpose("time", "n", "wavelength").values
        strengths = feature_strengths(profiles[keep], typical)
        means = strengths.groupby(np.nonzero(keep)[1]).mean()
        found.loc[own.index[means.index]] = means.to_numpy()
    return found


def best_examples(
    table: pd.DataFrame, strengths: pd.DataFrame, *, least: float = LEAST
) -> pd.DataFrame:
    """Choose for each feature the spectrogram that shows it best.

    Features choose in the order of `FEATURES`. One that finds its best example in an observation
    that an earlier feature took an example from takes the next best of another.

    Parameters
    ----------
    table : pandas.DataFrame
        The spectrograms to choose from, such as
        `preflare.findings.ranking.highest` returns.
    strengths : pandas.DataFrame
        Of each, from `spectrogram_strengths`.
    least : float
        What is weaker does not show the feature.

    Returns
    -------
    pandas.DataFrame
        Index ``feature``. Columns: ``shown by`` (spectrograms that show it), ``observation``,
        ``step``, ``pixel``, ``rank``, ``mean score`` and ``strength`` of the chosen one, missing
        where none shows it, and ``note``: empty, ``"not found"``, or that there is no example
        in an observation of its own.

    Raises
    ------
    FindingError
        If there are no spectrograms, or strengths are those of others.
    """
    if table.empty or not table.index.equals(strengths.index):
        raise FindingError(
            f"There are {len(table)} spectrograms and strengths of {len(strengths)}: give one or "
            "more spectrograms, and what spectrogram_strengths returns for them."
        )
    details = ["observation", "step", "pixel", "rank", "mean score"]
    order = table.sort_values(["observation", "step", "pixel"]).index
    taken: set[str] = set()
    rows = {}
    for feature in FEATURES:
        strength = strengths.loc[order, feature]
        shown = strength[strength >= least].sort_values(ascending=False, kind="stable")
        own = shown[~table.loc[shown.index, "observation"].isin(taken)]
        row: dict[str, object] = {"shown by": len(shown), "note": ""}
        if shown.empty:
            row["note"] = "not found"
        else:
            best = own.index[0] if len(own) else shown.index[0]
            row |= table.loc[best, details].to_dict() | {"strength": float(shown[best])}
            row["note"] = "" if len(own) else "of an observation that is shown already"
            taken.add(str(row["observation"]))
        rows[feature] = row
    columns = ["shown by", *details, "strength", "note"]
    found = pd.DataFrame.from_dict(rows, orient="index").reindex(columns=columns)
    whole = ["step", "pixel", "rank"]
    return found.astype(dict.fromkeys(whole, "Int64")).rename_axis("feature")


def strongest(example: Spectrogram, feature: str, typical: pd.DataFrame) -> int:
    """Return which of a spectrogram's accepted spectra shows a feature most, from 0.

    Parameters
    ----------
    example : Spectrogram
    feature : str
        One of `FEATURES`.
    typical : pandas.DataFrame
        From `typical_features`.

    Raises
    ------
    FindingError
        If there is no such feature, or no spectrum is accepted.
    """
    if feature not in FEATURES:
        raise FindingError(f"There is no feature {feature!r}: choose {' or '.join(FEATURES)}.")
    places = np.flatnonzero(example.accepted)
    if not places.size:
        raise FindingError(
            f"No spectrum of {example.name}, step {example.step}, pixel {example.pixel} is "
            "accepted: choose another spectrogram."
        )
    strengths = feature_strengths(example.spectra[places], typical)[feature]
    return int(places[strengths.to_numpy().argmax()])
