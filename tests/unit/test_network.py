"""The networks are those of the paper's figures."""

import pytest
import torch

import preflare as pf
from preflare.errors import NetworkError
from preflare.network import DenseNet


def test_layers_have_the_shapes_of_figure_3():
    network, shapes = pf.ConvNet(), []
    for layer in (*network.features, *network.classifier):
        layer.register_forward_hook(lambda _, __, out: shapes.append(tuple(out.shape[1:])))
    network(torch.zeros(1, 240))
    changes = [
        shape for shape, before in zip(shapes, [None, *shapes], strict=False) if shape != before
    ]
    assert changes == [(2, 74), (4, 22), (4, 11), (44,), (5,), (2,)]


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
