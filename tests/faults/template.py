"""A process that has everything loaded, and forks a copy of itself for each run to be disturbed.

It reads what to run from standard input, a line of JSON for each run, and answers how it went. A
run has a group of processes of its own, all of which are killed together: at some moment, or when
it is about to open, move or remove its n-th file.
"""

import json
import os
import resource
import signal
import sys
import threading
import time
import traceback
from functools import partial
from pathlib import Path

import preflare as pf
from preflare.chapters import Chapter, run
from preflare.errors import PreflareError
from preflare.artificial import Pairs
from preflare.cli import main as preflare_command
from preflare.notices import PREFIX
from preflare.products import is_sound
from preflare.render import render
from preflare.sizes import ARTIFICIAL, SIZES, ArtificialSize, Size
from preflare.twin.modes import PROFILES, Profile
from tests.faults.small import split

PROFILES["quick"] = Profile(slit=12, summing=4, exposures=24, images=1, image_pixels=24)
SIZES["quick"] = Size(spectra=100, training=200, splits=2, members=4, epochs=40)
ARTIFICIAL["quick"] = ArtificialSize(200, 2, (2, 4))
Pairs.of = partial(Pairs.of, held_out=1)
WATCHED = {"os.rename": 1, "os.remove": 0, "os.rmdir": 0, "os.mkdir": 0}
"""Events of Python's, and which of their arguments is where something changes."""


def real(cache):
    return pf.Study(source="iris", cache=cache, scheduler="threads")


def twin(cache):
    return pf.Study(cache=cache, scheduler="threads")


def train(cache):
    study = real(cache)
    study.train(split(study.spectra()), members=4)


def explain(cache):
    real(cache).scores()
    real(cache).attributions()


def together(cache):
    for stage in (clean, train, explain):
        stage(cache)


def clean(cache):
    real(cache).cubes()


def simulate(cache):
    for name in ("AR 3", "PF 14"):
        twin(cache).files(name)


def artificial(cache):
    real(cache).artificial_course()


def chapter(cache):
    book = cache / "book"
    made = Chapter(book / "chapter.md")
    notebook = cache / "runs" / "chapter.ipynb"
    if not is_sound(notebook):
        run(made, {}, "key", notebook, cache)


def pages(cache):
    book = cache / "book"
    content = {Path(path.name): path.read_bytes() for path in book.iterdir()}
    render(content, cache / "_config.yml", cache / "built", depends_on=[], say=lambda text: None)


def quiet_sun(cache):
    twin(cache).quiet_sun()


def command(cache, *arguments):
    preflare_command(arguments, prog_name="preflare")


STAGES = {
    each.__name__: each
    for each in (
        clean, train, explain, together, simulate, artificial, chapter, pages, quiet_sun, command,
    )
}  # fmt: skip


def watch(folder, at, refuse):
    """Kill this process's group at an event in a folder, or have it and all later ones refused.

    Returns the names of the products that came to their places, and of every other event a dot.
    """
    seen = []
    lock = threading.Lock()

    def heed(event, arguments):
        if event == "open":
            path, mode, flags = arguments
            writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if not writes:
                return
        elif event in WATCHED:
            path = arguments[WATCHED[event]]
        else:
            return
        if not isinstance(path, str | bytes | os.PathLike) or folder not in os.fsdecode(path):
            return
        name = Path(os.fsdecode(path)).name
        with lock:
            seen.append(name if event == "os.rename" and not name.startswith(".") else ".")
        if at is not None and len(seen) >= at:
            if not refuse:
                os.killpg(os.getpgrp(), signal.SIGKILL)
            elif event in ("open", "os.mkdir"):
                raise OSError(28, "No space left on device", os.fsdecode(path))

    sys.addaudithook(heed)
    return seen


def perform(order):
    """Run a stage in this forked copy, and end."""
    os.setsid()
    said = os.open(order["said"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    sys.stdin = Path(os.devnull).open()
    cache = Path(order["cache"])
    if order.get("uid"):
        os.setgroups([])
        os.setgid(order["uid"])
        os.setuid(order["uid"])
    if order.get("largest"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["largest"], order["largest"]))
    os.environ.update(order.get("environment", {}))
    code = 0
    seen = watch(str(cache), order.get("event"), order.get("refuse", False))
    try:
        STAGES[order["stage"]](cache, *order.get("arguments", []))
    except PreflareError as error:
        print(f"{PREFIX}{error}")
        code = 1
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
        code = 2
    print(f"events {json.dumps(seen)}")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main():
    for line in sys.stdin:
        order = json.loads(line)
        begun = time.monotonic()
        child = os.fork()
        if not child:
            perform(order)
        if order.get("after") is not None:
            until = begun + order["after"]
            while time.monotonic() < until and not os.waitid(
                os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT
            ):
                time.sleep(0.002)
            try:
                os.killpg(child, signal.SIGKILL)
            except ProcessLookupError:
                os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        text = Path(order["said"]).read_text() if Path(order["said"]).exists() else ""
        text, _, events = text.partition("events ")
        answer = {
            "code": os.waitstatus_to_exitcode(status),
            "said": text,
            "events": json.loads(events or "[]"),
            "seconds": time.monotonic() - begun,
        }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
