"""Look for the text of solutions in any file, however it is marked up there."""

import gzip
import html
import re
from collections import defaultdict
from pathlib import Path

_CELL = re.compile(r"^```\{code-cell\}.*?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_FILLED_IN = re.compile(r"\{glue:text\}`[^`]*`")
_UNKNOWN = "\N{REPLACEMENT CHARACTER}"
_TAKEN_OUT = re.compile(
    r"\A---\n.*?^---$|^\(solution-.*?\)=$|^:tags:.*?$|\{[\w:]+\}|\]\([^)]*\)|\$[^$]*\$",
    re.DOTALL | re.MULTILINE,
)
_PICTURES = {".png", ".woff2", ".woff", ".ttf", ".ico", ".pdf", ".safetensors", ".zip"}
_OTHERS = bytes(code for code in range(128) if not re.match("[a-z0-9]", chr(code)))
PROSE, CODE = 36, 28
"""Letters that a sentence, or a line of code, needs to be told from others."""
_PIECE = 8
_STEP = CODE - _PIECE + 1
"""Letters from one piece of a file that is looked at to the next: no text that is wanted fits
between them without holding one of the pieces."""


def letters(text: str) -> str:
    """Keep the letters and digits of a text, without tags, entities and escapes."""
    plain = html.unescape(re.sub(r"</?[a-zA-Z!][^<>]*>", "", text))
    plain = re.sub(r"\\[nrt\"]", " ", plain).lower()
    return plain.encode("ascii", "ignore").translate(None, _OTHERS).decode()


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
    pieces = defaultdict(set)
    for each in wanted:
        for start in range(_STEP):
            pieces[each[start : start + _PIECE]].add(each)
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix not in _PICTURES:
            content = path.read_bytes()
            if path.suffix == ".gz":
                content = gzip.decompress(content)
            text = re.sub(r"[A-Za-z0-9+/=]{300,}", "", content.decode("utf-8", "ignore"))
            text = letters(text)
            for place in range(0, len(text), _STEP):
                for each in pieces.get(text[place : place + _PIECE], ()):
                    if each in text[max(0, place - _STEP) : place + len(each)]:
                        where[each] = str(path)
    return where
