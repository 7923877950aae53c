"""The twin looks like IRIS: the bounds of the feasibility study, recomputed."""

import numpy as np
import pytest

import preflare as pf
from preflare.likeness import (
    NOISE_CENTROIDS,
    centroids,
    explained_variance,
    nearest_distance,
    on_centroid_grid,
    real_spectra,
    slit_correlation,
    synthetic_spectra,
)
from preflare.shapes import shapes
from preflare.twin.observing import Settings
from preflare.twin.simulate import chosen, simulate

# 5, 50 and 95 per cent of the real spectra, from the feasibility study.
STUDY = {
    "k_over_h": (1.14, 1.26, 1.40),
    "depth": (0.0, 0.60, 0.87),
    "separation": (0.0, 0.285, 0.46),
    "asymmetry": (-0.12, 0.05, 0.30),
    "fwhm": (0.35, 0.52, 0.76),
    "continuum": (0.05, 0.21, 0.52),
    "triplet": (0.37, 0.50, 1.34),
}


@pytest.fixture(scope="module")
def real():
    return real_spectra()


@pytest.fixture(scope="module")
def synthetic():
    return synthetic_spectra()


def test_every_real_spectrum_has_a_synthetic_one_near_it(real, synthetic):
    assert np.median(nearest_distance(real, synthetic)) <= 0.033


def test_the_distance_is_the_plain_one():
    rng = np.random.default_rng(0)
    a, b = rng.random((7, 240), np.float32), rng.random((11, 240), np.float32)
    plain = np.sqrt(((a[:, None] - b) ** 2).mean(axis=2)).min(axis=1)
    np.testing.assert_allclose(nearest_distance(a, b), plain, rtol=1e-4)


def test_ten_synthetic_components_explain_the_real_variance(real, synthetic):
    assert explained_variance(real, synthetic, 10) >= 0.95
    assert explained_variance(real, synthetic, 10) < explained_variance(real, real, 10) < 1


def test_flare_centroids_are_matched():
    distance = nearest_distance(centroids(), on_centroid_grid())
    kept = np.delete(distance, NOISE_CENTROIDS)
    assert kept.size == 51
    assert np.median(kept) <= 0.04


def test_the_shapes_overlap_those_of_the_real_spectra(real, synthetic):
    ours = shapes(synthetic[::7]).quantile([0.05, 0.95])
    measured = shapes(real).quantile([0.05, 0.5, 0.95])
    for name, (low, middle, high) in STUDY.items():
        assert ours[name].loc[0.05] < high, name
        assert ours[name].loc[0.95] > low, name
        assert ours[name].loc[0.05] <= middle <= ours[name].loc[0.95], name
        assert measured[name].loc[0.5] == pytest.approx(middle, rel=0.1, abs=0.02), name


def test_the_correlation_is_the_plain_one(real_raster):
    cube = pf.clean(real_raster).isel(slit=slice(300, 700)).load()
    lag, products, squares = 5, [], []
    for row in cube["intensity"].values[0]:
        values = shapes(row)["continuum"].to_numpy()
        values = values - values.mean()
        products += [values[i] * values[i + lag] for i in range(values.size - lag)]
        squares += list(values**2)
    plain = np.mean(products) / np.mean(squares)
    assert slit_correlation(cube, lag)["continuum"] == pytest.approx(plain, rel=1e-6)


def test_neighbours_along_the_slit_are_as_alike_as_real_ones(real_raster, tmp_path):
    real = slit_correlation(pf.clean(real_raster, reject=pf.Rule.MISSING).load(), 8)
    unbinned = chosen(["PF 7", "AR 7"])
    found = []
    for folder in simulate(unbinned, tmp_path, Settings("paper")):
        rasters = [pf.read_raster(file) for file in sorted(folder.glob("*_raster_*.fits"))]
        cube = pf.clean_observation(rasters, reject=pf.Rule.MISSING)
        found.append(slit_correlation(cube.isel(time=slice(None, None, 6)).load(), 8))
    for trait, study in {"asymmetry": 0.43, "fwhm": 0.61, "continuum": 0.72}.items():
        ours = np.mean([each[trait] for each in found])
        assert ours == pytest.approx(study, abs=0.1), trait
        assert ours == pytest.approx(real[trait], abs=0.15), trait


def test_the_grid_is_the_study_s(real):
    assert real.shape[1] == pf.grid().size
    assert np.nanmax(real) == 1
