"""How good explanations are, where no truth is known: do they add up, matter, and stand noise?

Measures are named as in Quantus (Hedström et al. 2023). None of them cares how the attributions
were made: a network enters as a function that returns its output, a method as one that returns
attributions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from preflare.errors import ExplanationError
from preflare.explain.judged import (
    Explain,
    Numbers,
    Spectra,
    attributions_of,
    blocks,
    check_choice,
    checked_numbers,
    seed_sequence,
    whole_number,
)
from preflare.network_inputs import checked_spectra
from preflare.spectrum import POINTS

Predict = Callable[[Spectra], ArrayLike]
"""Takes spectra (n, 240) and returns one output of the network each, (n,)."""

_RANKING: dict[str, Callable[[Numbers], Numbers]] = {
    "value": np.asarray,
    "absolute": np.abs,
    "random": np.zeros_like,
}


def completeness(attributions: ArrayLike, outputs: ArrayLike, baseline_output: float) -> Numbers:
    """Tell by how much attributions fail to add up to what they explain.

    Parameters
    ----------
    attributions : array_like, shape (n, 240)
        In the unit of the output.
    outputs : array_like, shape (n,)
        What the network says of each spectrum, F(x): of the kind that was explained, logit or
        probability.
    baseline_output : float
        The mean of what it says of the baselines, E F(x').

    Returns
    -------
    ndarray, shape (n,)
        The sum of a spectrum's attributions less F(x) - E F(x'); 0 for a complete explanation.

    Raises
    ------
    ExplanationError
        If shapes do not fit, or a number is not finite.

    Notes
    -----
    The axiom: Sundararajan et al. (2017, arXiv:1703.01365); for baselines that are drawn: Erion et
    al. (2021, arXiv:1906.10670). Quantus's ``Completeness`` tells only whether the gap is exactly
    0.

    Examples
    --------
    >>> completeness(np.full((1, 240), 0.01), [3.0], 0.5).round(6)
    array([-0.1])
    """
    maps = checked_numbers("attributions", attributions, None, POINTS)
    explained = checked_numbers("outputs", outputs, len(maps))
    return maps.sum(axis=1) - (explained - checked_numbers("baseline_output", baseline_output))


@dataclass(frozen=True)
class FlippingCurves:
    """What becomes of a network's output while points are replaced, or restored.

    Attributes
    ----------
    fraction : ndarray, shape (steps + 1,)
        Of the points replaced (deletion) or restored (insertion), from 0 to 1.
    outputs : ndarray, shape (n, steps + 1)
        Output for each spectrum, the mean over replacements.
    """

    fraction: Numbers
    outputs: Numbers

    @property
    def mean(self) -> Numbers:
        """Mean curve of all spectra, shape (steps + 1,)."""
        return self.outputs.mean(axis=0)

    @property
    def area(self) -> Numbers:
        """Area under each spectrum's curve, shape (n,), in the unit of the output (trapezoids)."""
        return np.asarray(np.trapezoid(self.outputs, self.fraction, axis=1))


def pixel_flipping(
    predict: Predict,
    spectra: ArrayLike,
    attributions: ArrayLike,
    replacement: ArrayLike,
    *,
    order: Literal["deletion", "insertion"] = "deletion",
    ranking: Literal["value", "absolute", "random"] = "value",
    steps: int = 60,
    seed: int = 0,
) -> FlippingCurves:
    """Replace the points of spectra, the most relevant first, and follow the network's output.

    Where attributions find what the network looks at, deletion makes its output fall at once and
    insertion makes it rise at once: the areas under the curves are small and large.

    Parameters
    ----------
    predict : callable
        Takes spectra (m, 240) float32, m up to 8,192 or the number of replacements, and returns
        outputs (m,). The maximum of mixed spectra is not 1: ask the module itself, since
        `Swarm.predict` refuses them.
    spectra : array_like, shape (n, 240)
        Normalised profiles.
    attributions : array_like, shape (n, 240)
        What ranks the points of each. Equal points come in random order.
    replacement : array_like, shape (240,) or (baselines, 240)
        What stands for no information, such as the mean spectrum; of several, outputs are averaged.
    order : {"deletion", "insertion"}
        Whether points of the spectrum are replaced, or points of the replacement by the spectrum's.
    ranking : {"value", "absolute", "random"}
        By value (evidence for PF first), by absolute value, or at random, as a control.
    steps : int
        How many, 1 to 240, of 240 / steps points each as nearly as can be.
    seed : int
        Of the random order.

    Returns
    -------
    FlippingCurves

    Raises
    ------
    ExplanationError
        If attributions or outputs do not fit, or a setting is wrong.
    NetworkError
        If spectra are not normalised profiles, or replacements are no finite (baselines, 240).

    Notes
    -----
    Bach et al. (2015, doi:10.1371/journal.pone.0130140); deletion and insertion: Petsiuk et al.
    (2018, arXiv:1806.07421). Quantus's ``PixelFlipping`` is deletion without the point at fraction
    0.
    """
    check_choice("order", order, ("deletion", "insertion"))
    check_choice("ranking", ranking, _RANKING)
    if whole_number("number of steps", steps, 1) > POINTS:
        raise ExplanationError(f"The number of steps is {steps}: give {POINTS} at most.")
    random = np.random.default_rng(seed_sequence(seed, 1))
    profiles = checked_spectra(spectra)
    maps = checked_numbers("attributions", attributions, len(profiles), POINTS)
    baselines = checked_spectra(np.atleast_2d(replacement), normalised=False, name="replacements")
    counts = np.rint(np.linspace(0, POINTS, steps + 1)).astype(int)
    outputs = np.empty((len(profiles), steps + 1))
    for rows in blocks(len(profiles), len(baselines)):
        relevance = _RANKING[ranking](maps[rows])
        # The last key sorts first: the random one decides where relevance is equal.
        places = np.lexsort((random.random(relevance.shape), -relevance), axis=1)
        turn = np.argsort(places, axis=1)
        for step, count in enumerate(counts):
            kept = (turn < count) == (order == "insertion")
            mixed = np.where(kept, profiles[rows], baselines[:, None]).reshape(-1, POINTS)
            asked = checked_numbers("The output of predict", predict(mixed), len(mixed))
            outputs[rows, step] = asked.reshape(len(baselines), -1).mean(axis=0)
    return FlippingCurves(counts / POINTS, outputs)


@dataclass(frozen=True)
class Sensitivity:
    """Relative change of attributions under noise.

    Attributes
    ----------
    maximum, average : ndarray, shape (n,)
        Over the draws; nan where all attributions of the spectrum are 0.
    """

    maximum: Numbers
    average: Numbers


def sensitivity(
    explain: Explain, spectra: ArrayLike, noise: float, draws: int = 10, seed: int = 0
) -> Sensitivity:
    """Tell by how much attributions change when noise is added to the spectra.

    Parameters
    ----------
    explain : callable
        Takes spectra (n, 240) float32 and returns attributions (n, 240). If it draws baselines,
        let it draw the same ones in every call, or their scatter is in the result.
    spectra : array_like, shape (n, 240)
        Normalised profiles.
    noise : float
        Standard deviation of the Gaussian noise, in units of the maximum, between 0 and 1.
    draws : int
        Of noise, each for all spectra.
    seed : int
        Of the draws.

    Returns
    -------
    Sensitivity
        Of ``|phi(x + noise) - phi(x)| / |phi(x)|``, Euclidean norms.

    Raises
    ------
    ExplanationError
        If attributions or settings do not fit.
    NetworkError
        If spectra are not normalised profiles.

    Notes
    -----
    Yeh et al. (2019, arXiv:1901.09392), relative to the norm of the attributions as in Quantus
    (``MaxSensitivity``, ``AvgSensitivity``) and captum. A noisy spectrum is divided by its maximum,
    as cleaning would do. Nothing is clipped at 0: spectra that were measured have negative points
    too, and to clip them would brighten the continuum.
    """
    whole_number("number of draws", draws, 1)
    random = np.random.default_rng(seed_sequence(seed, 2))
    if not 0 < checked_numbers("noise", noise) < 1:
        raise ExplanationError(
            f"The noise is {noise}: give its standard deviation in units of the spectra's maximum, "
            "between 0 and 1."
        )
    profiles = checked_spectra(spectra)
    original = attributions_of(profiles, explain)
    size = np.linalg.norm(original, axis=1)
    maximum, total = np.zeros(len(size)), np.zeros(len(size))
    for _ in range(draws):
        noisy = profiles + np.float32(noise) * random.standard_normal(profiles.shape, np.float32)
        noisy /= noisy.max(axis=1, keepdims=True)
        change = np.linalg.norm(attributions_of(noisy, explain) - original, axis=1)
        relative = np.divide(change, size, out=np.full_like(size, np.nan), where=size > 0)
        maximum = np.maximum(maximum, relative)
        total += relative
    return Sensitivity(maximum, total / draws)
