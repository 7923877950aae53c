"""Glossary, notation and references: every word leads to its chapter, every letter is explained."""

import re

from preflare.book import Book
from preflare.chapters import runs

BOOK = Book.found().root / "book"
GLOSSARY = (BOOK / "glossary.md").read_text(encoding="utf-8")
WORDS = {
    *("level 2", "raster", "sit-and-stare", "slit", "plage", "ribbon", "triplet"),
    *("pseudo-continuum", "GOES class", "onset", "logit", "swarm", "member", "baseline"),
    *("expected gradients", "Grad-CAM", "completeness", "null", "TSS", "PF", "AR", "twin"),
    *("profile", "ledger", "by construction", "emergent", "attribution", "score", "attention"),
}
LETTER = re.compile(
    r"\\(alpha|beta|gamma|delta|epsilon|theta|lambda|mu|phi|sigma|Omega|Theta)(?![A-Za-z])"
    r"|(?<![\\A-Za-z])([A-Za-z])(?![A-Za-z])"
)
NO_SYMBOLS = re.compile(
    r"\\(?:mathrm|text|mathop)\{[^{}]*\}|\\(?:begin|end)\{\w+\}|\\ |\\operatorname\{\w+\}"
)
INDICES = set("ijkmn")
"""They count what stands beside them, and need no words."""


def entries():
    blocks = re.findall(r"```\{glossary\}\n:sorted:\n\n(.*?)\n```", GLOSSARY, re.DOTALL)
    for entry in "\n\n".join(blocks).split("\n\n"):
        lines = entry.splitlines()
        terms = [line for line in lines if not line.startswith(" ")]
        yield terms, " ".join(line.strip() for line in lines if line.startswith(" "))


def letters(text):
    formulas = re.findall(r"\$\$(.*?)\$\$|(?<![\\$])\$([^$\n]+)\$", text, re.DOTALL)
    for display, inline in formulas:
        bare = NO_SYMBOLS.sub(" ", display or inline)
        yield from (greek or latin for greek, latin in LETTER.findall(bare))


def test_every_term_is_explained_once_and_leads_to_a_page():
    listed = [term for terms, _ in entries() for term in terms]
    assert len(listed) == len(set(listed))
    assert set(listed) >= WORDS
    for terms, said in entries():
        assert terms, said
        pages = re.findall(r"\]\(\./([\w/-]+)\)", said)
        assert pages or "{term}" in said, terms
        assert all((BOOK / f"{page}.md").is_file() for page in pages), terms
        assert len(said.split()) < 60, terms


def test_terms_are_where_they_link_to(site):
    page = (site / "glossary.html").read_text(encoding="utf-8")
    for terms, _ in entries():
        for term in terms:
            assert f'id="term-{re.sub("[^a-zA-Z0-9]+", "-", term)}"' in page


def test_every_letter_of_a_formula_is_in_the_table_of_symbols():
    table = GLOSSARY.split("## Notation")[1]
    symbols = {row.split("|")[1] for row in table.splitlines() if row.startswith("| $")}
    explained = set(letters(" ".join(symbols)))
    for path in sorted(BOOK.glob("*.md")):
        if runs(path):
            text = re.sub(r"^```\{code-cell\}.*?^```$", "", path.read_text(), flags=re.S | re.M)
            text = text.split("\n## Exercises")[0]  # their letters are their own
            assert set(letters(text)) - INDICES <= explained, path.name


def test_every_reference_can_be_followed(site):
    listed = (BOOK / "references.bib").read_text(encoding="utf-8")
    page = (site / "references.html").read_text(encoding="utf-8")
    keys = re.findall(r"^@\w+\{([^,]+),", listed, re.MULTILINE)
    dois = re.findall(r"^\s*doi\s*=\s*\{(.+?)\}", listed, re.MULTILINE)
    assert len(keys) == len(dois) == len(set(dois)) >= 19
    for doi in dois:
        assert f'href="https://doi.org/{doi}"' in page
