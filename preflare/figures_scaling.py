"""Figures of how time and memory grow with the spectra: axes in, artists out, no computing."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

LOOKS = {"1": ("o", "C0"), "2": ("s", "C1"), "4": ("^", "C2"), "threads": ("D", "0.45")}
"""Marker and colour by the number of workers."""
STAGE_LOOKS = {"clean": ("o", "C0"), "explain": ("^", "C3"), "train": ("s", "0.45")}
"""Marker and colour by the stage."""


def time_against_spectra(axes: Axes, times: pd.DataFrame, title: str) -> None:
    """Draw the time of a stage against the number of spectra, a line for each number of workers.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    times : pandas.DataFrame
        By workers and size: ``spectra``, ``seconds``, ``low`` and ``high``.
    title : str
    """
    for workers, (marker, colour) in LOOKS.items():
        if workers in times.index.get_level_values("workers"):
            own = pd.DataFrame(times.xs(workers, level="workers")).sort_values("spectra")
            label = workers if workers == "threads" else f"{workers} worker{'s'[: workers != '1']}"
            axes.vlines(own["spectra"], own["low"], own["high"], color=colour, lw=1)
            axes.plot(own["spectra"], own["seconds"], marker, ls="-", color=colour, label=label)
    axes.set(xscale="log", yscale="log", xlabel="Spectra")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_title(title, loc="left", fontsize="small")


def memory_against_spectra(axes: Axes, times: pd.DataFrame) -> None:
    """Draw the most memory that a worker held against the number of spectra, a line a stage.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    times : pandas.DataFrame
        By stage and size, for one number of workers: ``spectra`` and ``memory`` in bytes.
    """
    for stage, (marker, colour) in STAGE_LOOKS.items():
        if stage in times.index.get_level_values("stage"):
            own = pd.DataFrame(times.xs(stage, level="stage")).sort_values("spectra")
            axes.plot(
                own["spectra"], own["memory"] / 1e6, marker, ls="-", color=colour, label=stage
            )
    axes.set(xscale="log", xlabel="Spectra", ylabel="Memory of a worker (MB)", ylim=(0, None))
    axes.xaxis.set_minor_formatter(NullFormatter())


def speedups(axes: Axes, curves: Mapping[str, pd.DataFrame], title: str) -> None:
    """Draw how many times as fast several workers are as one.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    curves : mapping of str to pandas.DataFrame
        By stage: with the number of workers as index, ``speedup``, ``low`` and ``high``.
    title : str
    """
    most = max((int(curve.index.max()) for curve in curves.values()), default=1)
    axes.plot([1, most], [1, most], color="0.6", lw=0.8, ls=":", label="as many times")
    for stage, curve in curves.items():
        marker, colour = STAGE_LOOKS[stage]
        axes.vlines(curve.index, curve["low"], curve["high"], color=colour, lw=1)
        axes.plot(curve.index, curve["speedup"], marker, ls="-", color=colour, label=stage)
    axes.xaxis.set_major_locator(FixedLocator([1, 2, 4]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set(xlabel="Workers", ylim=(0, None))
    axes.set_title(title, loc="left", fontsize="small")
