"""What maps share is known where it was planted; new classes know nothing of the old."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from preflare.errors import FindingError
from preflare.findings.resampling import Resampling
from preflare.findings.sanity import between_sets, common_share, relabelled

GROUPS = np.repeat(["PF 1", "PF 2", "PF 3", "PF 4"], 50)


def maps(shared, seed=0):
    random = np.random.default_rng(seed)
    return shared * random.normal(size=240) + random.normal(size=(200, 240))


class TestCommonShare:
    def test_equal_maps_share_everything_whatever_is_added_to_each(self):
        wave = np.sin(np.arange(240))
        assert common_share(wave + np.arange(200)[:, None], GROUPS).value == pytest.approx(1)

    def test_a_planted_share_is_found(self):
        # Of variance 9 in common and 1 of their own; 200 maps share 1/200 of the latter by chance.
        found = common_share(maps(3.0), GROUPS)
        assert found.value == pytest.approx(0.9 + 0.1 / 200, abs=0.01)
        assert found.low <= found.value <= found.high

    def test_unlike_maps_share_what_chance_leaves(self):
        assert common_share(maps(0.0), GROUPS).value == pytest.approx(1 / 200, rel=0.2)

    def test_resamples_are_those_of_repeated_observations(self):
        given, count = maps(0.3), 60
        times = Resampling(count, 5, 0.9).times(4).astype(int)
        drawn = []
        for row in times:
            spectra = np.concatenate(
                [
                    np.tile(np.flatnonzero(f"PF {n + 1}" == GROUPS), often)
                    for n, often in enumerate(row)
                ]
            )
            centred = given[spectra] - given[spectra].mean(axis=1, keepdims=True)
            drawn.append((centred.mean(axis=0) ** 2).sum() / (centred**2).sum(axis=1).mean())
        found = common_share(given, GROUPS, count=count, seed=5, level=0.9)
        assert_allclose([found.low, found.high], np.quantile(drawn, [0.05, 0.95]))

    def test_one_observation_has_no_interval_and_flat_maps_are_refused(self):
        assert np.isnan(common_share(maps(1.0), ["PF 1"] * 200).low)
        with pytest.raises(FindingError, match="All maps are flat"):
            common_share(np.ones((3, 240)), GROUPS[:3])


class TestRelabelled:
    CLASSES = {f"PF {n}": 1 for n in range(19)} | {f"AR {n}": 0 for n in range(18)}

    @pytest.mark.parametrize("seed", range(5))
    def test_each_new_class_holds_half_of_either_old_one(self, seed):
        new = relabelled(self.CLASSES, seed)
        assert list(new) == list(self.CLASSES)
        of_pf = [new[name] for name, label in self.CLASSES.items() if label]
        of_ar = [new[name] for name, label in self.CLASSES.items() if not label]
        assert (sum(of_pf), sum(of_ar)) == (10, 9)

    def test_draws_differ_with_the_seed_and_not_with_the_order(self):
        backwards = dict(reversed(self.CLASSES.items()))
        assert relabelled(backwards, 1) == relabelled(self.CLASSES, 1)
        assert relabelled(self.CLASSES, 1) != relabelled(self.CLASSES, 2)

    def test_odd_classes_are_refused(self):
        with pytest.raises(FindingError, match="other than 0 and 1"):
            relabelled({"PF 1": 1, "PF 2": 2, "AR 1": 0})
        with pytest.raises(FindingError, match="has 1 observations"):
            relabelled({"PF 1": 1, "PF 2": 1, "AR 1": 0})


class TestBetweenSets:
    def marks(self, sets, shift=0.0, of_set=0.0, seed=0):
        random = np.random.default_rng(seed)
        own = shift + of_set * random.normal(size=(sets, 1))
        return own + 0.01 * random.normal(size=(sets, 200))

    def test_it_is_the_difference_of_means_over_what_is_defined(self):
        one, other = self.marks(3, 0.7), self.marks(5, 0.5, seed=1)
        one[0, :7] = np.nan
        found = between_sets(one, other, GROUPS)
        assert found.value == pytest.approx(np.nanmean(one) - other.mean())
        assert found.low < found.value < found.high

    def test_networks_that_scatter_widen_the_interval(self):
        alike = between_sets(self.marks(6, 0.7), self.marks(6, 0.5, seed=1), GROUPS)
        unlike = between_sets(
            self.marks(6, 0.7, of_set=0.2), self.marks(6, 0.5, of_set=0.2, seed=1), GROUPS
        )
        assert alike.high - alike.low < 0.02
        # Two means of six scatter by 0.2 sqrt(2 / 6) about their difference; 95 % lie within 2 sd.
        expected = 4 * 0.2 * np.sqrt(2 / 6)
        assert 0.5 * expected < unlike.high - unlike.low < 1.5 * expected

    def test_what_both_share_in_an_observation_cancels(self):
        shared = np.repeat([0.1, 0.9, 0.3, 0.5], 50)
        found = between_sets(np.tile(shared + 0.2, (3, 1)), np.tile(shared, (4, 1)), GROUPS)
        assert_allclose([found.value, found.low, found.high], 0.2)

    def test_what_cannot_be_compared_is_refused(self):
        with pytest.raises(FindingError, match="second has the shape"):
            between_sets(self.marks(3), self.marks(3)[:, :9], GROUPS)
        with pytest.raises(FindingError, match="first is nan everywhere"):
            between_sets(np.full((2, 200), np.nan), self.marks(3), GROUPS)
        with pytest.raises(FindingError, match="groups has the shape"):
            between_sets(self.marks(3)[0], self.marks(3), GROUPS)
        assert np.isnan(between_sets(self.marks(2), self.marks(2), ["PF 1"] * 200).low)
