"""Pages link to what they offer, and carry nothing that no page shows."""

import gzip
import json
from base64 import b64encode
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from preflare.figure_formats import CSV, DARK, PDF
from preflare.gallery import WIDTH, gallery
from preflare.take_home import LONG, filled, with_links

GLUED = "application/papermill.record/text/plain"


def picture(width):
    file = BytesIO()
    Image.new("RGB", (width, 100), "red").save(file, "PNG")
    return b64encode(file.getvalue()).decode()


def cell(data, *, tags=(), **options):
    output = {"output_type": "display_data", "data": data, "metadata": {}}
    metadata = {"tags": list(tags), "mystnb": options}
    return {"cell_type": "code", "metadata": metadata, "outputs": [output], "source": ""}


def glued(name, value):
    made = cell({GLUED: repr(value)}, tags=["remove-cell"])
    made["outputs"][0]["metadata"] = {"scrapbook": {"name": name}}
    return made


FIGURE = cell(
    {"image/png": picture(900), PDF: b64encode(b"%PDF").decode(), DARK: picture(9), CSV: "x\n1\n"},
    figure={"name": "fig-one", "caption": "Share {glue:text}`share:.1f` %. {glue:text}`from`\n"},
    image={"alt": "Red."},
)


def notebook(*cells):
    return json.dumps({"cells": list(cells), "metadata": {}}).encode()


@pytest.fixture
def linked():
    cells = glued("share", 12.34), glued("from", "Twin, simulated."), FIGURE
    return with_links(notebook(*cells), "swarm")


def test_a_figure_gets_a_line_of_links_and_loses_the_hidden_formats(linked):
    page, (offer,) = linked
    *_, anchor, figure, links = json.loads(page)["cells"]
    assert set(figure["outputs"][0]["data"]) == {"image/png"}
    assert anchor["source"] == '<div id="cell-2" class="cell-anchor"></div>'
    for wanted in (
        'data-dark="downloads/swarm/fig-one.dark.png"', 'href="downloads/swarm/fig-one.png"',
        'href="downloads/swarm/fig-one.pdf"', 'href="downloads/swarm/fig-one.csv"',
        'href="#cell-2"', 'href="twin.html"',
    ):  # fmt: skip
        assert wanted in links["source"]
    assert offer.caption == "Share 12.3 %. Twin, simulated."
    assert offer.files()[Path("downloads/swarm/fig-one.csv")] == b"x\n1\n"
    assert offer.files()[Path("downloads/swarm/fig-one.pdf")] == b"%PDF"


def test_long_numbers_are_packed():
    numbers = "x\n" + "1\n" * LONG
    _, (offer,) = with_links(notebook(cell({CSV: numbers})), "swarm")
    packed = offer.files()[Path("downloads/swarm/table-0.csv.gz")]
    assert gzip.decompress(packed).decode() == numbers
    assert "table-0.csv.gz" in offer.links("cell-0")


def test_tables_of_one_cell_are_told_apart_and_hidden_ones_left_out():
    both = cell({CSV: "a\n"})
    both["outputs"] *= 2
    hidden = cell({CSV: "b\n"}, tags=["remove-cell"])
    page, offers = with_links(notebook(both, hidden), "swarm")
    assert [each.name for each in offers] == ["table-0-0", "table-0-1"]
    assert b"text/csv" not in page


def test_a_page_that_offers_nothing_stays_as_it_is():
    text = {"cell_type": "markdown", "metadata": {}, "source": "Text."}
    page, offers = with_links(notebook(text), "swarm")
    assert json.loads(page)["cells"] == [text]
    assert offers == []


def test_captions_hold_what_was_glued():
    assert (
        filled("{glue:text}`n:,.0f` of {glue:text}`all`", {"n": 1234.5, "all": 9}) == "1,234 of 9"
    )
    _, (offer,) = with_links(
        notebook(glued("share", float("nan")), glued("from", "."), FIGURE), "a"
    )
    assert offer.caption == "Share nan %. ."


def test_the_gallery_shows_each_figure_small_once(linked):
    _, (offer,) = linked
    page, files = gallery([offer])
    assert page.decode().count("## {doc}`swarm`") == 1
    assert 'href="swarm.html#fig-one"' in page.decode()
    assert "{numref}`fig-one` Share 12.3 %." in page.decode()
    ((place, content),) = files.items()
    assert place.as_posix() in page.decode()
    assert Image.open(BytesIO(content)).width == WIDTH
