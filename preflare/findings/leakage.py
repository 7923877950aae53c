"""What a normalised spectrum still tells of its intensity, its exposure and its observation.

Division by the maximum P takes the intensity away, but not all that follows from it. Continuum and
line cores form at different heights. Where a core brightens and the continuum C does not, C/P falls
as 1/P. And a spectrum of N counts has noise of about the root of N: divided by the maximum it is
the larger, the fewer there are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from threadpoolctl import threadpool_limits

from preflare.bootstrap import Interval
from preflare.errors import FindingError
from preflare.findings.resampling import Bounds, Codes, Numbers, Resampling, finite, observations
from preflare.findings.within_observations import by_observation
from preflare.spectrum import POINTS

PENALTY = 1e-3
"""Of the ridge regression, on features of unit variance and per spectrum."""


def noise_level(spectra: ArrayLike) -> Numbers:
    """Estimate the noise of spectra from how ragged they are.

    Parameters
    ----------
    spectra : array_like, shape (n, 240)
        Normalised profiles.

    Returns
    -------
    ndarray, shape (n,)
        Standard deviation of white noise, in units of the maximum.

    Raises
    ------
    FindingError
        If the shape does not fit, or a number is not finite.

    Notes
    -----
    DER_SNR (Stoehr et al. 2008, ASP Conf. Ser. 394, 505): 1.482602/sqrt(6) times the median of
    ``|2 x(i) - x(i-2) - x(i+2)|``. A straight line has none of it, a curved line little, and points
    two apart share no pixel when a spectrum is interpolated.
    """
    values = finite("spectra", spectra, None, POINTS)
    ragged = np.abs(2 * values[:, 2:-2] - values[:, :-4] - values[:, 4:])
    return 1.482602 / np.sqrt(6) * np.median(ragged, axis=1)


@dataclass(frozen=True, eq=False)
class Reading:
    """What can be read off spectra of observations that were not learned from.

    Attributes
    ----------
    read : ndarray, shape (n,)
        The quantity, as far as the features tell it.
    r_squared : Interval
        Share of its variance over all spectra that is explained. It is negative where guessing the
        mean would be nearer. Bounds are nan for fewer than two observations.
    """

    read: Numbers
    r_squared: Interval


def read_off(
    features: ArrayLike,
    quantity: ArrayLike,
    groups: ArrayLike | pd.Categorical,
    *,
    penalty: float = PENALTY,
    count: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Reading:
    """Read a quantity off features by ridge regression, one observation left out at a time.

    Parameters
    ----------
    features : array_like, shape (n, m)
        Of each spectrum, such as its 240 points.
    quantity : array_like, shape (n,)
        Such as the logarithm of what it was divided by.
    groups : array_like or Categorical, shape (n,)
        Which observation each spectrum is of. It is read by what the others teach.
    penalty : float
        On the squared coefficients of features of unit variance, with the mean squared error.
    count, seed, level
        Of the resamples of the observations, see `preflare.findings.resampling.Resampling`.

    Raises
    ------
    FindingError
        If shapes do not fit, a number is not finite, the quantity is constant, there are fewer
        than two observations, or a setting is wrong.

    Notes
    -----
    The sums over each observation that a regression is made of are kept, so that all are left out
    in the time of one. That other observations would teach another line is not in the interval.
    """
    drawing = Resampling(count, seed, level)
    x = finite("features", features, None, None)
    y = finite("quantity", quantity, len(x))
    codes, names = observations(groups, len(x))
    if np.ptp(y) == 0:
        raise FindingError("quantity is the same everywhere: give one that varies.")
    if len(names) < 2:
        raise FindingError("There is one observation: give two or more, to leave one out.")
    if not (np.isfinite(penalty) and penalty > 0):
        raise FindingError(f"The penalty is {penalty}: give a number above 0.")
    spread = x.std(axis=0)
    x = (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    with threadpool_limits(1):
        read = _left_out(x, y, codes, penalty)
    number, heights = np.bincount(codes), np.bincount(codes, y)
    wrong = np.bincount(codes, (y - read) ** 2)
    sums = np.stack([number, heights, np.bincount(codes, y**2), wrong], axis=1)
    drawn = _explained(drawing.times(len(names)) @ sums)
    return Reading(read, Interval(float(_explained(sums.sum(axis=0))), *drawing.bounds(drawn)))


def later(place: ArrayLike, groups: ArrayLike | pd.Categorical) -> NDArray[np.bool_]:
    """Mark the spectra of the later half of each observation.

    Parameters
    ----------
    place : array_like of int, shape (n, 3)
        Raster, step and slit pixel of each spectrum.
    groups : array_like or Categorical, shape (n,)
        Which observation each is of.

    Returns
    -------
    ndarray of bool, shape (n,)
        Whether it was exposed after the median spectrum of its observation.

    Raises
    ------
    FindingError
        If shapes do not fit, or a number is not finite.
    """
    at = finite("place", place, None, 3)
    codes, names = observations(groups, len(at))
    exposure = at[:, 0] * (at[:, 1].max() + 1) + at[:, 1]
    middle = np.array([np.median(exposure[codes == code]) for code in range(len(names))])
    return np.asarray(exposure > middle[codes])


def recognised(
    features: ArrayLike, groups: ArrayLike | pd.Categorical, test: ArrayLike
) -> NDArray[np.str_]:
    """Guess which observation spectra are of, by linear discriminants.

    Parameters
    ----------
    features : array_like, shape (n, m)
    groups : array_like or Categorical, shape (n,)
        Which observation each spectrum is of.
    test : array_like of bool, shape (n,)
        Which spectra to guess; the others teach, all observations equally.

    Returns
    -------
    ndarray of str, shape (number of spectra to guess,)
        Names of observations.

    Raises
    ------
    FindingError
        If shapes do not fit, a number is not finite, nothing is to be guessed, or fewer than two
        observations teach.
    """
    x = finite("features", features, None, None)
    guess = finite("test", test, len(x)) == 1
    codes, names = observations(groups, len(x))
    taught = np.unique(codes[~guess])
    if not guess.any() or len(taught) < 2:
        raise FindingError(
            f"{guess.sum()} spectra are to be guessed by what {len(taught)} observations teach: "
            "give one or more, and two or more."
        )
    model = LinearDiscriminantAnalysis(
        solver="lsqr", shrinkage=PENALTY, priors=np.full(len(taught), 1 / len(taught))
    )
    with threadpool_limits(1):
        model.fit(x[~guess], codes[~guess])
        said = model.predict(x[guess])
    return np.asarray(names)[said]


def partial_rank_correlation(
    first: ArrayLike,
    second: ArrayLike,
    control: ArrayLike,
    groups: ArrayLike | pd.Categorical,
    *,
    count: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[Interval, pd.Series]:
    """Correlate two quantities inside observations, with a third held constant.

    Parameters
    ----------
    first, second, control : array_like, shape (n,)
    groups : array_like or Categorical, shape (n,)
        Which observation each spectrum is of.
    count, seed, level
        Of the resamples of the observations, see `preflare.findings.resampling.Resampling`.

    Returns
    -------
    median : Interval
        Over observations; bounds are nan for fewer than two.
    each : pandas.Series
        Of each observation, nan where `by_observation` gives a reason why the first two have no
        correlation. Where the third is constant it is constant already.

    Raises
    ------
    FindingError
        If shapes do not fit, a number is not finite, or no observation has a correlation.

    Notes
    -----
    Of Spearman's correlations, (r12 - r13 r23) / sqrt((1 - r13^2)(1 - r23^2)) (Kendall 1942).
    """
    drawing = Resampling(count, seed, level)
    pairs = (first, second), (first, control), (second, control)
    tables = [by_observation(one, other, groups)["rank correlation"] for one, other in pairs]
    plain, *with_control = (table.to_numpy(np.float64) for table in tables)
    with_first, with_second = (np.nan_to_num(each) for each in with_control)
    left = (1 - with_first**2) * (1 - with_second**2)
    unknown = np.full(left.shape, np.nan)
    each = np.divide(plain - with_first * with_second, np.sqrt(left), out=unknown, where=left > 0)
    known = each[np.isfinite(each)]
    if not known.size:
        raise FindingError("No observation has enough spectra that vary: give more of each.")
    bounds = Bounds(np.nan, np.nan, 0)
    if known.size > 1:
        times = drawing.times(known.size).astype(int)
        drawn = np.array([np.median(np.repeat(known, often)) for often in times])
        bounds = drawing.bounds(drawn)
    return Interval(float(np.median(known)), *bounds), pd.Series(
        each, tables[0].index, name="partial rank correlation"
    )


def _explained(sums: Numbers) -> Numbers:
    """Return R^2 of sums (..., 4): spectra, values, their squares, squared errors."""
    number, total, square, wrong = np.moveaxis(sums, -1, 0)
    varied = square - total**2 / number
    return 1 - np.divide(wrong, varied, out=np.full(varied.shape, np.nan), where=varied > 0)


def _left_out(x: Numbers, y: Numbers, codes: Codes, penalty: float) -> Numbers:
    """Read each observation by the ridge regression of all others."""
    own = [codes == code for code in range(codes.max() + 1)]
    number, heights = np.bincount(codes).astype(np.float64), np.bincount(codes, y)
    first = np.stack([x[of].sum(axis=0) for of in own])
    squares = np.stack([x[of].T @ x[of] for of in own])
    crossed = np.stack([x[of].T @ y[of] for of in own])
    totals = [each.sum(axis=0) for each in (number, heights, first, squares, crossed)]
    read = np.empty(len(y))
    for code, of in enumerate(own):
        parts = (each[code] for each in (number, heights, first, squares, crossed))
        others, *sums = (total - part for total, part in zip(totals, parts, strict=True))
        height, mean, gram, toward = (each / others for each in sums)
        gram = gram - np.outer(mean, mean) + penalty * np.eye(len(mean))
        read[of] = height + (x[of] - mean) @ np.linalg.solve(gram, toward - mean * height)
    return read
