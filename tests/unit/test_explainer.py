import dask
import numpy as np
import pytest
import torch
import xarray as xr
from dask.callbacks import Callback

import preflare as pf
from preflare.errors import ExplanationError
from preflare.explain.expected_gradients import attribute
from preflare.explainer import Explainer
from preflare.members import CURVES, Members
from preflare.rules import Rule, accepted


@pytest.fixture(scope="module")
def explainer():
    rng = np.random.default_rng(0)
    baselines = normalised(rng, 300)
    swarm = pf.Swarm.from_modules([pf.ConvNet() for _ in range(3)])
    swarm.weights[:] += rng.normal(0, 0.1, swarm.weights.shape).astype(np.float32)
    return Explainer(swarm, baselines, np.array([f"AR {n % 4}" for n in range(300)]))


def normalised(rng, count):
    spectra = rng.random((count, 240)).astype(np.float32)
    return spectra / spectra.max(axis=1, keepdims=True)


@pytest.fixture
def cube(write_raster):
    """Give four exposures of a sit-and-stare, one without data and one of the quiet Sun."""
    one = pf.clean(pf.read_raster(write_raster(positions=1))).load()
    cube = xr.concat([one, one.isel(time=slice(1))], "time", data_vars="all")
    cube["intensity"][:] = normalised(np.random.default_rng(1), 20).reshape(4, 1, 5, 240)
    cube["flags"][1, :, :3], cube["flags"][2] = int(Rule.MISSING), int(Rule.QUIET_SUN)
    cube["intensity"].values[cube["flags"].values > 0] = np.nan
    return cube


def test_scores_are_those_of_the_swarm_and_nan_where_nothing_is_accepted(explainer, cube):
    found, keep = explainer.scores(cube).load(), accepted(cube)
    assert 0 < keep.sum() < keep.size
    probability = explainer.swarm.predict(cube["intensity"].values[keep])
    for name, values in {"score": probability.mean(0), "spread": probability.std(0)}.items():
        assert found[name].dims == ("time", "step", "slit")
        np.testing.assert_array_equal(np.isfinite(found[name]), keep)
        np.testing.assert_allclose(found[name].values[keep], values, atol=1e-6)
    modules = explainer.swarm.modules()
    with torch.no_grad():
        spectra = torch.from_numpy(cube["intensity"].values[keep])
        logit = np.mean([module(spectra)[:, 1].numpy() for module in modules], axis=0)
    np.testing.assert_allclose(found["logit"].values[keep], logit, atol=1e-5)


def test_attributions_are_those_of_attribute_whatever_the_blocks(explainer, cube):
    found, keep = explainer.attributions(cube, samples=64, seed=3), accepted(cube)
    assert len(found["attribution"].chunks[0]) > 1
    spectra = cube["intensity"].values[keep]
    wanted = attribute(explainer.swarm, spectra, explainer.baselines, 64, 3)
    for scheduler in ("sync", "threads"):
        with dask.config.set(scheduler=scheduler):
            values = found["attribution"].values
        np.testing.assert_array_equal(values[keep], wanted.mean)
        assert np.isnan(values[~keep]).all()
    whole = explainer.attributions(cube.chunk(time=4), samples=64, seed=3)
    np.testing.assert_array_equal(whole["attribution"].values, values)


def test_parts_are_small_also_of_one_long_raster(explainer, cube, monkeypatch):
    raster = cube.stack(both=("time", "step")).drop_vars(("time", "step", "both"), errors="ignore")
    raster = raster.rename(both="step").expand_dims("time").transpose("time", "step", "slit", ...)
    monkeypatch.setattr("preflare.explainer.MOST", 10)  # two of four steps of five pixels
    monkeypatch.setattr("preflare.explainer.BLOCKS", 1)
    monkeypatch.setattr("preflare.explainer.MOST_SCORES", 15)
    found = explainer.attributions(raster, samples=64)["attribution"]
    assert found.chunks == ((1,), (2, 2), (5,), (240,))
    scores = explainer.scores(raster)
    assert scores["score"].chunks == ((1,), (3, 1), (5,))
    whole = explainer.attributions(cube, samples=64)["attribution"]
    np.testing.assert_array_equal(found.values.ravel(), whole.values.ravel())
    logits = explainer.scores(cube)["logit"].values
    np.testing.assert_array_equal(scores["logit"].values.ravel(), logits.ravel())


def test_a_block_is_explained_and_stored_before_the_next_is_read(
    explainer, cube, tmp_path, monkeypatch
):
    monkeypatch.setattr("preflare.explainer.MOST", 10)  # of stored blocks of five, two at a time
    monkeypatch.setattr("preflare.explainer.BLOCKS", 1)
    long = xr.concat([cube] * 8, "time", data_vars="all").chunk(time=1)
    stored, held = pf.open_cube(pf.write_cube(long, tmp_path / "cube.zarr")), []

    def count(_key, _value, _graph, state, _worker):
        arrays = (each for each in state["cache"].values() if isinstance(each, np.ndarray))
        held.append(sum(each.ndim == 4 for each in arrays))

    with dask.config.set(scheduler="sync"), Callback(posttask=count):
        pf.write_cube(explainer.attributions(stored, samples=2), tmp_path / "explained.zarr")
    assert len(held) > 40
    assert max(held) <= 3


def test_attributions_sum_to_the_logit_less_the_expected_one(explainer, cube):
    found = explainer.attributions(cube, samples=2048).load()
    logit = explainer.scores(cube)["logit"].values
    keep = accepted(cube)
    total = found["attribution"].values.sum(axis=-1)[keep]
    np.testing.assert_allclose(total, (logit[keep] - found.attrs["expected_logit"]), atol=0.01)


def test_a_cube_with_nothing_accepted_has_no_scores(explainer, cube):
    cube["flags"][:] = int(Rule.QUIET_SUN)
    cube["intensity"][:] = np.nan
    assert np.isnan(explainer.scores(cube)["score"]).all()
    assert np.isnan(explainer.attributions(cube)["attribution"]).all()


def test_a_spectrum_that_lacks_a_pixel_is_not_scored(explainer, cube):
    cube["intensity"][0, 0, 4, 100] = np.nan
    assert np.isnan(explainer.scores(cube)["score"][0, 0, 4])


def test_stored_and_read_back_it_is_the_same(explainer, cube, tmp_path):
    again = Explainer.load(explainer.save(tmp_path / "swarm.safetensors"))
    np.testing.assert_array_equal(again.swarm.weights, explainer.swarm.weights)
    np.testing.assert_allclose(again.baselines, explainer.baselines, atol=3e-4)
    np.testing.assert_array_equal(again.observation, explainer.observation)
    xr.testing.assert_identical(again.scores(cube).load(), explainer.scores(cube).load())
    assert len(pf.Swarm.load(tmp_path / "swarm.safetensors")) == 3


def test_thinned_it_compares_with_fewer_that_are_as_various(explainer):
    few = explainer.thinned(100)
    assert len(few.baselines) == 100
    rows = {row.tobytes() for row in explainer.baselines}
    assert all(row.tobytes() in rows for row in few.baselines)
    np.testing.assert_allclose(few.baselines.mean(0), explainer.baselines.mean(0), atol=0.12)
    assert len(explainer.thinned(1000).baselines) == 300


def test_only_members_that_learned_explain(explainer):
    rng = np.random.default_rng(2)
    weights = np.stack([explainer.swarm.weights[0]] * 3)
    swarm = _trained(weights, tss=[0.4, 0.0, 0.5])
    kept = Explainer.of(swarm, normalised(rng, 20), ["PF 1"] * 20)
    assert len(kept.swarm) == 2
    with pytest.raises(ExplanationError, match="No network has learned"):
        Explainer.of(_trained(weights, tss=[0.0, 0.0, 0.0]), normalised(rng, 20), ["PF 1"] * 20)


def test_what_it_compares_with_must_fit(explainer, tmp_path):
    with pytest.raises(ExplanationError, match="no baseline"):
        Explainer(explainer.swarm, np.zeros((0, 240), np.float32), np.array([]))
    with pytest.raises(ExplanationError, match="name that of each of 300"):
        Explainer(explainer.swarm, explainer.baselines, np.array(["PF 1"]))
    path = explainer.swarm.save(tmp_path / "bare.safetensors")
    with pytest.raises(ExplanationError, match="without the spectra to compare with"):
        Explainer.load(path)


def _trained(weights, tss):
    """Return a swarm that seems to have been trained, with these skills."""
    template = pf.Swarm.train(
        normalised(np.random.default_rng(0), 128), np.arange(128) % 2, members=len(tss), epochs=1
    )
    curves = template.members.curves.copy()
    curves[:, 0, CURVES.index("train tss")] = tss
    arrays = template.members.arrays() | {"curves": curves}
    return pf.Swarm(weights, Members(**arrays), template.settings)
