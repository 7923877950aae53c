"""Numbers read back from a figure are those that were drawn."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from numpy.testing import assert_allclose

from preflare.figure_numbers import COLUMNS, numbers


@pytest.fixture
def axes():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def of(axes, artist, label=None):
    found = numbers(axes.figure)
    assert list(found.columns) == list(COLUMNS)
    found = found[found["artist"] == artist]
    return found if label is None else found[found["label"] == label]


def test_lines_by_their_label_or_colour(axes):
    axes.plot([1, 2, 3], [4.0, np.nan, 6.0], label="rise")
    axes.plot([0, 1], [1, 0], color="red")
    assert_allclose(of(axes, "line", "rise")[["x", "y"]], [[1, 4], [2, np.nan], [3, 6]])
    assert_allclose(of(axes, "line", to_hex("red"))["y"], [1, 0])


def test_points_with_their_values(axes):
    axes.scatter([1, 2], [3, 4], c=[0.25, 0.75], label="marks")
    assert_allclose(of(axes, "points", "marks")[["x", "y", "value"]], [[1, 3, 0.25], [2, 4, 0.75]])


def test_bars(axes):
    axes.barh([1.0], [5.0], left=[2.0], height=0.5)
    assert_allclose(of(axes, "bar")[["x", "y", "width", "height"]], [[2, 0.75, 5, 0.5]])


def test_maps_by_the_middle_of_their_cells(axes):
    values = np.array([[1.0, 2.0], [np.nan, 4.0]])
    axes.pcolormesh([0, 1, 2], [0, 10, 20], values)
    assert_allclose(of(axes, "map")[["x", "y", "value"]], [[0.5, 5, 1], [1.5, 5, 2], [1.5, 15, 4]])


@pytest.mark.parametrize("origin", ["lower", "upper"])
def test_images_as_they_lie(axes, origin):
    axes.imshow([[1.0, 2.0], [3.0, 4.0]], origin=origin, extent=(0, 4, 0, 2))
    found = of(axes, "map").set_index("value")
    assert_allclose(
        found.loc[1.0, ["x", "y"]].astype(float), [1, 0.5 if origin == "lower" else 1.5]
    )


def test_areas_coloured_lines_and_bins(axes):
    axes.fill_between([0, 1], [0, 0], [1, 2], label="band")
    axes.hexbin([0, 0, 5], [0, 0, 5], gridsize=3, mincnt=1)
    axes.vlines([7], 0, 1, color="black")
    corners = of(axes, "area", "band")[["x", "y"]].itertuples(index=False, name=None)
    assert {(0, 0), (1, 2)} <= set(corners)
    assert sorted(of(axes, "points")["value"]) == [1, 2]
    assert_allclose(of(axes, "line", "#000000")[["x", "y"]], [[7, 0], [7, 1]])


def test_what_only_guides_the_eye_is_left_out(axes):
    axes.axhline(1)
    axes.axvspan(0, 1)
    axes.plot([0, 1], [0, 1], visible=False)
    axes.imshow(np.zeros((2, 2, 3)))
    axes.plot([0.5], [0.5], transform=axes.transAxes)
    assert numbers(axes.figure).empty


def test_panels_are_told_apart_and_colour_bars_are_none(axes):
    mesh = axes.pcolormesh(np.ones((2, 2)))
    axes.set_title("first", loc="left")
    axes.figure.colorbar(mesh)
    axes.twinx().plot([1], [2])
    assert set(numbers(axes.figure)["panel"]) == {"1 first", "2"}
