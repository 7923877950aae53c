"""Figures of trends show the numbers that they are given."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from preflare import figures_trends
from preflare.findings.associations import associations
from preflare.findings.score_rows import GRID
from preflare.observations import observation

RULED = pd.DataFrame(
    {
        "observation": ["PF 1", "PF 2", "PF 3", "AR 1", "PF 5"],
        "kind": ["PF", "PF", "PF", "AR", "PF"],
        "slope": [0.3, 0.4, 0.3, -0.9, 0.9],
        "low": -0.2,
        "high": 0.2,
        "regime": ["strong", "strong", "weak", "falling", "too few rasters"],
    }
)


@pytest.fixture
def axes():
    figure, axes = plt.subplots()
    yield axes
    figure.canvas.draw()
    plt.close(figure)


def test_rows_show_their_scores_and_grey_where_there_are_none(axes):
    rows = np.full((2, GRID.size), np.nan)
    rows[0, 10:1490] = np.linspace(0.2, 1, 1480)
    matrix = pd.DataFrame(rows, ["PF 1", "PF 2"], GRID)
    labels = [figures_trends.row_label(observation(name)) for name in matrix.index]
    image = figures_trends.score_rows(axes, matrix, labels, [1], lowest=0.3)
    assert_allclose(image.get_array().filled(np.nan), matrix)
    assert image.get_clim() == (0.3, 1)
    assert [each.get_text() for each in axes.get_yticklabels()] == [
        "M raster  PF 1", "M raster  PF 2",
    ]  # fmt: skip
    assert axes.get_xlim() == (-25, 0)
    assert axes.yaxis_inverted()


def test_each_slope_is_drawn_with_its_regime_and_range(axes):
    figures_trends.slopes(axes, RULED, RULED["observation"].tolist())
    drawn = {line.get_label(): line.get_xdata() for line in axes.lines}
    assert_array_equal(drawn["strong"], [0.3, 0.4])
    assert_array_equal(drawn["too few rasters"], [0.9])
    assert len(axes.patches) == 4  # and none where nothing could be significant
    assert axes.patches[0].get_bbox().intervalx.tolist() == [-0.2, 0.2]
    axes.legend()


def test_infinite_odds_are_at_the_edge(axes):
    attributes = pd.DataFrame({"with": [True, True, False, False, True]}, RULED["observation"])
    table = associations(RULED, attributes)
    assert table["odds_ratio"].tolist() == [np.inf]
    figures_trends.odds_ratios(axes, table)
    assert axes.lines[0].get_xdata().tolist() == [1e3]


def test_regions_are_thin_and_their_mean_is_thick(axes):
    minutes, curves = np.arange(-3.0, 0), {"PF": np.array([[1.0, 2, 3], [3, 4, 5]])}
    figures_trends.region_curves(axes, minutes, curves, "Feature")
    assert_array_equal(axes.lines[-1].get_ydata(), [2, 3, 4])
    assert axes.lines[-1].get_linewidth() > axes.lines[0].get_linewidth()
    assert [text.get_text() for text in axes.legend().get_texts()] == ["PF"]


def test_noises_are_apart_and_carry_their_p(axes):
    noises, lines = np.zeros((2, 5)), np.ones((2, 5))
    figures_trends.noise_with_lines(axes, np.arange(-5.0, 0), noises, lines, [0.0002, 0.25])
    assert [text.get_text() for text in axes.texts] == ["p < 0.001", "p = 0.250"]
    assert axes.lines[0].get_ydata()[0] > axes.lines[2].get_ydata()[0]


def test_each_test_has_a_line_of_false_alarms(axes):
    table = pd.DataFrame({"regression": [0.05, 0.6], "ours": [0.05, 0.06]}, [1, 200])
    figures_trends.false_alarms(axes, table, 0.05, [80.0, 120.0])
    assert [line.get_label() for line in axes.lines[:2]] == ["regression", "ours"]
    assert_array_equal(axes.lines[0].get_ydata(), [0.05, 0.6])
    assert_array_equal(axes.lines[-1].get_xdata(), [80, 120])


def test_noise_of_independent_spectra_would_fall_along_the_dotted_line(axes):
    one = pd.DataFrame({"spectra": [1.0, 4, 16], "noise": [0.2, 0.15, 0.1]})
    figures_trends.noise_and_number(axes, {"PF": [one, one]}, {"PF": one})
    number, noise = axes.lines[-1].get_data()
    assert_allclose(noise, 0.2 / np.sqrt(number))
    assert axes.lines[2].get_label() == "PF"
    assert len(axes.lines) == 4
