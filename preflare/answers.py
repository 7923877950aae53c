"""Answers that the solutions find, and the checks that are made from them.

``python -m preflare.answers`` makes the checks anew from the solutions that were run last.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

from preflare.errors import ExerciseError
from preflare.exercises import CHECKS, Check, checks, made, number, reply
from preflare.shipped import shipped

_METADATA = "preflare-answer"
"""Where an output's metadata keep the `Answer` that it shows."""
_HEADER = "# Salted hashes of right answers, made from the solutions: python -m preflare.answers\n"


@dataclass(frozen=True)
class Answer:
    """The answer of a solution.

    Attributes
    ----------
    exercise : str
    value : float
    within : float
        See `preflare.exercises.made`.
    """

    exercise: str
    value: float
    within: float

    @property
    def holds(self) -> bool:
        """Whether the exercise's check accepts it, with this tolerance."""
        kept = checks().get(self.exercise)
        return bool(kept and kept["within"] == self.within and reply(self.value, kept))


def solved(exercise: str, answer: float, within: float = 0.0) -> None:
    """Show the answer that a solution found, and leave it in the notebook.

    Parameters
    ----------
    exercise : str
    answer : float
    within : float
        See `preflare.exercises.made`.

    Raises
    ------
    ExerciseError
        If the answer is not one number, or has to be exact and is not whole.
    """
    from IPython.display import display

    found = Answer(exercise, number(answer), within)
    if not within and not found.value.is_integer():
        raise ExerciseError(f"The answer to {exercise} is not whole: say what it is right within.")
    about = f"Answer to {exercise}: {found.value:.6g}{f', within {within:g}' if within else ''}."
    display({"text/plain": about}, raw=True, metadata={_METADATA: vars(found)})


def answers(notebooks: Iterable[Path]) -> list[Answer]:
    """Read back what solutions found.

    Parameters
    ----------
    notebooks : iterable of pathlib.Path
        Executed.

    Returns
    -------
    list of Answer
    """
    outputs = (
        output
        for path in notebooks
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        for output in cell.get("outputs", [])
    )
    kept = (output.get("metadata", {}).get(_METADATA) for output in outputs)
    return [Answer(**each) for each in kept if each]


def outdated(found: list[Answer]) -> list[str]:
    """Name the exercises whose checks do not accept the answers of the solutions, or are not there.

    Parameters
    ----------
    found : list of Answer

    Returns
    -------
    list of str
    """
    return [each.exercise for each in found if not each.holds]


def remade(found: list[Answer]) -> dict[str, Check]:
    """Make the checks of answers anew, unless they hold.

    Parameters
    ----------
    found : list of Answer

    Returns
    -------
    dict
        What `data/exercises.yaml` is to hold, with the checks of other exercises.
    """
    new = {each.exercise: made(each.value, each.within) for each in found if not each.holds}
    return checks() | new


def main(folder: Path) -> None:
    """Make the checks from executed solutions.

    Parameters
    ----------
    folder : pathlib.Path
        Of their notebooks.
    """
    found = answers(sorted(folder.glob("*.ipynb")))
    if not found:
        raise SystemExit(f"{folder} holds no solved exercise: run make book SOLUTIONS=1 first.")
    new = outdated(found)
    text = yaml.safe_dump(remade(found), sort_keys=True, width=100)
    shipped(CHECKS).write_text(_HEADER + text, encoding="utf-8")
    print(f"{len(found)} answers, checks made anew: {', '.join(new) or 'none'}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "_build/solutions"))
