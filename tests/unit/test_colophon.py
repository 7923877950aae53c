"""The foot of a page says how it was made; its notebook runs without what the build put in."""

import json
from dataclasses import replace

import pytest

from preflare.chapters import Run
from preflare.colophon import REPOSITORY, colophon, settings_of, to_run

RUN = Run("swarm", "key", "2026-01-02 03:04 UTC", 12.6, 345_000_000, {"seed": 3},
          {"python": "3.12", "torch": "2.13.0", "click": "8"}, "Linux x86_64, 2 cores")  # fmt: skip


def cell(kind, source, **metadata):
    return {"cell_type": kind, "source": source, "metadata": metadata} | (
        {"outputs": [{"output_type": "stream"}], "execution_count": 7} if kind == "code" else {}
    )


NOTEBOOK = json.dumps({
    "cells": [
        cell("markdown", "# A swarm", papermill={"status": "completed"}),
        cell("code", ['source = "twin"\n', "seed = 0"], tags=["parameters"]),
        cell("code", "seed = 3", tags=["injected-parameters", "hide-input"]),
        cell("code", "seed = 5"),
    ],
    "metadata": {"kernelspec": {"name": "python3"}, "preflare": {}, "papermill": {}},
    "nbformat": 4, "nbformat_minor": 5,
}).encode()  # fmt: skip


def test_settings_are_those_of_the_text_and_of_the_command_line():
    assert settings_of(NOTEBOOK) == {"source": "twin", "seed": "3"}


def test_it_tells_how_the_page_was_made_and_how_to_make_it_again():
    text = colophon(NOTEBOOK, RUN)
    for wanted in (
        "Source `twin`, seed `3`.", "2026-01-02 03:04 UTC", "13 s", "345 MB", "2 cores",
        "python 3.12, torch 2.13.0;", "preflare book --chapter swarm --force -p seed=3\n",
        'href="notebooks/swarm.ipynb"',
    ):  # fmt: skip
        assert wanted in text
    assert "click" not in text
    assert "github" not in text


@pytest.mark.parametrize("by", ["argument", "environment"])
def test_services_are_linked_where_the_repository_is_known(monkeypatch, by):
    monkeypatch.setenv(REPOSITORY, "" if by == "argument" else "us/preflare")
    text = colophon(NOTEBOOK, RUN, "us/preflare" if by == "argument" else None)
    assert "/github/us/preflare/blob/gh-pages/notebooks/swarm.ipynb" in text
    assert "/gh/us/preflare/HEAD?urlpath=lab/tree/book/swarm.md" in text


def test_solutions_are_made_by_those_who_ask_and_published_nowhere():
    text = colophon(NOTEBOOK, replace(RUN, chapter="swarm-solutions"), "us/preflare")
    assert "preflare book --chapter swarm-solutions --force -p seed=3 --solutions\n" in text
    assert "github" not in text


def test_a_notebook_to_run_has_no_traces_of_a_run():
    content = json.loads(to_run(NOTEBOOK))
    assert content["metadata"] == {"kernelspec": {"name": "python3"}}
    assert content["nbformat"] == 4
    sources = ["".join(each["source"]) for each in content["cells"]]
    assert sources == ["# A swarm", 'source = "twin"\nseed = 0', "seed = 5"]
    for each in content["cells"]:
        assert not each.get("outputs")
        assert each.get("execution_count") is None
        assert set(each["metadata"]) <= {"tags"}
