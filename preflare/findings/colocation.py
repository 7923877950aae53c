"""Co-location: do attributions before a flare lie where the flare will be brightest?

Panos et al. (2023, Sect. 8.2) find so in 105 of 135 slits, by eye. Here every word of that is a
setting, and each slit that cannot be judged has a reason. How often other predictors and chance
are right on the same slits is in `preflare.findings.aligned`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from preflare.errors import FindingError
from preflare.findings.resampling import whole_number
from preflare.findings.slits import (
    Measure,
    Numbers,
    Reduction,
    SlitMap,
    check_choice,
    reduced,
    slit_maps,
)

TOLERANCE = 5.0
"""arcsec. The paper gives none; this is the size of a large brightening."""
FEWEST = 5
"""Pixels with data. With fewer a slit has hardly a place to choose."""
ROUNDING = 1e-6
"""arcsec by which a distance may exceed the tolerance."""

COLUMNS = (
    "observation", "step", "steps", "attention_y", "emission_y", "distance", "aligned", "chance",
    "score_y", "brightest_y", "precursor_y", "middle_y", "length", "pixels", "spectra_before",
    "spectra_after", "reason",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Colocation:
    """Where attention and emission are greatest on each slit.

    Attributes
    ----------
    slits : pandas.DataFrame
        One row a slit, by observation and step; the columns are those of `table` that do not
        depend on the tolerance.
    candidates : tuple of ndarray, each of shape (pixels,)
        arcsec; the pixels with data of each slit.
    """

    slits: pd.DataFrame
    candidates: tuple[Numbers, ...]

    @classmethod
    def of(
        cls,
        cubes: Mapping[str, xr.Dataset],
        scores: Mapping[str, xr.Dataset],
        attributions: Mapping[str, xr.Dataset],
        truth: Mapping[str, xr.Dataset] | None = None,
        *,
        over_time: Reduction = "mean",
        emission: Reduction = "max",
        measure: Measure = "peak",
        before: tuple[float, float] = (-np.inf, 0.0),
        after: tuple[float, float] = (0.0, np.inf),
        fewest: int = FEWEST,
    ) -> Colocation:
        """Find both places on every slit of some observations.

        Parameters
        ----------
        cubes : mapping of str to Dataset
            PF observations by their names, as from `Study.cubes`.
        scores, attributions : mapping of str to Dataset
            As from `Study.scores` and `Study.attributions`. They may hold more observations.
        truth : mapping of str to Dataset, optional
            As from `Study.truth`, which only a twin has: tells where precursors really were.
        over_time : {"mean", "max"}
            What becomes of a pixel's exposures before the onset. The mean weighs all of them
            alike. The maximum hangs on one spectrum, and favours pixels of which more are known.
        emission : {"max", "mean"}
            What becomes of them after the onset. A ribbon passes: the maximum is where it was
            brightest, the mean where it stayed.
        measure : {"peak", "window"}
            That of `preflare.findings.slits.emission`.
        before, after : tuple of float
            s since the onset, from the first to just before the second. Networks learn from
            spectra up to `preflare.labelled.MARGIN` before the onset.
        fewest : int
            Pixels with data that a slit needs.

        Raises
        ------
        FindingError
            If there is no observation, one has no scores, attributions or truth, sizes differ, or
            a setting is wrong.

        Notes
        -----
        Of adjoining pixels that share a maximum the middle one is taken, of two the first. Places
        are on the slit, not on the Sun: a drift of the pointing along the slit counts as distance.
        """
        check_choice("reduction", over_time, ("mean", "max"))
        check_choice("reduction", emission, ("mean", "max"))
        _check_windows(before, after)
        fewest = whole_number("fewest pixels", fewest, 1)
        known = {} if truth is None else {"truth": truth}
        _check_names(cubes, scores=scores, attributions=attributions, **known)
        rows, candidates = [], []
        for name in sorted(cubes, key=_by_number):
            events = None if truth is None else truth[name]
            maps = slit_maps(cubes[name], scores[name], attributions[name], events, measure)
            for step, seen in enumerate(maps):
                row, pixels = _places(
                    seen,
                    _inside(seen.time, before) & seen.onset_known,
                    _inside(seen.time, after) & seen.onset_known,
                    over_time,
                    emission,
                    fewest,
                )
                rows.append({"observation": name, "step": step, "steps": len(maps)} | row)
                candidates.append(pixels)
        return cls(pd.DataFrame(rows), tuple(candidates))

    def table(self, tolerance: float = TOLERANCE) -> pd.DataFrame:
        """Say of each slit whether attention and emission are aligned.

        Parameters
        ----------
        tolerance : float
            arcsec.

        Returns
        -------
        pandas.DataFrame
            One row a slit, by observation and step:

            - ``observation``, ``step``, and ``steps``, how many the observation has
            - ``attention_y``, ``emission_y``: arcsec along the slit, where the mean attribution
              before the onset is greatest, and the emission after it
            - ``distance``: arcsec from the one to the other
            - ``aligned``: whether that is within the tolerance; missing if not judged
            - ``chance``: share of the pixels with data that are within it
            - ``score_y``, ``brightest_y``: arcsec, where the score and the emission before the
              onset are greatest; nan where that is no single place
            - ``precursor_y``: arcsec, where events replace the greatest share of the light before
              the onset, by the truth; nan if that is not given, or no single place
            - ``middle_y``, ``length``: arcsec, of the whole slit
            - ``pixels``: those with data, which have attributions, scores and emission before the
              onset; the places before the onset are sought among them
            - ``spectra_before``, ``spectra_after``: with attributions before the onset, and with
              emission after it
            - ``reason``: why the slit cannot be judged; empty where it can

        Raises
        ------
        FindingError
            If the tolerance is no number from 0 on.
        """
        if not tolerance >= 0:
            raise FindingError(f"The tolerance is {tolerance}: give arcsec from 0 on.")
        table, judged = self.slits.copy(), self.slits["reason"] == ""
        table["distance"] = (table["attention_y"] - table["emission_y"]).abs().where(judged)
        aligned = within(table["distance"].to_numpy(), tolerance)
        table["aligned"] = pd.Series(aligned, table.index, "boolean").where(judged)
        chance = [float(near.mean()) if near.size else np.nan for near in self.near(tolerance)]
        table["chance"] = pd.Series(chance, table.index).where(judged)
        return table[list(COLUMNS)]

    def near(self, tolerance: float) -> list[NDArray[np.bool_]]:
        """Say of each slit's candidates which are within a tolerance (arcsec) of the emission."""
        places = zip(self.candidates, self.slits["emission_y"], strict=True)
        return [within(pixels - emission, tolerance) for pixels, emission in places]


def within(distance: Numbers, tolerance: float) -> NDArray[np.bool_]:
    """Say which distances (arcsec) are within a tolerance (arcsec); nan is not."""
    return np.asarray(np.abs(distance) <= tolerance + ROUNDING)


def _inside(time: Numbers, window: tuple[float, float]) -> NDArray[np.bool_]:
    return (time >= window[0]) & (time < window[1])


def _places(
    seen: SlitMap,
    before: NDArray[np.bool_],
    after: NDArray[np.bool_],
    over_time: Reduction,
    emission: Reduction,
    fewest: int,
) -> tuple[dict[str, object], Numbers]:
    """Return a slit's row, and its pixels with data."""
    maps = np.stack([seen.attention, seen.score, seen.emission, seen.share])
    profiles = reduced(np.moveaxis(maps[:, before], 1, -1), over_time)
    data = np.isfinite(profiles[:3]).all(axis=0)
    attention, score, brightness, share = np.where(data, profiles, np.nan)
    later = reduced(seen.emission[after].T, emission)
    attention_y, attention_fault = _summit(seen.y, attention)
    emission_y, emission_fault = _summit(seen.y, later)
    faults = {
        "no exposure has a time": not seen.time.size,
        "no onset is known": not seen.onset_known,
        "no exposure before the onset": not before.any(),
        "no exposure after the onset": not after.any(),
        "no spectrum explained before the onset": not np.isfinite(profiles[0]).any(),
        f"fewer than {fewest} pixels with data": data.sum() < fewest,
        "no emission known after the onset": not np.isfinite(later).any(),
        f"the attention {attention_fault}": attention_fault,
        f"the emission {emission_fault}": emission_fault,
    }
    row: dict[str, object] = {
        "attention_y": attention_y,
        "emission_y": emission_y,
        "score_y": _summit(seen.y, score)[0],
        "brightest_y": _summit(seen.y, brightness)[0],
        "precursor_y": _summit(seen.y, share)[0],
        "middle_y": (seen.y[0] + seen.y[-1]) / 2,
        "length": seen.y[-1] - seen.y[0],
        "pixels": int(data.sum()),
        "spectra_before": int(np.isfinite(seen.attention[before]).sum()),
        "spectra_after": int(np.isfinite(seen.emission[after]).sum()),
        "reason": next((reason for reason, found in faults.items() if found), ""),
    }
    return row, seen.y[data]


def _summit(y: Numbers, values: Numbers) -> tuple[float, str]:
    """Return where values are greatest, and else (nan) what is wrong with them."""
    known = np.flatnonzero(np.isfinite(values))
    if not known.size:
        return np.nan, "is unknown"
    highest = np.flatnonzero(values[known] == values[known].max())
    if highest.size == known.size:
        return np.nan, "is the same in all pixels"
    if (np.diff(highest) > 1).any():
        return np.nan, "has several maxima"
    return float(y[known[highest[(highest.size - 1) // 2]]]), ""


def _by_number(name: str) -> list[int | str]:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def _check_windows(before: tuple[float, float], after: tuple[float, float]) -> None:
    if not before[0] < before[1] <= 0 <= after[0] < after[1]:
        raise FindingError(
            f"The windows are {before} and {after} s: give one that ends by the onset, 0, and one "
            "that begins there or later."
        )


def _check_names(cubes: Mapping[str, xr.Dataset], **others: Mapping[str, xr.Dataset]) -> None:
    if not cubes:
        raise FindingError("There are no observations to look at: give one at least.")
    for what, other in others.items():
        lacking = [name for name in cubes if name not in other]
        if lacking:
            raise FindingError(f"{lacking[0]} has no {what}: give those of every observation.")
