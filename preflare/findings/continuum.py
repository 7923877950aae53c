"""What networks read in the continuum: how they answer when only it is changed.

See `preflare.findings.interventions` for the changes and their controls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from preflare.errors import FindingError
from preflare.explain.judged import Explain
from preflare.findings.bands import METALS, band_of_points
from preflare.findings.interventions import Changed, Spectra
from preflare.findings.resampling import Numbers, Resampling, finite, observations
from preflare.spectrum import POINTS

Predict = Callable[[Spectra], ArrayLike]
"""Takes spectra (n, 240) and returns a number of each, (n,): log-odds or probability of PF."""


def effect(
    predict: Predict,
    spectra: ArrayLike,
    changed: Mapping[str, Changed],
    groups: ArrayLike | pd.Categorical,
    controls: Mapping[str, str] | None = None,
    *,
    count: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> pd.DataFrame:
    """Measure how changes of spectra change what networks say.

    Parameters
    ----------
    predict : callable
        Log-odds or probability of PF.
    spectra : array_like, shape (n, 240)
        Normalised profiles.
    changed : mapping of str to Changed
        The same spectra after each intervention, by its name.
    groups : array_like or Categorical, shape (n,)
        Which observation each spectrum is of.
    controls : mapping of str to str, optional
        For an intervention, the one among `changed` of the same size that it is compared with.
    count, seed, level
        Of the resamples of the observations, see `preflare.findings.resampling.Resampling`.

    Returns
    -------
    pandas.DataFrame
        One row an intervention:

        - ``rms`` of the change over the 240 points, mean over spectra; ``clipped``, share of the
          changed points that were; ``unchanged``, spectra that are as they were
        - ``before`` and ``after``, means of what `predict` says, and ``change``, with the bounds
          ``low`` and ``high``
        - ``size``, mean of the absolute change, with ``size_low`` and ``size_high``
        - ``control``, its name or empty; ``beyond``, the change less that by the control, with
          ``beyond_low`` and ``beyond_high``; ``size_beyond``, the size less that by the control,
          with ``size_beyond_low`` and ``size_beyond_high``; nan without a control

        All spectra count alike. Bounds are nan for fewer than two observations.

    Raises
    ------
    FindingError
        If nothing was changed or a control is missing, shapes do not fit, a number is not finite,
        or a setting is wrong.
    """
    drawing = Resampling(count, seed, level)
    given = finite("spectra", spectra, None, POINTS).astype(np.float32)
    codes, _ = observations(groups, len(given))
    if not changed:
        raise FindingError("There is no intervention to measure: give one or more.")
    compared = dict(controls or {})
    for name in (*compared, *compared.values()):
        if name not in changed:
            raise FindingError(f"There is no intervention {name!r}: choose from {list(changed)}.")
    number = np.bincount(codes).astype(np.float64)
    before = finite("What predict returns", predict(given), len(given))
    after = {
        name: finite("What predict returns", predict(_fitting(name, each, given)), len(given))
        for name, each in changed.items()
    }

    def measured(column: str, values: Numbers) -> dict[str, float]:
        sums = np.bincount(codes, values).astype(np.float64)[:, None]
        (bounds,) = drawing.ratios(sums, number)
        prefix = "" if column == "change" else f"{column}_"
        low, high = f"{prefix}low", f"{prefix}high"
        return {column: float(values.mean()), low: bounds.low, high: bounds.high}

    rows = {}
    for name, each in changed.items():
        away = each.spectra.astype(np.float64) - given
        change, points = after[name] - before, int((away != 0).sum())
        control = compared.get(name, "")
        other = after[control] - before if control else np.full(len(given), np.nan)
        rows[name] = {
            "rms": float(np.sqrt((away**2).mean(axis=1)).mean()),
            "clipped": each.clipped.sum() / max(points, 1),
            "unchanged": int((away == 0).all(axis=1).sum()),
            "before": before.mean(),
            "after": after[name].mean(),
            **measured("change", change),
            **measured("size", np.abs(change)),
            "control": control,
            **measured("beyond", change - other),
            **measured("size_beyond", np.abs(change) - np.abs(other)),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("intervention")


def attribution_moved(
    explain: Explain,
    spectra: ArrayLike,
    changed: Changed,
    groups: ArrayLike | pd.Categorical,
    *,
    count: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> pd.DataFrame:
    """Measure how much attribution each band loses or gains by an intervention.

    Parameters
    ----------
    explain : callable
        Takes spectra (n, 240) and returns their attributions, (n, 240).
    spectra, changed, groups
        As for `effect`, of one intervention.
    count, seed, level
        Of the resamples of the observations.

    Returns
    -------
    pandas.DataFrame
        One row a band, in order of wavelength, then ``metallic lines``, all of them together, and
        ``all``: means over spectra of the band's summed attributions ``before`` and ``after``, and
        ``change`` with ``low`` and ``high``; and ``size_before`` and ``size_after``, means of its
        summed absolute attributions.

    Raises
    ------
    FindingError
        If shapes do not fit, a number is not finite, or a setting is wrong.
    """
    drawing = Resampling(count, seed, level)
    given = finite("spectra", spectra, None, POINTS).astype(np.float32)
    codes, _ = observations(groups, len(given))
    bands = band_of_points()
    rows = [*dict.fromkeys(bands), "metallic lines", "all"]
    member = np.stack([bands == name for name in rows], axis=1)
    member[:, -2], member[:, -1] = np.isin(bands, list(METALS)), True
    shown = given, _fitting("change", changed, given)
    before, after = (finite("What explain returns", explain(each), *given.shape) for each in shown)
    change = (after - before) @ member
    sums = np.stack([np.bincount(codes, column) for column in change.T], axis=1, dtype=np.float64)
    bounds = drawing.ratios(sums, np.bincount(codes).astype(np.float64))
    return pd.DataFrame(
        {
            "before": before.mean(axis=0) @ member,
            "after": after.mean(axis=0) @ member,
            "change": change.mean(axis=0),
            "low": [each.low for each in bounds],
            "high": [each.high for each in bounds],
            "size_before": np.abs(before).mean(axis=0) @ member,
            "size_after": np.abs(after).mean(axis=0) @ member,
        },
        pd.Index(rows, name="band"),
    )


def _fitting(name: str, changed: Changed, given: Spectra) -> Spectra:
    if changed.spectra.shape != given.shape:
        raise FindingError(
            f"The changed spectra of {name!r} have the shape {changed.spectra.shape} and the "
            f"spectra {given.shape}: change the same ones."
        )
    return changed.spectra
