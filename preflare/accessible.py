"""Accessible pages: what Sphinx and pandas write that screen readers stumble over, mended."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

_EMPTY_HEADING = re.compile(r"<th((?:\s[^>]*)?)>((?:\s|</?p>)*)</th>")
_UNNAMED_COLUMN = re.compile(r'(<th [^>]*class="col_heading[^>]*>)\s*(</th>)')
_NAME = r'\1<span class="visually-hidden">Name</span>\2'
_LABEL = ' aria-label="Toggle hidden content"'
_OUTDATED_ROLE = re.compile(r'(<div(?=[^>]* class="citation(?:-list)?")[^>]*?) role="[^"]*"')
_COMPUTED = re.compile(r'(<(?:td|[a-z]+ class="(?:pasted-text|computed)")[^>]*>)([^<]*)')
_HYPHEN = re.compile(r"(?<![\w.\-])-(?=\.?\d)")


def accessible(body: str) -> str:
    """Mend the HTML of a page.

    A column without a heading gets one that is heard and not seen; other headings without words,
    such as the corner of a table, become plain cells. Computed numbers, in the text, in tables and
    in claims, get a minus sign where Python writes a hyphen, which is rarely read aloud. What folds
    code away goes by the words that it shows. Entries of the bibliography lose roles that are no
    longer in the standard (WAI-ARIA).

    Parameters
    ----------
    body : str

    Returns
    -------
    str

    Examples
    --------
    >>> accessible('<tr><th class="blank" ></th><th>PF</th></tr>')
    '<tr><td class="blank" ></td><th>PF</th></tr>'
    >>> accessible('<td>-0.3 on 2026-11-23</td>')
    '<td>−0.3 on 2026-11-23</td>'
    >>> accessible('<p class="computed">Within observations -0.1.</p>')
    '<p class="computed">Within observations −0.1.</p>'
    >>> accessible('<div class="citation" id="id1" role="doc-biblioentry">')
    '<div class="citation" id="id1">'
    """
    body = _EMPTY_HEADING.sub(r"<td\1>\2</td>", _UNNAMED_COLUMN.sub(_NAME, body))
    body = _COMPUTED.sub(lambda found: found[1] + _HYPHEN.sub("−", found[2]), body)
    return _OUTDATED_ROLE.sub(r"\1", body.replace(_LABEL, ""))


def mend(_app: Sphinx, _name: str, _template: str, context: dict[str, Any], _tree: Any) -> None:
    """Mend a page before it is written."""
    if "body" in context:
        context["body"] = accessible(context["body"])


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx what is here."""
    app.connect("html-page-context", mend)
    return {"parallel_read_safe": True}
