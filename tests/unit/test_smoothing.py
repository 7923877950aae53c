"""Smoothing against its definition, and the published scaling against what it promises."""

import numpy as np
import pytest

from preflare.errors import ExplanationError, NetworkError
from preflare.explain.smoothing import published_scaling, smoothed


def test_a_cubic_is_left_alone_and_a_spike_is_spread():
    x = np.linspace(-1, 1, 240)
    cubic = np.stack([x**3 - x, 2 * x**2 + 1])
    np.testing.assert_allclose(smoothed(cubic), cubic, atol=1e-12)
    spike = np.zeros((1, 240))
    spike[0, 100] = 1
    window = np.arange(-20, 21)
    powers = np.vander(window, 4, increasing=True)
    expected = np.linalg.pinv(powers)[0]
    np.testing.assert_allclose(smoothed(spike)[0, 80:121], expected[::-1], atol=1e-12)


def test_published_scaling_starts_at_zero_and_sums_to_the_logit():
    attributions = np.random.default_rng(0).normal(size=(5, 240))
    logits = np.array([2.0, 0.3, -1.0, 0.0, 5.0])
    scaled = published_scaling(attributions, logits)
    np.testing.assert_allclose(scaled.sum(axis=1), logits, atol=1e-12)
    assert np.abs(scaled).min(axis=1).max() == 0
    assert (scaled[[0, 1, 4]] >= 0).all()
    assert (scaled[2] <= 0).all()
    smooth = smoothed(attributions)
    assert scaled[2].argmax() == smooth[2].argmin(), "a negative logit turns the map upside down"


def test_flat_attributions_have_no_shape():
    assert not published_scaling(np.full((1, 240), 0.3), [5.0]).any()
    assert not published_scaling(np.zeros((1, 240)), [5.0]).any()


@pytest.mark.parametrize(("window", "order"), [(3, 3), (241, 3), (40, 3)])
def test_filters_that_cannot_be_are_refused(window, order):
    with pytest.raises(ExplanationError, match="no Savitzky-Golay filter"):
        smoothed(np.zeros((1, 240)), window, order)


def test_bad_input_is_refused():
    with pytest.raises(ExplanationError, match=r"window is 41\.5"):
        smoothed(np.zeros((1, 240)), 41.5)
    with pytest.raises(ExplanationError, match="order is -1"):
        smoothed(np.zeros((1, 240)), 41, -1)
    with pytest.raises(NetworkError, match="attributions of shape"):
        smoothed(np.zeros((1, 239)))
    with pytest.raises(NetworkError, match="attributions hold nan"):
        smoothed(np.full((1, 240), np.nan))
    with pytest.raises(ExplanationError, match="one finite logit"):
        published_scaling(np.zeros((2, 240)), [1.0])
    with pytest.raises(ExplanationError, match="one finite logit"):
        published_scaling(np.zeros((1, 240)), [np.nan])
