"""The rendered book: figures with alternative texts, and nothing that needs a network."""

import re
from functools import cache
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest

from preflare.book import Book
from preflare.chapters import Run

NAMES = Book.found().pages()
FIGURES = {
    "data": 8,
    "twin": 3,
    "convnet": 5,
    "explaining": 9,
    "playground": 1,
    "artificial-test": 8,
    "splitting": 5,
    "swarm": 5,
    "attributions": 12,
    "monotonicity": 9,
    "audit": 5,
    "misreadings": 6,
    "scaling": 3,
}


class Page(HTMLParser):
    """Collects what a page shows and what it loads."""

    def __init__(self, path):
        super().__init__()
        self.images, self.loaded, self.links, self.ids = [], [], [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.ids.add(given.get("id"))
        if tag == "img":
            self.images.append(given)
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if tag in ("img", "script", "iframe", "source", "video") and given.get("src"):
            self.loaded.append(given["src"])
        if tag == "link" and "canonical" not in given.get("rel", ""):
            self.loaded.append(given.get("href", ""))


@cache
def ids(path):
    return Page(path).ids


@pytest.fixture(scope="module")
def pages(site):
    return {name: Page(site / f"{name}.html") for name in NAMES}


def test_all_pages_are_there(site):
    rendered = {str(path.relative_to(site).with_suffix("")) for path in site.rglob("*.html")}
    assert set(NAMES) <= rendered


def test_every_figure_has_an_alternative_text_of_its_own(pages):
    texts = [
        image.get("alt", "")
        for name, page in pages.items()
        for image in page.images
        if name != "figures"  # the same ones, small
    ]
    assert len(texts) >= 6
    assert all(len(text.split()) >= 10 for text in texts), texts
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize(("name", "figures"), FIGURES.items())
def test_figures_have_captions_that_name_their_source(site, name, figures):
    captions = re.findall(
        r"<figcaption>.*?</figcaption>", (site / f"{name}.html").read_text(), re.S
    )
    assert len(captions) == figures
    plain = [re.sub(r"<[^>]*>|\s+", " ", text) for text in captions]
    sources = "IRIS, real", "Twin, simulated", "No data"
    assert all(any(source in text for source in sources) for text in plain)


def test_pages_load_only_files_of_the_site(site, pages):
    for name, page in pages.items():
        for address in page.loaded:
            parts = urlsplit(address)
            assert not parts.scheme, (name, address)
            assert not parts.netloc, (name, address)
            assert ((site / name).parent / unquote(parts.path)).is_file(), (name, address)


def test_styles_load_only_files_of_the_site(site):
    for style in site.rglob("*.css"):
        for address in re.findall(r"url\(['\"]?([^'\")]+)", style.read_text(encoding="utf-8")):
            assert address.startswith("data:") or not urlsplit(address).netloc, (style, address)


def test_internal_links_and_anchors_resolve(site, pages):
    for name, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            here = site / f"{name}.html"
            target = (here.parent / unquote(parts.path)).resolve() if parts.path else here
            assert target.is_file(), (name, link)
            if parts.fragment and target.suffix == ".html":
                assert unquote(parts.fragment) in ids(target), (name, link)


def test_no_number_of_the_text_is_left_blank(site):
    for name in NAMES:
        text = re.sub(r"<[^>]+>", " ", (site / f"{name}.html").read_text())
        assert not re.search(r"\bnan (DN|mÅ|Å|milli|pixels)", text)
        assert "glue:" not in text


def test_status_page_shows_the_run_of_each_chapter(site):
    text = (site / "status.html").read_text()
    record = Run.load(site.parent / "runs" / "data.ipynb")
    assert record.started in text
    assert f"{record.seconds:.1f} s" in text
    assert f"{record.peak_bytes / 1e6:.0f} MB" in text
    assert f"torch {record.versions['torch']}" in text


def test_the_site_is_small(site):
    assert sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) < 60e6
