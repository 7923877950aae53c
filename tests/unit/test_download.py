"""A download is whole and the right one, or it is refused in one sentence."""

import errno
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from preflare import download as downloading
from preflare.connection import MissingError, refuse_unsafe
from preflare.download import download, get
from preflare.errors import ArchiveError
from tests.archive_server import (
    HASTY,
    dripping,
    dropped,
    redirect,
    says,
    serving,
    silent,
    status,
    whole,
)

CONTENT = b"\x1f\x8b" + bytes(range(256)) * 2000
FILE = "/a.tar.gz"


@pytest.fixture
def fetch(archive, tmp_path):
    def fetch(*answers, limit=10**7, patience=HASTY, **settings):
        address = archive.put(FILE, *answers)
        return download(address, tmp_path / "a.tar.gz", limit=limit, patience=patience, **settings)

    return fetch


def left(folder):
    return sorted(path.name for path in folder.iterdir())


def assert_whole(came, folder):
    assert came.path.read_bytes() == CONTENT
    assert came.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert came.size == len(CONTENT)
    assert left(folder) == ["a.tar.gz"]


MENDED = {
    "at once": [whole(CONTENT)],
    "500, then success": [status(500), whole(CONTENT)],
    "502 twice": [status(502), status(502), whole(CONTENT)],
    "503 with Retry-After": [status(503, Retry_After=0), whole(CONTENT)],
    "429": [status(429), whole(CONTENT)],
    "dropped, then resumed": [dropped(CONTENT, 200_000), whole(CONTENT)],
    "dropped, changed": [dropped(CONTENT, 9, etag='"zero"'), whole(CONTENT)],
    "dropped, no ETag": [dropped(CONTENT, 9, etag=None), whole(CONTENT)],
    "dropped, weak ETag": [dropped(CONTENT, 9, etag='W/"one"'), whole(CONTENT)],
    "dropped, no ranges": [dropped(CONTENT, 9), whole(CONTENT, etag=None)],
    "dropped before all": [dropped(CONTENT, 0), whole(CONTENT)],
    "no answer": [silent, whole(CONTENT)],
    "too slow": [dripping(CONTENT), whole(CONTENT)],
    "no length": [says(CONTENT, Content_Length=None)],
    "called gzip by the server": [whole(CONTENT, Content_Encoding="gzip")],
    "wrong part": [
        dropped(CONTENT, 9),
        lambda request: whole(CONTENT)(request) if "Range" not in request.headers else
        status(206, Content_Range="bytes 5-6/7")(request),
    ],
}  # fmt: skip


@pytest.mark.parametrize("answers", MENDED.values(), ids=MENDED)
def test_a_file_comes_whole_whatever_had_to_be_mended(fetch, tmp_path, answers):
    assert_whole(fetch(*answers), tmp_path)


def test_only_the_rest_is_asked_for_when_a_connection_broke(fetch, archive, tmp_path):
    assert_whole(fetch(dropped(CONTENT, 200_000), whole(CONTENT)), tmp_path)
    again = archive.asked[FILE][1]
    assert again["Range"] == "bytes=200000-"
    assert again["If-Range"] == '"one"'


def test_progress_is_told_up_to_the_end(fetch):
    told = []
    fetch(dropped(CONTENT, 200_000), whole(CONTENT), progress=lambda *at: told.append(at))
    assert told[0] == (0, len(CONTENT))
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert [here for here, _ in told] == sorted(here for here, _ in told)


REFUSED = {
    "404": ([status(404)], "is not there, the server answers 404"),
    "410": ([status(410)], "is not there"),
    "403": ([status(403)], "cannot be fetched, the server answers 403"),
    "401": ([status(401)], "401"),
    "500 for good": ([status(500)], "answers 500"),
    "503 for hours": ([status(503, Retry_After=7200)], "answers 503"),
    "503 until a date": (
        [status(503, Retry_After="Fri, 31 Dec 2999 23:59:59 GMT")],
        "answers 503",
    ),
    "too large by its header": ([whole(CONTENT, Content_Length=10**12)], "the limit is 10.0 MB"),
    "a web page": ([says(b"<!doctype html><p>Sorry")], "is a web page"),
    "no gzip": ([says(b"SIMPLE  =")], "is no gzip file"),
    "nothing in it": ([says(b"")], "is empty"),
    "redirects in a loop": ([redirect(FILE)], "more than 5 times"),
    "redirect to a file": ([redirect("file:///etc/passwd")], "no address of a server"),
    "redirect to plain http": ([redirect("http://www.lmsal.com/a")], "not protected by TLS"),
    "redirect to nowhere": ([redirect("https://[")], "no address of a server"),
}


@pytest.mark.parametrize(("answers", "said"), REFUSED.values(), ids=REFUSED)
def test_what_no_second_try_mends_is_one_sentence_and_leaves_nothing(
    fetch, tmp_path, answers, said
):
    with pytest.raises(ArchiveError, match=re.escape(said)) as caught:
        fetch(*answers)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)
    assert left(tmp_path) == []


def test_a_missing_file_can_be_told_from_other_faults(fetch):
    with pytest.raises(MissingError):
        fetch(status(404))


def test_a_redirect_is_followed(fetch, archive, tmp_path):
    archive.put("/elsewhere", whole(CONTENT))
    assert_whole(fetch(redirect("/elsewhere", 301)), tmp_path)


def test_a_length_that_is_too_long_is_no_whole_file(fetch, tmp_path):
    with pytest.raises(ArchiveError, match=r"ends after|connection broke"):
        fetch(says(CONTENT, Content_Length=len(CONTENT) + 1, Connection="close", ETag='"x"'))
    assert "a.tar.gz" not in left(tmp_path)


def test_what_has_no_length_stops_at_the_limit(fetch, tmp_path):
    with pytest.raises(ArchiveError, match=r"the limit is 0\.1 MB"):
        fetch(says(CONTENT, Content_Length=None), limit=100_000)
    assert left(tmp_path) == []


def test_a_server_that_always_breaks_off_is_given_up_and_what_came_is_kept(fetch, tmp_path):
    with pytest.raises(ArchiveError, match="what has come so far is kept"):
        fetch(dropped(CONTENT, 1000, etag='"one"'))
    assert left(tmp_path) == ["a.tar.gz.part", "a.tar.gz.part.json"]
    assert_whole(fetch(whole(CONTENT)), tmp_path)


def test_a_server_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(ArchiveError, match="the server cannot be reached"):
        download("http://127.0.0.1:9/a.gz", tmp_path / "a.gz", limit=1, patience=HASTY)


def test_a_disk_without_room_is_told_before_the_download(fetch, tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(downloading.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ArchiveError, match=r"has room for 0\.0 MB"):
        fetch(whole(CONTENT))
    assert left(tmp_path) == []


def test_a_disk_that_fills_up_is_one_sentence(fetch, tmp_path, monkeypatch):
    def full(part, piece):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(downloading._Part, "takes", full)
    with pytest.raises(ArchiveError, match=r"cannot be written \(no space left on device\)"):
        fetch(whole(CONTENT))
    assert "a.tar.gz" not in left(tmp_path)


def test_a_server_that_does_not_speak_tls_is_not_trusted(archive, tmp_path):
    address = archive.put(FILE, whole(CONTENT)).replace("http://", "https://")
    with pytest.raises(ArchiveError, match="no connection to it can be trusted"):
        download(address, tmp_path / "a.gz", limit=10**7, patience=HASTY)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no certificate can be made")
def test_a_server_that_nobody_vouches_for_is_not_trusted(tmp_path):
    pem = tmp_path / "self-signed.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-subj", "/CN=localhost", "-keyout", pem, "-out", tmp_path / "crt"],
        check=True, capture_output=True,
    )  # fmt: skip
    pem.write_text(pem.read_text() + (tmp_path / "crt").read_text())
    with serving(pem) as archive:
        address = archive.put(FILE, whole(CONTENT))
        with pytest.raises(ArchiveError, match="no connection to it can be trusted"):
            download(address, tmp_path / "a.gz", limit=10**7, patience=HASTY)
    assert archive.asked == {}


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="all folders can be written")
def test_a_folder_that_nobody_may_write_is_one_sentence(archive):
    with pytest.raises(ArchiveError, match="cannot be written"):
        download(archive.put(FILE, whole(CONTENT)), Path("/proc/self/none/a.gz"), limit=10**7)


def test_a_folder_that_is_a_file_is_one_sentence(archive, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ArchiveError, match="cannot be written"):
        download(archive.put(FILE, whole(CONTENT)), tmp_path / "file" / "a.gz", limit=10**7)


def test_a_damaged_note_on_what_is_here_starts_anew(fetch, tmp_path):
    (tmp_path / "a.tar.gz.part").write_bytes(b"other")
    (tmp_path / "a.tar.gz.part.json").write_text("[")
    assert_whole(fetch(whole(CONTENT)), tmp_path)


def test_what_came_from_another_address_is_not_gone_on_with(fetch, tmp_path):
    (tmp_path / "a.tar.gz.part").write_bytes(b"other")
    (tmp_path / "a.tar.gz.part.json").write_text('{"address": "b", "validator": "\\"one\\""}')
    assert_whole(fetch(whole(CONTENT)), tmp_path)


def test_a_killed_download_goes_on_where_it_was(fetch, archive, tmp_path):
    def half(request):
        dropped(CONTENT, 300_000)(request)
        request.wfile.flush()
        time.sleep(5)

    address = archive.put(FILE, half)
    program = (
        "import sys; from pathlib import Path; from preflare.download import download;"
        "download(sys.argv[1], Path(sys.argv[2]), limit=10**7)"
    )
    part = tmp_path / "a.tar.gz.part"
    with subprocess.Popen([sys.executable, "-c", program, address, tmp_path / "a.tar.gz"]) as child:
        deadline = time.monotonic() + 20
        while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.01)
        child.kill()
    here = part.stat().st_size
    assert here > 0
    assert_whole(fetch(whole(CONTENT)), tmp_path)
    assert archive.asked[FILE][1]["Range"] == f"bytes={here}-"


def test_a_short_answer_is_had_by_the_same_rules(archive):
    address = archive.put("/hek", status(500), says(b"{}"))
    assert get(address, limit=100, patience=HASTY) == b"{}"
    with pytest.raises(ArchiveError, match="the limit is"):
        get(address, limit=1, patience=HASTY)
    with pytest.raises(ArchiveError, match="answers 404"):
        get(address + "x", limit=1, patience=HASTY)


@pytest.mark.parametrize(
    "address",
    ["ftp://a/b", "file:///a", "http://", "https://", "a.gz", "", "http://[1", "http://a:x/"],
)
def test_what_is_no_address_of_a_server_is_refused(address):
    with pytest.raises(ArchiveError, match="no address of a server"):
        refuse_unsafe(address)


@pytest.mark.parametrize(
    "address", ["http://www.lmsal.com/", "http://localhost.evil.org/", "http://128.0.0.1/"]
)
def test_plain_http_is_for_this_machine_only(address):
    with pytest.raises(ArchiveError, match="not protected by TLS"):
        refuse_unsafe(address)


@pytest.mark.parametrize(
    "address", ["http://localhost:8/", "http://127.0.0.1/", "http://[::1]:8/", "https://a.org/"]
)
def test_tls_and_this_machine_are_allowed(address):
    refuse_unsafe(address)
