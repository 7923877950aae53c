"""Train one `preflare.network.ConvNet`, and ask it: whole epochs in compiled loops."""

from __future__ import annotations

import numpy as np

from preflare.kernels.convnet import (
    BLOCK,
    WEIGHTS,
    backward,
    compiled,
    forward,
    gather,
    workspace,
)

DECAY_1, DECAY_2, EPSILON = 0.9, 0.999, 1e-8
"""Of Adam, as torch has them (Kingma & Ba 2015, arXiv:1412.6980)."""
NOTHING = 1e-30
"""What is smaller becomes zero: far below what a weight of 0.01 could notice."""


@compiled
def judge(logits, labels, places, slope):
    """Judge a block's logits, PF less AR, by the labels of its spectra.

    Sets ``slope`` to the derivative of each cross-entropy, 0 where the block has no spectrum.
    Returns the summed cross-entropy, and how many PF and AR spectra are called PF.
    """
    loss, hits, alarms = 0.0, 0, 0
    slope[:] = 0
    for b in range(places.size):
        logit, label = logits[b], labels[places[b]]
        away = -logit if label else logit
        small = np.exp(-abs(away))
        share = small / (1 + small) if away < 0 else 1 / (1 + small)
        slope[b] = -share if label else share
        loss += np.log1p(small) + (0.0 if away < 0 else away)  # log(1 + exp(away))
        if logit > 0:
            hits += label
            alarms += 1 - label
    return loss, hits, alarms


@compiled
def gradient(weights, spectra, labels, places, total, work, errors, slope):
    """Set ``total`` (363,) to the gradient of a batch's mean cross-entropy.

    Returns the batch's summed cross-entropy, and how many of its PF and of its AR spectra are
    called PF.
    """
    total[:] = 0
    loss, hits, alarms = 0.0, 0, 0
    size, one = places.size, weights.dtype.type(1)
    for start in range(0, size, BLOCK):
        here = places[start : start + BLOCK]
        gather(spectra, here, work[0])
        forward(weights, work)
        lost, hit, alarm = judge(work[5], labels, here, slope)
        loss, hits, alarms = loss + lost, hits + hit, alarms + alarm
        slope /= size
        backward(weights, (-one, one), work, work, slope, errors, total)
    return loss, hits, alarms


@compiled
def adam(weights, total, mean, square, step, rate):
    """Take step number ``step``, from 1 on, of Adam."""
    kind = weights.dtype.type
    one = kind(1)
    d1, d2 = kind(DECAY_1), kind(DECAY_2)
    length = kind(rate / (1.0 - DECAY_1**step))
    root = kind(np.sqrt(1.0 - DECAY_2**step))
    epsilon = kind(EPSILON)
    tiny = kind(NOTHING)
    for i in range(WEIGHTS):
        mean[i] += (one - d1) * (total[i] - mean[i])
        square[i] = d2 * square[i] + (one - d2) * total[i] * total[i]
        weights[i] -= length * mean[i] / (np.sqrt(square[i]) / root + epsilon)
        # What fades away, in dead neurons, would end in subnormal numbers, which are slow.
        mean[i] = kind(0) if abs(mean[i]) < tiny else mean[i]
        square[i] = kind(0) if square[i] < tiny else square[i]
        weights[i] = kind(0) if abs(weights[i]) < tiny else weights[i]


@compiled
def train_epoch(weights, mean, square, done, spectra, labels, order, batch, rate, penalty):
    """Train through all spectra once, in place.

    Parameters
    ----------
    weights, mean, square : ndarray, (363,)
        Weights, and what Adam remembers of their gradients.
    done : int
        Steps taken before.
    spectra : ndarray, (n, 240)
        Normalised profiles.
    labels : ndarray of int8, (n,)
        1 for PF.
    order : ndarray of int64
        Places of the spectra to train on, shuffled.
    batch : int
        Spectra a step; the last batch may be shorter.
    rate, penalty : float
        Learning rate of Adam, and lambda of Eq. 1.

    Returns
    -------
    tuple
        Cross-entropy summed over the spectra, each as it was when its batch came, and how many of
        the PF and of the AR spectra were called PF.
    """
    work, errors = workspace(weights), workspace(weights)
    slope, total = np.zeros(BLOCK, weights.dtype), np.zeros_like(weights)
    twice = weights.dtype.type(2.0 * penalty)
    loss, hits, alarms = 0.0, 0, 0
    for start in range(0, order.size, batch):
        places = order[start : start + batch]
        lost, hit, alarm = gradient(weights, spectra, labels, places, total, work, errors, slope)
        loss, hits, alarms = loss + lost, hits + hit, alarms + alarm
        for i in range(WEIGHTS):
            total[i] += twice * weights[i]
        done += 1
        adam(weights, total, mean, square, done, rate)
    return loss, hits, alarms


@compiled
def evaluate(weights, spectra, labels, places):
    """Return the summed cross-entropy, and how many PF and AR spectra are called PF."""
    work = workspace(weights)
    slope = np.zeros(BLOCK, weights.dtype)
    loss, hits, alarms = 0.0, 0, 0
    for start in range(0, places.size, BLOCK):
        here = places[start : start + BLOCK]
        gather(spectra, here, work[0])
        forward(weights, work)
        lost, hit, alarm = judge(work[5], labels, here, slope)
        loss, hits, alarms = loss + lost, hits + hit, alarms + alarm
    return loss, hits, alarms


@compiled
def logits(weights, spectra, out):
    """Put the logits, PF less AR, of spectra (n, 240) into ``out`` (n,)."""
    work = workspace(weights)
    places = np.arange(len(spectra))
    for start in range(0, len(spectra), BLOCK):
        here = places[start : start + BLOCK]
        gather(spectra, here, work[0])
        forward(weights, work)
        out[start : start + here.size] = work[5][: here.size]
