"""Answers of solutions are read back, and only the checks that moved are made anew."""

import json

import numpy as np
import pytest
import yaml

from preflare import answers as module
from preflare.answers import Answer, answers, main, outdated, remade, solved
from preflare.errors import ExerciseError
from preflare.exercises import CHECKS


@pytest.fixture
def known(monkeypatch):
    """Give a function that makes the checks of answers the only ones there are."""

    def make(*found):
        monkeypatch.setattr(module, "checks", dict)
        kept = remade(list(found))
        monkeypatch.setattr(module, "checks", lambda: kept)
        return kept

    return make


def notebook(path, *found):
    outputs = [{"metadata": {"preflare-answer": vars(each)}} for each in found]
    cells = [{"cell_type": "markdown"}, {"outputs": [{"metadata": {}}, {}, *outputs]}]
    path.write_text(json.dumps({"cells": cells}))


def test_only_what_moved_is_made_anew(known, tmp_path, monkeypatch, capsys):
    old = known(Answer("a-1", 1.0, 0.1), Answer("a-2", 2.0, 0.1), Answer("c-3", 1.0, 0.0))
    found = [Answer("a-1", 1.05, 0.1), Answer("a-2", 2.4, 0.1), Answer("b-1", 7.0, 0.0)]
    notebook(tmp_path / "a.ipynb", *found[:2])
    notebook(tmp_path / "b.ipynb", found[2])
    assert answers(sorted(tmp_path.glob("*.ipynb"))) == found
    assert outdated(found) == ["a-2", "b-1"]
    assert outdated([Answer("a-1", 1.0, 0.2)]) == ["a-1"]  # another tolerance

    monkeypatch.setattr(module, "shipped", lambda name: tmp_path / name)
    main(tmp_path)
    assert capsys.readouterr().out == "3 answers, checks made anew: a-2, b-1\n"
    new = yaml.safe_load((tmp_path / CHECKS).read_text())
    assert new["a-1"] == old["a-1"]
    assert new["c-3"] == old["c-3"]
    monkeypatch.setattr(module, "checks", lambda: new)
    assert outdated(found) == []


def test_without_solutions_no_checks_are_made(tmp_path):
    with pytest.raises(SystemExit, match="holds no solved exercise: run make book SOLUTIONS=1"):
        main(tmp_path)


def test_a_solution_shows_its_answer_and_leaves_it_behind(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda *given, **how: shown.append((given, how)))
    solved("a-1", np.float64(0.25), within=0.01)
    ((data,), how) = shown[0]
    assert data == {"text/plain": "Answer to a-1: 0.25, within 0.01."}
    assert how["metadata"] == {"preflare-answer": vars(Answer("a-1", 0.25, 0.01))}
    with pytest.raises(ExerciseError, match="is not whole: say what it is right within"):
        solved("a-1", 0.25)
