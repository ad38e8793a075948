"""The closed forms of fire modules, shuffle units and inverted residuals against the real blocks, for any setting."""

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from lightnets_edu import count
from lightnets_edu.models import shufflenet_v1, shufflenet_v2
from lightnets_edu.models.mnasnet import InvertedResidual, inverted_residual
from lightnets_edu.models.shufflenet_v1 import shuffle_unit_v1
from lightnets_edu.models.shufflenet_v2 import shuffle_unit_v2
from lightnets_edu.models.squeezenet import BYPASSES, Fire, fire_module

few = st.integers(1, 9)
sides = st.integers(1, 15)
strides = st.integers(1, 2)


def assert_equal_to_count(formula, block, **values):
    """All of a formula's numbers, against our count and, for the MACs, torch's counter and arithmetic on the rows."""
    cost = formula(**values)
    shape = (1, values["in_channels"], values["in_height"], values["in_width"])
    table = count(block.eval(), shape)
    for quantity in ("params", "macs", "flops", "activations", "memory_access"):
        assert getattr(cost, quantity) == getattr(table, quantity), quantity
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        block(torch.zeros(shape))
    assert cost.macs == counter.get_total_flops() / 2
    assert cost.params == sum(parameter.numel() for parameter in block.parameters())
    # A sum of n products takes n multiplications and n - 1 additions, and one addition more for a bias.
    assert cost.exact_flops == sum(2 * row.macs - row.activations + row.bias_elements for row in table.rows if row.macs)


@settings(max_examples=40)
@given(few, few, few, few, st.sampled_from(BYPASSES), sides, sides)
def test_fire_module(in_channels, squeeze, expand1x1, expand3x3, bypass, height, width):
    in_channels = expand1x1 + expand3x3 if bypass == "simple" else in_channels
    block = Fire(in_channels, squeeze, expand1x1, expand3x3, bypass)
    assert_equal_to_count(
        fire_module, block, in_channels=in_channels, squeeze_channels=squeeze, expand1x1_channels=expand1x1,
        expand3x3_channels=expand3x3, bypass=BYPASSES.index(bypass), in_height=height, in_width=width,
    )  # fmt: skip


@settings(max_examples=50)
@given(st.integers(1, 4), few, few, strides, st.booleans(), st.sampled_from(("paper", "megvii", "none")), sides, sides)
def test_shuffle_unit_v1(groups, ins, outs, stride, ungrouped_first, shuffle, height, width):
    outs = ins if stride == 1 else outs + ins
    channels = {"in_channels": groups * ins, "out_channels": groups * outs}
    first_groups = 1 if ungrouped_first else groups
    block = shufflenet_v1.ShuffleUnit(
        **channels, groups=groups, stride=stride, first_groups=first_groups, shuffle=shuffle
    )
    bottleneck = block.branch_main_2[0].in_channels
    assert bottleneck % groups == 0 and abs(bottleneck - groups * outs / 4) < groups
    assert_equal_to_count(
        shuffle_unit_v1, block, **channels, bottleneck_channels=bottleneck, groups=groups, first_groups=first_groups,
        stride=stride, in_height=height, in_width=width,
    )  # fmt: skip
    if not ungrouped_first:
        left_out = shuffle_unit_v1(
            **channels, bottleneck_channels=bottleneck, groups=groups, stride=stride, in_height=height, in_width=width
        )
        assert left_out.params == sum(parameter.numel() for parameter in block.parameters())


@settings(max_examples=50)
@given(st.integers(1, 20), few, strides, st.sampled_from(("torchvision", "megvii")), sides, sides)
def test_shuffle_unit_v2(ins, half, stride, variant, height, width):
    outs = 2 * half
    ins = outs if stride == 1 else ins
    assume(stride == 1 or variant == "torchvision" or outs > ins)
    block = shufflenet_v2.ShuffleUnit(ins, outs, stride, variant)
    assert_equal_to_count(
        shuffle_unit_v2, block, in_channels=ins, out_channels=outs, stride=stride, megvii=variant == "megvii",
        in_height=height, in_width=width,
    )  # fmt: skip


@settings(max_examples=50)
@given(few, few, st.sampled_from((1, 3, 5, 7)), strides, st.integers(1, 4), st.integers(0, 3), sides, sides)
def test_inverted_residual(ins, outs, kernel_size, stride, expand_ratio, squeeze_channels, height, width):
    values = {
        "in_channels": ins, "out_channels": outs, "kernel_size": kernel_size, "stride": stride,
        "expand_ratio": expand_ratio, "squeeze_channels": squeeze_channels,
    }  # fmt: skip
    block = InvertedResidual(**values)
    assert_equal_to_count(inverted_residual, block, **values, in_height=height, in_width=width)


MAP = {"in_height": 7, "in_width": 7}
FIRE = {"in_channels": 8, "squeeze_channels": 2, "expand1x1_channels": 4, "expand3x3_channels": 8}
V1 = {"in_channels": 24, "out_channels": 240, "bottleneck_channels": 60, "stride": 2}
V2 = {"in_channels": 24, "out_channels": 116, "stride": 2}
INVERTED = {"in_channels": 8, "out_channels": 8, "kernel_size": 3}


@pytest.mark.parametrize(
    ("formula", "values", "sentence"),
    [
        (fire_module, FIRE | {"bypass": 1}, "in_channels=8 should be the number of output channels, 4 .* 8"),
        (fire_module, FIRE | {"bypass": 3}, "bypass should be 0 .* instead of 3"),
        (shuffle_unit_v1, V1 | {"stride": 3}, "stride should be 1 or 2 instead of 3"),
        (shuffle_unit_v1, V1 | {"stride": 1}, "in_channels=24 and out_channels=240 should be equal for stride 1"),
        (shuffle_unit_v1, V1 | {"out_channels": 24}, "out_channels=24 should be more than in_channels=24"),
        (shuffle_unit_v1, V1 | {"bottleneck_channels": 50, "groups": 3}, "bottleneck_channels=50: .* try 1, 2, 5, 10"),
        (shuffle_unit_v1, V1 | {"groups": 3, "in_channels": 25}, "first_groups=3 does not divide in_channels=25"),
        (shuffle_unit_v1, V1 | {"groups": 3, "in_channels": 25, "first_groups": 1}, "stride 2 less in_channels=25"),
        (shuffle_unit_v2, V2 | {"stride": 3}, "stride should be 1 or 2 instead of 3"),
        (shuffle_unit_v2, V2 | {"stride": 1}, "in_channels=24 and out_channels=116 should be equal for stride 1"),
        (shuffle_unit_v2, V2 | {"out_channels": 25}, "out_channels=25 is odd"),
        (shuffle_unit_v2, V2 | {"out_channels": 24, "megvii": True}, "should be more than in_channels=24"),
        (shuffle_unit_v2, V2 | {"megvii": 2}, "megvii should be True or False instead of 2"),
        (inverted_residual, INVERTED | {"kernel_size": 4}, "kernel_size=4 is even"),
        (inverted_residual, INVERTED | {"stride": 3}, "stride should be 1 or 2 instead of 3"),
    ],
)
def test_wrong_settings(formula, values, sentence):
    with pytest.raises(ValueError, match=sentence):
        formula(**values, **MAP)
