import numpy as np
import pytest

import preflare as pf
from preflare.errors import StudyError


def test_every_observation_has_a_cube_with_the_quiet_sun_flagged(study):
    cubes = study.cubes()
    assert list(cubes) == [each.name for each in pf.read_observations()]
    for name, cube in cubes.items():
        assert cube.attrs["tried"] & pf.Rule.QUIET_SUN
        assert cube.sizes["wavelength"] == 240
        onset = cube["t_onset"].values
        if name.startswith("PF"):
            assert np.nanmin(onset) < -1000
            assert np.nanmax(onset) > 300
        else:
            assert np.isnan(onset).all()


def test_asking_again_reads_and_does_not_make(study, monkeypatch):
    study.cubes()

    def never(*_arguments, **_keywords):
        raise AssertionError("made again")

    monkeypatch.setattr("preflare.study.clean_observation", never)
    monkeypatch.setattr("preflare.twin.simulate._make", never)
    again = pf.Study(cache=study.cache)
    assert again.cube("PF 3").identical(study.cube("PF 3"))


def test_truth_and_cube_share_their_index(study):
    truth, cube = study.truth("PF 3"), study.cube("PF 3")
    assert dict(truth.sizes) == dict(cube.sizes)
    assert truth.attrs["kinds"][0] == "none"


def test_the_table_counts_every_spectrum_once(study):
    table = study.table()
    assert len(table) == 37
    assert table["spectra"].sum() == pytest.approx(100_000, rel=0.1)
    assert (table["kept"] < table["spectra"]).all()
    assert (table["kept"] > 50).all()
    assert table["quiet sun"].sum() > 0


def test_context_comes_with_an_observation(study):
    assert study.slit_jaw("AR 2").channel == "SJI_2796"
    assert len(study.goes("AR 2")) > 100
    assert study.rasters("AR 2")[0].positions == 4


def test_another_seed_is_another_study(study):
    other = pf.Study(seed=1, cache=study.cache)
    assert other.files("AR 3") != study.files("AR 3")
    assert "seed=1" in repr(other)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"source": "moon"}, "no source 'moon'"),
        ({"source": "iris"}, "no source 'iris'"),
        ({"profile": "huge"}, "no profile 'huge'"),
        ({"seed": -1}, "seed -1"),
        ({"seed": 1.5}, "seed 1.5"),
        ({"seed": True}, "seed True"),
    ],
)
def test_settings_that_make_no_sense_are_one_sentence(settings, said):
    with pytest.raises(StudyError, match=said):
        pf.Study(**settings)


def test_a_cache_that_cannot_be_written_is_one_sentence(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(pf.PreflareError, match="cannot be written"):
        pf.Study(cache=blocked).files("AR 3")


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("PREFLARE_CACHE", str(tmp_path))
    assert pf.Study().cache == tmp_path
    assert pf.Study(cache=tmp_path / "mine").cache == tmp_path / "mine"
