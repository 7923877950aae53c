"""The findings' chapters on the one real raster that travels along: shown, or said why not."""

import json

import pytest

from preflare.book import Book
from preflare.chapters import Chapter, run
from preflare.claims import read_claims
from preflare.ledger import records_of

CHAPTERS = "attributions", "monotonicity", "audit"


@pytest.fixture(scope="module", params=CHAPTERS)
def notebook(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("real") / f"{request.param}.ipynb"
    root = Book.found().root
    run(Chapter(root / "book" / f"{request.param}.md"), {"source": "iris"}, "key", path, root)
    return path


def test_every_claim_has_a_number_or_a_reason_why_it_has_none(notebook):
    records = {record.claim: record for record in records_of(notebook)}
    wanted = {name for name, claim in read_claims().items() if claim.chapter == notebook.stem}
    assert set(records) == wanted
    for record in records.values():
        assert (record.value is None) == bool(record.cannot)


def test_no_figure_is_left_out_without_a_word(notebook):
    cells = json.loads(notebook.read_text())["cells"]
    figures = [cell for cell in cells if "figure" in cell["metadata"].get("mystnb", {})]
    assert figures
    for cell in figures:
        shown = [output.get("data", {}) for output in cell["outputs"]]
        drawn = any("image/png" in data for data in shown)
        said = ["".join(data.get("text/markdown", "")) for data in shown]
        assert drawn or any(text.endswith(".*") for text in said), cell["metadata"]
