"""A record whose numbers are known: what is read from it, and what is planned by it."""

import json

import matplotlib.pyplot as plt
import numpy as np
import pytest

from preflare import figures_scaling
from preflare.errors import BookError
from preflare.figure_numbers import numbers
from preflare.scaling import Scaling


def run(part, size, workers, turn, seconds, **more):
    """Give a run whose stages take a time, twice and thrice that."""
    stages = {
        name: {
            "seconds": times * seconds,
            "memory": [times * 1e8, times * 2e8],
            "before": [5e7, 6e7],
        }
        for times, name in enumerate(("clean", "scores", "attributions"), 1)
    }
    return {
        "part": part,
        "size": size,
        "workers": workers,
        "round": turn,
        "start_seconds": 7.0,
        "spectra": size - 10,
        "accepted": size // 2,
        "longest": size // 5,
        "stages": stages | more,
        "disk": {"files": 10.0, "cubes": 6.0 * size, "scores": 1.0 * size, "attributions": 5.0},
    }


TRAINED = {"seconds": 8.0, "memory": [9e8], "before": [1e8], "spectra": 77}


@pytest.fixture
def content():
    """Give two archives, two rounds of the smaller; the whole swarm; one run was left out."""
    runs = [
        run("growth", 1000, "1", 0, 4.0, train=TRAINED),
        run("growth", 1000, "4", 0, 1.0),
        run("growth", 1000, "threads", 0, 1.5),
        run("growth", 1000, "1", 1, 6.0, train=TRAINED),
        run("growth", 1000, "4", 1, 2.0),
        run("growth", 4000, "4", 0, 3.0),
        run("growth", 4000, "threads", 0, 1.0),
        run("swarm", 500, "1", 0, 80.0),
        run("swarm", 500, "2", 0, 50.0),
    ]
    left_out = [{"part": "growth", "size": 4000, "workers": "1", "round": 0, "expected_seconds": 9}]
    return {"about": {"cores": 3}, "runs": runs, "left_out": left_out}


@pytest.fixture
def scaling(content, tmp_path):
    path = tmp_path / "scaling.json"
    path.write_text(json.dumps(content))
    return Scaling.read(path)


def test_times_are_medians_with_the_range_of_their_rounds(scaling):
    times = scaling.times()
    one = times.loc["clean", "1", 1000]
    assert one[["seconds", "low", "high", "rounds"]].tolist() == [5.0, 4.0, 6.0, 2]
    explained = times.loc["explain", "1", 1000]
    assert explained["seconds"] == (2 + 3) * 5.0
    assert explained["memory"] == 3 * 2e8  # of the worker and of the part that held most
    assert explained["before"] == 6e7
    assert times.loc["train", "1", 1000][["spectra", "seconds"]].tolist() == [77, 8.0]
    assert len(scaling.left_out) == 1


def test_speedups_compare_runs_of_the_same_round(scaling):
    gain = scaling.speedups().loc["explain", "4", 1000]
    assert gain[["speedup", "low", "high", "rounds"]].tolist() == [3.5, 3.0, 4.0, 2]
    assert 4000 not in scaling.speedups().index.get_level_values("size")
    assert scaling.speedups("swarm").loc["explain", "2", 500]["speedup"] == 1.6


def test_a_million_spectra_cost_what_all_workers_of_the_largest_archive_spent(scaling):
    costs = scaling.costs()["core_seconds"]
    assert costs["clean"] == pytest.approx(1e6 * 4 * 3.0 / 3990)
    assert costs["scores"] == pytest.approx(1e6 * 4 * 2 * 3.0 / 2000)
    assert costs["attributions"] == pytest.approx(1e6 * 2 * 3 * 50.0 / 250)


def test_a_plan_is_in_proportion(scaling):
    costs, each = scaling.costs()["core_seconds"], 4000 / 3990
    plan = scaling.plan(5e9, 0.25)
    assert plan["clean"] == pytest.approx(5000 * costs["clean"] / 3600)
    assert plan["attributions"] == pytest.approx(1250 * costs["attributions"] / 3600)
    assert plan["hours"] == pytest.approx(plan[["clean", "scores", "attributions"]].sum())
    assert plan["bytes"] == pytest.approx(5e9 * (7 * each + 5 / 3990))
    assert scaling.accepted() == pytest.approx(2000 / 3990)


def test_without_a_record_or_with_a_damaged_one_it_says_how_to_make_it(content, tmp_path):
    path = tmp_path / "scaling.json"
    with pytest.raises(BookError, match=r"not measured yet: measure with python -m benchmarks"):
        Scaling.read(path)
    for damaged in ("{", "[]", json.dumps(content | {"runs": [{"part": "growth"}]})):
        path.write_text(damaged)
        with pytest.raises(BookError, match="no record of growth"):
            Scaling.read(path)


def test_figures_show_the_numbers_of_the_tables(scaling):
    figure, axes = plt.subplots(1, 3)
    times = scaling.times()
    figures_scaling.time_against_spectra(axes[0], times.loc["clean"], "clean")
    figures_scaling.memory_against_spectra(axes[1], times.xs("1", level="workers"))
    curve = scaling.speedups().loc["explain"].xs(1000, level="size").drop(index="threads")
    curve.index = curve.index.astype(int)
    figures_scaling.speedups(axes[2], {"explain": curve}, "growth")
    shown = numbers(figure)
    four = shown[shown["label"] == "4 workers"]
    np.testing.assert_allclose(four[["x", "y"]], [[990, 1.5], [3990, 3.0]])
    trained = shown[(shown["label"] == "train")][["x", "y"]]
    np.testing.assert_allclose(trained, [[77, 900]])
    gained = shown[(shown["label"] == "explain") & shown["panel"].str.startswith("3")]
    np.testing.assert_allclose(gained[["x", "y"]], [[1, 1], [4, 3.5]])
    plt.close(figure)
