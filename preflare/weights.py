"""Weights on disk: safetensors files that say which architecture they are of."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from preflare.atomic import atomically, cleared_away
from preflare.errors import NetworkError, reason
from preflare.notices import notice

ARCHITECTURE = "ConvNet 240 (2,74) (4,22) (4,11) 44 5 2"
CHECKSUM = "sha256"
"""Of the tensors and what is said of them, among that."""
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
        own = {"architecture": ARCHITECTURE, **about}
        said = json.dumps({**own, CHECKSUM: _checksum(rows, own)}, sort_keys=True)
        # Of bytes, for what safetensors raises on a full disk is no error of the system's.
        place.write_bytes(save(rows, {ENTRY: said}))


def read_weights(path: Path) -> tuple[Tensors, dict[str, Any]]:
    """Read what `write_weights` wrote.

    Raises
    ------
    NetworkError
        If the file cannot be read, is cut short or damaged, or is of another architecture.
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
    recorded = about.pop(CHECKSUM, None)
    if recorded is not None and recorded != _checksum(tensors, about):
        raise NetworkError(f"{path} is damaged: give another copy, or make it again.")
    return tensors, about


def without_damage(path: Path) -> Path:
    """Return the path of an interrupted training's store, after removing one that is damaged.

    Raises
    ------
    NetworkError
        If it cannot be removed.
    """
    try:
        if os.path.lexists(path):
            read_weights(path)
    except NetworkError:
        notice(f"{path} is damaged: the training that it was kept for begins anew.")
        try:
            cleared_away(path)
        except OSError as refusal:
            raise NetworkError(
                f"{path} is damaged and cannot be removed ({reason(refusal)}): remove it."
            ) from refusal
    return path


def _checksum(tensors: Tensors, about: dict[str, Any]) -> str:
    total = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name, array in sorted(tensors.items()):
        total.update(f"{name} {array.dtype} {array.shape}".encode())
        total.update(np.ascontiguousarray(array).data)
    return total.hexdigest()
