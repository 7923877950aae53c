"""The whole book as one PDF: each page printed by a browser, all joined with bookmarks."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from pathlib import Path

from pypdf import PdfReader, PdfWriter

from preflare.atomic import atomically
from preflare.errors import BookError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
SWITCHES = ("--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer",
            "--disable-background-networking", "--no-first-run")  # fmt: skip
PATIENCE = 120
"""Time for a page in s."""


def print_book(
    site: Path, names: Sequence[str], target: Path, *, say: Callable[[str], None]
) -> Path:
    """Print pages of the rendered site and join them.

    Parameters
    ----------
    site : pathlib.Path
        Of the rendered book.
    names : sequence of str
        Pages in their order, without ``.html``.
    target : pathlib.Path
        The PDF, written whole or not at all.
    say : callable
        Takes progress messages.

    Returns
    -------
    pathlib.Path
        The target.

    Raises
    ------
    BookError
        If there is no browser, or it fails to print a page.
    """
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise BookError(
            "No browser is installed that could print the book: install Chromium or Chrome."
        )
    joined = PdfWriter()
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            say(f"printing {name}")
            page = site / f"{name}.html"
            printed = _printed(browser, page, Path(folder) / f"{name.replace('/', '-')}.pdf")
            joined.append(PdfReader(printed), outline_item=_title(page), import_outline=False)
        joined.add_metadata({"/Title": "preflare"})
        with atomically(target, BookError) as place, place.open("wb") as file:
            joined.write(file)
    return target


def _printed(browser: str, page: Path, target: Path) -> Path:
    # Virtual time lets scripts and formulas finish before the page is printed.
    command = [browser, *SWITCHES, "--virtual-time-budget=20000", f"--print-to-pdf={target}"]
    try:
        outcome = subprocess.run(
            [*command, page.resolve().as_uri()], capture_output=True, check=False, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired as error:
        raise BookError(
            f"{browser} did not print {page.name} within {PATIENCE} s: try again with the machine "
            "at rest."
        ) from error
    if outcome.returncode or not target.is_file():
        raise BookError(f"{browser} could not print {page.name}: update it, or try another one.")
    return target


class _Heading(HTMLParser):
    """Reads the first heading of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._inside = self._read = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        link = tag == "a" and ("class", "headerlink") in attrs
        self._inside = (tag == "h1" and not self._read) or (self._inside and not link)

    def handle_endtag(self, tag: str) -> None:
        if tag == "h1":
            self._inside, self._read = False, True

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.parts.append(data)


def _title(page: Path) -> str:
    heading = _Heading()
    heading.feed(page.read_text(encoding="utf-8"))
    return "".join(heading.parts).strip() or page.stem
