"""Closed form = count on the real module = torch's own counter / 2; parameters = numel. For random valid settings."""

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from lightnets_edu import count
from lightnets_edu.formulas import (
    batch_norm2d,
    conv2d,
    conv_output_size,
    depthwise_conv2d,
    depthwise_separable_conv2d,
    linear,
    make_divisible,
    pointwise_conv2d,
)


def torch_macs(module: nn.Module, *shape: int) -> int:
    with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
        module.to("meta")(torch.empty(shape))
    flops = counter.get_total_flops()
    assert flops % 2 == 0
    return flops // 2


def assert_same(cost, module: nn.Module, *shape: int) -> None:
    table = count(module, shape)
    assert cost.params == table.params == sum(p.numel() for p in module.parameters())
    assert cost.macs == table.macs == torch_macs(module, *shape)
    assert cost.activations == table.activations
    assert cost.memory_access == table.memory_access


small = st.integers(1, 6)
windows = st.fixed_dictionaries(
    {"kernel_size": st.integers(1, 5), "stride": st.integers(1, 4), "padding": st.integers(0, 3), "dilation": small}
)


@given(small, small, small, windows, st.integers(1, 30), st.integers(1, 30), st.booleans())
def test_conv2d(groups, ins, outs, window, height, width, bias):
    kernel = window["kernel_size"]
    assume(min(height, width) + 2 * window["padding"] > window["dilation"] * (kernel - 1))
    module = nn.Conv2d(groups * ins, groups * outs, **window, groups=groups, bias=bias)
    out_height, out_width = (conv_output_size(in_size=n, **window) for n in (height, width))
    assert module(torch.zeros(1, groups * ins, height, width)).shape[2:] == (out_height, out_width)
    maps = {"out_height": out_height, "out_width": out_width, "in_height": height, "in_width": width}
    channels = {"in_channels": groups * ins, "out_channels": groups * outs}
    cost = conv2d(**channels, kernel_size=kernel, groups=groups, bias=bias, **maps)
    assert_same(cost, module, 1, groups * ins, height, width)
    # Counted one by one: a sum of n products takes n multiplications and n - 1 additions, and one more for a bias.
    products = ins * kernel**2
    assert cost.exact_flops == groups * outs * out_height * out_width * (products + products - 1 + bias)
    if kernel == 1:
        assert cost == pointwise_conv2d(**channels, groups=groups, bias=bias, **maps)
    if ins == 1:
        assert cost == depthwise_conv2d(**channels, kernel_size=kernel, bias=bias, **maps)


@given(small, small, st.sampled_from([1, 3, 5]), st.integers(1, 3), st.integers(1, 20), st.booleans())
def test_depthwise_separable(ins, outs, kernel, stride, size, bias):
    depthwise = nn.Conv2d(ins, ins, kernel, stride, kernel // 2, groups=ins, bias=bias)
    module = nn.Sequential(depthwise, nn.Conv2d(ins, outs, 1, bias=bias))
    side = module(torch.zeros(1, ins, size, size)).shape[-1]
    maps = {"out_height": side, "out_width": side, "in_height": size, "in_width": size}
    cost = depthwise_separable_conv2d(in_channels=ins, out_channels=outs, kernel_size=kernel, bias=bias, **maps)
    assert_same(cost, module, 1, ins, size, size)


@given(ins=st.integers(1, 50), outs=st.integers(1, 50), bias=st.booleans())
def test_linear(ins, outs, bias):
    cost = linear(in_features=ins, out_features=outs, bias=bias)
    table = count(nn.Linear(ins, outs, bias), (1, ins))
    assert (cost.params, cost.macs, cost.memory_access) == (table.params, table.macs, table.memory_access)
    assert cost.activations == table.rows[0].activations
    assert cost.exact_flops == outs * (2 * ins - 1 + bias)


def test_batch_norm_has_parameters_and_no_macs():
    cost = batch_norm2d(num_features=8, out_height=5, out_width=7)
    (row,) = count(nn.BatchNorm2d(8), (1, 8, 5, 7)).rows
    for quantity in ("params", "macs", "activations", "memory_access"):
        assert getattr(cost, quantity) == getattr(row, quantity), quantity
    assert cost.exact_flops == 2 * 8 * 5 * 7


def test_the_worked_example_of_chapter_one():
    """227 x 227 x 3 -> 55 x 55 x 6 with 11 x 11 kernels (AlexNet's first layer with 6 maps), in both conventions."""
    settings = {"in_channels": 3, "out_channels": 6, "kernel_size": 11, "out_height": 55, "out_width": 55}
    dense, grouped = conv2d(**settings), conv2d(**settings, groups=3)
    assert conv_output_size(in_size=227, kernel_size=11, stride=4) == 55
    assert (dense.params, grouped.params) == (2178, 726)
    assert (dense.macs, dense.flops, dense.exact_flops) == (6_588_450, 13_176_900, 13_158_750)
    assert conv2d(**settings, bias=True).exact_flops == 13_176_900
    assert (grouped.exact_flops, conv2d(**settings, groups=3, bias=True).exact_flops) == (4_374_150, 4_392_300)
    assert dense.macs == 3 * grouped.macs


@given(ins=st.integers(1, 300), outs=st.integers(1, 300), kernel=st.integers(1, 11), size=st.integers(1, 300))
def test_ratio_of_depthwise_separable_to_standard(ins, outs, kernel, size):
    """Howard et al. 2017, section 3.1: 1/N + 1/K^2, without rounding."""
    settings = {"in_channels": ins, "out_channels": outs, "kernel_size": kernel, "out_height": size, "out_width": size}
    separable, standard = depthwise_separable_conv2d(**settings), conv2d(**settings)
    assert separable.macs * outs * kernel**2 == standard.macs * (kernel**2 + outs)


@pytest.mark.parametrize("divisor", [4, 8])
def test_make_divisible_is_the_usual_one(divisor):
    """The function of Google's MobileNet code, as torchvision and timm carry it."""
    from timm.layers import make_divisible as timms
    from torchvision.models._utils import _make_divisible as torchvisions

    for percent in range(5, 301, 5):
        for channels in (3, 16, 24, 32, 72, 112, 200, 960, 1280):
            ours = make_divisible(channels=channels, numerator=percent, denominator=100, divisor=divisor)
            assert ours == torchvisions(channels * percent / 100, divisor) == timms(channels * percent / 100, divisor)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"groups": 3},
            "groups=3 does not divide in_channels=64: each group needs the same number of channels; "
            "try 1, 2, 4, 8, 16, 32 or 64",
        ),
        (
            {"groups": 64},
            "groups=64 does not divide out_channels=96: each group needs the same number of channels; "
            "try 1, 2, 3, 4, 6, 8, 12, 16 …",
        ),
        ({"out_height": 0}, "out_height should be at least 1 instead of 0"),
        ({"in_channels": -3}, "in_channels should be at least 1 instead of -3"),
        ({"kernel_size": 2.5}, "kernel_size should be a whole number instead of 2.5"),
        ({"kernel_size": "3"}, "kernel_size should be a whole number instead of '3'"),
        ({"bias": 2}, "bias should be True or False instead of 2"),
    ],
)
def test_bad_settings_are_explained(change, sentence):
    settings = {"in_channels": 64, "out_channels": 96, "kernel_size": 3, "out_height": 8, "out_width": 8} | change
    with pytest.raises(ValueError) as error:
        conv2d(**settings)
    assert str(error.value) == sentence
    with pytest.raises(ValueError):
        conv2d.macs(**settings)


def test_a_kernel_that_does_not_fit_is_refused_as_torch_refuses_it():
    with pytest.raises(ValueError, match=r"kernel_size=7 .* does not fit into in_size=3 with padding=1"):
        conv_output_size(in_size=3, kernel_size=7, padding=1)
    with pytest.raises(RuntimeError):
        nn.Conv2d(1, 1, 7, padding=1)(torch.zeros(1, 1, 3, 3))


def test_missing_and_unknown_settings_are_named():
    with pytest.raises(TypeError, match="conv2d needs out_height"):
        conv2d(in_channels=1, out_channels=1, kernel_size=1)
    with pytest.raises(TypeError, match="no setting 'kernel'; it takes in_channels"):
        conv2d(in_channels=1, out_channels=1, kernel_size=1, kernel=3, out_height=1, out_width=1)


def test_costs_add_up_and_are_frozen():
    one = linear(in_features=2, out_features=3)
    assert (one + one).macs == 12
    assert one.arithmetic_intensity == one.flops / one.memory_access
    with pytest.raises(AttributeError):
        one.macs = 0
