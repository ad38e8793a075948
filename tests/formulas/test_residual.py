"""The closed forms of residual blocks against the real blocks, for any setting."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from lightnets_edu import count
from lightnets_edu.models.resnet import Bottleneck, resnext_bottleneck
from lightnets_edu.models.squeeze_excitation import SqueezeExcitation, squeeze_excite
from lightnets_edu.models.wide_resnet import WideBasicBlock, wide_basic_block

sides = st.integers(1, 13)


def assert_equal_to_count(cost, block, shape):
    table = count(block.eval(), shape)
    for quantity in ("params", "macs", "flops", "activations", "memory_access"):
        assert getattr(cost, quantity) == getattr(table, quantity), quantity
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        block(torch.zeros(shape))
    assert cost.macs == counter.get_total_flops() / 2
    exact = sum(2 * row.macs - row.activations + row.bias_elements for row in table.rows if row.macs)
    assert cost.exact_flops == exact


@settings(max_examples=50)
@given(
    st.integers(1, 12), st.integers(1, 12), st.integers(1, 4), st.integers(1, 4), st.integers(1, 4), st.booleans(),
    st.integers(0, 3), sides, sides,
)  # fmt: skip
def test_bottleneck(in_channels, out_channels, group_width, groups, stride, first, squeeze_channels, height, width):
    block = Bottleneck(in_channels, groups * group_width, out_channels, stride, groups, "1x1" if first else "3x3")
    if squeeze_channels:
        block = torch.nn.Sequential(block, SqueezeExcitation(out_channels, squeeze_channels))
    cost = resnext_bottleneck(
        in_channels=in_channels,
        out_channels=out_channels,
        group_width=group_width,
        groups=groups,
        stride=stride,
        stride_in_first=first,
        squeeze_channels=squeeze_channels,
        in_height=height,
        in_width=width,
    )
    assert_equal_to_count(cost, block, (1, in_channels, height, width))


@settings(max_examples=30)
@given(st.integers(1, 8), st.integers(1, 8), st.integers(1, 4), sides, sides)
def test_wide_basic_block(in_channels, out_channels, stride, height, width):
    cost = wide_basic_block(
        in_channels=in_channels, out_channels=out_channels, stride=stride, in_height=height, in_width=width
    )
    block = WideBasicBlock(in_channels, out_channels, stride, dropout=0.3)
    assert_equal_to_count(cost, block, (1, in_channels, height, width))


@settings(max_examples=30)
@given(st.integers(1, 40), st.integers(1, 12), sides, sides)
def test_squeeze_excite(channels, squeeze_channels, height, width):
    cost = squeeze_excite(channels=channels, squeeze_channels=squeeze_channels)
    assert_equal_to_count(cost, SqueezeExcitation(channels, squeeze_channels), (1, channels, height, width))


def test_squeeze_excitation_of_a_whole_se_resnet():
    # Hu et al., section 3.3, equation 5 without biases: 2 / r times the sum over stages of N C^2; the book's figure
    # of 2,530,992 has the biases too.
    stages = {256: 3, 512: 4, 1024: 6, 2048: 3}
    costs = {c: squeeze_excite(channels=c, squeeze_channels=c // 16) for c in stages}
    biases = sum(n * (c + c // 16) for c, n in stages.items())
    assert sum(n * costs[c].macs for c, n in stages.items()) == sum(2 * n * c * c // 16 for c, n in stages.items())
    assert sum(n * costs[c].params for c, n in stages.items()) == 2_530_992
    assert 2_530_992 - biases == sum(2 * n * c * c // 16 for c, n in stages.items())


@pytest.mark.parametrize("formula", [resnext_bottleneck, wide_basic_block, squeeze_excite])
def test_every_face_exists(formula):
    for quantity in formula:
        assert quantity.latex
        assert quantity.tree is not None


def test_wrong_settings_are_refused():
    good = {"in_channels": 8, "out_channels": 8, "group_width": 2, "in_height": 4, "in_width": 4}
    with pytest.raises(ValueError, match="stride_in_first should be True or False instead of 2"):
        resnext_bottleneck(**good, stride_in_first=2)
    with pytest.raises(ValueError, match="groups should be at least 1 instead of 0"):
        resnext_bottleneck(**good, groups=0)
    with pytest.raises(ValueError, match=r"stride should be a whole number instead of 1\.5"):
        resnext_bottleneck(**good, stride=1.5)
