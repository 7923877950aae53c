"""How much a study trains, by profile."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """How much there is to train.

    Attributes
    ----------
    spectra : int
        Of an observation, at most, so that none outweighs the others.
    training : int
        Spectra of a split to train on, at most.
    splits, members, epochs : int
        Random splits to choose from, networks of the swarm, and passes over the spectra.
    """

    spectra: int
    training: int
    splits: int
    members: int
    epochs: int


SIZES = {
    "quick": Size(spectra=1_000, training=8_000, splits=50, members=50, epochs=40),
    "paper": Size(spectra=6_000, training=48_386, splits=50, members=50, epochs=100),
}
"""By profile. The paper's: 50 splits and 50 members of 100 epochs; its split has 48,386 spectra to
train on."""
