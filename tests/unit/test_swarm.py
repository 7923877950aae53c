"""Many networks as one: trained, interrupted, asked, stored, and refused bad input."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from torch.nn.functional import cross_entropy
from torch.nn.utils import parameters_to_vector, vector_to_parameters

import preflare as pf
from preflare.errors import NetworkError
from preflare.members import CHECKPOINTS, first_weights, shuffled
from preflare.network import DenseNet
from preflare.splits import Split

N = 600
EPOCHS = 4


def labelled(n=N):
    """Make two classes of noisy peaks that a network can tell apart, not always."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, n)
    centre = 60 + 14 * labels + rng.normal(0, 8, n)
    spectra = np.exp(-0.5 * ((np.arange(240) - centre[:, None]) / 12) ** 2)
    spectra += 0.05 * rng.random((n, 240))
    return (spectra / spectra.max(axis=1, keepdims=True)).astype(np.float32), labels


SPECTRA, LABELS = labelled()
SPLIT = Split(np.arange(400), np.arange(400, N))


def trained(**changes):
    return pf.Swarm.train(SPECTRA, LABELS, SPLIT, **{"members": 3, "epochs": EPOCHS} | changes)


@pytest.fixture(scope="module")
def swarm():
    return trained()


def plain_loop(member, epochs, seed=0):
    """Train one network as anyone would, with the same draws; return its curves and weights."""
    network = pf.ConvNet()
    vector_to_parameters(torch.from_numpy(first_weights(seed, member)), network.parameters())
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    spectra, labels = torch.from_numpy(SPECTRA), torch.from_numpy(LABELS)
    curve = []
    for epoch in range(epochs):
        total = 0.0
        for batch in torch.from_numpy(shuffled(SPLIT.train, seed, member, epoch)).split(64):
            optimizer.zero_grad()
            loss = cross_entropy(network(spectra[batch]), labels[batch])
            loss.backward()
            optimizer.step()
            total += float(loss.detach()) * len(batch)
        with torch.no_grad():
            test = float(cross_entropy(network(spectra[SPLIT.test]), labels[SPLIT.test]))
        curve.append((total / len(SPLIT.train), test))
    return np.array(curve), parameters_to_vector(network.parameters()).detach().numpy()


def test_members_learn_as_in_a_plain_loop(swarm):
    for member in range(3):
        curve, weights = plain_loop(member, EPOCHS)
        ours = swarm.curves().loc[member, ["train loss", "test loss"]].to_numpy()
        np.testing.assert_allclose(ours, curve, rtol=1e-4)
        np.testing.assert_allclose(swarm.at("last").weights[member], weights, atol=1e-4)


def test_members_learn_something_each_its_own_way():
    swarm = trained(epochs=25)
    report = swarm.report()
    assert (report["test tss"] > 0.3).sum() >= 2
    assert np.abs(swarm.weights[0] - swarm.weights[1]).max() > 0.1


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_workers_do_not_change_a_bit(swarm, workers):
    np.testing.assert_array_equal(trained(workers=workers).members.kept, swarm.members.kept)


def test_members_do_not_depend_on_how_many_there_are(swarm):
    more = trained(members=5)
    np.testing.assert_array_equal(more.members.kept[:3], swarm.members.kept)


def test_another_seed_gives_other_members(swarm):
    assert not np.isclose(trained(seed=1).weights, swarm.weights).all(axis=1).any()


def test_torch_trains_the_same_swarm(swarm):
    other = trained(backend="torch")
    np.testing.assert_allclose(other.at("last").weights, swarm.at("last").weights, atol=1e-4)
    np.testing.assert_allclose(other.curves(), swarm.curves(), atol=1e-3)


def test_each_member_can_have_its_own_data(swarm):
    other = Split(np.arange(200, N), np.arange(200))
    pair = pf.Swarm.train(SPECTRA, LABELS, [SPLIT, other], epochs=EPOCHS)
    assert len(pair) == 2
    np.testing.assert_array_equal(pair.members.kept[0], swarm.members.kept[0])
    assert not np.allclose(pair.weights[1], swarm.weights[1])


def test_a_validation_set_picks_the_epoch_instead_of_the_test_set():
    nested = Split(SPLIT.train, np.arange(500, N), np.arange(400, 500))
    watched = Split(SPLIT.train, np.arange(400, 500))
    np.testing.assert_array_equal(
        pf.Swarm.train(SPECTRA, LABELS, nested, members=2, epochs=EPOCHS).weights,
        pf.Swarm.train(SPECTRA, LABELS, watched, members=2, epochs=EPOCHS).weights,
    )


def test_checkpoints_are_where_they_say():
    swarm = trained(epochs=30, learning_rate=0.02)
    curves = swarm.curves()
    for member in range(3):
        train, test = (curves.loc[member, name] for name in ("train loss", "test loss"))
        best = test.idxmin(), ((train + test) / 2).idxmin(), 30
        for name, epoch in zip(CHECKPOINTS, best, strict=True):
            assert swarm.report(name).loc[member, "epoch"] == epoch
            then = swarm.at(name)
            logits = then.modules()[member](torch.from_numpy(SPECTRA[SPLIT.test]))
            loss = cross_entropy(logits, torch.from_numpy(LABELS[SPLIT.test])).item()
            assert loss == pytest.approx(test.loc[epoch], rel=1e-4)
    assert (swarm.report()["epoch"] < 30).any()


def test_the_score_in_the_report_is_that_of_the_prediction(swarm):
    called = swarm.predict(SPECTRA[SPLIT.test]) > 0.5
    truth = LABELS[SPLIT.test]
    for member, score in enumerate(swarm.report()["test tss"]):
        assert pf.true_skill_statistic(truth, called[member]) == pytest.approx(score, abs=1e-9)


def test_without_a_split_everything_is_trained_on():
    swarm = pf.Swarm.train(SPECTRA, LABELS, members=2, epochs=2)
    np.testing.assert_array_equal(swarm.weights, swarm.at("last").weights)
    with pytest.raises(NetworkError, match="trained without a test"):
        swarm.at("lowest test loss")
    assert (swarm.report()["epoch"] == 2).all()


def test_a_test_of_one_class_has_a_loss_and_no_skill():
    split = Split(np.arange(400), 400 + np.flatnonzero(LABELS[400:]))
    swarm = pf.Swarm.train(SPECTRA, LABELS, split, members=2, epochs=15)
    report = swarm.report()
    assert report["test tss"].isna().all()
    loss = -np.log(swarm.predict(SPECTRA[split.test])).mean(axis=1)
    np.testing.assert_allclose(report["test loss"], loss, rtol=1e-4)
    assert (report["condition"] == "trained").all()


def test_progress_counts_up_to_all_epochs():
    told = []
    trained(epochs=45, progress=lambda *now: told.append(now))
    done, totals, losses = zip(*told, strict=True)
    assert list(done) == sorted(set(done))
    assert done[-1] == 3 * 45
    assert set(totals) == {3 * 45}
    assert losses[-1] < losses[0]


class StopError(Exception):
    pass


def interrupt(done, _total, _loss):
    if done >= 18:
        raise StopError


@pytest.mark.parametrize("backend", ["compiled", "torch"])
def test_an_interrupted_training_ends_with_the_same_bits(tmp_path, backend):
    store = tmp_path / "training.safetensors"
    settings = {"epochs": 10, "backend": backend}
    with pytest.raises(StopError):
        trained(checkpoint=store, progress=interrupt, **settings)
    assert store.exists()
    first = []
    resumed = trained(checkpoint=store, progress=lambda *now: first.append(now[0]), **settings)
    assert first[0] > 18
    whole = trained(**settings)
    for name, array in whole.members.arrays().items():
        np.testing.assert_array_equal(resumed.members.arrays()[name], array)
    assert not store.exists()


def test_a_killed_training_goes_on(tmp_path):
    store = tmp_path / "training.safetensors"
    script = (
        "import os, signal; from tests.unit.test_swarm import trained\n"
        f"trained(epochs=10, checkpoint={str(store)!r}, "
        "progress=lambda done, *_: done > 15 and os.kill(os.getpid(), signal.SIGKILL))"
    )
    run = subprocess.run([sys.executable, "-c", script], check=False)
    assert run.returncode == -signal.SIGKILL
    resumed = trained(epochs=10, checkpoint=store)
    np.testing.assert_array_equal(resumed.members.kept, trained(epochs=10).members.kept)


@pytest.mark.thorough
def test_the_process_that_compiles_gets_the_same_bits(tmp_path):
    """Other processes read the loops from numba's cache: here one finds it empty, one full."""
    script = (
        "from tests.unit.test_swarm import trained\n"
        "print(trained(epochs=10).members.kept.tobytes().hex())"
    )
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    printed = [
        subprocess.check_output([sys.executable, "-c", script], env=environment) for _ in range(2)
    ]
    assert printed[0] == printed[1]


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    store = tmp_path / "training.safetensors"
    with pytest.raises(StopError):
        trained(epochs=10, checkpoint=store, progress=interrupt)
    for changes in ({"seed": 1}, {"penalty": 0.1}, {"members": 4}):
        with pytest.raises(NetworkError, match="other spectra, splits or settings: remove it"):
            trained(**{"epochs": 10, "checkpoint": store} | changes)


def test_abandoned_members_are_named():
    swarm = trained(epochs=60, learning_rate=0.02, patience=2)
    report = swarm.report()
    stopped = swarm.members.epochs
    assert (stopped < 60).any()
    assert (report["condition"][stopped < 60] == "abandoned").all()
    assert (stopped - report["epoch"] <= 2).all()
    assert swarm.curves()["train loss"].notna().sum() == stopped.sum()


def test_diverged_members_are_named():
    swarm = trained(learning_rate=1e30)
    assert (swarm.report()["condition"] == "diverged").all()
    assert np.isnan(swarm.predict(SPECTRA)).all()


def test_dead_members_are_named():
    swarm = trained(epochs=3, learning_rate=3.0)
    report = swarm.report("last")
    called = swarm.at("last").predict(SPECTRA[SPLIT.test]) > 0.5
    same = called.all(axis=1) | ~called.any(axis=1)
    assert same.any()
    np.testing.assert_array_equal(report["condition"] == "dead", same)


def test_modules_make_the_same_predictions(swarm):
    ours = swarm.predict(SPECTRA)
    assert ours.shape == (3, N)
    for member, module in enumerate(swarm.modules()):
        with torch.no_grad():
            theirs = module(torch.from_numpy(SPECTRA)).softmax(dim=1)[:, 1].numpy()
        np.testing.assert_allclose(ours[member], theirs, atol=1e-6)
    np.testing.assert_array_equal(pf.Swarm.from_modules(swarm.modules()).predict(SPECTRA), ours)


def test_a_swarm_of_some_members_is_that(swarm):
    part = swarm.some([2, 0])
    np.testing.assert_array_equal(part.predict(SPECTRA), swarm.predict(SPECTRA)[[2, 0]])
    assert part.report()["test loss"].tolist() == swarm.report()["test loss"].tolist()[::-2]


def test_what_is_saved_is_loaded(swarm, tmp_path):
    path = swarm.save(tmp_path / "new" / "swarm.safetensors")
    loaded = pf.Swarm.load(path)
    np.testing.assert_array_equal(loaded.predict(SPECTRA), swarm.predict(SPECTRA))
    assert loaded.report().equals(swarm.report())
    assert loaded.settings == swarm.settings
    assert loaded.save(tmp_path / "copy.safetensors").read_bytes() == path.read_bytes()
    bare = pf.Swarm.from_modules(swarm.modules())
    again = pf.Swarm.load(bare.save(tmp_path / "bare.safetensors"))
    np.testing.assert_array_equal(again.weights, swarm.weights)
    with pytest.raises(NetworkError, match="knows nothing of their training"):
        again.curves()


def test_bad_files_of_weights_are_refused(swarm, tmp_path):
    whole = swarm.save(tmp_path / "swarm.safetensors").read_bytes()
    short = tmp_path / "short.safetensors"
    short.write_bytes(whole[: len(whole) // 2])
    text = tmp_path / "text.safetensors"
    text.write_text("no weights at all")
    dense = tmp_path / "dense.safetensors"
    save_file({k: v.numpy() for k, v in DenseNet().state_dict().items()}, dense)
    odd = tmp_path / "odd.safetensors"
    save_file(
        {"weights": np.zeros((2, 5), np.float32)},
        odd,
        {"preflare": '{"architecture": "ConvNet 240 (2,74) (4,22) (4,11) 44 5 2"}'},
    )
    garbled = tmp_path / "garbled.safetensors"
    save_file({"weights": swarm.weights}, garbled, {"preflare": "{"})
    for path, sentence in (
        (garbled, "cannot be read as weights"),
        (short, "cannot be read as weights"),
        (text, "cannot be read as weights"),
        (tmp_path / "none.safetensors", "cannot be read as weights"),
        (dense, "another architecture"),
        (odd, r"weights of shape \(2, 5\)"),
    ):
        with pytest.raises(NetworkError, match=sentence):
            pf.Swarm.load(path)
    (tmp_path / "file").touch()
    with pytest.raises(NetworkError, match="cannot be written"):
        swarm.save(tmp_path / "file" / "swarm.safetensors")


def test_other_modules_are_refused():
    with pytest.raises(NetworkError, match="There is no module"):
        pf.Swarm.from_modules([])
    with pytest.raises(NetworkError, match="Module 1 is a DenseNet"):
        pf.Swarm.from_modules([pf.ConvNet(), DenseNet()])


NAN = SPECTRA.copy()
NAN[3, 5] = np.nan


@pytest.mark.parametrize(
    ("spectra", "sentence"),
    [
        (SPECTRA[:, :239], r"shape \(600, 239\) do not fit"),
        (SPECTRA[0], r"shape \(240,\) do not fit"),
        (SPECTRA[:0], r"shape \(0, 240\) do not fit"),
        (NAN, "1 of 600 spectra hold nan or inf"),
        (SPECTRA * 300, "600 of 600 spectra are not normalised"),
        ([["a"] * 240], "no array of numbers"),
    ],
)
def test_bad_spectra_are_refused(swarm, spectra, sentence):
    with pytest.raises(NetworkError, match=sentence):
        swarm.predict(spectra)
    with pytest.raises(NetworkError, match=sentence):
        pf.Swarm.train(spectra, LABELS[: len(spectra)])


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (LABELS[:5], r"labels of shape \(5,\) for 600 spectra"),
        (LABELS + 1, "A label is '2'"),
        (np.where(LABELS, "PF", "AR"), "A label is 'PF'|A label is 'AR'"),
        (np.where(LABELS, 0.5, 0.0), "A label is '0.5'"),
        (np.full(N, np.nan), "A label is 'nan'"),
        (np.ones(N, int), "600 PF and 0 AR spectra to train on"),
    ],
)
def test_bad_labels_are_refused(labels, sentence):
    with pytest.raises(NetworkError, match=sentence):
        pf.Swarm.train(SPECTRA, labels)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"members": 0}, "swarm of 0 members"),
        ({"epochs": 0}, "epochs 0"),
        ({"batch": 0}, "batch 0"),
        ({"seed": -1}, "seed -1 is negative"),
        ({"learning_rate": 0.0}, "learning rate 0.0 is not positive"),
        ({"penalty": -1.0}, "penalty -1.0 is negative"),
        ({"patience": 0}, "patience of 0 epochs"),
        ({"backend": "jax"}, "no backend 'jax'"),
        ({"device": "cuda"}, "do not run on 'cuda'"),
        ({"backend": "torch", "device": "abacus"}, "torch cannot compute on 'abacus' here"),
        ({"splits": []}, "no split to train on"),
        ({"splits": [SPLIT] * 2, "members": 3}, "2 splits for 3 members"),
        ({"splits": Split(np.arange(400), np.arange(400, N + 1))}, "names spectrum 600"),
        ({"splits": Split(np.flatnonzero(LABELS), np.arange(5))}, "0 AR spectra to train on"),
    ],
)
def test_bad_settings_are_refused(changes, sentence):
    with pytest.raises(NetworkError, match=sentence):
        pf.Swarm.train(SPECTRA, LABELS, **changes)


@pytest.mark.parametrize("checkpoint", ["best", ""])
def test_a_moment_that_is_none_is_refused(swarm, checkpoint):
    with pytest.raises(NetworkError, match="There is no checkpoint"):
        swarm.at(checkpoint)
