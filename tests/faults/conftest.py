"""A count of the faults that were survived, and a small study to disturb."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import FAULTS
from tests.faults.disturbing import STAGES, Runner, unfinished
from tests.faults.small import fill


@pytest.fixture
def survived(record_property: Callable[[str, object], None]) -> Callable[[str, int], None]:
    """Give a function that counts faults of a kind, which the summary of a run tells."""

    def count(kind: str, times: int = 1) -> None:
        record_property(f"{FAULTS}{kind}", times)

    return count


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """Give what runs the stages of a small study."""
    runner = Runner(tmp_path_factory.mktemp("run"))
    yield runner
    runner.close()


@pytest.fixture(scope="session")
def undisturbed(run: Runner, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a cache in which every stage of a small study was left to itself."""
    cache = tmp_path_factory.mktemp("undisturbed") / "cache"
    fill(cache / "archive")
    for stage in STAGES:
        outcome = run(stage, cache)
        assert (outcome.code, outcome.said) == (0, "")
        run.alone[stage] = outcome
    assert unfinished(cache) == []
    return cache


@pytest.fixture
def cache(undisturbed: Path, tmp_path: Path) -> Path:
    """Give a copy of it."""
    return Path(shutil.copytree(undisturbed, tmp_path / "cache"))
