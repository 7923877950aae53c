"""An archive on bad days: whoever asks until it behaves has what an undisturbed fetch brings."""

import gzip
import random
import tarfile
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from astropy.io import fits

import preflare as pf
from preflare import fetching, manifest
from preflare.archive import search
from preflare.errors import ArchiveError
from preflare.fetching import fetch
from preflare.manifest import Manifest
from tests.archive_server import (
    HASTY,
    dripping,
    dropped,
    event,
    found,
    packed,
    raster_of,
    redirect,
    reply,
    says,
    silent,
    slit_jaw_of,
    status,
    whole,
)

PF_14, AR_3 = "20140329_140938_3860258481", "20150521_185917_3800507454"
SEARCH = "/hek/hcr"
START, STOP = datetime(2014, 3, 29, 14), datetime(2014, 3, 29, 18)
DAYS = {False: 8, True: 80}
LIMIT = 10**7
CHANCE = 0.9
"""That an answer is a bad one, as long as bad ones are left."""
OFTEN = 300
"""More often than this nobody asks."""


def pytest_generate_tests(metafunc):
    if "day" in metafunc.fixturenames:
        metafunc.parametrize("day", range(DAYS[metafunc.config.getoption("--thorough")]))


class Moody:
    """Answers badly some times, in ways drawn at random, and well for good after that."""

    def __init__(self, rng, good, bad, times):
        self.rng, self.good, self.left = rng, good, times
        self.bad = [(kind, answer) for kind, each in bad.items() for answer in each.values()]
        self.met = Counter()
        self.lock = threading.Lock()

    def __call__(self, request):
        answer = self.good
        with self.lock:
            if self.left and (not self.met or self.rng.random() < CHANCE):
                self.left -= 1
                kind, answer = self.rng.choice(self.bad)
                self.met[kind] += 1
        answer(request)


def link():
    member = tarfile.TarInfo("a.fits")
    member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return member


def bomb():
    member = tarfile.TarInfo(f"iris_l2_{PF_14}_raster_t000_r00000.fits")
    member.size = 10**12
    return gzip.compress(member.tobuf())


def flipped(content, rng):
    """One bit, behind the head of a gzip file, of which some bytes do not matter."""
    wrong = bytearray(content)
    wrong[rng.randrange(100, len(wrong))] ^= 1 << rng.randrange(8)
    return bytes(wrong)


def another_part(content):
    """Go on at another place than was asked for."""

    def answer(request):
        first = len(content) // 3
        span = f"bytes {first}-{len(content) - 1}/{len(content)}"
        ranged = "Range" in request.headers
        reply(request, 206 if ranged else 500, content[first:], Content_Range=span, ETag='"one"')

    return answer


def of_any_file(content, rng, path):
    """Bad answers where a file of the archive is asked for."""
    cut = rng.randrange(1, len(content))
    other = flipped(content, rng)
    return {
        "answers that are none": {
            "500": status(500),
            "502": status(502),
            "503 that asks to wait": status(503, Retry_After=0),
            "503 for hours": status(503, Retry_After=7200),
            "429": status(429),
            "403": status(403),
            "silence": silent,
            "a byte at a time": dripping(content),
        },
        "broken connections": {
            "anywhere": dropped(content, cut),
            "at once": dropped(content, 0),
            "of a newer file": dropped(other, cut, etag='"zero"'),
            "of another file under the same name": dropped(other, cut),
            "with nothing to go on with": dropped(content, cut, etag=None),
        },
        "lies": {
            "another part": another_part(content),
            "too long": says(content, Content_Length=len(content) + 9, Connection="close"),
            "too short": says(content[:cut]),
            "beyond all limits": says(content, Content_Length=10**12),
        },
        "redirects": {
            "in a circle": redirect(path),
            "to plain http": redirect("http://example.org/a.gz"),
            "to a file": redirect("file:///etc/passwd"),
            "to nowhere": redirect("https://["),
        },
        "damaged or hostile files": {
            "a bit flipped": says(other),
            "a web page": says(b"<html>we are moving</html>"),
            "nothing": says(b""),
        },
    }


def of_rasters(content, rng):
    """Bad answers where all rasters of an observation are asked for."""
    name = f"iris_l2_{PF_14}_raster_t000_r00000.fits"
    sample = pf.shipped(pf.SAMPLE_RASTER).read_bytes()[:-99_999]
    hostile = {
        "climbs out": packed([("../../x.fits", b"")]),
        "an absolute name": packed([("/tmp/x.fits", b"")]),
        "a link": packed([(link(), b"")]),
        "a name twice": packed([(name, b"1"), (name, b"2")]),
        "a bomb": bomb(),
        "an empty archive": packed([]),
        "another observation": packed([(name.replace(PF_14, AR_3), b"")]),
        "a raster cut off": packed([(name, sample)]),
        "a raster that is none": packed([(name, b"x" * 3000)]),
        "no archive": gzip.compress(b"hello" * 300),
    }
    bad = of_any_file(content, rng, raster_of(PF_14))
    bad["answers that are none"] |= {"404": status(404), "410": status(410)}
    bad["damaged or hostile files"] |= {each: says(answer) for each, answer in hostile.items()}
    return bad


OF_SEARCHES = {
    "searches that fail": {
        "500": status(500),
        "silence": silent,
        "a web page": says(b"<html>Sorry</html>"),
        "a part of an answer": says(b'{"Events": [{"instrument": "IR'),
        "something else": says(b'{"Results": []}'),
        "403": status(403),
    }
}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """What the archive has of PF 14: all its rasters in one file, and slit-jaw images."""
    sample = pf.shipped(pf.SAMPLE_RASTER)
    path = tmp_path_factory.mktemp("served") / "raster.fits"
    files = []
    with fits.open(sample) as hdus:
        for number in range(2):
            window = fits.ImageHDU(hdus[1].data[:, 500:520], hdus[1].header.copy())
            hdus[2].data[:, hdus[2].header["TIME"]] += 75.0 * number
            fits.HDUList([hdus[0], window, *hdus[2:]]).writeto(path, overwrite=True)
            files.append((f"iris_l2_{PF_14}_raster_t000_r{number:05d}.fits", path.read_bytes()))
    images = next(pf.shipped("iris").glob("*_SJI_*.fits")).read_bytes()
    return packed(files), gzip.compress(images, 1, mtime=0)


@pytest.fixture
def clock(monkeypatch):
    """Stop the clock of manifests, which are then the same if all else is."""
    for module in (manifest, fetching):
        monkeypatch.setattr(module, "now", lambda: "2026-01-01T00:00:00")


def tree(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def insisted(ask, said):
    """Ask until there is an answer, as a user would; note what is said each time."""
    for _ in range(OFTEN):
        try:
            return ask()
        except ArchiveError as error:
            said.append(str(error))
    raise AssertionError(f"asked {OFTEN} times: {said[-1]}")


def test_a_fetch_that_is_asked_for_often_enough_is_undisturbed(
    archive, served, clock, tmp_path, day, survived
):
    rasters, images = served
    rng = random.Random(day)
    archive.put(SEARCH, found(event(PF_14)))
    archive.put(raster_of(PF_14), whole(rasters))
    archive.put(slit_jaw_of(PF_14), whole(images))

    def fetched(folder, said):
        def ask():
            (there,) = search(START, STOP, server=archive.url, patience=HASTY).observations
            came = fetch(there, folder, limit=LIMIT, patience=HASTY)
            assert came.notes == ()
            return came

        # Until the whole of it is there, nothing of it is.
        def watched():
            try:
                return ask()
            except ArchiveError:
                if len(users) == 1:
                    assert all(name.startswith("downloads/") for name in tree(folder))
                raise

        return insisted(watched, said)

    users = [0]
    fetched(tmp_path / "undisturbed", [])
    expected = tree(tmp_path / "undisturbed")
    assert len(expected) == 4

    # Images that are told to be missing are, so far as anybody can know: nobody asks again.
    moods = [
        Moody(rng, found(event(PF_14)), OF_SEARCHES, 2),
        Moody(rng, whole(rasters), of_rasters(rasters, rng), 10),
        Moody(rng, whole(images), of_any_file(images, rng, slit_jaw_of(PF_14)), 4),
    ]
    for path, mood in zip((SEARCH, raster_of(PF_14), slit_jaw_of(PF_14)), moods, strict=True):
        archive.put(path, mood)
    users, said = range(2 if day % 4 == 3 else 1), []
    with ThreadPoolExecutor(len(users)) as pool:
        came = list(pool.map(lambda _: fetched(tmp_path / "disturbed", said), users))

    assert sum(each.fresh for each in came) == 1
    assert tree(tmp_path / "disturbed") == expected
    assert Manifest(tmp_path / "disturbed").faults(PF_14, thorough=True) == []
    assert [each for each in said if "\n" in each or not each.endswith(".")] == []
    met = sum((mood.met for mood in moods), Counter())
    assert met
    survived("faults of the archive", met.total())
    for kind, times in met.items():
        survived(f"faults of the archive, {kind}", times)
