"""Figures show what they are given."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba
from numpy.testing import assert_allclose

from preflare import figures_global as figures
from preflare.findings.bands import METALS, band_of_points
from preflare.findings.importance import Importance
from preflare.findings.intensity import two_regimes
from preflare.findings.within_observations import by_observation, rank_correlations
from preflare.spectrum import POINTS, grid


@pytest.fixture
def axes():
    figure, axes = plt.subplots()
    yield axes
    figure.canvas.draw()
    plt.close(figure)


def spectra():
    random = np.random.default_rng(0)
    peak = random.lognormal(5, 1, 400)
    return 1e-3 * peak + random.normal(size=400), peak, np.arange(400) % 5


@pytest.mark.parametrize("scale", ["linear", "log10"])
def test_lines_of_both_regimes_meet_the_break(axes, scale):
    attribution, peak, groups = spectra()
    found = two_regimes(attribution, peak, groups, scale=scale, count=40)
    cells = figures.two_regimes(axes, peak, attribution, found)
    assert cells.get_array().sum() == peak.size
    at = found.table.loc["break", "value"]
    lines = [line.get_xydata() for line in axes.lines if to_rgba(line.get_color()) == to_rgba("C3")]
    assert_allclose([lines[0][0, 0], lines[0][-1, 0]], [peak.min(), at])
    assert_allclose([lines[1][0, 0], lines[1][-1, 0]], [at, peak.max()])
    assert_allclose(lines[0][:, 1], found.fit.below(found.x(lines[0][:, 0])))
    assert_allclose(lines[1][:, 1], found.fit.above(found.x(lines[1][:, 0])))
    said = {text.get_text() for text in axes.texts}
    assert said == {
        f"$R^2$ = {found.table.loc[f'R2 {side}', 'value']:.3f}" for side in ("below", "above")
    }
    assert axes.get_xscale() == ("log" if scale == "log10" else "linear")


def test_observations_are_in_order_of_their_correlation(axes):
    attribution, peak, groups = spectra()
    attribution[groups == 2] = 0.0
    table = by_observation(attribution, peak, groups)
    figures.by_observation(axes, table, rank_correlations(attribution, peak, groups, count=40))
    shown = axes.collections[0].get_offsets()
    assert_allclose(shown[:, 0], np.sort(table["rank correlation"].dropna()))
    assert "2" not in [label.get_text() for label in axes.get_yticklabels()]


def test_without_intervals_figures_are_drawn_too(axes):
    attribution, peak, _ = spectra()
    given = attribution, peak, ["PF 1"] * 400
    figures.two_regimes(axes, peak, attribution, two_regimes(*given, count=40))
    figures.by_observation(axes, by_observation(*given), rank_correlations(*given, count=40))
    assert not axes.patches


def added():
    random = np.random.default_rng(0)
    found = Importance()
    for name in ("PF 1", "PF 2"):
        found.add(
            name,
            "PF",
            random.uniform(size=(50, POINTS)),
            np.ones(50),
            random.normal(size=(50, POINTS)),
        )
    return found


def test_bars_are_shares_and_references_reach_as_high(axes):
    table = added().by_wavelength()
    profile = np.linspace(1, 3, POINTS)
    figures.importance(axes, table, {"PF": profile, "AR": 2 * profile})
    (bars,) = axes.containers
    heights = [bar.get_height() for bar in bars]
    assert_allclose(heights, table["magnitude"] / table["magnitude"].sum())
    curves = {line.get_label(): line.get_ydata() for line in axes.lines}
    assert_allclose(curves["PF"], curves["AR"])
    assert curves["PF"].max() == pytest.approx(max(heights))
    said = [text.get_text() for text in axes.texts]
    assert {"k", "triplet", "h", "Ni I", "Cr II"} < set(said)
    ticks = {line.get_xdata()[0] for line in axes.lines if len(line.get_xdata()) == 2}
    assert set(METALS.values()) < ticks


def test_other_references_have_colours_of_their_own(axes):
    profile = np.linspace(1, 3, POINTS)
    references = {"PF": profile, "all": profile, "highest tenth": profile}
    figures.importance(axes, added().by_wavelength(), references)
    colours = {line.get_label(): to_rgba(line.get_color()) for line in axes.lines}
    assert len({colours[name] for name in references}) == 3


def test_depths_stand_in_their_column_with_their_mean(axes):
    table = pd.DataFrame(
        {
            "class": ["PF", "PF", "AR", "AR", "AR"],
            "trained on": [True, True, True, False, False],
            "depth": [0.1, 0.3, 0.2, 0.25, 0.35],
        }
    )
    figures.line_depths(axes, table)
    columns = {}
    for line in (each for each in axes.lines if len(each.get_xdata())):
        columns.setdefault(round(float(np.mean(line.get_xdata()))), []).append(line.get_ydata())
    groups = ([0.1, 0.3], [0.2], [], [0.25, 0.35])
    for column, depths in enumerate(groups):
        if depths:
            points, mean = columns[column]
            assert_allclose(points, depths)
            assert_allclose(mean, np.mean(depths))
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels == ["PF,\ntrained on", "AR,\ntrained on", "PF,\nothers", "AR,\nothers"]


def test_each_swarm_has_a_mark_for_each_observation(axes):
    answers = pd.DataFrame({"one": [0.5, np.nan], "other": [-1.0, 2.0]}, pd.Index([0.1, 0.2]))
    figures.answers_by_depth(axes, answers)
    one, other = axes.lines
    assert_allclose(one.get_ydata(), [0.5, np.nan])
    assert_allclose(other.get_xdata(), [0.1, 0.2])
    assert one.get_marker() != other.get_marker()
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["one", "other"]


def test_every_band_has_its_row(axes):
    table = added().by_band(count=40)
    figures.band_shares(axes, table)
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == list(dict.fromkeys(band_of_points()))
    drawn = axes.containers[0].lines[0].get_xdata()
    assert_allclose(drawn, table["share"])


def test_interventions_are_drawn_where_they_change_something(axes):
    spectrum = np.full(POINTS, 0.5)
    changed = spectrum.copy()
    changed[100:103] = 0.7
    heat = np.sin(grid())
    line = figures.changed_spectrum(axes, grid(), spectrum, heat, {"bump": changed}, top=0.9)
    assert len(line.get_array()) == POINTS - 1
    shown = next(each for each in axes.lines if each.get_label() == "bump").get_ydata()
    assert_allclose(shown[99:104], changed[99:104])
    assert np.isnan(np.delete(shown, slice(99, 104))).all()
    assert axes.get_ylim()[1] == pytest.approx(0.9)


def test_controls_are_grey(axes):
    table = pd.DataFrame(
        {"change": [0.3, 0.1], "low": [0.2, np.nan], "high": [0.5, np.nan], "control": ["b", ""]},
        ["a", "b"],
    )
    figures.effects(axes, table)
    points = [each.lines[0] for each in axes.containers]
    assert [point.get_color() for point in points] == ["C0", "0.55"]
    assert_allclose([point.get_xdata()[0] for point in points], [0.3, 0.1])
    ends = axes.containers[0].lines[2][0].get_segments()[0][:, 0]
    assert_allclose(ends, [0.2, 0.5])
