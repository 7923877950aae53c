"""What the page of things to explore does under keys, a pointer and without JavaScript."""

import re

import pytest


def told(page, name):
    return page.inner_text(f"#explore-{name}-told")


def test_pointing_at_a_pixel_tells_of_its_spectrum(visit):
    page, troubles = visit("explore")
    before = told(page, "slit")
    assert re.search(
        r"score 0\.\d\d, intensity \d+ DN/s.*speaks (for|against) PF, at 2\d{3}", before
    )
    drawn = page.locator(".explore-map")
    box = drawn.bounding_box()
    drawn.hover(position={"x": 0.7 * box["width"], "y": 0.3 * box["height"]})
    assert told(page, "slit") != before
    assert troubles == []


def test_keys_move_the_cross_and_the_splits(visit):
    page, troubles = visit("explore")
    page.focus("#explore-slit-time")
    before = told(page, "slit")
    page.keyboard.press("ArrowLeft")
    assert told(page, "slit") != before
    page.focus("#explore-folds-split")
    page.keyboard.press("End")
    best = float(re.search(r"Skill (\d\.\d\d)", told(page, "folds"))[1])
    page.keyboard.press("Home")
    worst = float(re.search(r"Skill (\d\.\d\d)", told(page, "folds"))[1])
    assert worst < best
    assert page.locator(".explore-regions .tested").count() == 10
    assert troubles == []


def test_picking_an_observation_compares_its_splits_with_the_others(visit):
    page, _ = visit("explore")
    page.select_option("#explore-folds-only", label="PF 3")
    found = re.search(r"The (\d+) splits that test PF 3 .* the (\d+) others", told(page, "folds"))
    assert found
    assert "PF 3" in page.locator(".explore-regions .tested").all_inner_texts()
    for step in range(int(found[1])):
        page.locator("#explore-folds-split").fill(str(step))
        assert "PF 3" in page.locator(".explore-regions .tested").all_inner_texts()


@pytest.mark.parametrize("what", ["score", "light"])
def test_other_maps_are_drawn(visit, what):
    page, troubles = visit("explore")
    picture = "document.querySelector('.explore-map').toDataURL()"
    before = page.evaluate(picture)
    page.select_option("#explore-slit-what", what)
    assert page.evaluate(picture) != before
    assert troubles == []
