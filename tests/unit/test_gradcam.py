"""Grad-CAM against captum, by hand, and its two variants."""

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam

import preflare as pf
from preflare.errors import ExplanationError, NetworkError
from preflare.explain.gradcam import EQUATIONS, PUBLISHED, Variant, coarse_maps, placed
from preflare.spectrum import POINTS
from preflare.swarm import Swarm


def made_up(count, seed=0):
    spectra = np.random.default_rng(seed).random((count, POINTS), np.float32)
    return spectra / spectra.max(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def swarm():
    """Two fresh networks and one that is dead."""
    torch.manual_seed(0)
    dead = pf.ConvNet()
    torch.nn.init.constant_(dead.classifier[2].bias, -50.0)
    return pf.Swarm.from_modules([pf.ConvNet(), pf.ConvNet(), dead])


def by_captum(swarm, spectra, target):
    light = torch.from_numpy(spectra)
    maps = [
        LayerGradCam(module, module.features).attribute(light, target, relu_attributions=True)
        for module in swarm.modules()
    ]
    return torch.stack(maps)[:, :, 0].detach().numpy()


@pytest.mark.parametrize(("target", "number"), [("AR", 0), ("PF", 1)])
def test_coarse_maps_equal_captum_s(swarm, target, number):
    spectra = made_up(150)
    found = coarse_maps(swarm, spectra, target=target)
    np.testing.assert_allclose(found, by_captum(swarm, spectra, number), atol=1e-6)
    assert not found[2].any(), "a dead network attributes nothing"
    assert found[:2].any(axis=(1, 2)).all()


def test_the_class_that_a_member_decides_for(swarm):
    spectra = made_up(80)
    called = swarm.predict(spectra) > 0.5
    classes = [coarse_maps(swarm, spectra, target=target) for target in ("AR", "PF")]
    expected = np.where(called[:, :, None], classes[1], classes[0])
    np.testing.assert_allclose(coarse_maps(swarm, spectra, target="argmax"), expected, atol=1e-7)


@pytest.mark.parametrize("variant", [EQUATIONS, PUBLISHED, Variant("maps", "centres", "AR")])
def test_loops_equal_autograd(swarm, variant):
    spectra = made_up(90)
    loops, torched = (
        pf.grad_cam(swarm, spectra, variant=variant, backend=backend)
        for backend in ("compiled", "torch")
    )
    np.testing.assert_allclose(loops, torched, atol=1e-4 if variant.divided else 1e-6)


def test_equal_units_in_a_pool_are_parted_as_torch_does(swarm):
    # A flat spectrum makes all units of a map equal.
    spectra = np.ones((3, POINTS), np.float32)
    variant = Variant("maps", "centres", "PF")
    first, second = (
        pf.grad_cam(swarm, spectra, variant=variant, backend=backend)
        for backend in ("compiled", "torch")
    )
    np.testing.assert_allclose(first, second, atol=1e-6)


def test_the_published_variant_by_hand(swarm):
    spectra = made_up(4)
    maps = []
    for module in swarm.modules():
        features = module.features(torch.from_numpy(spectra)[:, None])
        logits = module.classifier(features)
        (slope,) = torch.autograd.grad(logits.max(dim=1).values.sum(), features)
        coarse = (slope.mean(dim=1) * features.sum(dim=1)).clamp(min=0).detach().numpy()
        highest = coarse.max(axis=1, keepdims=True)
        coarse = coarse / np.where(highest > 0, highest, 1)
        at = np.linspace(0, 239, 22)
        maps.append([np.interp(np.arange(POINTS), at, row) for row in coarse])
    found = pf.grad_cam(swarm, spectra, variant="published")
    np.testing.assert_allclose(found, np.mean(maps, axis=0), atol=1e-4)


def test_units_lie_at_the_centres_of_what_they_see():
    unit = placed(np.eye(22, dtype=np.float32))
    np.testing.assert_array_equal(unit.argmax(axis=1)[1:-1], 23 + 9 * np.arange(1, 21))
    assert (unit[0, :24] == 1).all()
    assert (unit[21, 212:] == 1).all()
    np.testing.assert_allclose(unit.sum(axis=0), 1, atol=1e-6)
    stretched = placed(np.eye(22, dtype=np.float32), "stretched")
    assert stretched[0, 0] == stretched[21, 239] == 1
    at = np.round(np.linspace(0, 239, 22))
    np.testing.assert_allclose(stretched.argmax(axis=1), at, atol=1)


def test_a_feature_is_found_where_it_is():
    # One filter that answers to a step up, and a network that wants to see it.
    network = pf.ConvNet()
    for weights in network.parameters():
        torch.nn.init.zeros_(weights)
    with torch.no_grad():
        network.features[0].weight[0, 0, :10] = -0.1
        network.features[0].weight[0, 0, 10:] = 0.1
        network.features[2].weight[0, 0, 4:6] = 0.5
        network.classifier[2].weight[0, :11] = 1.0
        network.classifier[4].weight[1, 0] = 1.0
    for place in (60, 130, 190):
        spectrum = np.zeros((1, POINTS), np.float32)
        spectrum[:, place:] = 1.0
        swarm = pf.Swarm.from_modules([network])
        middle = pf.grad_cam(swarm, spectrum)[0] @ np.arange(POINTS)
        middle /= pf.grad_cam(swarm, spectrum)[0].sum()
        assert abs(middle - place) < 9


def test_same_bits_for_any_number_of_workers_and_any_part(swarm):
    spectra = made_up(2_500)
    whole = pf.grad_cam(swarm, spectra, workers=1)
    np.testing.assert_array_equal(pf.grad_cam(swarm, spectra, workers=3), whole)
    np.testing.assert_allclose(pf.grad_cam(swarm, spectra[7:90]), whole[7:90], atol=1e-8)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"swarm": Swarm(np.zeros((0, 363), np.float32))}, ExplanationError, "no members"),
        ({"swarm": Swarm(np.full((2, 363), np.nan, np.float32))}, ExplanationError, "diverged"),
        ({"spectra": np.zeros((2, 239))}, NetworkError, "spectra of shape"),
        ({"spectra": np.full((2, POINTS), np.nan)}, NetworkError, "nan"),
        ({"variant": "better"}, ExplanationError, "no variant of Grad-CAM 'better'"),
        ({"target": "QS"}, ExplanationError, "no class to explain 'QS'"),
        ({"variant": None}, ExplanationError, "no variant of Grad-CAM None"),
        ({"workers": -1}, ExplanationError, "number of workers is -1"),
        ({"swarm": pf.ConvNet()}, ExplanationError, "not a ConvNet"),
        ({"backend": "jax"}, NetworkError, "no backend"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(change, error, message):
    asked = {"swarm": Swarm(np.zeros((1, 363), np.float32)), "spectra": made_up(2)} | change
    with pytest.raises(error, match=message) as caught:
        pf.grad_cam(asked.pop("swarm"), asked.pop("spectra"), **asked)
    assert str(caught.value).count(". ") == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"averaged": "lines"}, "'lines'"),
        ({"placed": "edges"}, "'edges'"),
        ({"target": "QS"}, "QS"),
    ],
)
def test_variants_that_cannot_be_are_refused(change, message):
    with pytest.raises(ExplanationError, match=message):
        Variant(**change)
