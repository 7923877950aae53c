"""From a scene to spectra as they leave the Sun, with and without what happens there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from preflare.twin.dressing import KINDS, Profiles
from preflare.twin.palette import Palette, nearest
from preflare.twin.scene import RIBBON, Scene

Array = NDArray[np.float64]
Spectra = NDArray[np.float32]

ACTIVE_REGION = {"quiet": 0.55, "active": 0.42, "dense": 0.03}
"""Shares of the regimes in what an active region is painted with."""
QUIET_SUN = {"quiet": 1.0}
LEAST_LIGHT = 0.05
"""Share of the undisturbed light that an event leaves at any wavelength."""
BRIGHTEST = 0.4
"""A precursor adds at most this share of a pixel's light to it: brighter ones fill less of it."""
OUTSHINES = 0.1
"""Share of a pixel's light from which on a ribbon hides the precursors that happen there."""
PALETTE_SEED = 20230303


@dataclass(frozen=True)
class Light:
    """Spectra as they leave the Sun.

    Attributes
    ----------
    undisturbed : ndarray of float32, (exposures, slit, 512)
        W m-2 sr-1 nm-1, as if nothing happened.
    difference : ndarray of float32, (changed, 512)
        What precursors and ribbons add, for the pixels where there are any.
    changed : tuple of ndarray
        Exposure and slit pixel of each row of ``difference``.
    kind : ndarray of uint8, (exposures, slit)
        0 where nothing happens, 1 to 5 for precursors, 6 for the flare's ribbons.
    share : ndarray of float32, (exposures, slit)
        Share of the light that is replaced.
    """

    undisturbed: Spectra
    difference: Spectra
    changed: tuple[NDArray[np.intp], NDArray[np.intp]]
    kind: NDArray[np.uint8]
    share: Spectra


class Painter:
    """Paints scenes under one angle with the library's spectra.

    Parameters
    ----------
    profiles : Profiles
        The spectra under that angle.
    shares : dict
        How much of each regime to paint with, such as `ACTIVE_REGION`.
    """

    def __init__(self, profiles: Profiles, shares: dict[str, float]) -> None:
        rng = np.random.default_rng(PALETTE_SEED)
        self._profiles = profiles
        self._palette = Palette.of(profiles, shares, rng)
        self._ribbons = Palette.of(profiles, {"flare": 1.0}, rng)

    def paint(self, scene: Scene, x: Array, t: Array, y: Array) -> Light:
        """Return the light of a scene on slits.

        Parameters
        ----------
        scene : Scene
            What there is to see.
        x, t : ndarray, (exposures,)
            Place (arcsec) and time (s) of each exposure.
        y : ndarray, (slit,)
            Place along the slit (arcsec).
        """
        numbers = scene.numbers(x, t, y)
        shape = numbers.shape[:2]
        undisturbed = self._palette.mixed(*self._palette.pick(numbers.reshape(-1, 5)))
        undisturbed = undisturbed.reshape(*shape, -1)
        kind, share = scene.precursors(x, t, y)
        ribbons = scene.ribbons(x, t, y)
        flaring = (ribbons > share) | (ribbons > OUTSHINES)
        kind[flaring] = RIBBON
        share[flaring] = ribbons[flaring]
        rows, columns = np.nonzero(share)
        changed = rows, columns
        ambient = undisturbed[changed]
        difference = np.zeros_like(ambient)
        kinds = kind[changed]
        precursor = kinds <= len(KINDS)
        difference[precursor] = self._heated(ambient[precursor], kinds[precursor])
        flare = ~precursor
        chosen = self._ribbons.pick(numbers[changed][flare])
        difference[flare] = self._ribbons.mixed(*chosen) - ambient[flare]
        difference *= share[changed][:, None].astype(np.float32)
        with np.errstate(divide="ignore", invalid="ignore"):
            most = ((1.0 - LEAST_LIGHT) * ambient / np.maximum(-difference, 0.0)).min(axis=1)
            brighter = np.maximum(difference.sum(axis=1), 0.0) / ambient.sum(axis=1)
            most[precursor] = np.minimum(most, BRIGHTEST / brighter)[precursor]
        difference *= np.minimum(most, 1.0)[:, None]
        share[changed] *= np.minimum(most, 1.0)
        return Light(undisturbed, difference, changed, kind, share.astype(np.float32))

    def _heated(self, ambient: Spectra, kinds: NDArray[np.uint8]) -> Spectra:
        """Return what each kind of precursor adds when it fills the pixel."""
        if not len(ambient):
            return ambient
        pair = nearest(self._profiles.base, ambient)
        scale = ambient.sum(axis=1) / self._profiles.base[pair].sum(axis=1)
        change = self._profiles.disturbed[kinds - 1, pair] - self._profiles.base[pair]
        return np.asarray(scale[:, None] * change, np.float32)
