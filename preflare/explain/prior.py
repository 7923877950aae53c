"""The attribution prior of Eq. C.3: networks that are trained to have smooth explanations.

What is penalised are the expected gradients of Eq. C.2, estimated within each training step and
differentiated through, as by Erion et al. (2021, arXiv:1906.10670). They are of the PF logit by
default, as in the paper; see `train_with_prior` for how networks can evade that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from dask.base import compute
from dask.delayed import delayed
from numpy.typing import ArrayLike, NDArray

from preflare.errors import ExplanationError
from preflare.explain.outputs import WANTED
from preflare.kernels import prior as kernels
from preflare.kernels import training
from preflare.kernels.ahead import compile_ahead
from preflare.members import CURVES, Settings, Sides, first_weights, shuffled
from preflare.network_inputs import checked_labels, checked_spectra
from preflare.splits import Split
from preflare.training import sides_of

Output = Literal["logit", "log-odds"]

PROBE, PROBE_DRAWS = 128, 32
"""Test spectra whose attributions are watched, and draws for each of them."""
_ROUGHNESS = [f"{kind}{each} roughness" for each in get_args(Output) for kind in ("", "relative ")]
_COLUMNS = [*CURVES, *_ROUGHNESS]


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

    compile_ahead("usual")
    compile_ahead("prior")
    data = _Data(values, marks, side, *_probe(values, side, seed))
    networks = [
        _Network(float(each), member, settings, output, data)
        for each in sigma
        for member in range(members)
    ]
    options: dict[str, Any] = {} if workers is None else {"num_workers": workers}

    def together(tasks: Sequence[Any]) -> NDArray[np.float64]:
        return np.stack(compute(*tasks, scheduler="threads", **options))

    curves = [together([delayed(each.start, pure=False)() for each in networks])]
    for epoch in range(epochs):
        drawn = [draw(side.train.size, draws, seed, member, epoch) for member in range(members)]
        tasks = [
            delayed(each.epoch, pure=False, traverse=False)(*drawn[each.member])
            for each in networks
        ]
        curves.append(together(tasks))
        latest = curves[-1][:, 0]
        finite = latest[np.isfinite(latest)]
        loss = float(finite.mean()) if finite.size else float("nan")
        progress((epoch + 1) * latest.size, epochs * latest.size, loss)
    index = pd.MultiIndex.from_product(
        [sigma, range(members), range(epochs + 1)], names=["strength", "member", "epoch"]
    )
    table = np.stack(curves, axis=1).reshape(len(index), -1)
    weights = np.stack([each.weights for each in networks]).reshape(sigma.size, members, -1)
    return PriorTraining(sigma, weights, pd.DataFrame(table, index, _COLUMNS))


@dataclass(frozen=True, eq=False)
class _Data:
    """What all networks train on, and are watched on."""

    spectra: NDArray[np.float32]
    labels: NDArray[np.int8]
    side: Sides
    watched: NDArray[np.float32]
    baselines: NDArray[np.int64]
    alphas: NDArray[np.float32]

    def scores(
        self, counts: tuple[float, int, int], places: NDArray[np.int64]
    ) -> tuple[float, float]:
        """Return mean cross-entropy and TSS from sums over spectra; see `training.evaluate`."""
        loss, hits, alarms = counts
        pf = int(self.labels[places].sum())
        ar = places.size - pf
        return loss / places.size, hits / pf - alarms / ar if pf and ar else np.nan


class _Network:
    """One member at one strength."""

    def __init__(
        self, sigma: float, member: int, settings: Settings, output: Output, data: _Data
    ) -> None:
        self.member, self.weights = member, first_weights(settings.seed, member)
        self._mean, self._square = np.zeros_like(self.weights), np.zeros_like(self.weights)
        self._steps = 0
        self._sigma, self._settings, self._data = sigma, settings, data
        self._wanted = np.array(WANTED[output][0], np.float32)

    def start(self) -> NDArray[np.float64]:
        """Return the row of the curves before training, (8,)."""
        return self._row(self._evaluated(self._data.side.train))

    def epoch(
        self, order: NDArray[np.int64], others: NDArray[np.int64], alphas: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """Train through all spectra once and return the row of the curves; see `draw`."""
        data, places = self._data, self._data.side.train
        batch, rate = self._settings.batch, self._settings.rate
        given = (self.weights, self._mean, self._square, self._steps, data.spectra, data.labels)
        if self._sigma:
            prior = self._wanted, self._sigma, places[others], alphas
            counts = kernels.train_epoch(*given, places[order], batch, rate, *prior)
        else:  # The swarm's loops, for its networks to the bit.
            counts = training.train_epoch(*given, places[order], batch, rate, 0.0)
        self._steps += -(-order.size // batch)
        return self._row(data.scores(counts, places))

    def _evaluated(self, places: NDArray[np.int64]) -> tuple[float, float]:
        data = self._data
        counts = training.evaluate(self.weights, data.spectra, data.labels, places)
        return data.scores(counts, places)

    def _row(self, trained: tuple[float, float]) -> NDArray[np.float64]:
        tested = self._evaluated(self._data.side.test)
        if not (np.isfinite(self.weights).all() and np.isfinite(tested[0])):
            return np.full(len(_COLUMNS), np.nan)
        row = [trained[0], tested[0], trained[1], tested[1]]
        for output in get_args(Output):
            row += self._roughness(np.array(WANTED[output][0], np.float32))
        return np.array(row)

    def _roughness(self, wanted: NDArray[np.float32]) -> tuple[float, float]:
        """Return the watched spectra's mean roughness, and that relative to the size of phi."""
        data = self._data
        found = np.empty_like(data.watched)
        drawn = data.spectra, data.baselines, data.alphas
        kernels.attributions(self.weights, wanted, data.watched, *drawn, found)
        phi = found.astype(np.float64)
        with np.errstate(invalid="ignore"):  # A network on its way out has infinite slopes.
            rough = float(np.abs(np.diff(phi, axis=1)).sum(axis=1).mean())
            size = float(np.abs(phi).sum(axis=1).mean())
            return rough, rough / size if size else np.nan


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


def _probe(
    spectra: NDArray[np.float32], side: Sides, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]:
    """Return test spectra to watch, places of training spectra as their baselines, and alphas."""
    rng = _generator(seed, 0, 0, 1)
    watched = rng.choice(side.test.size, min(PROBE, side.test.size), replace=False)
    size = watched.size, PROBE_DRAWS
    baselines = side.train[rng.integers(0, side.train.size, size)]
    return spectra[side.test[watched]], baselines, rng.random(size, np.float32)


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
