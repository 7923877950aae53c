"""What pages let readers explore holds the products' numbers, and nothing that cannot be shown."""

import json
import re
from base64 import b64decode

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose

from preflare.errors import BookError
from preflare.explore.folds import ExploredSplits
from preflare.explore.slit import ExploredSlit
from preflare.partitions import Partition

TIMES, SLIT, POINTS = 4, 3, 240
DIMS = ("time", "step", "slit")


def unpacked(array):
    values = np.frombuffer(b64decode(array["data"]), np.dtype(array["type"]).newbyteorder("<"))
    return values.reshape(array["shape"])


def products(onset=True):
    random = np.random.default_rng(0)
    shape = TIMES, 2, SLIT
    score = random.random(shape)
    score[0, 1, 2] = np.nan
    light = random.random((*shape, POINTS))
    heat = random.normal(size=(*shape, POINTS))
    light[np.isnan(score)], heat[np.isnan(score)] = np.nan, np.nan
    since = np.arange(-2, 2)[:, None] * 60.0 + [[0, 30]]
    start = np.datetime64("2014-03-29T17:00", "ns") + (since * 1e9).astype("timedelta64[ns]")
    cube = xr.Dataset(
        {
            "intensity": ((*DIMS, "wavelength"), light),
            "peak": (DIMS, random.random(shape)),
            "t_onset": (DIMS[:2], since if onset else np.full_like(since, np.nan)),
        },
        {"start": (DIMS[:2], start), "slit_y": ("slit", [-1.0, 0.0, 1.0])},
    )
    scores = xr.Dataset({"score": (DIMS, score)})
    return cube, scores, xr.Dataset({"attribution": ((*DIMS, "wavelength"), heat)})


def test_the_slit_holds_what_was_accepted_to_half_a_step():
    cube, scores, attributions = products()
    shown = ExploredSlit("PF 1", cube, scores, attributions, step=1).payload()
    accepted = unpacked(shown["accepted"]).astype(bool)
    assert accepted.sum() == TIMES * SLIT - 1
    assert not accepted[0, 2]
    light = cube["intensity"].values[:, 1][accepted]
    assert_allclose(unpacked(shown["spectra"]) / 255, light, atol=0.5 / 255)
    heat = attributions["attribution"].values[:, 1][accepted]
    back = unpacked(shown["attributions"]) / 127 * unpacked(shown["largest"])[:, None]
    assert_allclose(back, heat, atol=0.51 / 127 * np.abs(heat).max())
    assert_allclose(unpacked(shown["maps"]["score"]), scores["score"].values[:, 1], rtol=1e-6)
    mean = unpacked(shown["maps"]["attention"])[accepted]
    assert_allclose(mean, heat.mean(axis=1), rtol=1e-5)


@pytest.mark.parametrize("onset", [True, False])
def test_time_counts_from_the_onset_or_else_from_the_first_exposure(onset):
    shown = ExploredSlit("PF 1", *products(onset), step=1).payload()
    assert shown["since"] == ("the onset" if onset else "the first exposure")
    expected = np.arange(4) + (-1.5 if onset else 0)
    assert_allclose(unpacked(shown["minutes"]), expected)


def test_a_slit_without_accepted_spectra_is_refused():
    cube, scores, attributions = products()
    scores["score"][:, 0] = np.nan
    with pytest.raises(BookError, match="No spectrum of AR 2 at step 0 was accepted: take"):
        ExploredSlit("AR 2", cube, scores, attributions)


NAMES = ["PF 1", "PF 2", "AR 1", "AR 2"]
SPLITS = [
    Partition(("PF 1", "AR 1"), ("PF 2", "AR 2")),
    Partition(("PF 2", "AR 2"), ("PF 1", "AR 1")),
    Partition(("PF 1", "AR 2"), ("AR 1", "PF 2")),
]


def test_splits_that_learned_are_shown_the_worst_first():
    shown = ExploredSplits(SPLITS, [0.6, np.nan, 0.4], NAMES).payload()
    assert shown["splits"] == [
        {"skill": 0.4, "tested": [1, 2]},
        {"skill": 0.6, "tested": [1, 3]},
    ]
    assert shown["silent"] == 1


@pytest.mark.parametrize(
    ("skills", "complaint"),
    [([0.1], "3 splits have 1 skills: give each"), ([np.nan] * 3, "No split has a skill: none")],
)
def test_splits_without_skills_are_refused(skills, complaint):
    with pytest.raises(BookError, match=complaint):
        ExploredSplits(SPLITS, skills, NAMES)


def test_the_page_holds_everything_and_its_data_cannot_end_the_script():
    html = ExploredSplits(SPLITS, [0.1, 0.2, 0.3], ["</script>", *NAMES])._repr_html_()
    (data,) = re.findall(r'id="explore-folds-data">(.*?)</script>', html, re.DOTALL)
    assert json.loads(data)["names"][0] == "</script>"
    assert "./shared.mjs" not in html
    assert 'from "data:text/javascript;base64,' in html
