"""Slides for a lecture: one page of the site, from a text and the book's own figures and numbers.

The text is `book/slides.md`: Markdown, slides parted by lines of three dashes. ``![](fig-splits)``
is the figure of that name, ``{glue:text}`splitting::median:.2f` `` a number of that chapter, and a
quotation at the end what only the speaker sees.
"""

from __future__ import annotations

import json
import re
from functools import cache
from html import escape
from typing import Any

from markdown_it import MarkdownIt

from preflare.errors import BookError
from preflare.figure_formats import DARK
from preflare.take_home import Offer, glued_in

_BREAK = re.compile(r"^---$", re.MULTILINE)
_FIGURE = re.compile(r"^!\[\]\(([\w-]+)\)$", re.MULTILINE)
_NUMBER = re.compile(r"\{glue:text\}`([\w-]+)::(\w+)(?::([^`]*))?`")
_SOURCES = ("IRIS, real", "Twin, simulated", "No data")
_NOTES = re.compile(r"(?:^> ?.*\n?)+\Z", re.MULTILINE)


def slides(text: str, shell: str, offered: list[Offer], executed: dict[str, bytes]) -> bytes:
    """Make the page.

    Parameters
    ----------
    text : str
        Markdown.
    shell : str
        The page around the slides, with ``SLIDES`` where they go.
    offered : list of Offer
        The figures of all chapters.
    executed : dict of str to bytes
        Their notebooks, by name.

    Returns
    -------
    bytes
        HTML that needs no other file than the figures.

    Raises
    ------
    BookError
        If a number is not one of its chapter, or a slide has no title.
    """
    figures = {each.name: each for each in offered if DARK in each.formats}

    @cache
    def values(chapter: str) -> dict[str, Any]:
        return glued_in(json.loads(executed[chapter])) if chapter in executed else {}

    def told(found: re.Match[str]) -> str:
        chapter, name, form = found.groups()
        if name not in values(chapter):
            raise BookError(f"The slides give {chapter}::{name}, which that chapter does not glue.")
        return format(values(chapter)[name], form or "")

    parts = [_NUMBER.sub(told, part).strip() for part in _BREAK.split(text)]
    made = [_slide(number, len(parts), part, figures) for number, part in enumerate(parts, start=1)]
    return shell.replace("SLIDES", "\n".join(made)).encode()


def _slide(number: int, count: int, part: str, figures: dict[str, Offer]) -> str:
    title, _, rest = part.partition("\n")
    if not title.startswith("## "):
        raise BookError(f"Slide {number} begins with {title!r}: begin it with a title, ## Title.")
    notes = _NOTES.search(rest)
    body = rest[: notes.start()] if notes else rest
    named = _FIGURE.search(body)
    words = _html(_FIGURE.sub("", body))
    head = "h1" if number == 1 else "h2"
    lines = [
        f'<section class="slide{"" if named else " plain"}" id="slide-{number}" '
        f'aria-labelledby="title-{number}">',
        f'<{head} id="title-{number}">{escape(title[3:])}</{head}>',
        f'<div class="words">{words}</div>',
    ]
    if named:
        lines.append(_figure(figures.get(named[1])))
    if notes:
        said = _html(re.sub(r"^> ?", "", notes[0], flags=re.MULTILINE))
        lines.append(f'<details class="notes"><summary>Notes</summary>{said}</details>')
    lines.append(f'<p class="number">{number}<span> of {count}</span></p></section>')
    return "\n".join(lines)


def _figure(offer: Offer | None) -> str:
    if offer is None:
        return '<p class="missing">This run of the book does not draw the figure.</p>'
    light, dark = (offer.place(kind).as_posix() for kind in ("image/png", DARK))
    source = next((f"{said}. " for said in _SOURCES if said in offer.caption), "")
    return (
        f'<figure><picture><source srcset="{dark}" media="screen and (prefers-color-scheme: dark)">'
        f'<img src="{light}" alt="{escape(offer.alt)}"></picture><figcaption>{source}'
        f'<a href="{offer.chapter}.html#{offer.name}">The figure in its chapter</a></figcaption>'
        "</figure>"
    )


def _html(text: str) -> str:
    return MarkdownIt("commonmark").render(text)
