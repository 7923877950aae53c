"""The findings' chapters on files of real layout, one raster or several observations: no gaps."""

import json

import numpy as np
import pytest

import preflare as pf
from preflare.book import Book
from preflare.chapters import Chapter, run
from preflare.claims import read_claims
from preflare.fetching import FETCHED
from preflare.ledger import records_of
from preflare.manifest import Holding, Manifest, entries_of
from tests.conftest import WAVELENGTH, mg_profile, write_level2

CUT_OUT, SEVERAL, ALL = "cut-out", "several", "all"
RUNS = [
    (CUT_OUT, "attributions"), (CUT_OUT, "monotonicity"),
    pytest.param((CUT_OUT, "audit"), marks=pytest.mark.thorough),
    (SEVERAL, "attributions"), (SEVERAL, "convnet"),
    pytest.param((SEVERAL, "monotonicity"), marks=pytest.mark.thorough),
    pytest.param((ALL, "artificial-test"), marks=pytest.mark.thorough),
    pytest.param((SEVERAL, "explaining"), marks=pytest.mark.thorough),
    pytest.param((SEVERAL, "swarm"), marks=pytest.mark.thorough),
    pytest.param((ALL, "splitting"), marks=pytest.mark.thorough),
]  # fmt: skip
NAMES = {
    SEVERAL: {"PF": (6, 7, 11, 13, 16, 17, 18), "AR": (3, 5, 7, 11, 12, 13, 15)},
    ALL: {"PF": range(1, 20), "AR": range(1, 19)},
}
STEPS = {"PF 13": 2, "AR 7": 2}
"""The rasters among them."""
TIMES, CADENCE, BEFORE = 24, 60.0, {SEVERAL: 21, ALL: 12}
"""Exposures of each slit position, s between two, and how many begin before the onset."""
HEATED = {SEVERAL: {"PF": (1, 1), "AR": (0, 0)}, ALL: {"PF": (0.1, 1), "AR": (0, 0.6)}}
"""How much the triplet fills, from and to: fourteen are told apart with ease, all are not."""


def seen(random, heated, flaring, times, pixels=5):
    """Give what a slit sees: heat fills the triplet, and in flaring regions ribbons shine."""
    triplet = np.exp(-0.5 * ((WAVELENGTH - pf.LINES["triplet"]) / 0.2) ** 2)
    filled = random.uniform(0, 0.3, (len(times), pixels, 1))
    filled += heated * np.clip(1.5 + times / 1500, 0.5, 1.5)[:, None, None]
    light = random.lognormal(0, 0.3, (len(times), pixels, 1))
    ribbon = np.exp(-0.5 * (np.arange(pixels) - 3.0) ** 2)
    light *= 1 + 3 * flaring * (times >= 0)[:, None, None] * ribbon[:, None]
    expected = light * (mg_profile() + 250 * filled * triplet)
    return random.normal(expected, np.sqrt(expected)).astype(np.float32)


def fetched(cache, which):
    """Return a cache into which small observations have been fetched."""
    random, before = np.random.default_rng(0), BEFORE[which]
    manifest = Manifest(cache / FETCHED)
    for kind, numbers in NAMES[which].items():
        for each in (pf.observation(f"{kind} {number}") for number in numbers):
            folder, steps = manifest.folder / each.observation_id, STEPS.get(each.name, 1)
            folder.mkdir(parents=True)
            start = np.datetime64(each.id_start.replace(tzinfo=None), "ms")
            onset = str(start + np.timedelta64(int(1000 * CADENCE * before), "ms"))
            times = CADENCE * (np.arange(TIMES * steps) / steps - before)
            heated = random.uniform(*HEATED[which][kind])
            spectra = seen(random, heated, kind == "PF", times)
            for number, own in enumerate(
                np.split(np.arange(len(times)), TIMES if steps > 1 else 1)
            ):
                write_level2(
                    folder, spectra[own], name=f"iris_l2_{folder.name}_raster_r{number:05d}.fits",
                    obsid=folder.name[-10:], positions=steps, start=str(start),
                    begins=CADENCE * before + times[own[0]], cadence=CADENCE / steps,
                )  # fmt: skip
            files = sorted(folder.iterdir())
            sources = {file.name: ("https://example.org", file.name) for file in files}
            entries = tuple(entries_of(files, manifest.folder, sources))
            onset = onset if kind == "PF" else ""
            manifest.record(Holding(folder.name, "", "", False, False, onset, 0, entries))
    return cache


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """Give a cache into which fourteen small observations have been fetched."""
    return fetched(tmp_path_factory.mktemp("several"), SEVERAL)


@pytest.fixture(scope="module", name=ALL)
def all_of_them(tmp_path_factory):
    """Give a cache into which all observations of Table A1 have been fetched, each small."""
    return fetched(tmp_path_factory.mktemp("all"), ALL)


@pytest.fixture(scope="module", params=RUNS, ids=" ".join)
def notebook(request, tmp_path_factory):
    of, chapter = request.param
    path = tmp_path_factory.mktemp(of) / f"{chapter}.ipynb"
    root = Book.found().root
    with pytest.MonkeyPatch.context() as here:
        if of != CUT_OUT:
            here.setenv("PREFLARE_CACHE", str(request.getfixturevalue(of)))
        run(Chapter(root / "book" / f"{chapter}.md"), {"source": "iris"}, "key", path, root)
    return path


def test_every_claim_has_a_number_or_a_reason_why_it_has_none(notebook):
    records = {record.claim: record for record in records_of(notebook)}
    wanted = {name for name, claim in read_claims().items() if claim.chapter == notebook.stem}
    assert set(records) == wanted
    for record in records.values():
        assert record.value is not None or record.cannot
        assert record.source == "iris" or notebook.stem == "audit"
    if CUT_OUT not in notebook.parent.name:
        lacking = {name: record.cannot for name, record in records.items() if record.cannot}
        assert lacking.keys() <= {"brightenings", "overfitting", "prior-late"}, lacking


def test_no_figure_is_left_out_without_a_word(notebook):
    cells = json.loads(notebook.read_text())["cells"]
    figures = [cell for cell in cells if "figure" in cell["metadata"].get("mystnb", {})]
    assert figures
    for cell in figures:
        shown = [output.get("data", {}) for output in cell["outputs"]]
        drawn = any("image/png" in data for data in shown)
        said = ["".join(data.get("text/markdown", "")) for data in shown]
        assert drawn or any(text.endswith(".*") for text in said), cell["metadata"]


@pytest.mark.thorough
def test_explore_shows_a_slit_and_splits_of_what_was_fetched(several, tmp_path, monkeypatch):
    monkeypatch.setenv("PREFLARE_CACHE", str(several))
    root, path = Book.found().root, tmp_path / "explore.ipynb"
    run(Chapter(root / "book" / "explore.md"), {"source": "iris"}, "key", path, root)
    cells = json.loads(path.read_text())["cells"]
    outputs = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
    pages = "".join("".join(output.get("text/html", "")) for output in outputs)
    for what in ("slit", "folds"):
        assert f"explore-{what}-data" in pages
