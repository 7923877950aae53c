"""The command line without its seconds of imports: a process that has made them forks for each run.

What a run does is what ``python -W error -m preflare`` does, in a process of its own; only what is
imported is there already, without warnings as errors, and is not taken apart at the end, which
takes more than a second: `test_cli.py` starts some runs cold.
"""

import atexit
import gc
import json
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
import warnings
from functools import cache
from pathlib import Path

IMPORTED = "preflare.cli", "preflare.study", "preflare.scoring", "preflare.book"


@cache
def _server() -> subprocess.Popen[str]:
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.warm"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    atexit.register(server.communicate)
    return server


def preflare(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user would, with warnings as errors."""
    words = [*map(str, arguments)]
    server = _server()
    assert server.stdin
    assert server.stdout
    with tempfile.TemporaryDirectory() as folder:
        printed = [Path(folder) / name for name in ("out", "err")]
        asked = [words, str(cwd or Path.cwd()), dict(os.environ), [*map(str, printed)]]
        print(json.dumps(asked), file=server.stdin, flush=True)
        code = int(server.stdout.readline())
        return subprocess.CompletedProcess(words, code, *(each.read_text() for each in printed))


def _serve() -> None:
    for name in IMPORTED:
        __import__(name)
    gc.freeze()
    for line in sys.stdin:
        child = multiprocessing.get_context("fork").Process(target=_run, args=json.loads(line))
        child.start()
        child.join()
        print(child.exitcode, flush=True)


def _run(words: list[str], cwd: str, environment: dict[str, str], printed: list[str]) -> None:
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for descriptor, path in enumerate(printed, 1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), descriptor)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    warnings.resetwarnings()
    warnings.simplefilter("error")
    sys.argv = ["preflare", *words]
    try:
        runpy.run_module("preflare", run_name="__main__", alter_sys=True)
    finally:
        gc.collect()  # what was left open complains


if __name__ == "__main__":
    _serve()
