"""Look for the text of solutions in any file, however it is marked up there."""

import gzip
import html
import re
from pathlib import Path

_CELL = re.compile(r"^```\{code-cell\}.*?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_FILLED_IN = re.compile(r"\{glue:text\}`[^`]*`")
_UNKNOWN = "\N{REPLACEMENT CHARACTER}"
_TAKEN_OUT = re.compile(
    r"\A---\n.*?^---$|^\(solution-.*?\)=$|^:tags:.*?$|\{[\w:]+\}|\]\([^)]*\)|\$[^$]*\$",
    re.DOTALL | re.MULTILINE,
)
_PICTURES = {".png", ".woff2", ".woff", ".ttf", ".ico", ".pdf", ".safetensors", ".zip"}
PROSE, CODE = 36, 28
"""Letters that a sentence, or a line of code, needs to be told from others."""


def letters(text: str) -> str:
    """Keep the letters and digits of a text, without tags, entities and escapes."""
    plain = html.unescape(re.sub(r"</?[a-zA-Z!][^<>]*>", "", text))
    return re.sub(r"[^a-z0-9]", "", re.sub(r"\\[nrt\"]", " ", plain).lower())


def distinctive(solution: str, elsewhere: str) -> list[str]:
    """Give the sentences and lines of code of a solution that stand nowhere else, as letters.

    Sentences with a number that the run fills in are left out.
    """
    cells = _CELL.findall(solution)
    prose = _TAKEN_OUT.sub(" ", _FILLED_IN.sub(_UNKNOWN, _CELL.sub("\n\n", solution)))
    sentences = re.split(r"(?<=[.:?!;]) |\n\s*\n|\n#+ |\n[-*|] ", prose)
    found = [each for text in sentences
             if _UNKNOWN not in text and len(each := letters(text)) >= PROSE]  # fmt: skip
    found += [each for cell in cells for line in cell.splitlines()
              if len(each := letters(line)) >= CODE]  # fmt: skip
    return sorted({each for each in found if each not in elsewhere})


def found_in(folder: Path, wanted: list[str]) -> dict[str, str]:
    """Tell in which file of a folder each of some texts stands, pictures left out."""
    where = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix not in _PICTURES:
            content = path.read_bytes()
            if path.suffix == ".gz":
                content = gzip.decompress(content)
            text = re.sub(r"[A-Za-z0-9+/=]{300,}", "", content.decode("utf-8", "ignore"))
            text = letters(text)
            where |= {each: str(path) for each in wanted if each in text}
    return where
