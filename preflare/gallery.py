"""The page with every figure: a small picture each, which leads to the place in its chapter."""

from __future__ import annotations

from base64 import b64decode
from io import BytesIO
from pathlib import Path

from PIL import Image

from preflare.take_home import Offer

WIDTH = 480
"""Of a small picture, in pixels."""


def gallery(offers: list[Offer]) -> tuple[bytes, dict[Path, bytes]]:
    """Show every figure of the book, chapter by chapter.

    Parameters
    ----------
    offers : list of Offer
        Of all chapters, in their order.

    Returns
    -------
    page : bytes
        Markdown.
    files : dict of pathlib.Path to bytes
        The small pictures, by their place in the site.
    """
    figures = [offer for offer in offers if "image/png" in offer.formats and offer.caption]
    lines: list[str] = []
    chapter = ""
    for each in figures:
        if each.chapter != chapter:
            chapter = each.chapter
            lines += [f"## {{doc}}`{chapter}`", ""]
        lines += [
            f'<p class="small-figure"><a href="{each.chapter}.html#{each.name}">'
            f'<img src="{_small(each).as_posix()}" alt="" loading="lazy"></a></p>',
            "",
            f"{{numref}}`{each.name}` {' '.join(each.caption.split())}",
            "",
        ]
    files = {_small(each): small(b64decode(each.formats["image/png"])) for each in figures}
    return "\n".join(lines).encode(), files


def small(picture: bytes) -> bytes:
    """Make a picture no wider than `WIDTH`.

    Parameters
    ----------
    picture : bytes
        PNG.

    Returns
    -------
    bytes
        PNG, with few colours.
    """
    with Image.open(BytesIO(picture)) as image:
        image.thumbnail((WIDTH, 4 * WIDTH), Image.Resampling.LANCZOS)
        file = BytesIO()
        image.convert("RGB").quantize(64).save(file, "PNG", optimize=True)
    return file.getvalue()


def _small(offer: Offer) -> Path:
    return offer.folder / f"{offer.name}.small.png"
