"""Which observations there are, and where; an answer leads nowhere else."""

import re
from datetime import datetime

import pytest

from preflare.archive import MOST_FOUND, SERVER, moment, remote, search, started
from preflare.errors import ArchiveError
from tests.archive_server import HASTY, event, folder_of, found, says, silent, status

PF_14, AR_3 = "20140329_140938_3860258481", "20150521_185917_3800507454"
START, STOP = datetime(2014, 3, 29), datetime(2014, 3, 30, 0, 0, 1)
SEARCH = "/hek/hcr"


@pytest.fixture
def ask(archive):
    def ask(*answers):
        archive.put(SEARCH, *answers)
        return search(START, STOP, server=archive.url, patience=HASTY)

    return ask


def test_addresses_follow_from_the_observation_id():
    # As in irispy's gallery, which downloads these files.
    gallery = "https://www.lmsal.com/solarsoft/irisa/data/level2_compressed"
    there = remote("20180102_153155_3610108077")
    assert there.raster == (
        f"{gallery}/2018/01/02/20180102_153155_3610108077/"
        "iris_l2_20180102_153155_3610108077_raster.tar.gz"
    )
    assert remote("20140919_051712_3860608353").slit_jaws[2] == (
        f"{gallery}/2014/09/19/20140919_051712_3860608353/"
        "iris_l2_20140919_051712_3860608353_SJI_2832_t000.fits.gz"
    )
    assert there.slit_jaws[0].endswith("SJI_2796_t000.fits.gz")
    assert not there.known


def test_another_server_has_the_same_tree():
    there = remote(PF_14, "http://localhost:8000/")
    assert there.raster.startswith(f"http://localhost:8000{folder_of(PF_14)}/iris_l2_")


@pytest.mark.parametrize(
    "name",
    ["", "PF 14", "20140329_140938", "20149999_140938_3860258481", f"../{PF_14}", f"{PF_14}/..",
     f"{PF_14}\n", "20140329_250938_3860258481", "２0140329_140938_3860258481"],
)  # fmt: skip
def test_what_is_no_observation_id_is_one_sentence(name):
    with pytest.raises(ArchiveError, match="is no observation id"):
        remote(name)


def test_the_start_is_in_the_id():
    assert started(AR_3) == datetime(2015, 5, 21, 18, 59, 17)


def test_a_search_finds_observations_in_order_of_time(ask):
    result = ask(found(event(AR_3), event(PF_14)))
    assert [each.observation_id for each in result.observations] == [PF_14, AR_3]
    assert result.without == ()


def test_a_search_asks_for_whole_minutes_and_what_begins_in_the_last(ask, archive):
    ask(found(event(PF_14)))
    query = archive.asked[SEARCH][0]["query"]
    assert query["startTime"] == ["2014-03-29T00:00"]
    assert query["stopTime"] == ["2014-03-30T00:01"]
    assert query["cmd"] == ["search-events3"]
    assert query["outputformat"] == ["json"]
    assert query["hasData"] == ["true"]


def test_a_search_knows_the_channels_and_prefers_that_of_mg(ask):
    files = ("SJI_1330_t000.fits.gz", "SJI_2796_t000.fits.gz", "raster.tar.gz",
             "SJI_1400_t000_deconvolved.fits.gz")  # fmt: skip
    (there,) = ask(found(event(PF_14, files=files))).observations
    assert [re.search("SJI_....", each)[0] for each in there.slit_jaws] == ["SJI_2796", "SJI_1330"]
    assert there.known


def test_answers_give_names_and_no_addresses(ask, archive):
    evil = event(PF_14)
    for group in evil["groups"]:
        group["comp_data_url"] = group["comp_data_url"].replace("www.lmsal.com", "evil.org")
    (there,) = ask(found(evil)).observations
    assert there.raster == f"{archive.url}{folder_of(PF_14)}/iris_l2_{PF_14}_raster.tar.gz"


def test_a_tree_that_is_not_public_is_no_obstacle(ask, archive):
    hidden = event(PF_14)
    for group in hidden["groups"]:
        group["comp_data_url"] = group["comp_data_url"].replace("/data/", "/data_lmsal/")
    assert "/data/" in ask(found(hidden)).observations[0].raster


def test_what_has_no_final_raster_is_told(ask):
    preliminary = event(PF_14)
    for group in preliminary["groups"]:
        group["comp_data_url"] = group["comp_data_url"].replace("level2_", "level2_nrt_")
    images = event(AR_3, files=("SJI_2796_t000.fits.gz",))
    result = ask(found(preliminary, images, {"groups": None}, {"groups": [1, {}]}, {}))
    assert result.observations == ()
    assert result.without == (
        "2014-03-29 14:09:00", "2015-05-21 18:59:00", "number 3", "number 4", "number 5",
    )  # fmt: skip


def test_events_of_other_instruments_are_passed_by(ask):
    result = ask(found(event(PF_14, instrument="XRT")))
    assert (result.observations, result.without) == ((), ())


def test_an_empty_answer_finds_nothing(ask):
    assert ask(found()).observations == ()


@pytest.mark.parametrize(
    ("content", "what"),
    [(b"<html>Sorry</html>", "a web page"), (b"", "something else"), (b"{", "something else"),
     (b"{}", "something else"), (b"[]", "something else"), (b'{"Events": 3}', "something else"),
     (b'{"Events": ["a"]}', "something else"), (b"\xff\xfe", "something else"),
     (b"[" * 10**5, "something else")],
    ids=["html", "empty", "cut", "fields", "list", "number", "strings", "bytes", "deep"],
)  # fmt: skip
def test_an_answer_that_is_no_list_of_observations_is_one_sentence(ask, content, what):
    with pytest.raises(ArchiveError, match=f"answers with {what} instead of a list"):
        ask(says(content))


def test_a_search_that_may_have_been_cut_short_is_refused(ask):
    with pytest.raises(ArchiveError, match="choose a shorter time"):
        ask(found(*[{}] * MOST_FOUND))


def test_a_busy_service_is_asked_again_and_a_silent_one_given_up(ask):
    assert ask(status(500), found(event(PF_14))).observations
    with pytest.raises(ArchiveError, match="does not answer in time"):
        ask(silent)


def test_times_out_of_order_are_one_sentence():
    with pytest.raises(ArchiveError, match="give the earlier one first"):
        search(STOP, START)


def test_the_mission_is_asked_over_tls():
    assert SERVER.startswith("https://")
    with pytest.raises(ArchiveError, match="not protected by TLS"):
        search(START, STOP, server="http://www.lmsal.com")


@pytest.mark.parametrize(
    ("text", "iso"),
    [("2014-03-29", "2014-03-29T00:00:00"), ("2014-03-29T17:35Z", "2014-03-29T17:35:00"),
     ("2014-03-29 17:35+01:00", "2014-03-29T16:35:00")],
)  # fmt: skip
def test_a_time_is_utc(text, iso):
    assert moment(text).isoformat() == iso


@pytest.mark.parametrize("text", ["", "noon", "2014-13-01", "nan"])
def test_what_is_no_time_is_one_sentence(text):
    with pytest.raises(ArchiveError, match="is no time"):
        moment(text)
