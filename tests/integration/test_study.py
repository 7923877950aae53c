from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import preflare as pf
from preflare.errors import StudyError
from preflare.labelled import LabelledSpectra
from preflare.partitions import random_partitions
from preflare.sizes import SIZES, Size
from preflare.splits import balanced_split

SMALL = Size(spectra=200, training=2_000, splits=4, members=2, epochs=20)


@pytest.fixture
def small(study, monkeypatch):
    """Give a study of few spectra and short trainings, with the cubes of the other."""
    monkeypatch.setitem(SIZES, "quick", SMALL)
    return pf.Study(cache=study.cache)


def never(*_arguments, **_keywords):
    raise AssertionError("made again")


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
    monkeypatch.setattr("preflare.observed.clean_observation", never)
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


def test_spectra_are_drawn_from_every_cube_once(small, monkeypatch):
    data = small.spectra()
    np.testing.assert_array_equal(
        data.spectra, LabelledSpectra.drawn(small.cubes(), SMALL.spectra, small.seed).spectra
    )
    assert data.classes == {each.name: each.kind == "PF" for each in pf.read_observations()}
    assert pd.Series(data.observation).value_counts().max() == SMALL.spectra
    monkeypatch.setattr(LabelledSpectra, "drawn", never)
    monkeypatch.setattr(pf.Study, "cubes", never)
    for again in (small, pf.Study(cache=small.cache)):
        np.testing.assert_array_equal(again.spectra().spectra, data.spectra)
        np.testing.assert_array_equal(again.spectra().place, data.place)
    small.size = replace(SMALL, spectra=150)
    with pytest.raises(AssertionError, match="made again"):
        small.spectra()


def test_partitions_are_random_ones_of_all_observations(small):
    partitions, data = small.partitions(), small.spectra()
    assert partitions == random_partitions(data.classes, SMALL.splits, test=5, seed=small.seed)
    assert {len(each.train + each.test) for each in partitions} == {37}
    assert pf.Study(cache=small.cache).partitions() == partitions


def test_a_split_is_balanced_and_of_its_partition(small):
    data = small.spectra()
    for partition in small.partitions():
        split = small.split(partition)
        wanted = balanced_split(
            partition, data.classes, data.observation, small.seed, at_most=SMALL.training
        )
        for side, places in split.sides.items():
            np.testing.assert_array_equal(places, wanted.sides[side])
            assert set(data.observation[places]) == set(partition.sides[side])
            assert data.labels[places].mean() == 0.5
        assert split.train.size <= SMALL.training


def test_a_swarm_is_trained_once_for_the_same_splits_and_members(small, monkeypatch):
    data, splits = small.spectra(), [small.split(each) for each in small.partitions()]
    asked = [(splits, None, 0.0), (splits[0], None, 0.0), (splits[0], 3, 0.0), (splits[0], 3, 0.1)]
    swarms = [small.train(*each) for each in asked]
    assert [len(swarm) for swarm in swarms] == [SMALL.splits, SMALL.members, 3, 3]
    assert not np.array_equal(swarms[2].weights, swarms[3].weights)
    for (split, _, penalty), swarm in zip(asked, swarms, strict=True):
        settings = {"members": len(swarm), "epochs": SMALL.epochs, "penalty": penalty}
        direct = pf.Swarm.train(data.spectra, data.labels, split, seed=small.seed, **settings)
        np.testing.assert_array_equal(swarm.weights, direct.weights)
    monkeypatch.setattr(pf.Swarm, "train", never)
    for again in (small, pf.Study(cache=small.cache)):
        for each, swarm in zip(asked, swarms, strict=True):
            np.testing.assert_array_equal(again.train(*each).weights, swarm.weights)
            assert again.train(*each).report().equals(swarm.report())
    single = ([splits[0]],)
    for other in ((splits[::-1],), (splits[:2],), single, (splits[0], 4), (splits, None, 1)):
        with pytest.raises(AssertionError, match="made again"):
            small.train(*other)


def test_the_partition_with_the_best_skill_is_chosen(small):
    data, partitions = small.spectra(), small.partitions()
    splits = [small.split(each) for each in partitions]
    scores = []
    for number, split in enumerate(splits):
        called = small.train(splits).predict(data.spectra[split.test])[number] > 0.5
        scores.append(pf.true_skill_statistic(data.labels[split.test], called))
    assert len(set(scores)) > 1
    assert small.chosen() == partitions[int(np.argmax(scores))]


def test_the_swarm_learns_from_the_chosen_partition(small, monkeypatch):
    data, split = small.spectra(), small.split(small.chosen())
    swarm = small.swarm()
    direct = pf.Swarm.train(
        data.spectra, data.labels, split, members=SMALL.members, epochs=SMALL.epochs
    )
    np.testing.assert_array_equal(swarm.weights, direct.weights)
    monkeypatch.setattr(pf.Swarm, "train", never)
    np.testing.assert_array_equal(pf.Study(cache=small.cache).swarm().weights, swarm.weights)


def test_another_seed_is_another_study(study):
    other = pf.Study(seed=1, cache=study.cache)
    assert other.files("AR 3") != study.files("AR 3")
    assert "seed=1" in repr(other)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"source": "moon"}, "no source 'moon'"),
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


def test_the_largest_product_is_begun_first(tmp_path):
    study, begun = pf.Study(cache=tmp_path), []

    def make(name, path, _):
        begun.append(name)
        return path

    sizes = {"short": 1, "long": 3, "middling": 2}
    paths = {name: tmp_path / name for name in sizes}
    told = []
    study._made(make, paths, lambda: None, sizes.__getitem__, told.append)
    assert begun == ["long", "middling", "short"]
    assert told == [paths[name] for name in begun]
