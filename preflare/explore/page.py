"""What a notebook shows to explore, as HTML in one piece, which reads nothing from elsewhere.

A page from disk may neither import module files nor fetch anything. So its module travels in the
page, and arrays as base64 in a script element that holds JSON.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

WEB = Path(__file__).parent / "web"
SHARED = "./shared.mjs"
"""What modules import from: in a page, its address is the module itself."""


def packed(values: ArrayLike, kind: str) -> dict[str, Any]:
    """Return an array as ``web/data.mjs`` unpacks it.

    Parameters
    ----------
    values : array_like
    kind : {"float32", "uint8", "int8"}
        What its numbers are stored as.

    Returns
    -------
    dict
        ``type``, ``shape``, and ``data``: little-endian bytes in base64.
    """
    array = np.asarray(values).astype(np.dtype(kind).newbyteorder("<"))
    return {"type": kind, "shape": array.shape, "data": b64encode(array.tobytes()).decode()}


def html(name: str, payload: Mapping[str, Any]) -> str:
    """Return something to explore, all that it needs included.

    Parameters
    ----------
    name : str
        Of its body and its module under ``web``.
    payload : mapping
        What it shows, ready for JSON.
    """
    # Nothing in the JSON may end the script element that holds it.
    data = json.dumps(payload, separators=(",", ":")).replace("<", "\\u003c")
    module = _text(f"{name}.mjs").replace(f'"{SHARED}"', json.dumps(_address(WEB / "shared.mjs")))
    return "\n".join(
        [
            f"<style>\n{_text('style.css')}</style>",
            _text(f"{name}.html"),
            f'<script type="application/json" id="explore-{name}-data">{data}</script>',
            f'<script type="module">\n{module}</script>',
        ]
    )


def _text(name: str) -> str:
    return (WEB / name).read_text(encoding="utf-8")


def _address(module: Path) -> str:
    return "data:text/javascript;base64," + b64encode(module.read_bytes()).decode()
