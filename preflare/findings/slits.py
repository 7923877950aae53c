"""Slits: emission and attention along the slit against time.

One slit is one observation and one raster step. Panos et al. (2023, Sect. 8.2, Figs. 14, D.1 and
D.2) lay its emission above its attributions, both as maps of place and time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr
from astropy.table import Table
from astropy.time import Time
from numpy.typing import NDArray

from preflare.errors import FindingError
from preflare.rules import Rule

Numbers = NDArray[np.float64]
Measure = Literal["peak", "window"]
Reduction = Literal["mean", "max"]

SPOILED = Rule.MISSING | Rule.COSMIC_RAY
"""Faults that leave the light of the lines unknown: a part is missing, or the maximum is no
line's."""
GAP = 1.5
"""Times the usual cadence; exposures further apart than this have something missing between."""
SPECTRA = ("time", "step", "slit")


def emission(cube: xr.Dataset, measure: Measure = "peak") -> xr.DataArray:
    """Return how bright each spectrum is.

    The maximum of the profile is the default, since it is known whether a spectrum is accepted or
    not, unless a part of the window is `Rule.MISSING` or the maximum is a `Rule.COSMIC_RAY`. The
    other rules do not concern how much light there is: quiet Sun, line ratio and limb look at the
    shape; a low signal is known to be low; and the most intense spectra of a flare, which are
    overexposed or saturated, were at least as bright as recorded. To leave those out would hide
    the very place that is looked for. Of the twin's spectra (``quick``, PF) the maximum is known
    for 95 %. The light of the whole window is known for the accepted 61 % only.

    Parameters
    ----------
    cube : xarray.Dataset
        As from `preflare.clean`.
    measure : {"peak", "window"}
        The maximum, or the sum over the 240 points, which accepted spectra alone have.

    Returns
    -------
    xarray.DataArray
        (time, step, slit) in DN/s, nan where unknown. Where the file holds infinity, as after
        the detector was clipped, the maximum is the least that it was: the limit of
        `Rule.SATURATED` over the exposure.

    Raises
    ------
    FindingError
        If there is no such measure.
    """
    check_choice("measure of emission", measure, ("peak", "window"))
    peak = cube["peak"].astype(np.float64)
    if measure == "window":
        light = peak * cube["intensity"].sum("wavelength", skipna=False, dtype=np.float64)
    else:
        least = cube.attrs["limits"]["saturated_from"] / cube["exposure"]
        light = peak.where(~np.isposinf(peak), least)
    known = np.isfinite(light) & ((cube["flags"] & int(SPOILED)) == 0)
    return light.where(known).transpose(*SPECTRA)


def attention(attributions: xr.Dataset) -> xr.DataArray:
    """Return the mean attribution of each spectrum over wavelength (Panos et al. 2023, Sect. 8.2).

    Attributions by expected gradients are complete: over wavelength they add up to the PF logit
    less its mean over the baselines. This mean is therefore (logit - constant) / 240. A map of it
    shows what the networks answer, spectrum by spectrum, and nothing of how they came to it.

    Parameters
    ----------
    attributions : xarray.Dataset
        ``attribution`` (time, step, slit, wavelength).

    Returns
    -------
    xarray.DataArray
        (time, step, slit), nan where a spectrum has no attributions.
    """
    means = attributions["attribution"].mean("wavelength", skipna=False, dtype=np.float64)
    return means.transpose(*SPECTRA)


@dataclass(frozen=True, eq=False)
class SlitMap:
    """What is seen along one slit, exposure by exposure.

    Attributes
    ----------
    time : ndarray, shape (t,)
        s since the onset or, where that is unknown, since the first exposure; in order.
    origin : numpy.datetime64
        UTC of time 0; NaT if no exposure has a time.
    onset_known : bool
        Whether time 0 is the onset.
    width : float
        s that one exposure stands for: the median cadence; of a single one its own length.
    y : ndarray, shape (slit,)
        arcsec along the slit.
    emission, attention : ndarray, shape (t, slit)
        As `emission` (DN/s) and `attention` have it; nan where unknown.
    score : ndarray, shape (t, slit)
        Probability of PF, mean over networks; nan where a spectrum has none.
    share : ndarray, shape (t, slit)
        Share of the light that events replace, by the twin's truth; nan throughout without it.
    left_out : dict of str to int
        ``"exposures"`` in all; ``"without time"``, which the arrays lack, as the steps that a
        raster cut short has not; of the others' ``"spectra"``, those of ``"unknown emission"``,
        and those ``"not explained"``.
    """

    time: Numbers
    origin: np.datetime64
    onset_known: bool
    width: float
    y: Numbers
    emission: Numbers
    attention: Numbers
    score: Numbers
    share: Numbers
    left_out: dict[str, int]

    @classmethod
    def of(
        cls,
        cube: xr.Dataset,
        scores: xr.Dataset,
        attributions: xr.Dataset,
        truth: xr.Dataset | None = None,
        *,
        step: int = 0,
        measure: Measure = "peak",
    ) -> SlitMap:
        """Collect what is known of one step of an observation.

        Parameters
        ----------
        cube, scores, attributions : xarray.Dataset
            Of one observation, as from `Study.cube`, `Study.scores` and `Study.attributions`.
        truth : xarray.Dataset, optional
            As from `Study.truth`, which only a twin has.
        step : int
            Slit position, from 0.
        measure : {"peak", "window"}
            That of `emission`.

        Raises
        ------
        FindingError
            If there is no such step, sizes differ, or scores or attributions are infinite.
        """
        steps = cube.sizes["step"]
        if not isinstance(step, int | np.integer) or not 0 <= step < steps:
            raise FindingError(f"There is no step {step!r}: choose one from 0 to {steps - 1}.")
        _check_sizes(cube, scores=scores, attributions=attributions, truth=truth)
        one = {"step": [step]}
        events = None if truth is None else truth.isel(one)
        explained = scores.isel(one), attributions.isel(one)
        return slit_maps(cube.isel(one), *explained, events, measure)[0]

    @property
    def score_curve(self) -> tuple[Numbers, NDArray[np.int64]]:
        """Mean score over the pixels that have one, (t,), and how many have one, (t,)."""
        return reduced(self.score, "mean"), np.isfinite(self.score).sum(axis=1)

    def normalised(self, values: Numbers) -> Numbers:
        """Divide a map by its largest absolute value, before and after the onset apart.

        So the flare does not drown what was before it (Panos et al. 2023, Sect. 8.2). The sign of
        attributions stays.

        Parameters
        ----------
        values : ndarray, shape (t, slit)
            Such as `emission`.

        Returns
        -------
        ndarray, shape (t, slit)
            From -1 to 1; nan where unknown, 0 on a side that is 0 throughout.
        """
        result = np.full(values.shape, np.nan)
        after = self.time >= 0  # all of them where no onset is known
        for side in (~after, after):
            most = np.fmax.reduce(np.abs(values[side]), axis=None, initial=0.0)
            result[side] = values[side] / (most if most > 0 else 1.0)
        return result

    def cells(self, values: Numbers) -> tuple[Numbers, Numbers]:
        """Lay a map out in time, with a gap wherever exposures are missing.

        An exposure reaches half-way to its neighbours, to the onset at most, so that none spills
        over to the other side. Neighbours further off than `GAP` cadences leave a gap.

        Parameters
        ----------
        values : ndarray, shape (t, slit)

        Returns
        -------
        edges : ndarray, shape (n + 1,)
            s; where cells begin and end. Without exposures there are no edges.
        cells : ndarray, shape (n, slit)
            nan in gaps.
        """
        if not self.time.size:
            return np.zeros(0), values
        first, last = self.time - self.width / 2, self.time + self.width / 2
        near = np.flatnonzero(np.diff(self.time) <= GAP * self.width)
        last[near] = first[near + 1] = (self.time[near] + self.time[near + 1]) / 2
        if self.onset_known:
            before = self.time < 0
            across = near[before[near] & ~before[near + 1]]
            last[across] = first[across + 1] = 0.0
            last[before], first[~before] = last[before].clip(max=0), first[~before].clip(min=0)
        edges = np.unique(np.concatenate([first, last]))
        cells = np.full((edges.size - 1, values.shape[1]), np.nan)
        cells[np.searchsorted(edges, first)] = values
        return edges, cells

    def x_rays(self, goes: Table | None) -> tuple[Numbers, Numbers] | None:
        """Return the part of a GOES curve that belongs to the map.

        Parameters
        ----------
        goes : astropy.table.Table or None
            Columns ``time`` (UTC) and ``flux`` (W m-2), as from `Study.goes`; None if there is
            none.

        Returns
        -------
        tuple of ndarray, each of shape (n,), or None
            s as in `time`, and flux in W m-2, nan where it is not positive. From where the map
            begins to where it ends, the flux at both interpolated. None if the curve has no two
            points, or does not reach over the map at all.

        Raises
        ------
        FindingError
            If a column is lacking.
        """
        if goes is None or len(goes) < 2 or not self.time.size:
            return None
        lacking = {"time", "flux"} - set(goes.colnames)
        if lacking:
            raise FindingError(
                f"The GOES curve lacks the column {min(lacking)!r}: give time (UTC) and flux."
            )
        moments = Time(goes["time"], scale="utc").datetime64.astype("datetime64[ns]")
        seconds = (moments - self.origin) / np.timedelta64(1, "s")
        flux = np.ma.filled(np.ma.asarray(goes["flux"]).astype(np.float64), np.nan)
        order = np.argsort(seconds)
        seconds, flux = seconds[order], np.where(flux[order] > 0, flux[order], np.nan)
        edges, _ = self.cells(self.emission)
        begin, end = max(edges[0], seconds[0]), min(edges[-1], seconds[-1])
        if not begin < end:
            return None
        inside = seconds[(seconds > begin) & (seconds < end)]
        places = np.concatenate([[begin], inside, [end]])
        return places, np.interp(places, seconds, flux)


def slit_maps(
    cube: xr.Dataset,
    scores: xr.Dataset,
    attributions: xr.Dataset,
    truth: xr.Dataset | None = None,
    measure: Measure = "peak",
) -> list[SlitMap]:
    """Collect what is known of every step of an observation, as `SlitMap.of` does of one."""
    _check_sizes(cube, scores=scores, attributions=attributions, truth=truth)
    with np.errstate(invalid="ignore"):  # of opposite infinities, which the next lines find
        light, mean, score = (
            values.transpose(*SPECTRA).values.astype(np.float64)
            for values in (emission(cube, measure), attention(attributions), scores["score"])
        )
    share = np.full_like(score, np.nan)
    if truth is not None:
        share = truth["share"].transpose(*SPECTRA).values.astype(np.float64)
    for name, values in (("scores", score), ("attributions", mean)):
        if np.isinf(values).any():
            raise FindingError(
                f"The {name} hold infinity: give finite numbers, or nan where a spectrum has none."
            )
    starts, onsets = (cube[name].transpose(*SPECTRA[:2]).values for name in ("start", "t_onset"))
    exposures = cube["exposure"].transpose(*SPECTRA[:2]).values
    maps = []
    for step, (start, onset) in enumerate(zip(starts.T, onsets.T, strict=True)):
        timed = np.flatnonzero(~np.isnat(start))
        timed = timed[np.argsort(start[timed])]
        origin = _origin(start[timed], onset[timed])
        time = (start[timed] - origin) / np.timedelta64(1, "s")
        here = (timed, step)
        maps.append(
            SlitMap(
                time=time,
                origin=origin,
                onset_known=bool(np.isfinite(onset[timed]).any()),
                width=_width(time, exposures[here]),
                y=cube["slit_y"].values.astype(np.float64),
                emission=light[here],
                attention=mean[here],
                score=score[here],
                share=share[here],
                left_out={
                    "exposures": start.size,
                    "without time": start.size - timed.size,
                    "spectra": light[here].size,
                    "unknown emission": int(np.isnan(light[here]).sum()),
                    "not explained": int(np.isnan(mean[here]).sum()),
                },
            )
        )
    return maps


def reduced(values: Numbers, reduction: Reduction) -> Numbers:
    """Reduce the last axis to its mean or maximum, leaving nan aside; nan where nothing is left.

    Examples
    --------
    >>> reduced(np.array([[1.0, np.nan, 4.0], [np.nan] * 3]), "mean")
    array([2.5, nan])
    """
    if reduction == "max":
        return np.asarray(np.fmax.reduce(values, axis=-1, initial=np.nan))
    known = np.isfinite(values)
    number = known.sum(axis=-1)
    total = np.where(known, values, 0.0).sum(axis=-1)
    return np.divide(total, number, out=np.full(number.shape, np.nan), where=number > 0)


def check_choice(name: str, value: object, choices: Sequence[str]) -> None:
    """Refuse a setting, by its name, that is none of the choices."""
    if value not in choices:
        raise FindingError(f"There is no {name} {value!r}: choose {' or '.join(choices)}.")


def _check_sizes(cube: xr.Dataset, **others: xr.Dataset | None) -> None:
    wanted = [cube.sizes[name] for name in SPECTRA]
    for name, other in others.items():
        sizes = wanted if other is None else [other.sizes.get(along, 0) for along in SPECTRA]
        if sizes != wanted:
            raise FindingError(
                f"The {name} have the sizes {sizes} along {', '.join(SPECTRA)}, and the cube has "
                f"{wanted}: give those of the same observation."
            )


def _origin(start: NDArray[np.datetime64], onset: Numbers) -> np.datetime64:
    if not start.size:
        return np.datetime64("NaT", "ns")
    known = np.flatnonzero(np.isfinite(onset))
    if not known.size:
        return start[0]
    since = np.timedelta64(round(onset[known[0]] * 1e9), "ns")
    return np.datetime64(start[known[0]] - since)


def _width(time: Numbers, exposure: Numbers) -> float:
    if time.size > 1:
        return float(np.median(np.diff(time)))
    return float(exposure[0]) if time.size and exposure[0] > 0 else 1.0
