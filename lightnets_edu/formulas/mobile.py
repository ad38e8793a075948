"""The cost of SqueezeNet's, the ShuffleNets' and MNASNet's blocks, composed from the cost of their layers."""

from __future__ import annotations

from typing import Any

import sympy as sp

from lightnets_edu.formulas.blocks import (
    INPUT_MAP,
    NO_SQUEEZE,
    norm_params,
    odd_kernel_check,
    only_if,
    pointwise_norm,
    strided,
)
from lightnets_edu.formulas.checks import Check
from lightnets_edu.formulas.cost import CostFormula, CostTerms, Setting
from lightnets_edu.formulas.layers import (
    GROUPS,
    IN_CHANNELS,
    KERNEL_SIZE,
    OUT_CHANNELS,
    STRIDE,
    c_in,
    c_out,
    conv2d,
    depthwise_conv2d,
    g,
    h_in,
    k,
    pointwise_conv2d,
    s,
    w_in,
)
from lightnets_edu.formulas.residual import squeeze_excite

#: Before a block's stride, maps have the size of its input.
BEFORE = (h_in, w_in)


def _depthwise_norm(channels: Any, kernel_size: Any) -> tuple[CostTerms, tuple[sp.Expr, sp.Expr]]:
    """A strided depthwise convolution with its batch norm, and the size of the maps behind it."""
    height, width = strided(kernel_size, s)
    maps = {"out_height": height, "out_width": width, "in_height": h_in, "in_width": w_in}
    convolution = depthwise_conv2d.terms(in_channels=channels, kernel_size=kernel_size, **maps)
    return convolution + norm_params(channels), (height, width)


STRIDE_IS_1_OR_2 = Check(sp.Le(s, 2), "stride should be 1 or 2 instead of {stride}: the paper has units of no other")
STRIDE_1_KEEPS_CHANNELS = Check(
    sp.Or(sp.Ne(s, 1), sp.Eq(c_in, c_out)),
    "in_channels={in_channels} and out_channels={out_channels} should be equal for stride 1: the unit's input is a "
    "part of its output",
)


# --- SqueezeNet (Iandola et al. 2016) -------------------------------------------------------------------------

SQUEEZE_WIDTH = Setting("squeeze_channels", r"s_{1\times1}", "outputs of the 1x1 convolution that squeezes")
EXPAND1X1 = Setting("expand1x1_channels", r"e_{1\times1}", "outputs of the 1x1 convolution that expands")
EXPAND3X3 = Setting("expand3x3_channels", r"e_{3\times3}", "outputs of the 3x3 convolution that expands")
BYPASS = Setting(
    "bypass", "b", "0: none, 1: simple (the input is added), 2: complex (added behind a 1x1 convolution)", 0, minimum=0
)
squeezed, e1, e3, bypass = (x.symbol for x in (SQUEEZE_WIDTH, EXPAND1X1, EXPAND3X3, BYPASS))


def _fire_module() -> CostTerms:
    biased = {"bias": 1, "out_height": h_in, "out_width": w_in}
    squeeze = pointwise_conv2d.terms(in_channels=c_in, out_channels=squeezed, **biased)
    expand1x1 = pointwise_conv2d.terms(in_channels=squeezed, out_channels=e1, **biased)
    expand3x3 = conv2d.terms(in_channels=squeezed, out_channels=e3, kernel_size=3, **biased)
    complex_bypass = pointwise_conv2d.terms(in_channels=c_in, out_channels=e1 + e3, **biased)
    return squeeze + expand1x1 + expand3x3 + only_if(sp.Eq(bypass, 2), complex_bypass)


fire_module = CostFormula(
    "fire_module",
    (IN_CHANNELS, SQUEEZE_WIDTH, EXPAND1X1, EXPAND3X3, BYPASS, *INPUT_MAP),
    _fire_module(),
    (
        Check(sp.Le(bypass, 2), "bypass should be 0 (none), 1 (simple) or 2 (complex) instead of {bypass}"),
        Check(
            sp.Or(sp.Ne(bypass, 1), sp.Eq(c_in, e1 + e3)),
            "a simple bypass adds input and output, so in_channels={in_channels} should be the number of output "
            "channels, {expand1x1_channels} + {expand3x3_channels}; a complex bypass fits any",
        ),
    ),
    """A fire module: a 1x1 convolution squeezes the channels, a 1x1 and a 3x3 one expand them side by side, all with
    biases and no batch norm (Iandola et al. 2016, SqueezeNet, section 3.2, figure 1; bypasses: section 6, figure 2).
    A bypass of 1 costs nothing here; one of 2 is a 1x1 convolution with a bias.""",
)


# --- ShuffleNetV1 (Zhang et al. 2018) -------------------------------------------------------------------------

BOTTLENECK = Setting(
    "bottleneck_channels", r"C_\text{mid}", "channels of the 3x3 convolution; a quarter of the outputs in the paper"
)
FIRST_GROUPS = Setting(
    "first_groups", "g_1", "groups of the first convolution (default: as the other; 1 in the first unit)", "groups"
)
c_mid, g_1 = BOTTLENECK.symbol, FIRST_GROUPS.symbol
#: What the convolutions of a V1 unit compute: with stride 2 the pooled input is concatenated, so that much less.
COMPUTED_CHANNELS = c_out - (s - 1) * c_in


def _shuffle_unit_v1() -> CostTerms:
    squeeze = pointwise_norm(c_in, c_mid, BEFORE, g_1)
    depthwise, behind = _depthwise_norm(c_mid, sp.Integer(3))
    return squeeze + depthwise + pointwise_norm(c_mid, COMPUTED_CHANNELS, behind, g)


def _divides(groups: str, channels: str, expr: sp.Expr) -> Check:
    """The check that a number of groups divides a number of channels."""
    symbol = FIRST_GROUPS.symbol if groups == "first_groups" else g
    return Check(
        sp.Eq(sp.Mod(expr, symbol), 0),
        f"{groups}={{{groups}}} does not divide {channels}={{{channels}}}: each group needs the same number of "
        f"channels; try {{divisors({channels})}}",
    )


shuffle_unit_v1 = CostFormula(
    "shuffle_unit_v1",
    (IN_CHANNELS, OUT_CHANNELS, BOTTLENECK, GROUPS, FIRST_GROUPS, STRIDE, *INPUT_MAP),
    _shuffle_unit_v1(),
    (
        STRIDE_IS_1_OR_2,
        STRIDE_1_KEEPS_CHANNELS,
        Check(
            sp.Or(sp.Ne(s, 2), sp.Gt(c_out, c_in)),
            "out_channels={out_channels} should be more than in_channels={in_channels} for stride 2: the pooled input "
            "is concatenated to what the convolutions give",
        ),
        _divides("first_groups", "in_channels", c_in),
        _divides("first_groups", "bottleneck_channels", c_mid),
        _divides("groups", "bottleneck_channels", c_mid),
        Check(
            sp.Eq(sp.Mod(COMPUTED_CHANNELS, g), 0),
            "groups={groups} does not divide the channels that the last convolution gives: "
            "out_channels={out_channels}, with stride 2 less in_channels={in_channels}",
        ),
    ),
    """A ShuffleNet unit: a grouped 1x1 convolution, channel shuffle, a 3x3 depthwise one, a grouped 1x1 one, each
    with a batch norm, and a shortcut: the input is added (stride 1) or average-pooled and concatenated (stride 2).
    Shuffle and shortcut cost nothing here (Zhang et al. 2018, ShuffleNet, section 3.2, figure 2 b and c).""",
)


# --- ShuffleNetV2 (Ma et al. 2018) ----------------------------------------------------------------------------

MEGVII = Setting(
    "megvii",
    "v",
    "with stride 2: the shortcut keeps its channels, as in Megvii's code (1), or gives half of the outputs (0)",
    default=0,
    minimum=0,
    flag=True,
)
megvii = MEGVII.symbol


def _shuffle_unit_v2() -> CostTerms:
    # With stride 1 one half of the input goes through the convolutions; with stride 2 all of it, on both ways.
    branch_in = c_in * s / 2
    half = c_out / 2
    shortcut_out = sp.Piecewise((branch_in, sp.Eq(megvii, 1)), (half, True))
    depthwise, behind = _depthwise_norm(half, sp.Integer(3))
    main = pointwise_norm(branch_in, half, BEFORE) + depthwise + pointwise_norm(half, c_out - shortcut_out, behind)
    shortcut_depthwise, _ = _depthwise_norm(c_in, sp.Integer(3))
    return main + only_if(sp.Eq(s, 2), shortcut_depthwise + pointwise_norm(c_in, shortcut_out, behind))


shuffle_unit_v2 = CostFormula(
    "shuffle_unit_v2",
    (IN_CHANNELS, OUT_CHANNELS, STRIDE, MEGVII, *INPUT_MAP),
    _shuffle_unit_v2(),
    (
        STRIDE_IS_1_OR_2,
        STRIDE_1_KEEPS_CHANNELS,
        Check(sp.Le(megvii, 1), "megvii should be True or False instead of {megvii}"),
        Check(
            sp.Eq(sp.Mod(c_out, 2), 0),
            "out_channels={out_channels} is odd: each of the unit's two branches works on half of the channels",
        ),
        Check(
            sp.Or(sp.Ne(s, 2), sp.Eq(megvii, 0), sp.Gt(c_out, c_in)),
            "out_channels={out_channels} should be more than in_channels={in_channels} for stride 2 in Megvii's code: "
            "the shortcut keeps its channels and the other branch gives the rest",
        ),
    ),
    """A ShuffleNetV2 unit: half of the channels pass; the others go through 1x1, 3x3 depthwise and 1x1 convolutions of
    equal width, each with a batch norm. With stride 2 all channels go both ways, the shortcut's through a depthwise
    and a 1x1 convolution (Ma et al. 2018, ShuffleNet V2, section 3, figure 3 c and d).""",
)


# --- MNASNet (Tan et al. 2019), MobileNetV2 (Sandler et al. 2018) ---------------------------------------------

EXPAND_RATIO = Setting("expand_ratio", "t", "channels of the depthwise convolution for each input channel", default=1)
t, r = EXPAND_RATIO.symbol, NO_SQUEEZE.symbol


def _inverted_residual() -> CostTerms:
    hidden = c_in * t
    expand = pointwise_norm(c_in, hidden, BEFORE)
    depthwise, behind = _depthwise_norm(hidden, k)
    gate = squeeze_excite.terms(channels=hidden, squeeze_channels=r)
    project = pointwise_norm(hidden, c_out, behind)
    return only_if(sp.Gt(t, 1), expand) + depthwise + only_if(sp.Gt(r, 0), gate) + project


inverted_residual = CostFormula(
    "inverted_residual",
    (IN_CHANNELS, OUT_CHANNELS, KERNEL_SIZE, STRIDE, EXPAND_RATIO, NO_SQUEEZE, *INPUT_MAP),
    _inverted_residual(),
    (
        STRIDE_IS_1_OR_2,
        odd_kernel_check(KERNEL_SIZE),
    ),
    """An inverted residual: a 1x1 convolution expands (none for expand_ratio 1), a depthwise one filters, squeeze-and-
    excitation (if any) weighs the channels, a 1x1 one projects; a batch norm behind each, no non-linearity at the end
    (Sandler et al. 2018, MobileNetV2, section 3.3; squeeze-and-excitation: Tan et al. 2019, MnasNet, figure 7).""",
)
