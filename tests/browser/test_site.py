"""What pages load beside their text, in headless Chromium: formulas, the search, other figures."""

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


def test_formulas_are_set_by_the_vendored_mathjax(visit):
    page, troubles = visit("data")
    page.wait_for_selector("mjx-container[display=true]")
    loaded = page.evaluate(
        "document.fonts.ready.then(() => [...document.fonts]"
        ".filter(font => font.status === 'loaded').map(font => font.family))"
    )
    assert any(family.startswith("MJX") for family in loaded)
    assert troubles == []


def test_search_finds_a_word_of_a_chapter(browser, site):
    # From a server: browsers do not let a page from disk fetch its neighbours.
    serve = partial(SimpleHTTPRequestHandler, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/search.html?q=cosmic")
        page.wait_for_selector("#search-results li a")
        assert "data.html" in page.get_attribute("#search-results li a", "href")
        page.close()
        server.shutdown()


def test_figures_change_with_the_theme(visit, request):
    page, troubles = visit("swarm")
    images = page.locator("main figure img")
    dark = "dark" in request.node.callspec.id
    shown = [images.nth(place).get_attribute("src") for place in range(images.count())]
    assert all(source.endswith(".dark.png") == dark for source in shown)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_function(
        "[...document.querySelectorAll('main figure img')]"
        ".every(i => i.src.endsWith('.dark.png') && i.complete && i.naturalWidth > 0)"
    )
    assert troubles == []
