"""Figures of what the slit covers show the numbers that they are given."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from preflare import figures_coverage

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


def test_context_shows_both_ends_of_the_raster(axes):
    image = np.random.default_rng(0).exponential(size=(8, 4))
    edges, slits = (-10.0, 10.0, 0.0, 40.0), np.array([2.0, -1, 0.5])
    figures_coverage.context_image(axes, image, edges, slits, (5, 30), "PF 1", bright=2.0)
    ends = axes.collections[0].get_segments()
    assert [segment[0][0] for segment in ends] == [-1, 2]
    assert axes.get_title(loc="left") == "PF 1"


def test_slopes_are_drawn_against_anything_by_regime_and_class(axes):
    values = np.array([0, 0.25, 0.5, 0.75, np.nan])
    figures_coverage.slope_against(axes, values, RULED, "Coverage", names=True)
    drawn = {
        line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines
    }
    assert drawn["PF, strong"] == ([0, 0.25], [0.3, 0.4])
    assert drawn["AR, falling"] == ([0.75], [-0.9])
    assert [text.get_text() for text in axes.texts] == ["1", "2", "3"]  # PF whose place is known
    assert axes.get_xlabel() == "Coverage"
