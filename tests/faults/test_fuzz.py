"""Damaged level 2 files: each is read, or refused in one sentence, in time and in little memory."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import preflare as pf
from tests.conftest import mg_profile

SEED = 8
CASES = {False: (1, 360), True: (30, 200)}
"""Batches, and cases in each."""
REPOSITORY = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="memory is not told of here"
)
LOSSLESS = {"compression_type": "GZIP_2", "quantize_level": 0.0}


def pytest_generate_tests(metafunc):
    if "batch" in metafunc.fixturenames:
        batches, size = CASES[metafunc.config.getoption("--thorough")]
        parts = [range(n * size, (n + 1) * size) for n in range(batches)]
        metafunc.parametrize("batch", parts, ids=[f"from {part.start:,}" for part in parts])


@pytest.fixture
def sources(tmp_path, write_raster):
    """A folder of good files: real ones, real ones cut along the slit, and synthetic ones."""
    folder = tmp_path / "sources"
    folder.mkdir()
    for path in pf.shipped("iris").glob("*.fits"):
        kind = "images" if "SJI" in path.name else "raster"
        (folder / f"real_{kind}.fits").write_bytes(path.read_bytes())
        cut_along_slit(path, folder / f"cut_{kind}.fits", np.float32)
        cut_along_slit(path, folder / f"cut_{kind}_int16.fits", np.int16)
        cut_along_slit(path, folder / f"cut_{kind}_gzip.fits", np.float32, **LOSSLESS)
        cut_along_slit(path, folder / f"cut_{kind}_rice.fits", np.int16, compression_type="RICE_1")
    spectra = np.tile(mg_profile(), (12, 3, 1))
    for name, settings in {
        "stare": {"positions": 1},
        "int16": {"stored": np.int16},
        "gzip": {"stored": np.int16, **LOSSLESS},
        "windows": {"others": (("C II 1336", 1332.7, 17), ("Si IV 1403", 1398.6, 9))},
    }.items():
        path = write_raster(spectra, name=f"made_raster_{name}.fits", **settings)
        path.rename(folder / path.name)
    return folder


def cut_along_slit(path, destination, stored, **compression):
    """Keep 24 of 1,094 pixels of a real file, and all its headers."""
    with fits.open(path) as hdus:
        pixels = hdus[1].data[..., 540:564, :]
        if stored is np.int16:
            pixels = np.clip(np.round((pixels - 7992) / 0.25), -32768, 32767)
        header = hdus[1].header.copy()
        make = fits.CompImageHDU if compression else fits.ImageHDU
        window = make(pixels.astype(stored), header, **compression)
        if stored is np.int16:
            window.header.update(BSCALE=0.25, BZERO=7992.0)
        fits.HDUList([hdus[0], window, *hdus[2:]]).writeto(destination)


def test_every_damaged_file_is_read_or_refused(sources, batch, survived):
    first, last = str(batch.start), str(batch.stop)
    command = [sys.executable, "-W", "error", "-m", "tests.faults.reading"]
    worker = subprocess.run(
        [*command, sources, str(SEED), first, last],
        capture_output=True, text=True, check=False, cwd=REPOSITORY,
    )  # fmt: skip
    *cases, end = [json.loads(line) for line in worker.stdout.splitlines()] or [{}]
    done = [case["case"] for case in cases]
    assert worker.returncode == 0, f"after {end} of seed {SEED}: {worker.stderr[-3000:]}"
    assert done == list(batch)
    wrong = [case for case in cases if "wrong" in case]
    about = "\n\n".join(
        f"Case {case['case']} of seed {SEED}, {case['source']} with {', '.join(case['faults'])}, "
        f"kept in {sources / f'{first}-{last}'}: {case['wrong']}"
        for case in wrong
    )
    assert not wrong, about
    assert worker.stderr == ""
    assert end == {"left": [], "opened": 0}
    outcomes = Counter("refused" if "refused" in case else "read" for case in cases)
    # Otherwise nothing would have been tried.
    assert min(outcomes["refused"], outcomes["read"]) > len(batch) // 10
    survived("fuzz cases of the level 2 reader", len(batch))
    survived("fuzz cases of the level 2 reader, refused in one sentence", outcomes["refused"])
    survived("fuzz cases of the level 2 reader, read", outcomes["read"])
