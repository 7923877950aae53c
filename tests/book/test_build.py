"""Building, on a book of two pages: what runs again, what fails, and what failing leaves."""

import json
import shutil
import subprocess
import sys
import textwrap
from dataclasses import asdict
from pathlib import Path

import nbformat
import pytest

from preflare.book import Book
from preflare.chapters import Run
from preflare.errors import BookError
from preflare.status_tables import WHOLE_BOOK

ROOT = Path(__file__).parents[2]

CHAPTER = """\
---
file_format: mystnb
kernelspec:
  name: python3
  display_name: Python 3
---

# A chapter

```{code-cell} ipython3
:tags: [parameters]
factor = 2
```

```{code-cell} ipython3
print("answer", 21 * factor)
```
"""


def small_book(folder):
    (folder / "book").mkdir()
    (folder / "data").mkdir()
    shutil.copy(ROOT / "requirements.lock", folder)
    (folder / "_config.yml").write_text(
        textwrap.dedent(
            """\
            title: Small
            only_build_toc_files: true
            execute: {execute_notebooks: "off"}
            bibtex_bibfiles: [references.bib]
            sphinx: {config: {html_extra_path: [_extra]}}
            """
        )
    )
    (folder / "book" / "_toc.yml").write_text(
        "format: jb-book\nroot: index\nchapters:\n- file: chapter\n- file: status\n"
    )
    (folder / "book" / "references.bib").write_text("@book{b, title={B}, author={A}, year=2000}")
    (folder / "book" / "index.md").write_text("# Small\n\nA small book.\n")
    (folder / "book" / "chapter.md").write_text(CHAPTER)
    (folder / "book" / "status.md").write_text("# Status\n\n```{include} status-table.md\n```\n")
    return Book(folder, folder / "_build")


@pytest.fixture
def book(tmp_path):
    return small_book(tmp_path)


@pytest.fixture(scope="module")
def once_built(tmp_path_factory):
    book = small_book(tmp_path_factory.mktemp("book"))
    book.build(say=quietly)
    return book


@pytest.fixture
def built(once_built, tmp_path):
    """Give the book as it is after a build."""
    shutil.copytree(once_built.root, tmp_path, dirs_exist_ok=True)
    return Book(tmp_path, tmp_path / "_build")


def quietly(_message):
    pass


def page(book, name="chapter"):
    return (book.folder / "html" / f"{name}.html").read_text()


def changed(book, old, new):
    path = book.root / "book" / "chapter.md"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_chapters_run_once_and_again_only_when_something_changed(book):
    said = []
    site = book.build(say=said.append)
    assert (site / "index.html").is_file()
    assert "answer 42" in page(book)
    assert said == ["running chapter", "rendering"]

    said.clear()
    book.build(say=said.append)
    assert said == []

    changed(book, "21 * factor", "22 * factor")
    book.build(say=said.append)
    assert said == ["running chapter", "rendering"]
    assert "answer 44" in page(book)

    said.clear()
    (book.root / "data" / "input").write_text("new")
    book.build(say=said.append)
    assert said[0] == "running chapter"

    said.clear()
    (book.root / "book" / "index.md").write_text("# Small\n\nStill small.\n")
    book.build(say=said.append)
    assert said == ["rendering"]
    assert "Still small" in page(book, "index")


@pytest.mark.parametrize("cut", [False, True])
def test_a_damaged_notebook_is_named_and_run_again(built, cut, caplog):
    notebook = built.folder / "runs" / "chapter.ipynb"
    text = notebook.read_text()
    notebook.write_text(text[: len(text) // 2] if cut else text.replace("answer 42", "answer 43"))
    said = []
    built.build(say=said.append)
    assert said == ["running chapter", "rendering"]
    (record,) = caplog.records
    assert record.getMessage() == (
        f"{notebook} is damaged (chapter.ipynb has changed): it is made again."
    )
    assert "answer 42" in page(built)


@pytest.mark.parametrize("gone", [False, True])
def test_a_damaged_site_is_named_and_rendered_again(built, gone, caplog):
    path, good = built.folder / "html" / "chapter.html", page(built)
    path.unlink() if gone else path.write_text(good.replace("answer 42", "answer 43"))
    said = []
    built.build(say=said.append)
    assert said == ["rendering"]
    (record,) = caplog.records
    fault = "is missing" if gone else "has changed"
    assert f"html is damaged (html/chapter.html {fault}): it is made again" in record.getMessage()
    assert page(built) == good


def test_what_a_chapter_finds_damaged_is_said_and_not_shown(book):
    changed(book, 'print("answer"', "from preflare.notices import notice\n"
            'notice("Something is made again.")\nprint("answer"')  # fmt: skip
    said = []
    book.build(say=said.append)
    assert said == ["running chapter", "chapter: Something is made again.", "rendering"]
    assert "answer 42" in page(book)
    assert "<code>Something" not in page(book)
    assert "preflare: Something" not in page(book)


def test_parameters_reach_the_chapter_and_the_record(book):
    book.build(chapter="chapter", parameters={"factor": 3}, say=quietly)
    assert "answer 63" in page(book)
    record = Run.load(book.folder / "runs" / "chapter.ipynb")
    assert record.parameters == {"factor": 3}
    assert record.seconds > 0
    assert 20e6 < record.peak_bytes < 2e9
    assert {"python", "papermill", "numpy", "torch"} <= set(record.versions)
    assert "factor=3" in page(book, "status")
    injected = [
        cell
        for cell in nbformat.read(book.folder / "runs" / "chapter.ipynb", 4).cells
        if "injected-parameters" in cell.metadata.get("tags", [])
    ]
    assert len(injected) == 1
    assert "hide-input" in injected[0].metadata["tags"]
    # Without parameters the chapter is again the one of the text.
    book.build(say=quietly)
    assert "answer 42" in page(book)


def test_files_given_as_parameters_are_found_from_where_the_user_stands(
    book, tmp_path, monkeypatch
):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "my.txt").write_text("mine")
    changed(book, "factor = 2", "factor = 2\nfiles = []")
    changed(book, "21 * factor)", "*(open(file).read() for file in files))")
    monkeypatch.chdir(elsewhere)
    book.build(chapter="chapter", parameters={"files": ["my.txt"]}, say=quietly)
    assert "answer mine" in page(book)


def test_force_runs_what_is_up_to_date(built):
    said = []
    built.build(force=True, say=said.append)
    assert said[0] == "running chapter"


def test_a_failing_cell_is_named_and_the_last_good_page_stays(built):
    good = page(built)
    changed(built, "21 * factor", "21 / (factor - 2)")
    line = (built.root / "book" / "chapter.md").read_text().splitlines().index(
        'print("answer", 21 / (factor - 2))'
    ) + 1  # fmt: skip
    with pytest.raises(BookError) as caught:
        built.build(say=quietly)
    message = str(caught.value)
    assert f"Chapter chapter failed at line {line} of chapter.md (code cell 2)" in message
    assert "ZeroDivisionError: division by zero" in message
    assert page(built) == good
    assert built.status()[0].state == "failed since"
    assert (built.folder / "runs" / "chapter.failed.ipynb").is_file()
    assert not list((built.folder / "runs").glob("*unfinished*"))

    changed(built, "21 / (factor - 2)", "21 * factor")
    built.build(say=quietly)
    assert built.status()[0].state == "up to date"


def test_a_kernel_that_dies_is_an_error_too(book):
    changed(book, 'print("answer", 21 * factor)', "import os; os._exit(1)")
    with pytest.raises(BookError, match="Chapter chapter failed"):
        book.build(say=quietly)
    assert not (book.folder / "html").exists()
    assert book.status()[0].state == "failed"


def test_a_page_with_a_fault_does_not_replace_the_last_good_one(built):
    good = page(built, "index")
    faults = {
        "See {numref}`nowhere`.": "nowhere",
        "See {cite:p}`nobody2000`.": "nobody2000",
        "See [](nothing.md).": "nothing",
        "{glue:text}`unheard`": "unheard",
        "![](none.png)": "none.png",
    }
    # The last one twice: the second time Sphinx must not take the page for done.
    for fault, complaint in [*faults.items(), ("![](none.png)", "none.png")]:
        (built.root / "book" / "index.md").write_text(f"# Small\n\n{fault}\n")
        with pytest.raises(BookError, match="does not render") as caught:
            built.build(say=quietly)
        assert complaint in str(caught.value)
        assert page(built, "index") == good


def test_a_chapter_that_makes_no_notebook_is_named(book):
    changed(book, "  display_name: Python 3\n", "")
    with pytest.raises(BookError, match=r"chapter\.md does not make a notebook: 'display_name'"):
        book.build(say=quietly)


def test_status_tells_never_run(book):
    assert book.status()[0].state == "never run"


def test_status_tells_stale(built):
    changed(built, "21 * factor", "20 * factor")
    assert built.status()[0].state == "stale"


def test_status_page_shows_what_the_whole_book_took_when_it_was_measured(book):
    status = book.root / "book" / "status.md"
    status.write_text(status.read_text() + "\n```{include} whole-book.md\n```\n")
    book.build(say=quietly)
    assert "Nobody has measured it yet." in page(book, "status")

    measured = asdict(Run.load(book.folder / "runs" / "chapter.ipynb"))
    measured |= {"seconds": 77.4, "peak_bytes": 3_210_000_000}
    gone = measured | {"chapter": "of-old"}
    took = {"seconds": 930, "peak_bytes": 4.56e9, "disk_bytes": 7.8e9, "cores": 3, "jobs": 2}
    record = {"quick": took | {"chapters": [gone]}, "paper": took | {"chapters": [measured, gone]}}
    (book.root / WHOLE_BOOK).parent.mkdir()
    (book.root / WHOLE_BOOK).write_text(json.dumps(record))
    book.build(say=quietly)
    for shown in ("15.5 min", "4.6 GB", "7.8 GB", "77 s, 3.2 GB"):
        assert shown in page(book, "status")
    assert "of-old" not in page(book, "status")


def test_a_folder_that_cannot_be_written_is_one_sentence(book, tmp_path):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "folder", Path("/proc/nowhere")):
        with pytest.raises(BookError, match=r"^The book cannot be built in .*: name another fol"):
            Book(book.root, folder).build(say=quietly)


def test_unknown_chapters_and_parameters_are_refused(book):
    with pytest.raises(BookError, match="no chapter 'prologue' that runs: it has chapter"):
        book.build(chapter="prologue", say=quietly)
    with pytest.raises(BookError, match="no parameter 'foo': it has factor"):
        book.build(chapter="chapter", parameters={"foo": 1}, say=quietly)
    with pytest.raises(BookError, match="No chapter of the book has a parameter 'source'"):
        book.build(settings={"source": "iris"}, say=quietly)


def test_settings_reach_every_chapter_that_has_them(book):
    book.build(settings={"factor": 4}, say=quietly)
    assert "answer 84" in page(book)
    # What is said of one chapter counts more than what is said of all.
    book.build(chapter="chapter", parameters={"factor": 5}, settings={"factor": 4}, say=quietly)
    assert "answer 105" in page(book)


@pytest.fixture
def book_of_three(book):
    """Give a book whose chapters wait for each other, where they are told to."""
    meeting = book.root / "meeting"
    meeting.mkdir()
    for name in ("second", "third"):
        (book.root / "book" / f"{name}.md").write_text(CHAPTER)
    contents = book.root / "book" / "_toc.yml"
    contents.write_text(
        contents.read_text().replace("chapter\n", "chapter\n- file: second\n- file: third\n")
    )
    wait = f"""
import time
from pathlib import Path
here, until = Path({str(meeting)!r}), time.monotonic() + 60
(here / str(time.monotonic_ns())).touch()
while len(list(here.iterdir())) < 2:
    assert time.monotonic() < until, "nobody came"
    time.sleep(0.05)
print("answer", 21 * factor)
"""
    for name in ("chapter", "second"):
        path = book.root / "book" / f"{name}.md"
        path.write_text(CHAPTER.replace('print("answer", 21 * factor)\n', wait))
    return book


def test_chapters_run_side_by_side(book_of_three):
    said = []
    book_of_three.build(jobs=2, say=said.append)
    assert sorted(said[:2]) == ["running chapter", "running second"]
    assert said[2:] == ["running third", "rendering"]
    assert "answer 42" in page(book_of_three, "second")


def test_after_a_failure_no_other_chapter_begins(book_of_three):
    changed(book_of_three, "import time", "import time_and_tide")
    said = []
    with pytest.raises(BookError, match=r"Chapter chapter failed .*time_and_tide"):
        book_of_three.build(say=said.append)
    assert said == ["running chapter"]


SUMMARY = """\
---
file_format: mystnb
kernelspec:
  name: python3
  display_name: Python 3
preflare: {reads: runs}
---

# A summary

```{code-cell} ipython3
import os
from pathlib import Path
runs = sorted(Path(os.environ["PREFLARE_RUNS"]).glob("chapter.ipynb"))
print("read", len(runs), "run with answer", runs[0].read_text().split("answer ")[-1][:2])
```
"""


@pytest.fixture
def book_with_summary(book):
    (book.root / "book" / "summary.md").write_text(SUMMARY)
    contents = book.root / "book" / "_toc.yml"
    contents.write_text(
        contents.read_text().replace("- file: chapter", "- file: summary\n- file: chapter")
    )
    return book


def test_a_chapter_that_reads_the_runs_comes_last_and_follows_them(book_with_summary):
    book, said = book_with_summary, []
    assert [chapter.name for chapter in book.chapters()] == ["summary", "chapter"]
    book.build(say=said.append)
    assert said == ["running chapter", "running summary", "rendering"]
    assert "read 1 run with answer 42" in page(book, "summary")

    said.clear()
    book.build(say=said.append)
    assert said == []
    assert [row.state for row in book.status()] == ["up to date", "up to date"]

    changed(book, "21 * factor", "22 * factor")
    book.build(chapter="chapter", say=said.append)
    assert said == ["running chapter", "running summary", "rendering"]
    assert "read 1 run with answer 44" in page(book, "summary")

    said.clear()
    book.build(chapter="summary", force=True, say=said.append)
    assert said[0] == "running summary"


def test_a_chapter_that_reads_the_runs_can_be_asked_for_first(book_with_summary):
    said = []
    book_with_summary.build(chapter="summary", say=said.append)
    assert said == ["running chapter", "running summary", "rendering"]


def test_a_summary_is_stale_once_a_run_is_new(book_with_summary):
    book = book_with_summary
    book.build(say=quietly)
    notebook = book.folder / "runs" / "chapter.ipynb"
    notebook.write_text(notebook.read_text().replace("answer 42", "answer 43"))
    assert [row.state for row in book.status()] == ["stale", "up to date"]


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [("{reads: run}", "has preflare: {'reads': 'run'}"), ("{reads: [}", "has no YAML")],
)
def test_a_front_matter_that_says_something_else_is_an_error(book_with_summary, setting, complaint):
    source = book_with_summary.root / "book" / "summary.md"
    source.write_text(SUMMARY.replace("{reads: runs}", setting))
    with pytest.raises(BookError, match="in its front matter") as caught:
        book_with_summary.build(say=quietly)
    assert complaint in str(caught.value)


def test_a_chapter_that_shows_a_record_follows_it(book):
    record = book.root / "numbers.json"
    changed(book, "kernelspec:", "preflare: {record: numbers.json}\nkernelspec:")
    record.write_text("1")
    book.build(say=quietly)
    assert book.status()[0].state == "up to date"
    record.write_text("2")
    assert book.status()[0].state == "stale"
    record.unlink()
    assert book.status()[0].state == "stale"


def test_two_builds_at_once_take_turns(book):
    command = [sys.executable, "-m", "preflare", "book"]
    builds = [
        subprocess.Popen(command, cwd=book.root, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = "".join(build.communicate()[1] for build in builds)
    assert [build.returncode for build in builds] == [0, 0], said
    assert said.count("running chapter") == 1
    assert "answer 42" in page(book)
