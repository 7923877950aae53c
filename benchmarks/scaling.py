"""Measure how time and memory grow with the spectra, and shrink with the workers.

Run with ``python -m benchmarks.scaling``, on Linux, on a machine with nothing else to do.
Workers are processes of one thread each on a cluster of this machine, as ``Study(scheduler=)`` uses
it, or the threads of one process. Each run has processes of its own, which clean an archive of
simulated observations (see `benchmarks.archive`), score and explain it, and train on as many
spectra. Two things are measured:

- growth: archives of 10^4 to 10^7 spectra, scored by the whole swarm and explained by few members
  with few draws, the same at all sizes; networks are trained on up to 10^6 spectra
- the whole swarm with all its draws, on a small archive

What would take longer than ``--bound``, judged by the size before, is left out, and the record says
so.
The record, `scaling.json` beside this file, is what the book's scaling page shows. It is written
after each run, and ``--sizes 1e6 1e7`` measures some sizes anew. ``--quick`` measures the two
smallest sizes once, and shows them without a record unless ``--record`` names one.
"""

import argparse
import json
import os
import platform
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import numpy as np
import psutil
import torch
from distributed import Client, LocalCluster

import preflare as pf
from benchmarks.archive import ArchiveStudy, Few, pool, write
from preflare.explainer import SAMPLES
from preflare.kernels.ahead import compile_ahead
from preflare.products import digest
from preflare.rules import accepted
from preflare.scaling import RECORD
from preflare.scheduler import THREADS

SIZES = (10**4, 10**5, 10**6, 10**7)
WORKERS = ("1", "2", "4", THREADS)
ROUNDS = {10**5: 2}
"""Of a size; else one."""
FEW = Few(members=1, samples=64)
"""What explains where growth is measured."""
SWARM_SIZE, SWARM_ROUNDS = 6 * 10**4, 2
TRAINED, MEMBERS, EPOCHS = 10**6, 8, 2
"""Spectra at most, networks and epochs of a training: every worker holds all spectra."""
BOUND = 400.0
"""Time that a run may take, in s."""
TREES = ("cubes-", "scores-", "attributions-")


def measured(work, processes):
    """Return how long something takes, and the most memory that each process held.

    The system keeps a process's peak. To look again and again would take a good part of a core.
    """
    for each in processes:
        Path(f"/proc/{each}/clear_refs").write_text("5")
    before = [peak(each) for each in processes]
    start = time.perf_counter()
    work()
    seconds = time.perf_counter() - start
    most = [peak(each) for each in processes]
    return {"seconds": round(seconds, 3), "memory": most, "before": before}


def peak(process):
    """Return the most memory that a process held since that was cleared, in bytes."""
    told = Path(f"/proc/{process}/status").read_text()
    return 1024 * int(re.search(r"VmHWM:\s*(\d+) kB", told)[1])


def ready():
    """Load what a worker loads before its first task, and use each part of it once."""
    study = ArchiveStudy(Path(), Path(), THREADS)
    explainer, quiet_sun = study.explainer(), study._from.quiet_sun()
    some = explainer.baselines[:64]
    quiet_sun.errors(some)
    pf.expected_gradients(explainer.swarm.some([0]), some, some, 64, workers=1)
    explainer.swarm.some([0]).predict(some, workers=1)
    torch.set_num_threads(torch.get_num_threads())


@contextmanager
def started(workers):
    """Give a scheduler's address, the workers' processes, and the time until they are ready."""
    start = time.perf_counter()
    if workers == THREADS:
        ready()
        yield THREADS, [os.getpid()], time.perf_counter() - start
        return
    with (
        LocalCluster(
            n_workers=int(workers),
            threads_per_worker=1,
            processes=True,
            memory_limit=0,
            dashboard_address=":0",
        ) as cluster,
        Client(cluster) as client,
    ):
        client.run(ready)
        processes = list(client.run(os.getpid).values())
        yield cluster.scheduler_address, processes, time.perf_counter() - start


def labelled(count, explainer):
    """Give spectra to train on: what they look like does not change the time."""
    rng = np.random.default_rng(0)
    spectra = explainer.baselines[rng.integers(0, len(explainer.baselines), count)]
    return spectra, np.arange(count) % 2


def one(archive: Path, cache: Path, workers: str, few: Few, train: int) -> dict:
    """Run all stages with some workers, and return what they took."""
    stages = {}
    with started(workers) as (scheduler, processes, start):
        study = ArchiveStudy(archive, cache, scheduler, few)
        names = [each.name for each in study.observations()]
        for stage, work in (
            ("clean", study.cubes),
            ("scores", study.scores),
            ("attributions", study.attributions),
        ):
            stages[stage] = measured(work, processes)
        if train:
            data = labelled(train, study.explainer())
            how = {"members": MEMBERS, "epochs": EPOCHS, "scheduler": scheduler}
            stages["train"] = measured(lambda: pf.Swarm.train(*data, **how), processes)
            stages["train"]["spectra"] = train
        kept = [int(accepted(study.cube(name)).sum()) for name in names]
    return {
        "start_seconds": round(start, 2),
        "spectra": sum(int(study.cube(name)["peak"].size) for name in names),
        "accepted": sum(kept),
        "longest": max(int(study.cube(name)["peak"].size) for name in names),
        "stages": stages,
        "disk": {
            tree.rstrip("-"): taken(folder) for tree in TREES for folder in cache.glob(f"{tree}*")
        }
        | {"files": taken(archive)},
        "client_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def taken(folder: Path) -> int:
    """Return the bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


class Record:
    """What was measured, in a file that is written after each run."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.content = {"runs": [], "left_out": []}
        if path is not None and path.is_file():
            self.content |= json.loads(path.read_text())

    def forget(self, part: str, size: int) -> None:
        """Drop the runs of a size, which are to be measured anew."""
        for kind in ("runs", "left_out"):
            self.content[kind] = [
                each for each in self.content[kind] if (each["part"], each["size"]) != (part, size)
            ]

    def add(self, kind: str, entry: dict) -> None:
        """Add a run, or what was left out."""
        self.content[kind].append(entry)
        if self._path is not None:
            self._path.write_text(json.dumps(self.content, indent=1) + "\n")

    def expected(self, size: int, workers: str) -> float:
        """Return the time that a run should take, by the one before with as many workers."""
        known = [
            (
                each["spectra"],
                sum(
                    stage["seconds"]
                    for name, stage in each["stages"].items()
                    if name != "train" or size <= TRAINED
                ),
            )
            for each in self.content["runs"]
            if (each["part"], each["workers"]) == ("growth", workers) and each["size"] < size
        ]
        spectra, seconds = max(known, default=(1, 0.0))
        return seconds * size / spectra


def about(compiled: float, bound: float) -> dict:
    """Say where and how it was measured."""
    swarm = ArchiveStudy(Path(), Path(), THREADS).explainer()
    named = ("dask", "distributed", "numba", "numpy", "torch", "xarray", "zarr")
    code = digest([Path(pf.__file__).parent, *sorted(Path(__file__).parent.glob("*.py"))])
    return {
        "measured": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": psutil.virtual_memory().total,
        "load_before": os.getloadavg()[0],
        "versions": {name: metadata.version(name) for name in named},
        "code": code[:12],
        "compile_seconds": round(compiled, 1),
        "bound_seconds": bound,
        "swarm": {"members": len(swarm.swarm), "samples": SAMPLES},
        "few": {"members": FEW.members, "samples": FEW.samples},
        "training": {"members": MEMBERS, "epochs": EPOCHS, "most": TRAINED},
        "baselines": len(swarm.baselines),
    }


def processor() -> str:
    """Return the name of the processor, where the system tells."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.is_file() else []
    return next((line.split(": ")[1] for line in lines if line.startswith("model name")), "")


def compiled_anew() -> float:
    """Return the time that it takes to compile the loops, once for each kind of processor."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", "from preflare.kernels.ahead import _use_usual; _use_usual()"],
            env=os.environ | {"NUMBA_CACHE_DIR": folder},
            check=True,
        )
        return time.perf_counter() - start


def in_a_process(archive: Path, folder: Path, workers: str, few: Few, train: int) -> dict:
    """Do one run in processes of its own; leave nothing of it on the disk."""
    cache = folder / "cache"
    given = [str(archive), str(cache), workers, json.dumps([few.members, few.samples]), str(train)]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.scaling", "--one", *given],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return json.loads(done.stdout.splitlines()[-1])
    finally:
        shutil.rmtree(cache, ignore_errors=True)


def series(
    part: str,
    size: int,
    folder: Path,
    pixels: np.ndarray,
    record: Record,
    rounds: int,
    bound: float,
) -> None:
    """Measure one size with all numbers of workers, in turn."""
    record.forget(part, size)
    archive = folder / f"{size}"
    written = False
    few = FEW if part == "growth" else Few()
    for turn in range(rounds):
        for workers in WORKERS:
            if workers == THREADS and (turn or part == "swarm"):
                continue
            entry = {"part": part, "size": size, "workers": workers, "round": turn}
            expected = record.expected(size, workers) if part == "growth" else 0.0
            if expected > bound:
                record.add("left_out", entry | {"expected_seconds": round(expected)})
                continue
            if not written:
                start = time.perf_counter()
                modes = write(archive, size, pixels)
                written = True
                count = sum(how.spectra for how in modes)
                print(f"{count} spectra written in {time.perf_counter() - start:.0f} s", flush=True)
            train = size if part == "growth" and size <= TRAINED else 0
            run = in_a_process(archive, folder, workers, few, train)
            record.add("runs", entry | run)
            show(entry | run)
    shutil.rmtree(archive, ignore_errors=True)


def show(run: dict) -> None:
    """Print one run."""
    told = ", ".join(
        f"{name} {stage['seconds']:.2f} s {max(stage['memory']) / 1e6:.0f} MB"
        for name, stage in run["stages"].items()
    )
    print(f"{run['part']} {run['size']:.0e}, {run['workers']}: {told}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--quick", action="store_true", help="two sizes, one round")
    parser.add_argument("--sizes", nargs="+", type=float, help="of growth; 0 for the whole swarm")
    parser.add_argument("--record", type=Path, help="where to keep what is measured")
    parser.add_argument("--folder", type=Path, help="where there is room: 30 GB for 10^7 spectra")
    parser.add_argument("--bound", type=float, default=BOUND, help="what a run may take, in s")
    parser.add_argument("--one", nargs=5, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        archive, cache, workers, few, train = given.one
        few = Few(*json.loads(few))
        print(json.dumps(one(Path(archive), Path(cache), workers, few, int(train))))
        return
    sizes = SIZES[:2] if given.quick else SIZES
    sizes = [int(size) for size in given.sizes or (*sizes, 0)]
    path = given.record or (None if given.quick else Path(__file__).parents[1] / RECORD)
    record = Record(path)
    compile_ahead()
    record.content["about"] = about(compiled_anew(), given.bound)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=given.folder, prefix="scaling-") as made:
        folder = Path(made)
        pixels = pool(folder / "twin")
        for size in sizes:
            rounds = 1 if given.quick else ROUNDS.get(size, 1)
            if size:
                series("growth", size, folder, pixels, record, rounds, given.bound)
            else:
                rounds = 1 if given.quick else SWARM_ROUNDS
                series("swarm", SWARM_SIZE, folder, pixels, record, rounds, given.bound)
    print(f"{time.perf_counter() - start:.0f} s in all")


if __name__ == "__main__":
    main()
