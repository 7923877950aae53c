"""When smoothing sets in: whether a prior acts before or after the test loss has turned."""

from __future__ import annotations

import numpy as np
import pandas as pd

from preflare.errors import ExplanationError
from preflare.explain.prior import Output


def onset_of_smoothing(
    curves: pd.DataFrame, output: Output = "log-odds", least: float = 0.1
) -> pd.DataFrame:
    """Say of each network whether its attributions became smooth before its test loss turned.

    Attributions get smoother, and rougher, in any training. What a prior does is therefore read
    off the ratio of a network's relative roughness to that of its member at strength 0 in the
    same epoch: it begins at 1, and smoothing has set in once it is halfway to its final value for
    good.

    Parameters
    ----------
    curves : pandas.DataFrame
        Of a `preflare.explain.prior.PriorTraining` with strength 0 among others.
    output : {"log-odds", "logit"}
        Whose attributions to look at. Those of the log-odds are what a verdict rests on. Those of
        the PF logit, which the paper's prior smooths (the default of
        `preflare.explain.prior.train_with_prior`), can get smooth while these do not.
    least : float
        How much smoother a network must end to be called smooth, as a share.

    Returns
    -------
    pandas.DataFrame
        Index (strength, member). Columns:

        - ``turn``: epoch of the lowest test loss; the last one if it has not turned
        - ``onset``: epoch in which smoothing set in; missing if the ratio ends above 1 - `least`
        - ``test loss``, ``test tss``, ``relative roughness``, ``ratio``: after the last epoch;
          the ratio is nan if this network or its member at strength 0 is not ``"trained"``, or
          its output does not respond to the spectra at all
        - ``condition``: ``"diverged"``, ``"dead"`` (TSS 0: all spectra are called by one class)
          or ``"trained"``

    Raises
    ------
    ExplanationError
        If there are no curves at strength 0, or there is no such share.
    """
    if not 0 < least < 1:
        raise ExplanationError(f"The share {least} is not between 0 and 1: give 0.1, for example.")
    if 0.0 not in curves.index.get_level_values("strength"):
        raise ExplanationError(
            "The curves have no strength 0 to compare with: train with it among the strengths."
        )
    losses = curves["test loss"].unstack("epoch")
    rough = curves[f"relative {output} roughness"].unstack("epoch")
    last = curves.xs(losses.columns[-1], level="epoch")
    table = last[["test loss", "test tss"]].assign(**{"relative roughness": rough.iloc[:, -1]})
    table["condition"] = np.select(
        [last["test loss"].isna(), last["test tss"] == 0], ["diverged", "dead"], "trained"
    )
    fit = rough.copy()
    fit[table["condition"] != "trained"] = np.nan
    ratio = fit / fit.xs(0.0, level="strength").reindex(fit.index, level="member")
    final = table["ratio"] = ratio.iloc[:, -1]
    # What is nan is not smooth. Epoch 0 never is either, so a last one that is not can be found.
    rougher = ~ratio.le((1 + final) / 2, axis=0).to_numpy()
    onset = pd.Series(rougher.shape[1] - rougher[:, ::-1].argmax(axis=1), table.index, "Int64")
    turn = losses.fillna(np.inf).idxmin(axis=1).astype("Int64")
    table.insert(0, "turn", turn.where(losses.notna().any(axis=1)))
    table.insert(1, "onset", onset.where(final <= 1 - least))
    return table
