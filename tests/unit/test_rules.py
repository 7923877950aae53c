"""Each rule finds exactly its defect, and normalising forgets the scale: for any plain profile."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import preflare as pf
from benchmarks.reference import clean_one
from preflare.cleaning import _clean_block
from preflare.rules import PAPER_RULES, Limits, Rule
from preflare.spectrum import Sampling
from tests.conftest import WAVELENGTH

SAMPLING = Sampling.between(WAVELENGTH, pf.grid())
GRID_PIXEL = np.interp(pf.grid(), WAVELENGTH, np.arange(WAVELENGTH.size))
"""Where each grid point lies among the detector's pixels."""


@st.composite
def plain_profiles(draw: st.DrawFn) -> NDArray[np.float32]:
    """Draw Mg II profiles in DN that have no defect: shifted, reversed, of any usual height."""
    height = draw(st.floats(600, 4000))
    ratio = draw(st.floats(0.9, 1.8))
    shift = draw(st.floats(-0.15, 0.15))
    width = draw(st.floats(0.12, 0.3))
    reversal = draw(st.floats(0, 0.6))
    continuum = draw(st.floats(0.01, 0.2)) * height
    slope = draw(st.floats(0.01, 0.03))
    profile = continuum * (1 + slope * (WAVELENGTH - 2800))
    for line, top in (("k", height), ("h", height / ratio)):
        offset = WAVELENGTH - pf.LINES[line] - shift
        emission = np.exp(-0.5 * (offset / width) ** 2)
        profile += top * emission * (1 - reversal * np.exp(-0.5 * (offset / 0.06) ** 2))
    return profile.astype(np.float32)


def clean(profile: NDArray[np.float32], exposure: float = 8.0, **settings: object):
    pixels = profile[None, SAMPLING.window].astype(np.float32)
    chosen = {"reject": PAPER_RULES, "limits": Limits()} | settings
    result = _clean_block(pixels, np.array([exposure]), sampling=SAMPLING, **chosen)
    return tuple(array[0] for array in result)


def flags_of(profile: NDArray[np.float32], exposure: float = 8.0) -> Rule:
    return Rule(int(clean(profile, exposure)[2]))


def pixel_at(wavelength: float) -> int:
    return int(np.argmin(np.abs(WAVELENGTH - wavelength)))


def missing(profile, rng):
    profile[pixel_at(rng.uniform(2797.2, 2798.5))] = rng.choice([-200, -32768, np.nan])


def overexposed(profile, rng):
    # On both cores, as the detector's ceiling would, so that they stay in proportion.
    for point in (45, 194):
        centre = int(GRID_PIXEL[point])
        profile[centre - 13 : centre + 14] = profile.max()


def low_signal(profile, rng):
    profile *= 79 / profile.max() * rng.uniform(0.1, 0.95)


def cosmic_ray(profile, rng):
    # Away from the cores and from the continuum points of the limb rule.
    place = pixel_at(rng.choice([2794.6, 2797.5, 2798.3, 2801.5, 2804.9]))
    profile[place - 2 : place + 3] = 1.5 * profile.max()


def line_ratio(profile, rng):
    weak = rng.choice(["k", "h"])
    profile[np.abs(WAVELENGTH - pf.LINES[weak]) < 1.2] *= 0.2


def limb(profile, rng):
    profile += np.float32(rng.uniform(0.75, 1.5) * profile.max())


def saturated(profile, rng):
    # Where it is not the profile's only bright pixel: the whole profile is bright.
    profile *= 15_990 / profile.max()
    profile[profile.argmax()] = rng.uniform(16_000, 16_300)


DEFECTS: dict[Rule, Callable[..., None]] = {
    Rule.MISSING: missing,
    Rule.OVEREXPOSED: overexposed,
    Rule.LOW_SIGNAL: low_signal,
    Rule.COSMIC_RAY: cosmic_ray,
    Rule.LINE_RATIO: line_ratio,
    Rule.LIMB: limb,
    Rule.SATURATED: saturated,
}


@given(plain_profiles())
def test_plain_profiles_have_no_fault(profile):
    assert flags_of(profile) == Rule(0)


@pytest.mark.parametrize("rule", DEFECTS, ids=lambda rule: rule.name.lower())
@given(profile=plain_profiles(), seed=st.integers(0, 2**32 - 1))
def test_each_rule_finds_exactly_its_defect(rule, profile, seed):
    DEFECTS[rule](profile, np.random.default_rng(seed))
    assert flags_of(profile) == rule


@given(profile=plain_profiles(), factor=st.floats(0.5, 3), exposure=st.floats(0.5, 8))
def test_normalised_profile_forgets_scale_and_exposure(profile, factor, exposure):
    scaled = profile * np.float32(factor)
    original, peak, _ = clean(profile)
    rescaled, other_peak, _ = clean(scaled, exposure)
    np.testing.assert_allclose(rescaled, original, rtol=2e-6)
    np.testing.assert_allclose(other_peak * exposure, peak * 8.0 * factor, rtol=2e-6)


@given(profile=plain_profiles(), exponent=st.integers(-1, 2))
def test_scaling_by_a_power_of_two_changes_no_bit(profile, exponent):
    original, _, _ = clean(profile)
    rescaled, _, _ = clean(profile * np.float32(2.0**exponent))
    np.testing.assert_array_equal(rescaled, original)


@given(plain_profiles())
def test_normalised_profile_reaches_one_and_nowhere_more(profile):
    assert clean(profile)[0].max() == 1


def nudged(epsilon: float) -> Limits:
    usual = Limits()
    return Limits(
        signal=usual.signal * (1 + epsilon),
        lowest_ratio=usual.lowest_ratio * (1 + epsilon),
        highest_ratio=usual.highest_ratio * (1 + epsilon),
        continuum=usual.continuum * (1 + epsilon),
    )


@settings(max_examples=300)
@given(
    pixels=st.lists(
        st.one_of(
            st.sampled_from([-200.0, -32768.0, np.nan, np.inf, 0.0, -5.0, 500.0, 16_000.0, 15_000]),
            st.floats(-90, 16_383, width=32),
        ),
        min_size=6,
        max_size=40,
    ),
    repeats=st.integers(1, 80),
    exposure=st.sampled_from([8.0, 0.5, 0.0, -1.0, np.nan]),
)
def test_block_agrees_with_the_plain_loop_on_anything(pixels, repeats, exposure):
    spectrum = np.resize(np.repeat(np.float32(pixels), repeats), WAVELENGTH.size)
    with np.errstate(all="ignore"):
        profile, peak, flags = clean(spectrum, exposure)
        expected, expected_peak, expected_flags = clean_one(spectrum, WAVELENGTH, exposure)
        # Four of ten continuum points at the maximum are exactly 0.4 of it: rounding decides.
        other_sides = {int(clean(spectrum, exposure, limits=nudged(e))[2]) for e in (-1e-6, 1e-6)}
    assert expected_flags in {int(flags), *other_sides}
    np.testing.assert_allclose(profile, expected, atol=2e-6)
    if exposure > 0:
        largest = np.abs(spectrum[np.isfinite(spectrum)]).max(initial=1)
        np.testing.assert_allclose(peak, expected_peak, rtol=2e-6, atol=1e-6 * largest / exposure)


def test_a_run_of_nine_is_no_plateau_and_one_of_ten_is():
    from preflare.rules import find_faults

    profile = np.full((240, 240), 0.2, np.float32)
    for start in range(230):
        profile[start, start : start + 10] = 1
    shorter = profile.copy()
    for start in range(230):
        shorter[start, start + 9] = 0.2
    for profiles, expected in ((profile, True), (shorter, False)):
        top = profiles.max(axis=-1)
        flags = find_faults(top, top, profiles, top, np.ones_like(top, float), Limits())
        found = (flags[:230] & Rule.OVEREXPOSED) > 0
        assert found.all() == found.any() == expected


def test_bits_fit_the_flag_byte_and_are_distinct():
    assert sum(Rule) == 255
    assert PAPER_RULES == 127


def test_counts_add_up(real_raster):
    cube = pf.clean(real_raster).load()
    counts = pf.count_rules(cube)
    flags = cube.flags.values
    assert "quiet sun" not in counts.index
    for rule in set(Rule) - {Rule.QUIET_SUN}:
        row = counts.loc[rule.name.lower().replace("_", " ")]
        assert row.flagged == sum(bool(flag & rule) for flag in flags.flat)
        assert row.alone == sum(flag == rule for flag in flags.flat)
        assert row.rejects == (rule != Rule.SATURATED)
    assert pf.accepted(cube).sum() == np.isfinite(cube.intensity.values).all(axis=-1).sum()
