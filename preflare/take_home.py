"""What a page offers to take home: each figure as PNG, PDF and numbers, each table as numbers.

Executed chapters carry their figures in formats that no page shows (`preflare.figure_formats`).
Before rendering, these become files of the site, with links to them under each figure and table.
"""

from __future__ import annotations

import ast
import json
import re
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from preflare.figure_formats import CSV, DARK, PACKED, PDF

FOLDER = Path("downloads")
"""Where the files lie in the site; a folder for each chapter."""

_ENDINGS = {"image/png": "png", PDF: "pdf", CSV: "csv", PACKED: "csv.gz", DARK: "dark.png"}
_NAMES = {"image/png": "PNG", PDF: "PDF", CSV: "numbers (CSV)", PACKED: "numbers (CSV, packed)"}

_GLUED = "application/papermill.record/text/plain"
_GLUE = re.compile(r"\{glue:text\}`([^`:]+)(?::([^`]*))?`")
_SOURCES = {
    "Twin, simulated": '<a href="twin.html">the twin</a>',
    "IRIS, real": '<a href="data.html">spectra of IRIS</a>',
    "No data": "no data",
}
"""By what a caption says of its data: where they are told of."""
_HIDDEN = {"remove-cell", "remove-output"}

Cell = dict[str, Any]


@dataclass(frozen=True)
class Offer:
    """One output of a chapter in all its formats.

    Attributes
    ----------
    chapter : str
    name : str
        The figure's, by which the text refers to it, or ``table-`` and the cell's number.
    caption, alt : str
        Of a figure, in Markdown; empty for a table.
    formats : dict of str to str
        By MIME type; what is not text as base64.
    """

    chapter: str
    name: str
    caption: str
    alt: str
    formats: dict[str, str]

    @property
    def folder(self) -> Path:
        """Where the files of its chapter lie in the site."""
        return FOLDER / self.chapter

    def files(self) -> dict[Path, bytes]:
        """Give the files of all formats, by their place in the site."""
        return {
            self.place(kind): content.encode() if kind == CSV else b64decode(content)
            for kind, content in self.formats.items()
        }

    def place(self, kind: str) -> Path:
        """Say where the file of a format lies in the site."""
        return self.folder / f"{self.name}.{_ENDINGS[kind]}"

    def links(self, code: str) -> str:
        """Give the line below a figure or table that leads to its files, code and data.

        Parameters
        ----------
        code : str
            Id of the cell that made it.

        Returns
        -------
        str
            HTML. The picture for dark pages is named in an attribute, for a script to find.
        """
        night = f' data-dark="{self.place(DARK).as_posix()}"' if DARK in self.formats else ""
        files = ", ".join(
            f'<a href="{self.place(kind).as_posix()}" download>{name}</a>'
            for kind, name in _NAMES.items()
            if kind in self.formats
        )
        told = [where for said, where in _SOURCES.items() if said in self.caption]
        origin = f"from {' and '.join(told)}" if told else 'in <a href="status.html">this run</a>'
        what = "figure" if DARK in self.formats else "table"
        return (
            f'<p class="take-home"{night}>Take this {what} home: {files}. '
            f'Made by <a href="#{code}">this cell</a> {origin}.</p>'
        )


def offers(notebook: dict[str, Any], chapter: str) -> Iterator[tuple[int, Offer]]:
    """Find the figures and tables that an executed chapter shows.

    Parameters
    ----------
    notebook : dict
        As JSON gives it.
    chapter : str

    Yields
    ------
    place : int
        Of the cell among the notebook's cells.
    offer : Offer
    """
    for place, cell in enumerate(notebook["cells"]):
        if _HIDDEN & set(cell["metadata"].get("tags", [])):
            continue
        options = cell["metadata"].get("mystnb", {})
        figure = options.get("figure", {})
        shown = [output.get("data", {}) for output in cell.get("outputs", [])]
        kept = [data for data in shown if {CSV, PACKED, PDF} & set(data)]
        for number, data in enumerate(kept):
            table = f"table-{place}" + (f"-{number}" if len(kept) > 1 else "")
            pictured = "image/png" in data
            yield (
                place,
                Offer(
                    chapter,
                    figure.get("name", f"figure-{place}") if pictured else table,
                    figure.get("caption", "").strip() if pictured else "",
                    options.get("image", {}).get("alt", "").strip(),
                    {kind: _joined(data[kind]) for kind in _ENDINGS if kind in data},
                ),
            )


def with_links(notebook: bytes, chapter: str) -> tuple[bytes, list[Offer]]:
    """Take what a page does not show out of an executed chapter, and put links to it in.

    Parameters
    ----------
    notebook : bytes
    chapter : str

    Returns
    -------
    notebook : bytes
        What is to be rendered.
    offers : list of Offer
        Their captions with the numbers and words that the chapter glued in.
    """
    content = json.loads(notebook)
    glued = glued_in(content)
    found = [
        (place, replace(offer, caption=filled(offer.caption, glued)))
        for place, offer in offers(content, chapter)
    ]
    cells: list[Cell] = []
    for place, cell in enumerate(content["cells"]):
        for output in cell.get("outputs", []):
            for kind in (PDF, CSV, PACKED, DARK):
                output.get("data", {}).pop(kind, None)
        own = [offer for where, offer in found if where == place]
        code = f"cell-{place}"
        anchor = [_markdown(f'<div id="{code}" class="cell-anchor"></div>')] if own else []
        cells += [*anchor, cell, *(_markdown(offer.links(code)) for offer in own)]
    content["cells"] = cells
    return json.dumps(content, indent=1).encode(), [offer for _, offer in found]


def with_foot(notebook: bytes, text: str) -> bytes:
    """Put a text at the end of a chapter.

    Parameters
    ----------
    notebook : bytes
    text : str
        Markdown.

    Returns
    -------
    bytes
    """
    content = json.loads(notebook)
    content["cells"].append(_markdown(text))
    return json.dumps(content, indent=1).encode()


def filled(caption: str, glued: dict[str, Any]) -> str:
    """Put glued numbers and words into a caption.

    Parameters
    ----------
    caption : str
        Markdown with ``glue:text`` roles.
    glued : dict
        Values by name.

    Returns
    -------
    str
    """
    return _GLUE.sub(lambda found: format(glued[found[1]], found[2] or ""), caption)


def glued_in(notebook: dict[str, Any]) -> dict[str, Any]:
    """Read back the numbers and words that the cells of a chapter glued.

    Parameters
    ----------
    notebook : dict
        As JSON gives it.

    Returns
    -------
    dict
        Values by name.
    """
    outputs = (output for cell in notebook["cells"] for output in cell.get("outputs", []))
    return {
        output["metadata"]["scrapbook"]["name"]: _value(_joined(output["data"][_GLUED]))
        for output in outputs
        if _GLUED in output.get("data", {})
    }


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):  # nan and the like
        return float(text)


def _markdown(text: str) -> Cell:
    return {"cell_type": "markdown", "metadata": {}, "source": text}


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)
