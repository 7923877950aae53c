"""The shipped profiles: recomputed, complete, and each precursor known by its effect."""

import numpy as np
import pytest

import preflare as pf
from preflare.errors import SimulationError
from preflare.shapes import shapes
from preflare.spectrum import Sampling
from preflare.twin import library as lib
from preflare.twin.atmospheres import Atmosphere
from preflare.twin.computing import compute, read_one
from preflare.twin.dressing import KINDS, profiles_at
from preflare.twin.plan import plan

RECOMPUTED = (
    "quiet-003",
    "flare-004",
    "triplet-004",
    pytest.param("active-010", marks=pytest.mark.thorough),
    pytest.param("base-004", marks=pytest.mark.thorough),
)
PLAN = {entry.name: entry for entry in plan()}


@pytest.fixture(scope="module")
def library():
    return lib.read_library()


def test_the_library_is_the_plans_and_small(library):
    assert pf.shipped("twin/library.npz").stat().st_size < 3e6
    assert library.settings["plan"] == lib.plan_digest(plan())
    regimes = library.of(*lib.REGIME_NAMES).size
    pairs = library.of("base").size
    assert library.group.size > 1000
    assert regimes > 750
    assert pairs > 40
    for kind in ("triplet", "red_wing", "blue_wing", "single_peak"):
        np.testing.assert_array_equal(
            library.number[library.of(kind)], library.number[library.of("base")]
        )
    assert np.isfinite(library.radiance).all()
    assert (library.radiance > 0).all()


@pytest.mark.parametrize("name", RECOMPUTED)
def test_recomputed_profiles_are_the_shipped_ones(name, library, tmp_path):
    entry = PLAN[name]
    assert compute([entry], tmp_path, workers=1) == {}
    found = read_one(tmp_path, entry.atmosphere)
    assert found is not None
    place = np.flatnonzero((library.group == entry.group) & (library.number == entry.number))
    shipped = library.radiance[place[0]]
    # Another processor takes other vector instructions: the tolerance of the iteration is 1e-3.
    np.testing.assert_allclose(lib.sampled(found[0]), shipped, rtol=2e-3)


def test_a_computation_goes_on_where_it_stopped(tmp_path, monkeypatch):
    entries = [PLAN["flare-004"], PLAN["dense-004"]]
    compute(entries[:1], tmp_path, workers=1)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    told = []
    compute(entries, tmp_path, workers=1, progress=told.append)
    assert told == [1, 2]
    assert all(path.stat().st_mtime_ns == moment for path, moment in before.items())
    packed = lib.pack(entries, tmp_path, tmp_path / "small.npz")
    assert lib.read_library(packed).group.tolist() == ["flare", "dense"]


def test_an_atmosphere_that_does_not_converge_is_named_and_left_out(tmp_path, monkeypatch):
    from preflare.twin import computing

    def never(_atmosphere: Atmosphere):
        raise SimulationError("It does not converge.")

    monkeypatch.setattr("preflare.twin.transfer.solve", never)
    entry = PLAN["quiet-003"]
    assert computing.compute_one(entry.atmosphere, tmp_path / "x.npz") == "It does not converge."
    file = computing.spectrum_file(tmp_path, entry.atmosphere)
    (tmp_path / "x.npz").rename(file)
    assert read_one(tmp_path, entry.atmosphere) is None


def test_a_library_that_cannot_be_read_is_one_sentence(tmp_path):
    broken = tmp_path / "library.npz"
    broken.write_bytes(b"nothing")
    with pytest.raises(SimulationError, match=r"library\.npz cannot be read"):
        lib.read_library(broken)


def near(wavelength, halfwidth):
    return np.abs(lib.WAVELENGTH - wavelength) < halfwidth


def effects():
    profiles = profiles_at(0.8)
    change = dict(zip(KINDS, profiles.disturbed, strict=True))
    return profiles.base, change


def centroid(spectra, line):
    inside = near(line, 0.6)
    emission = spectra[:, inside] - spectra[:, inside].min(axis=1, keepdims=True)
    return (emission * (lib.WAVELENGTH[inside] - line)).sum(axis=1) / emission.sum(axis=1)


def width(spectra, line):
    inside = near(line, 0.9)
    offset = lib.WAVELENGTH[inside] - line
    emission = spectra[:, inside] - spectra[:, inside].min(axis=1, keepdims=True)
    mean = (emission * offset).sum(axis=1) / emission.sum(axis=1)
    return np.sqrt((emission * (offset - mean[:, None]) ** 2).sum(axis=1) / emission.sum(axis=1))


def most(condition):
    return np.mean(condition) > 0.8


def test_heating_low_down_lifts_the_triplet():
    base, changed = effects()
    beside = near(2798.2, 0.1) | near(2799.3, 0.1)
    before, after = (
        s[:, near(pf.LINES["triplet"], 0.1)].max(axis=1) / s[:, beside].mean(axis=1)
        for s in (base, changed["triplet"])
    )
    assert np.median(before) < 1.0
    assert np.median(after) > 1.2
    assert most(after > before)


def test_flows_move_the_emission_of_k_the_way_they_are_called():
    base, changed = effects()
    before = centroid(base, pf.LINES["k"])
    assert most(centroid(changed["red_wing"], pf.LINES["k"]) > before)
    assert most(centroid(changed["blue_wing"], pf.LINES["k"]) < before)


def test_a_broad_core_is_broader():
    base, changed = effects()
    ratio = width(changed["broad_core"], pf.LINES["k"]) / width(base, pf.LINES["k"])
    assert most(ratio > 1.0)
    assert np.median(ratio) > 1.1


def test_a_deep_transition_region_leaves_a_single_peak():
    base, changed = effects()
    sampling = Sampling.between(lib.WAVELENGTH, pf.grid())

    def single(spectra):
        profiles = sampling(spectra[:, sampling.window])
        return np.mean(shapes(profiles / profiles.max(axis=1, keepdims=True))["separation"] == 0)

    assert single(base) < 0.1
    assert single(changed["single_peak"]) > 0.8
