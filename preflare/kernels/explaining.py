"""What `preflare.network.ConvNet` rests on: expected gradients and Grad-CAM as plain loops.

As in `preflare.kernels.convnet`, spectra go through in blocks of 64 with the spectrum as the last
index. For expected gradients the block holds baselines, and one spectrum after the other is
explained against it. The first layer is linear before its ReLU, so what it makes of a point between
baseline and spectrum lies between what it makes of the two: it filters each baseline and each
spectrum once.
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
    compiled,
    forward,
    gather,
    onwards,
    parts,
    workspace,
)

# A filter's taps that are a stride apart meet the same unit: 7 of the first layer's, 4 of the
# second's. Maps get as many empty units on either side, less one, so that all units are alike.
REACH_1 = -(-TAPS_1 // STRIDE)
REACH_2 = -(-TAPS_2 // STRIDE)
EDGE_1, EDGE_2 = REACH_1 - 1, REACH_2 - 1

AR, PF, ARGMAX = 0, 1, 2
"""Classes to explain: one of the two, or the one that the network decides for."""


@compiled
def pull_of(weights, wanted):
    """Return how an output depends on the hidden neurons (5,): ``wanted`` (2,) weighs AR and PF."""
    w4 = parts(weights)[6]
    return wanted[0] * w4[0] + wanted[1] * w4[1]


@compiled
def outputs(weights, wanted, squashed, spectra, out):
    """Set ``out`` (n,) to one network's output for spectra (n, 240); see `expected_gradients`."""
    one = weights.dtype.type(1)
    pull, bias = pull_of(weights, wanted), parts(weights)[7]
    work = workspace(weights)
    hidden = work[4]
    for start in range(0, len(spectra), BLOCK):
        here = np.arange(start, min(start + BLOCK, len(spectra)))
        gather(spectra, here, work[0])
        forward(weights, work)
        for b in range(here.size):
            total = wanted[0] * bias[0] + wanted[1] * bias[1]
            for j in range(HIDDEN):
                total += pull[j] * hidden[j, b]
            out[start + b] = one / (one + np.exp(-total)) if squashed else total


@compiled
def pull_back(pull, slope, hidden, d_hidden):
    """Set ``d_hidden`` (5, 64) to the derivatives of outputs with respect to hidden neurons.

    ``pull`` (5,) is how the output depends on each, ``slope`` (64,) weighs each spectrum.
    """
    zero = pull.dtype.type(0)
    for j in range(HIDDEN):
        out, active = d_hidden[j], hidden[j]
        for b in range(BLOCK):
            out[b] = pull[j] * slope[b] if active[b] > zero else zero


@compiled
def pull_further(w3, d_hidden, d_before):
    """Set ``d_before`` (n, 64) to the derivatives with respect to what ``w3`` (5, n) weighs."""
    for i in range(len(d_before)):
        out = d_before[i]
        for b in range(BLOCK):
            out[b] = (
                w3[0, i] * d_hidden[0, b]
                + w3[1, i] * d_hidden[1, b]
                + w3[2, i] * d_hidden[2, b]
                + w3[3, i] * d_hidden[3, b]
                + w3[4, i] * d_hidden[4, b]
            )


@compiled
def unpool(second, d_pooled, d_second):
    """Hand each error on to the unit that was the maximum, if that was active.

    ``d_second`` (4, 28, 64) has three units more on either side, which stay empty.
    """
    zero = second.dtype.type(0)
    for m in range(MAPS_2):
        for q in range(POOLED):
            even, odd = second[m, 2 * q], second[m, 2 * q + 1]
            to_even, to_odd = d_second[m, EDGE_2 + 2 * q], d_second[m, EDGE_2 + 2 * q + 1]
            error = d_pooled[POOLED * m + q]
            for b in range(BLOCK):
                to_odd[b] = error[b] if odd[b] > even[b] else zero
            for b in range(BLOCK):
                # Of two equal ones the first counts as the maximum, as in torch.
                to_even[b] = error[b] if even[b] >= odd[b] and even[b] > zero else zero


@compiled
def spread_back(w2, first, d_second, row, d_first):
    """Set ``d_first`` to the errors of the first layer's active units.

    ``d_first`` (2, 86, 64) has six units more on either side, which stay empty.
    """
    zero = w2.dtype.type(0)
    for n in range(MAPS_1):
        w20, w21, w22, w23 = w2[0, n], w2[1, n], w2[2, n], w2[3, n]
        for i in range(LENGTH_1):
            q, r = i // STRIDE, i % STRIDE
            e0, e1 = d_second[0, q : q + REACH_2], d_second[1, q : q + REACH_2]
            e2, e3 = d_second[2, q : q + REACH_2], d_second[3, q : q + REACH_2]
            for b in range(BLOCK):
                s0 = zero
                for j in range(EDGE_2):
                    k, u = STRIDE * j + r, EDGE_2 - j
                    s0 += w20[k] * e0[u, b] + w21[k] * e1[u, b]
                    s0 += w22[k] * e2[u, b] + w23[k] * e3[u, b]
                row[b] = s0
            if r + STRIDE * EDGE_2 < TAPS_2:
                k = r + STRIDE * EDGE_2
                for b in range(BLOCK):
                    row[b] += w20[k] * e0[0, b] + w21[k] * e1[0, b]
                    row[b] += w22[k] * e2[0, b] + w23[k] * e3[0, b]
            active, out = first[n, i], d_first[n, EDGE_1 + i]
            for b in range(BLOCK):
                out[b] = row[b] if active[b] > zero else zero


@compiled
def through_first(taps, d_first, block, product):
    """Add to ``product`` (240,) the sum over a block of each gradient times its baseline.

    ``taps`` (2, 21) are the first layer's filters and a zero, ``d_first`` (2, 86, 64) the errors
    of its units.
    """
    zero = taps.dtype.type(0)
    t0, t1 = taps[0], taps[1]
    for q in range(POINTS // STRIDE):
        e0, e1 = d_first[0, q : q + REACH_1], d_first[1, q : q + REACH_1]
        r0, r1, r2 = block[STRIDE * q], block[STRIDE * q + 1], block[STRIDE * q + 2]
        p0 = p1 = p2 = zero
        for b in range(BLOCK):
            s0 = s1 = s2 = zero
            for j in range(REACH_1):
                k, u = STRIDE * j, REACH_1 - 1 - j
                s0 += t0[k] * e0[u, b] + t1[k] * e1[u, b]
                s1 += t0[k + 1] * e0[u, b] + t1[k + 1] * e1[u, b]
                s2 += t0[k + 2] * e0[u, b] + t1[k + 2] * e1[u, b]
            p0 += s0 * r0[b]
            p1 += s1 * r1[b]
            p2 += s2 * r2[b]
        product[STRIDE * q] += p0
        product[STRIDE * q + 1] += p1
        product[STRIDE * q + 2] += p2


@compiled
def settle(d_first, filtered, target, errors, risen):
    """Sum a block's errors up: over baselines into ``errors`` (2, 74), over units into ``risen``.

    ``risen`` (64,) is, for each baseline, the sum over its points of the derivative of the output
    along the way from the baseline to the spectrum.
    """
    zero = d_first.dtype.type(0)
    risen[:] = zero
    for n in range(MAPS_1):
        for o in range(0, LENGTH_1, 2):
            # Two units at a time, so that what has risen is fetched and stored half as often.
            error_0, error_1 = d_first[n, EDGE_1 + o], d_first[n, EDGE_1 + o + 1]
            row_0, row_1 = filtered[n, o], filtered[n, o + 1]
            t0, t1 = target[n, o], target[n, o + 1]
            s0 = s1 = zero
            for b in range(BLOCK):
                risen[b] += error_0[b] * (t0 - row_0[b]) + error_1[b] * (t1 - row_1[b])
            for b in range(BLOCK):
                s0 += error_0[b]
                s1 += error_1[b]
            errors[n, o] += s0
            errors[n, o + 1] += s1


@compiled
def filter_block(w1, b1, block, filtered):
    """Set ``filtered`` (2, 74, 64) to what the first layer makes of a block before its ReLU."""
    for o in range(LENGTH_1):
        rows = block[STRIDE * o : STRIDE * o + TAPS_1]
        for n in range(MAPS_1):
            w, out = w1[n], filtered[n, o]
            for b in range(BLOCK):
                s0 = b1[n]
                for k in range(TAPS_1):
                    s0 += w[k] * rows[k, b]
                out[b] = s0


@compiled
def expected_gradients(
    weights, wanted, squashed, baselines, drawn, alphas, spectra, gradient, product, risen
):
    """Sum gradients of one network's output between baselines and spectra.

    Parameters
    ----------
    weights : ndarray, (363,)
    wanted : ndarray, (2,)
        How the output weighs the AR and the PF logit.
    squashed : bool
        Whether the output is the logistic function of that, which is a probability if ``wanted``
        is -1 and 1.
    baselines : ndarray, (m, 240)
    drawn : ndarray of int64, (d,)
        Places of the drawn baselines.
    alphas : ndarray, (d,)
        How far from each drawn baseline towards the spectrum the gradient is taken, 0 to 1.
    spectra : ndarray, (n, 240)
        What to explain.
    gradient, product : ndarray, (n, 240)
        Set to the sum of the gradients, and to that of the gradients times their baselines.
    risen : ndarray, (n, d)
        Set to the derivative of the output along the way from each baseline to each spectrum.
    """
    kind = weights.dtype.type
    zero, one = kind(0), kind(1)
    w1, b1, w2, _, w3 = parts(weights)[:5]
    taps = np.zeros((MAPS_1, STRIDE * REACH_1), weights.dtype)
    taps[:, :TAPS_1] = w1
    pull = pull_of(weights, wanted)
    work, spare = workspace(weights), workspace(weights)
    block, first, second, _, hidden, logit = work
    filtered, d_pooled, d_hidden = spare[1], spare[3], spare[4]
    d_second = np.zeros((MAPS_2, LENGTH_2 + 2 * EDGE_2, BLOCK), weights.dtype)
    d_first = np.zeros((MAPS_1, LENGTH_1 + 2 * EDGE_1, BLOCK), weights.dtype)
    slope, row = spare[5], np.zeros_like(logit)
    alpha, rise = np.zeros_like(logit), np.zeros_like(logit)
    count = len(spectra)
    target = np.zeros((count, MAPS_1, LENGTH_1), weights.dtype)
    errors = np.zeros((count, MAPS_1, LENGTH_1), weights.dtype)
    product[:] = zero
    for start in range(0, count, BLOCK):
        here = np.arange(start, min(start + BLOCK, count))
        gather(spectra, here, block)
        filter_block(w1, b1, block, filtered)
        for b in range(here.size):
            target[start + b] = filtered[:, :, b]
    for start in range(0, drawn.size, BLOCK):
        here = drawn[start : start + BLOCK]
        gather(baselines, here, block)
        filter_block(w1, b1, block, filtered)
        for b in range(here.size):
            alpha[b] = alphas[start + b]
        for t in range(count):
            for n in range(MAPS_1):
                for o in range(LENGTH_1):
                    out, begin, end = first[n, o], filtered[n, o], target[t, n, o]
                    for b in range(BLOCK):
                        s0 = begin[b] + alpha[b] * (end - begin[b])
                        out[b] = zero if s0 < zero else s0
            onwards(weights, work)
            slope[:] = one
            if squashed:
                # `wanted` is -1 and 1, and the logit in the workspace is PF less AR.
                for b in range(BLOCK):
                    small = np.exp(-abs(logit[b]))
                    slope[b] = small / ((one + small) * (one + small))
            slope[here.size :] = zero
            pull_back(pull, slope, hidden, d_hidden)
            pull_further(w3, d_hidden, d_pooled)
            unpool(second, d_pooled, d_second)
            spread_back(w2, first, d_second, row, d_first)
            through_first(taps, d_first, block, product[t])
            settle(d_first, filtered, target[t], errors[t], rise)
            risen[t, start : start + here.size] = rise[: here.size]
    for t in range(count):
        gradient[t] = zero
        for n in range(MAPS_1):
            for o in range(LENGTH_1):
                for k in range(TAPS_1):
                    gradient[t, STRIDE * o + k] += errors[t, n, o] * w1[n, k]


@compiled
def attributed(spectra, gradient, product, drawn_mean, mean, count, corrected, out):
    """Set ``out`` (n, 240) to attributions: (x - x') times the gradient, the mean over draws.

    Corrected, that is E[x - x'] E[g] less the covariance of x' and g, where the mean of x' is that
    of all baselines and only the covariance is estimated from the draws alone.

    Parameters
    ----------
    spectra, gradient, product : ndarray, (n, 240)
        See `expected_gradients`.
    drawn_mean, mean : ndarray of float64, (240,)
        Of the drawn baselines, and of all.
    count : int
        Draws; 2 or more if corrected.
    corrected : bool
    out : ndarray, (n, 240)
    """
    for t in range(len(spectra)):
        for point in range(POINTS):
            slope, x = gradient[t, point] / count, spectra[t, point]
            joint = product[t, point] / count
            if corrected:
                covariance = (joint - slope * drawn_mean[point]) * (count / (count - 1.0))
                out[t, point] = slope * (x - mean[point]) - covariance
            else:
                out[t, point] = slope * x - joint


@compiled
def variances(gradient, risen, baselines, drawn, corrected, out):
    """Set ``out`` (n,) to the variance of each spectrum's summed attributions, over draws.

    Parameters
    ----------
    gradient : ndarray, (n, 240)
    risen : ndarray, (n, d)
        See `expected_gradients`.
    baselines : ndarray, (m, 240)
    drawn : ndarray of int64, (d,)
    corrected : bool
        Whether the baselines' mean is corrected for, which takes away what goes with it.
    out : ndarray, (n,)
    """
    count = drawn.size
    along = np.zeros(count)
    for t in range(len(gradient)):
        for d in range(count):
            along[d] = risen[t, d]
            if corrected:
                row, total = baselines[drawn[d]], gradient.dtype.type(0)
                for point in range(POINTS):
                    total += gradient[t, point] * row[point]
                along[d] += total / count
        away = along - along.mean()
        out[t] = (away * away).sum() / (count * (count - 1)) if count > 1 else np.nan


@compiled
def weigh_maps(second, d_map, heat):
    """Set ``heat`` (22, 64) to the sum of the maps, each times its mean gradient in ``d_map``."""
    for o in range(LENGTH_2):
        out = heat[o]
        m0, m1, m2, m3 = second[0, o], second[1, o], second[2, o], second[3, o]
        for b in range(BLOCK):
            out[b] = (
                d_map[0, b] * m0[b]
                + d_map[1, b] * m1[b]
                + d_map[2, b] * m2[b]
                + d_map[3, b] * m3[b]
            )


@compiled
def weigh_positions(second, d_pooled, heat):
    """Set ``heat`` (22, 64) to the mean gradient at each position times the sum of the maps."""
    zero = second.dtype.type(0)
    weight, total = np.zeros(BLOCK, second.dtype), np.zeros(BLOCK, second.dtype)
    for o in range(LENGTH_2):
        other = o + 1 - 2 * (o % 2)
        weight[:] = zero
        total[:] = zero
        for m in range(MAPS_2):
            error, here, there = d_pooled[POOLED * m + o // 2], second[m, o], second[m, other]
            for b in range(BLOCK):
                # Of two equal ones the first counts as the maximum, as in torch.
                won = here[b] > there[b] or (here[b] == there[b] and o < other)
                weight[b] += error[b] if won else zero
                total[b] += here[b]
        out = heat[o]
        for b in range(BLOCK):
            out[b] = weight[b] * total[b] / MAPS_2


@compiled
def grad_cam(weights, target, by_position, spectra, out):
    """Set ``out`` (members, n, 22) to the coarse maps of networks.

    Parameters
    ----------
    weights : ndarray, (members, 363)
    target : int
        `AR`, `PF` or `ARGMAX`.
    by_position : bool
        Whether gradients are averaged over maps, which gives a weight to each position, instead of
        over positions, which gives one to each map.
    spectra : ndarray, (n, 240)
    out : ndarray, (members, n, 22)
    """
    zero = weights.dtype.type(0)
    work, spare = workspace(weights), workspace(weights)
    second, hidden, logit = work[2], work[4], work[5]
    d_pooled, d_hidden, slope = spare[3], spare[4], spare[5]
    own, heat = np.zeros_like(d_hidden), np.zeros_like(second[0])
    w_map, d_map = np.zeros((HIDDEN, MAPS_2), weights.dtype), np.zeros_like(second[:, 0])
    for start in range(0, len(spectra), BLOCK):
        here = np.arange(start, min(start + BLOCK, len(spectra)))
        gather(spectra, here, work[0])
        for member in range(len(weights)):
            forward(weights[member], work)
            w3, w4 = parts(weights[member])[4], parts(weights[member])[6]
            d_hidden[:] = zero
            for label in range(2):
                if target not in (label, ARGMAX):
                    continue
                for b in range(BLOCK):
                    slope[b] = target != ARGMAX or (logit[b] > zero) == label
                pull_back(w4[label], slope, hidden, own)
                for j in range(HIDDEN):
                    for b in range(BLOCK):
                        d_hidden[j, b] += own[j, b]
            if by_position:
                pull_further(w3, d_hidden, d_pooled)
                weigh_positions(second, d_pooled, heat)
            else:
                # A pool hands its error to one of two units: a map's mean needs no places.
                w_map[:] = zero
                for i in range(FLAT):
                    for j in range(HIDDEN):
                        w_map[j, i // POOLED] += w3[j, i] / LENGTH_2
                pull_further(w_map, d_hidden, d_map)
                weigh_maps(second, d_map, heat)
            for b in range(here.size):
                row = out[member, start + b]
                for o in range(LENGTH_2):
                    row[o] = max(heat[o, b], zero)
