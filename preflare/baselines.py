"""Simpler ways to tell PF from AR spectra, to see what a network adds.

Each takes labelled spectra, a split and a seed, learns from the training side and returns the
probability of PF of each spectrum of the test side.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits
from torch.nn.functional import cross_entropy

from preflare.labelled import LabelledSpectra
from preflare.network import DenseNet
from preflare.splits import Split

Array = NDArray[np.float64]
Baseline = Callable[[LabelledSpectra, Split, int], Array]

CLUSTERS = 60
EPOCHS, BATCH, RATE = 20, 64, 1e-3


def intensity_only(data: LabelledSpectra, split: Split, seed: int) -> Array:
    """Logistic regression on the logarithm of the peak intensity."""
    return _logistic(np.log(data.peak)[:, None], data, split)


def metadata_only(data: LabelledSpectra, split: Split, seed: int) -> Array:
    """Logistic regression on how an observation was taken; the spectra are not looked at."""
    table = np.log(data.metadata.loc[list(data.observation.categories)].to_numpy())
    return _logistic(table[data.observation.codes], data, split)


def logistic_regression(data: LabelledSpectra, split: Split, seed: int) -> Array:
    """Logistic regression on the 240 points of the profile."""
    return _logistic(data.spectra, data, split)


def k_means(data: LabelledSpectra, split: Split, seed: int) -> Array:
    """Share of PF among the training spectra of the same cluster (after Woods et al. 2021)."""
    clusters = KMeans(CLUSTERS, n_init=1, max_iter=50, random_state=seed).fit(
        data.spectra[split.train]
    )
    labels = data.labels[split.train]
    # One spectrum of each class more than there is, so that no cluster is certain.
    pf = 1.0 + np.bincount(clusters.labels_, labels, minlength=CLUSTERS)
    total = 2.0 + np.bincount(clusters.labels_, minlength=CLUSTERS)
    return np.asarray((pf / total)[clusters.predict(data.spectra[split.test])])


def dense_network(data: LabelledSpectra, split: Split, seed: int) -> Array:
    """Train the fully connected network like the ConvNet, but for a fixed number of epochs."""
    # So small a network is faster on one core than on several.
    with torch.random.fork_rng(devices=[]), threadpool_limits(1):
        torch.manual_seed(seed)
        network = DenseNet()
        optimizer = torch.optim.Adam(network.parameters(), RATE, fused=True)
        spectra = torch.from_numpy(data.spectra[split.train])
        labels = torch.from_numpy(data.labels[split.train].astype(np.int64))
        for _ in range(EPOCHS):
            for batch in torch.randperm(len(spectra)).split(BATCH):
                optimizer.zero_grad()
                cross_entropy(network(spectra[batch]), labels[batch]).backward()
                optimizer.step()
    with torch.no_grad():
        logits = network(torch.from_numpy(data.spectra[split.test]))
    return np.asarray(logits.double().softmax(dim=1)[:, 1].numpy())


BASELINES: dict[str, Baseline] = {
    "metadata only": metadata_only,
    "intensity only": intensity_only,
    "k-means": k_means,
    "logistic regression": logistic_regression,
    "dense network": dense_network,
}


def _logistic(features: NDArray[np.floating], data: LabelledSpectra, split: Split) -> Array:
    features = features.astype(np.float64)  # in single precision many a probability is exactly 1
    model = make_pipeline(StandardScaler(), LogisticRegression(solver="newton-cholesky"))
    model.fit(features[split.train], data.labels[split.train])
    return np.asarray(model.predict_proba(features[split.test])[:, 1])
