"""A page comes at once: it is light, and its text shows within a second."""

import re
from urllib.parse import unquote

import pytest

from tests.browser.test_access import PAGES

PAINTED = "performance.getEntriesByName('first-contentful-paint').map(each => each.startTime)[0]"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_and_its_pictures_weigh_3_megabytes_at_most(site, name):
    page = site / f"{name}.html"
    html = page.read_text(encoding="utf-8")
    pictures = set(re.findall(r'<img\b[^>]*?\bsrc="([^":]+)"', html))
    drawn = [page.parent / unquote(picture) for picture in pictures]
    assert page.stat().st_size + sum(each.stat().st_size for each in drawn) <= 3e6


@pytest.mark.alone
@pytest.mark.parametrize("name", PAGES)
def test_text_shows_within_a_second(browser, site, name):
    took = []
    for _ in range(3):  # the machine may be busy with something else
        page = browser.new_page()
        page.goto((site / f"{name}.html").as_uri(), wait_until="load")
        page.wait_for_function(f"({PAINTED}) !== undefined")
        took.append(page.evaluate(PAINTED))
        page.close()
        if took[-1] <= 1000:
            break
    assert min(took) <= 1000
