"""Verdicts that follow from numbers: what an interval says of a claim.

Each rule is a function of our interval and the paper's number. An interval that lies on both sides
of a limit decides nothing, and that is a verdict too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

from preflare.errors import ClaimError

REPRODUCED, DIFFERS, UNDECIDED, UNTESTABLE = VERDICTS = (
    "reproduced",
    "differs",
    "undecided",
    "cannot be tested",
)
Verdict = Callable[..., str]


def _interval(low: float, high: float, paper: float, *, widest: float) -> str:
    if not low <= paper <= high:
        return DIFFERS
    return REPRODUCED if high - low <= widest else UNDECIDED


def _above(low: float, high: float, paper: float | None, *, than: float) -> str:
    return REPRODUCED if low > than else DIFFERS if high <= than else UNDECIDED


def _below(low: float, high: float, paper: float | None, *, than: float) -> str:
    return REPRODUCED if high < than else DIFFERS if low >= than else UNDECIDED


def _between(least: float, most: float, paper: float | None, /, *, low: float, high: float) -> str:
    if most < low or least > high:
        return DIFFERS
    return REPRODUCED if low <= least and most <= high else UNDECIDED


_KINDS: dict[str, tuple[Verdict, tuple[str, ...], str]] = {
    "interval": (_interval, ("widest",), "holds the paper's number and is no wider than {widest}"),
    "above": (_above, ("than",), "lies above {than}"),
    "below": (_below, ("than",), "lies below {than}"),
    "between": (_between, ("low", "high"), "lies between {low} and {high}"),
}
"""By kind: what decides, the settings it needs, and what it asks of our interval."""


@dataclass(frozen=True)
class Rule:
    """What our interval must be for a claim to count as reproduced.

    Attributes
    ----------
    kind : {"interval", "above", "below", "between"}
        ``interval`` asks that the interval hold the paper's number, and be no wider than
        ``widest``; ``above`` and ``below`` that all of it lie on one side of ``than``; ``between``
        that all of it lie from ``low`` to ``high``.
    settings : mapping of str to float
        Those that the kind needs, and no others.

    Raises
    ------
    ClaimError
        If there is no such kind, or the settings are not those that it needs.

    Examples
    --------
    >>> positive = Rule("above", {"than": 0})
    >>> positive.verdict(0.1, 0.3), positive.verdict(-0.1, 0.3), positive.verdict(-0.3, -0.1)
    ('reproduced', 'undecided', 'differs')
    """

    kind: str
    settings: Mapping[str, float]

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            raise ClaimError(f"There is no rule {self.kind!r}: choose one of {', '.join(_KINDS)}.")
        _, needed, _ = _KINDS[self.kind]
        given = dict(self.settings)
        if set(given) != set(needed) or not all(map(is_number, given.values())):
            raise ClaimError(
                f"The rule {self.kind!r} has the settings {given}: "
                f"give {' and '.join(needed)}, as finite numbers."
            )
        if self.kind == "between" and given["low"] > given["high"]:
            raise ClaimError(f"The rule 'between' has the settings {given}: give low before high.")

    @classmethod
    def of(cls, entry: Any) -> Rule:
        """Make the rule of an entry such as ``{"kind": "above", "than": 0}``."""
        if not isinstance(entry, Mapping):
            raise ClaimError(f"{entry!r} is no rule: give one such as {{kind: above, than: 0}}.")
        settings = {str(name): value for name, value in entry.items() if name != "kind"}
        return cls(str(entry.get("kind")), settings)

    def verdict(self, low: float, high: float, paper: float | None = None) -> str:
        """Judge an interval.

        Parameters
        ----------
        low, high : float
            Its bounds, which are equal for an exact value.
        paper : float, optional
            The paper's number; ``interval`` needs one.

        Returns
        -------
        str
            *reproduced*, *differs*, or *undecided* where the interval does not decide.
        """
        decide, _, _ = _KINDS[self.kind]
        return decide(low, high, paper, **self.settings)

    def condition(self, write: Callable[[float], str]) -> str:
        """Say what the rule asks of an interval, in words that follow "reproduced if it"."""
        _, _, words = _KINDS[self.kind]
        return words.format(**{name: write(value) for name, value in self.settings.items()})


def is_number(value: object) -> bool:
    """Tell whether something is a finite real number."""
    return not isinstance(value, bool) and isinstance(value, Real) and math.isfinite(value)
