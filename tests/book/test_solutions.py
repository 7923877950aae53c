"""Solutions: in a build that asks for them, gone from one that does not, and held to the checks."""

import json
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from preflare import answers
from preflare.book import Book
from preflare.cli import main
from preflare.errors import BookError
from tests.book.solution_text import found_in, letters

ROOT = Path(__file__).parents[2]
KERNEL = "---\nfile_format: mystnb\nkernelspec:\n  name: python3\n  display_name: Python 3\n---\n\n"
CHAPTER = (
    KERNEL
    + """# A chapter

```{code-cell} ipython3
print("six times", 7)
```

## Exercises

(exercise-chapter-1)=
### 1. Apply: multiply

How much is it?
"""
)
SOLUTION = (
    KERNEL
    + """# Solutions

(solution-chapter-1)=
## 1. Multiply

Whoever multiplies seven by six with care will arrive at forty-two.

```{code-cell} ipython3
from preflare.answers import solved
the_product_of_both_numbers = 6 * 7
solved("chapter-1", the_product_of_both_numbers)
```
"""
)
TEXT = [
    letters("Whoever multiplies seven by six with care will arrive at forty-two"),
    letters("the_product_of_both_numbers = 6 * 7"),
]


@pytest.fixture
def book(tmp_path, monkeypatch):
    for folder in ("book", "data", "solutions"):
        (tmp_path / folder).mkdir()
    shutil.copy(ROOT / "requirements.lock", tmp_path)
    (tmp_path / "_config.yml").write_text(
        "title: Small\nonly_build_toc_files: true\nexecute: {execute_notebooks: 'off'}\n"
        "sphinx: {config: {html_extra_path: [_extra]}}\n"
    )
    (tmp_path / "book" / "_toc.yml").write_text(
        "format: jb-book\nroot: index\nchapters:\n- file: plain\n- file: chapter\n- file: status\n"
    )
    (tmp_path / "book" / "status.md").write_text("# Status\n\nAll is well.\n")
    (tmp_path / "book" / "index.md").write_text("# Small\n\nA small book.\n")
    (tmp_path / "book" / "plain.md").write_text(
        "# Plain\n\n## Exercises\n\n(exercise-plain-1)=\n### 1. Recall: what?\n\nWhat indeed?\n"
    )
    (tmp_path / "book" / "chapter.md").write_text(CHAPTER)
    (tmp_path / "solutions" / "chapter-solutions.md").write_text(SOLUTION)
    (tmp_path / "solutions" / "plain-solutions.md").write_text(
        KERNEL + "# Solutions, too\n\n(solution-plain-1)=\n## 1. What?\n\nThat.\n"
    )
    accept(monkeypatch, 42)
    return Book(tmp_path, tmp_path / "_build")


def accept(monkeypatch, answer):
    """Make one number the right answer."""
    monkeypatch.setattr(answers, "checks", dict)
    checks = answers.remade([answers.Answer("chapter-1", answer, 0.0)])
    monkeypatch.setattr(answers, "checks", lambda: checks)


def test_a_build_with_solutions_has_them_and_one_without_has_nothing_left_of_them(book):
    said = []
    site = book.build(say=said.append)
    assert said == ["running chapter", "rendering"]
    assert found_in(book.folder, TEXT) == {}
    student = {path.relative_to(site): path.read_bytes() for path in site.rglob("*.html")}

    said.clear()
    book.build(solutions=True, say=said.append)
    assert said == ["running plain-solutions", "running chapter-solutions", "rendering"]
    assert sorted(found_in(site, TEXT)) == sorted(TEXT)
    for name in ("chapter", "plain"):
        page = (site / f"{name}.html").read_text()
        link = rf'href="{name}-solutions.html#solution-{name}-1"[^>]*>.*?Solution<'
        assert len(re.findall(link, page)) == 1
        assert f'href="{name}-solutions.html"' in (site / "index.html").read_text()
    assert "Answer to chapter-1: 42." in (site / "chapter-solutions.html").read_text()

    said.clear()
    book.build(solutions=True, say=said.append)
    assert said == []

    book.build(say=said.append)
    assert said == ["rendering"]
    assert found_in(book.folder, TEXT) == {}
    assert [path for path in book.folder.rglob("*solution*") if path.is_file()] == []
    assert {path.relative_to(site): path.read_bytes() for path in site.rglob("*.html")} == student


def test_a_student_build_that_fails_does_not_leave_the_teachers_site(book):
    book.build(solutions=True, say=lambda _: None)
    (book.root / "book" / "index.md").write_text("# Small\n\n[](nothing.md)\n")
    with pytest.raises(BookError, match="does not render"):
        book.build(say=lambda _: None)
    assert found_in(book.folder, TEXT) == {}


def test_a_solution_that_finds_another_answer_than_is_checked_for_stops_the_build(
    book, monkeypatch
):
    accept(monkeypatch, 41)
    with pytest.raises(BookError) as caught:
        book.build(solutions=True, say=lambda _: None)
    assert str(caught.value) == (
        "The solutions of chapter-1 find other answers than are checked for: make the checks anew "
        f"with python -m preflare.answers {book.folder / 'solutions'}."
    )
    book.build(say=lambda _: None)  # a student's book does not depend on it


def test_a_solution_that_fails_is_named(book):
    path = book.root / "solutions" / "chapter-solutions.md"
    path.write_text(SOLUTION.replace("6 * 7", "6 / 0"))
    with pytest.raises(BookError, match=r"Chapter chapter-solutions failed at line .*ZeroDivision"):
        book.build(solutions=True, say=lambda _: None)
    book.build(say=lambda _: None)
    assert [path for path in book.folder.rglob("*solution*") if path.is_file()] == []


def test_solutions_can_be_run_alone(book):
    said = []
    book.build(solutions=True, say=said.append)
    said.clear()
    book.build(chapter="chapter-solutions", solutions=True, force=True, say=said.append)
    assert said[0] == "running chapter-solutions"
    with pytest.raises(BookError, match="no chapter 'chapter-solutions' that runs"):
        book.build(chapter="chapter-solutions", say=said.append)
    assert json.loads((book.folder / "runs" / "chapter.ipynb").read_text())["cells"]


def test_solutions_are_asked_for_on_the_command_line(book, monkeypatch):
    monkeypatch.chdir(book.root)
    asked = []
    monkeypatch.setattr(Book, "build", lambda *_, **how: asked.append(how["solutions"]) or Path())
    for given in ([], ["--solutions"]):
        assert CliRunner().invoke(main, ["book", *given]).exit_code == 0
    assert asked == [False, True]
