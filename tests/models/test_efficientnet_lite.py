"""EfficientNet-Lite0: TensorFlow's padding, any width, what is read from the paper's and Google's lists."""

import numpy as np
import pytest
import torch
from agreement import assert_layers_equal_count, on_meta
from torch import nn

from lightnets_edu import count
from lightnets_edu.models.efficientnet_lite import NORM_EPS, EfficientNetLite, layers
from lightnets_edu.models.layers import SameConv2d


@pytest.mark.parametrize("width_mult", [0.5, 1.2])
def test_closed_forms_at_any_width(width_mult):
    with torch.device("meta"):
        table = count(EfficientNetLite(width_mult), (1, 3, 65, 65))
    assert_layers_equal_count(layers(width_mult, size=65), table)


def test_stem_and_head_are_not_scaled():
    narrow = on_meta("efficientnet_lite0", width_mult=0.5)
    assert (narrow.conv_stem.out_channels, narrow.conv_head.out_channels) == (32, 1280)
    assert narrow.blocks[0][0].conv_pw.out_channels == 8 and narrow.conv_head.in_channels == 160


def test_every_norm_and_every_nonlinearity_is_googles():
    modules = list(on_meta("efficientnet_lite0", norm_momentum=0.07).modules())
    norms = [module for module in modules if isinstance(module, nn.BatchNorm2d)]
    assert norms and all((norm.momentum, norm.eps) == (0.07, NORM_EPS) for norm in norms)
    assert not [module for module in modules if isinstance(module, nn.ReLU | nn.Sigmoid)]


def windows(row, kernel, stride):
    """TensorFlow's rule for one dimension, written out: which pixels each output sees, with zeros around the row."""
    outputs = -(-len(row) // stride)
    missing = max((outputs - 1) * stride + kernel - len(row), 0)
    padded = np.concatenate([np.zeros(missing // 2), row, np.zeros(missing - missing // 2)])
    return np.stack([padded[i * stride : i * stride + kernel] for i in range(outputs)])


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [2, 3, 5])
@pytest.mark.parametrize("size", [1, 4, 7, 8])
def test_same_padding_is_tensorflows(size, kernel, stride):
    convolution = SameConv2d(1, 1, (kernel, 3), (stride, 2))
    x = torch.randn(1, 1, size, 6)
    across = np.stack([windows(row, 3, 2) for row in x[0, 0].numpy()])  # [H, W / 2, 3]
    both = np.stack([[windows(across[:, j, v], kernel, stride) for v in range(3)] for j in range(across.shape[1])])
    expected = np.einsum("jviu,uv->ij", both, convolution.weight[0, 0].detach().numpy()) + convolution.bias.item()
    np.testing.assert_allclose(convolution(x)[0, 0].detach(), expected, atol=1e-5)


def test_pytorchs_padding_would_be_another_network():
    """On even sizes; on odd ones the two agree."""
    same = SameConv2d(2, 2, 3, 2)
    usual = nn.Conv2d(2, 2, 3, 2, padding=1)
    usual.load_state_dict(same.state_dict())
    even, odd = torch.randn(1, 2, 8, 8), torch.randn(1, 2, 9, 9)
    assert same(even).shape == usual(even).shape and not torch.allclose(same(even), usual(even))
    assert torch.equal(same(odd), usual(odd))
