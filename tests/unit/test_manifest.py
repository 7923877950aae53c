"""The manifest says where each file came from, and whether it is what it was."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from preflare.errors import ArchiveError
from preflare.manifest import Entry, Holding, Manifest, entries_of

ID = "20140329_140938_3860258481"


@pytest.fixture
def manifest(tmp_path):
    return Manifest(tmp_path)


@pytest.fixture
def held(manifest):
    """An observation of one file, and the archive that it came from."""
    path = manifest.folder / ID / "a.fits"
    path.parent.mkdir()
    path.write_bytes(b"light")
    (entry,) = entries_of([path], manifest.folder, {"a.fits": ("https://a/x.tar.gz", "a.fits")})
    whole = Entry("", "https://a/x.tar.gz", "", 3, "abc", "2026-01-01T00:00:00")
    holding = Holding(ID, "", "2014-03-29T17:00:00.000", True, True, "", 2, (whole, entry))
    manifest.record(holding)
    return holding


def test_what_is_recorded_is_read_back(manifest, held):
    assert manifest.holdings() == {ID: held}
    (entry,) = held.files()
    assert entry.file == f"{ID}/a.fits"
    assert entry.sha256 == hashlib.sha256(b"light").hexdigest()
    assert entry.size == 5
    assert entry.seen.startswith("20")


def test_without_a_manifest_there_is_nothing(manifest):
    assert manifest.holdings() == {}
    assert manifest.faults(ID) == []
    assert manifest.first_seen("https://a/x.tar.gz") is None


def test_an_observation_takes_the_place_of_what_there_was_of_it(manifest, held):
    manifest.record(replace(held, left_out=0))
    assert manifest.holdings()[ID].left_out == 0
    assert len(manifest.holdings()) == 1


def test_what_an_archive_was_is_known_after_it_was_deleted(manifest, held):
    assert manifest.first_seen("https://a/x.tar.gz") == held.entries[0]


def test_files_are_compared_with_what_they_were(manifest, held):
    path = manifest.folder / ID / "a.fits"
    assert manifest.faults(ID, thorough=True) == []
    path.write_bytes(b"night")
    assert manifest.faults(ID) == []
    assert manifest.faults(ID, thorough=True) == [f"{path} has changed"]
    path.write_bytes(b"lights")
    assert manifest.faults(ID) == [f"{path} has 6 bytes, not 5"]
    path.unlink()
    assert manifest.faults(ID) == [f"{path} is missing"]


def test_the_key_follows_files_and_onset_and_nothing_else(held):
    assert replace(held, left_out=9, start="2014").key() == held.key()
    assert replace(held, onset="2014-03-29T17:35").key() != held.key()
    changed = replace(held.entries[1], sha256="other")
    assert replace(held, entries=(held.entries[0], changed)).key() != held.key()


def _holding(**fields):
    entry = {"file": "a", "address": "b", "member": "", "size": 1, "sha256": "c", "seen": "d"}
    return {
        "observation_id": ID, "start": "", "stop": "", "mg_only": False, "slit_jaw": True,
        "onset": "",
        "left_out": 0, "entries": [{**entry, **fields}],
    }  # fmt: skip


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{", "{}", '{"version": 2, "observations": []}', '{"version": 1}',
     '{"version": 1, "observations": [3]}', '{"version": 1, "observations": [{}]}',
     json.dumps({"version": 1, "observations": [_holding(file="/etc/passwd")]}),
     json.dumps({"version": 1, "observations": [_holding(file="../a")]}),
     json.dumps({"version": 1, "observations": [_holding(size="1")]}),
     json.dumps({"version": 1, "observations": [_holding(more="1")]}), "\x00"],
)  # fmt: skip
def test_a_damaged_manifest_is_one_sentence(manifest, content):
    manifest.path.write_text(content)
    with pytest.raises(ArchiveError, match="is no manifest that can be read") as caught:
        manifest.holdings()
    assert "\n" not in str(caught.value)


def test_a_damaged_manifest_is_not_written_over(manifest, held):
    manifest.path.write_text("{")
    with pytest.raises(ArchiveError):
        manifest.record(held)
    assert manifest.path.read_text() == "{"


def test_several_at_once_lose_nothing(manifest):
    def record(number):
        # A manifest of its own, as another process has.
        Manifest(manifest.folder).record(Holding(f"{number}", "", "", False, True, "", 0, ()))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(record, range(40)))
    assert len(manifest.holdings()) == 40
    assert [path.name for path in manifest.folder.iterdir()] == ["manifest.json"]
