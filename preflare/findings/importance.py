"""Global importance: which wavelengths decide about the spectra that score highest.

Panos et al. (2023, Sect. 8.3, Fig. 16) take the spectra of PF that score from 0.9 to 1, find the
largest attribution of each, and add the magnitudes up by wavelength. Here the sums are kept by
observation, so that shares have intervals, and stand beside what they would be by chance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from preflare.errors import FindingError
from preflare.findings.bands import band_of_points
from preflare.findings.importance_sums import Class, Sums
from preflare.findings.resampling import Numbers, Resampling, finite
from preflare.findings.slits import SPECTRA
from preflare.findings.usable import Usable
from preflare.spectrum import POINTS, grid

AT_ONCE = 65_536
"""Spectra that are read at a time, which bounds the memory."""


class Importance:
    """Spectra that are added part by part, so that all never lie in memory together.

    Parameters
    ----------
    lowest, highest : float
        Scores between which a spectrum counts as high, both included.

    Raises
    ------
    FindingError
        If there are no such scores.
    """

    def __init__(self, lowest: float = 0.9, highest: float = 1.0) -> None:
        if not 0 <= lowest <= highest <= 1:
            raise FindingError(
                f"No score lies between {lowest} and {highest}: give two from 0 to 1, in order."
            )
        self.lowest, self.highest = lowest, highest
        self._sums: dict[str, Sums] = {}
        self._counts: dict[str, dict[str, int | str]] = {}

    @classmethod
    def of(
        cls,
        cubes: Mapping[str, xr.Dataset],
        scores: Mapping[str, xr.Dataset],
        attributions: Mapping[str, xr.Dataset],
        lowest: float = 0.9,
        highest: float = 1.0,
        prepare: Callable[[NDArray[np.float32]], ArrayLike] = np.asarray,
    ) -> Importance:
        """Add the spectra of cubes, some rasters at a time.

        Parameters
        ----------
        cubes : mapping of str to Dataset
            Cleaned cubes by the observation's name.
        scores : mapping of str to Dataset
            Of each, ``score`` (time, step, slit).
        attributions : mapping of str to Dataset
            Of each, ``attribution`` (time, step, slit, wavelength).
        lowest, highest : float
            See the class.
        prepare : callable
            Done to the attributions (n, 240) of high spectra first, such as
            `preflare.explain.smoothing.smoothed`, by which the published ones went. Default:
            nothing.

        Returns
        -------
        Importance
            Of usable spectra; what is left out is counted in `observations`.

        Raises
        ------
        FindingError
            If scores or attributions of an observation are missing or of another size, or no
            spectrum is left.
        """
        found = cls(lowest, highest)
        for name, cube in cubes.items():
            if name not in scores or name not in attributions:
                raise FindingError(
                    f"There are no scores or attributions of {name}: give those of every cube."
                )
            given = scores[name]["score"], attributions[name]["attribution"]
            found._add_cube(name, cube, *given, prepare)
        if not found._sums:
            raise FindingError(
                "No scored spectrum is left: give cubes that have accepted spectra before a known "
                "onset, or of AR."
            )
        return found

    def _add_cube(
        self,
        name: str,
        cube: xr.Dataset,
        scores: xr.DataArray,
        attributions: xr.DataArray,
        prepare: Callable[[NDArray[np.float32]], ArrayLike],
    ) -> None:
        score = scores.transpose(*SPECTRA).values
        usable = Usable.of(name, cube, score)
        self._counts[name] = usable.counts
        profiles, heat = (
            each.transpose(*SPECTRA, "wavelength") for each in (cube["intensity"], attributions)
        )
        if heat.shape != profiles.shape:
            raise FindingError(
                f"The attributions of {name} have the shape {heat.shape} and its cube "
                f"{profiles.shape}: give those of this cube."
            )
        kind: Class = "AR" if usable.kind == "AR" else "PF"
        rasters = max(1, AT_ONCE // max(1, score[:1].size))
        for start in range(0, len(score), rasters):
            part = slice(start, start + rasters)
            some = usable.where[part]
            if some.any():
                shown, why = (values[part].values[some] for values in (profiles, heat))
                given = score[part][some]
                high = self._scores_high(given)
                if high.any():  # the attributions of others are not looked at
                    why[high] = prepare(why[high])
                self.add(name, kind, shown, given, why)

    def add(
        self,
        observation: str,
        kind: Class,
        spectra: ArrayLike,
        scores: ArrayLike,
        attributions: ArrayLike,
    ) -> None:
        """Add spectra of an observation; in which parts and order makes no difference.

        Parameters
        ----------
        observation : str
        kind : {"PF", "AR"}
        spectra : array_like, shape (n, 240)
            Normalised profiles.
        scores : array_like, shape (n,)
            Probability of PF.
        attributions : array_like, shape (n, 240)

        Raises
        ------
        FindingError
            If shapes do not fit, a number is not finite, a score is no probability, or the
            observation was added with another class.
        """
        if kind not in ("PF", "AR"):
            raise FindingError(f"There is no class {kind!r}: choose PF or AR.")
        if observation in self._sums and self._sums[observation].kind != kind:
            raise FindingError(
                f"{observation} has spectra of both classes: give those of each class an "
                "observation of their own."
            )
        profiles = finite("spectra", spectra, None, POINTS)
        heat = finite("attributions", attributions, len(profiles), POINTS)
        given = finite("scores", scores, len(profiles))
        if (given < 0).any() or (given > 1).any():
            raise FindingError(
                f"The scores go from {given.min():g} to {given.max():g}: give probabilities."
            )
        sums = Sums.of(kind, profiles, heat, self._scores_high(given))
        known = self._sums.get(observation)
        self._sums[observation] = sums if known is None else known + sums

    def _scores_high(self, scores: NDArray[Any]) -> NDArray[np.bool_]:
        # A score of 0.9 in single precision is one of 0.9.
        given = scores.astype(np.float32)
        lowest, highest = np.asarray([self.lowest, self.highest], np.float32)
        return np.asarray((given >= lowest) & (given <= highest))

    def observations(self) -> pd.DataFrame:
        """Count the spectra of each observation.

        Returns
        -------
        pandas.DataFrame
            One row an observation: ``class``, spectra ``added``, those that score ``high``, and of
            these those ``not positive``, which have no positive attribution and so none that is
            largest. After `of` also what `preflare.findings.usable.Usable` counts.
        """
        rows = {
            name: {
                "class": sums.kind,
                "added": sums.spectra,
                "high": sums.high,
                "not positive": sums.not_positive,
            }
            for name, sums in self._sums.items()
        }
        added = pd.DataFrame.from_dict(rows, orient="index")
        counts = pd.DataFrame.from_dict(self._counts, orient="index")
        return added.join(counts, how="outer").rename_axis("observation")

    def by_wavelength(self, kind: Class = "PF") -> pd.DataFrame:
        """Return sums and means over the high spectra of a class, point by point.

        Returns
        -------
        pandas.DataFrame
            240 rows, index ``wavelength`` (Å): ``band``; ``number`` of spectra that have their
            largest attribution there, and its summed ``magnitude`` (the paper's histogram);
            ``attribution``, the mean with its sign, and ``profile``, the mean normalised profile,
            of high spectra; ``all``, the mean profile of all spectra of the class.

        Raises
        ------
        FindingError
            If no spectrum of the class scores high.
        """
        total = reduce(add, self.high(kind))
        return pd.DataFrame(
            {
                "band": band_of_points(),
                "number": total.number.astype(int),
                "magnitude": total.magnitude,
                "attribution": total.attribution / total.high,
                "profile": total.high_light / total.high,
                "all": self._mean(kind),
            },
            pd.Index(grid(), name="wavelength"),
        )

    def by_band(
        self, kind: Class = "PF", *, count: int = 1000, seed: int = 0, level: float = 0.95
    ) -> pd.DataFrame:
        """Return the share of each band in the largest attributions, and what chance would give.

        Parameters
        ----------
        kind : {"PF", "AR"}
        count, seed, level
            Of the resamples of the observations, see `preflare.findings.resampling.Resampling`.

        Returns
        -------
        pandas.DataFrame
            One row a band, in order of wavelength:

            - ``points`` of the 240
            - ``share`` of the summed magnitudes, with the bounds ``low`` and ``high``
            - ``number_share`` of the spectra, unweighted, with ``number_low`` and ``number_high``
            - ``of_observations``, the mean of the observations' own ``share``
            - ``by_points``, if each point were as likely as the next
            - ``by_light``, if places followed the mean profile
            - ``by_difference``, if they followed how much high spectra differ from the mean of both
              classes (rms; of one class if there is but one), which is what attributions are
              proportional to
            - ``attribution``, the mean of the band's summed attributions, with its sign, with
              ``attribution_low`` and ``attribution_high``

            Bounds are nan for fewer than two observations that have high spectra.
            ``by_difference`` is nan where spectra do not differ.

        Raises
        ------
        FindingError
            If no spectrum of the class scores high, or none of these has a positive attribution.
        """
        drawing = Resampling(count, seed, level)
        sums = self.high(kind)
        bands = band_of_points()
        names = list(dict.fromkeys(bands))
        member = (bands[:, None] == np.array(names)).astype(np.float64)
        magnitude, number, heat = (
            np.stack([getattr(each, name) for each in sums]) @ member
            for name in ("magnitude", "number", "attribution")
        )
        placed = magnitude.sum(axis=1)
        if not placed.any():
            raise FindingError(f"No high spectrum of {kind} has a positive attribution to place.")
        own = magnitude[placed > 0] / placed[placed > 0, None]
        light = np.sum([each.high_light for each in sums], axis=0)
        high = np.array([float(each.high) for each in sums])

        def with_bounds(values: Numbers, weights: Numbers, *columns: str) -> dict[str, ArrayLike]:
            bounds = drawing.ratios(values, weights)
            found = values.sum(axis=0) / weights.sum(), *list(zip(*bounds, strict=True))[:2]
            return dict(zip(columns, found, strict=True))

        columns = {
            "points": member.sum(axis=0).astype(int),
            **with_bounds(magnitude, placed, "share", "low", "high"),
            "of_observations": own.mean(axis=0),
            **with_bounds(number, number.sum(axis=1), "number_share", "number_low", "number_high"),
            "by_points": member.mean(axis=0),
            "by_light": _shares(light, member),
            "by_difference": _shares(self._away(kind), member),
            **with_bounds(heat, high, "attribution", "attribution_low", "attribution_high"),
        }
        return pd.DataFrame(columns, pd.Index(names, name="band"))

    def _away(self, kind: Class) -> Numbers:
        """Return the rms difference (240,) of high spectra to the mean of the classes' means."""
        classes = {each.kind for each in self._sums.values()}
        middle = np.mean([self._mean(each) for each in classes], axis=0)
        sums = self.high(kind)
        number = sum(each.high for each in sums)
        mean = sum(each.high_light for each in sums) / number
        square = sum(each.high_square for each in sums) / number
        return np.asarray(np.sqrt(np.maximum(square - 2 * mean * middle + middle**2, 0.0)))

    def _mean(self, kind: Class) -> Numbers:
        """Return the mean profile (240,) of all spectra of a class."""
        sums = [each for each in self._sums.values() if each.kind == kind]
        return np.asarray(sum(each.light for each in sums) / sum(each.spectra for each in sums))

    def high(self, kind: Class = "PF") -> list[Sums]:
        """Return the sums over each observation of a class that has high spectra.

        Raises
        ------
        FindingError
            If no spectrum of the class scores high.
        """
        sums = [each for each in self._sums.values() if each.kind == kind and each.high]
        if not sums:
            raise FindingError(
                f"No spectrum of {kind} scores from {self.lowest:g} to {self.highest:g}: "
                "add some, or lower the limit."
            )
        return sums


def _shares(profile: Numbers, member: Numbers) -> Numbers:
    """Return each band's share of a profile; nan of one that is 0 everywhere."""
    total = profile.sum()
    return profile @ member / (total if total > 0 else np.nan)
