"""The loss on a plane through three networks: a real picture in the place of a schematic one.

Panos et al. (2023, Fig. 8) draw a flat basin with converged networks along its rim. Any three
networks span a plane in the space of weights, on which the loss can be computed (Garipov et al.
2018, arXiv:1802.10026).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from preflare.course import scores
from preflare.errors import ExplanationError
from preflare.kernels.convnet import (
    HIDDEN,
    MAPS_1,
    MAPS_2,
    POOLED,
    TAPS_1,
    TAPS_2,
    WEIGHTS,
)
from preflare.swarm import Swarm

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class LossPlane:
    """Loss and accuracy on a plane through three networks.

    Attributes
    ----------
    across, up : ndarray, (n,)
        Coordinates in the space of weights, the first network at the origin, the second on the
        axis across.
    loss, accuracy : ndarray, (n, n)
        Row by row upwards.
    corners : ndarray, (3, 2)
        Where the three networks are, across and up.
    corner_loss, centre_loss : ndarray (3,) and float
        Loss of the three networks, and of the mean of their weights, the centre of gravity.
    corner_accuracy, centre_accuracy : ndarray (3,) and float
        Likewise.
    barrier : ndarray, (3,)
        Highest loss halfway between two of them: 0 and 1, 1 and 2, 2 and 0.
    """

    across: NDArray[np.float64]
    up: NDArray[np.float64]
    loss: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    corners: NDArray[np.float64]
    corner_loss: NDArray[np.float64]
    corner_accuracy: NDArray[np.float64]
    centre_loss: float
    centre_accuracy: float
    barrier: NDArray[np.float64]


def loss_plane(
    networks: Swarm,
    spectra: ArrayLike,
    labels: ArrayLike,
    places: NDArray[np.int64],
    *,
    points: int = 25,
    margin: float = 0.25,
    workers: int | None = None,
) -> LossPlane:
    """Compute the loss on the plane through three networks.

    Parameters
    ----------
    networks : Swarm
        Three members.
    spectra : array, (n, 240)
    labels : array, (n,)
        0 or 1.
    places : ndarray of int64
        Of the spectra to take the loss of.
    points : int
        Along each side of the grid.
    margin : float
        How far the grid reaches beyond the three, relative to how far they are apart.
    workers : int, optional
        Threads.

    Raises
    ------
    ExplanationError
        If there are not three networks, they lie on one line, or the grid is none.
    """
    if len(networks) != 3:
        raise ExplanationError(f"{len(networks)} networks do not span a plane: give three.")
    if points < 2 or not margin >= 0:
        raise ExplanationError(
            f"{points} points with margin {margin} are no grid: give 2 or more, and 0 or more."
        )
    start, second, third = np.asarray(networks.weights, np.float64)
    along = second - start
    length = float(np.linalg.norm(along))
    along /= max(length, 1e-12)
    away = third - start
    beyond = away - (away @ along) * along
    height = float(np.linalg.norm(beyond))
    if length < 1e-9 or height < 1e-6 * length:
        raise ExplanationError("The three networks lie on one line: choose three that differ.")
    beyond /= height
    corners = np.array([[0, 0], [length, 0], [away @ along, height]])
    low, high = corners.min(axis=0), corners.max(axis=0)
    room = margin * (high - low).max()
    across = np.linspace(low[0] - room, high[0] + room, points)
    up = np.linspace(low[1] - room, high[1] + room, points)
    grid = start + up[:, None, None] * beyond + across[None, :, None] * along
    trio = np.stack([start, second, third])
    halfway = 0.5 * (trio + np.roll(trio, -1, axis=0))
    every = np.concatenate([grid.reshape(-1, WEIGHTS), trio, halfway, trio.mean(axis=0)[None]])
    loss, accuracy = scores(every.astype(np.float32), spectra, labels, places, workers=workers)
    count = points * points
    return LossPlane(
        across,
        up,
        loss[:count].reshape(points, points),
        accuracy[:count].reshape(points, points),
        corners,
        loss[count : count + 3],
        accuracy[count : count + 3],
        float(loss[-1]),
        float(accuracy[-1]),
        loss[count + 3 : count + 6],
    )


def halfway(
    networks: Swarm,
    spectra: ArrayLike,
    labels: ArrayLike,
    places: NDArray[np.int64],
    *,
    align: bool = False,
    workers: int | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return loss and accuracy, (pairs,), at the middle between the weights of any two networks.

    Parameters
    ----------
    networks : Swarm
    spectra, labels, places, workers
        As for `loss_plane`.
    align : bool
        Whether the second of two is aligned to the first before, see `aligned`.

    Raises
    ------
    ExplanationError
        If there are fewer than two networks.
    """
    count = len(networks)
    if count < 2:
        raise ExplanationError("One network has no other to be compared with: give two or more.")
    middles = []
    for first in range(count - 1):
        others = networks.some(range(first, count))
        rows = (aligned(others) if align else others).weights
        middles.append(0.5 * (rows[:1] + rows[1:]))
    return scores(np.concatenate(middles), spectra, labels, places, workers=workers)


def aligned(networks: Swarm, reference: int = 0) -> Swarm:
    """Permute each network's filters, maps and neurons to lie as near to one of them as can be.

    To exchange two neurons, with all that leads to and from them, changes the weights and not the
    network. Networks that look far apart may be near but for such permutations (Entezari et al.
    2022, arXiv:2110.06296). This network has 2! 4! 5! = 5,760 of them. All orders of filters and
    maps are tried; the order of neurons that is best for each is an assignment problem.

    Parameters
    ----------
    networks : Swarm
    reference : int
        The member that stays as it is.

    Returns
    -------
    Swarm
        The same functions.
    """
    target = _layers(np.asarray(networks.weights[reference], np.float64))
    return Swarm(np.stack([_nearest(row, target) for row in networks.weights]))


def _layers(flat: Array) -> list[Array]:
    """Return the weights and biases of the four layers, maps and neurons along the first axis."""
    shapes = [
        (MAPS_1, TAPS_1), (MAPS_1,), (MAPS_2, MAPS_1, TAPS_2), (MAPS_2,),
        (HIDDEN, MAPS_2, POOLED), (HIDDEN,), (2, HIDDEN), (2,),
    ]  # fmt: skip
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    return [
        part.reshape(shape) for part, shape in zip(np.split(flat, ends[:-1]), shapes, strict=True)
    ]


def _nearest(flat: Array, target: list[Array]) -> Array:
    w1, b1, w2, b2, w3, b3, w4, b4 = _layers(flat)
    best, result = np.inf, flat
    goal = np.hstack([target[4].reshape(HIDDEN, -1), target[5][:, None], target[6].T])
    for filters in map(list, permutations(range(MAPS_1))):
        for maps in map(list, permutations(range(MAPS_2))):
            front = [w1[filters], b1[filters], w2[maps][:, filters], b2[maps]]
            off = sum(float(((a - b) ** 2).sum()) for a, b in zip(front, target, strict=False))
            own = np.hstack([w3[:, maps].reshape(HIDDEN, -1), b3[:, None], w4.T])
            cost = ((goal[:, None] - own[None]) ** 2).sum(axis=2)
            rows, neurons = linear_sum_assignment(cost)
            off += float(cost[rows, neurons].sum())
            if off < best:
                best = off
                back = [w3[neurons][:, maps], b3[neurons], w4[:, neurons], b4]
                result = np.concatenate([part.ravel() for part in [*front, *back]])
    return np.asarray(result, flat.dtype)
