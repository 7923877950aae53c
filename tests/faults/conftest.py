"""How many faults to make, and a count of those that were survived."""

from collections.abc import Callable

import pytest

from tests.conftest import FAULTS


@pytest.fixture
def survived(record_property: Callable[[str, object], None]) -> Callable[[str, int], None]:
    """Give a function that counts faults of a kind, which the summary of a run tells."""

    def count(kind: str, times: int = 1) -> None:
        record_property(f"{FAULTS}{kind}", times)

    return count


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Tell whether to make all faults (`make faults`), or as many as two minutes allow."""
    return bool(request.config.getoption("--faults") == "full")
