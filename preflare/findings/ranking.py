"""Ranking: all spectrograms in the order of their mean scores (Panos et al. 2023, Sect. 8.1)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from preflare.errors import FindingError
from preflare.findings.spectrograms import scored, window

HIGH = 0.9
"""Scores above it count as high."""


def ranked(
    cubes: Mapping[str, xr.Dataset],
    scores: Mapping[str, xr.Dataset],
    *,
    share: float = 0.5,
    number: int = 2,
    high: float = HIGH,
) -> pd.DataFrame:
    """Order all spectrograms by their mean score (Panos et al. 2023, Sect. 8.1).

    Parameters
    ----------
    cubes : mapping of str to Dataset
        Cleaned cubes by the observation's name.
    scores : mapping of str to Dataset
        Of each, ``score`` (time, step, slit): the probability of PF, nan where the spectrum is not
        accepted.
    share : float
        Least share of a spectrogram's spectra that must be accepted for it to have a rank.
    number : int
        Least number of accepted spectra for a rank.
    high : float
        Scores above it are counted as high.

    Returns
    -------
    pandas.DataFrame
        One row a spectrogram: ``rank`` (1 is the highest mean score; missing where there is none),
        ``observation``, ``class`` and ``window`` (see `window`), ``step``, ``pixel``, ``slit_y``
        (arcsec), ``accepted`` and ``spectra`` in all, ``mean score``, ``deviation`` (standard, of
        the scores), ``high share`` of the accepted, ``first`` and ``last`` exposure (UTC) and
        ``reason`` why there is no rank, else empty. Ranks first, then those without by
        observation, step and pixel; equal means are in that order too, so that the order of
        `cubes` makes no difference.

    Raises
    ------
    FindingError
        If there are no cubes, an observation has no scores or those of other spectra, a score is
        no probability, or a setting makes no sense.
    """
    if not cubes:
        raise FindingError("There are no cubes to make spectrograms of: give at least one.")
    if not 0 <= share <= 1 or number < 1:
        raise FindingError(
            f"At least {number} spectra and a share of {share} is no rule for a rank: "
            "give a number from 1 on and a share from 0 to 1."
        )
    table = pd.concat(
        [_of_observation(name, cube, scores, high) for name, cube in cubes.items()],
        ignore_index=True,
    )
    table["reason"] = np.select(
        [
            table["spectra"] == 0,
            table["accepted"] < number,
            table["accepted"] < share * table["spectra"],
        ],
        [
            "no spectra in the window",
            f"fewer than {number} spectra accepted",
            f"less than {share:.0%} accepted",
        ],
        "",
    )
    table["unranked"] = table["reason"] != ""
    keys = ["observation", "step", "pixel"]
    with_rank = table[~table["unranked"]].sort_values(
        ["mean score", *keys], ascending=[False, True, True, True]
    )
    table = pd.concat([with_rank, table[table["unranked"]].sort_values(keys)], ignore_index=True)
    places = pd.Series(np.arange(1, len(table) + 1), dtype="Int64")
    table.insert(0, "rank", places.mask(table["unranked"]))
    return table.drop(columns="unranked")


def counts(table: pd.DataFrame) -> pd.DataFrame:
    """Count the spectrograms of each class: those with a rank, and those without by reason.

    Parameters
    ----------
    table : pandas.DataFrame
        From `ranked`.

    Returns
    -------
    pandas.DataFrame
        One row a class: ``spectrograms``, ``with spectra`` (at least one accepted), ``ranked``,
        a column for each reason, ``spectra`` and ``accepted``.
    """
    classes = table.groupby("class")
    found = pd.DataFrame(
        {
            "spectrograms": classes.size(),
            "with spectra": (table["accepted"] > 0).groupby(table["class"]).sum(),
            "ranked": classes["rank"].count(),
        }
    )
    reasons = table["reason"][table["reason"] != ""]
    for reason in sorted(reasons.unique()):
        found[reason] = (table["reason"] == reason).groupby(table["class"]).sum()
    return found.join(classes[["spectra", "accepted"]].sum())


def highest(table: pd.DataFrame, share: float = 0.02) -> pd.DataFrame:
    """Return the spectrograms of the highest mean scores.

    Parameters
    ----------
    table : pandas.DataFrame
        From `ranked`.
    share : float
        Of those that have a rank; rounded up to a whole spectrogram.

    Raises
    ------
    FindingError
        If there is no such share, or no spectrogram has a rank.
    """
    if not 0 < share <= 1:
        raise FindingError(f"The share {share} is not above 0 and up to 1: give 0.02, for example.")
    number = int(table["rank"].count())
    if not number:
        raise FindingError(
            f"None of {len(table)} spectrograms has a rank: ask for fewer accepted spectra."
        )
    return table.iloc[: int(np.ceil(round(share * number, 9)))]


def _of_observation(
    name: str, cube: xr.Dataset, scores: Mapping[str, xr.Dataset], high: float
) -> pd.DataFrame:
    if name not in scores:
        raise FindingError(f"There are no scores of {name}: give those of every cube.")
    kind, said, inside = window(name, cube)
    keep, score = scored(name, cube, scores[name])
    keep = keep & inside[..., None]
    number = keep.sum(axis=0)
    values = np.where(keep, score, 0).astype(np.float64)
    with np.errstate(invalid="ignore"):  # none of them accepted: nan
        mean = values.sum(axis=0) / number
        away = np.where(keep, values - mean, 0)
        deviation = np.sqrt((away**2).sum(axis=0) / number)
        high_share = (values > high).sum(axis=0) / number
    start = np.where(inside, cube["start"].values, np.datetime64("NaT", "ns"))
    steps, pixels = number.shape
    first, last, spectra = (
        np.repeat(each, pixels)
        for each in (np.fmin.reduce(start), np.fmax.reduce(start), inside.sum(axis=0))
    )
    return pd.DataFrame(
        {
            "observation": name,
            "class": kind,
            "window": said,
            "step": np.repeat(np.arange(steps), pixels),
            "pixel": np.tile(np.arange(pixels), steps),
            "slit_y": np.tile(cube["slit_y"].values, steps),
            "accepted": number.ravel(),
            "spectra": spectra,
            "mean score": mean.ravel(),
            "deviation": deviation.ravel(),
            "high share": high_share.ravel(),
            "first": first,
            "last": last,
        }
    )
