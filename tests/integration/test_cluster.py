"""Tasks on a real cluster of processes: the same bytes as here, or one sentence."""

import os
import signal
import socket
import sys
import threading
import time

import numpy as np
import pytest
import xarray as xr
from astropy.io import fits
from distributed import LocalCluster

import preflare as pf
from preflare import cluster as clusters
from preflare.errors import CatalogueError, ClusterError
from preflare.scheduler import ENVIRONMENT, THREADS, Threads, running, scheduler_named
from preflare.splits import Split
from preflare.twin.observing import Settings
from preflare.twin.simulate import chosen, simulate
from tests.warm import preflare

ALIKE = ("AR 3", "PF 14")


@pytest.fixture(scope="module")
def cluster():
    """Give a cluster of two processes with a thread each."""
    with LocalCluster(
        processes=True, n_workers=2, threads_per_worker=1, dashboard_address=":0"
    ) as two:
        yield two


@pytest.fixture(scope="module")
def address(cluster):
    return cluster.scheduler_address


@pytest.fixture(scope="module")
def far(address, tmp_path_factory):
    """Give a study on the cluster."""
    return pf.Study(cache=tmp_path_factory.mktemp("far"), scheduler=address)


def content(folder):
    """Give what is in every file of a folder."""
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def kill_one_at_work(cluster):
    """Kill the process of the first worker that has a task."""
    while not (busy := [w.address for w in cluster.scheduler.workers.values() if w.processing]):
        time.sleep(0.001)
    (nanny,) = (each for each in cluster.workers.values() if each.worker_address == busy[0])
    os.kill(nanny.pid, signal.SIGKILL)


def test_cubes_are_the_same_to_the_byte_from_files_that_workers_simulated(far, study):
    for name in ALIKE:
        xr.testing.assert_identical(far.cube(name), study.cube(name))
    products = content(far.cache)
    # Files, files of the quiet Sun, autoencoder, its checksums, cubes.
    assert len({path.split("/")[0] for path in products}) == 5
    assert {path: (study.cache / path).read_bytes() for path in products} == products


def test_a_killed_worker_costs_time_and_nothing_else(cluster, address, tmp_path):
    rows = chosen(["AR 3", "AR 4", "PF 13", "PF 14"])
    killed = []

    def progress(_):
        if not killed:
            kill_one_at_work(cluster)
            killed.append(True)

    simulate(rows, tmp_path / "far", Settings(), scheduler=address, progress=progress)
    assert killed
    simulate(rows, tmp_path / "near", Settings())
    assert content(tmp_path / "far") == content(tmp_path / "near")


@pytest.fixture(scope="module")
def labelled():
    """Give noise whose middle tells the classes apart, and a split."""
    draws = np.random.default_rng(0)
    spectra = draws.random((600, 240), np.float32)
    labels = np.arange(600) % 2
    spectra[labels == 1, 100:140] *= 0.5
    split = Split(train=np.arange(400), test=np.arange(400, 600))
    return spectra / spectra.max(axis=1, keepdims=True), labels, split


def test_swarms_are_the_same_to_the_bit_though_a_worker_dies(cluster, address, labelled, tmp_path):
    killing = threading.Thread(target=kill_one_at_work, args=(cluster,))

    def progress(done, total, _):
        if done == total / 2:
            killing.start()  # in the midst of the next epoch

    kept = tmp_path / "kept"
    how = {"members": 3, "epochs": 4, "seed": 5}
    far = pf.Swarm.train(*labelled, **how, scheduler=address, checkpoint=kept, progress=progress)
    killing.join()
    near = pf.Swarm.train(*labelled, **how)
    for name, array in near.members.arrays().items():
        np.testing.assert_array_equal(far.members.arrays()[name], array, err_msg=name)
    assert not kept.exists()


def test_torch_trains_all_members_in_one_task(address, labelled):
    how = {"members": 2, "epochs": 1, "backend": "torch"}
    far = pf.Swarm.train(*labelled, **how, scheduler=address)
    near = pf.Swarm.train(*labelled, **how)
    np.testing.assert_allclose(far.weights, near.weights, atol=1e-5)


def test_scores_and_attributions_are_the_same_to_the_byte(address, tmp_path, monkeypatch):
    near = pf.Study(source="iris", cache=tmp_path / "near")
    monkeypatch.setenv(ENVIRONMENT, address)
    far = pf.Study(source="iris", cache=tmp_path / "far")
    assert far.scheduler == address
    told = []
    for study in (near, far):
        assert np.isfinite(study.scores(progress=told.append)["PF 14"]["score"]).any()
        assert np.isfinite(study.attributions()["PF 14"]["attribution"]).any()
    assert [path.name for path in told] == [told[0].name] * 2
    products = content(near.cache)
    assert len({path.split("/")[0] for path in products}) == 3
    assert content(far.cache) == products


def test_commands_run_there(address, study, write_raster, tmp_path):
    twin = preflare("simulate", "AR 3", "--output", tmp_path / "twin", "--scheduler", address)
    assert (twin.returncode, twin.stderr) == (0, "")
    assert content(tmp_path / "twin" / study.files("AR 3").name) == content(study.files("AR 3"))
    raster = write_raster()
    for name, where in (("far", address), ("near", THREADS)):
        output = ("--output", tmp_path / name, "--samples", 2, "--scheduler", where)
        done = preflare("score", raster, *output)
        assert (done.returncode, done.stderr) == (0, "")
    assert content(tmp_path / "far") == content(tmp_path / "near") != {}


def test_observations_are_cleaned_there_from_files_named_as_seen_here(
    address, write_raster, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    files = [write_raster(name=name) for name in ("one.fits", "other.fits", "next.fits")]
    fits.setval(files[1], "OBSID", value="3800507454")
    fits.setval(files[2], "STARTOBS", value="2014-03-29T15:00:00.000")
    said = {}
    for output, where in (("far", address), ("near", THREADS)):
        names = [file.name for file in files]
        done = preflare("clean", *names, "--output", output, "--scheduler", where)
        assert (done.returncode, done.stderr) == (0, "")
        said[output] = sorted(done.stdout.replace(output, "").splitlines())
    assert said["far"] == said["near"]
    assert len(list((tmp_path / "far").iterdir())) == 3
    assert content(tmp_path / "far") == content(tmp_path / "near")


def test_what_goes_wrong_on_a_worker_is_the_same_sentence(address):
    with running(address) as tasks, pytest.raises(CatalogueError, match="no observation 'PF 99'"):
        tasks.each(pf.observation, [("PF 99",)])


def test_a_task_that_kills_worker_after_worker_is_given_up(address):
    with running(address) as tasks, pytest.raises(ClusterError, match="give each worker more"):
        tasks.each(os.abort, [()])


def test_what_tasks_share_outlives_all_workers(cluster, address):
    with running(address) as tasks:
        three = tasks.shared(3)
        assert tasks.each(pow, [(2, three)]) == [8]
        for nanny in cluster.workers.values():
            os.kill(nanny.pid, signal.SIGKILL)
        assert tasks.each(pow, [(4, three)]) == [64]


def test_results_come_in_the_order_of_the_jobs(address):
    for where in (address, THREADS):
        with running(where) as tasks:
            three = tasks.shared(3)
            finished = []
            assert tasks.each(pow, [(n, three) for n in range(6)], finished.append) == [
                0, 1, 8, 27, 64, 125,
            ]  # fmt: skip
            assert sorted(finished) == [0, 1, 8, 27, 64, 125]


def test_jobs_begin_in_their_order(address):
    def begun(_):
        now = time.time()
        time.sleep(0.1)
        return now

    with running(address) as tasks:
        shared = tasks.shared(3)
        began = tasks.each(begun, [(shared,)] * 16)
    ahead = 4  # of two workers, each has one at work and one fetched
    assert all(first < then for first, then in zip(began, began[ahead:], strict=False))


def test_a_worker_that_does_not_see_the_folder_is_refused(address, tmp_path, monkeypatch):
    monkeypatch.setattr(
        clusters.Probe, "laid", lambda folder: clusters.Probe(folder / "elsewhere", "something")
    )
    study = pf.Study(cache=tmp_path, scheduler=address)
    with pytest.raises(ClusterError, match=r"does not see .* choose a folder on a disk"):
        study.files("AR 3")
    assert not content(tmp_path)


@pytest.mark.parametrize("name", ["preflare", "numba", "Python"])
def test_a_worker_with_other_versions_is_refused(address, name, monkeypatch):
    other = clusters.versions() | {name: "0.0"}
    monkeypatch.setattr(clusters, "versions", lambda: other)
    with pytest.raises(ClusterError, match=f"has {name} .*and this machine has 0.0: install"):
        running(address).__enter__()


def test_a_worker_that_joins_late_is_checked_by_its_task(address, monkeypatch):
    monkeypatch.setattr(clusters.Cluster, "check", lambda self: None)
    other = clusters.versions() | {"torch": "0.0"}
    monkeypatch.setattr(clusters, "versions", lambda: other)
    with running(address) as tasks, pytest.raises(ClusterError, match="has torch"):
        tasks.each(pow, [(2, 3)])


def test_a_product_that_does_not_arrive_is_one_sentence(address, tmp_path, monkeypatch):
    monkeypatch.setattr(clusters, "ARRIVES_WITHIN", 0.5)
    with running(address, tmp_path) as tasks, pytest.raises(ClusterError, match="not seen here"):
        tasks.each(type(tmp_path), [(tmp_path / "nowhere",)])


@pytest.mark.parametrize("listens", [False, True])
def test_nobody_there_or_nobody_who_greets_is_one_sentence(listens, tmp_path, monkeypatch):
    monkeypatch.setattr(clusters, "ANSWERS_WITHIN", 1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        if listens:
            free.listen()
        nobody = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        study = pf.Study(cache=tmp_path, scheduler=nobody)
        with pytest.raises(ClusterError, match=f"No dask scheduler answers at {nobody}: start"):
            study.cube("AR 3")


def test_a_cluster_without_workers_is_one_sentence(monkeypatch):
    monkeypatch.setattr(clusters, "ANSWERS_WITHIN", 1)
    with (
        LocalCluster(n_workers=0, dashboard_address=":0") as empty,
        pytest.raises(ClusterError, match="has no worker"),
    ):
        running(empty.scheduler_address).__enter__()


@pytest.mark.parametrize(
    "wrong", ["login1", "login1:8786", "http://login1:8786", "tcp://login1", "tcp://login1:99999"]
)
def test_an_address_that_makes_no_sense_is_refused_at_once(wrong, tmp_path, monkeypatch):
    with pytest.raises(ClusterError, match=r"no address of a scheduler: write tcp://host:port"):
        pf.Study(cache=tmp_path, scheduler=wrong)
    monkeypatch.setenv(ENVIRONMENT, wrong)
    with pytest.raises(ClusterError, match="no address"):
        pf.Study(cache=tmp_path)
    assert scheduler_named("tls://[::1]:8786") == "tls://[::1]:8786"


def test_the_book_refuses_it_before_any_chapter_runs():
    done = preflare("book", "--scheduler", "login1")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "preflare: 'login1' is no address of a scheduler: write tcp://host:port.\n"
    )


def test_without_distributed_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ClusterError, match=r"install preflare\[cluster\]"):
        running("tcp://login1:8786").__enter__()
    with running(THREADS) as tasks:
        assert isinstance(tasks, Threads)
