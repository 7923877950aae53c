"""Have the loops compiled once, by a process of its own, for all others to read.

The process that compiles a loop runs other machine code than those that read the result from
numba's cache: sums are taken in another order, and last digits differ. So that the same seed gives
the same bits everywhere on a machine, every process is to read.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Literal

import llvmlite.binding
import numba
import numpy as np

from preflare.atomic import alone
from preflare.errors import NetworkError
from preflare.kernels import explaining, prior, training
from preflare.kernels.convnet import BLOCK, POINTS, WEIGHTS

Loops = Literal["usual", "prior"]


@lru_cache
def compile_ahead(loops: Loops = "usual") -> None:
    """Compile loops in another process, unless that was done for these sources before.

    Parameters
    ----------
    loops : {"usual", "prior"}
        Those that train and explain swarms, or those that train with the attribution prior.

    Raises
    ------
    NetworkError
        If that process fails.
    """
    made_of = [numba.__version__, llvmlite.binding.get_host_cpu_name()]
    made_of += [path.read_text() for path in sorted(Path(__file__).parent.glob("*.py"))]
    key = hashlib.sha256("\n".join(made_of).encode()).hexdigest()[:16]
    stamp = Path(str(training.train_epoch.stats.cache_path)) / f"ahead-{loops}-{key}"
    if stamp.exists():
        return
    with alone(stamp):
        if not stamp.exists():
            _compile(loops)
            with suppress(OSError):
                stamp.touch()


def _compile(loops: Loops) -> None:
    use = f"_use_{loops}"
    process = subprocess.run(
        [sys.executable, "-c", f"from preflare.kernels.ahead import {use}; {use}()"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        said = process.stderr.strip().splitlines() or ["no reason given"]
        raise NetworkError(f"The loops do not compile ({said[-1]}): choose the backend 'torch'.")


def _use_usual() -> None:
    """Call every loop with arrays of the types that a swarm has."""
    weights = np.zeros(WEIGHTS, np.float32)
    spectra = np.zeros((BLOCK, POINTS), np.float32)
    labels, places = np.zeros(BLOCK, np.int8), np.arange(BLOCK)
    state = weights, np.zeros_like(weights), np.zeros_like(weights), 0
    training.train_epoch(*state, spectra, labels, places, BLOCK, 1e-3, 0.0)
    training.evaluate(weights, spectra, labels, places)
    training.logits(weights, spectra, np.zeros(BLOCK, np.float32))
    wanted, alphas = np.zeros(2, np.float32), np.zeros(BLOCK, np.float32)
    explaining.outputs(weights, wanted, False, spectra, np.zeros(BLOCK, np.float32))
    sums = np.zeros_like(spectra), np.zeros_like(spectra), np.zeros((BLOCK, BLOCK), np.float32)
    explaining.expected_gradients(weights, wanted, False, spectra, places, alphas, spectra, *sums)
    wide, mean = np.zeros((BLOCK, POINTS)), np.zeros(POINTS)
    explaining.attributed(spectra, sums[0], sums[1], mean, mean, BLOCK, True, wide)
    explaining.variances(sums[0], sums[2], spectra, places, True, np.zeros(BLOCK))
    explaining.grad_cam(weights[None], 1, False, spectra, np.zeros((1, BLOCK, 22), np.float32))


def _use_prior() -> None:
    """Call the loops of the attribution prior in the same way."""
    weights, wanted = np.zeros(WEIGHTS, np.float32), np.zeros(2, np.float32)
    state = weights, np.zeros_like(weights), np.zeros_like(weights), 0
    spectra = np.zeros((BLOCK, POINTS), np.float32)
    labels, places = np.zeros(BLOCK, np.int8), np.arange(BLOCK)
    drawn, ways = np.zeros((BLOCK, 1), np.int64), np.zeros((BLOCK, 1), np.float32)
    given = spectra, labels, places, BLOCK, 1e-3
    prior.train_epoch(*state, *given, wanted, 1.0, drawn, ways)
    prior.attributions(weights, wanted, spectra, spectra, drawn, ways, np.zeros_like(spectra))
