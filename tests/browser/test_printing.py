"""The PDF of the book has all its pages, under their titles, and comes whole or not at all."""

import pytest
from pypdf import PdfReader

from preflare import printing
from preflare.book import Book
from preflare.errors import BookError
from preflare.printing import print_book


def quietly(_message):
    pass


def test_pages_are_joined_with_bookmarks(site, tmp_path):
    names = ["index", "monotonicity", "references"]
    assert set(names) < set(Book.found().pages())
    said = []
    target = print_book(site, names, tmp_path / "book.pdf", say=said.append)
    pdf = PdfReader(target)
    assert [each.title for each in pdf.outline] == [
        "preflare",
        "Does the score rise?",
        "References",
    ]
    starts = [pdf.get_destination_page_number(each) for each in pdf.outline]
    assert starts[0] == 0
    assert starts[2] - starts[1] > 5
    text = " ".join(" ".join(page.extract_text() for page in pdf.pages).split())
    assert "What counts as a rise" in text
    assert "Take this figure home" not in text
    assert said == [f"printing {name}" for name in names]


@pytest.mark.parametrize(
    ("browsers", "complaint"), [((), "No browser is installed"), (("false",), "could not print")]
)
def test_without_a_browser_that_prints_no_file_is_left(
    monkeypatch, site, tmp_path, browsers, complaint
):
    monkeypatch.setattr(printing, "BROWSERS", browsers)
    with pytest.raises(BookError, match=complaint):
        print_book(site, ["index"], tmp_path / "book.pdf", say=quietly)
    assert list(tmp_path.iterdir()) == []
