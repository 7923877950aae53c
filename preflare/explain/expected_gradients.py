"""Expected gradients: how much each wavelength added to a network's output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from dask.base import compute
from dask.delayed import delayed
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from preflare.errors import ExplanationError
from preflare.explain.draws import Design, Draws, by_likeness, draw
from preflare.explain.judged import whole_number
from preflare.explain.outputs import (
    Backend,
    Compiled,
    Differentiable,
    Explained,
    Output,
    differentiable,
)
from preflare.kernels.explaining import attributed, variances
from preflare.network_inputs import checked_spectra

Array = NDArray[Any]

SAMPLES = 500
"""The paper's."""
AT_ONCE = 64
"""Spectra that one task of the compiled loops explains: a block of theirs."""
AT_ONCE_BY_TORCH = 256
ROUND = 64
"""Tasks between two reports of progress."""


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


def expected_gradients(
    networks: Explained,
    spectra: ArrayLike,
    baselines: ArrayLike,
    samples: int = SAMPLES,
    seed: int = 0,
    output: Output = "logit",
    *,
    design: Design = "spread",
    control: bool = True,
    backend: Backend | None = None,
    device: str = "cpu",
    workers: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Array:
    """Return expected gradients (n, 240), the mean over members (Panos et al. 2023, Eqs. 2, C.2).

    See `attribute` for the arguments. It also returns the spread over members, and how complete
    the attributions are.

    Examples
    --------
    >>> import numpy as np, torch
    >>> network = torch.nn.Linear(240, 2)
    >>> spectra, baselines = np.random.default_rng(0).random((2, 5, 240))
    >>> attributions = expected_gradients(network, spectra, baselines)
    >>> weight = network.weight[1].detach().numpy()
    >>> np.allclose(attributions, weight * (spectra - baselines.mean(axis=0)), atol=1e-6)
    True
    """
    return attribute(
        networks,
        spectra,
        baselines,
        samples,
        seed,
        output,
        design=design,
        control=control,
        backend=backend,
        device=device,
        workers=workers,
        progress=progress,
    ).mean


def attribute(
    networks: Explained,
    spectra: ArrayLike,
    baselines: ArrayLike,
    samples: int = SAMPLES,
    seed: int = 0,
    output: Output = "logit",
    *,
    design: Design = "spread",
    control: bool = True,
    draws: Sequence[Draws] | None = None,
    each: bool = False,
    backend: Backend | None = None,
    device: str = "cpu",
    workers: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Attributions:
    """Attribute networks' outputs to wavelengths by expected gradients.

    Equation C.2 of Panos et al. (2023), of Erion et al. (2021, Nature Machine Intelligence 3, 620):
    the mean of (x - x') times the gradient of F at x' + a (x - x'), over baselines x' and over
    a between 0 and 1. Draws are independent from member to member and the same for all spectra, so
    a spectrum's attribution does not depend on what else is explained.

    Parameters
    ----------
    networks : Swarm, torch module, or sequence of torch modules
        A module takes (n, 240) and returns logits (n, 2), AR and PF, or log-odds (n,).
    spectra : array, (n, 240)
        What to explain.
    baselines : array, (m, 240)
        What to compare with, such as the balanced training set.
    samples : int
        Gradients taken for each spectrum and member.
    seed : int
        Every draw follows from it.
    output : {"logit", "log-odds", "probability"}
        What F is: the PF logit, as in the published code; the PF less the AR logit; or the
        probability of PF.
    design : {"spread", "independent"}
        See `preflare.explain.draws.draw`.
    control : bool
        Whether the drawn baselines' mean is corrected to that of all baselines, a control variate:
        E[(x - x') g] is E[x - x'] E[g] less the covariance of x' and g, and E[x'] is known.
        ``design="independent", control=False`` is the naive estimator.
    draws : sequence of Draws, optional
        One for each member, independent of the others', instead of draws from the seed.
    each : bool
        Whether to return every member's attributions too.
    backend : {"compiled", "torch"}, optional
        Compiled loops or torch's autograd. Default: compiled for a swarm on the CPU.
    device : str
        Where torch computes, such as ``"cuda"``.
    workers : int, optional
        Threads of the compiled loops, which do not change the result. Default: as many as there
        are cores.
    progress : callable
        Called with the number of spectra explained so far, and of all.

    Returns
    -------
    Attributions

    Raises
    ------
    ExplanationError
        If there is nothing to explain with, no baseline, or a setting makes no sense.
    NetworkError
        If spectra or baselines do not fit.
    """
    outputs = differentiable(networks, output, backend, device)
    compiled = isinstance(outputs[0], Compiled)
    kind = outputs[0].kind
    values = checked_spectra(spectra, normalised=False, kind=kind)
    if not np.size(baselines):
        raise ExplanationError("There is no baseline to compare with: give one or more.")
    compared = checked_spectra(baselines, normalised=False, name="baselines", kind=kind)
    if draws is None:
        seed = whole_number("seed", seed, 0)
        order = by_likeness(compared) if design == "spread" else None
        draws = [draw(samples, len(compared), seed, m, design, order) for m in range(len(outputs))]
    _check(draws, len(outputs), len(compared))
    at_once = AT_ONCE if compiled else AT_ONCE_BY_TORCH
    parts = [slice(start, start + at_once) for start in range(0, len(values), at_once)]
    options: dict[str, Any] = {"scheduler": "threads" if compiled else "sync"}
    if workers is not None:
        options["num_workers"] = whole_number("number of workers", workers, 1)
    result = Attributions(
        np.empty_like(values),
        np.empty_like(values),
        np.empty(len(values)),
        np.empty(len(values)),
        np.empty((len(outputs), *values.shape), values.dtype) if each else None,
    )
    # Each dask thread is one core's; torch by itself takes them all.
    with threadpool_limits(1) if compiled else nullcontext():
        mean = compared.mean(axis=0, dtype=np.float64)
        ready = delayed(Member, pure=False, traverse=False)
        members = compute(
            *(ready(*own, compared, mean, control) for own in zip(outputs, draws, strict=True)),
            **options,
        )
        explain = delayed(_explain, pure=False, traverse=False)
        for first in range(0, len(parts), ROUND):
            some = parts[first : first + ROUND]
            compute(*(explain(members, values, result, part) for part in some), **options)
            progress(min(some[-1].stop, len(values)), len(values))
    return result


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
    """

    def __init__(
        self, output: Differentiable, draws: Draws, baselines: Array, mean: Array, control: bool
    ) -> None:
        self._output, self._draws, self._baselines = output, draws, baselines
        self._expected = output.outputs(baselines).mean(dtype=np.float64)
        if not np.isfinite(self._expected):
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
        gap = result.sum(axis=1) - (self._output.outputs(spectra) - self._expected)
        return result, gap, variance


def _explain(members: Sequence[Member], spectra: Array, result: Attributions, where: slice) -> None:
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


def _check(draws: Sequence[Draws], members: int, baselines: int) -> None:
    if len(draws) != members:
        raise ExplanationError(
            f"There are {len(draws)} draws for {members} members: give one for each."
        )
    for each in draws:
        whole_number("number of samples", each.place.size, 1)
        wrong = each.place[(each.place < 0) | (each.place >= baselines)]
        if wrong.size:
            raise ExplanationError(
                f"A draw names baseline {wrong[0]} of {baselines}: draw from the same ones."
            )
