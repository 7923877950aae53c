"""What pages offer to take home is there, and what it is called; notebooks run as they are."""

import gzip
import json
import re
from io import BytesIO

import nbformat
import pandas as pd
import papermill
import pytest
from PIL import Image

from preflare.book import Book
from tests.book.test_pages import FIGURES, Page

CHAPTERS = [chapter.name for chapter in Book.found().chapters()]


def offered(site, name, what):
    """List the files that a page offers, by the figure or table that they are of."""
    text = (site / f"{name}.html").read_text(encoding="utf-8")
    found = {}
    for line in re.findall(rf'<p class="take-home"[^>]*>Take this {what} .*?</p>', text, re.DOTALL):
        files = re.findall(r'href="(downloads/[^"]*)"', line)
        found[files[0].split("/")[-1].split(".")[0]] = files
    return found


@pytest.mark.parametrize(("name", "figures"), FIGURES.items())
def test_every_figure_is_offered_as_png_pdf_and_numbers(site, name, figures):
    shown = offered(site, name, "figure")
    assert len(shown) == figures
    for picture, pages, numbers in shown.values():
        with Image.open(site / picture) as image:
            assert image.format == "PNG"
        assert (site / pages).read_bytes().startswith(b"%PDF")
        content = (site / numbers).read_bytes()
        content = gzip.decompress(content) if numbers.endswith(".gz") else content
        table = pd.read_csv(BytesIO(content), dtype={"panel": str, "label": str})
        assert len(table) > 1
        assert {"panel", "x", "y"} <= set(table.columns)


@pytest.mark.parametrize("name", FIGURES)
def test_every_data_frame_is_offered_as_numbers(site, name):
    text = (site / f"{name}.html").read_text(encoding="utf-8")
    tables = offered(site, name, "table").values()
    assert len(tables) == len(re.findall(r'class="dataframe', text))
    for (file,) in tables:
        assert len(pd.read_csv(site / file)) > 0


def test_all_figures_are_on_one_page_and_lead_to_their_places(site):
    links = [link for link in Page(site / "figures.html").links if "#fig-" in link]
    wanted = {
        f"{name}.html#{figure}" for name in CHAPTERS for figure in offered(site, name, "figure")
    }
    assert set(links) == wanted


def test_executed_pages_tell_how_they_were_made(site):
    for name in CHAPTERS:
        text = re.sub(r"<[^>]+>", " ", (site / f"{name}.html").read_text(encoding="utf-8"))
        assert "How this page was made" in text
        assert f"preflare book --chapter {name} --force" in text


@pytest.mark.parametrize("name", CHAPTERS)
def test_notebooks_are_clean_and_whole(site, name):
    notebook = nbformat.read(site / "notebooks" / f"{name}.ipynb", as_version=4)
    nbformat.validate(notebook)
    run = json.loads((site.parent / "runs" / f"{name}.ipynb").read_text(encoding="utf-8"))
    code = ["".join(cell["source"]) for cell in run["cells"] if cell["cell_type"] == "code"]
    assert [cell.source for cell in notebook.cells if cell.cell_type == "code"] == code
    assert not any(cell.get("outputs") for cell in notebook.cells)


def test_a_notebook_runs_where_nothing_else_lies(site, tmp_path):
    papermill.execute_notebook(
        site / "notebooks" / "playground.ipynb", tmp_path / "mine.ipynb", cwd=tmp_path,
        kernel_name="python3", progress_bar=False,
    )  # fmt: skip
    text = (tmp_path / "mine.ipynb").read_text(encoding="utf-8")
    assert "image/png" in text
