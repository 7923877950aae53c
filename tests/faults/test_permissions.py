"""What may not be read or written is one sentence, or made again."""

import stat

import pytest

from tests.faults.disturbing import STAGES, content, unfinished, without


@pytest.fixture
def own(cache):
    """Give a cache that may be used again in the end."""
    yield cache
    for path in (cache, *cache.rglob("*")):
        path.chmod(path.stat().st_mode | stat.S_IRWXU)


@pytest.mark.parametrize(
    ("stage", "pattern"),
    [
        ("clean", "cubes-*/*.zarr"),
        pytest.param("train", "spectra-*.npz", marks=pytest.mark.thorough),
        pytest.param("explain", "scores-*/*.zarr", marks=pytest.mark.thorough),
        pytest.param("simulate", "twin-*/*_??????????", marks=pytest.mark.thorough),
    ],
)
def test_a_product_that_cannot_be_read_is_named_and_made_again(stage, pattern, own, run, survived):
    cache = own
    expected = content(cache)
    product = sorted(cache.glob(pattern))[0]
    some = [path for path in product.rglob("*") if path.is_file()] or [product]
    for path in (some[-1], product.with_name(f"{product.name}.sha256")):
        path.chmod(0)
        came = run(stage, cache, humble=True)
        assert came.code == 0, came.said
        assert came.said.startswith(f"{product} is damaged (")
        assert "cannot be read (permission denied)): it is made again.\n" in came.said
        assert came.said.count("\n") == 1
        assert content(cache) == expected
        assert unfinished(cache) == []
        survived(f"files that may not be read in {stage}")


def test_a_folder_that_cannot_be_written_is_one_sentence(own, run, survived):
    cache = own
    for stage in ("clean", "train", "explain", "simulate"):
        without(cache, *STAGES[stage])
        cache.chmod(0o555)
        came = run(stage, cache, humble=True)
        cache.chmod(0o755)
        assert came.code == 1, came.said
        assert came.said.startswith("preflare: "), came.said
        assert came.said.count("\n") == 1
        assert "(permission denied)" in came.said
        survived(f"folders that may not be written in {stage}")


def test_what_is_damaged_and_cannot_be_removed_is_one_sentence(own, run, survived):
    cache = own
    (product,) = cache.glob("spectra-*.npz")
    product.write_bytes(product.read_bytes()[:-1])
    cache.chmod(0o555)
    came = run("train", cache, humble=True)
    assert came.code == 1, came.said
    assert came.said.splitlines()[-1].startswith(f"preflare: {product} is damaged (")
    assert "cannot be removed (permission denied): choose another cache folder." in came.said
    survived("damaged products that may not be removed")


def test_a_cache_that_may_only_be_read_is_used_as_it_is(own, run, survived):
    cache = own
    folders = [cache, *(path for path in cache.rglob("*") if path.is_dir())]
    for path in folders:
        path.chmod(0o555)
    for stage in STAGES:
        came = run(stage, cache, humble=True)
        assert (came.code, came.said) == (0, "")
    survived("caches that may only be read")
