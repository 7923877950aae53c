"""Weights on disk: safetensors files that say which architecture they are of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from preflare.atomic import atomically
from preflare.errors import NetworkError, reason

ARCHITECTURE = "ConvNet 240 (2,74) (4,22) (4,11) 44 5 2"
ENTRY = "preflare"
"""Of a file's metadata: JSON, with the architecture and more."""

Tensors = dict[str, NDArray[Any]]


def write_weights(path: Path, tensors: Tensors, about: dict[str, Any]) -> None:
    """Write tensors and what is to be said about them, whole or not at all.

    Raises
    ------
    NetworkError
        If the file cannot be written.
    """
    with atomically(path, NetworkError) as place:
        rows = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
        # One entry only: safetensors writes several in any order, and bytes would differ.
        said = json.dumps({"architecture": ARCHITECTURE, **about}, sort_keys=True)
        save_file(rows, place, {ENTRY: said})


def read_weights(path: Path) -> tuple[Tensors, dict[str, Any]]:
    """Read what `write_weights` wrote.

    Raises
    ------
    NetworkError
        If the file cannot be read, is cut short, or is of another architecture.
    """
    try:
        with safe_open(path, "numpy") as stored:
            about = json.loads((stored.metadata() or {}).get(ENTRY, "{}"))
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError) as error:
        raise NetworkError(
            f"{path} cannot be read as weights ({reason(error)}): "
            "give a file that Swarm.save has written."
        ) from error
    if about.get("architecture") != ARCHITECTURE:
        raise NetworkError(
            f"{path} holds weights of another architecture "
            f"({about.get('architecture', 'unnamed')}): a swarm needs {ARCHITECTURE}."
        )
    return tensors, about
