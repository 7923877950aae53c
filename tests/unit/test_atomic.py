"""What is written atomically is there whole or not at all."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from preflare.atomic import alone, atomically, cleared_away
from preflare.errors import CubeError

KILLED = """
import os, signal, sys
from pathlib import Path
from preflare.atomic import atomically
from preflare.errors import CubeError
with atomically(Path(sys.argv[1]), CubeError) as place:
    place.mkdir()
    (place / "half").touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""


KILLED_WITHIN = KILLED.replace(
    "    place.mkdir()\n",
    "    inner = atomically(place, CubeError)\n    place = inner.__enter__()\n    place.mkdir()\n",
)


KILLED_ALONE = """
import os, signal, sys
from pathlib import Path
from preflare.atomic import alone
with alone(Path(sys.argv[1])):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def test_a_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "new" / "file.txt"
    with atomically(path, CubeError) as place:
        place.write_text("all of it")
        assert not path.exists()
    assert path.read_text() == "all of it"
    assert names(path.parent) == ["file.txt"]


@pytest.mark.parametrize("replace", [True, False])
@pytest.mark.parametrize("folder", [True, False])
def test_what_was_there_first_is_replaced_or_stays(tmp_path, folder, replace):
    path = tmp_path / "thing[1]"
    for text in ("old", "new"):
        with atomically(path, CubeError, replace=replace) as place:
            if folder:
                place.mkdir()
            (place / "text" if folder else place).write_text(text)
    assert (path / "text" if folder else path).read_text() == ("new" if replace else "old")
    assert names(tmp_path) == ["thing[1]"]


@pytest.mark.parametrize("fault", [ValueError("wrong"), KeyboardInterrupt()])
def test_a_fault_leaves_the_old_one(tmp_path, fault):
    path = tmp_path / "file.txt"
    path.write_text("old")

    def fail():
        with atomically(path, CubeError) as place:
            place.write_text("ne")
            raise fault

    with pytest.raises(type(fault)):
        fail()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file.txt"]


def test_a_refusal_of_the_system_is_one_sentence(tmp_path):
    sentence = r"x cannot be written \(no space left\): choose another disk."
    with (
        pytest.raises(CubeError, match=sentence),
        atomically(tmp_path / "x", CubeError, cure="choose another disk"),
    ):
        raise OSError(28, "No space left")


@pytest.mark.parametrize("code", [KILLED, KILLED_WITHIN])
def test_what_killed_processes_left_is_cleared_and_nothing_else(tmp_path, code):
    path = tmp_path / "thing[1]"
    subprocess.run([sys.executable, "-c", code, path], check=False)
    assert len(names(tmp_path)) == 1
    (tmp_path / ".thing[1].of.mine.unfinished").touch()
    with atomically(path, CubeError) as place:
        place.touch()
    assert names(tmp_path) == [".thing[1].of.mine.unfinished", "thing[1]"]


def test_what_a_killed_process_left_is_cleared_before_anybody_waited_for_it(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", KILLED, tmp_path / "thing"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert len(names(tmp_path)) == 1
    with atomically(tmp_path / "thing", CubeError) as place:
        place.touch()
    assert names(tmp_path) == ["thing"]
    process.wait()


@pytest.mark.parametrize("folder", [True, False])
def test_what_is_cleared_away_is_gone(tmp_path, folder):
    path = tmp_path / "thing"
    if folder:
        (path / "deep").mkdir(parents=True)
    else:
        path.touch()
    cleared_away(path)
    assert names(tmp_path) == []
    with pytest.raises(FileNotFoundError):
        cleared_away(path)


def test_threads_do_not_share_a_place(tmp_path):
    path = tmp_path / "file.txt"
    both = threading.Barrier(2)

    def write(text):
        with atomically(path, CubeError) as place:
            both.wait()
            place.write_text(text)
            both.wait()

    threads = [threading.Thread(target=write, args=(text,)) for text in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() in ("one", "two")
    assert names(tmp_path) == ["file.txt"]


def test_only_one_at_a_time_makes_what_belongs_at_a_path(tmp_path):
    path = tmp_path / "new" / "thing"
    inside, most = [], []

    def work(_):
        with alone(path):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.01)
            inside.pop()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(40)))
    assert most == [1] * 40
    assert names(path.parent) == []


def test_a_killed_process_keeps_nobody_waiting(tmp_path):
    path = tmp_path / "thing"
    done = subprocess.run([sys.executable, "-c", KILLED_ALONE, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert names(tmp_path) == [".thing.lock"]
    with alone(path):
        path.touch()
    assert names(tmp_path) == ["thing"]


def test_where_there_can_be_no_lock_nobody_waits(tmp_path):
    (tmp_path / "file").touch()
    with alone(tmp_path / "file" / "thing"):
        assert names(tmp_path) == ["file"]
