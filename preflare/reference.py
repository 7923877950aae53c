"""Reference: what Sphinx needs to make pages of docstrings, and of the command line's help."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.ext import autosummary
from sphinx.util.docutils import SphinxDirective

from preflare.cli import main
from preflare.docstrings import PACKAGE, exported, link_names, plain_signature

TELLS_OF = re.compile(r"^\.\. automodule:: (\S+)$", re.MULTILINE)
"""How a page of the reference says that it tells of a module."""


def skip_exported(
    _app: Sphinx, what: str, name: str, value: Any, _skip: bool, _options: Any
) -> bool | None:
    """Leave out of a module what the top level exports: it has its entry there."""
    return True if what == "module" and exported(name, value) else None


class ModuleTable(SphinxDirective):
    """A table of modules, one a line of the directive, each with what its docstring says first."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Make the table."""
        lines = [".. list-table::", "   :header-rows: 1", "   :class: autosummary", ""]
        rows = [("Module", "What it is")]
        for name in filter(None, map(str.strip, self.content)):
            said = inspect.getdoc(importlib.import_module(name)) or ""
            rows.append((f"``{name}``", said.splitlines()[0].replace("`", "``")))
        for module, said in rows:
            lines += [f"   * - {module}", f"     - {said}"]
        return self.parse_text_to_nodes("\n".join(lines))


class CommandHelp(SphinxDirective):
    """A section for each command, with the help that it prints."""

    def run(self) -> list[nodes.Node]:
        """Ask every command for its help."""
        sections: list[nodes.Node] = []
        for name, text in helps(main, PACKAGE):
            section = nodes.section(ids=[name.replace(" ", "-")], names=[name])
            section += nodes.title("", "", nodes.literal(text=name))
            section += nodes.literal_block(text, text, language="none")
            sections.append(section)
        return sections


def helps(
    command: click.Command, name: str, above: click.Context | None = None
) -> Iterator[tuple[str, str]]:
    """Give what a command and those that it holds print when asked for help, in 80 columns.

    Parameters
    ----------
    command : click.Command
    name : str
        By which it is called.
    above : click.Context, optional
        Of the command that holds it.

    Yields
    ------
    name : str
        With the names of the commands above.
    text : str

    Examples
    --------
    >>> dict(helps(main, "preflare"))["preflare status"].splitlines()[0]
    'Usage: preflare status [OPTIONS]'
    """
    context = click.Context(
        command, above, name, terminal_width=80, max_content_width=80, **command.context_settings
    )
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            inner = command.get_command(context, each)
            if inner is not None and not inner.hidden:
                yield from helps(inner, each, context)


def find_documented(app: Sphinx) -> None:
    """Find the modules that the pages of the reference tell of."""
    pages = sorted(Path(app.srcdir).glob("reference/*.md"))
    found = [name for page in pages for name in TELLS_OF.findall(page.read_text(encoding="utf-8"))]
    app.config.preflare_documented = found


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx what is here."""
    # A summary ends with the first full stop, unless it is that of a known abbreviation.
    known = (*autosummary.WELL_KNOWN_ABBREVIATIONS, "Fig.", "Eq.", "Eqs.", "Sect.", "..")
    autosummary.WELL_KNOWN_ABBREVIATIONS = known  # type: ignore[assignment]
    app.add_config_value("preflare_documented", [], "env")
    app.connect("builder-inited", find_documented)
    app.connect("autodoc-process-docstring", link_names, priority=400)
    app.connect("autodoc-process-signature", plain_signature)
    app.connect("autodoc-skip-member", skip_exported)
    app.add_directive("module-table", ModuleTable)
    app.add_directive("command-help", CommandHelp)
    return {"parallel_read_safe": True}
