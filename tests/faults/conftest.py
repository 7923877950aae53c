"""A count of the faults that were survived."""

from collections.abc import Callable

import pytest

from tests.conftest import FAULTS


@pytest.fixture
def survived(record_property: Callable[[str, object], None]) -> Callable[[str, int], None]:
    """Give a function that counts faults of a kind, which the summary of a run tells."""

    def count(kind: str, times: int = 1) -> None:
        record_property(f"{FAULTS}{kind}", times)

    return count
