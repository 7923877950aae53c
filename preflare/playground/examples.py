"""Spectra to start from: real ones of IRIS, and simulated ones whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preflare.cleaning import clean
from preflare.explainer import Explainer
from preflare.level2 import read_raster
from preflare.playground.shape import nearest
from preflare.quietsun import QuietSun
from preflare.rules import accepted
from preflare.shapes import shapes
from preflare.shipped import SAMPLE_RASTER, shipped
from preflare.sources import SHIPPED_QUIET_SUN
from preflare.study import Study
from preflare.twin.dressing import KINDS
from preflare.twin.truth import TRUTH_KINDS

Spectra = NDArray[np.float32]

IRIS, TWIN = "IRIS, real", "Twin, simulated"
NONE, RIBBON = TRUTH_KINDS.index("none"), TRUTH_KINDS.index("ribbon")


@dataclass(frozen=True, eq=False)
class Example:
    """A spectrum to start from.

    Attributes
    ----------
    name : str
        By which the page calls it.
    source : {"IRIS, real", "Twin, simulated"}
    label : str
        A few words for the menu.
    truth : str
        One sentence on what is known of it.
    spectrum : ndarray of float32, (240,)
    without : ndarray of float32, (240,), or None
        The same without its event, where that is known.
    """

    name: str
    source: str
    label: str
    truth: str
    spectrum: Spectra
    without: Spectra | None = None

    @cached_property
    def fitted(self) -> dict[str, float]:
        """The settings of the sliders that come nearest to it."""
        return nearest(self.spectrum)


def iris_examples(explainer: Explainer) -> list[Example]:
    """Choose real spectra of the raster that travels with preflare, quiet Sun left out.

    They are the one nearest to the mean, the one with the brightest triplet, the one with the
    broadest k line, and the one that scores highest, each among those that are left.
    """
    raster = read_raster(shipped(SAMPLE_RASTER))
    cube = QuietSun.load(shipped(SHIPPED_QUIET_SUN)).flag(clean(raster).load())
    spectra = cube["intensity"].values[accepted(cube)]
    spectra = spectra[np.isfinite(spectra).all(axis=1)]
    measured = shapes(spectra)
    rules = {
        "typical": ("nearest to the mean", -_distance(spectra, spectra.mean(axis=0))),
        "triplet": ("brightest triplet", measured["triplet"].to_numpy()),
        "broad": ("broadest k line", measured["fwhm"].to_numpy()),
        "high": ("highest score", explainer.swarm.predict(spectra).mean(axis=0)),
    }
    truth = "PF 14, hours before its flare; what happens in it is not known."
    free, found = np.ones(len(spectra), bool), []
    for name, (label, merit) in rules.items():
        best = int(np.where(free, merit, -np.inf).argmax())
        free[best] = False
        found.append(Example(f"iris-{name}", IRIS, label, truth, spectra[best]))
    return found


def twin_examples(study: Study, explainer: Explainer) -> list[Example]:
    """Choose simulated spectra of regions that the networks were not trained on.

    Without an event, they are the AR and the PF spectrum nearest to the mean of their kind; for
    each kind of precursor, the PF spectrum that its event has changed most; after the onset, the
    spectrum with the largest share of a ribbon's light; and the AR spectrum that scores highest.
    A kind that those regions do not have is left out.

    Parameters
    ----------
    study : Study
        Of the twin.
    explainer : Explainer
        Whose baselines name the regions that it was trained on.
    """
    data = study.spectra()
    names = np.asarray(data.observation)
    unseen = np.flatnonzero(~np.isin(names, explainer.observation))
    spectra, names, is_pf = data.spectra[unseen], names[unseen], data.labels[unseen] == 1
    difference, kind = study.events(unseen)
    change = np.abs(difference).sum(axis=1)
    score = explainer.swarm.predict(spectra).mean(axis=0)

    def example(which: NDArray[np.bool_], merit: Any, name: str, label: str) -> list[Example]:
        if not which.any():
            return []
        best = int(np.where(which, merit, -np.inf).argmax())
        without = spectra[best] - difference[best] if kind[best] != NONE else None
        truth = f"{names[best]}; {_told(kind[best])}."
        return [Example(f"twin-{name}", TWIN, label, truth, spectra[best], without)]

    found = []
    for name, of_class in (("AR", ~is_pf), ("PF", is_pf)):
        quiet = of_class & (kind == NONE)
        if quiet.any():
            near = -_distance(spectra, spectra[quiet].mean(axis=0))
            found += example(quiet, near, f"{name.lower()}-quiet", f"{name}, no event")
    for each in KINDS:
        own = is_pf & (kind == TRUTH_KINDS.index(each))
        if own.any():
            strong = own & (change >= np.median(change[own]))
            near = -_distance(spectra, spectra[strong].mean(axis=0))
            label = f"PF, {each.replace('_', ' ')}"
            found += example(strong, near, each.replace("_", "-"), label)
    found += _ribbon(study, sorted(set(names[is_pf])))
    return found + example(~is_pf, score, "ar-high", "AR, highest score")


def _ribbon(study: Study, names: list[str]) -> list[Example]:
    """Find the accepted spectrum that a ribbon has the largest share of."""
    most, found = 0.0, []
    for name in names:
        cube, known = study.cube(name), study.truth(name)
        usable = accepted(cube) & (known["kind"].values == RIBBON)
        share = np.where(usable, known["share"].values, 0.0)
        if share.max() > most:
            most = float(share.max())
            place = np.unravel_index(int(share.argmax()), share.shape)
            at = dict(zip(known["share"].dims, map(int, place), strict=True))
            spectrum = cube["intensity"].isel(at).values
            without = spectrum - known["normalised_difference"].isel(at).values
            truth = f"{name}; a ribbon of its flare gives {100 * most:.0f} % of the light."
            label = "PF after the onset, ribbon"
            found = [Example("twin-ribbon", TWIN, label, truth, spectrum, without)]
    return found


def _told(kind: int) -> str:
    if kind == NONE:
        return "no event in it"
    return f"an event in it: {TRUTH_KINDS[kind].replace('_', ' ')}"


def _distance(spectra: Spectra, other: Spectra) -> NDArray[np.float32]:
    return np.sqrt(((spectra - other) ** 2).mean(axis=1))
