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


@dataclass(frozen=True)
class ArtificialSize:
    """How much there is to the artificial test.

    Attributes
    ----------
    flare : int
        Spectra of flares, at most; each is used twice, with and without the artefact.
    members : int
        Networks.
    snapshots : tuple of int
        Batches after which weights are kept; the last one ends the training.
    """

    flare: int
    members: int
    snapshots: tuple[int, ...]


ARTIFICIAL = {
    "quick": ArtificialSize(20_000, 50, (50, 100, 200, 500, 1_000, 1_500)),
    "paper": ArtificialSize(700_000, 500, (50, 100, 200, 500, 1_000, 2_000, 5_833)),
}
"""By profile. The paper's: 700,000 spectra make 1.4 million, 5,833 batches of 240, and up to 500
networks."""
