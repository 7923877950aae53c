"""Train one `preflare.network.ConvNet` with the attribution prior: whole epochs as plain loops.

The prior is on slopes, derivatives of the output by the intensities, and is trained by their
derivatives by the weights. Between kinks the network is linear, and on which side of a kink a
spectrum lies does not change with a small change of the weights. So a weighted sum of slopes is the
output for its weights as if they were a spectrum, of a network that has no biases and whose active
units are those of the spectrum; and its gradient is that network's.

As in `preflare.kernels.convnet`, spectra go through in blocks of 64 with the spectrum as the last
index.
"""

from __future__ import annotations

import numpy as np

from preflare.kernels.convnet import (
    BLOCK,
    FLAT,
    HIDDEN,
    LENGTH_1,
    LENGTH_2,
    MAPS_1,
    MAPS_2,
    POINTS,
    POOLED,
    STRIDE,
    TAPS_1,
    TAPS_2,
    backward,
    compiled,
    forward,
    gather,
    parts,
    workspace,
)
from preflare.kernels.explaining import (
    EDGE_1,
    EDGE_2,
    REACH_1,
    pull_back,
    pull_further,
    pull_of,
    spread_back,
    unpool,
)
from preflare.kernels.training import adam, gradient


@compiled
def padded_errors(like):
    """Return arrays that take the errors of one block, as `spread_back` wants them."""
    kind = like.dtype
    return (
        np.zeros((MAPS_1, LENGTH_1 + 2 * EDGE_1, BLOCK), kind),
        np.zeros((MAPS_2, LENGTH_2 + 2 * EDGE_2, BLOCK), kind),
        np.zeros((FLAT, BLOCK), kind),
        np.zeros((HIDDEN, BLOCK), kind),
        np.zeros(BLOCK, kind),
    )


@compiled
def stacked(like, draws):
    """Return as many workspaces as there are draws, each array with all of them."""
    block, first, second, pooled, hidden, logit = workspace(like)
    return (
        np.zeros((draws, *block.shape), like.dtype),
        np.zeros((draws, *first.shape), like.dtype),
        np.zeros((draws, *second.shape), like.dtype),
        np.zeros((draws, *pooled.shape), like.dtype),
        np.zeros((draws, *hidden.shape), like.dtype),
        np.zeros((draws, *logit.shape), like.dtype),
    )


@compiled
def of_draw(stack, draw):
    """Return the workspace of one draw."""
    block, first, second, pooled, hidden, logit = stack
    return block[draw], first[draw], second[draw], pooled[draw], hidden[draw], logit[draw]


@compiled
def step_out(block, alphas, path, away):
    """Turn the baselines in ``path`` (240, 64) into points between them and a block's spectra.

    Sets ``away`` (240, 64) to the spectra less their baselines. Spare columns stay at baselines.
    """
    alpha = np.zeros(BLOCK, block.dtype)
    alpha[: alphas.size] = alphas
    for point in range(POINTS):
        x, between, out = block[point], path[point], away[point]
        for b in range(BLOCK):
            out[b] = x[b] - between[b]
            between[b] += alpha[b] * out[b]


@compiled
def attribute(taps, d_first, away, phi):
    """Add to ``phi`` (240, 64) the derivatives by the intensities, each times ``away``.

    ``taps`` (2, 21) are the first layer's filters and a zero, ``d_first`` (2, 86, 64) the errors
    of its units.
    """
    zero = taps.dtype.type(0)
    t0, t1 = taps[0], taps[1]
    for q in range(POINTS // STRIDE):
        e0, e1 = d_first[0, q : q + REACH_1], d_first[1, q : q + REACH_1]
        for r in range(STRIDE):
            out, factor = phi[STRIDE * q + r], away[STRIDE * q + r]
            for b in range(BLOCK):
                s0 = zero
                for j in range(REACH_1):
                    k, u = STRIDE * j + r, REACH_1 - 1 - j
                    s0 += t0[k] * e0[u, b] + t1[k] * e1[u, b]
                out[b] += factor[b] * s0


@compiled
def add_draw(weights, wanted, block, baselines, drawn, alphas, path, away, errors, phi):
    """Add one draw's attributions, not yet divided by the number of draws, to ``phi`` (240, 64).

    Parameters
    ----------
    weights : ndarray, (363,)
    wanted : ndarray, (2,)
        How the output weighs the AR and the PF logit.
    block : ndarray, (240, 64)
        Spectra.
    baselines : ndarray, (m, 240)
    drawn : ndarray of int64, (n,)
        Place of each spectrum's baseline.
    alphas : ndarray, (n,)
        How far from there towards the spectrum the gradient is taken, 0 to 1.
    path : workspace
        Takes these points on their way through.
    away : ndarray, (240, 64)
        Takes the spectra less their baselines.
    errors : tuple
        See `padded_errors`.
    phi : ndarray, (240, 64)
    """
    d_first, d_second, d_pooled, d_hidden, row = errors
    between, first, second, _, hidden, _ = path
    w1, _, w2, _, w3 = parts(weights)[:5]
    taps = np.zeros((MAPS_1, STRIDE * REACH_1), weights.dtype)
    taps[:, :TAPS_1] = w1
    gather(baselines, drawn, between)
    step_out(block, alphas, between, away)
    forward(weights, path)
    pull_back(pull_of(weights, wanted), np.ones_like(row), hidden, d_hidden)
    pull_further(w3, d_hidden, d_pooled)
    unpool(second, d_pooled, d_second)
    spread_back(w2, first, d_second, row, d_first)
    attribute(taps, d_first, away, phi)


@compiled
def differentiate_roughness(phi):
    """Replace attributions (240, 64) by the derivatives of their roughness.

    That is sum_l |phi_{l+1} - phi_l|, for each spectrum.
    """
    kind = phi.dtype.type
    zero, one = kind(0), kind(1)
    before, sign = np.zeros(BLOCK, phi.dtype), np.zeros(BLOCK, phi.dtype)
    for point in range(POINTS - 1):
        here, further = phi[point], phi[point + 1]
        for b in range(BLOCK):
            up = one if further[b] > here[b] else zero
            down = one if further[b] < here[b] else zero
            sign[b] = up - down
        for b in range(BLOCK):
            here[b] = before[b] - sign[b]
            before[b] = sign[b]
    phi[POINTS - 1] = before


@compiled
def follow(weights, active, work):
    """Take the block in a workspace through a network without biases, up to its hidden neurons.

    The units that are active are those of another workspace.
    """
    block, first, second, pooled, hidden, _ = work
    _, on_first, on_second, _, on_hidden, _ = active
    w1, _, w2, _, w3 = parts(weights)[:5]
    zero = weights.dtype.type(0)
    for o in range(LENGTH_1):
        rows = block[STRIDE * o : STRIDE * o + TAPS_1]
        map_0, map_1, on_0, on_1 = first[0, o], first[1, o], on_first[0, o], on_first[1, o]
        for b in range(BLOCK):
            s0 = s1 = zero
            for k in range(TAPS_1):
                value = rows[k, b]
                s0 += w1[0, k] * value
                s1 += w1[1, k] * value
            map_0[b] = s0 if on_0[b] > zero else zero
            map_1[b] = s1 if on_1[b] > zero else zero
    for o in range(LENGTH_2):
        rows_0 = first[0, STRIDE * o : STRIDE * o + TAPS_2]
        rows_1 = first[1, STRIDE * o : STRIDE * o + TAPS_2]
        for m in range(MAPS_2):
            w, out = w2[m], second[m, o]
            for b in range(BLOCK):
                s0 = zero
                for k in range(TAPS_2):
                    s0 += w[0, k] * rows_0[k, b]
                for k in range(TAPS_2):
                    s0 += w[1, k] * rows_1[k, b]
                out[b] = s0
    for m in range(MAPS_2):
        for q in range(POOLED):
            even, odd, out = second[m, 2 * q], second[m, 2 * q + 1], pooled[POOLED * m + q]
            on_even, on_odd = on_second[m, 2 * q], on_second[m, 2 * q + 1]
            for b in range(BLOCK):
                # Of two equal ones the first counts as the maximum, as in torch.
                kept = even[b] if on_even[b] > zero else zero
                out[b] = odd[b] if on_odd[b] > on_even[b] else kept
    for j in range(HIDDEN):
        out, on, w = hidden[j], on_hidden[j], w3[j]
        for b in range(BLOCK):
            s0 = zero
            for i in range(FLAT):
                s0 += w[i] * pooled[i, b]
            out[b] = s0 if on[b] > zero else zero


@compiled
def room_for(like, draws):
    """Return the arrays that `add_roughness` works in."""
    return (
        stacked(like, draws),
        np.zeros((draws, POINTS, BLOCK), like.dtype),
        workspace(like),
        workspace(like),
        padded_errors(like),
        np.zeros((POINTS, BLOCK), like.dtype),
        np.zeros((POINTS, BLOCK), like.dtype),
        np.zeros(BLOCK, like.dtype),
        np.zeros_like(like),
    )


@compiled
def add_roughness(weights, wanted, sigma, spectra, places, drawn, alphas, room, total):
    """Add to ``total`` (363,) the gradient of sigma times a batch's mean roughness.

    Parameters
    ----------
    weights : ndarray, (363,)
    wanted : ndarray, (2,)
        How the output weighs the AR and the PF logit.
    sigma : float
        Of Eq. C.3.
    spectra : ndarray, (n, 240)
    places : ndarray of int64, (size,)
        Of the batch's spectra.
    drawn : ndarray of int64, (size, draws)
        Places of their baselines, among the same spectra.
    alphas : ndarray, (size, draws)
        See `add_draw`.
    room : tuple
        See `room_for`.
    total : ndarray, (363,)
    """
    stack, away, work, errors, padded, block, phi, slope, share = room
    size, draws = alphas.shape
    share[:] = 0
    for start in range(0, size, BLOCK):
        here = places[start : start + BLOCK]
        end = start + here.size
        gather(spectra, here, block)
        phi[:] = 0
        for draw in range(draws):
            # Copies lie together: other arrays would have the loops compiled once more.
            own = drawn[start:end, draw].copy(), alphas[start:end, draw].copy()
            path = of_draw(stack, draw)
            add_draw(weights, wanted, block, spectra, *own, path, away[draw], padded, phi)
        differentiate_roughness(phi)
        slope[:] = 0
        slope[: here.size] = sigma / (size * draws)
        for draw in range(draws):
            active = of_draw(stack, draw)
            for point in range(POINTS):
                out, sign, factor = work[0][point], phi[point], away[draw, point]
                for b in range(BLOCK):
                    out[b] = sign[b] * factor[b]
            follow(weights, active, work)
            backward(weights, (wanted[0], wanted[1]), active, work, slope, errors, share)
    # Of biases no slope depends on the value.
    w1, _, w2, _, w3, _, w4, _ = parts(total)
    g1, _, g2, _, g3, _, g4, _ = parts(share)
    w1 += g1
    w2 += g2
    w3 += g3
    w4 += g4


@compiled
def train_epoch(
    weights,
    mean,
    square,
    done,
    spectra,
    labels,
    order,
    batch,
    rate,
    wanted,
    sigma,
    drawn,
    alphas,
):
    """Train through all spectra once, in place.

    Parameters
    ----------
    weights, mean, square, done, spectra, labels, order, batch, rate
        See `preflare.kernels.training.train_epoch`.
    wanted, sigma, drawn, alphas
        See `add_roughness`; the last two have a row for each spectrum of ``order``.

    Returns
    -------
    tuple
        See `preflare.kernels.training.train_epoch`: the cross-entropy without the prior.
    """
    work, errors = workspace(weights), workspace(weights)
    slope, total = np.zeros(BLOCK, weights.dtype), np.zeros_like(weights)
    room = room_for(weights, alphas.shape[1])
    loss, hits, alarms = 0.0, 0, 0
    for start in range(0, order.size, batch):
        places = order[start : start + batch]
        lost, hit, alarm = gradient(weights, spectra, labels, places, total, work, errors, slope)
        loss, hits, alarms = loss + lost, hits + hit, alarms + alarm
        own = places, drawn[start : start + batch], alphas[start : start + batch]
        add_roughness(weights, wanted, sigma, spectra, *own, room, total)
        done += 1
        adam(weights, total, mean, square, done, rate)
    return loss, hits, alarms


@compiled
def attributions(weights, wanted, spectra, baselines, drawn, alphas, out):
    """Set ``out`` (n, 240) to expected gradients (Eq. C.2) of spectra with baselines of their own.

    Parameters
    ----------
    weights, wanted
        See `add_draw`.
    spectra : ndarray, (n, 240)
    baselines : ndarray, (m, 240)
    drawn : ndarray of int64, (n, draws)
        Places of each spectrum's baselines.
    alphas : ndarray, (n, draws)
        See `add_draw`.
    out : ndarray, (n, 240)
    """
    path, errors = workspace(weights), padded_errors(weights)
    block, away, phi = np.zeros_like(path[0]), np.zeros_like(path[0]), np.zeros_like(path[0])
    count, draws = alphas.shape
    for start in range(0, count, BLOCK):
        here = np.arange(start, min(start + BLOCK, count))
        end = start + here.size
        gather(spectra, here, block)
        phi[:] = 0
        for draw in range(draws):
            own = drawn[start:end, draw].copy(), alphas[start:end, draw].copy()
            add_draw(weights, wanted, block, baselines, *own, path, away, errors, phi)
        for b in range(here.size):
            for point in range(POINTS):
                out[start + b, point] = phi[point, b] / draws
