"""The networks are those of the paper's figures."""

import pytest
import torch

import preflare as pf
from preflare.errors import NetworkError
from preflare.network import DenseNet, layer_shapes, receptive_field


def test_layers_have_the_shapes_of_figure_3():
    network, shapes = pf.ConvNet(), []
    for layer in (*network.features, *network.classifier):
        layer.register_forward_hook(lambda _, __, out: shapes.append(tuple(out.shape[1:])))
    network(torch.zeros(1, 240))
    changes = [
        shape for shape, before in zip(shapes, [None, *shapes], strict=False) if shape != before
    ]
    assert changes == [(2, 74), (4, 22), (4, 11), (44,), (5,), (2,)]


def test_shapes_are_told():
    shapes = [shape for _, shape in layer_shapes(pf.ConvNet())]
    assert shapes == [(240,), (2, 74), (4, 22), (4, 11), (44,), (5,), (2,)]
    assert layer_shapes(DenseNet((7,))) == [("input", (240,)), ("dense", (7,)), ("dense", (2,))]


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_units_see_what_they_are_said_to_see(depth):
    """Move one point of the input and see which units notice."""
    convolutions = [each for each in pf.ConvNet().features if isinstance(each, torch.nn.Conv1d)]
    layers = torch.nn.Sequential(*convolutions, torch.nn.MaxPool1d(2)).double()[:depth]
    width, stride, centre = receptive_field(layers)
    for unit in (0, 3):
        seen = []
        for _ in range(40):  # a pooling passes only what happens to be the larger one
            at = torch.rand(1, 1, 240, dtype=torch.double, requires_grad=True)
            layers(at)[0, :, unit].sum().backward()
            seen.append(at.grad[0, 0] != 0)
        points = torch.stack(seen).any(dim=0).nonzero().ravel()
        assert points.max() - points.min() + 1 == width
        assert (points.max() + points.min()) / 2 == centre + stride * unit


def test_it_has_363_weights():
    assert sum(weights.numel() for weights in pf.ConvNet().parameters()) == 363


@pytest.mark.parametrize("network", [pf.ConvNet(), DenseNet()], ids=["conv", "dense"])
def test_a_channel_may_be_there_or_not(network):
    spectra = torch.rand(7, 240)
    assert network(spectra).shape == (7, 2)
    torch.testing.assert_close(network(spectra), network(spectra[:, None]))


@pytest.mark.parametrize("shape", [(240,), (3, 239), (3, 2, 240), (2, 3, 1, 240)])
@pytest.mark.parametrize("network", [pf.ConvNet(), DenseNet()], ids=["conv", "dense"])
def test_other_shapes_are_refused(network, shape):
    with pytest.raises(NetworkError, match=r"do not fit the network: give \(n, 240\)"):
        network(torch.zeros(shape))


def test_the_dense_network_has_the_layers_it_is_told():
    sizes = [layer.weight.shape for layer in DenseNet((20, 10)).layers if hasattr(layer, "weight")]
    assert sizes == [(20, 240), (10, 20), (2, 10)]
