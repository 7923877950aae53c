"""A page on which readers shape Mg II spectra, and see at once what a swarm says and why.

Everything runs in the browser. ``web`` holds its modules; Python writes the data, and the numbers
that tests compare the modules with.
"""

from preflare.playground.examples import Example, iris_examples, twin_examples
from preflare.playground.live import USUAL_DRAWS, Experiment, Playground
from preflare.playground.shape import SLIDERS

__all__ = [
    "SLIDERS",
    "USUAL_DRAWS",
    "Example",
    "Experiment",
    "Playground",
    "iris_examples",
    "twin_examples",
]
