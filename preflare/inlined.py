"""What modules in a page need, in the page itself.

A page from disk may neither import module files nor fetch anything. So modules travel in it as
``data:`` addresses, and arrays as base64 in a script element that holds JSON.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def packed(values: ArrayLike, kind: str) -> dict[str, Any]:
    """Return an array as modules unpack it.

    Parameters
    ----------
    values : array_like
    kind : {"float16", "float32", "float64", "uint16", "uint8", "int8"}
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


def address(module: Path) -> str:
    """Return the address of a module that stands in the address itself."""
    return f"data:text/javascript;base64,{b64encode(module.read_bytes()).decode()}"


def data_element(name: str, payload: Mapping[str, Any]) -> str:
    """Return a script element that holds JSON.

    Parameters
    ----------
    name : str
        The element's id.
    payload : mapping
        Ready for JSON.
    """
    # Nothing in the JSON may end the element.
    data = json.dumps(payload, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json" id="{name}">{data}</script>'
