"""Time `preflare.Swarm.train` against the usual loop over networks, side by side.

Run with ``python -m benchmarks.training``. The usual loop takes one network after the other
through a DataLoader with torch's Adam, batch 64. Both train on the same spectra and test on the
same ones after every epoch; the loop trains fewer networks, and time is counted for each step of
each network. Rounds alternate, so that a busy machine slows both.
"""

import platform
import statistics
import time
from importlib import metadata

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

import preflare as pf
from preflare.splits import Split

TRAIN, TEST = 48_386, 19_354
"""As many spectra as the published split has."""
BATCH = 64
MEMBERS, EPOCHS = 16, 2
ROUNDS = 5
CORES = (1, 4)


def made_up() -> tuple[np.ndarray, np.ndarray]:
    """Make spectra of two classes: what they look like does not change the time."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, TRAIN + TEST)
    spectra = rng.random((TRAIN + TEST, 240), np.float32) * 0.9
    spectra[np.arange(TRAIN + TEST), 60 + labels * rng.integers(0, 30, TRAIN + TEST)] = 1.0
    return spectra, labels


def usual_loop(spectra: torch.Tensor, labels: torch.Tensor) -> float:
    """Train one network for one epoch; return the time of a step in s."""
    train = DataLoader(TensorDataset(spectra[:TRAIN], labels[:TRAIN]), BATCH, shuffle=True)
    test = DataLoader(TensorDataset(spectra[TRAIN:], labels[TRAIN:]), BATCH)
    network = pf.ConvNet()
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    start = time.perf_counter()
    for batch, truth in train:
        optimizer.zero_grad()
        cross_entropy(network(batch), truth).backward()
        optimizer.step()
    with torch.no_grad():
        for batch, truth in test:
            cross_entropy(network(batch), truth)
    return (time.perf_counter() - start) / len(train)


def swarm(spectra: np.ndarray, labels: np.ndarray, workers: int) -> float:
    """Train a swarm; return the time of a step of a member in s."""
    split = Split(np.arange(TRAIN), np.arange(TRAIN, TRAIN + TEST))
    start = time.perf_counter()
    pf.Swarm.train(spectra, labels, split, members=MEMBERS, epochs=EPOCHS, workers=workers)
    return (time.perf_counter() - start) / (MEMBERS * EPOCHS * -(-TRAIN // BATCH))


def main() -> None:
    torch.set_num_threads(1)
    spectra, labels = made_up()
    tensors = torch.from_numpy(spectra), torch.from_numpy(labels)
    pf.Swarm.train(spectra[:100], labels[:100], members=1, epochs=1)  # compile
    slow, fast = [], {cores: [] for cores in CORES}
    for _ in range(ROUNDS + 1):
        slow.append(usual_loop(*tensors))
        for cores, times in fast.items():
            times.append(swarm(spectra, labels, cores))
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "numba", "numpy"))
    print(f"{TRAIN:,} spectra to train on, {TEST:,} to test, {ROUNDS} rounds after a warm-up")
    print(f"{platform.machine()}, Python {platform.python_version()}, {versions}")
    loop = statistics.median(slow[1:])
    print(f"usual loop, 1 core      {loop * 1e3:7.3f} ms a step of a network")
    for cores, times in fast.items():
        ratios = [a / b for a, b in zip(slow[1:], times[1:], strict=True)]
        print(
            f"swarm, {cores} core{'s' if cores > 1 else ' '}          "
            f"{statistics.median(times[1:]) * 1e3:7.3f} ms, {statistics.median(ratios):.0f} times "
            f"as fast ({min(ratios):.0f} to {max(ratios):.0f})"
        )


if __name__ == "__main__":
    main()
