"""Figures for dark pages and for taking home; the figure itself stays as it was."""

import sys
from base64 import b64decode
from io import BytesIO, StringIO

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.patheffects import withStroke
from numpy.testing import assert_allclose
from PIL import Image

from preflare.figure_dark import GROUND, INK, dark, darkened
from preflare.figure_formats import CSV, DARK, PDF, figure_bundle, offer, table_bundle


@pytest.fixture
def figure():
    figure, (left, right) = plt.subplots(1, 2)
    left.plot([0, 1], [1, 0], "ko-", label="black")
    left.plot([0, 1], [0, 1], color="C1")
    left.text(0, 0, "words", bbox={"facecolor": "white"}, path_effects=[withStroke(foreground="w")])
    left.fill_between([0, 1], [0, 1], color="0.9")
    left.legend()
    right.pcolormesh(np.arange(1600.0).reshape(40, 40))
    yield figure
    plt.close(figure)


def pixels(figure):
    file = BytesIO()
    figure.savefig(file, format="png")
    return np.asarray(Image.open(file).convert("RGB"))


def test_neutral_colours_turn_round_and_others_stay():
    turned = darkened(["white", "black", "0.5", "#ff0000", (0, 0, 0, 0.3)])
    assert_allclose(turned[:3, 0], [GROUND, INK, (GROUND + INK) / 2], atol=0.01)
    assert_allclose(turned[3], [1, 0, 0, 1])
    assert_allclose(turned[4], [INK, INK, INK, 0.3])


def test_a_dark_figure_is_dark_and_its_lines_bright(figure):
    before = pixels(figure)
    with dark(figure):
        night = pixels(figure)
        line = figure.axes[0].lines[0]
        assert_allclose(darkened("black")[0], line.get_color())
        assert_allclose(darkened("black")[0], line.get_markerfacecolor())
    assert before.mean() > 150
    assert night.mean() < 90
    assert night.max() > 200


def test_the_figure_is_put_back_also_after_an_error(figure):
    before = pixels(figure)
    with pytest.raises(KeyError), dark(figure):
        raise KeyError
    assert (pixels(figure) == before).all()


def test_maps_keep_their_colours(figure):
    mesh = figure.axes[1].collections[0]
    figure.canvas.draw()
    colours = mesh.get_facecolor().copy()
    with dark(figure):
        figure.canvas.draw()
        assert_allclose(mesh.get_facecolor(), colours)


def test_a_figure_comes_in_all_formats(figure):
    formats = figure_bundle(figure)
    assert b64decode(formats[PDF]).startswith(b"%PDF")
    assert Image.open(BytesIO(b64decode(formats[DARK]))).format == "PNG"
    table = pd.read_csv(StringIO(formats[CSV]))
    assert set(table["artist"]) == {"line", "area", "map"}
    assert figure_bundle(figure) == formats


def test_a_table_keeps_an_index_that_says_something():
    table = pd.DataFrame({"share": [0.123456789, 2.0]})
    assert table_bundle(table)[CSV] == "share\n0.123457\n2\n"
    named = table.set_index(pd.Index(["PF", "AR"], name="class"))
    assert table_bundle(named)[CSV] == "class,share\nPF,0.123457\nAR,2\n"


def test_without_a_notebook_nothing_is_offered(monkeypatch):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    offer()
    assert "IPython" not in sys.modules


def test_what_is_drawn_on_a_map_stays_and_its_surroundings_turn(figure):
    right = figure.axes[1]
    (over,) = right.plot([0, 40], [0, 40], color="black")
    (beside,) = right.twinx().plot([0, 40], [0, 1], color="white")
    right.set_title("A map")
    with dark(figure):
        assert over.get_color() == "black"
        assert beside.get_color() == "white"
        assert_allclose(right.title.get_color(), darkened("black")[0], atol=0.2)
        assert_allclose(right.spines["left"].get_edgecolor(), darkened("black")[0], atol=0.2)
