"""Expected gradients: how much each wavelength added to a network's output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
from dask.base import compute
from dask.delayed import delayed
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from preflare.errors import ExplanationError
from preflare.explain.draws import Design, Draws
from preflare.explain.judged import whole_number
from preflare.explain.outputs import Backend, Compiled, Explained, Output, differentiable
from preflare.explain.ready import AT_ONCE, Attributions, Member, drawn, fill
from preflare.network_inputs import checked_spectra

Array = NDArray[Any]

SAMPLES = 500
"""The paper's."""
AT_ONCE_BY_TORCH = 256
ROUND = 64
"""Tasks between two reports of progress."""


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
        draws = drawn(samples, compared, seed, len(outputs), design)
    _check(draws, len(outputs), len(compared))
    at_once = AT_ONCE if compiled else AT_ONCE_BY_TORCH
    parts = [slice(start, start + at_once) for start in range(0, len(values), at_once)]
    options: dict[str, Any] = {"scheduler": "threads" if compiled else "sync"}
    if workers is not None:
        options["num_workers"] = whole_number("number of workers", workers, 1)
    result = Attributions.empty(values, len(outputs) if each else None)
    # Each dask thread is one core's; torch by itself takes them all.
    with threadpool_limits(1) if compiled else nullcontext():
        mean = compared.mean(axis=0, dtype=np.float64)
        ready = delayed(Member, pure=False, traverse=False)
        members = compute(
            *(ready(*own, compared, mean, control) for own in zip(outputs, draws, strict=True)),
            **options,
        )
        explain = delayed(fill, pure=False, traverse=False)
        for first in range(0, len(parts), ROUND):
            some = parts[first : first + ROUND]
            compute(*(explain(members, values, result, part) for part in some), **options)
            progress(min(some[-1].stop, len(values)), len(values))
    return result


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
