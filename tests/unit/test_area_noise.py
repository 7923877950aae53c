"""Noise falls with the number of independent spectra, and with nothing else."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal

from preflare.errors import FindingError
from preflare.findings.area_noise import noise_by_area, series
from preflare.findings.trends import EMPTY, USED

SPECTRA = ("time", "step", "slit")


def scored(values, unused=()):
    """Rows of `raster_scores` and scores of one observation: (time, step, slit)."""
    values = np.asarray(values, float)
    status = np.where(np.isin(np.arange(len(values)), unused), EMPTY, USED)
    time = np.linspace(-1490, -10, len(values))
    rows = {"observation": "PF 1", "raster": np.arange(len(values)), "time": time, "status": status}
    return pd.DataFrame(rows), xr.Dataset({"score": (SPECTRA, values)})


def noise(spread, shape=(200, 2, 40), seed=0):
    return np.random.default_rng(seed).normal(0.5, spread, shape)


def test_pieces_are_means_of_neighbours_at_one_step():
    values = noise(0.1, (6, 2, 7))
    time, mean, number = series(*scored(values), 3)
    pieces = values[:, :, :6].reshape(6, 2, 2, 3).mean(axis=3).reshape(6, 4)
    assert_allclose(mean, pieces)
    assert_array_equal(number, np.full((6, 4), 3))
    assert_allclose(time, np.linspace(-1490, -10, 6))


def test_what_is_not_accepted_does_not_count():
    values = noise(0.1, (6, 1, 4))
    values[2, 0, :3], values[4] = np.nan, np.nan
    _, mean, number = series(*scored(values), 2)
    assert np.isnan(mean[2, 0])
    assert_allclose(mean[2, 1], values[2, 0, 3])
    assert number[2].tolist() == [0, 1]
    assert np.isnan(mean[4]).all()


def test_whole_rasters_are_means_over_steps_and_slit():
    values = noise(0.1, (6, 3, 4))
    table, scores = scored(values, unused=[1])
    time, mean, number = series(table, scores, None)
    assert_allclose(mean[:, 0], np.delete(values, 1, axis=0).mean(axis=(1, 2)))
    assert time.size == 5
    assert set(number[:, 0]) == {12}


def test_independent_spectra_make_it_fall_with_the_root_of_their_number():
    found = noise_by_area(*scored(noise(0.2)), [1, 4, 40, None])
    assert_allclose(found["noise"], 0.2 / np.sqrt([1, 4, 40, 80]), rtol=0.1)
    assert_allclose(found["independent"], [1, 4, 40, 80], rtol=0.2)
    assert found["spectra"].tolist() == [1, 4, 40, 80]
    assert found["series"].tolist() == [80, 20, 2, 1]
    assert_array_equal(found["pixels"], [1, 4, 40, np.nan])


def test_spectra_that_are_all_alike_gain_nothing():
    together = np.broadcast_to(noise(0.2, (200, 1, 1)), (200, 2, 40))
    found = noise_by_area(*scored(together), [1, 10, None])
    assert_allclose(found["independent"], 1)


def test_a_trend_is_no_noise():
    rising = noise(0.05) + np.linspace(0, 5, 200)[:, None, None]
    assert_allclose(noise_by_area(*scored(rising), [1])["noise"], 0.05, rtol=0.05)


def test_the_rest_is_that_of_numpys_fit():
    values = noise(0.2, (7, 1, 1))
    table, scores = scored(values)
    left = np.polyfit(table["time"], values[:, 0, 0], 1, full=True)[1][0]
    assert_allclose(noise_by_area(table, scores, [1])["noise"], np.sqrt(left / 5))


def test_series_that_are_too_short_are_counted():
    values = noise(0.2, (8, 1, 4))
    values[:4, 0, 0] = np.nan
    found = noise_by_area(*scored(values), [1, 2]).set_index("pixels")
    assert found.loc[1, ["series", "left_out"]].tolist() == [3, 1]
    assert found.loc[2, ["series", "left_out"]].tolist() == [2, 0]


@pytest.mark.parametrize("rasters", [0, 1, 4])
def test_few_rasters_have_rows_and_no_noise(rasters):
    found = noise_by_area(*scored(noise(0.2, (rasters, 1, 3))), [1, None])
    assert found["noise"].isna().all()
    assert found["series"].tolist() == [0, 0]


def test_what_makes_no_sense_is_refused():
    table, scores = scored(noise(0.2, (6, 1, 4)))
    with pytest.raises(FindingError, match="pieces of 1 to 4, not 5"):
        series(table, scores, 5)
    with pytest.raises(FindingError, match="several observations"):
        series(table.assign(observation=[*["PF 1"] * 3, *["PF 2"] * 3]), scores, 1)
