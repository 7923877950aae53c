"""Runs that are disturbed: kept in folders of their own, compared with one that was not."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
STAGES = {
    "clean": ("cubes-",),
    "train": ("spectra-", "swarms-"),
    "artificial": ("flare-", "course-"),
    "explain": ("scores-", "attributions-"),
    "simulate": ("twin-",),
}
"""And how the names begin, in a cache, of what each makes."""


@dataclass(frozen=True)
class Outcome:
    """How a run went.

    Attributes
    ----------
    code : int
        It ended with; negative if a signal ended it.
    said : str
        On standard output and error.
    events : list of str
        Of files that it opened for writing, moved or removed: the names of the products that came
        to their places, and dots.
    seconds, cpu : float
        That passed, and that processors were busy.
    """

    code: int
    said: str
    events: list
    seconds: float
    cpu: float

    @property
    def killed(self):
        return self.code == -9

    @property
    def placed(self):
        return [name for name in self.events if name != "."]


class Runner:
    """Runs stages in copies of one process, one at a time.

    Attributes
    ----------
    alone : dict of Outcome
        Of stages that were left to themselves.
    """

    def __init__(self, folder):
        self.alone = {}
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        self._said = folder / f"said-{id(self)}"
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "tests.faults.template"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
            env=os.environ | {"PYTHONPATH": path},
        )  # fmt: skip

    def begin(self, stage, cache, **how):
        order = {"stage": stage, "cache": str(cache), "said": str(self._said), **how}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def end(self):
        return Outcome(**json.loads(self._process.stdout.readline()))

    def __call__(self, stage, cache, **how):
        self.begin(stage, cache, **how)
        return self.end()

    def close(self):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def content(folder):
    """Give what is in every file of a folder, by its path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def unfinished(folder):
    """List what should not stay: what is half-made, and locks."""
    ends = (".lock", ".part", ".part.json", ".training")
    return [
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if "unfinished" in path.name or path.name.endswith(ends)
    ]


def without(folder, *stems):
    """Remove the products whose folders or files begin so."""
    for path in list(folder.iterdir()):
        if path.name.lstrip(".").startswith(stems):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
