"""Stages of a study: which code and data each depends on, and the key of its products."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

from preflare.products import digest, product_key
from preflare.shipped import shipped

Stage = Literal["simulation", "quiet", "cube", "training", "artificial", "explaining"]

READING = (
    "level2.py",
    "layout.py",
    "lazyfits.py",
    "fitsheaders.py",
    "spectrum.py",
    "observations.py",
    "shipped.py",
)
SIMULATION = ("twin", "arrays.py", *READING)  # which measures blends on real files
CUBE = (*SIMULATION, "cleaning.py", "rules.py", "quietsun.py")
TRAINING = (
    *CUBE,
    "labelled.py",
    "partitions.py",
    "splits.py",
    "network_inputs.py",
    "network.py",
    "members.py",
    "training.py",
    "swarm.py",
    "kernels/convnet.py",
    "kernels/training.py",
    "weights.py",
)
MADE_BY: dict[Stage, tuple[str, ...]] = {
    "simulation": SIMULATION,
    "quiet": CUBE,
    "cube": CUBE,
    "training": TRAINING,
    "artificial": (*TRAINING, "artificial.py", "course.py"),
    "explaining": (
        *TRAINING,
        "explainer.py",
        "explain/draws.py",
        "explain/outputs.py",
        "explain/ready.py",
        "kernels/explaining.py",
    ),
}
"""Modules and folders of the package whose code a stage's products depend on."""
MADE_FROM = ("observations.ecsv", "twin", "iris")
"""Data that travel with preflare, on which all products depend."""
KEPT_WITH = "checksums"
"""So that products which were kept without are others, and not damaged ones."""


def stage_key(stage: Stage, **settings: object) -> str:
    """Return the key of a stage's products: code, data and settings, hashed."""
    return product_key(code=_code(stage), kept_with=KEPT_WITH, **settings)


@cache
def _code(stage: Stage) -> str:
    """Hash code and data once: there is a key for each of many observations."""
    package = Path(__file__).parent
    sources = [package / module for module in MADE_BY[stage]]
    return digest(sources + [shipped(name) for name in MADE_FROM])
