from datetime import timedelta

import astropy.units as u
import pytest

import preflare as pf
from preflare.errors import CatalogueError


def test_table_a1_is_complete_and_numbered_as_in_the_paper():
    names = [row.name for row in pf.read_observations()]
    assert names == [f"PF {n}" for n in range(1, 20)] + [f"AR {n}" for n in range(1, 19)]


def test_classes_go_with_flares():
    for row in pf.read_observations():
        assert (row.flare_class[:1] in ("M", "X")) == (row.kind == "PF")
        assert bool(row.flare_class) == (row.kind == "PF")


def test_mode_in_words_and_steps_agree():
    for row in pf.read_observations():
        assert row.sit_and_stare == row.mode.endswith("sit-and-stare")
        if not row.sit_and_stare:
            assert f" {row.steps}-step raster" in row.mode


def test_ids_are_unique_and_end_with_the_obsid():
    rows = pf.read_observations()
    assert len({row.observation_id for row in rows}) == len(rows)
    for row in rows:
        assert row.observation_id == f"{row.id_start:%Y%m%d_%H%M%S}_{row.obsid}"


def test_disagreeing_times_are_kept_and_noted():
    late = [
        row.name
        for row in pf.read_observations()
        if not timedelta(0) <= row.id_start - row.start < timedelta(minutes=1)
    ]
    noted = [row.name for row in pf.read_observations() if row.note]
    assert late == noted == ["PF 9", "PF 10"]


def test_units():
    row = pf.observation("AR 3")
    assert row.cadence == 5 * u.s
    assert (row.x, row.y) == (-382 * u.arcsec, 398 * u.arcsec)


def test_look_up_by_id_and_unknown_names():
    assert pf.observation("20140329_140938_3860258481").name == "PF 14"
    with pytest.raises(CatalogueError, match=r"no observation 'PF 20'"):
        pf.observation("PF 20")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("no table", "cannot be read as an ECSV table"),
        (
            "# %ECSV 1.0\n# ---\n# datatype:\n# - {name: kind, datatype: string}\nkind\nPF\n",
            "lacks",
        ),
    ],
)
def test_bad_catalogues_are_refused(tmp_path, text, reason):
    path = tmp_path / "table.ecsv"
    path.write_text(text)
    with pytest.raises(CatalogueError, match=reason):
        pf.read_observations(path)


def test_a_catalogue_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(CatalogueError, match="no such file"):
        pf.read_observations(tmp_path / "none.ecsv")
