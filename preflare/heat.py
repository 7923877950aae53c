"""Heat: what explanations point at, member by member, in one form however it was asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from preflare.explain.expected_gradients import attribute
from preflare.explain.gradcam import VARIANTS, coarse_maps, placed, signed_maps
from preflare.explain.judged import check_choice
from preflare.explain.outputs import finite
from preflare.kernels.convnet import LENGTH_2
from preflare.network import ConvNet, receptive_field
from preflare.network_inputs import checked_spectra
from preflare.spectrum import POINTS
from preflare.swarm import Swarm

Array = NDArray[Any]
Weighing = Literal["maps", "positions", "units"]
Place = Literal["centres", "stretched"]

AVERAGED: dict[str, Literal["positions", "maps", "nothing"]] = {
    "maps": "positions",
    "positions": "maps",
    "units": "nothing",
}
"""What gradients are averaged over to weigh each of these."""


@dataclass(frozen=True, eq=False)
class Heat:
    """Heat maps of the members of a swarm.

    Attributes
    ----------
    values : ndarray of float32, (members, n, units)
        What is below zero counts as no heat, as in Eq. B.2 of Panos et al. (2023), but only where
        the values are scored: a mean over members is taken before that.
    spread : ndarray of float32, (units, 240)
        What each unit alone puts on the grid.
    """

    values: NDArray[np.float32]
    spread: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.values)

    @property
    def rectified(self) -> Heat:
        """The same with nothing below zero, so that each member's ReLU comes before the mean."""
        return replace(self, values=np.maximum(self.values, 0))

    @property
    def ensemble(self) -> Heat:
        """The mean over members as one member: Eq. 2 of Panos et al. (2023)."""
        return replace(self, values=self.values.mean(axis=0, keepdims=True))

    def some(self, which: ArrayLike) -> Heat:
        """Return the maps of some members."""
        return replace(self, values=self.values[np.asarray(which)])

    def profile(self) -> NDArray[np.float64]:
        """Return each member's heat on the grid, the mean over spectra, (members, 240)."""
        return _heat(self.values) @ self.spread / self.values.shape[1]

    def share(self, where: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the share of each member's heat that lies within some points, (members,).

        Heat is summed over spectra first: a map that is zero everywhere neither adds nor takes
        away. nan where a member has no heat for any spectrum.
        """
        heat = _heat(self.values)
        total = heat @ self.spread.sum(axis=1, dtype=np.float64)
        inside = heat @ self.spread[:, where].sum(axis=1, dtype=np.float64)
        return np.divide(inside, total, out=np.full(len(heat), np.nan), where=total > 0)

    def peak(self) -> NDArray[np.int64]:
        """Return the point at which each member has most heat, (members,); -1 for none."""
        heat = self.profile()
        return np.where(heat.max(axis=1) > 0, heat.argmax(axis=1), -1)

    def asymmetry(self, centre: int, reach: int) -> NDArray[np.float64]:
        """Return how unevenly heat covers the two sides of a point, (members,).

        The difference of the heat on either side, up to ``reach`` points away, over its sum: 0 for
        even cover, 1 for one side only, nan without heat there.
        """
        heat = self.profile()
        left = heat[:, max(0, centre - reach) : centre].sum(axis=1)
        right = heat[:, centre + 1 : centre + 1 + reach].sum(axis=1)
        both = left + right
        return np.divide(np.abs(right - left), both, out=np.full(len(heat), np.nan), where=both > 0)

    def blank(self) -> float:
        """Return the share of maps that are zero everywhere."""
        return float((self.values <= 0).all(axis=2).mean())


def grad_cam_heat(
    swarm: Swarm, spectra: ArrayLike, variant: Literal["equations", "published"] = "equations"
) -> Heat:
    """Return what `preflare.grad_cam` averages, member by member."""
    maps = coarse_maps(swarm, spectra, variant=variant)
    return Heat(maps, _spread(VARIANTS[variant].placed))


def signed_heat(swarm: Swarm, spectra: ArrayLike, weighing: Weighing) -> Heat:
    """Return Grad-CAM's maps of class 1 before their ReLU.

    Parameters
    ----------
    swarm : Swarm
    spectra : array, (n, 240)
    weighing : {"maps", "positions", "units"}
        What each activation is multiplied by: the gradient averaged over its map, as in Eq. B.1;
        averaged over the maps at its position, as in the published code; or its own gradient
        (HiResCAM; Draelos & Carin 2020, arXiv:2011.08891).

    Returns
    -------
    Heat
        At the centres of what the 22 units see.

    Raises
    ------
    ExplanationError
        If there is no such weighing, or a member has diverged.
    NetworkError
        If the spectra do not fit.
    """
    check_choice("weighing", weighing, AVERAGED)
    finite(swarm)
    values = checked_spectra(spectra, normalised=False)
    maps = [signed_maps(network, values, AVERAGED[weighing]) for network in swarm.modules()]
    return Heat(np.stack(maps), _spread("centres"))


def expected_gradients_heat(
    swarm: Swarm, spectra: ArrayLike, baselines: ArrayLike, **how: Any
) -> Heat:
    """Return every member's expected gradients.

    Parameters
    ----------
    swarm, spectra, baselines, **how
        As for `preflare.expected_gradients`.
    """
    each = attribute(swarm, spectra, baselines, each=True, **how).each
    assert each is not None
    return Heat(np.asarray(each, np.float32), np.eye(POINTS, dtype=np.float32))


def seen_by_units(centre: int) -> NDArray[np.bool_]:
    """Mark the units of the last maps, (22,), that see a point of the grid."""
    width, stride, first = receptive_field(ConvNet().features)
    middle = first + stride * np.arange(LENGTH_2)
    return np.abs(middle - centre) <= (width - 1) / 2


def _heat(values: Array) -> NDArray[np.float64]:
    """Return the heat of each unit, summed over spectra, (members, units)."""
    return np.maximum(values, 0).sum(axis=1, dtype=np.float64)


def _spread(place: Place) -> NDArray[np.float32]:
    return placed(np.eye(LENGTH_2, dtype=np.float32), place)
