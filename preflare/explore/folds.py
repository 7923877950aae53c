"""The splits of a study to look through: who is tested, and what skill that gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from preflare.errors import BookError
from preflare.explore.page import html
from preflare.partitions import Partition


@dataclass(frozen=True)
class ExploredSplits:
    """Splits of observations with their skills. A notebook shows them as something to look through.

    Parameters
    ----------
    partitions : sequence of Partition
    skills : array_like, shape (n,)
        True skill statistic on the tested observations; nan where the network did not learn.
    names : sequence of str
        Of all observations, in the order to show them in.

    Raises
    ------
    BookError
        If the numbers of splits and of skills differ, or no skill is known.
    """

    partitions: Sequence[Partition]
    skills: ArrayLike
    names: Sequence[str]

    def __post_init__(self) -> None:
        skills = np.asarray(self.skills, float)
        if skills.shape != (len(self.partitions),):
            raise BookError(
                f"{len(self.partitions)} splits have {skills.size} skills: give each its own."
            )
        if not np.isfinite(skills).any():
            raise BookError("No split has a skill: none of the networks learned.")

    def payload(self) -> dict[str, Any]:
        """Return what the page shows, ready for JSON: splits that learned, the worst first."""
        skills = np.asarray(self.skills, float)
        order = [int(each) for each in np.argsort(skills) if np.isfinite(skills[each])]
        place = {name: number for number, name in enumerate(self.names)}
        return {
            "names": list(self.names),
            "silent": int(np.isnan(skills).sum()),
            "splits": [
                {
                    "skill": round(float(skills[each]), 4),
                    "tested": sorted(place[name] for name in self.partitions[each].test),
                }
                for each in order
            ],
        }

    def _repr_html_(self) -> str:
        return html("folds", self.payload())
