"""From the archive to a study: `preflare fetch` against a server that plays the mission's."""

import gzip
import shutil
import tarfile
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from click.testing import CliRunner

import preflare as pf
from preflare import connection, fetching, xrays
from preflare.archive import remote
from preflare.cli import main
from preflare.connection import Patience
from preflare.errors import StudyError
from preflare.manifest import Manifest
from tests.archive_server import (
    dropped,
    event,
    found,
    packed,
    raster_of,
    redirect,
    says,
    slit_jaw_of,
    status,
    whole,
)
from tests.warm import preflare

PF_14, AR_3 = "20140329_140938_3860258481", "20150521_185917_3800507454"
CADENCE = 75.0
IMAGES = next(pf.shipped("iris").glob("*_SJI_*.fits"))


@pytest.fixture
def rasters(write_raster, tmp_path):
    """Give a function that makes the rasters of an observation, one every 75 s."""

    def make(observation_id=PF_14, count=4, dates=True, **settings):
        files = []
        day = f"{observation_id[:4]}-{observation_id[4:6]}-{observation_id[6:8]}"
        start = f"{day}T{observation_id[9:11]}:{observation_id[11:13]}:{observation_id[13:15]}.83"
        for number in range(count):
            name = f"iris_l2_{observation_id}_raster_t000_r{number:05d}.fits"
            begins = 0.17 + CADENCE * number
            path = write_raster(name=name, start=start, begins=begins, **settings)
            fits.setval(path, "OBSID", value=observation_id[-10:])
            if dates:
                first = np.datetime64(start, "ms") + np.timedelta64(int(1000 * begins), "ms")
                fits.setval(path, "DATE_OBS", value=str(first))
                fits.setval(path, "DATE_END", value=str(first + np.timedelta64(27, "s")))
            files.append((name, path.read_bytes()))
            path.unlink()
        return files

    return make


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PREFLARE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(connection, "PATIENT", Patience(pause=0.001, longest=0.5))
    return tmp_path / "cache"


@pytest.fixture
def fetch(archive, cache):
    def fetch(*arguments, code=0):
        every = ["fetch", "--server", archive.url, "--timeout", "0.5", "--attempts", "3"]
        came = CliRunner().invoke(main, [*every, *map(str, arguments)], catch_exceptions=False)
        assert came.exit_code == code, came.output
        if code == 1:
            assert "Traceback" not in came.stderr
            assert came.stderr.startswith("preflare: ")
        return came

    return fetch


@pytest.fixture
def served(archive, rasters):
    """Put PF 14 on the server: four rasters, and slit-jaw images."""
    content = packed(rasters())
    archive.put(raster_of(PF_14), whole(content))
    archive.put(slit_jaw_of(PF_14), whole(gzip.compress(IMAGES.read_bytes(), 1)))
    return content


def names(cache, observation_id=PF_14):
    return sorted(path.name for path in (cache / "archive" / observation_id).iterdir())


def left(cache):
    folder = cache / "archive"
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_an_observation_is_fetched_by_name_and_is_that_of_the_study(fetch, served, cache):
    said = fetch("PF 14").stdout
    assert "4 rasters" in said
    study = pf.Study(source="iris", cache=cache)
    assert [each.name for each in study.observations()] == ["PF 14"]
    assert study.cube("PF 14").sizes["time"] == 4
    assert study.slit_jaw("PF 14").channel == "SJI_2796"
    assert np.isnan(study.cube("PF 14").t_onset).all()
    assert study.goes("PF 14") is None


def test_a_user_is_not_warned_of_anything(archive, served, cache):
    came = preflare("fetch", "PF 14", "--server", archive.url)
    assert (came.returncode, came.stderr) == (0, "")
    assert came.stdout.startswith(str(cache / "archive" / PF_14))


def test_the_manifest_says_where_each_file_came_from(fetch, served, cache, archive):
    fetch(PF_14)
    holding = Manifest(cache / "archive").holdings()[PF_14]
    assert {entry.address for entry in holding.entries} == {
        archive.url + raster_of(PF_14),
        archive.url + slit_jaw_of(PF_14),
    }
    assert sum(not entry.file for entry in holding.entries) == 2
    assert {entry.member for entry in holding.files() if "_raster_" in entry.file} == {
        f"iris_l2_{PF_14}_raster_t000_r{number:05d}.fits" for number in range(4)
    }
    assert [path for path in left(cache) if not path.startswith(PF_14)] == ["manifest.json"]
    fetch("--check")


def test_what_is_there_is_not_fetched_again(fetch, served, archive):
    fetch("PF 14")
    count = len(archive.asked[raster_of(PF_14)])
    assert "was there" in fetch("PF 14", "--to", "2014-03-29T14:12").stdout
    assert len(archive.asked[raster_of(PF_14)]) == count
    fetch("PF 14", "--force")
    assert len(archive.asked[raster_of(PF_14)]) == count + 1


WINDOW = ("--from", "2014-03-29T14:10:50", "--to", "2014-03-29T14:12:20")
"""From within the pause after the first raster to within the third."""


@pytest.mark.parametrize("dates", [True, False], ids=["by its header", "by its exposures"])
def test_only_rasters_of_the_window_are_kept(fetch, archive, rasters, cache, dates):
    archive.put(raster_of(PF_14), whole(packed(rasters(dates=dates))))
    came = fetch("PF 14", *WINDOW, "--no-slit-jaw")
    assert "2 rasters, 2 of another time left out" in came.stdout
    assert [name[-11:] for name in names(cache)] == ["r00001.fits", "r00002.fits"]


def test_what_a_header_says_to_be_of_another_time_is_not_read(fetch, archive, rasters, cache):
    """A raster that is damaged, but not in its header, hours after the window."""
    files = rasters()
    header = fits.Header.fromstring(files[3][1][:2880])
    header["DATE_OBS"] = header["DATE_END"] = "2014-03-29T17:00:00"
    files[3] = (files[3][0], header.tostring().encode() + b"damaged")
    archive.put(raster_of(PF_14), whole(packed(files)))
    assert "2 rasters, 2 of another time" in fetch("PF 14", *WINDOW, "--no-slit-jaw").stdout
    assert (
        "r00003.fits is damaged, what begins at its byte 2880 is no header"
        in fetch("PF 14", code=1).stderr
    )


@pytest.mark.parametrize("date", ["", "?", "2014-03-29T14:10:00+05", "NaT", 7, True])
def test_what_a_header_says_without_sense_is_passed_by(fetch, archive, rasters, cache, date):
    files = rasters(count=2)
    header = fits.Header.fromstring(files[1][1][:2880])
    header["DATE_OBS"] = date
    files[1] = (files[1][0], header.tostring().encode() + files[1][1][2880:])
    archive.put(raster_of(PF_14), whole(packed(files)))
    assert "1 rasters, 1 of" in fetch("PF 14", *WINDOW, "--no-slit-jaw").stdout


def test_the_last_exposure_counts_though_its_header_ends_where_that_begins(
    fetch, archive, tmp_path, cache
):
    path = tmp_path / RASTER
    shutil.copy(pf.shipped(pf.SAMPLE_RASTER), path)
    last = pf.read_raster(path).time[-1].astype("datetime64[ms]")
    fits.setval(path, "DATE_END", value=str(last))
    archive.put(raster_of(PF_14), whole(packed([(RASTER, path.read_bytes())])))
    # Exposures take 8 s.
    fetch("PF 14", "--no-slit-jaw", "--from", last + np.timedelta64(7, "s"))
    assert names(cache) == [RASTER]
    fetch("PF 14", "--force", "--from", last + np.timedelta64(9, "s"), code=1)


def test_two_at_once_fetch_it_once(served, archive, cache):
    def one(_):
        return fetching.fetch(remote(PF_14, archive.url), cache / "archive", limit=10**8).fresh

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(one, range(2))) == [False, True]
    assert len(archive.asked[raster_of(PF_14)]) == 1


def test_a_wider_window_is_fetched_anew(fetch, served, cache):
    fetch("PF 14", *WINDOW)
    fetch("PF 14", "--from", "2014-03-29T14:10:50")
    assert len(list((cache / "archive" / PF_14).glob("*raster*"))) == 3


def test_the_window_ends_at_the_onset(fetch, served, cache):
    fetch("PF 14", "--onset", "2014-03-29T14:12:00", "--window", "1.2")
    assert "r00001.fits" in names(cache)[1]
    study = pf.Study(source="iris", cache=cache)
    cube = study.cube("PF 14")
    assert cube.sizes["time"] == 1
    assert -72 < float(cube.t_onset[0, 0]) < 0


def test_a_new_onset_makes_a_new_cube_without_a_download(fetch, served, cache, archive):
    fetch("PF 14")
    study = pf.Study(source="iris", cache=cache)
    assert np.isnan(study.cube("PF 14").t_onset).all()
    fetch("PF 14", "--onset", "2014-03-29T14:20")
    assert (study.cube("PF 14").t_onset < 0).all()
    assert len(archive.asked[raster_of(PF_14)]) == 1


def test_mg_alone_is_kept_of_the_exposures_of_a_stare(fetch, archive, rasters, cache):
    (one,) = rasters(count=1, positions=1)
    archive.put(raster_of(PF_14), whole(packed([one])))
    fetch("PF 14", "--mg-only", "--no-slit-jaw", "--from", "2014-03-29T14:09:50")
    (path,) = (cache / "archive" / PF_14).iterdir()
    raster = pf.read_raster(path)
    assert raster.header["NWIN"] == 1
    # Exposures of 8 s begin every 9.4 s; the first ends before, the second lasts into the window.
    assert len(raster.time) == 2


def test_mg_alone_does_not_serve_who_wants_all(fetch, served, archive):
    fetch("PF 14", "--mg-only", "--no-slit-jaw")
    fetch("PF 14", "--mg-only", "--no-slit-jaw")
    assert len(archive.asked[raster_of(PF_14)]) == 1
    fetch("PF 14", "--no-slit-jaw")
    assert len(archive.asked[raster_of(PF_14)]) == 2


def test_observations_are_found_by_time(fetch, served, archive, cache):
    archive.put("/hek/hcr", found(event(PF_14), event(AR_3, files=())))
    came = fetch(*WINDOW)
    assert "2 rasters" in came.stdout
    assert "1 observations have no final rasters: 2015-05-21 18:59:00" in came.stderr


def test_a_dry_run_says_what_and_fetches_nothing(fetch, served, archive, cache):
    came = fetch("PF 14", "AR 3", "--dry-run", *WINDOW)
    assert came.stdout.splitlines() == [
        f"{archive.url}{raster_of(each)}  from 2014-03-29 14:10:50 to 2014-03-29 14:12:20"
        for each in (PF_14, AR_3)
    ]
    assert not cache.exists()
    assert len(fetch("--all", "--dry-run").stdout.splitlines()) == 37


def test_the_next_best_slit_jaw_images_are_taken_and_told_of(fetch, archive, served, cache):
    archive.put(slit_jaw_of(PF_14), status(404))
    archive.put(slit_jaw_of(PF_14, "1400"), whole(gzip.compress(IMAGES.read_bytes(), 1)))
    assert "slit-jaw images are of" in fetch("PF 14").stderr
    assert f"iris_l2_{PF_14}_SJI_1400_t000.fits" in names(cache)


def test_an_observation_without_slit_jaw_images_is_fetched_all_the_same(fetch, served, archive):
    archive.put(slit_jaw_of(PF_14), status(404))
    assert "there are no slit-jaw images" in fetch("PF 14").stderr
    with pytest.raises(StudyError, match="no slit-jaw images of PF 14"):
        pf.Study(source="iris").slit_jaw("PF 14")
    assert "was there" in fetch("PF 14").stdout


def test_of_several_one_that_fails_stops_none_other(fetch, served, cache):
    came = fetch("AR 3", "PF 14", code=1)
    assert "is not there" in came.stderr
    assert "1 of 2 observations were not fetched" in came.stderr
    assert "4 rasters" in came.stdout
    assert list(Manifest(cache / "archive").holdings()) == [PF_14]


def link(name="a.fits"):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return member


def other_member(content=b"", name="notes.txt"):
    return whole(packed([(name, content)]))


def bomb(request):
    member = tarfile.TarInfo(f"iris_l2_{PF_14}_raster_t000_r00000.fits")
    member.size = 10**12
    says(gzip.compress(member.tobuf()))(request)


RASTER = f"iris_l2_{PF_14}_raster_t000_r00000.fits"
FAULTS = {
    "404": (status(404), "is not there"),
    "403": (status(403), "answers 403"),
    "500": (status(500), "answers 500"),
    "503 for hours": (status(503, Retry_After=3600), "answers 503"),
    "web page": (says(b"<html>we are moving</html>"), "a web page"),
    "empty": (says(b""), "is empty"),
    "no tar": (says(gzip.compress(b"hello" * 300)), "damaged"),
    "empty tar": (whole(packed([])), "is empty"),
    "gzip cut off": (says(gzip.compress(bytes(99999))[:-9]), "damaged"),
    "redirect loop": (redirect(raster_of(PF_14)), "more than 5 times"),
    "redirect to a file": (redirect("file:///etc/passwd"), "no address of a server"),
    "redirect to plain http": (redirect("http://example.org/a"), "not protected by TLS"),
    "climbs out": (other_member(name="../../x.fits"), "would write outside"),
    "absolute": (other_member(name="/tmp/x.fits"), "would write outside"),
    "link": (whole(packed([(link(), b"")])), "holds a link"),
    "bomb": (bomb, "the limit is"),
    "other files": (other_member(b"x"), "holds no raster of"),
    "another observation": (
        other_member(name=f"iris_l2_{AR_3}_raster_t000_r00000.fits"),
        "holds no raster of",
    ),
    "no FITS": (other_member(b"x" * 3000, RASTER), f"{RASTER} is not a FITS file"),
    "a FITS file cut off": (
        other_member(pf.shipped(pf.SAMPLE_RASTER).read_bytes()[:-99999], RASTER),
        f"{RASTER} is truncated",
    ),
    "images, no spectra": (other_member(IMAGES.read_bytes(), RASTER), "no spectra"),
}


@pytest.mark.parametrize(("answer", "said"), FAULTS.values(), ids=FAULTS)
def test_every_fault_is_one_sentence_and_leaves_nothing(fetch, archive, cache, answer, said):
    archive.put(raster_of(PF_14), answer)
    came = fetch("PF 14", "--limit", "0.1", code=1)
    assert said in came.stderr
    assert came.stderr.count("\n") == 1
    assert left(cache) == []
    assert not (cache / "archive" / PF_14).exists()


def test_a_fault_leaves_what_was_there(fetch, served, archive, cache):
    fetch("PF 14")
    before = left(cache)
    archive.put(raster_of(PF_14), whole(packed([(link(), b"")])))
    fetch("PF 14", "--force", code=1)
    assert left(cache) == before
    fetch("--check")


def test_a_broken_slit_jaw_file_leaves_nothing(fetch, served, archive, cache):
    archive.put(slit_jaw_of(PF_14), says(gzip.compress(IMAGES.read_bytes(), 1)[:-9]))
    assert "damaged, its end is missing" in fetch("PF 14", code=1).stderr
    assert left(cache) == []


def test_an_interrupted_fetch_is_gone_on_with(fetch, served, archive, cache):
    archive.put(raster_of(PF_14), dropped(served, 5000))
    came = fetch("PF 14", code=1)
    assert "what has come so far is kept" in came.stderr
    archive.put(raster_of(PF_14), whole(served))
    fetch("PF 14")
    assert archive.asked[raster_of(PF_14)][-1]["Range"] == "bytes=5000-"
    assert len(names(cache)) == 5


def test_an_archive_that_changed_since_it_was_seen_is_told(fetch, served, archive, rasters, cache):
    fetch("PF 14", *WINDOW)
    archive.put(raster_of(PF_14), whole(packed(rasters(count=3))))
    assert "has changed since it was first fetched" in fetch("PF 14", code=1).stderr
    assert len(names(cache)) == 3
    fetch("PF 14", "--force")
    assert len(names(cache)) == 4
    fetch("--check")


def test_files_that_changed_on_the_disk_are_found(fetch, served, cache):
    fetch("PF 14")
    path = cache / "archive" / PF_14 / RASTER
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"x")
    assert f"{path} has changed" in fetch("--check", code=1).stderr
    path.write_bytes(content[:-1])
    assert "fetch it again by force" in fetch("PF 14", code=1).stderr
    with pytest.raises(StudyError, match="preflare fetch --force"):
        pf.Study(source="iris", cache=cache).cube("PF 14")
    path.unlink()
    with pytest.raises(StudyError, match="is missing"):
        pf.Study(source="iris", cache=cache).cube("PF 14")
    fetch("PF 14", "--force")
    fetch("--check")


def test_a_window_without_rasters_is_one_sentence(fetch, served, cache):
    said = fetch("PF 14", "--from", "2014-03-30", code=1).stderr
    assert "None of the 4 rasters" in said
    assert left(cache) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--from", "2014-03-29T14", "--to", "2014-03-28"], "give the earlier one first"),
        (["PF 14", "--from", "2014-03-29T14", "--to", "2014-03-28"], "the earlier one first"),
        (["PF 14", "--from", "noon"], "is no time"),
        (["AR 3", "--onset", "2014-03-29"], "is followed by no flare"),
        (
            ["20180102_153155_3610108077", "--goes", "--window", "5"],
            "ends is not known, as it is not in Table A1",
        ),
        (["PF 20"], "no observation 'PF 20'"),
        (["2014"], "is no observation id"),
        (["--check"], "holds nothing that was fetched"),
        (["PF 14", "--server", "http://www.lmsal.com"], "not protected by TLS"),
        (["PF 14", "--server", "lmsal"], "no address of a server"),
    ],
)
def test_bad_input_is_one_sentence(fetch, arguments, said):
    came = fetch(*arguments, code=1)
    assert said in came.stderr
    assert came.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [[], ["--from", "2014-03-29"], ["--all", "PF 14"], ["--onset", "2014-03-29", "--all"],
     ["PF 14", "--window", "5"], ["PF 14", "--limit", "0"],
     ["PF 14", "--onset", "2014", "--window", "nan"],
     ["PF 14", "--onset", "2014-03-29", "--window", "5", "--from", "2014-03-28"],
     ["PF 14", "--limit", "nan"], ["PF 14", "--limit", "inf"], ["PF 14", "--timeout", "inf"]],
)  # fmt: skip
def test_wrong_usage_is_told(fetch, arguments):
    assert "Error: " in fetch(*arguments, code=2).stderr


@pytest.mark.parametrize(
    ("answer", "said"),
    [(says(b"<html>"), "a web page instead of a list"), (says(b"{}"), "instead of a list"),
     (found(), "has no observation with rasters"), (status(500), "answers 500")],
)  # fmt: skip
def test_a_search_that_fails_is_one_sentence(fetch, archive, answer, said):
    archive.put("/hek/hcr", answer)
    assert said in fetch(*WINDOW, code=1).stderr


def test_an_output_that_is_a_file_is_one_sentence(fetch, served, tmp_path):
    (tmp_path / "file").touch()
    assert "cannot be" in fetch("PF 14", "--output", tmp_path / "file", code=1).stderr


def test_another_folder_can_be_named(fetch, served, tmp_path, cache):
    fetch("PF 14", "--output", tmp_path / "here")
    assert (tmp_path / "here" / PF_14 / RASTER).is_file()
    assert not (cache / "archive").exists()


def test_without_anything_fetched_the_cut_out_is_the_study(cache):
    study = pf.Study(source="iris", cache=cache)
    assert study.files("PF 14") == pf.shipped("iris")
    with pytest.raises(StudyError, match='run preflare fetch "AR 3"'):
        study.files("AR 3")


def test_with_another_observation_fetched_the_cut_out_can_still_be_asked_for(
    fetch, archive, rasters, cache
):
    archive.put(raster_of(AR_3), whole(packed(rasters(AR_3, count=1, positions=1))))
    fetch("AR 3", "--no-slit-jaw")
    study = pf.Study(source="iris", cache=cache)
    assert [each.name for each in study.observations()] == ["AR 3"]
    assert study.files("PF 14") == pf.shipped("iris")
    travelling = pf.Study(source="iris", cache=cache, fetched=False)
    assert [each.name for each in travelling.observations()] == ["PF 14"]
    assert not travelling.learns
    assert travelling.lacks.endswith("here are 1 PF and 0 AR, 1 of unknown onset.")


def test_a_study_learns_from_real_observations_when_there_are_enough(
    fetch, archive, rasters, cache
):
    every = pf.read_observations()
    chosen = [*every[:6], *every[19:25]]
    for each in chosen:
        observation_id = each.observation_id
        files = rasters(observation_id, count=1, positions=each.steps)
        archive.put(raster_of(observation_id), whole(packed(files)))
    fetch(*[each.name for each in chosen], "--no-slit-jaw")
    study = pf.Study(source="iris", cache=cache)
    assert [each.name for each in study.observations()] == [each.name for each in chosen]
    assert not study.learns
    assert study.lacks.endswith("here are 6 PF and 6 AR, 6 of unknown onset.")
    with pytest.raises(StudyError, match=r"When the flare of PF 1, PF 2, .* began is not known"):
        study.spectra()
    for each in chosen[:6]:
        fetch(each.name, "--no-slit-jaw", "--onset", each.id_start.replace(hour=23).isoformat())
    assert study.learns
    assert not study.lacks
    assert study.spectra().classes == {each.name: each.kind == "PF" for each in chosen}
    assert all(len(partition.test) == 10 for partition in study.partitions())


@pytest.fixture
def goes(monkeypatch):
    """Play NOAA, whose flux and flare list sunpy would bring."""
    minutes = pd.date_range("2014-03-29T14:00", "2014-03-29T14:30", freq="min")
    frame = pd.DataFrame({"xrsb": np.linspace(1e-6, 2e-6, 31), "xrsb_quality": 0}, minutes)
    frame.loc[minutes[10], "xrsb_quality"] = 1

    def flux(start, stop, downloads):
        return xrays.curve(frame, start, stop), ["https://www.ncei.noaa.gov/a.nc"]

    monkeypatch.setattr(xrays, "flux", flux)
    flares = [("C1.0", datetime(2014, 3, 29, 14, 11)), ("X1.0", datetime(2014, 3, 29, 14, 12))]
    monkeypatch.setattr(
        xrays, "flare_onset", lambda name, start: xrays.first_of_class(flares, name, start)
    )


def test_flux_and_onset_come_along(fetch, served, goes, cache):
    fetch("PF 14", "--goes", "--window", "1")
    study = pf.Study(source="iris", cache=cache)
    table = study.goes("PF 14")
    assert table.meta["onset"] == "2014-03-29T14:12:00"
    assert table.meta["flare_class"] == "X1.0"
    assert table.meta["left_out"] == 1
    assert len(table) == 10
    assert study.cube("PF 14").sizes["time"] == 1
    fetch("--check")
    fetch("PF 14", "--force")
    assert len(study.goes("PF 14")) == 10


def test_an_onset_that_cannot_be_looked_up_stops_no_other(fetch, served, goes, archive, rasters):
    archive.put(raster_of(AR_3), whole(packed(rasters(AR_3, count=2, positions=1))))
    came = fetch("PF 1", "PF 14", "AR 3", "--goes", "--window", "1.2", "--no-slit-jaw", code=1)
    assert "no M6.5 flare" in came.stderr
    # There is no flux of its time, but its rasters are here, all of them.
    assert "None of 0 minutes" in came.stderr
    assert "1 rasters, 3 of another time" in came.stdout


def test_flux_that_was_damaged_is_one_sentence(fetch, served, goes, cache):
    fetch("PF 14", "--goes", "--no-slit-jaw")
    (cache / "archive" / "goes" / f"{PF_14}.ecsv").write_text("not a table")
    with pytest.raises(StudyError, match=r"not what was fetched, .* bytes, not"):
        pf.Study(source="iris", cache=cache).goes("PF 14")
    assert "bytes, not" in fetch("--check", code=1).stderr


def test_without_sunpy_flux_is_refused_in_one_sentence(fetch, served, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sunpy.net", None)
    assert "pip install 'preflare[goes]'" in fetch("PF 14", "--goes", code=1).stderr
