"""What the playground shows: swarm, baselines, spectra to start from, and things to try."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from preflare.domain_shift import USUAL, Reference
from preflare.errors import BookError
from preflare.explain.draws import Draws
from preflare.explain.expected_gradients import attribute
from preflare.explain.ready import Attributions, drawn, prepared
from preflare.explain.representatives import Scatter
from preflare.explainer import Explainer
from preflare.inlined import packed
from preflare.playground import shape
from preflare.playground.examples import Example
from preflare.playground.page import page
from preflare.spectrum import LINES, grid

Places = NDArray[np.int64]
Asked = Literal["nine", "all"] | int
"""Who explains: members that stand for all, all, or one by its place."""

DRAWS = (16, 64, 256)
"""Draws for each member that a reader can choose from."""
USUAL_DRAWS = 64
NINE = 9
"""Members that stand for all, as many as the paper kept."""
CHOSEN_ON = 128
"""Baselines, at most, on whose explanations they are chosen."""
PLAIN = "plain"
"""Name of the profile that the sliders make from nothing."""


@dataclass(frozen=True)
class Experiment:
    """A state of the playground that the text can send its reader to.

    Attributes
    ----------
    start : str
        Name of an example, or ``"plain"``.
    values : mapping of str to float
        Sliders that stand elsewhere than the start has them.
    asked : {"nine", "all"} or int
    draws : int
        For each member.
    """

    start: str = PLAIN
    values: Mapping[str, float] = field(default_factory=dict)
    asked: Asked = "nine"
    draws: int = USUAL_DRAWS


@dataclass(frozen=True, eq=False)
class Playground:
    """A page in which readers shape spectra and see what a swarm says. A notebook shows it live.

    Attributes
    ----------
    explainer : Explainer
        The swarm, and what it compares with.
    examples : sequence of Example
        To start from.
    experiments : mapping of str to Experiment
        That links of the text can name, as ``?try=name``.

    Raises
    ------
    BookError
        If there is no example, two share a name, or an experiment asks for what there is not.
    """

    explainer: Explainer
    examples: Sequence[Example]
    experiments: Mapping[str, Experiment] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.examples:
            raise BookError("The playground has no spectrum to start from: give one or more.")
        counted = Counter([PLAIN, *(example.name for example in self.examples)])
        for name, times in counted.items():
            if times > 1:
                raise BookError(f"{times} spectra of the playground are called {name}: rename one.")
        for name, experiment in self.experiments.items():
            self._check(name, experiment)

    @cached_property
    def plain(self) -> dict[str, float]:
        """Where the sliders stand at first: the profile nearest to the median of the baselines."""
        median = np.median(self.explainer.baselines, axis=0)
        return shape.nearest(median / median.max())

    @cached_property
    def scatter(self) -> Scatter:
        """How members' expected gradients of some baselines differ."""
        own = self.explainer
        tried = own.thinned(CHOSEN_ON).baselines
        each = attribute(own.swarm, tried, own.baselines, USUAL_DRAWS, each=True).each
        assert each is not None
        return Scatter.of(each)

    @cached_property
    def nine(self) -> Places:
        """Places of the members that stand for all: nine, or all if there are fewer.

        The mean of their explanations is nearest to that of all.
        """
        return self.scatter.choose(min(NINE, len(self.explainer.swarm)))

    def members(self, asked: Asked) -> Places:
        """Return the places of those who explain."""
        if asked == "nine":
            return self.nine
        everyone = np.arange(len(self.explainer.swarm))
        return everyone if asked == "all" else everyone[[asked]]

    def spectrum(self, name: str) -> NDArray[np.float32]:
        """Return the spectrum (240,) that an experiment sets up, without its noise."""
        experiment = self.experiments[name]
        start = next((each for each in self.examples if each.name == experiment.start), None)
        if start is None:
            return shape.profile(self.plain | dict(experiment.values)).astype(np.float32)
        values = start.fitted | dict(experiment.values)
        return shape.reshaped(start.spectrum, start.fitted, values).astype(np.float32)

    def draws(self, count: int) -> list[Draws]:
        """Return each member's draws, the same whoever else explains."""
        own = self.explainer
        return drawn(count, own.baselines, 0, len(own.swarm), "spread")

    def explain(self, spectra: ArrayLike, asked: Asked, draws: int) -> Attributions:
        """Return the expected gradients of spectra (n, 240) that the page shows."""
        own, members = self.explainer, self.members(asked)
        all_draws = self.draws(draws)
        chosen = [all_draws[member] for member in members]
        return attribute(own.swarm.some(members), spectra, own.baselines, draws=chosen, each=True)

    def payload(self) -> dict[str, Any]:
        """Return all that the modules need, ready for JSON."""
        own = self.explainer
        exact = np.array_equal(own.baselines.astype(np.float16), own.baselines)
        expected = [each.expected for each in prepared(own.swarm, own.baselines, DRAWS[0], 0)]
        reference = Reference.of(own.baselines, own.observation)
        return {
            "weights": packed(own.swarm.weights, "float32"),
            "baselines": packed(own.baselines, "float16" if exact else "float32"),
            "expected": packed(expected, "float64"),
            "draws": {
                count: {
                    "place": packed([each.place for each in some], "uint16"),
                    "alpha": packed([each.alpha for each in some], "float32"),
                }
                for count, some in ((count, self.draws(count)) for count in DRAWS)
            },
            "usualDraws": USUAL_DRAWS,
            "nine": self.nine.tolist(),
            "usual": packed(np.sort(reference.usual), "float32"),
            "limit": reference.limit,
            "limitShare": USUAL,
            "model": {
                "wavelength": grid().tolist(),
                "lines": LINES,
                "transmission": shape.transmission().tolist(),
                "damping": shape.DAMPING,
                "steepness": shape.STEEPNESS,
                "reversalWidth": shape.REVERSAL_WIDTH,
                "triplet": shape.TRIPLET,
                "tripletSigma": shape.TRIPLET_SIGMA,
            },
            "sliders": [asdict(slider) for slider in shape.SLIDERS],
            "plain": self.plain,
            "examples": [_packed_example(example) for example in self.examples],
            "experiments": {name: asdict(each) for name, each in self.experiments.items()},
        }

    def _repr_html_(self) -> str:
        return page(self.payload())

    def _check(self, name: str, experiment: Experiment) -> None:
        starts = [PLAIN, *(example.name for example in self.examples)]
        everyone = ["nine", "all", *range(len(self.explainer.swarm))]
        for what, wanted, known in (
            ("starts from", experiment.start, starts),
            ("asks", experiment.asked, everyone),
            ("draws", experiment.draws, DRAWS),
        ):
            if wanted not in known:
                raise BookError(
                    f"The experiment {name} {what} {wanted}: "
                    f"choose from {', '.join(map(str, known))}."
                )
        sliders = {slider.name: slider for slider in shape.SLIDERS}
        for key, value in experiment.values.items():
            if key not in sliders:
                raise BookError(
                    f"The experiment {name} sets {key}: the sliders are {', '.join(sliders)}."
                )
            slider = sliders[key]
            if not slider.least <= value <= slider.most:
                raise BookError(
                    f"The experiment {name} sets {key} to {value}: "
                    f"it goes from {slider.least} to {slider.most}."
                )


def _packed_example(example: Example) -> dict[str, Any]:
    without = None if example.without is None else packed(example.without, "float32")
    return {
        "name": example.name,
        "source": example.source,
        "label": example.label,
        "truth": example.truth,
        "spectrum": packed(example.spectrum, "float32"),
        "without": without,
        "fitted": example.fitted,
    }
