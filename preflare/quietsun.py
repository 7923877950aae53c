"""The variational autoencoder that knows the quiet Sun, and flags what looks like it.

It learns to squeeze quiet-Sun spectra through four numbers and to draw them again from those. A
spectrum that it draws well is quiet; what it cannot draw is something else. Architecture and error
are those of the code published with Panos, Kleint & Zbinden (2023).
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from threadpoolctl import threadpool_limits
from torch import nn

from preflare.errors import CleaningError, reason
from preflare.rules import Rule
from preflare.spectrum import POINTS

LATENT = 4
BATCH = 64
LEARNING_RATE = 1e-3
BETA = 0.01
"""Weight of the divergence: a squared error of 1 counts as one unit of log likelihood only for
noise of order 1, and the spectra's is a hundredth of that."""
HELD_OUT = 0.2
"""Share of the quiet spectra that the training does not see."""
PASSED = 0.99
"""Share of the held-out quiet spectra that the threshold passes as quiet."""
AT_ONCE = 65_536

Spectra = NDArray[np.float32]


class Autoencoder(nn.Module):
    """A variational autoencoder of normalised spectra, (n, 240) to (n, 240)."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv1d(1, 10, 10, stride=10),
            nn.ReLU(),
            nn.Conv1d(10, 20, 6, stride=6),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(80, 50),
            nn.ReLU(),
        )
        self.mean = nn.Linear(50, LATENT)
        self.log_variance = nn.Linear(50, LATENT)
        self.decoder = nn.Sequential(
            nn.Linear(LATENT, 50),
            nn.ReLU(),
            nn.Linear(50, 80),
            nn.ReLU(),
            nn.Linear(80, POINTS),
            nn.Sigmoid(),
        )

    def encode(self, spectra: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and logarithm of the variance (n, 4) of the latent numbers."""
        hidden = self.encoder(spectra[:, None])
        return self.mean(hidden), self.log_variance(hidden)

    def forward(self, spectra: torch.Tensor) -> torch.Tensor:
        """Return the spectra as drawn from the means of their latent numbers."""
        return torch.as_tensor(self.decoder(self.encode(spectra)[0]))

    def loss(self, spectra: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Return the negative evidence lower bound, up to a constant (Kingma & Welling 2014).

        Reconstruction error summed over wavelengths plus the Kullback-Leibler divergence of the
        latent numbers from a standard normal, as a mean over spectra.
        """
        mean, log_variance = self.encode(spectra)
        noise = torch.randn(mean.shape, generator=generator)
        drawn = self.decoder(mean + noise * torch.exp(0.5 * log_variance))
        error = ((drawn - spectra) ** 2).sum(dim=1)
        divergence = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(dim=1)
        return (error + BETA * divergence).mean()


@dataclass(frozen=True)
class LearningCurve:
    """Mean reconstruction error after each epoch, on both parts of the quiet spectra."""

    train: NDArray[np.float64]
    held_out: NDArray[np.float64]


@dataclass(frozen=True)
class QuietSun:
    """A trained autoencoder and the error up to which a spectrum counts as quiet.

    Attributes
    ----------
    autoencoder : Autoencoder
        What was trained.
    threshold : float
        Sum of squared differences over the 240 points.
    curve : LearningCurve
        Of the training.

    Examples
    --------
    >>> import preflare as pf
    >>> quiet_sun = QuietSun.load(pf.shipped("swarm/quiet_sun.safetensors"))
    >>> flat = np.ones((1, 240), np.float32)
    >>> quiet_sun.errors(flat) > quiet_sun.threshold
    array([ True])
    """

    autoencoder: Autoencoder
    threshold: float
    curve: LearningCurve

    @classmethod
    def train(cls, quiet: Spectra, *, epochs: int = 30, seed: int = 0) -> QuietSun:
        """Train on quiet-Sun spectra and choose the threshold on those held out.

        Parameters
        ----------
        quiet : ndarray of float32, (n, 240)
            Normalised quiet-Sun spectra.
        epochs : int
            Passes over the spectra.
        seed : int
            Of the initial weights, the order of the spectra and the latent noise.

        Raises
        ------
        CleaningError
            If there are too few spectra or their shape is another.
        """
        quiet = np.asarray(quiet, np.float32)
        if quiet.ndim != 2 or quiet.shape[1] != POINTS or len(quiet) < 10 * BATCH:
            raise CleaningError(
                f"Quiet-Sun spectra have the shape {quiet.shape}: give at least {10 * BATCH} "
                f"with {POINTS} points."
            )
        if not np.isfinite(quiet).all():
            raise CleaningError(
                "Some quiet-Sun spectra hold values that are not numbers: give accepted ones only."
            )
        with _one_thread():
            return cls._trained(quiet, epochs, seed)

    @classmethod
    def _trained(cls, quiet: Spectra, epochs: int, seed: int) -> QuietSun:
        generator = torch.Generator().manual_seed(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            autoencoder = Autoencoder()
        order = torch.randperm(len(quiet), generator=generator)
        spectra = torch.from_numpy(quiet)[order]
        aside = int(HELD_OUT * len(quiet))
        held_out, train = spectra[:aside], spectra[aside:]
        optimizer = torch.optim.Adam(autoencoder.parameters(), LEARNING_RATE)
        progress = []
        for _ in range(epochs):
            for batch in torch.randperm(len(train), generator=generator).split(BATCH):
                optimizer.zero_grad()
                autoencoder.loss(train[batch], generator).backward()
                optimizer.step()
            progress.append(
                [_errors(autoencoder, part).mean() for part in (train.numpy(), held_out.numpy())]
            )
        curve = LearningCurve(*np.array(progress).T)
        threshold = float(np.quantile(_errors(autoencoder, held_out.numpy()), PASSED))
        return cls(autoencoder, threshold, curve)

    def save(self, path: Path) -> Path:
        """Store weights, threshold and learning curve in one safetensors file."""
        tensors = dict(self.autoencoder.state_dict())
        tensors["threshold"] = torch.tensor([self.threshold], dtype=torch.float64)
        tensors["curve"] = torch.from_numpy(np.stack([self.curve.train, self.curve.held_out]))
        path.write_bytes(save(tensors))
        return path

    @classmethod
    def load(cls, path: Path) -> QuietSun:
        """Read what `save` stored.

        Raises
        ------
        CleaningError
            If there is no such thing.
        """
        try:
            tensors = load_file(path)
            threshold, curve = tensors.pop("threshold"), tensors.pop("curve").numpy()
            autoencoder = Autoencoder()
            autoencoder.load_state_dict(tensors)
        except (OSError, SafetensorError, KeyError, RuntimeError) as error:
            raise CleaningError(
                f"{path} is no quiet-Sun autoencoder ({reason(error)}): remove it and train anew."
            ) from error
        return cls(autoencoder, float(threshold), LearningCurve(curve[0], curve[1]))

    def errors(self, spectra: Spectra) -> NDArray[np.float64]:
        """Return the reconstruction error of spectra (..., 240); nan where they are nan."""
        flat = np.ascontiguousarray(spectra, np.float32).reshape(-1, POINTS)
        return _errors(self.autoencoder, flat).reshape(spectra.shape[:-1])

    def flag(self, cube: xr.Dataset) -> xr.Dataset:
        """Set the quiet-Sun bit in a cube.

        Parameters
        ----------
        cube : xarray.Dataset
            A cleaned cube.

        Returns
        -------
        xarray.Dataset
            Lazy where the cube is, with `Rule.QUIET_SUN` in ``flags`` where the error is at most
            the threshold and in the attribute ``tried``; spectra that the cube's rules now reject
            are nan.
        """
        rejects = bool(cube.attrs["reject"] & Rule.QUIET_SUN)
        changed = xr.apply_ufunc(
            partial(self._flag_block, rejects=rejects),
            cube["intensity"],
            cube["flags"],
            input_core_dims=[["wavelength"], []],
            output_core_dims=[["wavelength"], []],
            dask="parallelized",
            output_dtypes=[np.float32, np.uint8],
        )
        flagged = cube.copy()
        for name, values in zip(("intensity", "flags"), changed, strict=True):
            flagged[name] = values.assign_attrs(cube[name].attrs)
        flagged.attrs["tried"] |= int(Rule.QUIET_SUN)
        return flagged

    def _flag_block(
        self, spectra: Spectra, flags: NDArray[np.uint8], *, rejects: bool
    ) -> tuple[Spectra, NDArray[np.uint8]]:
        """Flag spectra (..., 240), in one thread: there are other blocks for other threads."""
        with _one_thread(), np.errstate(invalid="ignore"):
            quiet = self.errors(spectra) <= self.threshold
        flags = np.where(quiet, flags | np.uint8(Rule.QUIET_SUN), flags)
        if rejects:
            spectra = np.where(quiet[..., None], np.float32(np.nan), spectra)
        return spectra, flags


def _one_thread() -> AbstractContextManager[Any]:
    """Keep torch to the thread that calls.

    How a sum is shared out among threads decides its last bits, and a training carries these on to
    all digits. Nor would more threads gain anything, with products as small as these.
    """
    torch.get_num_threads()  # At the first such call in a thread, torch undoes what is set here.
    return threadpool_limits(1, user_api="openmp")


def _errors(autoencoder: Autoencoder, spectra: Spectra) -> NDArray[np.float64]:
    errors = np.empty(len(spectra))
    with torch.no_grad():
        for first in range(0, len(spectra), AT_ONCE):
            part = torch.from_numpy(spectra[first : first + AT_ONCE])
            errors[first : first + AT_ONCE] = ((autoencoder(part) - part) ** 2).sum(dim=1).numpy()
    return errors
