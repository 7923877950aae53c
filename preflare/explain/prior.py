"""The attribution prior of Eq. C.3: networks that are trained to have smooth explanations.

What is penalised are the expected gradients of Eq. C.2, estimated within each training step and
differentiated through, as by Erion et al. (2021, arXiv:1906.10670). They are of the PF logit by
default, as in the paper; see `train_with_prior` for how networks can evade that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import pandas as pd
import torch
from dask.base import compute
from dask.delayed import delayed
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from preflare.errors import ExplanationError
from preflare.explain.unrolled import (
    Output,
    Unrolled,
    attributions,
    mean_loss,
    objective,
    roughness,
)
from preflare.members import CURVES, Settings, first_weights, shuffled
from preflare.network_inputs import checked_labels, checked_spectra
from preflare.one_thread import one_thread
from preflare.splits import Split
from preflare.training import sides_of

PROBE, PROBE_DRAWS = 128, 32
"""Test spectra whose attributions are watched, and draws for each of them."""
GROUPS = 4
"""Strengths are trained in as many groups at most, side by side."""
AT_ONCE = 256
"""Spectra that go through a group's networks together: what fits into a processor's cache."""
_ROUGHNESS = [f"{kind}{each} roughness" for each in get_args(Output) for kind in ("", "relative ")]


@dataclass(frozen=True, eq=False)
class PriorTraining:
    """Networks trained with the attribution prior, at several strengths.

    Attributes
    ----------
    strengths : ndarray, (strengths,)
        sigma of Eq. C.3.
    weights : ndarray of float32, (strengths, members, 363)
        After the last epoch, as `preflare.Swarm` takes those of one strength; nan where diverged.
    curves : pandas.DataFrame
        Index (strength, member, epoch), with epoch 0 before training, where all strengths are
        alike. Columns are `preflare.members.CURVES`, the training loss without the prior, and of
        the attributions of the PF logit and of the log-odds (PF logit less AR logit):

        - ``"logit roughness"``, ``"log-odds roughness"``: sum over wavelengths of
          ``|phi_{l+1} - phi_l|``, mean over `PROBE` test spectra with `PROBE_DRAWS` draws each, the
          same for all networks and epochs
        - ``"relative logit roughness"``, ``"relative log-odds roughness"``: over the mean sum of
          ``|phi|``, so that what is merely flat is not called smooth; nan where all phi are 0

        All are nan from the epoch on in which a network diverges.
    """

    strengths: NDArray[np.float64]
    weights: NDArray[np.float32]
    curves: pd.DataFrame


def train_with_prior(
    spectra: ArrayLike,
    labels: ArrayLike,
    split: Split,
    strengths: Sequence[float],
    *,
    members: int = 1,
    epochs: int = 20,
    seed: int = 0,
    batch: int = 64,
    learning_rate: float = 1e-3,
    draws: int = 1,
    output: Output = "logit",
    workers: int | None = None,
    progress: Callable[[int, int, float], None] = lambda done, total, loss: None,
) -> PriorTraining:
    """Train networks on cross-entropy plus sigma times the roughness of their attributions.

    This is Eq. C.3 of Panos et al. (2023), with means over the batch; the roughness of a spectrum
    is the sum over wavelengths of ``|phi_{l+1} - phi_l|``, phi being expected gradients (Eq. C.2)
    towards other spectra of the training set. A member has the same first weights, shuffles and
    draws at every strength, and at strength 0 is that of `preflare.Swarm.train`. The same seed
    gives the same networks, to the bit, whatever the number of workers.

    Parameters
    ----------
    spectra : array, (n, 240)
        Normalised profiles.
    labels : array, (n,)
        1 for PF and 0 for AR.
    split : Split
        Which spectra to train on, and which to test on after every epoch.
    strengths : sequence of float
        sigma, from 0 on, each once.
    members : int
        Networks at each strength.
    epochs, seed, batch, learning_rate
        See `preflare.Swarm.train`.
    draws : int
        Baselines for each spectrum in a step, each with a place on the path from it. They are
        drawn anew in every epoch, so one will do (Erion et al. 2021).
    output : {"logit", "log-odds"}
        What the attributions are of: the PF logit, as in the paper and by default, or that less
        the AR logit. Verdicts depend on the difference only, so a network can evade a prior on
        the PF logit, satisfying it without becoming any smoother: it speaks through the AR logit
        instead.
    workers : int, optional
        Threads. Default: as many as there are cores.
    progress : callable
        Called after every epoch with the number of epochs done by all networks together, their
        total, and the mean of the networks' latest training losses.

    Returns
    -------
    PriorTraining

    Raises
    ------
    ExplanationError
        If strengths, draws or output make no sense, or there are no spectra to test on.
    NetworkError
        If spectra, labels, split or other settings make no sense.
    """
    values = checked_spectra(spectra)
    marks = checked_labels(labels, len(values))
    settings = Settings(epochs, seed, batch, learning_rate)
    sigma = _checked_strengths(strengths)
    side = sides_of(split, members, marks)[0]
    if not side.test.size:
        raise ExplanationError("The split has no spectra to test on: give it some to watch.")
    if draws < 1:
        raise ExplanationError(f"Attributions from {draws} draws are none: give 1 or more.")
    if output not in get_args(Output):
        raise ExplanationError(f"There is no output {output!r}: choose 'logit' or 'log-odds'.")

    known, tested = (
        (torch.from_numpy(values[places]), torch.from_numpy(marks[places]).long())
        for places in (side.train, side.test)
    )
    probe = _probe(known[0], tested[0], seed)
    groups = [
        _Group(part, members, settings, output, known, tested, probe)
        for part in np.array_split(sigma, min(sigma.size, GROUPS))
    ]
    options: dict[str, Any] = {} if workers is None else {"num_workers": workers}

    def together(tasks: Sequence[Any]) -> NDArray[np.float64]:
        return np.concatenate(compute(*tasks, scheduler="threads", **options))

    curves = [together([delayed(group.start, pure=False)() for group in groups])]
    for epoch in range(epochs):
        own = [draw(len(side.train), draws, seed, member, epoch) for member in range(members)]
        drawn = [torch.from_numpy(np.stack(each)) for each in zip(*own, strict=True)]
        tasks = [delayed(group.epoch, pure=False, traverse=False)(*drawn) for group in groups]
        curves.append(together(tasks))
        latest = curves[-1][..., 0]
        finite = latest[np.isfinite(latest)]
        loss = float(finite.mean()) if finite.size else float("nan")
        progress((epoch + 1) * latest.size, epochs * latest.size, loss)
    index = pd.MultiIndex.from_product(
        [sigma, range(members), range(epochs + 1)], names=["strength", "member", "epoch"]
    )
    columns = [*CURVES, *_ROUGHNESS]
    table = np.stack(curves, axis=2).reshape(len(index), -1)
    weights = np.concatenate([group.weights.detach().numpy() for group in groups])
    return PriorTraining(sigma, weights, pd.DataFrame(table, index, columns))


class _Group:
    """All members of some strengths, which one thread trains together."""

    def __init__(
        self,
        sigma: NDArray[np.float64],
        members: int,
        settings: Settings,
        output: Output,
        known: tuple[Tensor, Tensor],
        tested: tuple[Tensor, Tensor],
        probe: tuple[Tensor, Tensor, Tensor],
    ) -> None:
        first = np.stack([first_weights(settings.seed, member) for member in range(members)])
        self.weights = torch.from_numpy(first).repeat(sigma.size, 1, 1).requires_grad_()
        self._sigma = torch.from_numpy(sigma).to(self.weights)[:, None]
        self._optimizer = torch.optim.Adam([self.weights], settings.rate)
        self._batch, self._output = settings.batch, output
        self._known, self._tested, self._probe = known, tested, probe

    def start(self) -> NDArray[np.float64]:
        """Return the row of the curves before training, (strengths, members, 8)."""
        with one_thread():
            return self._row(*self._evaluated(*self._known))

    def epoch(self, order: Tensor, others: Tensor, alphas: Tensor) -> NDArray[np.float64]:
        """Train through all spectra once and return the row of the curves; see `draw`."""
        spectra, labels = self._known
        losses, called = [], []
        with one_thread():
            for here, there, alpha in zip(
                *(each.split(self._batch, 1) for each in (order, others, alphas)), strict=True
            ):
                drawn = spectra[here], labels[here], spectra[there], alpha
                loss, rough, calls = objective(Unrolled(self.weights), *drawn, self._output)
                self._optimizer.zero_grad()
                # A network's weights are in one term of the sum only: none feels the others.
                (loss + self._sigma * rough).sum().backward()
                self._optimizer.step()
                losses.append(loss.detach() * here.shape[1])
                called.append(calls)
            mean = torch.stack(losses).sum(0) / order.shape[1]
            return self._row(mean, _skill(torch.cat(called, -1), labels[order]))

    def _evaluated(self, spectra: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean cross-entropy and the TSS of each network."""
        with torch.no_grad():
            networks = Unrolled(self.weights)
            logits = torch.cat([networks.logits(part) for part in spectra.split(AT_ONCE)], -2)
        return mean_loss(logits, labels), _skill(logits[..., 1] > logits[..., 0], labels)

    def _row(self, loss: Tensor, skill: Tensor) -> NDArray[np.float64]:
        tested_loss, tested_skill = self._evaluated(*self._tested)
        row = [loss, tested_loss, skill, tested_skill]
        parts = [each.split(AT_ONCE // PROBE_DRAWS) for each in self._probe]
        with torch.no_grad():
            networks = Unrolled(self.weights)
            for output in get_args(Output):
                found = [
                    attributions(networks, spectra, baselines, alphas, output)
                    for spectra, baselines, alphas in zip(*parts, strict=True)
                ]
                phi = torch.cat(found, -2)
                row += [roughness(phi), roughness(phi) / phi.abs().sum(-1).mean(-1)]
        table = torch.stack(row, -1).double()
        table[~(self.weights.isfinite().all(-1) & tested_loss.isfinite())] = torch.nan
        return table.numpy()


def _skill(called: Tensor, labels: Tensor) -> Tensor:
    pf, ar = labels == 1, labels == 0
    return (called & pf).sum(-1) / pf.sum(-1) - (called & ar).sum(-1) / ar.sum(-1)


def draw(
    count: int, draws: int, seed: int, member: int, epoch: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Draw for one epoch of a member.

    Returns
    -------
    order, baselines, alphas : ndarray, (n,), (n, draws), (n, draws)
        Places of the training spectra, those of their baselines, and the ways along the paths.
    """
    order = shuffled(np.arange(count), seed, member, epoch)
    rng = _generator(seed, member, epoch, 0)
    # So many places on around the ring of all spectra: never back to the same one.
    further = rng.integers(1, count, (count, draws))
    return order, (order[:, None] + further) % count, rng.random((count, draws), np.float32)


def _probe(known: Tensor, tested: Tensor, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the test spectra to watch, with baselines from the training set and alphas."""
    rng = _generator(seed, 0, 0, 1)
    watched = rng.choice(len(tested), min(PROBE, len(tested)), replace=False)
    size = watched.size, PROBE_DRAWS
    baselines = known[rng.integers(0, len(known), size)]
    return tested[watched], baselines, torch.from_numpy(rng.random(size, np.float32))


def _generator(seed: int, *key: int) -> np.random.Generator:
    # Keys of three numbers are no others': those of first weights and shuffles have two.
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def _checked_strengths(strengths: Sequence[float]) -> NDArray[np.float64]:
    try:
        sigma = np.asarray(strengths, np.float64)
    except (TypeError, ValueError):
        sigma = np.zeros(0)
    if sigma.ndim != 1 or not sigma.size:
        raise ExplanationError(
            f"The strengths {strengths!r} are no list of numbers: give one or more, as in [0, 1]."
        )
    wrong = sigma[~((sigma >= 0) & np.isfinite(sigma))]
    if wrong.size:
        raise ExplanationError(f"The strength {wrong[0]} is not from 0 to infinity: leave it out.")
    if np.unique(sigma).size < sigma.size:
        raise ExplanationError(f"A strength is twice in {strengths!r}: give each once.")
    return sigma
