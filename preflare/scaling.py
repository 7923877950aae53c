"""What `benchmarks/scaling.py` measured: time and memory by spectra and workers, and a plan."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from preflare.errors import BookError, reason
from preflare.scheduler import THREADS

RECORD = Path("benchmarks", "scaling.json")
"""Where the record is, in a checkout."""
STAGES = {"clean": ("clean",), "explain": ("scores", "attributions"), "train": ("train",)}
"""Stages of a study, and the measurements that each is made of."""
HOUR = 3600.0
MILLION = 1e6


@dataclass(frozen=True, eq=False)
class Scaling:
    """A record of growth.

    Attributes
    ----------
    about : dict
        Where, when and how it was measured.
    runs : pandas.DataFrame
        One row a measurement: ``part`` (``"growth"``: few networks explain; ``"swarm"``: all do),
        ``size`` (spectra asked for), ``workers`` (a number of processes, or ``"threads"``),
        ``cores`` that were used, ``round``, ``spectra`` that there were, ``accepted`` of them,
        ``longest`` observation, ``stage`` (see `STAGES`, and ``scores`` and ``attributions``
        apart), ``seconds``, ``memory`` (bytes, the most that one worker held), ``before`` (bytes,
        the most that one held when the stage began) and ``start`` (s until workers were ready).
    left_out : pandas.DataFrame
        What would have taken too long: ``size``, ``workers`` and ``expected_seconds``.
    bytes_each : pandas.Series
        On the disk, for each spectrum: ``files``, ``cubes``, ``scores`` and ``attributions``.
    """

    about: dict[str, Any]
    runs: pd.DataFrame
    left_out: pd.DataFrame
    bytes_each: pd.Series

    @classmethod
    def read(cls, path: Path) -> Scaling:
        """Read a record.

        Raises
        ------
        BookError
            If there is none, or it is damaged.
        """
        cure = "measure with python -m benchmarks.scaling"
        if not path.is_file():
            raise BookError(f"How time and memory grow was not measured yet: {cure}.")
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            runs = [row for run in content["runs"] for row in _rows(run, content["about"])]
            largest = max(content["runs"], key=lambda run: run["spectra"])
            disk = pd.Series(largest["disk"], dtype=float) / largest["spectra"]
            return cls(
                content["about"], pd.DataFrame(runs), pd.DataFrame(content["left_out"]), disk
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BookError(f"{path} is no record of growth ({reason(error)}): {cure}.") from error

    def times(self, part: str = "growth") -> pd.DataFrame:
        """Sum up the rounds.

        Parameters
        ----------
        part : {"growth", "swarm"}

        Returns
        -------
        pandas.DataFrame
            By stage, workers and size: ``spectra``; ``seconds`` (median), ``low`` and ``high``
            over ``rounds``; ``memory`` and ``before`` (bytes, the most of all rounds).
        """
        own = self.runs[self.runs["part"] == part]
        grouped = own.groupby(["stage", "workers", "size"])
        return grouped.agg(
            spectra=("spectra", "first"),
            seconds=("seconds", "median"),
            low=("seconds", "min"),
            high=("seconds", "max"),
            rounds=("round", "nunique"),
            memory=("memory", "max"),
            before=("before", "max"),
        )

    def speedups(self, part: str = "growth") -> pd.DataFrame:
        """Compare with one worker, round by round.

        Parameters
        ----------
        part : {"growth", "swarm"}

        Returns
        -------
        pandas.DataFrame
            By stage, workers and size: ``speedup`` (median), ``low`` and ``high`` over ``rounds``
            of how many times as fast as one worker. Empty where none was measured alone.
        """
        own = self.runs[self.runs["part"] == part]
        at = ["stage", "size", "round"]
        alone = own[own["workers"] == "1"].set_index(at)["seconds"].rename("alone")
        pairs = own.join(alone, on=at, how="inner")
        pairs["speedup"] = pairs["alone"] / pairs["seconds"]
        return pairs.groupby(["stage", "workers", "size"]).agg(
            speedup=("speedup", "median"),
            low=("speedup", "min"),
            high=("speedup", "max"),
            rounds=("round", "nunique"),
        )

    def costs(self) -> pd.DataFrame:
        """Say what a million spectra cost.

        Each is taken from the largest archive of its part, with as many workers as were measured
        there: what they waste by waiting for each other is counted.

        Returns
        -------
        pandas.DataFrame
            By stage, ``clean``, ``scores`` and ``attributions`` of the whole swarm:
            ``core_seconds`` of a million spectra, for the last two accepted ones; ``spectra`` that
            it was measured on, and with how many ``workers``.
        """
        rows = {}
        for stage, part, of in (
            ("clean", "growth", "spectra"),
            ("scores", "growth", "accepted"),
            ("attributions", "swarm", "accepted"),
        ):
            own = self.runs[(self.runs["part"] == part) & (self.runs["stage"] == stage)]
            own = own[own["workers"] != THREADS]
            own = own[own["size"] == own["size"].max()]
            own = own[own["cores"] == own["cores"].max()]
            count = own[of].iloc[0]
            each = own["seconds"].median() * own["cores"].iloc[0] / count
            rows[stage] = {
                "core_seconds": MILLION * each,
                "spectra": count,
                "workers": own["cores"].iloc[0],
            }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("stage")

    def accepted(self) -> float:
        """Return the share of spectra that was accepted in the largest archive."""
        own = self.runs[self.runs["stage"] == "clean"].sort_values("spectra")
        return float(own["accepted"].iloc[-1] / own["spectra"].iloc[-1])

    def plan(self, spectra: float, accepted: float) -> pd.Series:
        """Say what an archive takes, at the `costs` of a million spectra.

        Parameters
        ----------
        spectra : float
            How many, or how many in a second.
        accepted : float
            Share of them that is scored and explained.

        Returns
        -------
        pandas.Series
            Core-hours to ``clean``, for ``scores`` and ``attributions``, and ``hours`` in all;
            ``bytes`` of cubes, scores and attributions together.
        """
        millions = spectra / MILLION
        hours = self.costs()["core_seconds"] * millions / HOUR
        hours[["scores", "attributions"]] *= accepted
        kept = self.bytes_each[["cubes", "scores", "attributions"]].sum()
        return pd.concat([hours, pd.Series({"hours": hours.sum(), "bytes": kept * spectra})])


def _rows(run: dict[str, Any], about: dict[str, Any]) -> list[dict[str, Any]]:
    """Give a run's stages, and their parts where a stage has several, a row each."""
    shared = {name: run[name] for name in ("part", "size", "workers", "round")}
    shared |= {name: run[name] for name in ("spectra", "accepted", "longest")}
    shared |= {"start": run["start_seconds"]}
    shared["cores"] = about["cores"] if run["workers"] == THREADS else int(run["workers"])
    parts = dict(STAGES) | {part: (part,) for part in STAGES["explain"]}
    rows = []
    for stage, measured in parts.items():
        own = [run["stages"][each] for each in measured if each in run["stages"]]
        if own:
            rows.append(
                shared
                | {
                    "stage": stage,
                    "seconds": sum(each["seconds"] for each in own),
                    "memory": max(max(each["memory"]) for each in own),
                    "before": max(own[0]["before"]),
                    "spectra": own[0].get("spectra", run["spectra"]),
                }
            )
    return rows
