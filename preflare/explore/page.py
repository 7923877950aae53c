"""What a notebook shows to explore, as HTML in one piece, which reads nothing from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from preflare.inlined import address, data_element

WEB = Path(__file__).parent / "web"
SHARED = "./shared.mjs"
"""What modules import from: in a page, its address is the module itself."""


def html(name: str, payload: Mapping[str, Any]) -> str:
    """Return something to explore, all that it needs included.

    Parameters
    ----------
    name : str
        Of its body and its module under ``web``.
    payload : mapping
        What it shows, ready for JSON.
    """
    module = _text(f"{name}.mjs").replace(f'"{SHARED}"', json.dumps(address(WEB / "shared.mjs")))
    return "\n".join(
        [
            f"<style>\n{_text('style.css')}</style>",
            _text(f"{name}.html"),
            data_element(f"explore-{name}-data", payload),
            f'<script type="module">\n{module}</script>',
        ]
    )


def _text(name: str) -> str:
    return (WEB / name).read_text(encoding="utf-8")
