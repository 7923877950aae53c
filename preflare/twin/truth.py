"""What is in every spectrum: the twin's truth, index for index with the cleaned cube."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from preflare import spectrum
from preflare.cubes import DIMENSIONS
from preflare.twin.dressing import KINDS
from preflare.twin.library import WAVELENGTH

Spectra = NDArray[np.float32]

TRUTH_KINDS = ("none", *KINDS, "ribbon")
_SAMPLING = spectrum.Sampling.between(WAVELENGTH, spectrum.grid())


@dataclass(frozen=True)
class TruthBlock:
    """Truth of consecutive rasters.

    Attributes
    ----------
    kind : ndarray of uint8, (rasters, positions, slit)
        Place in `TRUTH_KINDS` of the strongest event.
    share : ndarray of float32, (rasters, positions, slit)
        Share of the light that it replaces.
    difference : ndarray of float32, (rasters, positions, slit, 240)
        DN/s with all events less DN/s without any.
    normalised : ndarray of float32, (rasters, positions, slit, 240)
        The same of the two profiles each normalised by its maximum.
    """

    kind: NDArray[np.uint8]
    share: Spectra
    difference: Spectra
    normalised: Spectra


def differences(with_events: Spectra, without: Spectra) -> tuple[Spectra, Spectra]:
    """Return the differences (n, 240) of spectra (n, 512), plain and of normalised profiles."""
    present, absent = (_SAMPLING(s[:, _SAMPLING.window]) for s in (with_events, without))
    plain = present - absent
    tops = (s.max(axis=1, keepdims=True) for s in (present, absent))
    present_top, absent_top = tops
    return plain, present / present_top - absent / absent_top


class TruthFile:
    """A truth cube on disk, written block by block."""

    def __init__(self, path: Path, shape: tuple[int, int, int], block: int, about: dict[str, Any]):
        group = zarr.open_group(path, mode="w-")
        self._arrays: dict[str, Any] = {}
        group.attrs.update({"kinds": list(TRUTH_KINDS)} | about)
        wide = (*shape, spectrum.POINTS)
        for name, size, dtype, unit in (
            ("kind", shape, "uint8", "1"),
            ("share", shape, "float32", "1"),
            ("difference", wide, "float32", "DN s-1"),
            ("normalised_difference", wide, "float32", "1"),
        ):
            array = group.create_array(
                name,
                shape=size,
                chunks=(min(block, size[0]), *size[1:]),
                dtype=dtype,
                fill_value=0,
                dimension_names=DIMENSIONS[: len(size)],
            )
            array.attrs["units"] = unit
            self._arrays[name] = array
        grid = group.create_array(
            "wavelength",
            shape=(spectrum.POINTS,),
            dtype="float64",
            dimension_names=("wavelength",),
        )
        grid[:] = spectrum.grid()

    def write(self, first: int, block: TruthBlock) -> None:
        """Store the truth of rasters from ``first`` on."""
        rows = slice(first, first + block.kind.shape[0])
        for name, values in (
            ("kind", block.kind),
            ("share", block.share),
            ("difference", block.difference),
            ("normalised_difference", block.normalised),
        ):
            self._arrays[name][rows] = values
