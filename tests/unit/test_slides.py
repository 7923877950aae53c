"""Slides take figures and numbers from the chapters, and say so where there are none."""

import json
import re

import pytest

from preflare.book import Book
from preflare.errors import BookError
from preflare.figure_formats import DARK
from preflare.slides import slides
from preflare.take_home import Offer

SHELL = "<main>SLIDES</main>"
FIGURE = Offer(
    "splitting", "fig-splits", "Skill. Twin, simulated.", 'Boxes & "whiskers"',
    {"image/png": "", DARK: "", "text/csv": "1"},
)  # fmt: skip
TABLE = Offer("splitting", "table-3", "", "", {"text/csv": "1"})


def notebook(**glued):
    outputs = [
        {
            "data": {"application/papermill.record/text/plain": repr(value)},
            "metadata": {"scrapbook": {"name": name}},
        }
        for name, value in glued.items()
    ]
    return json.dumps({"cells": [{"outputs": outputs}, {}]}).encode()


EXECUTED = {"splitting": notebook(median=0.5849, name="PF 2"), "data": notebook(kept=2799)}


def page(text):
    return slides(text, SHELL, [TABLE, FIGURE], EXECUTED).decode()


def test_each_part_is_a_slide_with_a_title_of_its_own():
    made = page("## One\n\nText.\n\n---\n\n## Two <b>\n\n- a\n- b\n")
    assert made.startswith("<main><section")
    assert re.findall(r'<section class="slide plain" id="slide-(\d)" aria-labelledby="title-\1">',
                      made) == ["1", "2"]  # fmt: skip
    assert '<h1 id="title-1">One</h1>' in made
    assert '<h2 id="title-2">Two &lt;b&gt;</h2>' in made
    assert "<li>a</li>" in made
    assert "2<span> of 2</span>" in made


def test_numbers_come_from_the_runs_of_the_chapters():
    made = page(
        "## One\n\n{glue:text}`splitting::median:.2f` in {glue:text}`splitting::name`, of "
        "{glue:text}`data::kept:,.0f`\n"
    )
    assert "0.58 in PF 2, of 2,799" in made


@pytest.mark.parametrize("number", ["splitting::mean", "swarm::median"])
def test_a_number_that_no_chapter_glues_is_named(number):
    with pytest.raises(BookError, match=f"give {number}, which that chapter does not glue"):
        page(f"## One\n\n{{glue:text}}`{number}:.2f`\n")


def test_figures_are_those_of_the_site_by_day_and_by_night():
    made = page("## One\n\nText.\n\n![](fig-splits)\n\nMore.\n")
    assert '<section class="slide" id="slide-1"' in made
    assert '<img src="downloads/splitting/fig-splits.png" alt="Boxes &amp; &quot;whiskers' in made
    assert 'srcset="downloads/splitting/fig-splits.dark.png" media="screen and (prefers-' in made
    assert 'Twin, simulated. <a href="splitting.html#fig-splits">' in made
    assert made.index("More.") < made.index("<figure>")


@pytest.mark.parametrize("name", ["fig-none", "table-3"])
def test_a_figure_that_the_run_does_not_draw_is_no_fault_but_is_said(name):
    assert "This run of the book does not draw the figure." in page(f"## One\n\n![]({name})\n")


def test_a_quotation_at_the_end_is_for_the_speaker():
    made = page("## One\n\n> Said.\n\nText.\n\n> For *me*\n> alone.\n")
    assert "<blockquote>" in made
    assert made.count("<details") == 1
    assert '<summary>Notes</summary><p>For <em>me</em>\nalone.</p>' in made  # fmt: skip


def test_a_slide_without_a_title_is_named():
    with pytest.raises(BookError, match=r"Slide 2 begins with 'Text\.': begin it with a title"):
        page("## One\n\n---\nText.\n")


def test_there_are_slides_where_the_book_has_a_text_for_them():
    texts = Book.found().root / "book"
    assert (texts / "slides.html").read_text(encoding="utf-8").count("SLIDES") == 1
    assert len(re.findall(r"^## ", (texts / "slides.md").read_text(encoding="utf-8"), re.M)) >= 20
