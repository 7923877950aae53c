"""Arrays that were stored as npz, read without a pickle: an array of objects is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from preflare.errors import PreflareError, reason


@contextmanager
def stored_arrays(
    path: Path, error: type[PreflareError], what: str, cure: str
) -> Iterator[Mapping[str, NDArray[Any]]]:
    """Open an npz file to make something of its arrays.

    Parameters
    ----------
    path : pathlib.Path
    error : type
        What to raise if that cannot be done.
    what : str
        What the file should hold, with an article.
    cure : str
        What a person should do.

    Yields
    ------
    mapping of str to ndarray
        Read when asked for.

    Raises
    ------
    PreflareError
        As `error`, if the file cannot be read, holds objects, or lacks what is asked for.
    """
    try:
        # Opened here, because numpy leaves a file open that it cannot read.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            yield stored
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile) as refusal:
        raise error(f"{path} cannot be read as {what} ({reason(refusal)}): {cure}.") from refusal
