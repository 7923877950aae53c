"""preflare: which wavelengths of Mg II h&k announce a solar flare?

The package behind an executable book that reproduces Panos, Kleint & Zbinden (2023).
"""

from preflare.cleaning import clean, clean_observation
from preflare.cubes import open_cube, write_cube
from preflare.cutout import cutout
from preflare.errors import PreflareError
from preflare.level2 import Raster, SlitJaw, read_raster, read_slitjaw
from preflare.observations import Observation, observation, read_observations
from preflare.rules import EVERY_RULE, PAPER_RULES, Limits, Rule, accepted, count_rules
from preflare.shipped import shipped
from preflare.spectrum import LINES, grid, velocity

__version__ = "0.1.0"

__all__ = [
    "EVERY_RULE",
    "LINES",
    "PAPER_RULES",
    "Limits",
    "Observation",
    "PreflareError",
    "Raster",
    "Rule",
    "SlitJaw",
    "accepted",
    "clean",
    "clean_observation",
    "count_rules",
    "cutout",
    "grid",
    "observation",
    "open_cube",
    "read_observations",
    "read_raster",
    "read_slitjaw",
    "shipped",
    "velocity",
    "write_cube",
]
