"""Read damaged files one after the other, as a user would, and tell what came of each.

Run as ``python -W error -m tests.faults.reading SOURCES SEED FIRST STOP``; SOURCES is a folder of
files to damage. What is said of each case stands in a line of JSON. A case that must not end as it
did is kept beside the sources.
"""

import contextlib
import faulthandler
import gc
import json
import os
import re
import resource
import signal
import sys
import time
import traceback
from pathlib import Path

import dask
import numpy as np

import preflare as pf
from preflare.errors import PreflareError
from tests.faults.mutations import mutated

SECONDS = 20
"""That a case may take on a busy machine; most take hundredths."""
ROOM = 2**30
"""Bytes of address space that a case may take beyond those of the packages."""
MEMORY = 256 * 2**20
"""Bytes that a case may really use, beside some for each byte of its file."""
TIMES = 12
"""Cleaning holds a file unpacked, as float64, and cut to the window."""

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class HangError(BaseException):
    """A case takes too long. No Exception, which the reader would take for damage."""


def main(folder, seed, first, stop):
    sources = {path.name: path.read_bytes() for path in sorted(folder.glob("*.fits"))}
    scratch = folder / f"{first}-{stop}"
    scratch.mkdir()
    os.environ["TMPDIR"] = str(scratch)
    faulthandler.enable()
    signal.signal(signal.SIGALRM, too_long)
    dask.config.set(scheduler="synchronous")
    for name in sources:
        reader_of(name)[0](folder / name)  # none is refused, and all is imported that is needed
    room = memory("VmSize") + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
    before = len(list(Path("/proc/self/fd").iterdir()))
    for number in range(first, stop):
        source, faults, content = mutated(sources, seed, number)
        # Beside it, what a damaged file may lead to by its own words: nothing must come of that.
        path = scratch / f"case-{number}.fits"
        path.write_bytes(content)
        said = one(path, len(content), *reader_of(source))
        print(json.dumps({"case": number, "source": source, "faults": faults, **said}), flush=True)
        if "wrong" not in said:
            path.unlink()
    gc.collect()
    left = [path.name for path in scratch.iterdir() if not path.name.startswith("case-")]
    opened = len(list(Path("/proc/self/fd").iterdir())) - before
    print(json.dumps({"left": left, "opened": opened}))


def reader_of(source):
    return (images_used, raster_used) if "images" in source else (raster_used, images_used)


def one(path, size, read, other):
    """Read one file by its reader, and by that of the other kind; `wrong` says what must not be."""
    faulthandler.dump_traceback_later(
        3 * SECONDS, exit=True
    )  # where not even a signal gets through
    signal.setitimer(signal.ITIMER_REAL, SECONDS, 1)
    with contextlib.suppress(OSError):
        CLEAR.write_text("5")  # the peak starts anew
    before, started = memory("VmRSS"), time.perf_counter()
    try:
        said = outcome(read, path)
        beside = outcome(other, path)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
    used = memory("VmHWM") - before
    if "wrong" in beside:
        said = beside
    if used > MEMORY + TIMES * size:
        said["wrong"] = f"{used / 2**20:.0f} MiB used for {size:,} bytes; {said}"
    return {**said, "seconds": round(time.perf_counter() - started, 3), "MiB": used // 2**20}


def outcome(read, path):
    try:
        read(path)
    except PreflareError as error:
        return judged(error, path)
    except (Exception, HangError):
        return {"wrong": traceback.format_exc()}
    return {}


def judged(error, path):
    """Refusals are one sentence with the file's name, and hide no bug."""
    sentence = str(error)
    rest = sentence.replace(str(path), "FILE")
    bare = re.sub(r"'[^']*'?|\([^)]*\)", "", rest)  # without what is quoted from the file
    faults = [
        wrong
        for wrong, found in {
            "does not name the file": "FILE" not in rest,
            "is not one sentence": "\n" in rest or not rest.endswith(".") or ". " in bare,
            "is too long": len(rest) > 400,
            "cannot be printed": not rest.isprintable(),
            "hides what is worse": re.search(r"Warning|MemoryError|RecursionError", rest),
            "hides a bug": re.search(r"cannot be read|damaged, \w+Error", rest)
            and is_ours(error.__cause__),
        }.items()
        if found
    ]
    return {"refused": rest} | ({"wrong": f"{sentence!r} {faults}"} if faults else {})


def is_ours(cause):
    """Whether an error that nobody raised on purpose comes from a line of preflare."""
    if cause is None or isinstance(cause, OSError):
        return False
    last = traceback.extract_tb(cause.__traceback__)[-1]
    return Path(last.filename).is_relative_to(Path(pf.__file__).parent)


def raster_used(path):
    """Use all of a raster, and make sure that what it gives fits together."""
    raster = pf.read_raster(path)
    steps, slit, points = raster.intensity.shape
    pixels = raster.intensity.compute()
    assert pixels.shape == (steps, slit, points)
    assert pixels.dtype == np.float32
    common(raster, steps)
    assert raster.wavelength.shape == (points,)
    assert np.isfinite(raster.wavelength).all()
    assert raster.slit_x.shape == raster.slit_y.shape == (slit,)
    assert np.isfinite([raster.slit_x, raster.slit_y]).all()
    assert np.isfinite(raster.nominal_range).all()
    assert raster.positions >= 1
    cube = pf.clean(raster).compute()
    order = (1, steps) if not raster.sit_and_stare else (steps, 1)
    assert cube.intensity.shape == (*order, slit, 240)
    assert cube["flags"].dtype == np.uint8
    keep = pf.accepted(cube)
    spectra = cube.intensity.values
    assert np.isfinite(spectra[keep]).all()
    assert (spectra[keep].max(axis=-1) == 1).all()
    rejected = (cube["flags"].values & cube.attrs["reject"]) != 0
    assert np.isnan(spectra[rejected]).all()
    pf.count_rules(cube)


def images_used(path):
    """Use all of a file of slit-jaw images."""
    movie = pf.read_slitjaw(path)
    pixels = movie.image.compute()
    assert pixels.shape == movie.image.shape
    assert pixels.dtype == np.float32
    common(movie, len(pixels))
    assert movie.slit.shape == (len(pixels), 2)
    assert np.isfinite(movie.scale).all()
    assert min(movie.scale) > 0
    movie.nearest(movie.time[0])
    movie.slit_position(0)


def common(read, exposures):
    assert re.fullmatch(r"\d{8}_\d{6}_\d{10}", read.observation_id), read.observation_id
    assert repr(read).isprintable() or repr(read).count("\n") == 2
    for each in (read.time, read.exposure, read.x, read.y):
        assert each.shape == (exposures,)
    assert not np.isnat(read.time).any()
    # None but the mission's own time, and the twin's, which is the same.
    assert (np.abs(read.time - np.datetime64("2014-03-29")) < np.timedelta64(40 * 366, "D")).all()


def memory(what):
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(what))
    return 1024 * int(line.split()[1])


def too_long(*_):
    raise HangError


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
