"""Correlations are scipy's, and what is inside observations is told from what is between them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import linregress, spearmanr

from preflare.errors import FindingError
from preflare.findings.resampling import Resampling
from preflare.findings.within_observations import by_observation, rank_correlations


def opposed(seed=0, observations=12, number=40):
    """More intense observations score higher; inside each, more intense spectra score lower."""
    random = np.random.default_rng(seed)
    groups = np.repeat(np.arange(observations), number)
    inside = random.normal(size=groups.size)
    peak = np.exp(0.5 * groups + 0.3 * inside)
    return 1.0 * groups - inside + 0.5 * random.normal(size=groups.size), peak, groups


def test_each_observation_has_scipys_correlations():
    attribution, peak, groups = opposed()
    table = by_observation(attribution, peak, groups)
    for name, row in table.iterrows():
        own = groups == int(name)
        assert row["rank correlation"] == pytest.approx(spearmanr(peak[own], attribution[own])[0])
        assert row["R2"] == pytest.approx(linregress(peak[own], attribution[own]).rvalue ** 2)
        assert row["mean peak"] == pytest.approx(peak[own].mean())
        assert (row["spectra"], row["reason"]) == (40, "")


def test_relations_inside_and_between_may_be_opposite():
    found = rank_correlations(*opposed(), count=200)
    assert found.loc["within: median", "high"] < -0.7
    assert found.loc["between", "low"] > 0.9
    assert found.loc["pooled", "value"] > 0.8


def test_values_are_scipys():
    attribution, peak, groups = opposed(1)
    found, table = (
        rank_correlations(attribution, peak, groups),
        by_observation(attribution, peak, groups),
    )
    own = table["rank correlation"]
    assert_allclose(
        found["value"],
        [
            spearmanr(peak, attribution)[0],
            spearmanr(table["mean peak"], table["mean attribution"])[0],
            *np.quantile(own, [0.5, 0.25, 0.75]),
        ],
    )
    assert found.index.tolist()[2:] == [
        f"within: {q}" for q in ("median", "lower quartile", "upper quartile")
    ]


def test_the_median_has_the_interval_of_repeated_observations():
    attribution, peak, groups = opposed(2)
    found = rank_correlations(attribution, peak, groups, count=100, level=0.9)
    own = by_observation(attribution, peak, np.char.zfill(groups.astype(str), 2))[
        "rank correlation"
    ]
    # Numbers are in order as numbers, their names as names.
    times = Resampling(100, 0, 0.9).times(12).astype(int)
    medians = [np.median(np.repeat(own, row)) for row in times]
    assert_allclose(
        found.loc["within: median", ["low", "high"]], np.quantile(medians, [0.05, 0.95])
    )


def test_ties_share_their_rank():
    peak = np.tile([1.0, 1, 2, 2, 3], 4)
    attribution = np.random.default_rng(0).integers(0, 3, 20)
    found = by_observation(attribution, peak, ["PF 1"] * 20)
    assert found.loc["PF 1", "rank correlation"] == pytest.approx(spearmanr(peak, attribution)[0])


def test_what_has_no_correlation_says_why_and_is_left_out():
    attribution, peak, groups = opposed(3)
    attribution[groups == 1], peak[groups == 2] = 1.0, 5.0
    keep = (groups != 0) | (np.arange(groups.size) < 9)
    table = by_observation(attribution[keep], peak[keep], groups[keep])
    assert table["reason"].tolist()[:4] == [
        "fewer than 10 spectra", "constant attribution", "constant intensity", "",
    ]  # fmt: skip
    assert table[["rank correlation", "R2"]].isna().all(axis=1).sum() == 3
    found = rank_correlations(attribution[keep], peak[keep], groups[keep], count=40)
    assert found["observations"].tolist() == [12, 12, 9, 9, 9]


def test_one_observation_has_no_interval():
    attribution, peak, _ = opposed()
    found = rank_correlations(attribution, peak, ["PF 1"] * len(peak), count=40)
    assert found[["low", "high"]].isna().all(axis=None)
    assert found.loc["pooled", "value"] == pytest.approx(spearmanr(peak, attribution)[0])
    assert np.isnan(found.loc["between", "value"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"peak": [1.0, 1, 1]}, "peak is the same everywhere"),
        ({"attribution": [2.0, 2, 2]}, "attribution is the same everywhere"),
        ({"peak": [1.0, np.inf, 1]}, "peak is nan or inf in 1 of 3"),
        ({"attribution": []}, "attribution has the shape"),
        ({"fewest": 2}, "least number of spectra is 2"),
        ({"groups": ["a", "b"]}, "each of 3 spectra"),
    ],
)
def test_what_cannot_be_correlated_is_refused(change, said):
    given = {"attribution": [1.0, 2, 3], "peak": [3.0, 2, 1], "groups": list("abc")} | change
    with pytest.raises(FindingError, match=said):
        rank_correlations(**given)
