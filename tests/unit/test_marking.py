"""The table holds means of marks, and intervals that a plain loop over observations gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from preflare.errors import ExplanationError
from preflare.explain.marking import marks
from preflare.explain.marks import (
    chance_level,
    pointing_game,
    relevance_rank_accuracy,
    truth_mask,
)
from preflare.twin.truth import TRUTH_KINDS
from tests.unit.test_marks import MARKS


def study(seed=0, groups=8, each=6):
    """Make explanations of events that some observations' maps find better than others'."""
    random = np.random.default_rng(seed)
    observation = np.repeat(np.arange(groups), each)
    kind = random.integers(0, 4, observation.size)
    change = np.zeros((observation.size, 240))
    for changed, place in zip(change, kind, strict=True):
        if place:
            changed[50 * place : 50 * place + 10] = 0.1
    skill = random.uniform(0, 4, groups)[observation]
    maps = random.normal(0, 1, change.shape) + 10 * change * skill[:, None]
    return maps, change, kind, TRUTH_KINDS[:4], observation


class TestTable:
    def test_one_row_a_kind_and_mark(self):
        maps, change, kind, kinds, groups = study()
        kind[kind == 2] = 3
        table = marks(maps, change, kind, kinds, groups, share=0.8, tolerance=2)
        names = [mark.__name__ for mark in MARKS]
        assert table["kind"].tolist() == ["triplet"] * 3 + ["blue_wing"] * 3
        assert table["mark"].tolist() == 2 * names
        mask = truth_mask(change, 0.8)
        for place, name in ((1, "triplet"), (3, "blue_wing")):
            rows = table[table["kind"] == name].set_index("mark")
            of_kind = kind == place
            assert (rows["spectra"] == of_kind.sum()).all()
            assert (rows["observations"] == np.unique(groups[of_kind]).size).all()
            assert (rows["undefined"] == 0).all()
            for mark in MARKS:
                own = (2,) if mark is pointing_game else ()
                value = mark(maps, mask, *own)[of_kind].mean()
                chance = chance_level(mask, *own)[of_kind].mean()
                row = rows.loc[mark.__name__]
                expected = [value, chance, value - chance]
                assert_allclose(row[["value", "chance", "excess"]].astype(float), expected)

    @settings(max_examples=5)
    @given(seed=st.integers(0, 1000))
    def test_bounds_are_those_of_a_plain_loop(self, seed):
        maps, change, kind, kinds, groups = study(seed)
        table = marks(maps, change, kind, kinds, groups, count=60, seed=seed, level=0.8)
        mask = truth_mask(change)
        value, chance = relevance_rank_accuracy(maps, mask), chance_level(mask)
        for place in (1, 2, 3):
            held = np.unique(groups[kind == place])
            random, drawn = np.random.default_rng(seed), []
            for _ in range(60):
                times = random.multinomial(held.size, np.full(held.size, 1 / held.size))
                spectra = [
                    np.flatnonzero((groups == name) & (kind == place))
                    for name in np.repeat(held, times)
                ]
                places = np.concatenate(spectra)
                drawn.append([value[places].mean(), (value - chance)[places].mean()])
            low, high = np.percentile(drawn, [10, 90], axis=0)
            row = table[(table["kind"] == kinds[place])].iloc[1]
            assert row["mark"] == "relevance_rank_accuracy"
            assert_allclose([row["low"], row["excess_low"]], low)
            assert_allclose([row["high"], row["excess_high"]], high)

    def test_an_interval_of_random_maps_holds_chance_as_often_as_it_says(self):
        random, held = np.random.default_rng(4), 0
        change = np.zeros((150, 240))
        change[:, 20:60] = 1
        for seed in range(100):
            maps = random.normal(0, 1, (150, 240))
            groups = np.repeat(np.arange(30), 5)
            table = marks(
                maps, change, np.ones(150, int), TRUTH_KINDS, groups, count=200, seed=seed
            )
            row = table.iloc[0]
            held += row["excess_low"] <= 0 <= row["excess_high"]
        assert 86 <= held <= 99  # 95 less what a percentile interval of 30 observations lacks

    def test_undefined_marks_are_counted_and_left_out(self):
        maps, change, kind, kinds, groups = study()
        spectra = np.flatnonzero(kind == 1)
        maps[spectra[0]], change[spectra[1]] = -1, 0
        maps[kind == 2] = 0
        table = marks(maps, change, kind, kinds, groups).set_index("kind")
        assert (table.loc["triplet", "undefined"] == 2).all()
        assert (table.loc["triplet", "spectra"] == spectra.size - 2).all()
        assert table.loc["triplet", ["value", "low", "high", "chance"]].notna().all(axis=None)
        assert (table.loc["red_wing", "undefined"] == (kind == 2).sum()).all()
        assert (table.loc["red_wing", ["spectra", "observations"]] == 0).all(axis=None)
        assert (
            table.loc["red_wing", ["value", "low", "high", "chance", "excess"]]
            .isna()
            .all(axis=None)
        )

    def test_one_observation_has_no_interval(self):
        maps, change, kind, kinds, groups = study()
        table = marks(maps, change, kind, kinds, np.full_like(groups, 14))
        assert (table["observations"] == 1).all()
        assert table[["value", "chance", "excess"]].notna().all(axis=None)
        assert table[["low", "high", "excess_low", "excess_high"]].isna().all(axis=None)

    def test_the_seed_makes_the_draws_and_names_make_no_difference(self):
        maps, change, kind, kinds, groups = study()
        names = np.array([f"PF {place + 1}" for place in range(8)])[groups]
        first, again, other = (
            marks(maps, change, kind, kinds, named, count=100, seed=seed)
            for named, seed in ((groups, 0), (names, 0), (groups, 1))
        )
        assert first.equals(again)
        assert not first["low"].equals(other["low"])
        assert first["value"].equals(other["value"])


MAPS, _, _, KINDS, GROUPS = study(groups=2, each=2)
KIND = np.array([1, 1, 2, 0])


def table(**changes):
    given = {"attributions": MAPS, "difference": MAPS, "kind": KIND, "kinds": KINDS}
    return marks(**given | {"groups": GROUPS} | changes)


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (
            lambda: table(difference=MAPS[:3]),
            "difference has the shape (3, 240): give (4, 240).",
        ),
        (lambda: table(kind=[1, 2]), "kind has the shape (2,): give (4,)."),
        *(
            (
                lambda wrong=wrong: table(kind=[1, wrong, 2, 0]),
                f"kind holds {wrong}: give places in the 4 names of kinds, from 0.",
            )
            for wrong in (4, -1, 1.5)
        ),
        (
            lambda: table(kind=[0, 0, 0, 0]),
            "kind names no event in any spectrum: give spectra that have one.",
        ),
        (
            lambda: table(groups=[1, 2, 3]),
            "groups has the shape (3,): name the observation of each of 4 spectra.",
        ),
        *(
            (
                lambda missing=missing: table(groups=["a", "b", missing, "b"]),
                "groups holds a missing value: name the observation of every spectrum.",
            )
            for missing in (None, np.nan)
        ),
        (
            lambda: table(count=0),
            "The number of resamples is 0: give a whole number from 1 on.",
        ),
        (
            lambda: table(count=39),
            "39 resamples are too few for the level 0.95: take at least 40.",
        ),
        (lambda: table(seed=-1), "The seed is -1: give a whole number from 0 on."),
        *(
            (
                lambda level=level: table(level=level),
                f"The level is {level}: give one between 0 and 1, such as 0.95.",
            )
            for level in (0, 1, 95)
        ),
    ],
)
def test_what_cannot_be_tabulated_is_refused_in_one_sentence(ask, sentence):
    with pytest.raises(ExplanationError) as refusal:
        ask()
    assert str(refusal.value) == sentence
