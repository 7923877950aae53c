"""The tables of the status page: what this build was, and what the whole book takes."""

import json
from pathlib import Path
from typing import Any

from preflare.chapters import Run

WHOLE_BOOK = Path("benchmarks", "whole_book.json")
"""What the whole book took from an empty cache, by profile: see `benchmarks/whole_book.py`."""


def this_build(records: list[Run]) -> str:
    """Table the last run of each chapter, with machines and versions.

    Parameters
    ----------
    records : list of Run

    Returns
    -------
    str
        Markdown.
    """
    rows = [
        f"| [](./{run.chapter}) | {run.started} | {run.seconds:.1f} s "
        f"| {run.peak_bytes / 1e6:.0f} MB | {_settings(run.parameters)} |"
        for run in records
    ]
    head = ["| Chapter | Run | Time | Peak memory | Parameters |", "|:--|:--|--:|--:|:--|"]
    machines = sorted({run.machine for run in records})
    versions = sorted({item for run in records for item in run.versions.items()})
    listed = ", ".join(f"{name} {version}" for name, version in versions)
    return "\n".join(
        [*head, *rows, "", "## Machine", "", *machines, "", "## Versions", "", listed, ""]
    )


def whole_book(root: Path, records: list[Run]) -> str:
    """Table what the whole book took when it was measured, a line a profile, and each chapter.

    Parameters
    ----------
    root : pathlib.Path
        The checkout.
    records : list of Run
        The chapters of this build; of others nothing is said.

    Returns
    -------
    str
        Markdown.
    """
    if not (root / WHOLE_BOOK).is_file():
        return "Nobody has measured it yet.\n"
    profiles = json.loads((root / WHOLE_BOOK).read_text(encoding="utf-8"))
    head = [
        "| Profile | Cores | Chapters side by side | Time | Peak memory | Disk | Measured |",
        "|:--|--:|--:|--:|--:|--:|:--|",
    ]
    totals, chapters = [], {}
    for profile, took in profiles.items():
        measured = {each["chapter"]: Run(**each) for each in took["chapters"]}
        first = min(measured.values(), key=lambda run: run.started)
        chapters[profile] = measured
        totals.append(
            f"| {profile} | {took['cores']} | {took['jobs']} | {took['seconds'] / 60:.1f} min "
            f"| {took['peak_bytes'] / 1e9:.1f} GB | {took['disk_bytes'] / 1e9:.1f} GB "
            f"| {first.started}, {first.machine} |"
        )
    shares = [f"| Chapter | {' | '.join(profiles)} |", "|:--" + "|--:" * len(profiles) + "|"]
    for name in (record.chapter for record in records):
        cells = (_share(measured.get(name)) for measured in chapters.values())
        shares.append(f"| [](./{name}) | {' | '.join(cells)} |")
    return "\n".join([*head, *totals, "", *shares, ""])


def _share(run: Run | None) -> str:
    return f"{run.seconds:.0f} s, {run.peak_bytes / 1e9:.1f} GB" if run else "-"


def _settings(parameters: dict[str, Any]) -> str:
    pairs = (f"`{key}={value}`" for key, value in parameters.items())
    return ", ".join(pairs) or "as in the text"
