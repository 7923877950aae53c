"""The playground as HTML in one piece: modules, style and data, with nothing from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from preflare.errors import BookError
from preflare.inlined import address, data_element

WEB = Path(__file__).parent / "web"
MODULES = ("data", "network", "explain", "profile", "draw", "words", "main")
AT_MOST = 2_500_000
"""Bytes. The theme and the text come on top, and a page should weigh 3 MB at most."""


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
    imports = {f"preflare/{name}": address(WEB / f"{name}.mjs") for name in MODULES}
    html = "\n".join(
        [
            f"<style>\n{(WEB / 'style.css').read_text(encoding='utf-8')}</style>",
            (WEB / "body.html").read_text(encoding="utf-8"),
            f'<script type="importmap">{json.dumps({"imports": imports})}</script>',
            data_element("pg-data", payload),
            '<script type="module">import { start } from "preflare/main"; start();</script>',
        ]
    )
    if len(html) > AT_MOST:
        raise BookError(
            f"The playground would weigh {len(html) / 1e6:.1f} MB, and {AT_MOST / 1e6:.1f} is the "
            "most: take fewer baselines, with Explainer.thinned, or fewer examples."
        )
    return html
