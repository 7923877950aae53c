"""No result is typed by hand: the prose takes numbers from the run, the paper, or a definition."""

import re

import pytest

from preflare.book import Book
from preflare.chapters import runs

EVERYWHERE = {
    "240 points": "the wavelength grid",
    "240 wavelengths": "the wavelength grid",
    "240 numbers": "the wavelength grid",
    "22 units": "the network's last maps",
    "47 points": "what a unit sees",
    "44 neurons": "the dense network",
    "batches of 64": "the paper's",
    "25 minutes": "the preflare window",
    "37 observations": "Table A1",
    "37 regions": "one for each row of Table A1",
    "level 2": "the mission's name of its files",
    "95 % interval": "the level of all intervals",
}
"""Phrases that define something, and what."""
ALLOWED = {
    "artificial-test": {
        "class 0, copies class 1": "definition",
        "come in batches of 240": "the paper's",
        "above 99 %": "definition of having learned",
        "passes 99 %": "the same",
        "99.9 % or more": "definition of equally right",
        "at least 1 % of its height": "definition of the artefact's extent",
        "one of a hundred": "the quantile that is computed",
        "within 1.2 Å": "definition of the lines' part of the window",
        "9 points apart": "the network's last maps",
        "within 23 points": "what a unit sees, to either side",
        "50 %": "what guessing scores",
        "2! · 4! · 5! = 5,760": "arithmetic",
    },
    "audit": {
        "map's 22 *positions*": "the network's last maps",
        "score 0.9 or more": "definition of sure",
        "scores are 0.9 and more": "the same",
        "order 3 over 41 points": "the published code's",
        "and 41 points are": "the same",
        "2 Å, wider than": "arithmetic",
        "Within 20 epochs": "the paper's",
        "within 100 epochs": "the same",
        "Epochs - 100 - 20 for the splits": "the same",
        "the skill of 0.8": "the paper's",
        "Within 0.6 Å of k and h": "definition of the lines' surroundings",
        "stretches of 0.3 Å": "definition of a stretch",
        "2.3 Å that they see": "the network's last maps",
    },
    "convnet": {
        "stride* of 3": "the network",
        "20 points long": "the network",
        "(240 − 20)/3 + 1 → 74": "arithmetic",
        "of 20 and 10 points": "the network",
        "44 numbers": "the network",
        "44 inputs": "the network",
        "two of 74, four of 22, four of 11": "the network",
        "of 44, one of 5 and one of 2": "the network",
        "44, 5 and 2": "the network",
    },
    "data": {
        "10 equal values": "the paper's rule",
        "10 pixels": "the same, read otherwise",
        "1:1 and 2:1": "atomic physics",
        "error of 4": "the published code's",
    },
    "explaining": {
        "point 23 + 9": "the network's last maps",
        "500 draws": "the paper's, set in the cell above",
        "500 independent draws": "the same",
        "after 500 that": "the same",
        "32 test spectra and four seeds": "a caption's, set in the cell above",
        "100 test spectra in each of 24 runs": "a caption's, set in the cell above",
        "12 bands of 20 points there are 4,096": "arithmetic",
        "240 players": "the wavelength grid",
        "all 4,096 coalitions": "arithmetic",
        "64 baselines": "a caption's, set in the cell above",
        "200 spectra and five draws": "a caption's, set in the cell above",
        "22 bars": "the network's last maps",
    },
    "ledger": {"hold 95 %": "the level of all intervals"},
    "misreadings": {
        "Within 0.6 Å of k and h": "definition of the lines' surroundings",
    },
    "scaling": {"171 Å": "a line's name", "284 Å": "a line's name", "108 Å": "a line's name"},
    "splitting": {
        "95 % of cases": "the quantile that is computed",
        "95 % of the changes": "the same",
        "0.83 in the published analysis": "the paper's",
        "37 rows": "Table A1",
    },
    "swarm": {
        "more than 0.1 Å off": "definition of moved",
        "22 *units*": "the network's last maps",
        "2*r*/(1 + *r*)": "a formula",
    },
    "twin": {
        "at 95 %": "the quantile that is computed",
        "within 0.6 Å": "definition of the triplet's place",
        "0.35 and 0.75": "set by us, as the sentence says",
        "40 minutes on four cores": "measured once; the library travels with the package",
        "BSD-3-Clause": "a name",
    },
}
"""By chapter: further phrases, and why they may be typed."""

CITATION = re.compile(r"\{cite:\w+\}`[^`]*`")
ROLE = re.compile(r"\{[\w:]+\}`[^`]*`")
NOT_PROSE = re.compile(
    r"\A---\n.*?^---$"  # front matter
    r"|^```\{code-cell\}.*?^```$|^```(?:python|sh)\n.*?^```$|^```.*?$"
    r"|^:{3,}(?:\{.*?\}[\d ]*)?"  # fences of directives
    r"|^#.*?$|^\s*(?:\d{1,2}\.(?= )|:\w+:.*?$)"  # headings, list markers, options
    r"|\$\$.*?\$\$|\$[^$]*\$|\]\([^)]*\)",
    re.DOTALL | re.MULTILINE,
)
CAPTION = re.compile(r"^    (?:caption|alt): [|>]-?\n((?:      .*\n)+)", re.MULTILINE)
EXERCISES = re.compile(r"^## Exercises$.*?(?=^## |\Z)", re.DOTALL | re.MULTILINE)
NUMBERED = r"(?:[A-D]\.)?\d+(?:\.\d+)*"
NAMED = re.compile(
    rf"\b(?:Section|Figure|Fig|Equation|Eq)s?\.? {NUMBERED}(?:(?:, | and |, and | to ){NUMBERED})*"
    r"|\b(?:PF|AR) \d+"
    r"|\b2[78]\d\d(?:\.\d+)? Å"  # wavelengths of the window
    r"|\b(?:in|since|until) (?:19|20)\d\d\b(?! %)"  # years
)
ATTRIBUTED = re.compile(r"\bpapers?\b|\bpublished\b|\bTable A1\b|\{cite\}")
OURS = re.compile(r"\b(?:here|ours?|we)\b", re.IGNORECASE)
NUMBER = re.compile(r"(?<![\w.])\d[\d.,]*(?: %)?")
ENDS_OF_SCALES = {"0", "1"}
WORD = (
    r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen"
    r"|(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)(?:-\w+)?|hundred|thousand)"
)
IN_WORDS = re.compile(
    rf"\b{WORD} (?:out )?of (?:the |a |all )?{WORD}\b|\b{WORD} per ?cent\b", re.IGNORECASE
)


def prose(page):
    """Give what a page says, captions included, without code, formulas and computed numbers."""
    captions = [match[1] for match in CAPTION.finditer(page)]
    text = NOT_PROSE.sub("\n\n", EXERCISES.sub("", page)) + "\n\n" + "\n\n".join(captions)
    text = re.sub(r"`[^`]*`", "", ROLE.sub("…", CITATION.sub("{cite}", text)))
    paragraphs = re.split(r"\n\s*\n|\n(?=[-*|] )", text)
    return "\n".join(" ".join(each.split()) for each in paragraphs)


def prose_lines(page):
    """Give the lines of a page outside its code."""
    return re.sub(r"^```.*?^```$", "", page, flags=re.DOTALL | re.MULTILINE).splitlines()


def typed_numbers(page, allowed=()):
    """List the numbers of a page that nothing excuses, each with its sentence."""
    text = prose(page)
    for phrase in sorted(allowed, key=len, reverse=True):
        text = text.replace(phrase, "")
    found = []
    for sentence in re.split(r"(?<=[.:?!;]) +(?=[A-Z*(…])|\n", NAMED.sub("", text)):
        if ATTRIBUTED.search(sentence) and not OURS.search(sentence):
            continue
        numbers = [match[0].rstrip(".,") for match in NUMBER.finditer(sentence)]
        numbers += [match[0] for match in IN_WORDS.finditer(sentence)]
        found += [(number, sentence) for number in numbers if number not in ENDS_OF_SCALES]
    return found


CHAPTERS = {
    path.stem: path.read_text(encoding="utf-8")
    for path in sorted((Book.found().root / "book").glob("*.md"))
    if runs(path)
}


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_no_result_is_typed_by_hand(chapter):
    allowed = EVERYWHERE | ALLOWED.get(chapter, {})
    assert typed_numbers(CHAPTERS[chapter], allowed) == []


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_no_line_of_prose_is_taken_for_a_comment(chapter):
    assert [line for line in prose_lines(CHAPTERS[chapter]) if line.lstrip().startswith("%")] == []


def test_what_is_allowed_is_still_there():
    assert set(ALLOWED) <= set(CHAPTERS)
    said = {chapter: prose(page) for chapter, page in CHAPTERS.items()}
    for chapter, phrases in ALLOWED.items():
        assert [phrase for phrase in phrases if phrase not in said[chapter]] == []
    everything = "\n".join(said.values())
    assert [phrase for phrase in EVERYWHERE if phrase not in everything] == []


@pytest.mark.parametrize(
    "text",
    [
        "Attributions point at the flare in 78 % of the slits.",
        "They do so in 105 of 135 slits ({numref}`fig-slits`).",
        "The skill is {glue:text}`skill:.2f` here and 0.74 there.",
        "The skill is −0.3.",
        "A share of 1 % remains.",
        "It holds for {glue:text}`some` of 2,000 spectra.",
        "The paper says 0.8, and we find 0.74.",
        "Nine of ten networks agree.",
        "- Eighty per cent of them agree.",
        "| Share | 78 % |",
        "All is well.\n\nOr almost: 3 networks died.",
        "    caption: |\n      The best 12 of all. Twin, simulated.\n",
    ],
)
def test_the_test_catches(text):
    assert len(typed_numbers(f"# Page\n\n{text}\n", EVERYWHERE)) >= 1


@pytest.mark.parametrize(
    "text",
    [
        "It is {glue:text}`share:.0f` % of {glue:text}`all:,.0f` slits.",
        "See Section 8.2, Figs. 2, 3 and A.1, and Eqs. B.1, B.2 and C.3.",
        "The paper has 78 % (105 of 135).",
        "An accuracy of 80 % was reported {cite:p}`panos2020`.",
        "PF 14 and AR 3 were seen in 2014 at 2796.35 Å.",
        "A score runs from 0 to 1 over 240 points.",
        "## 12 networks",
        "```{code-cell} ipython3\nx = 78\n```",
        "```python\nx = 78\n```",
        "A formula $x = 78$, and `x = 78`.",
        "1. First.\n2. Second.",
        "## Exercises\n\n1. Take 12 networks.",
    ],
)
def test_the_test_lets_pass(text):
    assert typed_numbers(f"# Page\n\n{text}\n", EVERYWHERE) == []
