"""The reference: every public name has an entry, and every docstring tells of what there is."""

import inspect
import pkgutil
import re
from dataclasses import fields, is_dataclass
from importlib import import_module

import pytest
from click.testing import CliRunner
from numpydoc.docscrape import NumpyDocString

import preflare
from preflare.book import Book
from preflare.cli import main
from preflare.reference import TELLS_OF, helps

PAGES = {
    path.stem: path.read_text(encoding="utf-8")
    for path in sorted((Book.found().root / "book" / "reference").glob("*.md"))
}
MODULES = {
    module.name
    for module in pkgutil.walk_packages(preflare.__path__, "preflare.")
    if not module.ispkg and module.name != "preflare.__main__"
}
TOLD_OF = [name for page in PAGES.values() for name in TELLS_OF.findall(page)]
INSIDE = re.findall(
    r"^   (\S+)$", re.search(r"module-table::\n\n(.*?)```", PAGES["index"], re.S)[1], re.M
)


def public(module):
    """Give functions, classes and methods of a module by name."""
    for name, value in vars(import_module(module)).items():
        if name.startswith("_") or getattr(value, "__module__", None) != module:
            continue
        if inspect.isclass(value) or inspect.isfunction(inspect.unwrap(value)):
            yield f"{module}.{name}", value
        if inspect.isclass(value):
            for own, method in vars(value).items():
                function = getattr(method, "__func__", method)
                if not own.startswith("_") and inspect.isfunction(function):
                    yield f"{module}.{name}.{own}", function


EVERYTHING = dict(pair for module in sorted(MODULES) for pair in public(module))


def listed(said, section):
    """Name what a section of a docstring lists."""
    return [
        name.strip(" *")
        for parameter in NumpyDocString(said)[section]
        for name in parameter.name.split(",")
    ]


def taken_by(value):
    """Name the parameters of a function, compiled or not, or of a class."""
    if inspect.isclass(value) and issubclass(value, Exception):
        return []
    parameters = inspect.signature(value).parameters
    return [name for name in parameters if name not in ("self", "cls")]


def test_every_module_is_told_of_or_named_as_inside():
    assert sorted(TOLD_OF + INSIDE) == sorted(MODULES)


def anchors(site):
    return {
        anchor: page.stem
        for page in sorted((site / "reference").glob("*.html"))
        for anchor in re.findall(r'<dt [^>]*id="([^"]+)"', page.read_text(encoding="utf-8"))
    }


def test_every_exported_name_has_an_entry(site):
    assert {f"preflare.{name}" for name in preflare.__all__} <= set(anchors(site))


@pytest.mark.parametrize("name", preflare.__all__)
def test_every_exported_function_and_class_has_an_example(name):
    value = getattr(preflare, name)
    said = inspect.getdoc(value) or ""
    assert name.isupper() or ">>> " in said


def test_functions_and_classes_of_modules_have_entries(site):
    entries = anchors(site)
    exported = {
        f"{value.__module__}.{name}"
        for name in preflare.__all__
        if hasattr(value := getattr(preflare, name), "__qualname__")
    }
    for name, value in EVERYTHING.items():
        top = isinstance(value, type) or "." not in value.__qualname__
        if top and value.__module__ in TOLD_OF and name not in exported:
            assert name in entries, name


def test_no_private_name_has_an_entry(site):
    assert [each for each in anchors(site) if re.search(r"\._", each)] == []


@pytest.mark.parametrize("name", EVERYTHING)
def test_docstring_lists_the_parameters_that_there_are(name):
    value = EVERYTHING[name]
    said = inspect.getdoc(value) or ""
    assert said, "no docstring"
    if inspect.isclass(value) and is_dataclass(value):
        section, there = "Attributes", [field.name for field in fields(value)]
    else:
        section, there = "Parameters", taken_by(value)
    told = listed(said, section)
    # The order is the docstring's own: what is alike stands together there.
    assert not told or sorted(told) == sorted(there)


def test_the_page_of_the_command_line_shows_each_help_as_it_is_printed(site):
    page = (site / "reference" / "command-line.html").read_text(encoding="utf-8")
    shown = re.sub(r"<[^>]+>", "", page)
    shown = shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    commands = dict(helps(main, "preflare"))
    assert {"preflare", "preflare book", "preflare twin library"} <= set(commands)
    for command, text in commands.items():
        arguments = [*command.split()[1:], "--help"]
        printed = CliRunner().invoke(main, arguments, prog_name="preflare", terminal_width=80)
        assert printed.output.rstrip("\n") == text
        assert text in shown


def test_no_summary_ends_in_the_middle_of_a_sentence(site):
    for page in sorted((site / "reference").glob("*.html")):
        text = page.read_text(encoding="utf-8")
        tables = re.findall(r'<table class="autosummary.*?</table>', text, re.S)
        cells = [re.sub(r"<[^>]+>", "", cell) for table in tables
                 for cell in re.findall(r"<p>(.*?)</p>", table, re.S)]  # fmt: skip
        assert [cell for cell in cells if cell.count("(") != cell.count(")")] == []
        assert [cell for cell in cells if re.search(r"\b(Fig|Eqs?|Sect)\.$", cell)] == []
