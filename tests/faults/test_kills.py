"""Killed at any moment and asked again, every stage ends with the bits of an undisturbed run."""

import gzip
import json
import shutil
from dataclasses import replace

import nbformat
import numpy as np
import pytest

import preflare as pf
from tests.archive_server import packed, raster_of, slit_jaw_of, whole
from tests.book.test_build import CHAPTER
from tests.faults.disturbing import STAGES, content, unfinished, without
from tests.faults.small import raster


class Killing:
    """Kill runs until there were enough, and see what comes of them."""

    def __init__(self, start, result, folder, count, seed):
        self.start, self.result, self.folder, self.count = start, result, folder, count
        self.draws = np.random.default_rng(seed)
        self.kills, self.hits = 0, 0

    def moment(self, whole_run):
        """Draw one: at an event that changes the disk, or at a time."""
        if self.draws.random() < 0.7:
            return {"event": int(self.draws.integers(1, len(whole_run.events) + 1))}
        return {"after": float(self.draws.uniform(0, whole_run.seconds))}

    def run(self, clear, first=None):
        """Kill runs that start from where `clear` leaves off, each to the same end.

        `first` is how one went that was left to itself, if its result is there.
        """
        if first is None:
            clear()
            first = self.start()
        assert (first.code, first.said) == (0, "")
        expected = self.result()
        while self.kills < self.count:
            clear()
            in_a_row = int(self.draws.integers(1, 4))
            for _ in range(min(in_a_row, self.count - self.kills)):
                outcome = self.start(**self.moment(first))
                assert outcome.killed or (outcome.code, outcome.said) == (0, "")
                self.kills += outcome.killed
                self.hits += outcome.killed and bool(unfinished(self.folder))
            last = self.start()
            assert (last.code, last.said) == (0, "")
            assert unfinished(self.folder) == []
            assert self.result() == expected
        return expected

    def told(self, survived, stage):
        # Else nothing was at work when it was killed.
        assert self.hits >= self.kills // 4
        survived(f"kills of {stage}", self.kills)
        survived("of all kills, those that left something half-made", self.hits)


@pytest.mark.parametrize(
    ("stage", "short", "long"),
    [("clean", 2, 50), ("train", 3, 50), ("explain", 2, 40), ("simulate", 2, 50)],
)
def test_a_killed_stage_ends_the_same(stage, short, long, run, cache, thorough, survived):
    killing = Killing(
        lambda **how: run(stage, cache, **how), lambda: content(cache), cache,
        long if thorough else short, seed=len(stage),
    )  # fmt: skip
    killing.run(lambda: without(cache, *STAGES[stage]), run.alone[stage])
    killing.told(survived, stage)


OBSERVATION = pf.observation("PF 14").observation_id
IMAGES = next(pf.shipped("iris").glob("*_SJI_*.fits"))


def test_a_killed_fetch_ends_the_same(run, archive, tmp_path, thorough, survived):
    archive.put(raster_of(OBSERVATION), whole(packed([raster(OBSERVATION, n) for n in range(3)])))
    archive.put(slit_jaw_of(OBSERVATION), whole(gzip.compress(IMAGES.read_bytes(), 1)))
    cache = tmp_path / "cache"
    arguments = ["fetch", "PF 14", "--server", archive.url]
    environment = {"PREFLARE_CACHE": str(cache)}

    def start(**how):
        came = run("command", cache, arguments=arguments, environment=environment, **how)
        return came if came.code else replace(came, said="")

    def fetched():
        """Give all but when a file was first seen."""
        files = content(cache)
        manifest = json.loads(files.pop("archive/manifest.json"))
        for entry in (e for each in manifest["observations"] for e in each["entries"]):
            del entry["seen"]
        return files, manifest

    killing = Killing(start, fetched, cache, 30 if thorough else 3, seed=5)
    files, _ = killing.run(lambda: shutil.rmtree(cache, ignore_errors=True))
    assert len(files) == 4
    killing.told(survived, "fetch")


@pytest.fixture
def written(tmp_path):
    """Give a folder with a book of two pages, one of which runs."""
    folder = tmp_path / "checkout"
    (folder / "book").mkdir(parents=True)
    (folder / "runs").mkdir()
    (folder / "_config.yml").write_text(
        "title: Small\nonly_build_toc_files: true\nexecute: {execute_notebooks: 'off'}\n"
        "sphinx: {config: {html_extra_path: [_extra]}}\n"
    )
    (folder / "book" / "_toc.yml").write_text("format: jb-book\nroot: index\n")
    (folder / "book" / "index.md").write_text("# Small\n\nA small book.\n")
    (folder / "book" / "chapter.md").write_text(CHAPTER)
    return folder


def test_a_killed_chapter_ends_the_same(run, written, thorough, survived):
    notebook = written / "runs" / "chapter.ipynb"

    def outputs():
        cells = nbformat.read(notebook, 4).cells
        return [(cell.source, json.dumps(cell.get("outputs"))) for cell in cells]

    def clear():
        shutil.rmtree(notebook.parent)
        notebook.parent.mkdir()

    killing = Killing(
        lambda **how: run("chapter", written, **how),
        outputs,
        written,
        20 if thorough else 1,
        seed=7,
    )
    assert any("answer 42" in output for _, output in killing.run(clear))
    killing.told(survived, "chapter")


def test_a_killed_rendering_ends_the_same(run, written, thorough, survived):
    killing = Killing(
        lambda **how: run("pages", written, **how), lambda: content(written / "built" / "html"),
        written, 12 if thorough else 1, seed=8,
    )  # fmt: skip
    site = killing.run(lambda: shutil.rmtree(written / "built", ignore_errors=True))
    assert "A small book" in site["index.html"].decode()
    killing.told(survived, "render")
