"""What Jupyter Book reads: texts as they are, chapters as executed, and the files these offer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from preflare.chapters import Run
from preflare.colophon import NOTEBOOKS, colophon, to_run
from preflare.gallery import gallery
from preflare.render import SITE_FILES
from preflare.slides import slides
from preflare.status_tables import this_build, whole_book
from preflare.take_home import Offer, with_foot, with_links


def staged(root: Path, executed: Mapping[Path, Path]) -> dict[Path, bytes]:
    """Collect the pages of the book, and the files that go into the site beside them.

    Parameters
    ----------
    root : pathlib.Path
        The checkout.
    executed : mapping of pathlib.Path to pathlib.Path
        Chapters that run, by their text: the executed notebooks.

    Returns
    -------
    dict of pathlib.Path to bytes
        By name.
    """
    texts = root / "book"
    pages = {
        path.relative_to(texts): path.read_bytes()
        for path in sorted(texts.rglob("*"))
        if path.is_file() and path not in executed
    }
    offers: list[Offer] = []
    records: list[Run] = []
    files: dict[Path, bytes] = {}
    notebooks = {text.stem: notebook.read_bytes() for text, notebook in executed.items()}
    for text, notebook in executed.items():
        content = notebooks[text.stem]
        page, own = with_links(content, text.stem)
        offers += own
        if record := Run.load(notebook):
            records.append(record)
            page = with_foot(page, colophon(content, record))
        pages[Path(f"{text.stem}.ipynb")] = page
        files[NOTEBOOKS / f"{text.stem}.ipynb"] = to_run(content)
    pages[Path("all-figures.md")], small = gallery(offers)
    files |= small
    for offer in offers:
        files |= offer.files()
    if deck := pages.pop(Path("slides.md"), None):
        shell = pages.pop(Path("slides.html")).decode()
        files[Path("slides.html")] = slides(deck.decode(), shell, offers, notebooks)
    pages |= {SITE_FILES / name: content for name, content in files.items()}
    pages[Path("status-table.md")] = this_build(records).encode()
    pages[Path("whole-book.md")] = whole_book(root, records).encode()
    return pages
