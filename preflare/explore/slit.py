"""A slit in time to point at: each pixel shows its spectrum, its attributions and its score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from preflare.errors import BookError
from preflare.explore.page import html
from preflare.findings.slits import attention
from preflare.inlined import packed
from preflare.spectrum import LINES, grid


@dataclass(frozen=True)
class ExploredSlit:
    """One slit of an observation. A notebook shows it as something to point at.

    Parameters
    ----------
    name : str
        Of the observation, as readers should see it.
    cube, scores, attributions : xarray.Dataset
        Its products, with dimensions time, step, slit (and wavelength).
    step : int
        The slit position.

    Raises
    ------
    BookError
        If nothing of this slit was accepted.
    """

    name: str
    cube: xr.Dataset
    scores: xr.Dataset
    attributions: xr.Dataset
    step: int = 0

    def __post_init__(self) -> None:
        if not self._accepted().any():
            raise BookError(
                f"No spectrum of {self.name} at step {self.step} was accepted: take another slit."
            )

    def payload(self) -> dict[str, Any]:
        """Return what the page shows, ready for JSON: one value a pixel, spectra of those accepted.

        Spectra and attributions have 8 bits a number, each with a scale of its own; what that
        loses, 0.4 % of the largest, no eye can see.
        """
        cube, accepted = self.cube.isel(step=self.step), self._accepted()
        spectra = cube["intensity"].values[accepted]
        heat = self.attributions["attribution"].isel(step=self.step).values[accepted]
        largest = np.abs(heat).max(axis=1)
        own = self.scores.isel(step=self.step)
        mean = attention(self.attributions).isel(step=self.step)
        return {
            "name": self.name,
            "lines": LINES,
            "wavelength": packed(grid(), "float32"),
            "minutes": packed(self._minutes(), "float32"),
            "since": "the onset" if self._has_onset() else "the first exposure",
            "along": packed(cube["slit_y"].values, "float32"),
            "accepted": packed(accepted, "uint8"),
            "maps": {
                "attention": packed(mean.values, "float32"),
                "score": packed(own["score"].values, "float32"),
                "light": packed(cube["peak"].values, "float32"),
            },
            "spectra": packed(np.rint(255 * np.clip(spectra, 0, 1)), "uint8"),
            "attributions": packed(np.rint(127 * heat / largest[:, None]), "int8"),
            "largest": packed(largest, "float32"),
        }

    def _accepted(self) -> NDArray[np.bool_]:
        return np.isfinite(self.scores["score"].isel(step=self.step).values)

    def _has_onset(self) -> bool:
        return bool(np.isfinite(self.cube["t_onset"].isel(step=self.step)).any())

    def _minutes(self) -> NDArray[np.float64]:
        own = self.cube.isel(step=self.step)
        if self._has_onset():
            return own["t_onset"].values / 60
        start = own["start"].values
        return (start - start[~np.isnat(start)][0]) / np.timedelta64(60, "s")

    def _repr_html_(self) -> str:
        return html("slit", self.payload())
