"""A disk that takes no more gives one sentence, nothing half-made, and later the right answer."""

import os
import shutil
import subprocess

import numpy as np
import pytest

from preflare.checksums import SUFFIX, fault_of
from tests.faults.disturbing import STAGES, content, unfinished, without

LONG = pytest.mark.thorough


def stages(*short):
    """Give all stages, of which some are in the short version."""
    return [
        pytest.param(stage, marks=() if stage in short else LONG)
        for stage in ("clean", "train", "explain", "simulate")
    ]


def size_of(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def check_refusal(outcome, cache):
    """One sentence, and whatever is there is whole."""
    assert outcome.code == 1, outcome.said
    assert outcome.said.startswith("preflare: ")
    assert outcome.said.count("\n") == 1
    # A training goes on from what it kept.
    assert [name for name in unfinished(cache) if not name.endswith(".training")] == []
    for record in cache.rglob(f"*{SUFFIX}"):
        product = record.with_name(record.name.removesuffix(SUFFIX))
        assert not product.exists() or fault_of(product) is None


@pytest.fixture
def disk(tmp_path):
    """Give a disk of its own, and a function that sets its size."""
    place = tmp_path / "disk"
    place.mkdir()

    def resize(size):
        how = f"size={size}" if not os.path.ismount(place) else f"remount,size={size}"
        command = ["mount", "-t", "tmpfs", "-o", how, "tmpfs", str(place)]
        if subprocess.run(command, check=False, capture_output=True).returncode:
            pytest.skip("only root may mount a disk")

    yield place, resize
    if os.path.ismount(place):
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("stage", stages("clean"))
def test_a_full_disk_is_one_sentence(stage, run, undisturbed, disk, thorough, survived):
    place, resize = disk
    resize("64m")
    cache = place / "cache"
    shutil.copytree(undisturbed, cache)
    expected = content(cache)
    without(cache, *STAGES[stage])
    used = (os.statvfs(place).f_blocks - os.statvfs(place).f_bfree) * os.statvfs(place).f_frsize
    shares = np.linspace(0.1, 0.9, 6) if thorough else (0.5,)
    needed = size_of(undisturbed) - size_of(cache)
    for share in shares:
        resize(int(used + share * needed))
        check_refusal(run(stage, cache), cache)
        survived(f"full disks in {stage}")
        resize("64m")
        if share == shares[-1]:
            assert run(stage, cache).code == 0
            assert content(cache) == expected
        without(cache, *STAGES[stage])


@pytest.mark.parametrize("stage", stages("train"))
def test_files_that_may_not_grow_are_one_sentence(stage, run, cache, thorough, survived):
    expected = content(cache)
    without(cache, *STAGES[stage])
    for largest in (1, 100, 1_000, 5_000) if thorough else (1_000,):
        check_refusal(run(stage, cache, largest=largest), cache)
        survived(f"files that may not grow in {stage}")
    assert run(stage, cache).code == 0
    assert content(cache) == expected


@pytest.mark.parametrize("stage", stages())
def test_a_disk_that_refuses_from_some_moment_on_is_one_sentence(
    stage, run, cache, thorough, survived
):
    expected = content(cache)
    without(cache, *STAGES[stage])
    events = len(run(stage, cache).events)
    draws = np.random.default_rng(len(stage))
    for _ in range(15 if thorough else 1):
        without(cache, *STAGES[stage])
        came = run(stage, cache, event=int(draws.integers(1, events * 0.9)), refuse=True)
        if came.code:
            check_refusal(came, cache)
            survived(f"refusals in {stage}")
    assert run(stage, cache).code == 0
    assert content(cache) == expected
