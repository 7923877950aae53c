"""When smoothing sets in, dated in curves made by hand and in those of trained networks."""

import numpy as np
import pandas as pd
import pytest

from preflare.errors import ExplanationError
from preflare.explain.onset import onset_of_smoothing
from tests.unit.test_prior import trained


def test_networks_without_a_verdict_are_named():
    strengths = [0.0, 0.003, 0.1, 1000.0]
    table = onset_of_smoothing(trained(strengths, epochs=15, learning_rate=0.003).curves)
    dead = table.loc[1000.0]
    assert (dead["condition"] == "dead").all()
    assert (dead["test tss"] == 0).all()
    assert dead["onset"].isna().all()
    assert dead["ratio"].isna().all()
    assert (table.drop(index=1000.0)["condition"] == "trained").all()


def test_diverged_networks_are_named():
    table = onset_of_smoothing(trained([0.0, 1.0], learning_rate=1e30).curves)
    assert (table["condition"] == "diverged").all()
    missing = ["onset", "test loss", "test tss", "relative roughness", "ratio"]
    assert table[missing].isna().all(axis=None)


def curves_of(rough, losses, tss=0.5):
    """Make curves by hand: `rough` and `losses` have a row for each strength, 0 first."""
    index = pd.MultiIndex.from_product(
        [range(len(rough)), [0], range(len(rough[0]))], names=["strength", "member", "epoch"]
    )
    columns = {
        "test loss": np.ravel(losses),
        "test tss": tss,
        "relative log-odds roughness": np.ravel(rough),
    }
    return pd.DataFrame(columns, index)


def test_smoothing_is_dated_against_strength_0():
    nan = np.nan
    rough = [
        [2.0, 1.0, 1.0, 2.0, 2.0],  # without a prior
        [2.0, 0.9, 0.7, 1.2, 1.0],  # ends at half: sets in where it stays below 3/4
        [2.0, 0.5, 0.9, 0.8, 1.0],  # is smooth at first, but not for good
        [2.0, 1.0, 1.1, 1.5, 1.9],  # ends hardly smoother
        [2.0, nan, nan, 0.8, 1.0],  # does not respond for a while
        [2.0, 1.0, 1.0, nan, nan],  # diverges
    ]
    losses = [
        [5, 4, 3, 2, 1],
        [5, 1, 2, 3, 4],
        [5, 4, 1, 2, 3],
        [5] * 5,
        [5] * 5,
        [5, 1, 4, nan, nan],
    ]
    table = onset_of_smoothing(curves_of(rough, losses)).droplevel("member")
    assert table["turn"].tolist() == [4, 1, 2, 0, 0, 1]
    assert table["onset"].isna().tolist() == [True, False, False, True, False, True]
    assert table["onset"].dropna().tolist() == [2, 3, 3]
    np.testing.assert_array_equal(table["ratio"], [1, 0.5, 0.5, 0.95, 0.5, nan])
    assert table["condition"].tolist() == ["trained"] * 5 + ["diverged"]
    weak = onset_of_smoothing(curves_of(rough, losses), least=0.01)
    assert weak["onset"].iloc[3] == 3
    dead = onset_of_smoothing(curves_of(rough, losses, tss=0.0))
    assert dead["onset"].isna().all()
    assert dead["relative roughness"].tolist()[:5] == [2.0, 1.0, 1.0, 1.9, 1.0]


def test_smoothing_cannot_be_dated_without_strength_0():
    curves = curves_of([[1.0, 1.0]] * 2, [[1.0, 1.0]] * 2)
    with pytest.raises(ExplanationError, match="no strength 0 to compare with: train with it"):
        onset_of_smoothing(curves.drop(index=0, level="strength"))
    with pytest.raises(ExplanationError, match=r"share 1\.0 is not between 0 and 1: give 0\.1"):
        onset_of_smoothing(curves, least=1.0)
