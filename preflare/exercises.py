"""Answers to the book's exercises: checked without being told.

`data/exercises.yaml` keeps, for each exercise with a number for an answer, slow hashes of the
numbers that count as right. They keep an answer from being read, not from being guessed.
`preflare.answers` makes them from the solutions.
"""

from __future__ import annotations

import hashlib
import math
import secrets
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import yaml

from preflare.errors import ExerciseError
from preflare.shipped import shipped

CHECKS = "exercises.yaml"
CLOSE = 5
"""Times the tolerance: an answer that is off by no more is called close."""

Check = dict[str, Any]
"""What is kept of an answer: its tolerance, a salt, and hashes of what is right and what close."""


@dataclass(frozen=True, repr=False)
class Reply:
    """What there is to say of an answer. A notebook shows the text, and `if` takes it for a bool.

    Attributes
    ----------
    right : bool
    text : str
    """

    right: bool
    text: str

    def __bool__(self) -> bool:
        return self.right

    def __repr__(self) -> str:
        return self.text


def check(exercise: str, answer: float) -> Reply:
    """Tell whether an answer is right, without telling the answer.

    Parameters
    ----------
    exercise : str
        As the exercise names it, such as ``"convnet-2"``.
    answer : float

    Returns
    -------
    Reply

    Raises
    ------
    ExerciseError
        If there is no such exercise, or the answer is not one number.

    Examples
    --------
    >>> check("convnet-2", 1)
    Not yet.
    """
    known = checks()
    if exercise not in known:
        raise ExerciseError(
            f"No exercise {exercise!r} has an answer to check: those that have are "
            f"{', '.join(known)}."
        )
    return reply(number(answer), known[exercise])


def made(value: float, within: float) -> Check:
    """Make what is kept of an answer.

    Parameters
    ----------
    value : float
    within : float
        How far off an answer may be to count as right: it surely counts up to there, and surely
        does not beyond one and a half times as far. 0 for whole numbers, which must be exact.

    Returns
    -------
    dict
    """
    salt = secrets.token_hex(8)
    kept: Check = {"within": within, "salt": salt}
    for level, reach in (("right", within), ("close", CLOSE * within)):
        lowest, highest = (_cell(value + side * reach, reach) for side in (-1, 1))
        cells = range(lowest, highest + 1) if within or level == "right" else ()
        kept[level] = sorted(_hash(f"{level} {cell}", salt) for cell in cells)
    return kept


def reply(value: float, kept: Check) -> Reply:
    """Compare a number with what is kept of an answer."""
    within, salt = kept["within"], kept["salt"]
    if not within and not value.is_integer():
        return Reply(False, "Not yet: the answer is a whole number.")
    if _hash(f"right {_cell(value, within)}", salt) in kept["right"]:
        return Reply(True, "Right.")
    if within and _hash(f"close {_cell(value, CLOSE * within)}", salt) in kept["close"]:
        return Reply(False, f"Close, but not yet: off by more than {within:g}.")
    return Reply(False, "Not yet.")


def number(answer: Any) -> float:
    """Take one finite number in any form: Python's, numpy's or torch's.

    Raises
    ------
    ExerciseError
        If it is anything else.
    """
    try:
        found = answer.item() if hasattr(answer, "item") else answer
    except (ValueError, RuntimeError):  # of numpy and of torch, if there are several
        found = None
    if type(found) in (int, float) and math.isfinite(found):
        return float(found)
    raise ExerciseError(f"{answer!r} cannot be checked: give one finite number.")


@lru_cache(maxsize=1)
def checks() -> dict[str, Check]:
    """Read what is kept of all answers, by exercise."""
    kept: dict[str, Check] = yaml.safe_load(shipped(CHECKS).read_text(encoding="utf-8"))
    return kept


def _cell(value: float, reach: float) -> int:
    """Count half tolerances up to a value; all whole numbers within reach are kept."""
    return math.floor(value / (reach / 2 or 1) + 0.5)


def _hash(text: str, salt: str) -> str:
    """Hash slowly, so that trying all numbers takes a while."""
    return hashlib.scrypt(text.encode(), salt=salt.encode(), n=2**14, r=8, p=1, dklen=12).hex()
