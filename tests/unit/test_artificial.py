"""The artificial test: data, courses, scores of heat maps, remedies and planes of loss."""

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from matplotlib.figure import Figure

import preflare as pf
from preflare import figures_artificial
from preflare.artificial import Artefact, FlareSpectra, Pairs
from preflare.course import Course, follow, scores
from preflare.errors import ExplanationError, NetworkError
from preflare.explain.gradcam import Variant, coarse_maps, grad_cam
from preflare.heat import (
    Heat,
    expected_gradients_heat,
    grad_cam_heat,
    seen_by_units,
    signed_heat,
)
from preflare.localisation import by_members, change, gain
from preflare.loss_plane import aligned, halfway, loss_plane
from preflare.remedies import Annealing, annealed, averaged
from preflare.sizes import ARTIFICIAL, ArtificialSize
from preflare.splits import Split

RNG = np.random.default_rng(0)
POINTS = np.arange(240)


def flare_spectra(count=480, observations=6):
    """Make noisy pairs of lines of random width."""
    width = RNG.uniform(4, 12, (count, 1))
    spectra = np.exp(-0.5 * ((POINTS - 45) / width) ** 2)
    spectra += 0.8 * np.exp(-0.5 * ((POINTS - 194) / width) ** 2)
    spectra += 0.01 * RNG.random((count, 240))
    spectra /= spectra.max(axis=1, keepdims=True)
    names = [f"PF {number + 1}" for number in range(observations)]
    codes = np.arange(count) % observations
    return FlareSpectra(
        spectra.astype(np.float32), pd.Categorical.from_codes(codes, pd.Index(names))
    )


FLARE = flare_spectra()
PAIRS = Pairs.of(FLARE, Artefact(height=0.5), held_out=1)
DATA = PAIRS.spectra, PAIRS.labels


def cube(onset, accepted, shape=(3, 2, 4), base=0.0):
    """Make a cube whose spectra are numbered, of which some can be used."""
    flags = np.where(accepted, 0, 1).astype(np.uint16)
    number = base + np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    since = np.arange(shape[0] * shape[1], dtype=np.float64).reshape(shape[:2]) - onset
    dims = ("time", "step", "slit")
    return xr.Dataset(
        {
            "intensity": ((*dims, "wavelength"), np.repeat(number[..., None], 240, axis=3)),
            "peak": (dims, np.ones(shape, np.float32)),
            "flags": (dims, flags),
            "t_onset": (dims[:2], since),
        },
        attrs={"reject": 1},
    )


# The data


def test_the_artefact_is_a_gaussian_of_known_extent():
    artefact = Artefact()
    assert artefact.profile.argmax() == 120
    assert artefact.profile[120] == pytest.approx(0.2)
    assert artefact.profile[[117, 123]] == pytest.approx(0.2 * np.exp(-0.5))
    assert np.flatnonzero(artefact.support).tolist() == list(range(111, 130))
    spectra = FLARE.spectra[:3]
    np.testing.assert_array_equal(artefact.insert(spectra), spectra + artefact.profile)


def test_a_copy_that_exceeds_one_is_normalised_again():
    spectra = FLARE.spectra[:3]
    copies = Artefact(centre=45, height=0.5).insert(spectra)
    np.testing.assert_allclose(copies.max(axis=1), 1, rtol=1e-6)
    assert (copies[:, 194] < spectra[:, 194]).all()


def test_pairs_keep_twins_and_observations_together():
    pairs = Pairs.of(FLARE, held_out=2, seed=3)
    np.testing.assert_array_equal(pairs.spectra[::2], FLARE.spectra)
    np.testing.assert_array_equal(pairs.spectra[1::2], Artefact().insert(FLARE.spectra))
    assert pairs.labels.tolist() == [0, 1] * len(FLARE)
    names = np.repeat(np.asarray(FLARE.observation), 2)
    sides = [set(names[side]) for side in (pairs.split.train, pairs.split.test)]
    assert [len(side) for side in sides] == [4, 2]
    assert not sides[0] & sides[1]
    for side in (pairs.split.train, pairs.split.test):
        assert (side.reshape(-1, 2) == side[::2, None] + [0, 1]).all()
    np.testing.assert_array_equal(
        pairs.spectra[pairs.split.test][1::2], pairs.tested(pairs.split.test.size // 2)
    )
    places = pairs.trained(10)
    assert places.size == 20
    assert np.isin(places, pairs.split.train).all()
    assert pairs.trained(10**6).tolist() == pairs.split.train.tolist()


def test_flare_spectra_are_the_accepted_ones_after_the_onset():
    accepted = RNG.random((3, 2, 4)) > 0.3
    cubes = {
        "AR 1": cube(np.nan, accepted),
        "PF 1": cube(2.0, accepted),
        "PF 2": cube(3.5, accepted, base=100.0),
        "PF 3": cube(99.0, accepted),
    }
    flare = FlareSpectra.drawn(cubes, None, 0)
    number = np.arange(24).reshape(3, 2, 4)
    first = number[accepted & (number // 4 > 2)]
    second = 100 + number[accepted & (number // 4 >= 4)]
    assert flare.spectra[:, 7].tolist() == [*first, *second]
    names = ["PF 1"] * len(first) + ["PF 2"] * len(second)
    assert list(flare.observation) == names
    some = FlareSpectra.drawn(cubes, 6, 0)
    assert len(some) == 6
    assert set(some.spectra[:, 0]) <= set(flare.spectra[:, 0])
    assert len(set(some.spectra[:, 0])) == 6
    np.testing.assert_array_equal(FlareSpectra.drawn(cubes, 6, 0).spectra, some.spectra)


def test_flare_spectra_are_stored(tmp_path):
    path = tmp_path / "flare.npz"
    FLARE.save(path)
    again = FlareSpectra.load(path)
    np.testing.assert_array_equal(again.spectra, FLARE.spectra)
    assert list(again.observation) == list(FLARE.observation)


def test_a_study_keeps_flare_spectra_and_courses(monkeypatch, tmp_path):
    monkeypatch.setitem(ARTIFICIAL, "quick", ArtificialSize(300, 2, (1, 3)))
    cubes = {}
    for number in range(6):
        own = cube(0.5, np.ones((4, 2, 10), bool), (4, 2, 10))
        values = FLARE.spectra[number::6].reshape(4, 2, 10, 240)
        cubes[f"PF {number + 1}"] = own.assign(intensity=(own["intensity"].dims, values))
    monkeypatch.setattr(pf.Study, "cubes", lambda self: cubes)
    study = pf.Study(cache=tmp_path, seed=2)
    flare, course = study.flare_spectra(), study.artificial_course()
    assert len(flare) == 300
    pairs = study.pairs()
    np.testing.assert_array_equal(pairs.spectra[::2], flare.spectra)
    assert course.batches.tolist() == [0, 1, 3]
    begun = Course.new(2, seed=2)
    ours = follow(begun, pairs.spectra, pairs.labels, pairs.split, [1, 3])
    np.testing.assert_array_equal(begun.then(ours).weights, course.weights)
    monkeypatch.setattr(pf.Study, "cubes", None)
    again = pf.Study(cache=tmp_path, seed=2)
    np.testing.assert_array_equal(again.artificial_course().weights, course.weights)
    np.testing.assert_array_equal(again.flare_spectra().spectra, flare.spectra)
    with pytest.raises(TypeError):
        pf.Study(cache=tmp_path, seed=3).flare_spectra()


# Courses


def test_a_course_over_one_epoch_is_that_of_a_swarm():
    split = Split(np.arange(720), np.arange(720, 960))
    course = follow(Course.new(3, seed=4), *DATA, split, [1, 3])
    swarm = pf.Swarm.train(*DATA, split, members=3, epochs=1, seed=4, batch=240)
    np.testing.assert_array_equal(course.last.weights, swarm.at("last").weights)
    assert not np.array_equal(course.at(1).weights, course.at(3).weights)


def test_a_course_over_many_epochs_is_that_of_a_swarm():
    split = Split(np.arange(480), np.arange(480, 960))
    course = follow(Course.new(2), *DATA, split, [5, 6, 12])
    swarm = pf.Swarm.train(*DATA, split, members=2, epochs=6, batch=240)
    np.testing.assert_array_equal(course.last.weights, swarm.at("last").weights)


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_and_cuts_do_not_change_a_bit(workers):
    whole = follow(Course.new(4), *DATA, PAIRS.split, [11])
    start = Course.new(4)
    way = follow(start, *DATA, PAIRS.split, [3, 7], workers=workers)
    way = way.then(follow(way, *DATA, PAIRS.split, [11], workers=workers))
    assert way.batches.tolist() == [3, 7, 11]
    np.testing.assert_array_equal(way.last.weights, whole.last.weights)
    np.testing.assert_array_equal(way.square, whole.square)
    assert start.batches.tolist() == [0]
    assert not start.mean.any()


def test_some_members_go_on_as_all_do():
    course = follow(Course.new(4), *DATA, PAIRS.split, [3])
    both = follow(course, *DATA, PAIRS.split, [5])
    alone = follow(course.some([2]), *DATA, PAIRS.split, [5])
    np.testing.assert_array_equal(alone.last.weights[0], both.last.weights[2])


def test_a_course_is_stored(tmp_path):
    course = follow(Course.new(2, seed=5, batch=100), *DATA, PAIRS.split, [2, 3])
    course.save(tmp_path / "course.safetensors")
    again = Course.load(tmp_path / "course.safetensors")
    assert (again.seed, again.batch, len(again)) == (5, 100, 2)
    np.testing.assert_array_equal(
        follow(again, *DATA, PAIRS.split, [9]).weights,
        follow(course, *DATA, PAIRS.split, [9]).weights,
    )


def test_scores_are_those_of_the_predictions(course):
    loss, accuracy = scores(course.weights, *DATA, PAIRS.split.test)
    assert loss.shape == accuracy.shape == course.weights.shape[:2]
    probability = course.last.predict(PAIRS.spectra[PAIRS.split.test]).astype(np.float64)
    truth = PAIRS.labels[PAIRS.split.test]
    expected = -np.log(np.where(truth, probability, 1 - probability)).mean(axis=1)
    np.testing.assert_allclose(loss[:, -1], expected, rtol=1e-3, atol=1e-6)
    np.testing.assert_array_equal(accuracy[:, -1], ((probability > 0.5) == truth).mean(axis=1))


@pytest.fixture(scope="module")
def course():
    """Give eight networks of which some find the artefact."""
    begun = Course.new(8)
    return begun.then(follow(begun, *DATA, PAIRS.split, [50, 200, 400], rate=3e-3))


@pytest.fixture(scope="module")
def swarm(course):
    """Give those that found it."""
    _, accuracy = scores(course.weights, *DATA, PAIRS.split.test)
    found = np.flatnonzero(accuracy[:, -1] > 0.99)
    assert found.size >= 4
    return course.last.some(found)


# Scores of heat maps


def by_hand(values, spread=None):
    values = np.asarray(values, np.float32)
    return Heat(values, np.eye(240, dtype=np.float32) if spread is None else spread)


def test_the_share_by_hand():
    values = np.zeros((3, 2, 240))
    values[0, 0, 10:14] = [1, 2, 3, -9]
    values[0, 1, 100] = 4
    values[1] = 1
    where = np.zeros(240, bool)
    where[11:14] = True
    heat = by_hand(values)
    np.testing.assert_allclose(heat.share(where), [5 / 10, 3 / 240, np.nan])
    assert heat.peak().tolist() == [100, 0, -1]
    assert heat.blank() == pytest.approx(2 / 6)
    np.testing.assert_allclose(heat.profile()[0, 9:15], [0, 0.5, 1, 1.5, 0, 0])


def test_units_are_spread_before_they_are_scored():
    spread = np.zeros((2, 240), np.float32)
    spread[0, :10], spread[1, 5:25] = 1, 0.5
    where = np.arange(240) < 10
    heat = by_hand([[[1.0, 2.0]]], spread)
    assert heat.share(where)[0] == pytest.approx((10 + 5) / (10 + 20))


def test_signed_heat_cancels_in_the_mean_and_rectified_heat_does_not():
    values = np.zeros((2, 1, 240))
    values[:, 0, 5] = 1
    values[:, 0, 90] = [3, -3]
    where = np.arange(240) == 5
    heat = by_hand(values)
    np.testing.assert_allclose(heat.share(where), [0.25, 1])
    assert heat.ensemble.share(where)[0] == 1
    assert heat.rectified.ensemble.share(where)[0] == pytest.approx(1 / 2.5)


def test_the_share_of_a_mean_without_signs_is_a_weighted_mean_of_shares():
    heat = by_hand(RNG.random((5, 7, 240)) ** 4)
    where = POINTS < 30
    total = heat.profile().sum(axis=1)
    expected = (total * heat.share(where)).sum() / total.sum()
    assert heat.ensemble.share(where)[0] == pytest.approx(expected, rel=1e-5)


def test_asymmetry_by_hand():
    values = np.zeros((3, 1, 240))
    values[0, 0, [119, 121, 120, 60]] = [1, 3, 50, 70]
    values[1, 0, [115, 125]] = 2
    uneven = by_hand(values).asymmetry(120, 10)
    np.testing.assert_allclose(uneven, [0.5, 0, np.nan])


def test_gain_and_change_of_equal_members_are_exact():
    values = np.zeros((4, 1, 240))
    values[:, 0, [3, 50]] = [1, 3]
    where = POINTS == 3
    same = by_hand(values)
    found = gain(same, where, draws=50)
    assert (found.value, found.low, found.high) == (0, 0, 0)
    better = values.copy()
    better[:, 0, 50] = 1
    found = change(same, by_hand(better), where, draws=50)
    assert (found.value, found.low, found.high) == pytest.approx((0.25,) * 3)
    found = change(same, by_hand(np.concatenate([better, better])), where, draws=50)
    assert (found.value, found.low, found.high) == pytest.approx((0.25,) * 3)


def test_more_members_score_better_if_signed_and_more_steadily_if_not():
    values = RNG.normal(0, 1, (60, 3, 240))
    values[:, :, 100:110] += 1
    where = (POINTS >= 100) & (POINTS < 110)
    heat = by_hand(values)
    curve = by_members(heat, where, [1, 4, 16], draws=100)
    assert curve["middle"].is_monotonic_increasing
    rectified = by_members(heat.rectified, where, [1, 4, 16], draws=100)
    width = rectified["high"] - rectified["low"]
    np.testing.assert_allclose(width.iloc[0] / width.iloc[1:], [2, 4], rtol=0.35)
    assert np.ptp(rectified["middle"]) < 0.1 * np.ptp(curve["middle"])
    assert curve.loc[1, "middle"] == pytest.approx(np.median(heat.share(where)), abs=0.01)
    found = gain(heat, where, draws=100)
    assert found.low > 0
    assert found.value == pytest.approx(
        heat.ensemble.share(where)[0] - np.median(heat.share(where)), abs=1e-6
    )
    pd.testing.assert_frame_equal(curve, by_members(heat, where, [1, 4, 16], draws=100))


def test_units_see_47_points():
    assert np.flatnonzero(seen_by_units(120)).tolist() == [9, 10, 11, 12, 13]
    assert np.flatnonzero(seen_by_units(0)).tolist() == [0]
    assert np.flatnonzero(seen_by_units(236)).size == 0


def test_heat_is_what_grad_cam_averages(swarm):
    spectra = PAIRS.tested(12)
    for variant in ("equations", "published"):
        heat = grad_cam_heat(swarm, spectra, variant)
        mean = grad_cam(swarm, spectra, variant=variant)
        np.testing.assert_allclose(
            heat.ensemble.profile()[0], mean.mean(axis=0), rtol=1e-4, atol=1e-6
        )


def test_signed_heat_is_grad_cam_before_its_relu(swarm):
    spectra = PAIRS.tested(12)
    for weighing, averaged_over in (("maps", "positions"), ("positions", "maps")):
        ours = signed_heat(swarm, spectra, weighing)
        theirs = coarse_maps(swarm, spectra, variant=Variant(averaged=averaged_over))
        tolerance = 1e-5 * np.abs(ours.values).max()
        np.testing.assert_allclose(ours.rectified.values, theirs, atol=tolerance)
        assert (ours.values < 0).any()


def test_own_gradients_add_up_to_the_logit(swarm):
    """Unit by unit, gradient times activation is all of the logit that is not a bias."""
    spectra = PAIRS.tested(5)
    total = signed_heat(swarm, spectra, "units").values.sum(axis=2)

    for network, own in zip(swarm.modules(), total, strict=True):
        light = torch.from_numpy(spectra)[:, None]
        with torch.no_grad():
            maps = network.features(light)
            full = network.classifier(maps)[:, 1]
            hidden = network.classifier[:3](maps)
            active = (hidden > 0).float()
            first, last = network.classifier[2], network.classifier[4]
            bias = (active * first.bias) @ last.weight[1] + last.bias[1]
        np.testing.assert_allclose(own, (full - bias).numpy(), rtol=1e-4, atol=1e-4)


def test_expected_gradients_find_the_artefact_member_by_member(swarm):
    spectra, baselines = PAIRS.tested(20), PAIRS.spectra[PAIRS.trained(100)]
    heat = expected_gradients_heat(swarm, spectra, baselines, samples=50)
    assert heat.values.shape == (len(swarm), 20, 240)
    mean = pf.expected_gradients(swarm, spectra, baselines, 50)
    np.testing.assert_allclose(heat.ensemble.values[0], mean, atol=1e-5)
    assert PAIRS.artefact.support[heat.ensemble.peak()[0]]
    assert heat.ensemble.share(PAIRS.artefact.support)[0] > 0.3


# Remedies


def test_averaged_weights_by_hand(course):
    mean = averaged(course)
    by_hand = (sum(course.weights[:, k].astype(np.float64) for k in range(4)) / 4).astype("f4")
    np.testing.assert_array_equal(mean.weights, by_hand)
    assert len(mean) == len(course)


def test_annealing_damps_what_does_not_matter(swarm):
    places = PAIRS.trained(60)
    few = swarm.some([0, 1])
    how = Annealing(rounds=2, draws=1)
    result = annealed(few, *DATA, places, how, workers=1)
    _, before = scores(few.weights, *DATA, places)
    _, after = scores(result.weights, *DATA, places)
    assert (after >= before).all()
    ratio = result.weights / few.weights
    assert set(np.unique(ratio)) <= {0.25, 0.5, 1.0}
    assert (ratio < 1).mean() > 0.2
    again = annealed(few, *DATA, places, how, workers=3)
    np.testing.assert_array_equal(again.weights, result.weights)
    more = annealed(few, *DATA, places, Annealing(rounds=2, draws=1, lost=0.4))
    assert np.abs(more.weights).sum() < np.abs(result.weights).sum()


def test_annealing_damps_a_dead_network_completely():
    dead = pf.Swarm(Course.new(1).weights[:, 0].copy())
    dead.weights[0, 346:351] = -100
    result = annealed(dead, *DATA, PAIRS.trained(5), Annealing(rounds=1, draws=1, factor=0))
    assert not result.weights.any()


def test_annealing_says_how_often_it_judges():
    assert Annealing(rounds=2, draws=3).evaluations() == 2 * (363 * 3 + 10) + 1


# Planes of loss


def test_the_plane_holds_the_three_networks(course):
    three, places = course.last.some([0, 1, 2]), PAIRS.trained(40)
    plane = loss_plane(three, *DATA, places, points=5, margin=0)
    loss, accuracy = scores(three.weights, *DATA, places)
    np.testing.assert_allclose(plane.corner_loss, loss, rtol=1e-4)
    np.testing.assert_allclose(plane.corner_accuracy, accuracy, atol=0.03)
    weights = three.weights.astype(np.float64)
    apart = np.linalg.norm(weights[[1, 2, 2]] - weights[[0, 1, 0]], axis=1)
    corners = plane.corners
    drawn = np.linalg.norm(corners[[1, 2, 2]] - corners[[0, 1, 0]], axis=1)
    np.testing.assert_allclose(drawn, apart, rtol=1e-6)
    assert plane.loss.shape == plane.accuracy.shape == (5, 5)
    if corners[2, 0] >= 0:  # then the lower left corner of the grid is the first network
        assert plane.loss[0, 0] == pytest.approx(loss[0], rel=1e-3)
    centre, _ = scores(weights.mean(axis=0).astype("f4"), *DATA, places)
    assert plane.centre_loss == pytest.approx(float(centre), rel=1e-3)
    middles, _ = halfway(three, *DATA, places)
    np.testing.assert_allclose(plane.barrier, middles[[0, 2, 1]], rtol=1e-3)


def test_alignment_undoes_a_permutation(swarm):
    weights = swarm.weights[0]
    w1, b1 = weights[:40].reshape(2, 20), weights[40:42]
    w2, b2 = weights[42:122].reshape(4, 2, 10), weights[122:126]
    w3, b3 = weights[126:346].reshape(5, 4, 11), weights[346:351]
    w4, b4 = weights[351:361].reshape(2, 5), weights[361:]
    maps, neurons = [2, 0, 3, 1], [4, 2, 0, 1, 3]
    parts = [
        w1[::-1], b1[::-1], w2[maps][:, ::-1], b2[maps],
        w3[neurons][:, maps], b3[neurons], w4[:, neurons], b4,
    ]  # fmt: skip
    other = np.concatenate([part.ravel() for part in parts])
    pair = pf.Swarm(np.stack([weights, other]))
    np.testing.assert_allclose(*pair.predict(FLARE.spectra[:50]), atol=1e-5)
    np.testing.assert_array_equal(aligned(pair).weights, np.stack([weights, weights]))
    loss, _ = halfway(pair, *DATA, PAIRS.trained(20), align=True)
    expected, _ = scores(weights, *DATA, PAIRS.trained(20))
    np.testing.assert_allclose(loss, expected, rtol=1e-3, atol=1e-7)


def test_aligned_networks_are_the_same_and_nearer(swarm):
    same = aligned(swarm)
    spectra = FLARE.spectra[:50]
    np.testing.assert_allclose(same.predict(spectra), swarm.predict(spectra), atol=1e-4)
    before, after = (
        np.linalg.norm(each.weights[1:] - each.weights[0], axis=1) for each in (swarm, same)
    )
    assert (after <= before + 1e-6).all()
    assert (after < before - 0.1).any()


# Figures


def test_figures_draw_what_they_are_given(swarm):
    grid = pf.grid()
    panels = Figure().subplots(5, 1)
    spectra = PAIRS.tested(5)
    heat = grad_cam_heat(swarm, spectra, "published")
    support = PAIRS.artefact.support
    figures_artificial.pair(panels[0], grid, PAIRS.spectra[0], PAIRS.spectra[1])
    for values in (heat.ensemble.profile()[0], np.zeros(240)):
        figures_artificial.heat_strip(panels[1], grid, values, spectra[0], support)
    assert [text.get_text() for text in panels[1].texts] == ["no heat at all"]
    shares = {"a": np.array([0.1, 0.3]), "b": np.array([0.5, 0.7])}
    figures_artificial.members_and_mean(panels[2], shares, {"a": 0.2, "b": 0.8}, 0.08)
    curve = by_members(heat, support, [1, 2], draws=5)
    figures_artificial.by_number(panels[3], {"a": curve}, 0.08)
    plane = loss_plane(swarm.some([0, 1, 2]), *DATA, PAIRS.trained(5), points=3)
    image = figures_artificial.loss_plane(panels[4], plane, 1e-3, 10.0)
    assert image.get_array().size == 9


# Bad input


def heat_of(members):
    return by_hand(np.ones((members, 1, 240)))


HERE = POINTS == 0
SWARM = pf.Swarm(Course.new(3).weights[:, 0].copy())
LOST = pf.Swarm(np.full((3, 363), np.nan, np.float32))
NOTHING = np.zeros(0, np.int64)


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda: Artefact(centre=240), "centre 240 is not on the grid"),
        (lambda: Artefact(width=0), "width 0 is not positive"),
        (lambda: Artefact(height=np.nan), "height nan is not positive"),
        (lambda: Pairs.of(FLARE, held_out=6), "6 of 6 observations cannot be held out"),
        (lambda: Pairs.of(FLARE, held_out=0), "0 of 6 observations"),
        (lambda: PAIRS.tested(10**6), "1000000 spectra with the artefact cannot be had"),
        (lambda: PAIRS.trained(0), "0 pairs are none"),
        (lambda: FlareSpectra.drawn({}, None, 0), "no accepted spectra after an onset"),
        (lambda: Course.new(0), "members 0"),
        (lambda: Course.new(1, seed=-1), "seed -1"),
        (lambda: Course.new(1, batch=0), "batch 0"),
        (lambda: Course.new(1).at(5), "Batch 5 was not kept: choose of 0"),
        (lambda: follow(Course.new(1), *DATA, PAIRS.split, []), "followed to"),
        (lambda: follow(Course.new(1), *DATA, PAIRS.split, [3, 3]), "ascending order"),
        (lambda: follow(Course.new(1), *DATA, PAIRS.split, [3], rate=0), "rate 0 is not"),
        (lambda: scores(SWARM.weights, *DATA, NOTHING), "no spectra to score on"),
        (lambda: signed_heat(SWARM, FLARE.spectra, "pools"), "no weighing 'pools'"),
        (lambda: signed_heat(LOST, FLARE.spectra, "maps"), "has diverged"),
        (lambda: gain(heat_of(1), HERE), "One member cannot be resampled"),
        (lambda: change(heat_of(2), heat_of(1), HERE), "One member cannot be resampled"),
        (lambda: by_members(heat_of(2), HERE, [0]), "draws of 0 members"),
        (lambda: gain(heat_of(2), HERE, draws=0), "0 draws of 2 members"),
        (lambda: Annealing(rounds=0), "0 rounds"),
        (lambda: Annealing(size=0), "size 0"),
        (lambda: Annealing(factor=1), "factor 1"),
        (lambda: Annealing(lost=-1), "lost -1"),
        (lambda: annealed(SWARM, *DATA, NOTHING), "no spectra to anneal on"),
        (lambda: loss_plane(SWARM.some([0, 1]), *DATA, np.arange(4)), "2 networks do not span"),
        (lambda: loss_plane(SWARM.some([0, 0, 1]), *DATA, np.arange(4)), "lie on one line"),
        (lambda: loss_plane(SWARM, *DATA, np.arange(4), points=1), "are no grid"),
        (lambda: halfway(SWARM.some([0]), *DATA, np.arange(4)), "no other to be compared"),
    ],
)
def test_bad_input_is_one_sentence(act, said):
    with pytest.raises(ExplanationError, match=said) as caught:
        act()
    assert str(caught.value).endswith(".")


def test_spectra_that_do_not_fit_are_refused():
    for act in (
        lambda: Artefact().insert(FLARE.spectra[:, :5]),
        lambda: follow(Course.new(1), 2 * PAIRS.spectra, PAIRS.labels, PAIRS.split, [1]),
        lambda: scores(SWARM.weights, PAIRS.spectra, PAIRS.labels[1:], np.arange(3)),
        lambda: annealed(SWARM, PAIRS.spectra, PAIRS.labels + 1, np.arange(3)),
    ):
        with pytest.raises(NetworkError):
            act()
