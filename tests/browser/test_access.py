"""Everybody can read the book: by ear, by keyboard, in the dark, on a phone, without JavaScript.

Each page is loaded once, and looked at from all sides. It complains of nothing, asks no network.
"""

from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import pytest

from preflare.book import Book
from tests.book.test_pages import FIGURES
from tests.browser.conftest import SETTLED, complaints

PAGES = Book.found().pages()
AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
FOUND_BY_AXE = (Path(__file__).parent / "found_by_axe.js").read_text(encoding="utf-8")
DESKTOP, DESKTOP_BY_NIGHT = (1400, "light"), (1400, "dark")
PHONE, PHONE_BY_NIGHT, SMALL_PHONE_BY_NIGHT = (390, "light"), (390, "dark"), (320, "dark")
ADAPTED = """async () => {
    for (let frames = 0; frames < 3; frames++) await new Promise(requestAnimationFrame);
    const changes = document.getAnimations().filter(each => each instanceof CSSTransition);
    await Promise.allSettled(changes.map(each => each.finished));
}"""
UNREACHED = """[...document.querySelectorAll("body *")].filter(box => {
    const style = getComputedStyle(box), scrolls = flow => flow === "auto" || flow === "scroll";
    const wide = scrolls(style.overflowX) && box.scrollWidth > box.clientWidth + 1;
    const tall = scrolls(style.overflowY) && box.scrollHeight > box.clientHeight + 1;
    const within = "a[href], button, input, select, summary, [tabindex='0']";
    return (wide || tall) && box.checkVisibility({visibilityProperty: true})
        && box.tabIndex < 0 && !box.querySelector(within);
}).map(box => box.outerHTML.slice(0, 200))"""


@pytest.fixture(scope="module", params=PAGES)
def page(request, browser, site):
    """Give each page of the book, with nothing folded away. In the end it complained of nothing."""
    page = browser.new_page(viewport={"width": 1400, "height": 900}, color_scheme="light")
    page.set_default_timeout(120_000)  # the machine may be busy with something else
    troubles = complaints(page)
    page.goto((site / f"{request.param}.html").as_uri())
    page.wait_for_function(SETTLED)
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    page.evaluate(AXE)
    yield page
    page.close()
    assert troubles == []


@pytest.fixture(scope="module")
def look(request, page):
    """Have the page in a window of a width, by day or by night."""
    width, scheme = request.param
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    page.wait_for_function(f"document.documentElement.dataset.theme === '{scheme}'")
    page.wait_for_function(f"innerWidth === {width}")
    page.wait_for_function(SETTLED)
    page.evaluate(ADAPTED)


def seen(*looks, thorough):
    """Have a test done at these widths, by day or by night; once for all tests of one look."""
    others = (pytest.param(look, marks=pytest.mark.thorough) for look in thorough)
    return pytest.mark.parametrize(
        "look",
        [*looks, *others],
        indirect=True,
        scope="module",
        ids=lambda look: "-".join(map(str, look)),
    )


def test_it_says_something(page):
    assert len(page.inner_text("main")) > 200


@seen(DESKTOP, PHONE_BY_NIGHT, SMALL_PHONE_BY_NIGHT, thorough=[PHONE])
def test_nothing_is_wider_than_the_window(page, look):
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@seen(DESKTOP, PHONE_BY_NIGHT, thorough=[DESKTOP_BY_NIGHT, PHONE])
def test_axe_finds_nothing(page, look, thorough):
    assert page.evaluate(FOUND_BY_AXE, thorough) == []


@seen(DESKTOP, PHONE_BY_NIGHT, thorough=[PHONE])
def test_what_scrolls_can_be_reached_by_keyboard(page, look):
    assert page.evaluate(UNREACHED) == []


@seen(DESKTOP, PHONE_BY_NIGHT, thorough=[DESKTOP_BY_NIGHT])
def test_figures_are_drawn_not_broken(page, look, request):
    widths = page.evaluate(
        "[...document.querySelectorAll('main img:not([loading=lazy])')].map(i => i.naturalWidth)"
    )
    expected = FIGURES.get(request.node.callspec.params["page"])
    assert expected is None or len(widths) == expected
    assert all(width > (500 if expected else 0) for width in widths)


def test_headings_leave_no_level_out(page):
    levels = page.evaluate(
        "[...document.querySelectorAll(':is(h1, h2, h3, h4, h5, h6)')]"
        ".filter(each => each.checkVisibility()).map(each => Number(each.tagName[1]))"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below <= above + 1 for above, below in pairwise(levels)), levels


@pytest.fixture
def landing_page(browser, site):
    page = browser.new_page(viewport={"width": 390, "height": 900})
    page.goto((site / "index.html").as_uri())
    page.evaluate(AXE)
    yield page
    page.close()


def test_axe_would_find_a_picture_without_words(landing_page):
    landing_page.evaluate("document.querySelector('main img').removeAttribute('alt')")
    assert [found.split()[0] for found in landing_page.evaluate(FOUND_BY_AXE)] == ["image-alt"]


@pytest.mark.parametrize("where", ["main p", "figcaption p", "footer p"])
def test_axe_would_find_a_faint_word(landing_page, where):
    landing_page.evaluate(
        "where => document.querySelector(where).insertAdjacentHTML('beforeend',"
        " '<span style=\"color: #bbb; background: #fff; display: inline-block\">faint</span>')",
        where,
    )
    assert [found.split()[0] for found in landing_page.evaluate(FOUND_BY_AXE)] == ["color-contrast"]


def test_what_becomes_too_wide_scrolls_by_keyboard(landing_page):
    landing_page.evaluate(
        "document.querySelector('main article').insertAdjacentHTML('beforeend',"
        " `<div id=wide style='overflow-x: auto; white-space: pre'>${'word '.repeat(100)}</div>`)"
    )
    landing_page.set_viewport_size({"width": 380, "height": 900})
    landing_page.wait_for_function("document.querySelector('#wide').tabIndex === 0")
    landing_page.focus("#wide")
    landing_page.keyboard.press("ArrowRight")
    landing_page.wait_for_function("document.querySelector('#wide').scrollLeft > 0")
    landing_page.evaluate("document.querySelector('#wide').textContent = 'word'")
    landing_page.set_viewport_size({"width": 390, "height": 900})
    landing_page.wait_for_function("document.querySelector('#wide').tabIndex < 0")


@pytest.fixture(scope="module")
def without_scripts(browser):
    context = browser.new_context(java_script_enabled=False)
    yield context
    context.close()


@pytest.mark.parametrize("name", PAGES)
def test_without_javascript_text_and_figures_are_there(without_scripts, site, name):
    page = without_scripts.new_page()
    page.goto((site / f"{name}.html").as_uri())
    shown = page.evaluate(
        "[...document.querySelectorAll('main img')].every(each =>"
        " each.checkVisibility() && each.naturalWidth > 0)"
    )
    assert shown
    assert len(page.inner_text("main article")) > 100
    assert page.inner_text("h1")
    page.close()
