"""A playground as HTML: modules, style and data in one piece, which reads nothing from elsewhere.

A page from disk may neither import module files nor fetch anything. So the modules travel in an
import map, as ``data:`` addresses, and the arrays as base64 in a script element that holds JSON.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from preflare.errors import BookError

WEB = Path(__file__).parent / "web"
MODULES = ("data", "network", "explain", "profile", "draw", "words", "main")
AT_MOST = 2_500_000
"""Bytes. The theme and the text come on top, and a page should weigh 3 MB at most."""


def packed(values: ArrayLike, kind: str) -> dict[str, Any]:
    """Return an array as ``web/data.mjs`` unpacks it.

    Parameters
    ----------
    values : array_like
    kind : {"float16", "float32", "float64", "uint16"}
        What its numbers are stored as.

    Returns
    -------
    dict
        ``type``, ``shape``, and ``data``: little-endian bytes in base64.

    Examples
    --------
    >>> packed([1.0, 2.0], "float16")
    {'type': 'float16', 'shape': (2,), 'data': 'ADwAQA=='}
    """
    array = np.asarray(values).astype(np.dtype(kind).newbyteorder("<"))
    return {"type": kind, "shape": array.shape, "data": b64encode(array.tobytes()).decode()}


def page(payload: Mapping[str, Any]) -> str:
    """Return a playground, all that it needs included.

    Parameters
    ----------
    payload : mapping
        What the modules show, ready for JSON.

    Raises
    ------
    BookError
        If that is too heavy for a page.
    """
    # Nothing in the JSON may end the script element that holds it.
    data = json.dumps(payload, separators=(",", ":")).replace("<", "\\u003c")
    imports = {f"preflare/{name}": _address(WEB / f"{name}.mjs") for name in MODULES}
    html = "\n".join(
        [
            f"<style>\n{_text('style.css')}</style>",
            _text("body.html"),
            f'<script type="importmap">{json.dumps({"imports": imports})}</script>',
            f'<script type="application/json" id="pg-data">{data}</script>',
            '<script type="module">import { start } from "preflare/main"; start();</script>',
        ]
    )
    if len(html) > AT_MOST:
        raise BookError(
            f"The playground would weigh {len(html) / 1e6:.1f} MB, and {AT_MOST / 1e6:.1f} is the "
            "most: take fewer baselines, with Explainer.thinned, or fewer examples."
        )
    return html


def _address(module: Path) -> str:
    return f"data:text/javascript;base64,{b64encode(module.read_bytes()).decode()}"


def _text(name: str) -> str:
    return (WEB / name).read_text(encoding="utf-8")
