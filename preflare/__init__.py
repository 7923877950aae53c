"""preflare: which wavelengths of Mg II h&k announce a solar flare?

The package behind an executable book that reproduces Panos, Kleint & Zbinden (2023).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from preflare.cleaning import clean, clean_observation
from preflare.cubes import open_cube, write_cube
from preflare.cutout import cutout
from preflare.errors import PreflareError
from preflare.exercises import check
from preflare.level2 import Raster, SlitJaw, read_raster, read_slitjaw
from preflare.observations import Observation, observation, read_observations
from preflare.rules import EVERY_RULE, PAPER_RULES, Limits, Rule, accepted, count_rules
from preflare.shipped import SAMPLE_RASTER, shipped
from preflare.skill import true_skill_statistic
from preflare.spectrum import LINES, grid, velocity

if TYPE_CHECKING:
    from preflare.explain.expected_gradients import expected_gradients
    from preflare.explain.gradcam import grad_cam
    from preflare.network import ConvNet
    from preflare.quietsun import QuietSun
    from preflare.study import Study
    from preflare.swarm import Swarm

__version__ = "0.1.0"

_HEAVY = {
    "ConvNet": "preflare.network",
    "QuietSun": "preflare.quietsun",
    "Study": "preflare.study",
    "Swarm": "preflare.swarm",
    "expected_gradients": "preflare.explain.expected_gradients",
    "grad_cam": "preflare.explain.gradcam",
}
"""What needs torch, which takes seconds to import: only when asked for."""


def __getattr__(name: str) -> Any:
    if name in _HEAVY:
        return getattr(import_module(_HEAVY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "EVERY_RULE",
    "LINES",
    "PAPER_RULES",
    "SAMPLE_RASTER",
    "ConvNet",
    "Limits",
    "Observation",
    "PreflareError",
    "QuietSun",
    "Raster",
    "Rule",
    "SlitJaw",
    "Study",
    "Swarm",
    "accepted",
    "check",
    "clean",
    "clean_observation",
    "count_rules",
    "cutout",
    "expected_gradients",
    "grad_cam",
    "grid",
    "observation",
    "open_cube",
    "read_observations",
    "read_raster",
    "read_slitjaw",
    "shipped",
    "true_skill_statistic",
    "velocity",
    "write_cube",
]
