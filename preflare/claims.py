"""The paper's claims, and the numbers that chapters set beside them.

`data/claims.yaml` holds what the paper says and the rule by which our numbers judge it. `record`
shows a claim where a chapter computes its number, and leaves the number in the notebook;
`preflare.ledger` collects all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

import yaml

from preflare.errors import ClaimError, reason
from preflare.shipped import shipped
from preflare.verdicts import UNTESTABLE, Rule, is_number

METADATA = "preflare"
"""Where an output's metadata keep the `Record` that it shows."""
SOURCES = {"twin": "twin, simulated", "iris": "IRIS, real"}
"""Where numbers come from, and how a page says so."""
CONSTRUCTED, EMERGENT = ORIGINS = ("by construction", "emergent")


@dataclass(frozen=True)
class Record:
    """What a chapter found on a claim.

    Attributes
    ----------
    claim : str
        Its id.
    source, profile : str
        What the number was computed on.
    value, low, high : float, optional
        The number and its interval.
    note : str
        What a reader of the number must know.
    cannot : str
        Why this run cannot test the claim; empty where it can.
    chapter, cell : str, int
        Where it was recorded: the page, and which of its code cells, from 1.
    """

    claim: str
    source: str
    profile: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    note: str = ""
    cannot: str = ""
    chapter: str = ""
    cell: int = 0

    @property
    def data(self) -> str:
        """What the number was computed on, in words."""
        return SOURCES[self.source] + (f", {self.profile} profile" if self.profile else "")


@dataclass(frozen=True)
class Claim:
    """A claim of the paper, and what would confirm it.

    Attributes
    ----------
    id : str
    section : str
        Of the paper; a letter for an appendix.
    claim : str
        In our words.
    measure : str
        What our value is.
    chapter : str
        The page that computes it.
    format, unit : str
        How values are written: Python's format specification, and a word that follows, in place
        of % where the format has that.
    rule : Rule
    twin : {"by construction", "emergent"}
        Whether the twin was built so that the claim should hold.
    paper, printed : float, optional, and str
        The paper's number, and how the paper prints it.
    exact : bool
        Whether our value is a count without an uncertainty.
    why : mapping of str to str
        By source, why the claim cannot be tested on it.

    Raises
    ------
    ClaimError
        If a field is wrong.
    """

    id: str
    section: str
    claim: str
    measure: str
    chapter: str
    format: str
    rule: Rule
    twin: str
    paper: float | None = None
    printed: str = ""
    unit: str = ""
    exact: bool = False
    why: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("section", "claim", "measure", "chapter", "format", "printed", "unit"):
            if not isinstance(getattr(self, name), str):
                raise self._wrong(f"has {getattr(self, name)!r} for its {name}", "put it in quotes")
        if self.paper is not None and not (is_number(self.paper) and self.printed):
            raise self._wrong(f"has paper={self.paper!r}", "give a number, and printed with it")
        if self.rule.kind == "interval" and self.paper is None:
            raise self._wrong("is to hold the paper's number, and has none", "give paper")
        if self.twin not in ORIGINS:
            raise self._wrong(f"has {self.twin!r} for twin", f"say {' or '.join(ORIGINS)}")
        if not isinstance(self.exact, bool):
            raise self._wrong(f"has {self.exact!r} for exact", "say true or false")
        if not isinstance(self.why, Mapping) or not set(self.why) <= set(SOURCES):
            raise self._wrong(
                f"has {self.why!r} for why", f"give reasons by {' or '.join(SOURCES)}"
            )
        try:
            format(0.5, self.format)
        except ValueError as error:
            raise self._wrong(
                f"has the format {self.format!r}", "give one such as '.2f'"
            ) from error

    @property
    def place(self) -> str:
        """Where the paper makes the claim: "Section 8.2", or "Appendix B"."""
        return f"{'Appendix' if self.section.isalpha() else 'Section'} {self.section}"

    @property
    def anchor(self) -> str:
        """What the place of its record is called on the chapter's page."""
        return f"claim-{self.id}"

    @property
    def condition(self) -> str:
        """What our interval must be, in words that follow "reproduced if it"."""
        scale = 100 if self.format.endswith("%") else 1

        def write(limit: float) -> str:
            return f"{scale * limit:,.10g}{self._unit}".replace("-", "−")

        return self.rule.condition(write)

    @property
    def _unit(self) -> str:
        percent = " %" if self.format.endswith("%") else ""
        return f" {self.unit}" if self.unit else percent

    def checked(self, record: Record) -> Record:
        """Check a record, and complete the interval of an exact value.

        Raises
        ------
        ClaimError
            If there is neither a value nor a reason for its lack, a number is not finite, the
            bounds are missing or out of order, or the source is none.
        """
        if record.source not in SOURCES:
            raise self._wrong(f"is recorded on {record.source!r}", f"say {' or '.join(SOURCES)}")
        numbers = {name: getattr(record, name) for name in ("value", "low", "high")}
        for name, number in numbers.items():
            if number is not None and not is_number(number):
                raise self._wrong(
                    f"is recorded with {name}={number!r}", "give a finite number, or say cannot=..."
                )
        value, low, high = (None if each is None else float(each) for each in numbers.values())
        if value is None and (low is not None or high is not None):
            raise self._wrong("is recorded with bounds of no value", "give value, too")
        if value is None and not self.obstacle(record):
            raise self._wrong("is recorded without a value", "give one, or say cannot=...")
        if self.exact and low is None and high is None:
            low = high = value
        if value is not None and (low is None or high is None):
            raise self._wrong(
                "is recorded without an interval", "give low and high, or call the claim exact"
            )
        if low is not None and high is not None and low > high:
            raise self._wrong(f"is recorded from {low} to {high}", "give low before high")
        return replace(record, value=value, low=low, high=high)

    def obstacle(self, record: Record) -> str:
        """Say why a record cannot test the claim; empty where it can."""
        return record.cannot or self.why.get(record.source, "")

    def verdict(self, record: Record) -> str:
        """Judge a record that was `checked` by the claim's rule: one of `verdicts.VERDICTS`."""
        if record.low is None or record.high is None or self.obstacle(record):
            return UNTESTABLE
        return self.rule.verdict(record.low, record.high, self.paper)

    def written(self, *numbers: float) -> str:
        """Write a number, or a number and the bounds of its interval.

        Examples
        --------
        >>> claim = read_claims()["slits-colocation"]
        >>> claim.written(0.44), claim.written(0.44, 0.31, 0.57)
        ('44 %', '44 % (31 to 57 %)')
        """
        value, *bounds = (self._plainly(number) for number in numbers)
        interval = f" ({' to '.join(bounds)}{self._unit})" if bounds else ""
        return f"{value}{self._unit}{interval}"

    def ours(self, record: Record) -> str:
        """Write what was found; empty where nothing was."""
        if record.value is None or record.low is None or record.high is None:
            return ""
        exact = record.low == record.high == record.value
        return self.written(record.value, *(() if exact else (record.low, record.high)))

    def _plainly(self, number: float) -> str:
        text = format(number, self.format).removesuffix("%")
        return text.replace("-", "−") if text.strip("+-0.,") else text.strip("+-")

    def _wrong(self, fault: str, cure: str) -> ClaimError:
        return ClaimError(f"Claim {self.id} {fault}: {cure}.")


def read_claims(path: str | Path | None = None) -> dict[str, Claim]:
    """Read the paper's claims.

    Parameters
    ----------
    path : path, optional
        A YAML list with the fields of `Claim`. Default: `data/claims.yaml`.

    Returns
    -------
    dict of str to Claim
        By id, in the order of the file.

    Raises
    ------
    ClaimError
        If the file cannot be read, a field is unknown, missing or wrong, or an id is given twice.

    Examples
    --------
    >>> read_claims()["slits-colocation"].printed
    '78 % (105 of 135)'
    """
    path = shipped("claims.yaml") if path is None else Path(path)
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ClaimError(
            f"{path} cannot be read as YAML ({reason(error)}): give a list like data/claims.yaml."
        ) from error
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ClaimError(f"{path} is no list of claims: give a list like data/claims.yaml.")
    claims = [_claim(entry) for entry in entries]
    for name, times in Counter(claim.id for claim in claims).items():
        if times > 1:
            raise ClaimError(f"Claim {name} is listed {times} times: give each an id of its own.")
    return {claim.id: claim for claim in claims}


def record(
    claim_id: str,
    value: float | None = None,
    low: float | None = None,
    high: float | None = None,
    *,
    source: str,
    profile: str,
    note: str = "",
    cannot: str = "",
) -> None:
    """Record what a chapter finds on a claim, and show it beside what the paper says.

    Parameters
    ----------
    claim_id : str
        As in `data/claims.yaml`.
    value, low, high : float, optional
        The number and its interval, as the claim's measure says. A value that the claim calls
        exact needs no interval.
    source : {"twin", "iris"}
        What it was computed on.
    profile : str
        The study's; empty for data that do not come from one.
    note : str
        What a reader of the number must know.
    cannot : str
        Why this run cannot test the claim, where it cannot.

    Raises
    ------
    ClaimError
        If there is no such claim, or it cannot be recorded so (`Claim.checked`).
    """
    from IPython.display import display

    claim = _shipped_claims().get(claim_id)
    if claim is None:
        raise ClaimError(f"There is no claim {claim_id!r}: add it to data/claims.yaml.")
    made = claim.checked(Record(claim_id, source, profile, value, low, high, note, cannot))
    kept = {name: part for name, part in asdict(made).items() if name not in ("chapter", "cell")}
    plain = f"Claim {claim_id}: {claim.ours(made) or 'no value'}, {claim.verdict(made)}."
    shown = {"text/html": _block(claim, made), "text/plain": plain}
    display(shown, metadata={METADATA: kept}, raw=True)


@lru_cache(maxsize=1)
def _shipped_claims() -> dict[str, Claim]:
    return read_claims()


def _claim(entry: dict[Any, Any]) -> Claim:
    name = entry.get("id")
    if not isinstance(name, str) or not name:
        raise ClaimError(f"A claim has the id {name!r}: give each one in words-with-hyphens.")
    known = {each.name for each in fields(Claim)}
    for unknown in (each for each in entry if each not in known):
        raise ClaimError(f"Claim {name} has a field {unknown!r}: leave it out, or mend its name.")
    for each in fields(Claim):
        if each.default is each.default_factory is MISSING and each.name not in entry:
            raise ClaimError(f"Claim {name} lacks the field {each.name!r}: add it.")
    try:
        rule = Rule.of(entry["rule"])
    except ClaimError as error:
        raise ClaimError(f"Claim {name}: {error}") from error
    return Claim(**{**entry, "rule": rule})


def _block(claim: Claim, made: Record) -> str:
    """Write a record as HTML: what is claimed, what was found, and how it was judged."""
    obstacle, ours = claim.obstacle(made), claim.ours(made)
    judged = f"Reproduced if our interval {claim.condition}"
    if claim.twin == CONSTRUCTED and made.source == "twin":
        judged += "; the twin was built so that it should be"
    lines = [
        f"<strong>Claim, {escape(claim.place)}.</strong> {escape(claim.claim)}",
        f"Paper: {escape(claim.printed or 'no number')}. Here: {escape(ours or 'no number')}. "
        f"<strong>Verdict: {claim.verdict(made)}.</strong> "
        f'<a href="ledger.html#{claim.anchor}-row">{escape(claim.id)} in the ledger</a>',
        f"{escape(claim.measure)}. {escape(judged)}. Data: {escape(made.data)}."
        + "".join(f" {escape(text)}" for text in (made.note, obstacle) if text),
    ]
    paragraphs = "".join(f'<p class="computed">{line}</p>' for line in lines)
    return f'<div class="claim" id="{claim.anchor}">{paragraphs}</div>'
