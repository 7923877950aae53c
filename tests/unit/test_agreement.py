"""Agreement is that of scipy, pair by pair."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import spearmanr

from preflare.errors import ExplanationError
from preflare.explain import judged
from preflare.explain.agreement import agreement, member_agreement
from tests.unit.test_quality import HOLES, MAPS, attributions


class TestAgreement:
    @settings(max_examples=20)
    @given(seed=st.integers(0, 1000), steps=st.sampled_from([1, 2, 10, 1000]))
    def test_is_that_of_scipy(self, seed, steps):
        first, second = np.round(attributions(2, 6, seed=seed) * steps) / steps  # with ties
        second += 0.5 * first
        expected = [spearmanr(*rows).statistic for rows in zip(first, second, strict=True)]
        assert_allclose(agreement(first, second), expected, atol=1e-12)

    def test_is_that_of_scipy_in_every_block(self, monkeypatch):
        monkeypatch.setattr(judged, "AT_ONCE", 6)
        first, second = attributions(2, 11)
        expected = [spearmanr(*rows).statistic for rows in zip(first, second, strict=True)]
        assert_allclose(agreement(first, second), expected, atol=1e-12)

    def test_is_exact_at_its_bounds(self):
        first = attributions(1000).round(1)
        assert_allclose(agreement(first, np.exp(first)), 1)
        assert agreement(first, np.exp(first)).max() <= 1
        assert agreement(first, -first).min() >= -1

    def test_constant_attributions_have_none(self):
        first, second = attributions(2, 3)
        first[0], second[2] = 0, 0.1
        assert_array_equal(np.isnan(agreement(first, second)), [True, False, True])


class TestMemberAgreement:
    def pairs(self, each):
        places = [(i, j) for j in range(len(each)) for i in range(j)]
        return np.array([agreement(each[i], each[j]) for i, j in places])

    @pytest.mark.parametrize("at_once", [1, 16, 8192])
    def test_is_the_mean_over_pairs(self, at_once, monkeypatch):
        monkeypatch.setattr(judged, "AT_ONCE", at_once)
        each = attributions(5, 7) + attributions(7, seed=2)
        assert_allclose(member_agreement(each), self.pairs(each).mean(axis=0), atol=1e-12)

    def test_constant_members_leave_it_undefined_or_are_left_out(self):
        each = attributions(4, 4)
        each[1, 1] = 0
        each[:3, 2] = 2
        each[:, 3] = 0
        assert_array_equal(np.isnan(member_agreement(each)), [False, True, True, True])
        left = member_agreement(each, leave_out_constant=True)
        assert left[0] == member_agreement(each)[0]
        assert left[1] == pytest.approx(self.pairs(each[[0, 2, 3]])[:, 1].mean())
        assert np.isnan(left[2:]).all()


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda: agreement(MAPS, MAPS[:1]), "second has the shape (1, 240): give (2, 240)."),
        (
            lambda: agreement(MAPS, "high"),
            "second is no array (could not convert string to float: 'high'): give numbers.",
        ),
        *(
            (
                lambda each=each: member_agreement(each),
                f"each has the shape {each.shape}: give the attributions of two members or more, "
                "(members, n, 240).",
            )
            for each in (MAPS, MAPS[None])
        ),
        (
            lambda: member_agreement(np.ones((3, 2, 239))),
            "each has the shape (3, 2, 239): give (3, n, 240).",
        ),
        (
            lambda: member_agreement([MAPS, HOLES]),
            "each is nan or inf in 1 of 960 places: give finite numbers.",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_sentence(ask, sentence):
    with pytest.raises(ExplanationError) as refusal:
        ask()
    assert str(refusal.value) == sentence
