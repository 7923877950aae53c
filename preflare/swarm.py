"""Swarm: many small networks trained, asked, saved and loaded as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from dask.base import compute
from dask.delayed import delayed
from numpy.typing import ArrayLike, NDArray
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from preflare.errors import NetworkError
from preflare.kernels import training as kernels
from preflare.kernels.ahead import compile_ahead
from preflare.kernels.convnet import WEIGHTS
from preflare.members import CHECKPOINTS, CURVES, Members, Settings
from preflare.network import ConvNet
from preflare.network_inputs import checked_labels, checked_spectra
from preflare.scheduler import running
from preflare.splits import Split
from preflare.training import check_backend, identity_of, sides_of, train
from preflare.weights import read_weights, write_weights

Checkpoint = Literal["lowest test loss", "lowest mean loss", "last"]

AT_ONCE = 16_384


@dataclass(frozen=True)
class Swarm:
    """Networks of the architecture of `preflare.ConvNet`, the members.

    Attributes
    ----------
    weights : ndarray of float32, (members, 363)
        In the order of ``ConvNet().parameters()``.
    members : Members or None
        How they came about: learning curves and the weights kept on the way. None for networks
        that were trained elsewhere.
    settings : Settings or None
        How they were trained.

    Examples
    --------
    >>> swarm = Swarm.from_modules([ConvNet(), ConvNet(), ConvNet()])
    >>> len(swarm)
    3
    >>> swarm.predict(np.ones((5, 240))).shape
    (3, 5)
    """

    weights: NDArray[np.float32]
    members: Members | None = None
    settings: Settings | None = None

    @classmethod
    def train(
        cls,
        spectra: ArrayLike,
        labels: ArrayLike,
        splits: Split | Sequence[Split] | None = None,
        *,
        members: int | None = None,
        epochs: int = 100,
        seed: int = 0,
        batch: int = 64,
        learning_rate: float = 1e-3,
        penalty: float = 0.0,
        patience: int | None = None,
        checkpoint: str | Path | None = None,
        backend: Literal["compiled", "torch"] = "compiled",
        device: str = "cpu",
        workers: int | None = None,
        scheduler: str | None = None,
        progress: Callable[[int, int, float], None] = lambda done, total, loss: None,
    ) -> Swarm:
        """Train a swarm (Panos et al. 2023, sections 3, 6 and 7).

        Each member starts from its own weights and shuffles its spectra in its own way, with the
        Adam optimiser on the cross-entropy of Eq. 1. The same seed gives the same members, to the
        bit, whatever the number of workers.

        Parameters
        ----------
        spectra : array, (n, 240)
            Normalised profiles.
        labels : array, (n,)
            1 for PF and 0 for AR.
        splits : Split or sequence of Split, optional
            Which spectra to train on, and which to test on after every epoch. One split for all
            members, or one for each. Without any, all spectra are trained on and none tested.
        members : int, optional
            How many. Default: as many as splits are given in a sequence, else 50.
        epochs : int
            Passes over the training spectra.
        seed : int
            Every draw follows from it.
        batch : int
            Spectra a step.
        learning_rate : float
            Of Adam.
        penalty : float
            lambda of Eq. 1. The published code has none.
        patience : int, optional
            Abandon a member after so many epochs without a lower test loss. Default: never.
        checkpoint : path, optional
            File that stores the training as it goes. If it is there, the training goes on from
            it, and ends with the same bits as one that was not interrupted. It is removed in the
            end.
        backend : {"compiled", "torch"}
            Compiled loops that share the members out over the cores, or torch for all at once.
        device : str
            Where torch computes, such as ``"cuda"``.
        workers : int, optional
            Threads of the compiled loops. Default: as many as there are cores.
        scheduler : str, optional
            Where to train: ``"threads"`` of this machine, or a dask cluster by the address of its
            scheduler, which takes a member a task, or with the backend ``"torch"`` all in one.
            Default: `$PREFLARE_SCHEDULER`, else threads.
        progress : callable
            Called with the number of epochs done by all members together, their total, and the
            mean of the members' latest training losses.

        Returns
        -------
        Swarm
            With the weights of the lowest test loss, or the last ones if there was no test.

        Raises
        ------
        ClusterError
            If there is no such cluster, or it cannot be used.
        NetworkError
            If spectra, labels, splits or settings make no sense, or the checkpoint belongs to
            another training or cannot be written.
        """
        values = checked_spectra(spectra)
        marks = checked_labels(labels, len(values))
        with running(scheduler) as tasks:
            tasks.each(check_backend, [(backend, device)], wide=True)
        settings = Settings(epochs, seed, batch, learning_rate, penalty, patience)
        sides = sides_of(splits, members, marks)
        identity = identity_of(values, marks, sides, settings, backend)
        store = None if checkpoint is None else Path(checkpoint)
        begun = Members.new(sides, settings)
        if store is not None and store.exists():
            tensors, about = read_weights(store)
            if about.get("identity") != identity:
                raise NetworkError(
                    f"{store} is of a training with other spectra, splits or settings: "
                    "remove it, or name another checkpoint."
                )
            begun = Members(**tensors)

        def after_round(now: Members) -> None:
            if store is not None:
                write_weights(store, now.arrays(), {"identity": identity})
            latest = now.curves[np.arange(len(now)), np.maximum(now.epochs - 1, 0), 0]
            finite = latest[np.isfinite(latest)]
            loss = float(finite.mean()) if finite.size else float("nan")
            progress(int(now.epochs.sum()), len(now) * epochs, loss)

        done = train(
            begun,
            values,
            marks,
            sides,
            settings,
            backend=backend,
            device=device,
            workers=workers,
            scheduler=scheduler,
            after_round=after_round,
        )
        if store is not None:
            store.unlink(missing_ok=True)
        return cls(done.weights, done, settings).at(
            "lowest test loss" if done.tested.all() else "last"
        )

    @classmethod
    def from_modules(cls, modules: Sequence[torch.nn.Module]) -> Swarm:
        """Take the weights of torch modules.

        Raises
        ------
        NetworkError
            If there is none, or one is no `preflare.ConvNet`.
        """
        if not modules:
            raise NetworkError("There is no module to make a swarm of: give one ConvNet or more.")
        for place, module in enumerate(modules):
            if not isinstance(module, ConvNet):
                raise NetworkError(
                    f"Module {place} is a {type(module).__name__}: a swarm is made of ConvNets."
                )
        rows = [parameters_to_vector(module.parameters()).detach() for module in modules]
        return cls(torch.stack(rows).cpu().float().numpy())

    def modules(self) -> list[ConvNet]:
        """Return each member as a torch module, in evaluation mode."""
        modules = []
        for row in self.weights:
            module = ConvNet()
            vector_to_parameters(torch.from_numpy(row.copy()), module.parameters())
            modules.append(module.eval())
        return modules

    def __len__(self) -> int:
        return len(self.weights)

    def at(self, checkpoint: Checkpoint) -> Swarm:
        """Return the swarm as it was at a moment of its training.

        Raises
        ------
        NetworkError
            If that moment was not kept.
        """
        trained = self._trained
        place = _checkpoint(checkpoint)
        if place < CHECKPOINTS.index("last") and not trained.tested.all():
            raise NetworkError(
                f"There is no {checkpoint}, for the swarm was trained without a test: "
                "ask for 'last', or train it with a split."
            )
        return Swarm(trained.kept[:, place].copy(), trained, self.settings)

    def some(self, which: Sequence[int] | NDArray[Any]) -> Swarm:
        """Return a swarm of some of the members."""
        chosen = np.asarray(which)
        kept = None if self.members is None else self.members.some(chosen)
        return Swarm(self.weights[chosen], kept, self.settings)

    def curves(self) -> pd.DataFrame:
        """Return the learning curves.

        Returns
        -------
        pandas.DataFrame
            Columns `preflare.members.CURVES`, index (member, epoch); epochs count from 1. The
            training loss is a mean over the epoch, the test loss is taken at its end.
        """
        curves = self._trained.curves
        index = pd.MultiIndex.from_product(
            [range(len(curves)), range(1, curves.shape[1] + 1)], names=["member", "epoch"]
        )
        return pd.DataFrame(curves.reshape(len(index), -1), index, list(CURVES))

    def report(self, checkpoint: Checkpoint = "lowest test loss") -> pd.DataFrame:
        """Say how each member fared.

        Parameters
        ----------
        checkpoint : str
            The moment to look at; without a test, the last one.

        Returns
        -------
        pandas.DataFrame
            One row a member: ``epoch`` of the checkpoint, from 1; the `preflare.members.CURVES`
            there; and ``condition``:

            - ``"diverged"``: its weights are no longer finite; where no epoch before that was
              kept, they are nan, and so are its predictions
            - ``"dead"``: it calls all spectra by one class, TSS 0
            - ``"abandoned"``: it was stopped before the last epoch
            - ``"trained"``: none of these
        """
        trained, place = self._trained, _checkpoint(checkpoint)
        if not trained.tested.all():
            place = CHECKPOINTS.index("last")
        epoch = trained.kept_epoch[:, place]
        rows = trained.curves[np.arange(len(trained)), np.maximum(epoch, 0)]
        table = pd.DataFrame(rows, columns=list(CURVES)).rename_axis("member")
        table.insert(0, "epoch", epoch + 1)
        tss = table["test tss"].where(table["test tss"].notna(), table["train tss"])
        finite = np.isfinite(trained.weights).all(axis=1)
        table["condition"] = np.select(
            [~finite | (epoch < 0), tss == 0, trained.epochs < trained.curves.shape[1]],
            ["diverged", "dead", "abandoned"],
            "trained",
        )
        return table

    def predict(self, spectra: ArrayLike, *, workers: int | None = None) -> NDArray[np.float32]:
        """Return each member's probability that spectra are PF.

        Parameters
        ----------
        spectra : array, (n, 240)
            Normalised profiles.
        workers : int, optional
            Threads. Default: as many as there are cores.

        Returns
        -------
        ndarray of float32, (members, n)

        Raises
        ------
        NetworkError
            If the spectra do not fit.
        """
        values = checked_spectra(spectra)
        compile_ahead()
        logits = np.empty((len(self), len(values)), np.float32)
        task = delayed(kernels.logits, pure=False, traverse=False)
        tasks = [
            task(row, values[start : start + AT_ONCE], out[start : start + AT_ONCE])
            for start in range(0, len(values), AT_ONCE)
            for row, out in zip(self.weights, logits, strict=True)
        ]
        # Threads, whatever else dask is told to use: they fill the array in place.
        options: dict[str, Any] = {} if workers is None else {"num_workers": workers}
        compute(*tasks, scheduler="threads", **options)
        with np.errstate(over="ignore"):
            return np.asarray(1.0 / (1.0 + np.exp(-logits)), np.float32)

    def save(self, path: str | Path) -> Path:
        """Store weights, learning curves and settings in one safetensors file.

        Raises
        ------
        NetworkError
            If it cannot be written.
        """
        path = Path(path)
        tensors: dict[str, NDArray[Any]] = {"weights": self.weights}
        if self.members is not None:
            tensors |= {f"training.{k}": v for k, v in self.members.arrays().items()}
        about = {} if self.settings is None else {"settings": asdict(self.settings)}
        write_weights(path, tensors, about)
        return path

    @classmethod
    def load(cls, path: str | Path) -> Swarm:
        """Read what `save` stored.

        Raises
        ------
        NetworkError
            If the file cannot be read, is cut short, or holds something else.
        """
        tensors, about = read_weights(Path(path))
        weights = tensors.pop("weights", np.zeros(0))
        if weights.ndim != 2 or weights.shape[1] != WEIGHTS or weights.dtype != np.float32:
            raise NetworkError(
                f"{path} holds weights of shape {weights.shape}: "
                f"a swarm of ConvNets has (members, {WEIGHTS})."
            )
        settings = Settings(**about["settings"]) if "settings" in about else None
        kept = {
            name.removeprefix("training."): array
            for name, array in tensors.items()
            if name.startswith("training.")
        }
        return cls(weights, Members(**kept) if kept else None, settings)

    @property
    def _trained(self) -> Members:
        if self.members is None:
            raise NetworkError(
                "The swarm was made of finished networks and knows nothing of their training: "
                "train one with Swarm.train."
            )
        return self.members


def _checkpoint(name: str) -> int:
    if name not in CHECKPOINTS:
        raise NetworkError(f"There is no checkpoint {name!r}: choose {', '.join(CHECKPOINTS)}.")
    return CHECKPOINTS.index(name)
