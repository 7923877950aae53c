"""Expected gradients against closed forms, captum, and exact Shapley values."""

import numpy as np
import pytest
import torch
from captum.attr import GradientShap, IntegratedGradients

import preflare as pf
from preflare.errors import ExplanationError, NetworkError
from preflare.explain.draws import Draws, by_likeness, draw
from preflare.explain.expected_gradients import attribute
from preflare.explain.outputs import Compiled
from preflare.explain.shapley import bands, shapley_values
from preflare.kernels import explaining as kernels
from preflare.spectrum import POINTS
from preflare.swarm import Swarm

BACKENDS = ("compiled", "torch")
NAIVE = {"design": "independent", "control": False}


def made_up(count, seed=0):
    rng = np.random.default_rng(seed)
    spectra = rng.random((count, POINTS), np.float32)
    return spectra / spectra.max(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def swarm():
    """Three networks that learned something, one fresh one, and one that is dead."""
    spectra = made_up(400, seed=1)
    labels = (spectra[:, 100:120].mean(axis=1) > spectra[:, 180:200].mean(axis=1)).astype(int)
    trained = pf.Swarm.train(spectra, labels, members=3, epochs=12, seed=2).modules()
    torch.manual_seed(3)
    dead = pf.ConvNet()
    torch.nn.init.constant_(dead.classifier[2].bias, -50.0)
    return pf.Swarm.from_modules([*trained, pf.ConvNet(), dead])


def captum_draws(members, samples, baselines, seed):
    """Draw as captum does: baselines by numpy's global state, then the shares of the way."""
    state = np.random.RandomState(seed)
    drawn = []
    for _ in range(members):
        place = state.choice(baselines, samples)
        alpha = state.uniform(0, 1, samples).astype(np.float32)
        drawn.append(Draws(place.astype(np.int64), alpha))
    return drawn


def assert_alike(found, expected):
    """Insist on rounding errors, but for the few places where a unit is active by rounding only."""
    away = np.abs(found - expected)
    assert np.quantile(away, 0.9) < 1e-6
    assert away.max() < 1e-5


@pytest.mark.parametrize("backend", BACKENDS)
def test_same_as_captum_with_the_same_draws(swarm, backend):
    spectra, baselines = made_up(3), made_up(50, seed=4)
    for place in range(len(spectra)):
        np.random.seed(7)  # noqa: NPY002 - captum draws from the global state
        maps = [
            GradientShap(module).attribute(
                torch.from_numpy(spectra[place : place + 1]),
                torch.from_numpy(baselines),
                n_samples=200,
                stdevs=0.0,
                target=1,
            )
            for module in swarm.modules()
        ]
        expected = torch.cat(maps).numpy()
        found = attribute(
            swarm,
            spectra[place : place + 1],
            baselines,
            draws=captum_draws(len(swarm), 200, 50, 7),
            control=False,
            each=True,
            backend=backend,
        )
        assert_alike(found.each[:, 0], expected)
        assert_alike(found.mean[0], expected.mean(axis=0))
        assert_alike(found.spread[0], expected.std(axis=0))
    assert not found.each[-1].any(), "a dead network attributes nothing"
    assert found.each[:-1].any(axis=(1, 2)).all()


@pytest.mark.parametrize("output", ["logit", "log-odds", "probability"])
def test_loops_equal_autograd_for_every_output(swarm, output):
    spectra, baselines = made_up(70), made_up(130, seed=4)
    loops, torched = (
        attribute(swarm, spectra, baselines, 90, output=output, backend=backend)
        for backend in BACKENDS
    )
    for name in ("mean", "spread", "gap", "gap_error"):
        assert_alike(getattr(loops, name), getattr(torched, name))


def test_a_probability_s_output_is_the_swarm_s(swarm):
    spectra = made_up(70)
    told = [Compiled(row, "probability").outputs(spectra) for row in swarm.weights]
    np.testing.assert_allclose(told, swarm.predict(spectra), atol=1e-6)


@pytest.mark.parametrize(("kind", "close"), [(torch.float32, 2e-6), (torch.float64, 1e-13)])
@pytest.mark.parametrize("outputs", [1, 2])
def test_a_linear_network_is_explained_exactly(kind, close, outputs):
    torch.manual_seed(0)
    network = torch.nn.Linear(POINTS, outputs, dtype=kind)
    rng = np.random.default_rng(0)
    spectra, baselines = rng.normal(size=(9, POINTS)), rng.normal(size=(40, POINTS))
    found = attribute(network, spectra, baselines, samples=30)
    weight = network.weight[-1].detach().numpy()
    np.testing.assert_allclose(found.mean, weight * (spectra - baselines.mean(axis=0)), atol=close)
    assert np.abs(found.gap).max() < 300 * close
    assert found.mean.dtype == network.weight.detach().numpy().dtype


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_baseline_gives_integrated_gradients(swarm, backend):
    spectra, baseline = made_up(4), made_up(1, seed=4)
    one = swarm.some([0])
    expected = IntegratedGradients(one.modules()[0]).attribute(
        torch.from_numpy(spectra), torch.from_numpy(baseline), target=1, n_steps=20_000,
        internal_batch_size=20_000, method="riemann_middle",
    )  # fmt: skip
    found = pf.expected_gradients(one, spectra, baseline, 20_000, backend=backend)
    scale = np.abs(expected.numpy()).max()
    np.testing.assert_allclose(found, expected.numpy(), atol=2e-3 * scale)


class Square(torch.nn.Module):
    """Neurons that square: only pairs of points act together."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(5)
        self.hidden = torch.nn.Linear(POINTS, 6)

    def forward(self, spectra):
        return (self.hidden(spectra) ** 2).sum(dim=1)


def test_pairs_are_shared_out_as_shapley_values_share_them():
    # Along a straight way a product of two points is halved between them, as between two players.
    network = Square()
    baselines, spectrum = made_up(20, seed=6), made_up(1, seed=7)
    players = bands(10)

    def output(spectra):
        with torch.no_grad():
            return network(torch.from_numpy(spectra.astype(np.float32))).numpy()

    exact = shapley_values(output, spectrum[0], baselines, players)
    own = output(spectrum)[0] - output(baselines).mean()
    assert exact.sum() == pytest.approx(own, abs=1e-4)
    maps = [pf.expected_gradients(network, spectrum, baselines, 4_000, run)[0] for run in range(8)]
    runs = np.array([[each[own].sum() for own in players] for each in maps])
    error = runs.std(axis=0, ddof=1) / np.sqrt(len(runs))
    assert error.max() < 0.02 * np.abs(exact).max()
    # Student's t with 7 degrees of freedom: beyond 4.8 once in 500, for ten players in 50.
    assert (np.abs(runs.mean(axis=0) - exact) < 4.8 * error + 1e-5).all()


def test_shapley_values_by_hand():
    spectrum, baseline = np.ones(POINTS), np.zeros((1, POINTS))
    players = [np.array([0]), np.array([1]), np.array([2])]
    values = shapley_values(
        lambda s: 2 * s[:, 0] + s[:, 1] * s[:, 2] + s[:, 0] * s[:, 1] * s[:, 2],
        spectrum,
        baseline,
        players,
    )
    np.testing.assert_allclose(values, [2 + 1 / 3, 1 / 2 + 1 / 3, 1 / 2 + 1 / 3])


@pytest.mark.parametrize("how", [{"design": "independent"}, NAIVE, {}])
def test_gaps_are_as_large_as_their_errors_say(swarm, how):
    spectra, baselines = made_up(300), made_up(500, seed=4)
    one = swarm.some([0])
    runs = [attribute(one, spectra, baselines, 100, seed, **how) for seed in range(40)]
    gaps, errors = (np.stack([getattr(r, name) for r in runs]) for name in ("gap", "gap_error"))
    scatter = gaps.std(axis=0, ddof=1)
    ratio = np.sqrt((errors**2).mean(axis=0)) / scatter
    # The scatter of 40 runs is itself known to 11 %.
    if how:
        assert 0.9 < np.median(ratio) < 1.1
    assert np.median(ratio) > 0.9
    assert (np.abs(gaps) < 3 * errors).mean() > 0.99


@pytest.mark.parametrize("samples", [100, 500])
def test_completeness_within_three_errors(swarm, samples):
    # One run's draws serve all spectra, and these are much alike: so many runs.
    spectra, baselines = made_up(100), made_up(500, seed=4)
    runs = [attribute(swarm, spectra, baselines, samples, seed) for seed in range(30)]
    within = [(np.abs(found.gap) <= 3 * found.gap_error).mean() for found in runs]
    assert np.mean(within) >= 0.99


def test_the_better_estimator_is_better(swarm):
    # Baselines of two kinds that differ everywhere, so that there is something to spread over.
    kinds = made_up(2, seed=8)
    rng = np.random.default_rng(4)
    share = rng.beta(0.3, 0.3, 300)[:, None]
    baselines = share * kinds[0] + (1 - share) * kinds[1] + 0.05 * made_up(300, seed=9)
    spectra, learned = made_up(20), swarm.some([0, 1, 2])
    reference = attribute(learned, spectra, baselines, 60_000).mean
    error = {}
    for name, how in {
        "naive": NAIVE,
        "corrected": {"design": "independent"},
        "both": {},
    }.items():
        runs = [attribute(learned, spectra, baselines, 100, s, **how).mean for s in range(12)]
        error[name] = np.sqrt(np.mean([(run - reference) ** 2 for run in runs]))
    assert error["corrected"] < 0.9 * error["naive"]
    assert error["both"] < 0.8 * error["corrected"]


@pytest.mark.parametrize("samples", [1, pytest.param(2, marks=pytest.mark.thorough), 5])
def test_few_independent_draws_are_right_on_average(swarm, samples):
    spectra, baselines, one = made_up(5), made_up(60, seed=4), swarm.some([0])
    exact = attribute(one, spectra, baselines, 60_000).mean
    seeds = range(1_500)
    runs = [attribute(one, spectra, baselines, samples, s, design="independent") for s in seeds]
    maps = np.stack([run.mean for run in runs])
    error = maps.std(axis=0, ddof=1) / np.sqrt(len(seeds))
    # Of 1,200 points one in 370 lies beyond three errors.
    assert (np.abs(maps.mean(axis=0) - exact) < 3 * error + 1e-5).mean() > 0.98
    sums = maps.sum(axis=2)
    off = sums.mean(axis=0) - exact.sum(axis=1)
    assert (np.abs(off) < 4 * sums.std(axis=0, ddof=1) / np.sqrt(len(seeds))).all()


def test_same_bits_for_any_chunk_and_number_of_workers(swarm):
    spectra, baselines = made_up(150), made_up(90, seed=4)
    whole = attribute(swarm, spectra, baselines, 70, workers=1, each=True)
    for workers in (2, 5):
        again = attribute(swarm, spectra, baselines, 70, workers=workers, each=True)
        for name in ("mean", "spread", "gap", "gap_error", "each"):
            np.testing.assert_array_equal(getattr(again, name), getattr(whole, name))
    for first, last in ((0, 1), (3, 70), (70, 150)):
        part = attribute(swarm, spectra[first:last], baselines, 70)
        for name in ("mean", "spread", "gap", "gap_error"):
            np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[first:last])


def test_members_draw_independently_and_seeds_differ():
    order = np.arange(40)
    first, second = (draw(30, 40, 0, member, "spread", order) for member in (0, 1))
    assert not np.array_equal(first.place, second.place)
    assert not np.array_equal(first.alpha, draw(30, 40, 1, 0, "spread", order).alpha)


@pytest.mark.parametrize("samples", [1, 2, 60, 500])
def test_draws_are_spread_over_baselines_and_the_way(samples):
    drawn = draw(samples, 3_000, 0, 0, "spread", np.arange(3_000))
    np.testing.assert_array_equal(drawn.place * samples // 3_000, np.arange(samples))
    steps = np.sort(drawn.alpha)
    assert np.diff(np.append(steps, steps[0] + 1)).max() < 3 / samples
    assert (steps >= 0).all()
    assert (steps < 1).all()


def test_few_baselines_are_drawn_equally_often():
    drawn = draw(500, 4, 0, 0, "spread", np.arange(4))
    np.testing.assert_array_equal(np.bincount(drawn.place), [125] * 4)


def test_neighbours_in_the_order_of_likeness_are_alike():
    baselines = made_up(500, seed=4) ** 4
    order = by_likeness(baselines)
    np.testing.assert_array_equal(np.sort(order), np.arange(500))
    # One wavelength that takes two values parts all baselines that differ in it.
    kind = np.random.default_rng(0).permutation(500) % 2
    baselines[:, 77] = 10.0 * kind
    halves = np.split(kind[by_likeness(baselines)], 2)
    assert sorted(half.mean() for half in halves) == [0, 1]


def test_progress_is_told(swarm):
    told = []
    spectra = made_up(5_000)
    attribute(swarm.some([0]), spectra, made_up(5), 2, progress=lambda *done: told.append(done))
    assert told == [(4_096, 5_000), (5_000, 5_000)]


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_modules_of_low_precision_are_explained(kind):
    module = torch.nn.Linear(POINTS, 2)
    spectra, baselines = made_up(3), made_up(4)
    exact = pf.expected_gradients(module, spectra, baselines)
    rough = pf.expected_gradients(module.to(kind), spectra, baselines)
    assert rough.dtype == np.float32
    np.testing.assert_allclose(rough, exact, atol=2e-3)


def test_arrays_that_may_not_be_written_are_no_other_type(swarm):
    spectra, baselines = made_up(3), made_up(4)
    expected = pf.expected_gradients(swarm, spectra, baselines, 4)
    compiled = set(kernels.expected_gradients.signatures)
    for array in (spectra, baselines):
        array.flags.writeable = False
    again = pf.expected_gradients(swarm, spectra, baselines[:, ::1], 4)
    np.testing.assert_array_equal(again, expected)
    assert set(kernels.expected_gradients.signatures) == compiled


def test_modules_are_left_as_they_are():
    module = pf.ConvNet().train()
    pf.expected_gradients(module, made_up(2), made_up(3), 4)
    assert module.training
    assert all(p.requires_grad and p.grad is None for p in module.parameters())


class Deaf(torch.nn.Module):
    """Says the same whatever it is shown."""

    def forward(self, spectra):
        return torch.ones(len(spectra))


class Broken(torch.nn.Module):
    """Returns nan."""

    def forward(self, spectra):
        return spectra.sum(dim=1) * torch.nan


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"baselines": np.zeros((0, POINTS))}, ExplanationError, "no baseline"),
        ({"baselines": np.full((2, POINTS), np.nan)}, NetworkError, "baselines hold nan"),
        ({"baselines": np.zeros((2, 239))}, NetworkError, "baselines of shape"),
        ({"spectra": np.full((2, POINTS), np.nan)}, NetworkError, "2 of 2 spectra hold nan"),
        ({"spectra": np.zeros((2, 239))}, NetworkError, "spectra of shape"),
        ({"spectra": np.zeros(POINTS)}, NetworkError, "spectra of shape"),
        ({"spectra": "flare"}, NetworkError, "no array of numbers"),
        ({"samples": 0}, ExplanationError, "number of samples is 0"),
        ({"samples": 20.5}, ExplanationError, "number of samples is 20.5"),
        ({"seed": -1}, ExplanationError, "seed is -1"),
        ({"seed": None}, ExplanationError, "seed is None"),
        ({"workers": 0}, ExplanationError, "number of workers is 0"),
        ({"workers": "2"}, ExplanationError, "number of workers is '2'"),
        ({"device": "abacus"}, NetworkError, "cannot compute on 'abacus'"),
        ({"device": "meta"}, NetworkError, "cannot compute on 'meta'"),
        ({"output": "score"}, ExplanationError, "no output 'score'"),
        ({"design": "sobol"}, ExplanationError, "no design 'sobol'"),
        ({"networks": Swarm(np.zeros((0, 363), np.float32))}, ExplanationError, "no members"),
        ({"networks": []}, ExplanationError, "no members"),
        ({"networks": Swarm(np.full((2, 363), np.nan, np.float32))}, ExplanationError, "diverged"),
        ({"networks": Swarm(np.zeros((2, 300), np.float32))}, ExplanationError, "weights of shape"),
        ({"networks": torch.nn.Linear(POINTS, 3)}, ExplanationError, r"returns \(3, 3\)"),
        ({"networks": torch.nn.Linear(99, 2)}, ExplanationError, "cannot be asked"),
        ({"networks": torch.nn.LSTM(POINTS, 2)}, ExplanationError, "returns tuple"),
        ({"networks": Deaf()}, ExplanationError, "does not depend on its input"),
        ({"networks": Broken()}, ExplanationError, "returns nan or inf for the baselines"),
        ({"networks": [3]}, ExplanationError, "int is no torch module"),
        ({"networks": "swarm"}, ExplanationError, "str cannot be explained"),
        ({"networks": None}, ExplanationError, "NoneType cannot be explained"),
        ({"spectra": torch.zeros(2, POINTS, requires_grad=True)}, NetworkError, "no array"),
        ({"spectra": np.zeros((2, POINTS), complex)}, NetworkError, "complex"),
        ({"networks": [pf.ConvNet()], "backend": "compiled"}, ExplanationError, "swarms only"),
        ({"backend": "jax"}, NetworkError, "no backend"),
        ({"draws": []}, ExplanationError, "0 draws for 1 members"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(change, error, message):
    asked = {"networks": Swarm(np.zeros((1, 363), np.float32)), "spectra": made_up(2)}
    asked |= {"baselines": made_up(3)} | change
    with pytest.raises(error, match=message) as caught:
        attribute(**asked)
    assert str(caught.value).count(". ") == 0


def test_draws_that_name_no_baseline_are_refused(swarm):
    drawn = Draws(np.array([3]), np.zeros(1, np.float32))
    with pytest.raises(ExplanationError, match="baseline 3 of 3"):
        attribute(swarm.some([0]), made_up(1), made_up(3), draws=[drawn])
    with pytest.raises(ExplanationError, match="baseline -1 of 3"):
        attribute(swarm.some([0]), made_up(1), made_up(3), draws=[Draws(drawn.place - 4, [0.5])])
    with pytest.raises(ExplanationError, match="one of each"):
        Draws(np.zeros(2, np.int64), np.zeros(1, np.float32))
    with pytest.raises(ExplanationError, match="between 0 and 1"):
        Draws(np.zeros(1, np.int64), np.full(1, np.nan))
    nothing = Draws(np.zeros(0, np.int64), np.zeros(0))
    with pytest.raises(ExplanationError, match="number of samples is 0"):
        attribute(swarm.some([0]), made_up(1), made_up(3), draws=[nothing])


@pytest.mark.parametrize(
    ("players", "message"),
    [([], "0 players"), (bands(17), "17 players"), ([np.array([1]), np.array([1])], "share")],
)
def test_bad_players_are_refused(players, message):
    with pytest.raises(ExplanationError, match=message):
        shapley_values(lambda s: s[:, 0], np.ones(POINTS), np.ones((1, POINTS)), players)
    with pytest.raises(ExplanationError, match="241 bands"):
        bands(241)


@pytest.mark.parametrize(
    ("spectrum", "output", "players", "message"),
    [
        (np.ones((2, POINTS)), lambda s: s[:, 0], bands(2), "has the shape"),
        (np.ones(POINTS), lambda s: s[:, :2], bands(2), "output has the shape"),
        (np.ones(POINTS), lambda s: s[:, 0], [np.zeros(0)], "no set of points"),
        (np.ones(POINTS), lambda s: s[:, 0], [np.array([0.5])], "no set of points"),
    ],
)
def test_what_cannot_be_shared_out_is_refused(spectrum, output, players, message):
    with pytest.raises(ExplanationError, match=message):
        shapley_values(output, spectrum, np.ones((1, POINTS)), players)
