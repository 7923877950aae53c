"""Docstrings on their way into the reference: what becomes a link, and what stops the build."""

import logging
from types import SimpleNamespace

import pytest

from preflare import LINES, bootstrap
from preflare.docstrings import entry, link_names, plain_signature
from preflare.explain import marking
from preflare.study import Study

DOCUMENTED = ["preflare.bootstrap", "preflare.errors", "preflare.twin.modes"]


@pytest.fixture
def linked(caplog):
    def link(*lines, value=bootstrap.bootstrap, what="function"):
        app = SimpleNamespace(config=SimpleNamespace(preflare_documented=DOCUMENTED))
        said = list(lines)
        with caplog.at_level(logging.WARNING):
            link_names(app, what, "preflare.thing", value, None, said)
        return said, [record.getMessage() for record in caplog.records]

    return link


@pytest.mark.parametrize(
    ("written", "becomes"),
    [
        ("`Interval`", ":py:obj:`Interval <preflare.bootstrap.Interval>`"),
        ("`Interval.undefined`", ":py:obj:`Interval.undefined <preflare.bootstrap.Interval>`"),
        ("`Study.cubes`", ":py:obj:`Study.cubes <preflare.Study.cubes>`"),
        ("`preflare.twin.modes`", ":py:obj:`preflare.twin.modes <preflare.twin.modes>`"),
        ("`seed`", "``seed``"),  # a parameter, and a word
        ("`preflare.atomic.atomically`", "``preflare.atomic.atomically``"),  # is, without an entry
        ("`data/observations.ecsv`", "``data/observations.ecsv``"),
        ("``Interval``", "``Interval``"),
    ],
)
def test_names_become_links_where_there_is_an_entry(linked, written, becomes):
    assert linked(f"See {written}.") == ([f"See {becomes}."], [])


@pytest.mark.parametrize("name", ["Interval.undefind", "Intervall", "preflare.bootstrapp"])
def test_a_name_that_leads_nowhere_is_a_warning(linked, name):
    assert linked(f"See `{name}`.")[1] == [f"preflare.thing names {name}, which there is not"]


def test_types_become_links_and_misspelt_ones_warnings(linked):
    said, complaints = linked(
        "Parameters", "----------", "a : Interval or None", "    See b.", "b : Dataset, optional",
        'c : {"PF", "AR"}', "d : Intervall", "", "Raises", "------", "SkillError", "    If so.",
    )  # fmt: skip
    assert said[2] == "a : :py:obj:`Interval <preflare.bootstrap.Interval>` or None"
    assert said[4] == "b : Dataset, optional"
    assert said[5] == 'c : ``{"PF", "AR"}``'
    assert said[10] == ":py:obj:`SkillError <preflare.errors.SkillError>`"
    assert complaints == ["preflare.thing has a type Intervall, which there is not"]


def test_examples_stay_as_they_are(linked):
    lines = ["Examples", "--------", ">>> `Interval`", "`Interval`"]
    assert linked(*lines) == (lines, [])


def test_constants_say_what_is_said_of_them_where_they_are_defined():
    app = SimpleNamespace(config=SimpleNamespace(preflare_documented=DOCUMENTED))
    said = ["dict() -> new empty dictionary"]
    link_names(app, "data", "preflare.LINES", LINES, None, said)
    assert said[0].startswith("Line positions in Å")


def test_an_inherited_method_goes_by_the_class_that_people_use():
    assert entry("Study.cubes", marking.__name__) == "preflare.Study.cubes"
    assert entry("cubes", "preflare.study", "Study") == "preflare.Study.cubes"


ARRAY = "~numpy.ndarray[tuple[~typing.Any, ...], ~numpy.dtype[~numpy.float32]]"


def test_signatures_have_types_only_where_the_docstring_has_none():
    def shown(value):
        return plain_signature(
            None, "function", "", value, None, f"(x: {ARRAY}, *, y: int = 0)", ARRAY
        )

    short = "~numpy.typing.NDArray[~numpy.float32]"
    assert shown(marking.marks) == ("(x, *, y=0)", None)
    assert shown(Study.split) == (f"(x: {short}, *, y: int = 0)", short)
