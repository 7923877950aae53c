"""Which atmospheres the profile library holds: draws from the regimes, and paired precursors."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from preflare.twin.atmospheres import (
    ACTIVE,
    DENSE,
    FLARE,
    QUIET,
    Atmosphere,
    draw,
    with_deep_transition,
    with_flow,
    with_triplet_heating,
)

SEED = 20230301
COUNTS = {QUIET: 224, ACTIVE: 400, DENSE: 140, FLARE: 136}
BASES = 48
# Broad cores are missing here: they are the base profile with more macroturbulence.
DISTURBED = ("triplet", "red_wing", "blue_wing", "single_peak")
PAIR_REGIME = replace(ACTIVE, transition=(-5.0, -3.8))


@dataclass(frozen=True)
class Entry:
    """One spectrum to compute.

    Attributes
    ----------
    group : str
        A regime's name, "base", or the kind of precursor.
    number : int
        Counted within the group; a base and its disturbed partners share the number.
    atmosphere : Atmosphere
        What to compute.
    """

    group: str
    number: int
    atmosphere: Atmosphere

    @property
    def name(self) -> str:
        """Say which entry this is, for files and messages."""
        return f"{self.group}-{self.number:03d}"


def pairs() -> list[Entry]:
    """Return the bases, each followed by itself with each kind of precursor."""
    rng = np.random.default_rng([SEED, 1])
    entries = []
    for number, base in enumerate(draw(PAIR_REGIME, BASES, SEED + 5)):
        disturbed = {
            "triplet": with_triplet_heating(
                base, rng.uniform(2000.0, 3000.0), rng.uniform(-3.2, -2.7)
            ),
            "red_wing": with_flow(base, rng.uniform(-32.0, -18.0)),
            "blue_wing": with_flow(base, rng.uniform(18.0, 32.0)),
            "single_peak": with_deep_transition(base, rng.uniform(-2.6, -2.0)),
        }
        entries.append(Entry("base", number, base))
        entries.extend(Entry(kind, number, disturbed[kind]) for kind in DISTURBED)
    return entries


def plan() -> list[Entry]:
    """Return every entry of the library, the same at every call.

    The groups are interleaved, so that a computation stopped half-way has some of each.
    """
    queues = [
        [Entry(regime.name, n, a) for n, a in enumerate(draw(regime, count, SEED + order))]
        for order, (regime, count) in enumerate(COUNTS.items())
    ]
    queues.append(pairs())
    ranked = [(rank / len(queue), entry) for queue in queues for rank, entry in enumerate(queue)]
    return [entry for _, entry in sorted(ranked, key=lambda pair: pair[0])]
