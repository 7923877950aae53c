"""What a teacher needs: goals, exercises with solutions, and a student's book without them."""

import re

import pytest
import yaml

import preflare as pf
from preflare.book import Book
from preflare.exercises import CHECKS
from tests.book.solution_text import distinctive, found_in, letters

ROOT = Book.found().root
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "book").glob("*.md")}
CHAPTERS = {name: text for name, text in PAGES.items() if "\n(exercise-" in text}
SOLUTIONS = {
    path.stem.removesuffix("-solutions"): path.read_text(encoding="utf-8")
    for path in (ROOT / "solutions").glob("*.md")
}
LABEL = re.compile(r"^\(exercise-([\w-]+)\)=\n### (\d+)\. (\w+): (.+)$", re.MULTILINE)
SOLVED = re.compile(r"^\(solution-([\w-]+)\)=\n## (\d+)\. (.+)$", re.MULTILINE)
CHECKED = re.compile(r"`pf\.check\(\"([\w-]+)\", ")
RECORDED = re.compile(r"\bsolved\(\s*\"([\w-]+)\"")
KINDS = ("Recall", "Apply", "Analyse", "Research")
READ = {
    *("introduction", "data", "twin", "convnet", "explaining", "artificial-test", "splitting"),
    *("swarm", "attributions", "monotonicity", "audit", "ledger"),
}


def test_every_chapter_has_exercises():
    assert set(CHAPTERS) >= READ


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_says_what_is_learned_and_what_must_be_known(chapter):
    text = CHAPTERS[chapter]
    about = re.search(r"```\{admonition\} On this page\n.*?^```$", text, re.DOTALL | re.MULTILINE)
    assert re.search(r"\*\*You will learn\*\* \w+", about[0])
    needed = re.search(r"\*\*Before you start:\*\* (.*?)(?: \\\n\*\*|\n```)", about[0], re.DOTALL)
    links = re.findall(r"\]\(\./([\w-]+)\)", needed[1])
    assert set(links) <= set(CHAPTERS)
    assert links or chapter == "introduction"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_has_exercises_from_recall_to_research(chapter):
    found = LABEL.findall(CHAPTERS[chapter])
    assert len(found) >= 4
    assert [label for label, *_ in found] == [f"{chapter}-{n + 1}" for n in range(len(found))]
    assert [int(number) for _, number, *_ in found] == list(range(1, len(found) + 1))
    kinds = [KINDS.index(kind) for _, _, kind, _ in found]
    assert kinds == sorted(kinds)
    assert set(kinds) == set(range(4))


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_exercise_has_a_solution(chapter):
    asked = [(label, number, title) for label, number, _, title in LABEL.findall(CHAPTERS[chapter])]
    told = [(label, number, letters(title)) for label, number, title in
            SOLVED.findall(SOLUTIONS[chapter])]  # fmt: skip
    assert [(label, number) for label, number, _ in told] == [each[:2] for each in asked]
    alike = [letters(title).startswith(own) or own.startswith(letters(title))
             for (_, _, title), (_, _, own) in zip(asked, told, strict=True)]  # fmt: skip
    assert all(alike), (asked, told)


def test_there_are_no_solutions_without_exercises():
    assert set(SOLUTIONS) == set(CHAPTERS)


def test_every_check_is_asked_for_in_its_exercise_and_answered_in_its_solution():
    checks = set(yaml.safe_load(pf.shipped(CHECKS).read_text(encoding="utf-8")))
    asked = {}
    for text in CHAPTERS.values():
        parts = re.split(r"^\(exercise-([\w-]+)\)=$", text, flags=re.MULTILINE)
        for label, part in zip(parts[1::2], parts[2::2], strict=True):
            asked |= dict.fromkeys(CHECKED.findall(part), label)
    assert all(name == label for name, label in asked.items())
    answered = [name for text in SOLUTIONS.values() for name in RECORDED.findall(text)]
    assert len(set(answered)) == len(answered)
    assert set(asked) == set(answered) == checks
    for chapter in CHAPTERS:
        assert any(name.startswith(f"{chapter}-") for name in checks), chapter


def shown(text):
    """Leave out the cells of a chapter that no page shows, and what cells say of themselves."""
    text = re.sub(
        r"^(```\{code-cell\}.*?\n)---\n.*?^---$", r"\1", text, flags=re.DOTALL | re.MULTILINE
    )
    hidden = r"^```\{code-cell\}[^\n]*\n:tags: \[remove-cell\].*?^```$"
    return re.sub(hidden, "", text, flags=re.DOTALL | re.MULTILINE)


def test_the_student_build_holds_no_solution_text_in_any_file(site):
    package = (path.read_text(encoding="utf-8") for path in (ROOT / "preflare").rglob("*.py"))
    elsewhere = letters("\n".join([*PAGES.values(), *package]))
    wanted = [each for text in SOLUTIONS.values() for each in distinctive(text, elsewhere)]
    assert len(wanted) > 600
    # What does stand in the site is found: the search would find more.
    there = [each for text in CHAPTERS.values() for each in distinctive(shown(text), "")][::25]
    assert len(found_in(site, there)) > 0.9 * len(there)
    assert found_in(site.parent, wanted) == {}
    assert [path for path in site.parent.rglob("*solutions*") if path.is_file()] == []


def test_the_plan_of_a_lecture_takes_every_slide_once():
    slides = len(re.findall(r"^## ", PAGES["slides"], re.MULTILINE))
    plan = re.search(r"^### 90 minutes$(.*?)^### ", PAGES["teaching"], re.DOTALL | re.MULTILINE)[1]
    rows = re.findall(r"^\| (\d+)–(\d+) \| (\d+)(?:–(\d+))? \|", plan, re.MULTILINE)
    minutes = [int(number) for row in rows for number in row[:2]]
    taken = [n for *_, first, last in rows for n in range(int(first), int(last or first) + 1)]
    assert taken == list(range(1, slides + 1))
    assert minutes[::2] == [0, *minutes[1:-1:2]]
    assert minutes[-1] == 90


def test_slides_show_figures_that_the_book_has(site):
    named = re.findall(r"^!\[\]\((fig-[\w-]+)\)$", PAGES["slides"], re.MULTILINE)
    drawn = re.findall(r"^    name: (fig-[\w-]+)$", "\n".join(PAGES.values()), re.MULTILINE)
    assert set(named) <= set(drawn)
    assert len(set(named)) == len(named)
    page = (site / "slides.html").read_text(encoding="utf-8")
    assert "does not draw" not in page
    files = re.findall(r'(?:src|srcset)="([^"]+)"', page)
    assert len(files) == 2 * len(named)
    assert all((site / file).is_file() for file in files)


@pytest.mark.parametrize("way", ["html", "notebook", "markdown", "code"])
def test_the_search_finds_text_however_it_is_marked_up(tmp_path, way):
    solution = (
        '---\nkernel: x\n---\n\n# Solutions\n\nThe *share* is `0.5` & a half of "all that" there '
        "is to be had.\n\n```{code-cell} ipython3\n"
        "share = (heat * weights).sum() / heat.sum() + offset\n```\n"
    )
    prose, code = sorted(distinctive(solution, ""), key=len, reverse=True)
    text = {
        "html": 'The <em>share</em> is <code class="x">0.5</code> &amp; a half of &quot;all\nthat'
        "&quot; there is to be had.",
        "notebook": r'["The *share* is `0.5` & a half\n", "of \"all that\" there is to be had."]',
        "markdown": 'The *share* is `0.5` & a half of "all that" there is to be had.',
        "code": '<span class="n">share</span> <span class="o">=</span> (heat * <b>weights</b>).sum'
        "() / heat.sum() + offset",
    }[way]
    (tmp_path / "page").write_text(text)
    assert list(found_in(tmp_path, [prose, code])) == [code if way == "code" else prose]
