"""Usable spectra of an observation: in the window, accepted, and with a value; the rest counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from preflare.errors import FindingError
from preflare.findings.spectrograms import ALL, Class, window
from preflare.rules import accepted


@dataclass(frozen=True, eq=False)
class Usable:
    """Which spectra of an observation there are numbers of.

    Attributes
    ----------
    kind : {"PF", "AR", "unknown"}
    where : ndarray of bool, shape (time, step, slit)
    counts : dict
        All ``spectra``; those left out because they are ``outside`` the window, ``rejected``, or
        have no value (``unexplained``); those ``used``; and the ``reason`` why none is, else empty.
    """

    kind: Class
    where: NDArray[np.bool_]
    counts: dict[str, int | str]

    @classmethod
    def of(cls, name: str, cube: xr.Dataset, values: NDArray[Any]) -> Usable:
        """Find the usable spectra of a cube.

        Parameters
        ----------
        name : str
            Of the observation.
        cube : xarray.Dataset
            As from `preflare.clean`.
        values : ndarray, shape (time, step, slit)
            What must be known, such as the score: nan where it is not.

        Returns
        -------
        Usable
            Of the window of `preflare.findings.spectrograms.window`. Without an onset nothing of a
            PF observation is known to lie before it, and nothing is used.

        Raises
        ------
        FindingError
            If the values are not of the cube's size.
        """
        keep = accepted(cube)
        if values.shape != keep.shape:
            raise FindingError(
                f"{name} has values of shape {values.shape} and a cube of {keep.shape}: "
                "give what belongs to this cube."
            )
        kind, said, inside = window(name, cube)
        inside = np.broadcast_to(inside[..., None] & (said != ALL), keep.shape)
        used = inside & keep & np.isfinite(values)
        counts: dict[str, int | str] = {
            "spectra": keep.size,
            "outside": int((~inside).sum()),
            "rejected": int((inside & ~keep).sum()),
            "unexplained": int((inside & keep & ~used).sum()),
            "used": int(used.sum()),
            "reason": "onset unknown" if said == ALL else "" if used.any() else "none usable",
        }
        return cls(kind, used, counts)
