"""`preflare score` as a new user meets it: on real data, on a stare, and on what has no score."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import preflare as pf
from preflare.explainer import Explainer
from tests.conftest import mg_profile
from tests.warm import preflare

REAL = pf.shipped(pf.SAMPLE_RASTER)
NAME = "20140329_140938_3860258481"
FEW = ("--samples", 8)


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """Give the folder with what the real cut-out was scored into, and what was printed."""
    folder = tmp_path_factory.mktemp("real") / "new"
    done = preflare("score", REAL, "--output", folder, "--samples", 64)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


@pytest.fixture
def stare(write_raster):
    """Give a sit-and-stare whose spectra differ."""
    rng = np.random.default_rng(0)
    spectra = rng.poisson(np.tile(mg_profile() + 20, (6, 12, 1))).astype(np.float32)
    return write_raster(spectra, positions=1)


def test_real_files_become_a_cube_a_table_and_a_picture(real):
    folder, said = real
    assert {path.name for path in folder.iterdir()} == {
        f"{NAME}{x}" for x in (".zarr", ".csv", ".png")
    }
    cube = pf.open_cube(folder / f"{NAME}.zarr").load()
    keep = pf.accepted(cube)
    np.testing.assert_array_equal(np.isfinite(cube["score"]), keep)
    assert f"{keep.sum():,} of {keep.size:,} spectra scored" in said
    assert "Domain shift: " in said
    explainer = Explainer.load(pf.shipped("swarm/swarm.safetensors"))
    np.testing.assert_allclose(
        cube["score"].values[keep],
        explainer.swarm.predict(cube["intensity"].values[keep]).mean(axis=0),
        atol=1e-6,
    )
    total = cube["attribution"].sum("wavelength").values[keep]
    np.testing.assert_allclose(
        total, cube["logit"].values[keep] - cube.attrs["expected_logit"], atol=0.1
    )


def test_the_table_agrees_with_the_cube(real):
    folder, _ = real
    cube, table = pf.open_cube(folder / f"{NAME}.zarr").load(), pd.read_csv(folder / f"{NAME}.csv")
    assert len(table) == cube["t_onset"].size
    for row in table.itertuples():
        exposure = cube.isel(time=row.raster, step=row.step)
        score = exposure["score"].values
        known = np.isfinite(score)
        assert row.spectra == score.size
        assert row.scored == known.sum()
        assert row.score == pytest.approx(score[known].mean())
        assert row.called_pf == pytest.approx((score[known] > 0.5).mean())
        assert row.logit == pytest.approx(exposure["logit"].values[known].mean(), abs=1e-5)
        top = int(np.nanargmax(score))
        assert row.top_pixel == top
        assert row.top_score == pytest.approx(score[top])
        assert row.top_y == pytest.approx(float(exposure["y"] + exposure["slit_y"][top]))
        most = int(exposure["attribution"].values[top].argmax())
        assert row.top_angstrom == pytest.approx(cube["wavelength"].values[most])


def test_the_picture_is_one(real):
    folder, _ = real
    with Image.open(folder / f"{NAME}.png") as image:
        assert image.width > 1000
        assert len(image.convert("RGB").getcolors(1 << 20)) > 100


def test_a_stare_with_an_onset_is_scored_in_time(stare, tmp_path):
    done = preflare("score", stare, "--output", tmp_path / "o", "--onset", "2014-03-29T14:30", *FEW)
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "o" / f"{NAME}.csv")
    assert (table["t_onset"] < -1000).all()
    assert table["raster"].tolist() == list(range(6))


def test_where_nothing_is_accepted_products_say_so(write_raster, tmp_path):
    dark = write_raster(np.full((3, 5, 633), 3.0, np.float32))
    done = preflare("score", dark, "--output", tmp_path / "o", *FEW)
    assert done.returncode == 0, done.stderr
    assert "0 of 15 spectra scored" in done.stdout
    assert "nothing to score" in done.stdout
    assert "no spectrum was accepted" in done.stdout
    table = pd.read_csv(tmp_path / "o" / f"{NAME}.csv")
    assert table[["score", "top_pixel", "top_y", "top_angstrom"]].isna().all(axis=None)
    assert (tmp_path / "o" / f"{NAME}.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.fits", "--output", "o"], "missing.fits"),
        ([REAL, "--output", "o", "--swarm", "none.safetensors"], "none.safetensors"),
        ([REAL, "--output", "o", "--onset", "noon"], "'noon' is not a time"),
        ([REAL, "--output", "file"], "file is a file: name a folder"),
        ([REAL, REAL, "--output", "o"], "hold the same exposures"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(arguments, said, tmp_path):
    (tmp_path / "file").write_text("in the way")
    done = preflare("score", *arguments, *FEW, cwd=tmp_path)
    assert done.returncode == 1
    assert said in done.stderr.replace("\n", " ")
    assert len(done.stderr.strip().splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_is_there_is_replaced_only_if_told(stare, tmp_path):
    again = "score", stare, "--output", tmp_path / "o", *FEW
    assert preflare(*again).returncode == 0
    refused = preflare(*again)
    assert refused.returncode == 1
    assert "--force" in refused.stderr
    assert preflare(*again, "--force").returncode == 0


def test_a_swarm_of_ones_own_scores(stare, tmp_path):
    shipped = Explainer.load(pf.shipped("swarm/swarm.safetensors"))
    own = Explainer(shipped.swarm.some([0, 1]), shipped.baselines, shipped.observation)
    own.save(tmp_path / "own.safetensors")
    done = preflare(
        "score", stare, "--output", tmp_path / "o", "--swarm", tmp_path / "own.safetensors", *FEW
    )
    assert done.returncode == 0, done.stderr
    cube = pf.open_cube(tmp_path / "o" / f"{NAME}.zarr").load()
    keep = pf.accepted(cube)
    expected = own.swarm.predict(cube["intensity"].values[keep]).mean(axis=0)
    np.testing.assert_allclose(cube["score"].values[keep], expected, atol=1e-6)
