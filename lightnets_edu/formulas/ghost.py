"""The cost of GhostNet's, RegNet's and G-Ghost's blocks, composed from the cost of their layers."""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from lightnets_edu.formulas.blocks import (
    INPUT_MAP,
    NO_SQUEEZE,
    norm_params,
    odd_kernel_check,
    only_if,
    pointwise_norm,
    strided,
    times,
)
from lightnets_edu.formulas.checks import Check
from lightnets_edu.formulas.cost import CostFormula, CostTerms, Setting
from lightnets_edu.formulas.layers import (
    IN_CHANNELS,
    OUT_CHANNELS,
    STRIDE,
    c_in,
    c_out,
    conv2d,
    depthwise_conv2d,
    h_in,
    linear,
    pointwise_conv2d,
    s,
    w_in,
)
from lightnets_edu.formulas.residual import squeeze_excite

# GhostNet (Han et al. 2020)

RATIO = Setting("ratio", "s", "one in this many maps comes from the primary convolution", default=2, minimum=2)
CHEAP_KERNEL_SIZE = Setting("cheap_kernel_size", "d", "side of the cheap depthwise kernel, in pixels", default=3)
PRIMARY_KERNEL_SIZE = Setting("kernel_size", "k", "side of the primary convolution's kernel, in pixels", default=1)
DEPTHWISE_KERNEL_SIZE = Setting(
    "kernel_size", "k", "side of the kernel of the strided depthwise convolutions, in pixels", default=3
)
HIDDEN_CHANNELS = Setting("hidden_channels", r"C_\text{mid}", "channels between the two Ghost modules")
# The papers' s is the ratio.
BOTTLENECK_STRIDE = replace(STRIDE, latex=r"\text{stride}")

ratio, d, k = RATIO.symbol, CHEAP_KERNEL_SIZE.symbol, PRIMARY_KERNEL_SIZE.symbol
c_mid, squeezed = HIDDEN_CHANNELS.symbol, NO_SQUEEZE.symbol


def _ghost_module() -> CostTerms:
    intrinsic = sp.ceiling(c_out / ratio)
    # Where ratio does not divide out_channels, the last maps are computed and then dropped: they cost all the same.
    ghosts = intrinsic * (ratio - 1)
    primary = conv2d.terms(in_channels=c_in, out_channels=intrinsic, kernel_size=k, out_height=h_in, out_width=w_in)
    cheap = depthwise_conv2d.terms(
        in_channels=intrinsic, out_channels=ghosts, kernel_size=d, out_height=h_in, out_width=w_in
    )
    return primary + norm_params(intrinsic) + cheap + norm_params(ghosts)


ghost_module = CostFormula(
    "ghost_module",
    (IN_CHANNELS, OUT_CHANNELS, RATIO, CHEAP_KERNEL_SIZE, PRIMARY_KERNEL_SIZE, *INPUT_MAP),
    _ghost_module(),
    (odd_kernel_check(PRIMARY_KERNEL_SIZE), odd_kernel_check(CHEAP_KERNEL_SIZE)),
    """A Ghost module: a convolution makes one map in `ratio`, cheap depthwise kernels make the others from them
    (Han et al. 2020, GhostNet, section 3.1, eq. 2-3), which saves a factor of about `ratio` (eq. 4-5). No bias; two
    batch norms.""",
)


def _ghost_bottleneck() -> CostTerms:
    height, width = strided(k, s)
    cheap = {"ratio": ratio, "cheap_kernel_size": d}
    after_stride = {"out_height": height, "out_width": width, "in_height": h_in, "in_width": w_in, "kernel_size": k}
    expansion = ghost_module.terms(in_channels=c_in, out_channels=c_mid, in_height=h_in, in_width=w_in, **cheap)
    downsampling = depthwise_conv2d.terms(in_channels=c_mid, **after_stride) + norm_params(c_mid)
    projection = ghost_module.terms(in_channels=c_mid, out_channels=c_out, in_height=height, in_width=width, **cheap)
    shortcut = (
        depthwise_conv2d.terms(in_channels=c_in, **after_stride)
        + norm_params(c_in)
        + pointwise_norm(c_in, c_out, (height, width))
    )
    return (
        expansion
        + only_if(sp.Gt(s, 1), downsampling)
        + only_if(sp.Gt(squeezed, 0), squeeze_excite.terms(channels=c_mid, squeeze_channels=squeezed))
        + projection
        + only_if(sp.Or(sp.Gt(s, 1), sp.Ne(c_in, c_out)), shortcut)
    )


ghost_bottleneck = CostFormula(
    "ghost_bottleneck",
    (IN_CHANNELS, HIDDEN_CHANNELS, OUT_CHANNELS, DEPTHWISE_KERNEL_SIZE, BOTTLENECK_STRIDE, NO_SQUEEZE, RATIO,
     CHEAP_KERNEL_SIZE, *INPUT_MAP),
    _ghost_bottleneck(),
    (odd_kernel_check(DEPTHWISE_KERNEL_SIZE), odd_kernel_check(CHEAP_KERNEL_SIZE)),
    """A Ghost bottleneck: a Ghost module widens, another narrows; between them a strided depthwise convolution if
    stride > 1, then squeeze-and-excitation if squeeze_channels > 0. The shortcut costs nothing where the shapes agree,
    else it is a depthwise and a 1x1 convolution (Han et al. 2020, GhostNet, section 3.2, figure 3).""",
)  # fmt: skip


# RegNetX (Radosavovic et al. 2020) and G-Ghost (Han et al. 2022)

GROUP_WIDTH = Setting("group_width", "g", "channels of each group of the 3x3 convolution")
group_width = GROUP_WIDTH.symbol

WHOLE_GROUPS = Check(
    sp.Eq(sp.Mod(c_out, sp.Min(c_out, group_width)), 0),
    "group_width={group_width} does not divide out_channels={out_channels}: every group of the 3x3 convolution "
    "needs the same number of channels; try {divisors(out_channels)}",
)


def _regnet_bottleneck() -> CostTerms:
    height, width = strided(sp.Integer(3), s)
    groups = sp.floor(c_out / sp.Min(c_out, group_width))
    grouped = conv2d.terms(
        in_channels=c_out, out_channels=c_out, kernel_size=3, groups=groups, out_height=height, out_width=width,
        in_height=h_in, in_width=w_in,
    )  # fmt: skip
    shortcut = pointwise_conv2d.terms(
        in_channels=c_in, out_channels=c_out, out_height=height, out_width=width, in_height=h_in, in_width=w_in
    )
    return (
        pointwise_norm(c_in, c_out, (h_in, w_in))
        + grouped
        + norm_params(c_out)
        + pointwise_norm(c_out, c_out, (height, width))
        + only_if(sp.Or(sp.Gt(s, 1), sp.Ne(c_in, c_out)), shortcut + norm_params(c_out))
    )


regnet_bottleneck = CostFormula(
    "regnet_bottleneck",
    (IN_CHANNELS, OUT_CHANNELS, GROUP_WIDTH, STRIDE, *INPUT_MAP),
    _regnet_bottleneck(),
    (WHOLE_GROUPS,),
    """RegNet's X block: 1x1, grouped 3x3 (with the stride) and 1x1 convolution of one width, each with a batch norm,
    and a shortcut that is a strided 1x1 convolution with batch norm where the shapes differ
    (Radosavovic et al. 2020, section 3.2, figure 4, with bottleneck ratio 1).""",
)

DEPTH = Setting("depth", "n", "blocks of the stage", minimum=3)
STAGE_GROUP_WIDTH = Setting("group_width", "g", "channels of each group in the full-width blocks", minimum=2)
STAGE_STRIDE = Setting("stride", "s", "step of the first block, in pixels", default=2)
PAPER = Setting(
    "paper",
    "p",
    "the stage as the paper draws it (1), or as the official code has it (0)",
    default=0,
    minimum=0,
    flag=True,
)
depth, stage_group_width, paper = DEPTH.symbol, STAGE_GROUP_WIDTH.symbol, PAPER.symbol


def _g_ghost_stage() -> CostTerms:
    height, width = strided(sp.Integer(3), s)
    thin_group_width = sp.floor(3 * stage_group_width / 4)
    thin = sp.floor(c_out / (2 * thin_group_width)) * thin_group_width
    ghosts = c_out - thin

    def block(in_channels: sp.Expr, out_channels: sp.Expr, group_width: sp.Expr) -> CostTerms:
        return regnet_bottleneck.terms(
            in_channels=in_channels,
            out_channels=out_channels,
            group_width=group_width,
            in_height=height,
            in_width=width,
        )

    first = regnet_bottleneck.terms(
        in_channels=c_in, out_channels=c_out, group_width=stage_group_width, stride=s, in_height=h_in, in_width=w_in
    )
    thin_block = block(thin, thin, thin_group_width)
    code = (
        times(depth - 2, thin_block)
        + pointwise_norm(ghosts, ghosts, (height, width))
        + pointwise_norm(c_out + (depth - 2) * thin, ghosts, (1, 1))
        + pointwise_norm(ghosts, ghosts, (1, 1))
        + block(c_out, c_out, stage_group_width)
    )
    mix = linear.terms(in_features=(depth - 1) * thin, out_features=ghosts)
    figure = (
        block(c_out, thin, thin_group_width)
        + times(depth - 2, thin_block)
        + pointwise_norm(c_out, ghosts, (height, width))
        + replace(mix, activations=sp.Integer(0))  # a linear layer's output is no convolution's
    )
    return first + times(1 - paper, code) + times(paper, figure)


g_ghost_stage = CostFormula(
    "g_ghost_stage",
    (IN_CHANNELS, OUT_CHANNELS, DEPTH, STAGE_GROUP_WIDTH, STAGE_STRIDE, *INPUT_MAP, PAPER),
    _g_ghost_stage(),
    (
        replace(WHOLE_GROUPS, holds=WHOLE_GROUPS.holds.subs(group_width, stage_group_width)),
        Check(
            sp.Ge(c_out, 2 * sp.floor(3 * stage_group_width / 4)),
            "out_channels={out_channels} is too small for group_width={group_width}: half of the channels must hold "
            "at least one group of the thin blocks, whose groups are three quarters as wide",
        ),
        Check(sp.Le(paper, 1), "paper should be True or False instead of {paper}"),
    ),
    """A G-Ghost stage of RegNetX blocks: thin blocks compute about half of the channels, a 1x1 convolution makes the
    others from the first block's output, corrected by the pooled maps of the blocks on the way
    (Han et al. 2022, GhostNets on heterogeneous devices, the part on G-Ghost; the modules are in
    lightnets_edu.models.g_ghost_regnet).""",
)
