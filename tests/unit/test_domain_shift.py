"""No shift gives what is expected, a planted one is found, distances are those of brute force."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist
from scipy.stats import binom
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from preflare import domain_shift, two_samples
from preflare import figures_spectrograms as figures
from preflare.domain_shift import Reference
from preflare.errors import FindingError
from preflare.reliability import area_under_curve
from preflare.two_samples import told_apart

POINTS = np.arange(240)


def spectra(groups=12, each=40, first=0, seed=0, spread=0.3, moved=0.0, noise=0.005):
    """Make lines whose position and width vary from spectrum to spectrum, and by observation."""
    random = np.random.default_rng([seed, first])
    observed = np.repeat(np.arange(groups), each)
    place, width = random.normal(size=(2, groups))[:, observed] * spread
    place, width = (
        place + random.normal(size=observed.size),
        width + random.normal(size=observed.size),
    )
    offset = POINTS - 120 - 2 * place[:, None] - moved
    lines = np.exp(-0.5 * (offset / (12 + width[:, None])) ** 2)
    lines += noise * random.normal(size=lines.shape)
    lines /= lines.max(axis=1, keepdims=True)
    names = np.array([f"PF {first + group}" for group in range(groups)])[observed]
    return lines.astype(np.float32), names


REFERENCE = Reference.of(*spectra())


class TestReference:
    def test_usual_distances_are_to_the_nearest_spectrum_of_another_observation(self):
        profiles, names = spectra(5, 20)
        distances = cdist(profiles.astype(float), profiles.astype(float)) / np.sqrt(240)
        distances[names[:, None] == names] = np.inf
        found = Reference.of(profiles, names)
        assert_allclose(found.usual, distances.min(axis=1), rtol=1e-6)
        assert found.limit == np.quantile(found.usual, 0.95)
        expected = {n: np.mean(found.usual[names == n] > found.limit) for n in np.unique(names)}
        assert found.far.to_dict() == pytest.approx(expected)

    def test_distances_are_those_of_brute_force_in_blocks(self, monkeypatch):
        new, _ = spectra(3, 11, first=50)
        expected = cdist(new.astype(float), REFERENCE.spectra.astype(float)).min(axis=1)
        assert_allclose(REFERENCE.distance(new), expected / np.sqrt(240), rtol=1e-6)
        monkeypatch.setattr(domain_shift, "AT_ONCE", 7)
        assert_allclose(REFERENCE.distance(new), expected / np.sqrt(240), rtol=1e-6)

    def test_a_spectrum_is_no_distance_from_itself(self):
        assert_allclose(REFERENCE.distance(REFERENCE.spectra[:9]), 0, atol=1e-7)

    def test_of_many_spectra_some_are_drawn(self):
        profiles, names = spectra()
        some, again, other = (
            Reference.of(profiles, names, at_most=100, seed=seed) for seed in (0, 0, 1)
        )
        assert len(some.spectra) == 100
        assert_array_equal(some.spectra, again.spectra)
        assert not np.array_equal(some.spectra, other.spectra)
        rows = {row.tobytes(): name for row, name in zip(profiles, names, strict=True)}
        assert [rows[row.tobytes()] for row in some.spectra] == some.observation.tolist()

    def test_single_observations_are_told_apart_as_a_loop_tells_them(self):
        names = REFERENCE.observation
        for name in ("PF 0", "PF 7"):
            own = names == name
            rest = REFERENCE.spectra[~own], names[~own]
            assert REFERENCE.auc[name] == told_apart(REFERENCE.spectra[own], None, *rest)


class TestShift:
    def test_none_gives_what_is_expected(self):
        """Means over studies that are drawn from one population, reference and new spectra."""
        shares, ratios, areas = [], [], []
        for seed in range(12):
            reference = Reference.of(*spectra(seed=seed))
            found = reference.shift(*spectra(first=20, seed=seed))
            shares.append(found.far)
            ratios.append(found.ratio)
            areas.append(found.auc)
            assert found.auc_expected == 0.5
        for values, expected in ((shares, 0.05), (ratios, 1.0), (areas, 0.5)):
            error = np.std(values, ddof=1) / np.sqrt(len(values))
            assert abs(np.mean(values) - expected) < 3 * error
        assert np.std(areas) < 0.15

    def test_a_large_one_is_found_by_both_measures(self):
        found = REFERENCE.shift(*spectra(first=20, moved=30.0))
        assert found.far == found.low == found.high == 1.0
        assert found.auc > 0.99
        assert found.ratio > 5
        assert (found.quantile == 1).all()

    def test_noise_counts_as_distance_and_is_what_components_leave_over(self):
        found = REFERENCE.shift(*spectra(first=20, noise=0.03))
        assert found.far > 0.9
        assert found.auc > 0.95

    def test_its_numbers_are_those_of_their_definitions(self):
        new, names = spectra(6, 30, first=20, moved=1.0)
        found = REFERENCE.shift(new, names, count=200, seed=4)
        distance = REFERENCE.distance(new)
        assert_array_equal(found.distance, distance)
        below = [(REFERENCE.usual < each).mean() for each in distance]
        assert_allclose(found.quantile, below)
        beyond = distance > REFERENCE.limit
        assert found.far == beyond.mean()
        assert found.ratio == np.median(distance) / np.median(REFERENCE.usual)
        assert found.most_usual == REFERENCE.far.max()
        assert (len(found), found.observations) == (180, 6)
        random, drawn = np.random.default_rng(4), []
        for times in random.multinomial(6, np.full(6, 1 / 6), size=200):
            held = np.repeat(np.unique(names), times)
            drawn.append(np.concatenate([beyond[names == name] for name in held]).mean())
        assert_allclose([found.low, found.high], np.quantile(drawn, [0.025, 0.975]))

    def test_spectra_taken_for_independent_get_a_narrower_interval(self):
        new, names = spectra(first=20, moved=2.0, spread=1.0)
        told, untold = REFERENCE.shift(new, names), REFERENCE.shift(new)
        assert untold.far == told.far
        assert untold.observations == 0
        ends = binom.ppf([0.025, 0.975], len(new), told.far) / len(new)
        assert_allclose([untold.low, untold.high], ends)
        assert told.high - told.low > untold.high - untold.low
        assert "too narrow" in untold.sentence
        assert "too narrow" not in told.sentence

    def test_one_observation_is_compared_with_single_ones_of_the_reference(self):
        reference = Reference.of(*spectra(spread=2.0))
        found = reference.shift(*spectra(1, 60, first=20, spread=2.0))
        assert np.isnan([found.low, found.high]).all()
        assert found.auc_expected == np.median(reference.auc)
        assert found.auc_most == reference.auc.max()
        assert found.auc_expected > 0.6  # each has its place and width
        assert "without an interval" in found.sentence

    def test_few_spectra_have_no_classifier(self):
        found = REFERENCE.shift(*spectra(1, 9, first=20))
        assert np.isnan(found.auc)
        assert np.isfinite(found.far)
        assert found.sentence.endswith("they are too few to try a classifier on.")

    def test_the_sentence_says_it_all(self):
        found = REFERENCE.shift(*spectra(first=20, moved=30.0))
        assert found.sentence == (
            "Domain shift: 100 % of these 480 spectra are farther from the training spectra than "
            "95 % of theirs are from other observations (5 % expected; 95 % interval 100 to 100 %; "
            f"up to {100 * REFERENCE.far.max():.0f} % in a single training observation); "
            f"AUC {found.auc:.2f} (0.50 expected)."
        )

    def test_the_figure_shows_all_distances_and_the_limit(self):
        found = REFERENCE.shift(*spectra(first=20))
        axes = Figure().subplots()
        figures.distances(axes, REFERENCE, {"twin": found})
        for step in axes.patches:
            assert_allclose(step.get_data().values.sum(), 1)
        assert axes.lines[0].get_xdata()[0] == REFERENCE.limit


class TestToldApart:
    def test_directions_are_those_of_linear_discriminants(self):
        random = np.random.default_rng(0)
        one, other = random.normal(size=(2, 300, 4)) @ random.normal(size=(4, 4))
        one += 0.3
        direction = two_samples._discriminant(one, other)
        values, truth = np.concatenate([one, other]), np.repeat([1, 0], 300)
        fitted = LinearDiscriminantAnalysis(solver="lsqr").fit(values, truth).coef_[0]
        assert_allclose(direction / np.linalg.norm(direction), fitted / np.linalg.norm(fitted))

    def test_observations_are_held_out_whole(self):
        """An observation's own mark tells its spectra apart, but is no use for another's."""
        several, single = [], []
        for seed in range(8):
            random = np.random.default_rng(seed)
            groups = np.repeat(np.arange(24), 30)
            marks = random.normal(size=(24, 6)) @ random.normal(size=(6, 240))
            values = marks[groups] + 0.01 * random.normal(size=(groups.size, 240))
            values, names = values.astype(np.float32), np.array([f"PF {g}" for g in groups])
            rest = values[groups >= 6], names[groups >= 6]
            several.append(told_apart(values[groups < 6], names[groups < 6], *rest))
            single.append(told_apart(values[groups == 0], None, *rest))
        assert np.mean(single) > 0.9
        assert abs(np.mean(several) - 0.5) < 3 * np.std(several, ddof=1) / np.sqrt(8)

    def test_parts_hold_whole_observations_in_equal_numbers(self):
        names = np.repeat(["a", "b", "c", "d"], [10, 30, 20, 22])
        part = two_samples._parts(82, names, 2)
        table = pd.crosstab(names, part)
        assert ((table > 0).sum(axis=1) == 1).all()
        assert abs(np.diff(table.sum())[0]) <= 2

    def test_of_one_observation_parts_are_stretches(self):
        assert_array_equal(two_samples._parts(7, None, 3), [0, 0, 0, 1, 1, 2, 2])
        assert_array_equal(two_samples._parts(4, np.full(4, "a"), 2), [0, 0, 1, 1])

    def test_alike_to_the_last_digit_they_cannot_be_told_apart(self):
        same = np.tile(spectra(1, 1)[0], (40, 1))
        names = np.repeat(["a", "b"], 20)
        assert told_apart(same, None, same, names) == 0.5

    def test_ranks_stand_for_scores(self):
        truth, said = np.array([0, 1, 0, 1]), np.array([-5.0, 2.0, 2.0, 9.0])
        ranks = pd.Series(said).rank() / 4
        assert area_under_curve(truth, ranks) == 0.875


NEW, NAMES = spectra(2, 10, first=20)
BROKEN = NEW.copy()
BROKEN[3, 7] = np.nan


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (
            lambda: Reference.of(NEW, np.full(20, "PF 1")),
            "The reference has spectra of PF 1 alone, so what is usual",
        ),
        (lambda: Reference.of(BROKEN, NAMES), "1 of 20 reference spectra hold nan or inf"),
        (lambda: Reference.of(2 * NEW, NAMES), "20 of 20 spectra are not normalised"),
        (lambda: Reference.of(NEW[:, :9], NAMES), r"reference spectra of shape \(20, 9\)"),
        (lambda: Reference.of(NEW, NAMES[:3]), r"observation has the shape \(3,\)"),
        (lambda: Reference.of(NEW, [None] * 20), "observation holds a missing value"),
        (lambda: Reference.of(NEW, NAMES, at_most=1), "At most 1 spectra make no reference"),
        (
            lambda: Reference.of(np.tile(NEW[:1], (20, 1)), NAMES),
            "Half of the reference spectra or more occur in another observation too",
        ),
        (lambda: REFERENCE.shift(BROKEN), "1 of 20 spectra hold nan or inf"),
        (lambda: REFERENCE.distance(BROKEN), "1 of 20 spectra hold nan or inf"),
        (lambda: REFERENCE.shift(NEW[:0]), r"spectra of shape \(0, 240\)"),
        (lambda: REFERENCE.shift(NEW, NAMES[:3]), r"observation has the shape \(3,\)"),
        (lambda: REFERENCE.shift(NEW, NAMES, count=0), "There are 0 resamples"),
        (
            lambda: REFERENCE.shift(NEW, np.full(20, "PF 3")),
            "PF 3 is in the reference, where its spectra would find themselves: leave it out.",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_sentence(ask, sentence):
    with pytest.raises(FindingError, match=sentence):
        ask()
