"""Weights on disk say whether they are those that were written."""

import numpy as np
import pytest

from preflare.errors import NetworkError
from preflare.weights import read_weights, without_damage, write_weights

TENSORS = {"weights": np.arange(6, dtype=np.float32).reshape(2, 3), "none": np.zeros((0, 2))}
ABOUT = {"settings": {"rate": 0.1, "patience": None}, "names": ["a", "b"]}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "weights.safetensors"
    write_weights(path, TENSORS, ABOUT)
    return path


def test_what_is_written_is_read(path):
    tensors, about = read_weights(path)
    assert about.items() >= ABOUT.items()
    assert tensors.keys() == TENSORS.keys()
    for name, array in TENSORS.items():
        np.testing.assert_array_equal(tensors[name], array)
    assert without_damage(path) == path
    assert path.exists()


def test_a_flipped_bit_is_an_error_or_changes_nothing(path):
    sound, errors = path.read_bytes(), 0
    for place in range(len(sound)):
        damaged = bytearray(sound)
        damaged[place] ^= 1 << (place % 8)
        path.write_bytes(damaged)
        try:
            tensors, about = read_weights(path)
        except NetworkError:
            errors += 1
            continue
        # It was in a space, or in the name of the checksum.
        assert about.items() >= ABOUT.items()
        assert all(np.array_equal(tensors[name], array) for name, array in TENSORS.items())
    assert errors > 0.9 * len(sound)


@pytest.mark.parametrize("length", [0, 7, 100, -1])
def test_a_store_that_was_cut_is_named_and_removed(path, length, caplog):
    path.write_bytes(path.read_bytes()[:length])
    assert without_damage(path) == path
    assert not path.exists()
    (record,) = caplog.records
    assert record.getMessage().startswith(f"{path} is damaged: the training")


def test_a_store_that_is_not_there_is_not_named(tmp_path, caplog):
    assert without_damage(tmp_path / "none") == tmp_path / "none"
    assert caplog.records == []
