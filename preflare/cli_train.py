"""The command that trains a swarm."""

from pathlib import Path

import click

from preflare.cli_terminal import PATH, SCHEDULER, counting, err, out
from preflare.errors import PreflareError


@click.command()
@click.argument("cubes", nargs=-1, metavar="[CUBES]...", type=PATH)
@click.option("--output", required=True, type=PATH, help="File for the swarm (.safetensors).")
@click.option("--profile", default="quick", help="Of the twin: quick or paper.  [default: quick]")
@click.option("--members", default=50, type=click.IntRange(1), help="Networks.  [default: 50]")
@click.option(
    "--epochs", default=100, type=click.IntRange(1), help="Passes over the spectra.  [default: 100]"
)
@click.option(
    "--seed", default=0, type=click.IntRange(0), help="Every draw follows from it.  [default: 0]"
)
@click.option(
    "--test",
    default=5,
    type=click.IntRange(1),
    help="Observations of each class to test on.  [default: 5]",
)
@SCHEDULER
@click.option("--force", is_flag=True, help="Replace a swarm that exists.")
def train(
    cubes: tuple[Path, ...],
    output: Path,
    profile: str,
    members: int,
    epochs: int,
    seed: int,
    test: int,
    scheduler: str | None,
    force: bool,
) -> None:
    """Train a swarm of networks to tell PF from AR spectra.

    CUBES are observations that preflare clean has made. One that was cleaned with --onset is a PF
    observation, of which the spectra before the onset count; the others are AR. Without CUBES, the
    swarm learns from the twin. Some observations of each class, drawn at random, are tested on
    only. Interrupted, the same command goes on where it stopped.
    """
    from preflare.cubes import check_writable, open_cube
    from preflare.labelled import LabelledSpectra
    from preflare.partitions import random_partitions
    from preflare.splits import balanced_split
    from preflare.study import Study
    from preflare.swarm import Swarm
    from preflare.weights import without_damage

    check_writable(output, overwrite=force, kind="file")
    if cubes:
        named = {cube.stem: open_cube(cube) for cube in cubes}
        if len(named) < len(cubes):
            raise PreflareError("Two of the cubes have the same name: rename one of them.")
        data = LabelledSpectra.drawn(named, at_most=None, seed=seed)
    else:
        err.print("preparing the twin's spectra", style="dim")
        data = Study(profile=profile, seed=seed, scheduler=scheduler).spectra()
    (partition,) = random_partitions(data.classes, count=1, test=test, seed=seed)
    split = balanced_split(partition, data.classes, data.observation, seed)
    with counting("training", members * epochs) as tell:
        swarm = Swarm.train(
            data.spectra,
            data.labels,
            split,
            members=members,
            epochs=epochs,
            seed=seed,
            checkpoint=without_damage(output.with_name(f".{output.name}.training")),
            scheduler=scheduler,
            progress=lambda done, _, loss: tell(done, f"training, loss {loss:.3f}"),
        )
    swarm.save(output)
    report = swarm.report()
    for condition, count in report["condition"].value_counts().items():
        out.print(f"{count} {condition}", markup=False)
    low, middle, high = report["test tss"].quantile([0.25, 0.5, 0.75])
    out.print(f"tested on {', '.join(partition.test)}", markup=False)
    out.print(
        f"true skill statistic {middle:.2f}, quartiles {low:.2f} and {high:.2f}", markup=False
    )
    out.print(f"{output}  {output.stat().st_size / 1e6:.1f} MB", markup=False)
