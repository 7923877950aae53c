"""Time `preflare.expected_gradients` and `preflare.grad_cam` against captum, side by side.

Run with ``python -m benchmarks.expected_gradients``. captum goes through the networks one after
the other, on one core. The first comparison is of the same estimator: 9 networks with 500
independent draws each. The second is at equal error: how long until our estimator is as close to a
converged reference as captum's is with 500 draws. Grad-CAM is compared with captum's on all spectra
at once, and one by one. Networks and spectra are the twin's (made first, if they are not there).
"""

import argparse
import platform
import statistics
import time
from importlib import metadata

import numpy as np
import torch
from captum.attr import GradientShap, LayerGradCam

import preflare as pf
from preflare.explain.expected_gradients import SAMPLES, attribute
from preflare.kernels.convnet import BLOCK

MEMBERS = 9
EXPLAINED = 64
"""Spectra whose errors are measured."""
TIMED = 8_192
"""Spectra that we time; captum's time is of the first 20 of them."""
BY_CAPTUM = 20
CAMS = 16_384
REFERENCE = 200_000
"""Draws of each network for the reference."""
ROUNDS = 5
SEEDS = 24
CORES = (1, 4)
NAIVE = {"design": "independent", "control": False}


def material() -> tuple[pf.Swarm, np.ndarray, np.ndarray]:
    """Return nine networks that learned, spectra to explain, and the training set."""
    study = pf.Study()
    data, split, swarm = study.spectra(), study.split(study.chosen()), study.swarm()
    learned = swarm.report().query("condition == 'trained'").index[:MEMBERS]
    spectra = np.resize(data.spectra[split.test], (CAMS, 240))
    return swarm.some(learned), spectra, data.spectra[split.train]


def captum_loop(modules: list, spectra: torch.Tensor, baselines: torch.Tensor) -> np.ndarray:
    """Return the mean over networks of captum's attributions."""
    total = torch.zeros_like(spectra)
    for module in modules:
        explainer = GradientShap(module)
        for place in range(len(spectra)):
            total[place] += explainer.attribute(
                spectra[place : place + 1], baselines, n_samples=SAMPLES, stdevs=0.0, target=1
            )[0]
    return (total / len(modules)).numpy()


def seconds(work, *args, **options) -> float:
    """Return how long a call takes."""
    start = time.perf_counter()
    work(*args, **options)
    return time.perf_counter() - start


def error(found: np.ndarray, reference: np.ndarray) -> float:
    """Return the root mean square error relative to the reference's, the median over spectra."""
    each = np.sqrt(((found - reference) ** 2).mean(axis=1) / (reference**2).mean(axis=1))
    return float(np.median(each))


def as_good_as(wanted: float, swarm, spectra, baselines, reference) -> int:
    """Return the number of draws, in whole blocks, with which our error is at most captum's."""
    for draws in range(BLOCK, SAMPLES + BLOCK, BLOCK):
        runs = [pf.expected_gradients(swarm, spectra, baselines, draws, s) for s in range(SEEDS)]
        if np.mean([error(run, reference) for run in runs]) <= wanted:
            return draws
    raise SystemExit("No number of draws reaches captum's error.")


def line(name: str, per_spectrum: list[float], reference: list[float]) -> str:
    """Return one line of the table."""
    ratios = [a / b for a, b in zip(reference, per_spectrum, strict=True)]
    return (
        f"{name:38s}{statistics.median(per_spectrum) * 1e3:9.4f} ms a spectrum, "
        f"{statistics.median(ratios):.0f} times as fast ({min(ratios):.0f} to {max(ratios):.0f})"
    )


def main() -> None:
    argparse.ArgumentParser(description=__doc__.split("\n\n")[0]).parse_args()
    swarm, spectra, baselines = material()
    modules = swarm.modules()
    light, compared = torch.from_numpy(spectra), torch.from_numpy(baselines)
    versions = ", ".join(f"{n} {metadata.version(n)}" for n in ("captum", "torch", "numba"))
    print(f"{platform.machine()}, Python {platform.python_version()}, {versions}")

    some = spectra[:EXPLAINED]
    reference = attribute(swarm, some, baselines, REFERENCE, 99).mean
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 - captum draws from the global state
    theirs = error(captum_loop(modules, light[:EXPLAINED], compared), reference)
    same = [attribute(swarm, some, baselines, seed=s, **NAIVE).mean for s in range(SEEDS)]
    ours = [attribute(swarm, some, baselines, seed=s).mean for s in range(SEEDS)]
    print(f"error of captum, {SAMPLES} draws              {theirs:.4f}")
    for name, runs in (("the same estimator, ours", same), ("our estimator", ours)):
        print(f"error of {name:29s}{np.mean([error(run, reference) for run in runs]):.4f}")
    wanted = float(np.mean([error(run, reference) for run in same]))
    enough = as_good_as(wanted, swarm, some, baselines, reference)
    print(f"draws that reach captum's error       {enough}")

    torch.set_num_threads(1)
    captum, plain, equal, by_batch, one_by_one, cams = ([], {}, {}, [], [], {})
    for _ in range(ROUNDS + 1):
        captum.append(seconds(captum_loop, modules, light[:BY_CAPTUM], compared) / BY_CAPTUM)
        by_batch.append(seconds(captum_cams, modules, light) / CAMS)
        one_by_one.append(seconds(captum_cams, modules, light[:BY_CAPTUM], 1) / BY_CAPTUM)
        for cores in CORES:
            how = {"workers": cores}
            work = swarm, spectra[:TIMED], baselines
            plain.setdefault(cores, []).append(seconds(attribute, *work, **how, **NAIVE) / TIMED)
            equal.setdefault(cores, []).append(seconds(attribute, *work, enough, **how) / TIMED)
            cams.setdefault(cores, []).append(seconds(pf.grad_cam, swarm, spectra, **how) / CAMS)
    print(f"captum, 1 core                        {statistics.median(captum[1:]) * 1e3:9.4f} ms")
    for cores in CORES:
        print(line(f"the same estimator, {cores} core(s)", plain[cores][1:], captum[1:]))
        print(line(f"at equal error, {cores} core(s)", equal[cores][1:], captum[1:]))
    print(f"captum's Grad-CAM, 1 core, at once    {statistics.median(by_batch[1:]) * 1e3:9.4f} ms")
    for cores in CORES:
        print(line(f"Grad-CAM, {cores} core(s), at once", cams[cores][1:], by_batch[1:]))
        print(line(f"Grad-CAM, {cores} core(s), one by one", cams[cores][1:], one_by_one[1:]))


def captum_cams(modules: list, spectra: torch.Tensor, at_once: int | None = None) -> None:
    """Make captum's maps, put them on the grid and average them over networks."""
    total = torch.zeros_like(spectra)
    for module in modules:
        explainer = LayerGradCam(module, module.features)
        for start in range(0, len(spectra), at_once or len(spectra)):
            part = slice(start, start + (at_once or len(spectra)))
            maps = explainer.attribute(spectra[part], target=1, relu_attributions=True)
            total[part] += LayerGradCam.interpolate(maps, (240,), "linear")[:, 0]


if __name__ == "__main__":
    main()
