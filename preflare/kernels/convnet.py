"""`preflare.network.ConvNet` as plain loops: its logit, its loss, and the loss's gradient.

Spectra go through in blocks of 64, with the spectrum as the last index: every inner loop runs over
the spectra of a block, which the compiler turns into vector instructions. Weights are one flat
array in the order of ``ConvNet().parameters()``. Everything works in single and double precision.
"""

from __future__ import annotations

import numpy as np
from numba import njit

POINTS = 240
WEIGHTS = 363
BLOCK = 64

# Layer shapes: the network of Fig. 3 of Panos et al. (2023).
TAPS_1, MAPS_1, LENGTH_1 = 20, 2, 74
TAPS_2, MAPS_2, LENGTH_2 = 10, 4, 22
STRIDE = 3
POOLED = LENGTH_2 // 2
FLAT, HIDDEN = MAPS_2 * POOLED, 5

# Sums may be taken in any order, but nan and inf keep their meaning: divergence must be seen.
compiled = njit(
    nogil=True,
    cache=True,
    error_model="numpy",
    fastmath={"contract", "reassoc", "nsz", "arcp"},
)


@compiled
def parts(flat):
    """Return views of a flat array of weights: weights and biases of the four layers."""
    return (
        flat[0:40].reshape(MAPS_1, TAPS_1),
        flat[40:42],
        flat[42:122].reshape(MAPS_2, MAPS_1, TAPS_2),
        flat[122:126],
        flat[126:346].reshape(HIDDEN, FLAT),
        flat[346:351],
        flat[351:361].reshape(2, HIDDEN),
        flat[361:363],
    )


@compiled
def workspace(like):
    """Return arrays, of a type like another's, for one block of spectra on its way through."""
    kind = like.dtype
    return (
        np.zeros((POINTS, BLOCK), kind),
        np.zeros((MAPS_1, LENGTH_1, BLOCK), kind),
        np.zeros((MAPS_2, LENGTH_2, BLOCK), kind),
        np.zeros((FLAT, BLOCK), kind),
        np.zeros((HIDDEN, BLOCK), kind),
        np.zeros(BLOCK, kind),
    )


@compiled
def gather(spectra, places, block):
    """Put spectra (n, 240) into a block (240, 64); spare columns repeat the last one."""
    last = places.size - 1
    for column in range(0, BLOCK, 8):
        # Eight at a time, so that what is written together lies together.
        r0 = spectra[places[min(column, last)]]
        r1 = spectra[places[min(column + 1, last)]]
        r2 = spectra[places[min(column + 2, last)]]
        r3 = spectra[places[min(column + 3, last)]]
        r4 = spectra[places[min(column + 4, last)]]
        r5 = spectra[places[min(column + 5, last)]]
        r6 = spectra[places[min(column + 6, last)]]
        r7 = spectra[places[min(column + 7, last)]]
        for point in range(POINTS):
            row = block[point, column : column + 8]
            row[0] = r0[point]
            row[1] = r1[point]
            row[2] = r2[point]
            row[3] = r3[point]
            row[4] = r4[point]
            row[5] = r5[point]
            row[6] = r6[point]
            row[7] = r7[point]


@compiled
def forward(weights, work):
    """Take the block in a workspace to its logits: PF less AR, left in the workspace too."""
    block, first = work[0], work[1]
    w1, b1 = parts(weights)[:2]
    zero = weights.dtype.type(0)
    for o in range(LENGTH_1):
        rows = block[STRIDE * o : STRIDE * o + TAPS_1]
        map_0, map_1 = first[0, o], first[1, o]
        for b in range(BLOCK):
            s0, s1 = b1[0], b1[1]
            for k in range(TAPS_1):
                value = rows[k, b]
                s0 += w1[0, k] * value
                s1 += w1[1, k] * value
            map_0[b] = zero if s0 < zero else s0
            map_1[b] = zero if s1 < zero else s1
    onwards(weights, work)


@compiled
def onwards(weights, work):
    """Take the first layer's maps in a workspace on to the logits."""
    _, first, second, pooled, hidden, logit = work
    _, _, w2, b2, w3, b3, w4, b4 = parts(weights)
    zero = weights.dtype.type(0)
    for o in range(LENGTH_2):
        rows_0 = first[0, STRIDE * o : STRIDE * o + TAPS_2]
        rows_1 = first[1, STRIDE * o : STRIDE * o + TAPS_2]
        for m in range(MAPS_2):
            w, out = w2[m], second[m, o]
            for b in range(BLOCK):
                s0 = b2[m]
                for k in range(TAPS_2):
                    s0 += w[0, k] * rows_0[k, b]
                for k in range(TAPS_2):
                    s0 += w[1, k] * rows_1[k, b]
                out[b] = zero if s0 < zero else s0
    for m in range(MAPS_2):
        for q in range(POOLED):
            even, odd, out = second[m, 2 * q], second[m, 2 * q + 1], pooled[POOLED * m + q]
            for b in range(BLOCK):
                out[b] = odd[b] if odd[b] > even[b] else even[b]
    for j in range(HIDDEN):
        out, w = hidden[j], w3[j]
        for b in range(BLOCK):
            s0 = b3[j]
            for i in range(FLAT):
                s0 += w[i] * pooled[i, b]
            out[b] = zero if s0 < zero else s0
    for b in range(BLOCK):
        s0 = b4[1] - b4[0]
        for j in range(HIDDEN):
            s0 += (w4[1, j] - w4[0, j]) * hidden[j, b]
        logit[b] = s0


@compiled
def backward(weights, wanted, active, work, slope, errors, gradient):
    """Add a block's share to the gradient of the loss.

    Parameters
    ----------
    weights : ndarray, (363,)
    wanted : sequence of two numbers
        How the output that the loss is of weighs the AR and the PF logit.
    active, work : workspace
        That which says what units are active, and that with what they put out: one and the same
        for a network with ReLUs.
    slope : ndarray, (64,)
        Derivative of the loss with respect to each output.
    errors : workspace
        Takes the derivatives with respect to what each layer put out.
    gradient : ndarray, (363,)
    """
    _, on_first, on_second, _, on_hidden, _ = active
    block, first, _, pooled, hidden, _ = work
    _, d_first, d_second, d_pooled, d_hidden, _ = errors
    _, _, w2, _, w3, _, w4, _ = parts(weights)
    g1, c1, g2, c2, g3, c3, g4, c4 = parts(gradient)
    zero = weights.dtype.type(0)
    for j in range(HIDDEN):
        out, on, value = d_hidden[j], on_hidden[j], hidden[j]
        total, summed = zero, zero
        pull = wanted[0] * w4[0, j] + wanted[1] * w4[1, j]
        for b in range(BLOCK):
            total += slope[b] * value[b]
            out[b] = pull * slope[b] if on[b] > zero else zero
            summed += out[b]
        g4[0, j] += wanted[0] * total
        g4[1, j] += wanted[1] * total
        c3[j] += summed
    c4[0] += wanted[0] * slope.sum()
    c4[1] += wanted[1] * slope.sum()
    for i in range(FLAT):
        out, value = d_pooled[i], pooled[i]
        h0, h1, h2, h3, h4 = d_hidden[0], d_hidden[1], d_hidden[2], d_hidden[3], d_hidden[4]
        s0 = s1 = s2 = s3 = s4 = zero
        for b in range(BLOCK):
            s0 += h0[b] * value[b]
            s1 += h1[b] * value[b]
            s2 += h2[b] * value[b]
            s3 += h3[b] * value[b]
            s4 += h4[b] * value[b]
            out[b] = (
                w3[0, i] * h0[b]
                + w3[1, i] * h1[b]
                + w3[2, i] * h2[b]
                + w3[3, i] * h3[b]
                + w3[4, i] * h4[b]
            )
        g3[0, i] += s0
        g3[1, i] += s1
        g3[2, i] += s2
        g3[3, i] += s3
        g3[4, i] += s4
    for m in range(MAPS_2):
        summed = zero
        for q in range(POOLED):
            even, odd = on_second[m, 2 * q], on_second[m, 2 * q + 1]
            to_even, to_odd = d_second[m, 2 * q], d_second[m, 2 * q + 1]
            error = d_pooled[POOLED * m + q]
            for b in range(BLOCK):
                # Of two equal ones the first counts as the maximum, as in torch.
                to_odd[b] = error[b] if odd[b] > even[b] else zero
                to_even[b] = error[b] if even[b] >= odd[b] and even[b] > zero else zero
                summed += to_odd[b] + to_even[b]
        c2[m] += summed
    d_first[:] = zero
    for o in range(LENGTH_2):
        e0, e1, e2, e3 = d_second[0, o], d_second[1, o], d_second[2, o], d_second[3, o]
        for n in range(MAPS_1):
            for k in range(TAPS_2):
                value, out = first[n, STRIDE * o + k], d_first[n, STRIDE * o + k]
                u0, u1, u2, u3 = w2[0, n, k], w2[1, n, k], w2[2, n, k], w2[3, n, k]
                s0 = s1 = s2 = s3 = zero
                for b in range(BLOCK):
                    s0 += e0[b] * value[b]
                    s1 += e1[b] * value[b]
                    s2 += e2[b] * value[b]
                    s3 += e3[b] * value[b]
                    out[b] += u0 * e0[b] + u1 * e1[b] + u2 * e2[b] + u3 * e3[b]
                g2[0, n, k] += s0
                g2[1, n, k] += s1
                g2[2, n, k] += s2
                g2[3, n, k] += s3
    for o in range(LENGTH_1):
        e0, e1 = d_first[0, o], d_first[1, o]
        on_0, on_1 = on_first[0, o], on_first[1, o]
        s0 = s1 = zero
        for b in range(BLOCK):
            e0[b] = e0[b] if on_0[b] > zero else zero
            e1[b] = e1[b] if on_1[b] > zero else zero
            s0 += e0[b]
            s1 += e1[b]
        c1[0] += s0
        c1[1] += s1
        for k in range(TAPS_1):
            row = block[STRIDE * o + k]
            s0 = s1 = zero
            for b in range(BLOCK):
                s0 += e0[b] * row[b]
                s1 += e1[b] * row[b]
            g1[0, k] += s0
            g1[1, k] += s1
