"""What a chapter that trains networks shows: the data asked for, if they are enough for that."""

from __future__ import annotations

from typing import Literal, NamedTuple

from preflare.claims import SOURCES
from preflare.study import Study


class Asked(NamedTuple):
    """A study to learn from, and how its page says whose spectra it shows.

    Attributes
    ----------
    study : Study
        That `learns`.
    page_data : str
        For the head of the page.
    data_are : str
        For captions: ``"Twin, simulated"`` or ``"IRIS, real"``.
    """

    study: Study
    page_data: str
    data_are: str


def to_learn_from(
    source: Literal["twin", "iris"], profile: str, seed: int, of_each: int = 0
) -> Asked:
    """Return the study that was asked for, or the twin's where there is too little of IRIS.

    Parameters
    ----------
    source : {"twin", "iris"}
    profile : str
    seed : int
        See `preflare.Study`.
    of_each : int
        Observations of each class that the chapter needs, if more than a study needs to learn.

    Returns
    -------
    Asked

    Raises
    ------
    StudyError
        If there is no such source or profile, or the seed is no whole number.
    """
    study = Study(source, profile, seed)
    said = "the twin, simulated. Nothing on this page is IRIS data."
    kinds = [each.kind for each in study.observations()]
    lacks = study.lacks
    if not lacks and min(kinds.count("PF"), kinds.count("AR")) < of_each:
        lacks = (
            f"This takes {of_each} observations of each class or more: here are "
            f"{kinds.count('PF')} PF and {kinds.count('AR')} AR."
        )
    if lacks:
        study = Study("twin", profile, seed)
        said += f" Networks are trained here, and there is too little of IRIS to do so. {lacks}"
    elif source == "iris":
        said = (
            f"IRIS, real: {len(kinds)} observations that were fetched. Numbers and figures are "
            "theirs. The sentences around them were written for the twin."
        )
    shown = SOURCES[study.source]
    return Asked(study, said, shown[0].upper() + shown[1:])
