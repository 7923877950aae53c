"""Time the whole book, from an empty cache to the rendered site, and record what it took.

Run with ``python -m benchmarks.whole_book quick`` or ``paper``, on a machine with nothing else to
do. The record, `whole_book.json` beside this file, is what the book's status page shows.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import psutil

from preflare.book import Book
from preflare.chapters import Run
from preflare.status_tables import WHOLE_BOOK

JOBS = {"quick": "2", "paper": "1"}
"""Chapters side by side: as `make book` has it, and where memory is dear one by one."""
SAMPLED = 0.5
"""Time between two looks at the memory, in s."""


def memory(build: psutil.Process) -> int:
    """Sum the memory that a build and all its processes hold, what they share counted once."""
    held = 0
    for process in (build, *build.children(recursive=True)):
        try:
            held += process.memory_full_info().pss
        except psutil.Error:  # it has ended meanwhile
            continue
    return held


def measured(book: Book, profile: str, folder: Path) -> dict[str, object]:
    """Build the book in an empty folder; return what that took."""
    command = [
        sys.executable,
        "-m",
        "preflare",
        "book",
        "--profile",
        profile,
        "--jobs",
        JOBS[profile],
    ]
    cache, site = folder / "cache", folder / "build"
    start, most = time.perf_counter(), 0
    with subprocess.Popen(
        [*command, "--output", str(site)],
        cwd=book.root,
        env=os.environ | {"PREFLARE_CACHE": str(cache)},
    ) as build:
        watched = psutil.Process(build.pid)
        while build.poll() is None:
            most = max(most, memory(watched))
            time.sleep(SAMPLED)
    if build.returncode:
        sys.exit(f"The book did not build in the {profile} profile: mend what it complains of.")
    seconds = time.perf_counter() - start
    notebooks = (site / "runs" / f"{chapter.name}.ipynb" for chapter in book.chapters())
    records = [run for notebook in notebooks if (run := Run.load(notebook))]
    return {
        "seconds": round(seconds),
        "peak_bytes": most,
        "disk_bytes": sum(path.stat().st_size for path in cache.rglob("*") if path.is_file()),
        "jobs": int(JOBS[profile]),
        "cores": len(os.sched_getaffinity(0)),
        "chapters": [asdict(record) for record in records],
    }


if __name__ == "__main__":
    book = Book.found()
    if sys.argv[1:] not in (["quick"], ["paper"]):
        sys.exit("Name the profile to build the book in: quick or paper.")
    kept = book.root / WHOLE_BOOK
    with tempfile.TemporaryDirectory() as folder:
        took = measured(book, sys.argv[1], Path(folder))
    recorded = json.loads(kept.read_text()) if kept.is_file() else {}
    kept.write_text(json.dumps(recorded | {sys.argv[1]: took}, indent=1, sort_keys=True) + "\n")
    print(f"{took['seconds']} s, {took['peak_bytes']} bytes of memory")
