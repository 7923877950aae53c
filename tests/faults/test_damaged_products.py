"""A damaged product is detected, named and made again with the same bits; what is fetched stays."""

import numpy as np
import pytest

from tests.faults.disturbing import STAGES, content, unfinished, without

PRODUCTS = {
    "cubes": "cubes-*/*.zarr",
    "spectra": "spectra-*.npz",
    "swarms": "swarms-*/*.safetensors",
    "spectra of flares": "flare-*.npz",
    "courses": "course-*.safetensors",
    "scores": "scores-*/*.zarr",
    "attributions": "attributions-*/*.zarr",
    "simulated observations": "twin-*/*",
}


def flip(path, draws):
    """Flip one bit of a file."""
    data = bytearray(path.read_bytes())
    data[draws.integers(len(data))] ^= 1 << int(draws.integers(8))
    path.write_bytes(data)


def cut(path, draws):
    with path.open("r+b") as file:
        file.truncate(int(draws.integers(path.stat().st_size)))


def remove(path, _draws):
    path.unlink()


def swap(path, _draws):
    """Put a folder in the place of a file."""
    path.unlink()
    path.mkdir()


def swell(path, draws):
    with path.open("ab") as file:
        file.write(draws.bytes(5))


DAMAGES = {"flipped bits": flip, "cuts": cut, "losses": remove, "folders for files": swap,
           "extra bytes": swell}  # fmt: skip


def some_file(product, draws):
    """Draw a file of a product, or at times that with its checksums."""
    record = product.with_name(f"{product.name}.sha256")
    if draws.random() < 0.2:
        return record
    files = sorted(path for path in product.rglob("*") if path.is_file()) or [product]
    return files[draws.integers(len(files))]


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.thorough) for seed in range(1, 16))]
)
def test_damage_is_named_and_made_again(seed, run, cache, survived):
    draws = np.random.default_rng(seed)
    expected, damaged = content(cache), []
    for kind, pattern in PRODUCTS.items():
        products = sorted(path for path in cache.glob(pattern) if path.suffix != ".sha256")
        product = products[draws.integers(len(products))]
        file = some_file(product, draws)
        names = list(DAMAGES)
        if file == product:
            names.remove("losses")  # it would just not be there
        name = names[draws.integers(len(names))]
        DAMAGES[name](file, draws)
        damaged.append((kind, product, name))
    said = "".join(run(stage, cache).said for stage in STAGES)
    for _, product, _ in damaged:
        assert said.count(f"{product} is damaged (") == 1, said
    assert said.count("\n") == said.count("): it is made again.\n") == len(damaged)
    assert content(cache) == expected
    assert unfinished(cache) == []
    for kind, _, name in damaged:
        survived(f"{name} in {kind}")


def test_a_training_that_was_cut_short_and_damaged_begins_anew(run, cache, thorough, survived):
    expected = content(cache)
    without(cache, *STAGES["train"])
    events = len(run("train", cache).events)
    for part in (0.4, 0.6, 0.8) if thorough else (0.6,):
        without(cache, *STAGES["train"])
        assert run("train", cache, event=int(part * events)).killed
        (store,) = cache.glob("swarms-*/[!.]*.training")
        flip(store, np.random.default_rng(int(100 * part)))
        came = run("train", cache)
        assert came.said == f"{store} is damaged: the training that it was kept for begins anew.\n"
        assert content(cache) == expected
        survived("flipped bits in unfinished trainings")


def test_what_was_fetched_is_named_and_left_as_it_is(run, cache, survived):
    without(cache, *STAGES["clean"])
    path = sorted((cache / "archive").rglob("*.fits"))[4]
    for damage in (flip, cut, remove):
        sound = path.read_bytes()
        damage(path, np.random.default_rng(0))
        before = content(cache / "archive")
        came = run("clean", cache)
        assert came.code == 1
        assert came.said.startswith("preflare: The files of ")
        assert came.said.count("\n") == 1
        assert str(path) in came.said
        assert "preflare fetch --force" in came.said
        assert content(cache / "archive") == before
        path.write_bytes(sound)
        survived("damaged files of the mission")
    assert run("clean", cache).code == 0
