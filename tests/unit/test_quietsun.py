import numpy as np
import pytest
import torch
import xarray as xr

import preflare as pf
from preflare.errors import CleaningError
from preflare.quietsun import PASSED, Autoencoder, QuietSun
from tests.conftest import mg_profile


def profiles(count, seed, shift=0.02):
    """Vary a plain profile by its height, its place and a little noise."""
    rng = np.random.default_rng(seed)
    grid = pf.grid()
    spectra = np.array([mg_profile(grid + rng.normal(0, shift)) for _ in range(count)])
    spectra += rng.uniform(0, 200, (count, 1))
    spectra /= spectra.max(axis=1, keepdims=True)
    return (spectra + rng.normal(0, 0.01, spectra.shape)).astype(np.float32)


@pytest.fixture(scope="module")
def quiet_sun():
    return QuietSun.train(profiles(1500, 1), epochs=8, seed=3)


def test_the_architecture_is_the_published_one():
    network = Autoencoder()
    hidden = [network.encoder[:n](torch.zeros(2, 1, 240)).shape[1:] for n in (1, 3, 6)]
    assert [tuple(shape) for shape in hidden] == [(10, 24), (20, 4), (50,)]
    assert network.mean(torch.zeros(2, 50)).shape == (2, 4)
    assert network(torch.zeros(2, 240)).shape == (2, 240)


def test_the_error_is_the_sum_of_squared_differences(quiet_sun):
    spectra = profiles(5, 2)
    with torch.no_grad():
        drawn = quiet_sun.autoencoder(torch.from_numpy(spectra)).numpy()
    np.testing.assert_allclose(
        quiet_sun.errors(spectra), ((drawn - spectra) ** 2).sum(axis=1), rtol=1e-5
    )
    shaped = quiet_sun.errors(spectra.reshape(5, 1, 1, 240))
    np.testing.assert_array_equal(shaped, quiet_sun.errors(spectra).reshape(5, 1, 1))


def test_it_learns_and_the_threshold_passes_what_it_says(quiet_sun):
    curve = quiet_sun.curve
    assert curve.held_out[-1] < 0.5 * curve.held_out[0]
    assert curve.held_out[-1] == pytest.approx(curve.train[-1], rel=0.3)
    unseen = quiet_sun.errors(profiles(2000, 4))
    assert np.mean(unseen <= quiet_sun.threshold) == pytest.approx(PASSED, abs=0.015)


def test_what_is_not_quiet_is_told_from_what_is(quiet_sun):
    strange = np.roll(profiles(200, 5), 30, axis=1)
    assert np.mean(quiet_sun.errors(strange) > quiet_sun.threshold) > 0.99


def test_the_same_seed_trains_the_same(quiet_sun):
    again = QuietSun.train(profiles(1500, 1), epochs=8, seed=3)
    other = QuietSun.train(profiles(1500, 1), epochs=8, seed=4)
    spectra = profiles(10, 6)
    np.testing.assert_array_equal(again.errors(spectra), quiet_sun.errors(spectra))
    assert again.threshold == quiet_sun.threshold
    assert not np.array_equal(other.errors(spectra), quiet_sun.errors(spectra))


def test_it_trains_the_same_on_any_number_of_threads(quiet_sun):
    threads = torch.get_num_threads()
    for number in (1, threads + 1):
        torch.set_num_threads(number)
        again = QuietSun.train(profiles(1500, 1), epochs=8, seed=3)
        assert torch.get_num_threads() == number
        assert again.threshold == quiet_sun.threshold
    torch.set_num_threads(threads)


def test_training_leaves_torch_s_own_draws_alone():
    torch.manual_seed(11)
    expected = torch.rand(1)
    torch.manual_seed(11)
    QuietSun.train(profiles(700, 1), epochs=1, seed=3)
    assert torch.rand(1) == expected


def test_stored_and_read_it_is_the_same(quiet_sun, tmp_path):
    stored = QuietSun.load(quiet_sun.save(tmp_path / "quiet.safetensors"))
    spectra = profiles(10, 6)
    np.testing.assert_array_equal(stored.errors(spectra), quiet_sun.errors(spectra))
    np.testing.assert_array_equal(stored.curve.held_out, quiet_sun.curve.held_out)
    assert stored.threshold == quiet_sun.threshold


def test_a_cube_gets_the_bit_the_nan_and_the_record(quiet_sun, write_raster):
    cube = pf.clean(pf.read_raster(write_raster())).load()
    strange = cube.copy(deep=True)
    strange["intensity"].values[0, 0, 0] = np.roll(strange["intensity"].values[0, 0, 0], 30)
    quiet = profiles(1, 9)[0]
    strange["intensity"].values[0, 0, 1] = quiet
    flagged = quiet_sun.flag(strange)
    assert flagged["flags"].values[0, 0, 1] & pf.Rule.QUIET_SUN
    assert not flagged["flags"].values[0, 0, 0] & pf.Rule.QUIET_SUN
    assert np.isnan(flagged["intensity"].values[0, 0, 1]).all()
    assert np.isfinite(flagged["intensity"].values[0, 0, 0]).all()
    assert flagged.attrs["tried"] & pf.Rule.QUIET_SUN
    assert not strange.attrs["tried"] & pf.Rule.QUIET_SUN
    assert "quiet sun" in pf.count_rules(flagged).index
    assert not pf.accepted(flagged)[0, 0, 1]


def test_a_lazy_cube_is_flagged_block_by_block_as_one_in_memory_is(quiet_sun, write_raster):
    cube = pf.clean(pf.read_raster(write_raster()))
    held = cube.load().copy(deep=True)
    held["intensity"].values[0, 0, :2] = profiles(2, 9)
    held["flags"].values[0, 0, :2] = 0
    lazy = held.chunk(step=1, slit=2)
    flagged = quiet_sun.flag(lazy)
    assert flagged["intensity"].chunks == lazy["intensity"].chunks
    assert flagged["flags"].chunks == lazy["flags"].chunks
    expected = quiet_sun.flag(held)
    assert (expected["flags"].values & pf.Rule.QUIET_SUN).any()
    xr.testing.assert_identical(flagged.load(), expected)


def test_rejected_spectra_are_not_called_quiet(quiet_sun, write_raster):
    cube = pf.clean(pf.read_raster(write_raster())).load()
    cube["intensity"].values[:] = np.nan
    assert not (quiet_sun.flag(cube)["flags"].values & pf.Rule.QUIET_SUN).any()


@pytest.mark.parametrize(
    ("spectra", "said"),
    [
        (np.ones((10, 240), np.float32), "at least"),
        (np.ones((1000, 200), np.float32), "240 points"),
        (np.full((1000, 240), np.nan, np.float32), "not numbers"),
    ],
)
def test_spectra_that_cannot_be_learned_from_are_refused(spectra, said):
    with pytest.raises(CleaningError, match=said):
        QuietSun.train(spectra)


def test_a_file_that_is_no_autoencoder_is_one_sentence(tmp_path):
    (tmp_path / "x").write_bytes(b"nothing of the kind")
    with pytest.raises(CleaningError, match="no quiet-Sun autoencoder"):
        QuietSun.load(tmp_path / "x")
