"""Checksums tell whether a file or folder is as it was made."""

import hashlib
import shutil
import subprocess

import pytest

from preflare.checksums import checksum, fault_of, record_checksums, recorded
from preflare.errors import CubeError


@pytest.fixture(params=["file", "folder"])
def kept(request, tmp_path):
    """Give a file or a folder with its checksums beside it."""
    path = tmp_path / "a thing.zarr"
    if request.param == "file":
        path.write_bytes(b"content")
    else:
        (path / "deep" / "er").mkdir(parents=True)
        (path / "one").write_bytes(b"one")
        (path / "deep" / "er" / "two").write_bytes(b"two")
    record_checksums(path, path, CubeError)
    return path


def test_a_checksum_is_that_of_the_content(tmp_path):
    path = tmp_path / "file"
    for content in (b"one", b"two", b""):
        path.write_bytes(content)
        assert checksum(path) == hashlib.sha256(content).hexdigest()


def test_a_file_that_did_not_change_is_read_once(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"one")
    first = checksum(path)
    monkeypatch.setattr(hashlib, "file_digest", None)
    assert checksum(path) == first


def test_what_is_as_it_was_made_has_no_fault(kept):
    assert fault_of(kept) is None
    assert [path.name for path in kept.parent.iterdir() if path != kept] == [recorded(kept).name]


def test_the_record_is_one_that_others_can_read(kept):
    if not shutil.which("sha256sum"):
        pytest.skip("there is no sha256sum")
    command = ["sha256sum", "--check", "--strict", recorded(kept).name]
    assert subprocess.run(command, cwd=kept.parent, check=False).returncode == 0


def test_the_record_is_of_what_is_about_to_be_put_there(tmp_path):
    place, path = tmp_path / "unfinished", tmp_path / "product"
    place.write_bytes(b"content")
    record_checksums(place, path, CubeError)
    place.rename(path)
    assert fault_of(path) is None


def test_every_file_that_is_not_what_it_was_is_named(kept):
    file = kept / "deep" / "er" / "two" if kept.is_dir() else kept
    name = str(file.relative_to(kept.parent))
    sound = file.read_bytes()
    for damaged in (sound[:-1], sound + b"x", b"x" * len(sound), b""):
        file.write_bytes(damaged)
        assert fault_of(kept) == f"{name} has changed"
    file.unlink()
    assert fault_of(kept).startswith((f"{name} is missing", f"{name} cannot be read (no such"))
    file.mkdir()
    assert fault_of(kept) == f"{name} is missing"
    file.rmdir()
    file.write_bytes(sound)
    assert fault_of(kept) is None


def test_a_file_that_was_added_is_named(kept):
    if kept.is_dir():
        (kept / "three").touch()
        assert fault_of(kept) == f"{kept.name}/three was added"


@pytest.mark.parametrize(
    "content", ["", "x", "\n", "  \n", "0" * 64, "0" * 63 + "  a thing.zarr\n", b"\xff\xfe"]
)
def test_a_record_that_is_damaged_is_named(kept, content):
    record = recorded(kept)
    record.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert fault_of(kept) == f"{record.name} is no list of checksums"


def test_a_record_that_is_not_there_or_cannot_be_read_is_named(kept):
    record = recorded(kept)
    record.unlink()
    assert fault_of(kept) == f"{record.name} is missing"
    record.mkdir()
    assert fault_of(kept) == f"{record.name} cannot be read (is a directory)"


def test_a_record_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CubeError, match="cannot be written"):
        record_checksums(tmp_path / "file", tmp_path / "file" / "product", CubeError)
