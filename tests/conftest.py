"""Synthetic level 2 files with the layout of real ones, and the spectra to put into them."""

import os
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from shutil import copy2, copytree
from typing import Any, get_args

import hypothesis
import numpy as np
import pytest
from astropy.io import fits
from numpy.typing import NDArray

import preflare as pf
from preflare.atomic import alone
from preflare.book import Book
from preflare.stages import Stage
from tests.archive_server import serving

# The same examples on every run: a failure is found again, and none comes as a surprise.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.load_profile("repeatable")

FAULTS = "faults: "


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--thorough", action="store_true", help="test more than twelve minutes allow: all faults,"
        " pages at every size in both themes, files of 20 GB"
    )  # fmt: skip


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    long = [each for each in items if each.get_closest_marker("thorough")]
    if long and not config.getoption("--thorough"):
        config.hook.pytest_deselected(items=long)
        items[:] = [each for each in items if each not in long]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how many faults of each kind were survived."""
    survived: Counter[str] = Counter()
    for report in terminalreporter.stats.get("passed", []):
        for name, times in getattr(report, "user_properties", []):
            if name.startswith(FAULTS):
                survived[name.removeprefix(FAULTS)] += times
    if survived:
        terminalreporter.section("faults survived")
        for kind, times in sorted(survived.items()):
            terminalreporter.line(f"{times:6,} {kind}")


DISPERSION = 0.02546
FIRST = 2790.4893
PIXELS = 633
WAVELENGTH = FIRST + DISPERSION * np.arange(PIXELS)


def mg_profile(wavelength: NDArray[Any] = WAVELENGTH) -> NDArray[np.float32]:
    """A plain Mg II profile in DN at 8 s: no rule finds fault with it."""
    profile = np.full(wavelength.shape, 60.0)
    for line, height in (("k", 800.0), ("h", 650.0)):
        offset = wavelength - pf.LINES[line]
        profile += height * np.exp(-0.5 * (offset / 0.2) ** 2)
        profile -= 0.4 * height * np.exp(-0.5 * (offset / 0.07) ** 2)
    return profile.astype(np.float32)


def write_level2(
    folder: Path,
    spectra: NDArray[Any] | None = None,
    *,
    name: str = "raster.fits",
    first: float = FIRST,
    dispersion: float = DISPERSION,
    stored: type = np.float32,
    positions: int = 8,
    obsid: str = "3860258481",
    exposure: float = 8.0,
    start: str = "2014-03-29T14:09:38.830",
    begins: float = 0.17,
    cadence: float = 9.4,
    window: str = "Mg II k 2796",
    others: tuple[tuple[str, float, int], ...] = (("C II 1336", 1332.7, 17),),
    listed: tuple[str, ...] = ("2832",),
    **compression: Any,
) -> Path:
    """Write a level 2 raster file into a folder."""
    if spectra is None:
        spectra = np.tile(mg_profile(), (3, 5, 1))
    primary = fits.PrimaryHDU()
    names = [*(other[0] for other in others), window, *listed]
    beginnings = [*(other[1] for other in others), first, *(2831.2 for _ in listed)]
    lengths = [*(other[2] for other in others), spectra.shape[2], *(9 for _ in listed)]
    primary.header.update(STARTOBS=start, OBSID=obsid, NRASTERP=positions, NWIN=len(names))
    for number, (each, begin, length) in enumerate(zip(names, beginnings, lengths, strict=True), 1):
        primary.header[f"TDESC{number}"] = each
        primary.header[f"TWMIN{number}"] = begin
        primary.header[f"TWMAX{number}"] = begin + dispersion * (length - 1)
    windows = []
    for _, begin, length in others:
        other = np.full((*spectra.shape[:2], length), 3.0, np.float32)
        windows.append(_window(other, begin, 0.026, np.float32, {}))
    windows.append(_window(spectra, first, dispersion, stored, compression))
    hdus = fits.HDUList([primary, *windows, _auxiliary(len(spectra), exposure, begins, cadence)])
    path = folder / name
    hdus.writeto(path)
    return path


def _window(
    spectra: NDArray[Any], first: float, dispersion: float, stored: type, compression: Any
) -> Any:
    scaled = stored is np.int16
    pixels = np.round((spectra - 7992) / 0.25).astype(np.int16) if scaled else spectra
    make = fits.CompImageHDU if compression else fits.ImageHDU
    hdu = make(pixels.astype(stored), **compression)
    hdu.header.update(
        CTYPE1="WAVE", CRVAL1=first, CRPIX1=1.0, CDELT1=dispersion,
        CTYPE2="HPLT-TAN", CRVAL2=281.8, CRPIX2=(spectra.shape[1] + 1) / 2, CDELT2=0.16635,
        CTYPE3="HPLN-TAN", CRVAL3=490.0, CRPIX3=1.0, CDELT3=2.0,
        PC2_2=1.0, PC3_2=0.001,
    )  # fmt: skip
    if scaled:
        hdu.header.update(BSCALE=0.25, BZERO=7992.0)
    return hdu


def _auxiliary(exposures: int, exposure: float, begins: float, cadence: float) -> fits.ImageHDU:
    # Columns in another order than the mission's: the header says which is which.
    rows = np.zeros((exposures, 4))
    rows[:, 1] = begins + cadence * np.arange(exposures)
    rows[:, 0] = exposure
    rows[:, 2] = 484 + 2.0 * np.arange(exposures)
    rows[:, 3] = 281.8
    hdu = fits.ImageHDU(rows)
    hdu.header.update(EXPTIMEN=0, TIME=1, XCENIX=2, YCENIX=3)
    return hdu


@pytest.fixture
def write_raster(tmp_path: Path) -> Callable[..., Path]:
    """Give a function that writes level 2 raster files."""
    return partial(write_level2, tmp_path)


@pytest.fixture
def archive() -> Any:
    """Give a server on this machine that plays the mission's archive."""
    with serving() as playing:
        yield playing


@pytest.fixture(scope="session")
def thorough(request: pytest.FixtureRequest) -> bool:
    """Tell whether to test more than `make test` has the time for."""
    return bool(request.config.getoption("--thorough"))


@pytest.fixture(scope="session")
def real_raster() -> pf.Raster:
    """Give the real raster that travels with preflare."""
    return pf.read_raster(pf.shipped(pf.SAMPLE_RASTER))


@pytest.fixture(scope="session")
def real_slit_jaw() -> pf.SlitJaw:
    """Give the real slit-jaw image that travels with preflare."""
    return pf.read_slitjaw(next(pf.shipped("iris").glob("*_SJI_*.fits")))


@pytest.fixture(scope="session")
def site() -> Path:
    """Give the rendered book, built first where it is not up to date."""
    return Book.found().build(jobs=2)


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> pf.Study:
    """Give the quick study of the twin, with a cache that tests side by side share.

    What a build of the book has made of it is there from the beginning.
    """
    of_this_process = tmp_path_factory.getbasetemp()
    side_by_side = "PYTEST_XDIST_WORKER" in os.environ
    cache = (of_this_process.parent if side_by_side else of_this_process) / "cache"
    book = pf.Study()
    keys = {book._key(stage) for stage in get_args(Stage)}
    with alone(cache):
        if not cache.exists():
            cache.mkdir()
            for made in (each for key in keys for each in book.cache.glob(f"*-{key}*")):
                (copytree if made.is_dir() else copy2)(made, cache / made.name)
    return pf.Study(cache=cache)
