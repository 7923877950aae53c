"""Networks with their draws, ready to attribute their outputs to the wavelengths of any spectra."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from preflare.errors import ExplanationError
from preflare.explain.draws import Design, Draws, by_likeness, draw
from preflare.explain.judged import whole_number
from preflare.explain.outputs import Differentiable, differentiable
from preflare.kernels.explaining import attributed, variances
from preflare.network_inputs import checked_spectra
from preflare.swarm import Swarm

Array = NDArray[Any]

AT_ONCE = 64
"""Spectra that one task of the compiled loops explains: a block of theirs."""


@dataclass(frozen=True)
class Attributions:
    """How much each wavelength added to the output, compared with the baselines.

    Attributes
    ----------
    mean : ndarray, (n, 240)
        Over members.
    spread : ndarray, (n, 240)
        Standard deviation over members, their draws included; 0 for one member.
    gap : ndarray, (n,)
        Sum of the mean less F(x) - E[F(x')], which completeness makes 0. The expectation is over
        all baselines, exactly.
    gap_error : ndarray, (n,)
        Standard error of the gap, as if draws were independent: too large for those that are
        spread. nan for one sample. The same draws serve all spectra, so that gaps of like spectra
        are alike. It takes the members' draws to be independent of each other.
    each : ndarray, (members, n, 240), or None
        Of each member, if that was asked for.
    """

    mean: Array
    spread: Array
    gap: NDArray[np.float64]
    gap_error: NDArray[np.float64]
    each: Array | None = None

    @classmethod
    def empty(cls, spectra: Array, members: int | None = None) -> Attributions:
        """Return room for the attributions of spectra (n, 240), and of each of some members."""
        each = None if members is None else np.empty((members, *spectra.shape), spectra.dtype)
        gaps = np.empty(len(spectra)), np.empty(len(spectra))
        return cls(np.empty_like(spectra), np.empty_like(spectra), *gaps, each)


class Member:
    """One network with its draws.

    Parameters
    ----------
    output : Differentiable
        Of the network.
    draws : Draws
        Its own.
    baselines : ndarray, (m, 240)
        All of them.
    mean : ndarray, (240,)
        Of all baselines.
    control : bool
        See `attribute`.

    Attributes
    ----------
    expected : float
        Mean output over all baselines.
    """

    def __init__(
        self, output: Differentiable, draws: Draws, baselines: Array, mean: Array, control: bool
    ) -> None:
        self._output, self._draws, self._baselines = output, draws, baselines
        self.expected = float(output.outputs(baselines).mean(dtype=np.float64))
        if not np.isfinite(self.expected):
            raise ExplanationError(
                "A network returns nan or inf for the baselines: leave out those that diverged."
            )
        self._mean = mean
        self._drawn_mean = baselines[draws.place].mean(axis=0, dtype=np.float64)
        # One draw has no covariance to correct.
        self._control = control and draws.place.size > 1

    def attribute(self, spectra: Array) -> tuple[Array, Array, Array]:
        """Return attributions (n, 240), their gaps (n,) and the gaps' variances (n,)."""
        place = self._draws.place
        sums = self._output.sums(self._baselines, place, self._draws.alpha, spectra)
        gradient, product, risen = sums
        result, variance = np.empty(spectra.shape), np.empty(len(spectra))
        means = self._drawn_mean, self._mean
        attributed(spectra, gradient, product, *means, place.size, self._control, result)
        variances(gradient, risen, self._baselines, place, self._control, variance)
        gap = result.sum(axis=1) - (self._output.outputs(spectra) - self.expected)
        return result, gap, variance


def fill(members: Sequence[Member], spectra: Array, result: Attributions, where: slice) -> None:
    """Fill a part of the result: mean and spread over members by Welford's recurrence."""
    values = spectra[where]
    mean, square = np.zeros(values.shape), np.zeros(values.shape)
    gap, variance = np.zeros(len(values)), np.zeros(len(values))
    for number, member in enumerate(members):
        own, own_gap, own_variance = member.attribute(values)
        away = own - mean
        mean += away / (number + 1)
        square += away * (own - mean)
        gap += own_gap
        variance += own_variance
        if result.each is not None:
            result.each[number, where] = own
    result.mean[where] = mean
    result.spread[where] = np.sqrt(square / len(members))
    result.gap[where] = gap / len(members)
    result.gap_error[where] = np.sqrt(variance) / len(members)


def drawn(samples: int, baselines: Array, seed: int, members: int, design: Design) -> list[Draws]:
    """Return a member's draws for each of some members; see `preflare.explain.draws.draw`."""
    seed = whole_number("seed", seed, 0)
    order = by_likeness(baselines) if design == "spread" else None
    return [draw(samples, len(baselines), seed, m, design, order) for m in range(members)]


def prepared(swarm: Swarm, baselines: ArrayLike, samples: int, seed: int) -> list[Member]:
    """Make a swarm's members ready to explain their PF logits, however often they are asked.

    Parameters
    ----------
    swarm : Swarm
    baselines : array, (m, 240)
    samples, seed : int
        See `attribute`.

    Returns
    -------
    list of Member
        For `summed_up`.
    """
    compared = checked_spectra(baselines, name="baselines")
    mean = compared.mean(axis=0, dtype=np.float64)
    outputs = differentiable(swarm, "logit", None, "cpu")
    draws = drawn(samples, compared, seed, len(outputs), "spread")
    return [Member(*own, compared, mean, True) for own in zip(outputs, draws, strict=True)]


def summed_up(members: Sequence[Member], spectra: NDArray[np.float32]) -> Attributions:
    """Explain spectra (n, 240) by members that are ready, in this thread; as `attribute` does."""
    result = Attributions.empty(spectra)
    for start in range(0, len(spectra), AT_ONCE):
        fill(members, spectra, result, slice(start, start + AT_ONCE))
    return result
