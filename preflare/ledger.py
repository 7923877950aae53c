"""The ledger: every claim of the paper with what the chapters found on it.

Executed chapters carry the records of their claims (`preflare.claims.record`). The ledger reads
them back and sets them beside the claims, those included on which nothing was found.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

import pandas as pd

from preflare.claims import CONSTRUCTED, METADATA, ORIGINS, Claim, Record, read_claims
from preflare.errors import ClaimError, reason
from preflare.verdicts import UNTESTABLE, VERDICTS

RUNS = "PREFLARE_RUNS"
"""Environment variable that names the folder of executed chapters; the build sets it."""
MISSING = "not computed yet"
"""In place of a verdict, for a claim without a record."""


def runs_folder() -> Path:
    """Return the folder of executed chapters: `$PREFLARE_RUNS`, or `_build/runs` under here."""
    return Path(os.environ.get(RUNS) or "_build/runs")


def records_of(notebook: Path) -> list[Record]:
    """Read the records that an executed chapter carries.

    Parameters
    ----------
    notebook : pathlib.Path
        Named after its chapter.

    Returns
    -------
    list of Record
        In order, each with the chapter and its code cell.

    Raises
    ------
    ClaimError
        If the notebook, or a record in it, cannot be read.
    """
    found = []
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        code = [cell for cell in cells if cell["cell_type"] == "code"]
        for number, cell in enumerate(code, 1):
            for output in cell["outputs"]:
                kept = output.get("metadata", {}).get(METADATA)
                if kept is not None:
                    found.append(Record(**kept, chapter=notebook.stem, cell=number))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ClaimError(
            f"{notebook} does not hold what an executed chapter holds ({reason(error)}): "
            f"run it again with `preflare book --chapter {notebook.stem} --force`."
        ) from error
    return found


@dataclass(frozen=True)
class Ledger:
    """Claims, and what the chapters recorded of them. A notebook shows it as a table.

    Attributes
    ----------
    claims : mapping of str to Claim
        By id.
    records : tuple of Record
        Also those of claims that are not listed (`unknown`).

    Raises
    ------
    ClaimError
        If a claim is recorded twice, or in another chapter than its own.
    """

    claims: Mapping[str, Claim]
    records: tuple[Record, ...]

    def __post_init__(self) -> None:
        for name, times in Counter(record.claim for record in self.records).items():
            if times > 1:
                where = [
                    f"cell {each.cell} of {each.chapter}"
                    for each in self.records
                    if each.claim == name
                ]
                raise ClaimError(
                    f"Claim {name} is recorded {times} times ({', '.join(where)}): record it once."
                )
        for record in self.records:
            claim = self.claims.get(record.claim)
            if claim:
                claim.checked(record)
            if claim and record.chapter != claim.chapter:
                raise ClaimError(
                    f"Claim {claim.id} belongs to the chapter {claim.chapter} and is recorded in "
                    f"{record.chapter}: record it there, or change its chapter in data/claims.yaml."
                )

    @classmethod
    def read(cls, folder: Path | None = None) -> Ledger:
        """Collect the records of the chapters that claims name, as far as they have run.

        Parameters
        ----------
        folder : pathlib.Path, optional
            Of the executed chapters. Default: `runs_folder`.
        """
        folder, claims = folder or runs_folder(), read_claims()
        chapters = dict.fromkeys(claim.chapter for claim in claims.values())
        notebooks = [folder / f"{chapter}.ipynb" for chapter in chapters]
        found = [record for each in notebooks if each.is_file() for record in records_of(each)]
        return cls(claims, tuple(found))

    def missing(self) -> list[str]:
        """Name the claims without a record."""
        return [name for name in self.claims if name not in self._by_claim()]

    def unknown(self) -> list[str]:
        """Name what is recorded and not listed as a claim."""
        return [record.claim for record in self.records if record.claim not in self.claims]

    def table(self) -> pd.DataFrame:
        """Set each claim beside what was found.

        Returns
        -------
        pandas.DataFrame
            One row a claim, in their order: ``id``, ``place`` in the paper, ``claim``, ``measure``,
            ``condition`` (which the interval must meet), ``paper``, ``ours``, ``data``,
            ``verdict``, ``twin``, ``reason`` (why a claim cannot be tested) and ``link`` to the
            record. Text throughout, empty where there is nothing to say.
        """
        return pd.DataFrame([self._row(claim) for claim in self.claims.values()])

    def counts(self) -> pd.DataFrame:
        """Count the claims by verdict (rows) and by what the twin was built for (columns)."""
        table = self.table()
        counted = pd.crosstab(table["verdict"], table["twin"])
        rows = [*VERDICTS, *([MISSING] if self.missing() else [])]
        return counted.reindex(index=rows, columns=list(ORIGINS), fill_value=0)

    def _by_claim(self) -> dict[str, Record]:
        return {record.claim: record for record in self.records}

    def _row(self, claim: Claim) -> dict[str, str]:
        record = self._by_claim().get(claim.id)
        return {
            "id": claim.id,
            "place": claim.place,
            "claim": claim.claim,
            "measure": claim.measure,
            "condition": claim.condition,
            "paper": claim.printed,
            "ours": claim.ours(record) if record else "",
            "data": record.data if record else "",
            "verdict": claim.verdict(record) if record else MISSING,
            "twin": claim.twin,
            "reason": claim.obstacle(record) if record else "",
            "link": f"{claim.chapter}.html#{claim.anchor}" if record else "",
        }

    def _repr_html_(self) -> str:
        rows = "".join(_html_row(self._row(claim)) for claim in self.claims.values())
        heads = "".join(
            f'<th scope="col">{name}</th>' for name in ("Claim", "Paper", "Here", "Verdict")
        )
        return f'<table class="ledger"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'


def _html_row(row: Mapping[str, str]) -> str:
    text = {name: escape(value) for name, value in row.items()}
    claimed = f"<small>{text['place']}</small><br>{text['claim']}"
    if row["link"]:
        claimed += f' <a href="{text["link"]}">{text["id"]}</a>'
    found = f"{text['ours'] or 'no number'}<br><small>{text['measure']}"
    found += f"; {text['data']}</small>" if row["data"] else "</small>"
    judged = f"<strong>{text['verdict']}</strong><br><small>"
    if row["verdict"] == UNTESTABLE:
        judged += text["reason"]
    else:
        judged += f"rule: ours {text['condition']}"
        judged += f"; {CONSTRUCTED} of the twin" if row["twin"] == CONSTRUCTED else ""
    cells = {"Paper": text["paper"] or "no number", "Here": found, "Verdict": f"{judged}</small>"}
    return (
        f'<tr id="claim-{text["id"]}-row"><th scope="row">{claimed}</th>'
        + "".join(f'<td data-label="{name}">{cell}</td>' for name, cell in cells.items())
        + "</tr>"
    )
