"""A process that has everything loaded, and forks a copy of itself for each run to be disturbed.

It reads what to run from standard input, a line of JSON for each run, and answers how it went. A
run has a group of processes of its own, all of which are killed together: at some moment, or when
it is about to open, move or remove its n-th file.
"""

import concurrent.futures.thread
import ctypes
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

from preflare.artificial import Pairs
from preflare.chapters import Chapter, run
from preflare.cli import main as preflare_command
from preflare.errors import PreflareError
from preflare.explainer import Explainer
from preflare.kernels.ahead import _use_usual, compile_ahead
from preflare.notices import PREFIX
from preflare.products import is_sound
from preflare.render import render
from preflare.sizes import ARTIFICIAL, SIZES, ArtificialSize, Size
from preflare.study import Study
from preflare.twin.modes import PROFILES, Profile
from tests.faults.small import split

LONGEST = 300
"""Seconds after which a run that hangs is ended."""
WATCHED = {"os.rename": 1, "os.remove": 0, "os.rmdir": 0, "os.mkdir": 0}
"""Events of Python's, and which of their arguments is where something changes."""


def shrink():
    """Make everything small in this process, so that it is killed early and often."""
    PROFILES["quick"] = Profile(slit=8, summing=4, exposures=24, images=1, image_pixels=24)
    SIZES["quick"] = Size(spectra=100, training=200, splits=2, members=4, epochs=40)
    ARTIFICIAL["quick"] = ArtificialSize(200, 2, (2, 4))
    Pairs.of = partial(Pairs.of, held_out=1)
    Explainer.attributions.__kwdefaults__["samples"] = 8


def real(cache):
    return Study(source="iris", cache=cache, scheduler="threads")


def twin(cache):
    return Study(cache=cache, scheduler="threads")


def train(cache):
    study = real(cache)
    study.train(split(study.spectra()), members=4)


def explain(cache):
    real(cache).scores()
    real(cache).attributions()


def together(cache):
    for stage in (clean, train, explain):
        stage(cache)


def backwards(cache):
    for stage in (explain, train, clean):
        stage(cache)


def clean(cache):
    real(cache).cubes()


def simulate(cache):
    twin(cache).files("PF 14")


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


def command(cache, *arguments):
    preflare_command(arguments, prog_name="preflare")


STAGES = {
    each.__name__: each
    for each in (
        clean, train, explain, together, backwards, simulate, artificial, chapter, pages,
        command,
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
            path, _, flags = arguments
            writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if not writes:
                return
        elif event in WATCHED:
            path = arguments[WATCHED[event]]
        else:
            return
        if not isinstance(path, str | bytes | os.PathLike) or not (
            os.fsdecode(path).startswith(f"{folder}/")
        ):
            return
        place = Path(os.fsdecode(path)).relative_to(folder)
        comes = event == "os.rename" and not any(part.startswith(".") for part in place.parts)
        with lock:
            seen.append(str(place) if comes else ".")
        if at is not None and len(seen) >= at:
            if not refuse:
                os.killpg(os.getpgrp(), signal.SIGKILL)
            elif event in ("open", "os.mkdir"):
                raise OSError(28, "No space left on device", os.fsdecode(path))

    sys.addaudithook(heed)
    return seen


def lay_down_rights():
    """Give up what root may do to files that it has no permission for."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    rights = (ctypes.c_uint32 * 6)()
    if os.geteuid() == 0 and ctypes.CDLL(None).capset(header, rights):
        raise OSError("rights cannot be laid down")


def perform(order):
    """Run a stage in this forked copy, and return the code to end with."""
    os.setsid()
    signal.alarm(LONGEST)
    said = os.open(order["said"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    cache = Path(order["cache"])
    if order.get("humble"):
        lay_down_rights()
    if order.get("largest"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["largest"], resource.RLIM_INFINITY))
    os.environ.update(order.get("environment", {}))
    code, sentence = 0, ""
    seen = watch(str(cache), order.get("event"), order.get("refuse", False))
    try:
        STAGES[order["stage"]](cache, *order.get("arguments", []))
    except PreflareError as error:
        code, sentence = 1, f"{PREFIX}{error}"
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
        code = 2
    resource.setrlimit(resource.RLIMIT_FSIZE, [resource.RLIM_INFINITY] * 2)
    if sentence:
        print(sentence)
    print(f"events {json.dumps(seen)}")
    return code


def main():
    # What every run would load again; nothing that begins a thread, which would not be copied.
    compile_ahead()
    _use_usual()
    assert threading.active_count() == 1
    for line in sys.stdin:
        order = json.loads(line)
        begun = time.monotonic()
        child = os.fork()
        if not child:
            code = perform(order)
            # As at the end of a program: threads at work are awaited. The rest takes a second.
            concurrent.futures.thread._python_exit()
            os._exit(code)
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
        _, status, used = os.wait4(child, 0)
        text = Path(order["said"]).read_text() if Path(order["said"]).exists() else ""
        text, _, events = text.partition("events ")
        answer = {
            "code": os.waitstatus_to_exitcode(status),
            "said": text,
            "events": json.loads(events or "[]"),
            "seconds": time.monotonic() - begun,
            "cpu": used.ru_utime + used.ru_stime,
        }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    shrink()
    main()
