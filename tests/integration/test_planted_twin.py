"""Twins that were built so that the answer is known: findings must find it, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest

import preflare as pf
from preflare.cleaning import clean_observation
from preflare.explainer import Explainer
from preflare.findings.aligned import shares
from preflare.findings.chance import chance
from preflare.findings.colocation import Colocation
from preflare.findings.regimes import count_regimes, regimes
from preflare.findings.trends import raster_scores, trends
from preflare.quietsun import QuietSun
from preflare.twin import observing
from preflare.twin.dressing import KINDS
from preflare.twin.events import Events, Flare, InversionLine
from preflare.twin.modes import AFTER_ONSET, BEFORE_ONSET
from preflare.twin.observing import Settings
from preflare.twin.simulate import described, simulate

RED_WING = KINDS.index("red_wing") + 1
PLACE = 4.0
"""arcsec along the slit, where everything happens in the first twin."""


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """Give a function that simulates and explains a twin with other scenes than the usual ones."""
    explainer = Explainer.load(pf.shipped("swarm/swarm.safetensors"))
    quiet_sun = QuietSun.load(pf.shipped("swarm/quiet_sun.safetensors"))
    usual = observing.region

    def make(scene, names, *, explained=True):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(observing, "region", lambda each, rng: scene(usual(each, rng), rng))
            folder = tmp_path_factory.mktemp("planted")
            folders = simulate([pf.observation(name) for name in names], folder, Settings())
        cubes, scores, attributions = {}, {}, {}
        for name, each in zip(names, folders, strict=True):
            rasters = [pf.read_raster(file) for file in sorted(each.glob("*_raster_*.fits"))]
            cube = clean_observation(rasters, onset=described(each)["onset"])
            cubes[name] = quiet_sun.flag(cube)
            scores[name] = explainer.scores(cubes[name]).load()
            if explained:
                attributions[name] = explainer.attributions(cubes[name], samples=32).load()
        return cubes, scores, attributions

    return make


def at_one_place(scene, _rng):
    """Events all along a line across all slits, which the ribbons then light up."""
    x = np.arange(-60.0, 60.0, 1.0)
    times = np.arange(-200.0, BEFORE_ONSET - 300, 100.0)
    along, start = (values.ravel() for values in np.meshgrid(x, times))
    every = np.ones(along.size)
    kind = np.full(along.size, RED_WING, np.uint8)
    events = Events(kind, along, PLACE * every, 4 * every, start, 300 * every, every)
    flare = Flare(BEFORE_ONSET, 0.0, 0.0, 60.0, 0.6, 2.0, 0.95)
    line = InversionLine(0.0, (0.0, PLACE), 0.0, 60.0, 0.0)
    # Bright places make bright ribbons, so the line has to be brighter than its surroundings.
    calm = {"spots": (), "contrast": 0.0, "shear": 4.0, "character": (0.0,) * 5}
    return replace(scene, line=line, events=events, flare=flare, **calm)


def without_precursors(scene, _rng):
    """Nothing that tells of the flare."""
    return replace(scene, events=Events.none(), shear=0.0)


PF = [f"PF {number}" for number in range(1, 20)]


@pytest.fixture(scope="module")
def silent(simulated):
    return simulated(without_precursors, PF)


def test_attention_and_flare_at_one_place_are_aligned_in_every_slit(simulated):
    found = Colocation.of(*simulated(at_one_place, ["PF 4", "PF 7", "PF 8", "PF 18"]))
    table = found.table(tolerance=3.0)
    assert len(table) == 8 + 1 + 4 + 1
    assert (table["reason"] == "").all()
    assert table["aligned"].all()
    np.testing.assert_allclose(table["attention_y"], PLACE, atol=2.5)
    assert shares(found, 3.0).loc["attention", "share"] == 1
    assert chance(found, 3.0).expected < 0.5 * len(table)


def test_without_precursors_alignment_is_that_of_chance(silent):
    found = Colocation.of(*silent)
    by_chance = chance(found, 5.0)
    assert by_chance.slits > 120
    assert by_chance.p_moved > 0.05
    assert by_chance.low <= by_chance.aligned <= by_chance.high


def test_without_precursors_scores_do_not_rise(silent):
    cubes, scores, _ = silent
    found = regimes(trends(raster_scores(cubes, scores)))
    counts = count_regimes(found).iloc[0]
    assert counts["tested"] >= 15
    assert counts["p"] > 0.05


def test_scores_rise_where_events_come_more_and_more_often(simulated):
    """Their number grows e-fold in eight minutes, and never so far that they fill the slit."""

    def growing(scene, rng):
        count = 4_000
        onset, end = BEFORE_ONSET, BEFORE_ONSET + AFTER_ONSET
        start = onset + 480 * np.log(rng.random(count))
        events = Events(
            np.full(count, RED_WING, np.uint8), rng.uniform(-40, 40, count),
            rng.uniform(-20, 20, count), rng.uniform(1, 6, count), np.minimum(start, end),
            rng.uniform(60, 200, count), rng.uniform(0.6, 1.0, count),
        )  # fmt: skip
        return replace(scene, events=events, shear=0.0)

    stares = ["PF 6", "PF 7", "PF 11", "PF 16", "PF 17", "PF 18", "PF 19"]
    cubes, scores, _ = simulated(growing, stares, explained=False)
    found = regimes(trends(raster_scores(cubes, scores)))
    counts = count_regimes(found).iloc[0]
    assert counts["strong"] >= 6
    assert counts["p"] < 0.01
