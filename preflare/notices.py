"""What a person should know and need not act on: one sentence, by Python's logging."""

from __future__ import annotations

import logging
import os
from pathlib import Path

ENVIRONMENT = "PREFLARE_NOTICES"
"""Environment variable that names a file for them, where standard error belongs to a page."""
PREFIX = "preflare: "
"""Begins each line of that file."""

_log = logging.getLogger("preflare")


def notice(sentence: str) -> None:
    """Tell a sentence: on standard error, unless logging or the environment says otherwise.

    It is no warning of Python's, for those who make errors of warnings.

    Parameters
    ----------
    sentence : str
    """
    file = os.environ.get(ENVIRONMENT)
    if file:
        with Path(file).open("a", encoding="utf-8") as stream:
            stream.write(f"{PREFIX}{sentence}\n")
    else:
        _log.warning("%s", sentence)
