"""Products are made once, whoever asks at the same time."""

import time
from concurrent.futures import ThreadPoolExecutor

from preflare.products import kept


def test_what_many_ask_for_at_once_is_made_once(tmp_path):
    made = []

    def make(place):
        made.append(place)
        time.sleep(0.05)
        place.write_text("all of it")

    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda _: kept(tmp_path / "product", make), range(16)))
    assert len(made) == 1
    assert {path.read_text() for path in paths} == {"all of it"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["product", "product.sha256"]
