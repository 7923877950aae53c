"""Small ConvNets on observation-wise splits, all splits trained together as one grouped network."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

EPOCHS = 20
SPECTRA = 6000  # of each class, to train on


class Together(nn.Module):
    """Members of the published architecture side by side: (n, members, 240) to (n, members, 2)."""

    def __init__(self, members):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv1d(members, 2 * members, 20, stride=3, groups=members),
            nn.ReLU(),
            nn.Conv1d(2 * members, 4 * members, 10, stride=3, groups=members),
            nn.ReLU(),
            nn.MaxPool1d(2),
        )
        self.first = nn.Conv1d(44 * members, 5 * members, 1, groups=members)
        self.second = nn.Conv1d(5 * members, 2 * members, 1, groups=members)

    def forward(self, spectra):
        n, members, _ = spectra.shape
        hidden = self.features(spectra).reshape(n, 44 * members, 1)
        logits = self.second(functional.relu(self.first(hidden)))
        return logits.reshape(n, members, 2)


def balanced(rng, places, labels, count):
    """Draw equally many places of each class, with repetition only where there are too few."""
    return np.concatenate(
        [
            rng.choice(places[labels[places] == label], count, replace=False)
            if (labels[places] == label).sum() >= count
            else rng.choice(places[labels[places] == label], count)
            for label in (0, 1)
        ]
    )


def skills(spectra, labels, sides, seed=0):
    """Return the true skill statistic of one network a split, on its test side.

    ``sides`` is a list of pairs: places to train on and to test on.
    """
    rng = np.random.default_rng(seed)
    train = np.stack([balanced(rng, side[0], labels, SPECTRA) for side in sides], axis=1)
    test = np.stack([balanced(rng, side[1], labels, SPECTRA // 3) for side in sides], axis=1)
    data, truth = torch.from_numpy(spectra), torch.from_numpy(labels.astype(np.int64))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Together(len(sides))
        optimizer = torch.optim.Adam(network.parameters(), 1e-3)
        for _ in range(EPOCHS):
            for batch in torch.from_numpy(rng.permuted(train, axis=0)).split(64):
                optimizer.zero_grad()
                logits = network(data[batch])
                # The mean over a member's own batch is what it would see alone.
                loss = functional.cross_entropy(
                    logits.reshape(-1, 2), truth[batch].reshape(-1), reduction="sum"
                )
                (loss / len(batch)).backward()
                optimizer.step()
    with torch.no_grad():
        called = network(data[torch.from_numpy(test)]).argmax(dim=2).numpy() == 1
    actual = labels[test] == 1
    hits = (called & actual).sum(axis=0) / actual.sum(axis=0)
    alarms = (called & ~actual).sum(axis=0) / (~actual).sum(axis=0)
    return hits - alarms
