"""The slides in headless Chromium: by keyboard, in print, without scripts, and for everyone."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.conftest import SETTLED

SIZES = {"lecture": (1400, 800), "phone": (390, 800), "narrow": (320, 640)}


@pytest.fixture
def deck(browser, site):
    """Give a function that opens the slides, and fails if they complain or ask a network."""
    contexts, troubles = [], []

    def opened(size="lecture", scheme="light", **how):
        width, height = SIZES[size]
        viewport = {"width": width, "height": height}
        contexts.append(browser.new_context(viewport=viewport, color_scheme=scheme, **how))
        contexts[-1].set_default_timeout(120_000)  # the machine may be busy with something else
        page = contexts[-1].new_page()
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("requestfailed", lambda request: troubles.append(request.url))
        page.on("request", lambda request: request.url.startswith("file:")
                or troubles.append(request.url))  # fmt: skip
        page.goto((site / "slides.html").as_uri())
        page.wait_for_function(SETTLED)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert troubles == []


def at_top(page):
    """Tell which slide stands at the top of the window."""
    return page.evaluate(
        "[...document.querySelectorAll('.slide')].findIndex("
        "slide => Math.abs(slide.getBoundingClientRect().top) < 3) + 1"
    )


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)
    return at_top(page)


def test_the_keyboard_turns_the_slides(deck):
    page = deck()
    count = page.locator(".slide").count()
    assert 20 <= count <= 25
    assert press(page, "ArrowRight") == 2  # the first is in sight below a line about the slides
    assert press(page, "ArrowDown", "PageDown") == 4
    assert press(page, "ArrowLeft", "ArrowUp") == 2
    assert press(page, "End") == count
    assert press(page, "ArrowRight") == count
    assert page.url.endswith(f"#slide-{count}")
    assert press(page, "PageUp") == count - 1
    assert press(page, "Home", "ArrowLeft") == 1
    assert press(page, "Control+ArrowRight") == 1


def test_a_key_shows_and_hides_what_the_speaker_says(deck):
    page = deck()
    assert press(page, "Home", "ArrowRight", "ArrowRight") == 3
    notes = page.locator("#slide-3 .notes p").first
    assert not notes.is_visible()
    assert press(page, "n") == 3
    assert notes.is_visible()
    assert press(page, "n") == 3
    assert not notes.is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_slides_fit_and_show_the_figures_of_the_hour(deck, size, scheme):
    page = deck(size, scheme)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shown = page.evaluate(
        "[...document.querySelectorAll('figure img')].map(i => [i.currentSrc, i.naturalWidth])"
    )
    assert len(shown) >= 18
    assert all(width > 300 for _, width in shown)
    assert all(source.endswith(".dark.png") == (scheme == "dark") for source, _ in shown)


def test_at_the_size_of_a_lecture_each_slide_fills_one_screen(deck):
    heights = deck().evaluate(
        "[...document.querySelectorAll('.slide')].map(s => s.getBoundingClientRect().height)"
    )
    assert all(abs(height - 800) < 1.5 for height in heights), heights


def test_without_scripts_it_is_a_long_page_with_notes(deck):
    page = deck(java_script_enabled=False)
    assert page.locator(".slide h2").last.is_visible()
    page.locator("#slide-2 summary").click()
    assert page.locator("#slide-2 .notes p").first.is_visible()


def test_each_slide_is_printed_on_a_page_of_its_own(deck):
    page = deck(scheme="dark")
    count = page.locator(".slide").count()
    printed = page.pdf(prefer_css_page_size=True)
    assert printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") == count
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == (
        "rgb(255, 255, 255)"
    )
    page.wait_for_function("[...document.images].every(image => image.complete)")
    sources = page.evaluate("[...document.querySelectorAll('figure img')].map(i => i.currentSrc)")
    assert not any(source.endswith(".dark.png") for source in sources)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(deck, scheme):
    page = deck(scheme=scheme)
    press(page, "n")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
