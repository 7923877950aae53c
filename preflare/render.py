"""Render pages with Jupyter Book, every warning an error, replacing the site only on success."""

import importlib.util
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from preflare.atomic import atomically
from preflare.checksums import fault_of, record_checksums
from preflare.errors import BookError
from preflare.notices import notice
from preflare.products import digest

Say = Callable[[str], None]

SITE_FILES = Path("_extra")
"""Folder among the pages whose files go into the site as they are."""
_COLOURS = re.compile(r"\x1b\[[\d;]*m")


def render(
    pages: dict[Path, bytes], config: Path, folder: Path, *, depends_on: list[Path], say: Say
) -> Path:
    """Render pages to `html` in a folder, unless that was done with the very same pages.

    Parameters
    ----------
    pages : dict of pathlib.Path to bytes
        What to render, by its name.
    config : pathlib.Path
        Jupyter Book's configuration.
    folder : pathlib.Path
        Takes the staged pages, Jupyter Book's own files and the site.
    depends_on : list of pathlib.Path
        Files whose change makes rendering necessary, beside pages and configuration.
    say : callable
        Takes progress messages.

    Returns
    -------
    pathlib.Path
        The folder of the site.

    Raises
    ------
    BookError
        If rendering fails or warns of anything; the site is then left as it was.
    """
    source, rendered, site = folder / "src", folder / "render", folder / "html"
    mathjax = {SITE_FILES / "mathjax" / name: path.read_bytes() for name, path in _mathjax()}
    _mirror(pages | mathjax, source)
    inputs = digest([source, config, *depends_on])
    done = rendered / "inputs.sha256"
    if done.is_file() and done.read_text() == inputs and site.is_dir():
        fault = fault_of(site)
        if fault is None:
            return site
        notice(f"{site} is damaged ({fault}): it is made again.")
    say("rendering")
    # Sphinx warns only of pages that it reads anew: read them all, into a folder of its own, in
    # which nobody whose parent was killed is still at work.
    with atomically(rendered, BookError, cure="make room, or name another folder") as work:
        command = [
            str(Path(sys.executable).with_name("jupyter-book")),
            *("build", str(source), "--config", str(config), "--path-output", str(work)),
            *("-W", "-n", "--keep-going"),
        ]
        outcome = subprocess.run(
            command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
        if outcome.returncode:
            raise BookError(f"The book does not render: {_complaint(outcome)}")
        built = work / "_build" / "html"
        # The theme's source maps serve its developers, and weigh as much as all pages.
        files = (path for path in built.rglob("*") if path.is_file() and path.suffix != ".map")
        _mirror({path.relative_to(built): path.read_bytes() for path in files}, site)
        record_checksums(site, site, BookError)
        (work / done.name).write_text(inputs)
    return site


def _mirror(wanted: dict[Path, bytes], folder: Path) -> None:
    """Make a folder hold these files and no others, without touching those that are right."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file() and path.relative_to(folder) not in wanted:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    for name, content in wanted.items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def _mathjax() -> list[tuple[Path, Path]]:
    """Find MathJax and its fonts in the package that carries them: pages need no network."""
    spec = importlib.util.find_spec("sphinx-mathjax-offline")
    if spec is None or spec.origin is None:
        raise BookError("sphinx-mathjax-offline is not installed: set the environment up again.")
    root = Path(spec.origin).parent / "static" / "mathjax"
    files = [root / "tex-chtml.js", *root.glob("output/chtml/fonts/woff-v2/*.woff")]
    return [(file.relative_to(root), file) for file in files]


def _complaint(outcome: subprocess.CompletedProcess[str]) -> str:
    lines = _COLOURS.sub("", outcome.stdout + outcome.stderr).splitlines()
    found = [line.strip() for line in lines if "WARNING" in line or "ERROR" in line]
    return "; ".join(found) if found else "\n".join(lines[-15:])
