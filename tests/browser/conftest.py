"""A headless Chromium, and a page in it that fails a test if it complains or asks a network."""

import os
import shutil

import pytest
from playwright.sync_api import sync_playwright

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync",
            "--disable-component-update", "--no-first-run"]  # fmt: skip

# Not the network's silence, of which a busy machine never hears.
SETTLED = """() => document.fonts.status === 'loaded'
    && [...document.images].every(each => each.complete || each.loading === 'lazy')
    && [...document.querySelectorAll('.math')].every(each => each.querySelector('mjx-container'))"""


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM and not os.environ.get("CI"):
        pytest.skip("no Chromium on this machine; install it to run the browser tests")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield browser
        browser.close()


def complaints(page):
    """Give the list that what a page complains of from now on, or asks a network for, goes to."""
    troubles = []
    page.on("console", lambda message: message.type in ("error", "warning")
            and troubles.append(f"console: {message.text}"))  # fmt: skip
    page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
    page.on("requestfailed", lambda request: troubles.append(f"failed: {request.url}"))
    page.on("request", lambda request: request.url.startswith(("file:", "data:"))
            or troubles.append(f"external: {request.url}"))  # fmt: skip
    return troubles


@pytest.fixture(params=[(1400, "light"), (1400, "dark"), (390, "light"), (320, "dark")],
                ids=lambda value: f"{value[0]}-{value[1]}")  # fmt: skip
def visit(request, browser, site):
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    context.set_default_timeout(120_000)  # the machine may be busy with something else

    def open_page(name):
        page = context.new_page()
        troubles = complaints(page)
        page.goto((site / f"{name}.html").as_uri())
        page.wait_for_function(SETTLED)
        return page, troubles

    yield open_page
    context.close()
