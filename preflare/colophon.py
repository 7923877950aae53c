"""What stands at the foot of each executed page: how it was made, and how to make it again."""

from __future__ import annotations

import ast
import json
import os
from pathlib import Path
from typing import Any

from preflare.chapters import Run
from preflare.solutions import ENDING

NOTEBOOKS = Path("notebooks")
"""Where the chapters lie in the site as notebooks to run, without outputs."""
REPOSITORY = "PREFLARE_REPOSITORY"
"""Environment variable with the GitHub repository, ``owner/name``, that publishes the site."""
PUBLISHED = "gh-pages"
"""The branch there that holds the site."""
_NAMED = ("python", "numpy", "torch", "astropy", "matplotlib")
_SETTINGS = ("parameters", "injected-parameters")


def colophon(notebook: bytes, run: Run, repository: str | None = None) -> str:
    """Tell how a page was made, and how to make it again.

    Parameters
    ----------
    notebook : bytes
        The executed chapter.
    run : Run
    repository : str, optional
        ``owner/name`` on GitHub; `$PREFLARE_REPOSITORY` by default. Without one there are no
        links to services that open notebooks from there.

    Returns
    -------
    str
        Markdown.
    """
    solutions = run.chapter.endswith(ENDING)
    published = None if solutions else repository or os.environ.get(REPOSITORY)
    settings = ", ".join(f"{name} `{value}`" for name, value in settings_of(notebook).items())
    versions = ", ".join(f"{name} {run.versions[name]}" for name in _NAMED if name in run.versions)
    given = "".join(f" -p {name}={value}" for name, value in run.parameters.items())
    given += " --solutions" if solutions else ""
    place = (NOTEBOOKS / f"{run.chapter}.ipynb").as_posix()
    services = f" {_services(published, run.chapter, place)}" if published else ""
    return "\n".join(
        [
            "```{admonition} How this page was made",
            ":class: seealso colophon",
            f"{settings[:1].upper()}{settings[1:]}. " if settings else "",
            f"Run on {run.started} in {run.seconds:.0f} s with {run.peak_bytes / 1e6:.0f} MB of "
            f"memory, on {run.machine}, with {versions}; all versions are on the "
            "[status page](./status). Make it again:",
            "",
            f"    preflare book --chapter {run.chapter} --force{given}",
            "",
            f'As a notebook: <a href="{place}" download>{run.chapter}.ipynb</a>.{services}',
            "```",
        ]
    )


def settings_of(notebook: bytes) -> dict[str, Any]:
    """Read the parameters that a chapter ran with.

    Parameters
    ----------
    notebook : bytes

    Returns
    -------
    dict
        By name; those given on the command line in place of those of the text.
    """
    settings = {}
    for cell in json.loads(notebook)["cells"]:
        if cell["cell_type"] != "code" or not set(_SETTINGS) & set(
            cell["metadata"].get("tags", [])
        ):
            continue
        for statement in ast.parse("".join(cell["source"])).body:
            if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                settings[statement.targets[0].id] = ast.unparse(statement.value).strip("'\"")
    return settings


def to_run(notebook: bytes) -> bytes:
    """Take out of an executed chapter what a reader's own run makes anew.

    Parameters
    ----------
    notebook : bytes

    Returns
    -------
    bytes
        Without outputs, records and the cell of injected parameters.
    """
    content = json.loads(notebook)
    content["metadata"] = {
        name: content["metadata"][name]
        for name in ("kernelspec", "language_info")
        if name in content["metadata"]
    }
    kept = []
    for cell in content["cells"]:
        tags = cell["metadata"].get("tags", [])
        if "injected-parameters" in tags:
            continue
        cell["metadata"] = {"tags": tags} if tags else {}
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
        kept.append(cell)
    content["cells"] = kept
    return json.dumps(content, indent=1).encode()


def _services(repository: str, chapter: str, place: str) -> str:
    colab = f"https://colab.research.google.com/github/{repository}/blob/{PUBLISHED}/{place}"
    binder = f"https://mybinder.org/v2/gh/{repository}/HEAD?urlpath=lab/tree/book/{chapter}.md"
    return f"Open it in [Colab]({colab}), or the chapter's text in [Binder]({binder})."
