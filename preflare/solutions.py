"""Solutions of the exercises, for the builds that ask for them.

They lie outside the book, so that a build which does not ask has nothing of them. In one that does,
each is a page after its chapter, and the exercises link there.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

from preflare.chapters import Chapter

FOLDER = "solutions"
"""Beside the book: their text. In the folder of a build: their notebooks."""
ENDING = "-solutions"
"""Of their names, after those of their chapters."""
_HEADING = re.compile(r"^(\(exercise-([\w-]+)\)=\n### .*)$", re.MULTILINE)


def solutions_of(root: Path, names: list[str]) -> list[Chapter]:
    """List the solutions that there are, in the order of their chapters.

    Parameters
    ----------
    root : pathlib.Path
        Of the checkout.
    names : list of str
        Of the book's pages.

    Returns
    -------
    list of Chapter
    """
    pages = (root / FOLDER / f"{name}{ENDING}.md" for name in names)
    return [Chapter(page) for page in pages if page.is_file()]


def is_solution(chapter: Chapter) -> bool:
    """Tell whether a chapter is one of solutions."""
    return chapter.source.parent.name == FOLDER


def with_solutions(pages: dict[Path, bytes], solved: list[Chapter]) -> dict[Path, bytes]:
    """Put solutions into the table of contents, and links to them below the exercises.

    Parameters
    ----------
    pages : dict of pathlib.Path to bytes
        All that is rendered, the solutions' own pages included.
    solved : list of Chapter
        The solutions.

    Returns
    -------
    dict of pathlib.Path to bytes
    """
    if not solved:
        return pages
    contents = Path("_toc.yml")
    own = {each.name.removesuffix(ENDING): each.name for each in solved}
    toc = _with_sections(yaml.safe_load(pages[contents]), own)
    linked = {
        path: _linked(path, content)
        for path, content in pages.items()
        if path.stem in own and path.suffix in (".md", ".ipynb") and len(path.parts) == 1
    }
    return pages | linked | {contents: yaml.safe_dump(toc, sort_keys=False).encode()}


def _with_sections(entry: Any, own: dict[str, str]) -> Any:
    if isinstance(entry, list):
        return [_with_sections(each, own) for each in entry]
    if not isinstance(entry, dict):
        return entry
    inner = {key: _with_sections(value, own) for key, value in entry.items()}
    name = own.get(str(entry.get("file")))
    return inner | {"sections": [*inner.get("sections", []), {"file": name}]} if name else inner


def _linked(path: Path, content: bytes) -> bytes:
    if path.suffix == ".md":
        return _with_links(content.decode()).encode()
    notebook = json.loads(content)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = _with_links("".join(cell["source"]))
    return json.dumps(notebook, indent=1).encode()


def _with_links(text: str) -> str:
    return _HEADING.sub(r"\1\n\n{ref}`Solution <solution-\2>`", text)
