"""The closed form of every block against the real block, for any setting, and against torch's own counter."""

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from lightnets_edu import count
from lightnets_edu.models import shufflenet_v1
from lightnets_edu.models.g_ghost_regnet import GGhostStage, PaperGGhostStage, g_ghost_stage
from lightnets_edu.models.ghostnet import GhostBottleneck, GhostModule, ghost_bottleneck, ghost_module
from lightnets_edu.models.mnasnet import InvertedResidual, inverted_residual
from lightnets_edu.models.regnet import Bottleneck as RegNetBottleneck
from lightnets_edu.models.regnet import regnet_bottleneck
from lightnets_edu.models.resnet import Bottleneck, resnext_bottleneck
from lightnets_edu.models.shufflenet_v1 import shuffle_unit_v1
from lightnets_edu.models.shufflenet_v2 import BasicUnit, DownsamplingUnit, shuffle_unit_v2
from lightnets_edu.models.squeeze_excitation import SqueezeExcitation, squeeze_excite
from lightnets_edu.models.squeezenet import BYPASSES, Fire, fire_module
from lightnets_edu.models.wide_resnet import WideBasicBlock, wide_basic_block

EXAMPLES = settings(max_examples=50)
few, channels, odd = st.integers(1, 9), st.integers(1, 24), st.sampled_from((1, 3, 5, 7))
sizes = st.fixed_dictionaries({"in_height": st.integers(1, 15), "in_width": st.integers(1, 15)})
strides = st.integers(1, 2)


def assert_equal_to_count(formula, block, shape, **values):
    """All of a formula's numbers, against our count and, for the MACs, torch's counter and arithmetic on the rows."""
    cost, table = formula(**values), count(block.eval(), shape)
    for quantity in ("params", "macs", "flops", "activations", "memory_access"):
        assert getattr(cost, quantity) == getattr(table, quantity), quantity
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        block(torch.zeros(shape))
    assert cost.macs == counter.get_total_flops() / 2
    assert cost.params == sum(parameter.numel() for parameter in block.parameters())
    # A sum of n products takes n multiplications and n - 1 additions, and one addition more for a bias.
    rows = [row for row in table.rows if row.group in ("convolution", "linear")]
    assert cost.exact_flops == sum(2 * row.macs - row.activations + row.bias_elements for row in rows)


def check(formula, block, size, **values):
    """The same for a block whose formula knows the size of its input."""
    shape = (1, values["in_channels"], size["in_height"], size["in_width"])
    assert_equal_to_count(formula, block, shape, **values, **size)


@EXAMPLES
@given(few, few, few, few, st.sampled_from(BYPASSES), sizes)
def test_fire_module_costs_what_the_block_costs(in_channels, squeeze, expand1x1, expand3x3, bypass, size):
    in_channels = expand1x1 + expand3x3 if bypass == "simple" else in_channels
    values = {"in_channels": in_channels, "squeeze_channels": squeeze}
    values |= {"expand1x1_channels": expand1x1, "expand3x3_channels": expand3x3}
    check(fire_module, Fire(**values, bypass=bypass), size, **values, bypass=BYPASSES.index(bypass))


@EXAMPLES
@given(few, few, st.integers(1, 4), st.integers(1, 4), st.integers(1, 4), st.booleans(), st.integers(0, 3), sizes)
def test_resnext_bottleneck_costs_what_the_block_costs(
    in_channels, out_channels, group_width, groups, stride, first, squeeze_channels, size
):
    block = Bottleneck(in_channels, groups * group_width, out_channels, stride, groups, "1x1" if first else "3x3")
    if squeeze_channels:
        block = nn.Sequential(block, SqueezeExcitation(out_channels, squeeze_channels))
    values = {"in_channels": in_channels, "out_channels": out_channels, "group_width": group_width, "groups": groups}
    values |= {"stride": stride, "stride_in_first": first, "squeeze_channels": squeeze_channels}
    check(resnext_bottleneck, block, size, **values)


@EXAMPLES
@given(few, few, st.integers(1, 4), sizes)
def test_wide_basic_block_costs_what_the_block_costs(in_channels, out_channels, stride, size):
    values = {"in_channels": in_channels, "out_channels": out_channels, "stride": stride}
    check(wide_basic_block, WideBasicBlock(**values, dropout=0.3), size, **values)


@EXAMPLES
@given(st.integers(1, 40), st.integers(1, 12), sizes)
def test_squeeze_excite_costs_what_the_block_costs(channels, squeeze_channels, size):
    values = {"channels": channels, "squeeze_channels": squeeze_channels}
    assert_equal_to_count(squeeze_excite, SqueezeExcitation(**values), (1, channels, *size.values()), **values)


@EXAMPLES
@given(st.integers(1, 4), few, few, strides, st.booleans(), st.sampled_from(("paper", "megvii", "none")), sizes)
def test_shuffle_unit_v1_costs_what_the_block_costs(groups, ins, outs, stride, ungrouped_first, shuffle, size):
    outs = ins if stride == 1 else outs + ins
    values = {"in_channels": groups * ins, "out_channels": groups * outs, "groups": groups, "stride": stride}
    first_groups = 1 if ungrouped_first else groups
    block = shufflenet_v1.ShuffleUnit(**values, first_groups=first_groups, shuffle=shuffle)
    bottleneck = block.branch_main_2[0].in_channels
    assert bottleneck % groups == 0 and abs(bottleneck - groups * outs / 4) < groups
    values |= {"bottleneck_channels": bottleneck}
    check(shuffle_unit_v1, block, size, **values, first_groups=first_groups)
    if not ungrouped_first:  # the default
        check(shuffle_unit_v1, block, size, **values)


@EXAMPLES
@given(st.integers(1, 20), few, strides, st.sampled_from(("torchvision", "megvii")), sizes)
def test_shuffle_unit_v2_costs_what_the_block_costs(ins, half, stride, variant, size):
    outs = 2 * half
    ins = outs if stride == 1 else ins
    assume(stride == 1 or variant == "torchvision" or outs > ins)
    block = BasicUnit(outs, variant) if stride == 1 else DownsamplingUnit(ins, outs, variant)
    values = {"in_channels": ins, "out_channels": outs, "stride": stride, "megvii": variant == "megvii"}
    check(shuffle_unit_v2, block, size, **values)


@EXAMPLES
@given(few, few, odd, strides, st.integers(1, 4), st.integers(0, 3), sizes)
def test_inverted_residual_costs_what_the_block_costs(
    ins, outs, kernel_size, stride, expand_ratio, squeeze_channels, size
):
    values = {"in_channels": ins, "out_channels": outs, "kernel_size": kernel_size, "stride": stride}
    values |= {"expand_ratio": expand_ratio, "squeeze_channels": squeeze_channels}
    check(inverted_residual, InvertedResidual(**values), size, **values)


@EXAMPLES
@given(channels, channels, st.integers(2, 5), odd, odd, sizes)
def test_ghost_module_costs_what_the_block_costs(in_channels, out_channels, ratio, d, k, size):
    values = {"in_channels": in_channels, "out_channels": out_channels, "ratio": ratio, "cheap_kernel_size": d}
    values |= {"kernel_size": k}
    check(ghost_module, GhostModule(**values), size, **values)


@EXAMPLES
@given(
    channels,
    channels,
    channels,
    st.booleans(),
    odd,
    st.integers(1, 3),
    st.integers(0, 6),
    st.integers(2, 4),
    odd,
    sizes,
)
def test_ghost_bottleneck_costs_what_the_block_costs(
    in_channels, hidden, out_channels, same, k, stride, squeeze, ratio, d, size
):
    """With a stride or none, with a gate or none, with the identity or a projection."""
    out_channels = in_channels if same else out_channels
    values = {"in_channels": in_channels, "hidden_channels": hidden, "out_channels": out_channels, "kernel_size": k}
    values |= {"stride": stride, "squeeze_channels": squeeze, "ratio": ratio, "cheap_kernel_size": d}
    check(ghost_bottleneck, GhostBottleneck(**values), size, **values)


@EXAMPLES
@given(channels, st.integers(1, 4), st.integers(1, 12), st.integers(1, 3), st.booleans(), sizes)
def test_regnet_bottleneck_costs_what_the_block_costs(in_channels, groups, group_width, stride, same, size):
    out_channels = groups * group_width
    in_channels = out_channels if same else in_channels
    values = {"in_channels": in_channels, "out_channels": out_channels, "group_width": group_width, "stride": stride}
    check(regnet_bottleneck, RegNetBottleneck(**values), size, **values)


@EXAMPLES
@given(st.booleans(), channels, st.integers(2, 5), st.integers(2, 9), st.integers(3, 6), st.integers(1, 3), sizes)
def test_g_ghost_stage_costs_what_the_block_costs(paper, in_channels, groups, group_width, depth, stride, size):
    values = {"in_channels": in_channels, "out_channels": groups * group_width, "depth": depth}
    values |= {"group_width": group_width, "stride": stride}
    stage = PaperGGhostStage if paper else GGhostStage
    check(g_ghost_stage, stage(**values), size, **values, paper=paper)


def test_the_gates_of_a_whole_se_resnet_cost_what_the_paper_says():
    # Hu et al., section 3.3, equation 5 without biases: 2 / r times the sum over stages of N C^2; the book's figure
    # of 2,530,992 has the biases too.
    stages = {256: 3, 512: 4, 1024: 6, 2048: 3}
    costs = {c: squeeze_excite(channels=c, squeeze_channels=c // 16) for c in stages}
    biases = sum(n * (c + c // 16) for c, n in stages.items())
    assert sum(n * costs[c].macs for c, n in stages.items()) == sum(2 * n * c * c // 16 for c, n in stages.items())
    assert sum(n * costs[c].params for c, n in stages.items()) == 2_530_992
    assert 2_530_992 - biases == sum(2 * n * c * c // 16 for c, n in stages.items())


MAP = {"in_height": 7, "in_width": 7}
FIRE = {"in_channels": 8, "squeeze_channels": 2, "expand1x1_channels": 4, "expand3x3_channels": 8}
NARROW = {"in_channels": 8, "out_channels": 8, "group_width": 2}
V1 = {"in_channels": 24, "out_channels": 240, "bottleneck_channels": 60, "stride": 2}
V2 = {"in_channels": 24, "out_channels": 116, "stride": 2}
INVERTED = {"in_channels": 8, "out_channels": 8, "kernel_size": 3}
GHOST = {"in_channels": 16, "out_channels": 24}
REGNET = GHOST | {"group_width": 8}
STAGE = REGNET | {"depth": 4}


@pytest.mark.parametrize(
    ("formula", "good", "change", "sentence"),
    [
        (fire_module, FIRE, {"bypass": 1}, "in_channels=8 should be the number of output channels, 4 .* 8"),
        (fire_module, FIRE, {"bypass": 3}, "bypass should be 0 .* instead of 3"),
        (resnext_bottleneck, NARROW, {"stride_in_first": 2}, "stride_in_first should be True or False instead of 2"),
        (resnext_bottleneck, NARROW, {"groups": 0}, "groups should be at least 1 instead of 0"),
        (resnext_bottleneck, NARROW, {"stride": 1.5}, r"stride should be a whole number instead of 1\.5"),
        (shuffle_unit_v1, V1, {"stride": 3}, "stride should be 1 or 2 instead of 3"),
        (shuffle_unit_v1, V1, {"stride": 1}, "in_channels=24 and out_channels=240 should be equal for stride 1"),
        (shuffle_unit_v1, V1, {"out_channels": 24}, "out_channels=24 should be more than in_channels=24"),
        (shuffle_unit_v1, V1, {"bottleneck_channels": 50, "groups": 3}, "bottleneck_channels=50: .* try 1, 2, 5, 10"),
        (shuffle_unit_v1, V1, {"groups": 3, "in_channels": 25}, "first_groups=3 does not divide in_channels=25"),
        (shuffle_unit_v1, V1, {"groups": 3, "in_channels": 25, "first_groups": 1}, "stride 2 less in_channels=25"),
        (shuffle_unit_v2, V2, {"stride": 3}, "stride should be 1 or 2 instead of 3"),
        (shuffle_unit_v2, V2, {"stride": 1}, "in_channels=24 and out_channels=116 should be equal for stride 1"),
        (shuffle_unit_v2, V2, {"out_channels": 25}, "out_channels=25 is odd"),
        (shuffle_unit_v2, V2, {"out_channels": 24, "megvii": True}, "should be more than in_channels=24"),
        (shuffle_unit_v2, V2, {"megvii": 2}, "megvii should be True or False instead of 2"),
        (inverted_residual, INVERTED, {"kernel_size": 4}, "kernel_size=4 is even"),
        (inverted_residual, INVERTED, {"stride": 3}, "stride should be 1 or 2 instead of 3"),
        (ghost_module, GHOST, {"ratio": 1}, "ratio should be at least 2 instead of 1"),
        (ghost_module, GHOST, {"cheap_kernel_size": 4}, "cheap_kernel_size=4 is even: .* try 1, 3, 5"),
        (ghost_bottleneck, GHOST | {"hidden_channels": 32}, {"kernel_size": 2}, "kernel_size=2 is even"),
        (regnet_bottleneck, REGNET, {"group_width": 7}, "group_width=7 .* out_channels=24: .* try 1, 2, 3, 4, 6"),
        (g_ghost_stage, STAGE, {"group_width": 9}, "group_width=9 does not divide out_channels=24"),
        (g_ghost_stage, STAGE, {"group_width": 24}, "out_channels=24 is too small for group_width=24"),
        (g_ghost_stage, STAGE, {"depth": 2}, "depth should be at least 3 instead of 2"),
        (g_ghost_stage, STAGE, {"paper": 2}, "paper should be True or False instead of 2"),
    ],
)
def test_wrong_settings_are_refused(formula, good, change, sentence):
    formula(**good, **MAP)
    with pytest.raises(ValueError, match=sentence):
        formula(**good | change, **MAP)
