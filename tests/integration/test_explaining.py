"""Explanations on the twin: complete, bounded in memory, and next to the right truth."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import preflare as pf
from preflare.explain.expected_gradients import attribute
from preflare.sizes import SIZES, Size
from preflare.twin.truth import TRUTH_KINDS

SMALL = Size(spectra=300, training=4_000, splits=3, members=9, epochs=20)

EXPLAIN = """
import json, pathlib, re, sys
import numpy as np, preflare as pf
from preflare.swarm import Swarm
rng = np.random.default_rng(0)
swarm = Swarm((rng.random((9, 363), np.float32) - 0.5) / 3)
spectra = rng.random((int(sys.argv[1]), 240), np.float32)
pf.expected_gradients(swarm, spectra[:64], spectra[:500], 64)
pf.grad_cam(swarm, spectra[:64])
status = pathlib.Path("/proc/self/status")
def peak():
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1])
before = peak()
pf.expected_gradients(swarm, spectra, spectra[:500], 64, workers=2)
after = peak()
print(json.dumps({"grown": after - before, "result": spectra.nbytes}))
"""


@pytest.fixture(scope="module")
def small(study):
    """Give a study of few spectra and short trainings, with the cubes of the other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SIZES, "quick", SMALL)
        yield pf.Study(cache=study.cache)


@pytest.fixture(scope="module")
def material(small):
    data, split = small.spectra(), small.split(small.chosen())
    return small.swarm(), data.spectra[split.test], data.spectra[split.train]


@pytest.mark.parametrize("members", [1, 9])
@pytest.mark.parametrize("output", ["logit", "probability"])
def test_gaps_are_within_three_standard_errors(material, members, output):
    swarm, spectra, baselines = material
    learned = swarm.report().query("condition == 'trained'").index[:members]
    found = attribute(swarm.some(learned), spectra, baselines, output=output)
    assert (np.abs(found.gap) <= 3 * found.gap_error).mean() >= 0.99
    assert np.abs(found.gap).max() < 0.1 * np.abs(found.mean).sum(axis=1).max()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_memory_does_not_grow_with_the_number_of_spectra():
    # Beyond the input there are two results, mean and spread, and little else.
    for count in (5_000, 40_000):
        done = subprocess.run(
            [sys.executable, "-c", EXPLAIN, str(count)], capture_output=True, text=True, check=True
        )
        told = json.loads(re.search(r"\{.*\}", done.stdout)[0])
        assert told["grown"] < 2 * told["result"] + 40e6


def test_events_are_those_of_the_same_spectra(small):
    data = small.spectra()
    which = np.random.default_rng(0).choice(len(data), 200, replace=False)
    difference, kind = small.events(which)
    assert (kind < len(TRUTH_KINDS)).all()
    for row in range(0, 200, 20):
        truth = small.truth(str(data.observation[which[row]]))
        time, step, slit = data.place[which[row]]
        expected = truth["normalised_difference"].values[time, step, slit]
        np.testing.assert_array_equal(difference[row], expected)
        assert kind[row] == truth["kind"].values[time, step, slit]
        cube = small.cube(str(data.observation[which[row]]))
        own = cube["intensity"].values[time, step, slit]
        np.testing.assert_array_equal(data.spectra[which[row]], own)
    assert (np.abs(difference).max(axis=1) > 0)[kind > 0].all()
    assert not difference[kind == 0].any()
