"""Everybody can read the book: by ear, by keyboard, in the dark, on a phone, without JavaScript."""

from importlib.resources import files
from itertools import pairwise

import pytest

from preflare.book import Book

PAGES = Book.found().pages()
AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
# Beside axe's own choice, rules that it counts as experimental and that concern this book.
FOUND = """axe.run(document, {
    resultTypes: ["violations"],
    rules: {"label-content-name-mismatch": {enabled: true}, "td-has-header": {enabled: true}},
}).then(found => found.violations.flatMap(each => each.nodes.map(node =>
    `${each.id} (${each.impact}): ${node.html.slice(0, 200)} ${node.failureSummary}`)))"""
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
    """Give each page of the book, with nothing folded away."""
    page = browser.new_page()
    page.goto((site / f"{request.param}.html").as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    page.evaluate("document.fonts.ready.then(() => null)")
    page.evaluate(AXE)
    yield page
    page.close()


def look_at(page, width, scheme="light"):
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    page.wait_for_function(f"document.documentElement.dataset.theme === '{scheme}'")
    page.wait_for_timeout(300)  # what changes with the size or the theme has its time
    # On a busy machine that time may pass before the page hears of its size: not so two frames.
    page.evaluate("new Promise(heard => requestAnimationFrame(() => requestAnimationFrame(heard)))")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 390])
def test_axe_finds_nothing(page, width, scheme):
    look_at(page, width, scheme)
    assert page.evaluate(FOUND) == []


@pytest.mark.parametrize("width", [1400, 390])
def test_what_scrolls_can_be_reached_by_keyboard(page, width):
    look_at(page, width)
    assert page.evaluate(UNREACHED) == []


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
    assert [found.split()[0] for found in landing_page.evaluate(FOUND)] == ["image-alt"]


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
