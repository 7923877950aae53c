"""Products are made once, whoever asks at the same time, and again only if they are damaged."""

import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from preflare.checksums import fault_of, recorded
from preflare.products import is_sound, kept


def test_what_many_ask_for_at_once_is_made_once(tmp_path):
    made = []

    def make(place):
        made.append(place)
        time.sleep(0.05)
        place.write_text("all of it")

    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda _: kept(tmp_path / "product", make), range(16)))
    assert len(made) == 1
    assert {path.read_text() for path in paths} == {"all of it"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["product", "product.sha256"]


def make(place):
    (place / "deep").mkdir(parents=True)
    (place / "deep" / "file").write_text("all of it")


def flipped(path):
    (path / "deep" / "file").write_text("all of ix")


def without_checksums(path):
    recorded(path).unlink()


def file_for_folder(path):
    shutil.rmtree(path)
    path.touch()


@pytest.mark.parametrize("damage", [flipped, without_checksums, file_for_folder])
def test_what_is_damaged_is_named_once_and_made_again(damage, tmp_path, caplog):
    path = kept(tmp_path / "product", make)
    damage(path)
    for _ in range(2):
        kept(path, make)
        assert (path / "deep" / "file").read_text() == "all of it"
    (record,) = caplog.records
    assert record.getMessage().startswith(f"{path} is damaged (")
    assert record.getMessage().endswith("): it is made again.")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["product", "product.sha256"]


def test_what_is_damaged_is_made_again_once_by_many_that_see_it(tmp_path, caplog):
    path, made = kept(tmp_path / "product", make), []
    flipped(path)

    def again(place):
        made.append(place)
        make(place)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: kept(path, again), range(16)))
    assert len(made) == len(caplog.records) == 1
    assert fault_of(path) is None


def test_what_is_not_there_is_not_named(tmp_path, caplog):
    assert not is_sound(tmp_path / "product")
    recorded(tmp_path / "product").write_text("of a run that was killed")
    assert not is_sound(tmp_path / "product")
    assert is_sound(kept(tmp_path / "product", make))
    assert caplog.records == []


def test_a_lock_that_was_left_is_removed(tmp_path):
    path = kept(tmp_path / "product", make)
    (tmp_path / ".product.lock").touch()
    assert is_sound(path)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["product", "product.sha256"]


def test_notices_can_go_to_a_file(tmp_path, caplog, monkeypatch):
    path = kept(tmp_path / "product", make)
    flipped(path)
    monkeypatch.setenv("PREFLARE_NOTICES", str(tmp_path / "log"))
    assert not is_sound(path)
    assert (tmp_path / "log").read_text() == (
        f"preflare: {path} is damaged (product/deep/file has changed): it is made again.\n"
    )
    assert caplog.records == []


def test_a_notice_is_a_sentence_on_standard_error_and_no_warning(tmp_path):
    path = kept(tmp_path / "product", make)
    flipped(path)
    code = f"import pathlib, preflare.products as p; p.is_sound(pathlib.Path({str(path)!r}))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stderr == f"{path} is damaged (product/deep/file has changed): it is made again.\n"
