"""No claim without a computation, no computation without a claim, and links that lead there."""

import re
from collections import Counter

import pytest

from preflare.book import Book
from preflare.claims import read_claims
from preflare.ledger import Ledger
from tests.book.test_pages import Page

RECORDED = re.compile(r'\brecord\(\s*"([^"]*)"')
PAGES = {
    path.stem: path.read_text(encoding="utf-8")
    for path in sorted((Book.found().root / "book").glob("*.md"))
}


def recorded(text):
    """Name the claims that the code cells of a page record, in order."""
    cells = re.findall(r"^```\{code-cell\}.*?^```$", text, re.DOTALL | re.MULTILINE)
    return [name for cell in cells for name in RECORDED.findall(cell)]


def faults(claims, pages):
    """List claims without a record, those with two, and records of other pages' claims or none."""
    times = Counter((name, page) for page, text in pages.items() for name in recorded(text))
    wanted = [(claim.id, claim.chapter) for claim in claims.values()]
    lacking = [
        f"{name} is not recorded in {page}" for name, page in wanted if not times[name, page]
    ]
    twice = [
        f"{name} is recorded {number} times in {page}"
        for (name, page), number in times.items()
        if number > 1
    ]
    stray = [
        f"{name} is recorded in {page} and is no claim of it"
        for name, page in times
        if (name, page) not in wanted
    ]
    return lacking + twice + stray


def test_every_claim_is_recorded_once_and_every_record_is_of_a_claim():
    assert faults(read_claims(), PAGES) == []


class TestTheTest:
    CELL = '```{code-cell} ipython3\n:tags: [hide-input]\nclaims.record(\n    "%s", 1)\n```\n'

    @pytest.fixture
    def claims(self):
        return {"nine-of-fifty": read_claims()["nine-of-fifty"]}

    def test_one_record_in_its_chapter(self, claims):
        assert faults(claims, {"swarm": self.CELL % "nine-of-fifty", "data": "Text."}) == []

    @pytest.mark.parametrize("text", ["", 'Text: claims.record("nine-of-fifty", 1)\n'])
    def test_none(self, claims, text):
        assert faults(claims, {"swarm": text}) == ["nine-of-fifty is not recorded in swarm"]

    def test_two(self, claims):
        page = {"swarm": 2 * self.CELL % ("nine-of-fifty", "nine-of-fifty")}
        assert faults(claims, page) == ["nine-of-fifty is recorded 2 times in swarm"]

    def test_a_record_of_no_claim(self, claims):
        page = {"swarm": self.CELL % "nine-of-fifty", "data": self.CELL % "unheard"}
        assert faults(claims, page) == ["unheard is recorded in data and is no claim of it"]

    def test_the_right_claim_on_the_wrong_page(self, claims):
        assert faults(claims, {"data": self.CELL % "nine-of-fifty"}) == [
            "nine-of-fifty is not recorded in swarm",
            "nine-of-fifty is recorded in data and is no claim of it",
        ]


def test_record_cells_show_what_they_record():
    for name, text in PAGES.items():
        for cell in re.findall(r"^```\{code-cell\}.*?^```$", text, re.DOTALL | re.MULTILINE):
            if RECORDED.search(cell):
                assert not re.search(r"tags: \[.*remove-(cell|output)", cell), name


@pytest.fixture(scope="module")
def ledger(site):
    return Ledger.read(site.parent / "runs")


def test_executed_chapters_carry_every_claim(ledger):
    assert ledger.missing() == []
    assert ledger.unknown() == []


def test_links_lead_from_the_ledger_to_the_claims_and_back(site, ledger):
    rows = Page(site / "ledger.html")
    assert {f"claim-{name}-row" for name in ledger.claims} <= rows.ids
    linked = ledger.table().query("link != ''")
    for link, name in linked[["link", "id"]].itertuples(index=False):
        page, anchor = link.split("#")
        target = Page(site / page)
        assert link in rows.links
        assert anchor in target.ids
        assert f"ledger.html#claim-{name}-row" in target.links


def test_the_ledger_page_shows_the_numbers_of_the_runs(site, ledger):
    text = (site / "ledger.html").read_text(encoding="utf-8")
    for row in ledger.table().itertuples():
        assert row.ours in text
        assert row.verdict in text
