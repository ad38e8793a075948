"""The cost of residual blocks: ResNet's and ResNeXt's bottleneck, with or without squeeze-and-excitation, and Wide
ResNet's basic block. Each formula gives what `lightnets_edu.count` finds on the real block.
"""

from __future__ import annotations

import sympy as sp

from lightnets_edu.formulas.blocks import INPUT_MAP, NO_SQUEEZE, norm_params, only_if, strided
from lightnets_edu.formulas.checks import Check
from lightnets_edu.formulas.cost import CostFormula, CostTerms, Setting
from lightnets_edu.formulas.layers import (
    CHANNELS,
    IN_CHANNELS,
    OUT_CHANNELS,
    STRIDE,
    c_in,
    c_out,
    conv2d,
    h_in,
    pointwise_conv2d,
    s,
    w_in,
)

CARDINALITY = Setting("groups", "g", "groups of the 3x3 convolution: the cardinality (1 in ResNet)", default=1)
GROUP_WIDTH = Setting("group_width", "d", "channels of one group: the bottleneck has groups times as many")
SQUEEZE_CHANNELS = Setting(
    "squeeze_channels", r"C_\text{r}", "channels between the two layers of squeeze-and-excitation"
)
STRIDE_IN_FIRST = Setting(
    "stride_in_first",
    "f",
    "whether the first 1x1 convolution has the stride (1) or the 3x3 (0)",
    0,
    minimum=0,
    flag=True,
)

channels, g, d, r, f = (x.symbol for x in (CHANNELS, CARDINALITY, GROUP_WIDTH, SQUEEZE_CHANNELS, STRIDE_IN_FIRST))
no_r = NO_SQUEEZE.symbol


def _maps(out: tuple[sp.Expr, sp.Expr], into: tuple[sp.Expr, sp.Expr]) -> dict[str, sp.Expr]:
    """The four settings that say how large the maps of a convolution are."""
    return dict(zip(("out_height", "out_width", "in_height", "in_width"), (*out, *into), strict=True))


def _shortcut(out: tuple[sp.Expr, sp.Expr], norm: bool) -> CostTerms:
    """Nothing where input and output have the same shape, else a strided 1x1 convolution (He et al., option B)."""
    projection = pointwise_conv2d.terms(in_channels=c_in, out_channels=c_out, **_maps(out, (h_in, w_in)))
    if norm:
        projection += norm_params(c_out)
    return only_if(sp.Or(sp.Ne(s, 1), sp.Ne(c_in, c_out)), projection)


squeeze_excite = CostFormula(
    "squeeze_excite",
    (Setting("channels", "C", "channels of the map; each gets one gate"), SQUEEZE_CHANNELS),
    pointwise_conv2d.terms(in_channels=channels, out_channels=r, bias=1, out_height=1, out_width=1)
    + pointwise_conv2d.terms(in_channels=r, out_channels=channels, bias=1, out_height=1, out_width=1),
    (),
    """Squeeze-and-excitation's two layers, each a 1x1 convolution with bias on a 1 x 1 map
    (Hu et al. 2018, arXiv:1709.01507, sections 3.1-3.2, equations 2-4). By the rules of a network's total the mean
    before them and the scaling behind them have no MACs, and their reads and writes are not counted.""",
)


def _bottleneck() -> CostTerms:
    # A kernel of 1 without padding and one of 3 with padding 1 give the same size at the same stride.
    middle, out = strided(sp.Integer(1), 1 + f * (s - 1)), strided(sp.Integer(1), s)
    width = g * d
    convolutions = (
        pointwise_conv2d.terms(in_channels=c_in, out_channels=width, **_maps(middle, (h_in, w_in)))
        + conv2d.terms(in_channels=width, out_channels=width, kernel_size=3, groups=g, **_maps(out, middle))
        + pointwise_conv2d.terms(in_channels=width, out_channels=c_out, **_maps(out, out))
    )
    norms = norm_params(width) + norm_params(width) + norm_params(c_out)
    # Not the symbol of `squeeze_excite`: that one is at least 1, this one may be 0.
    gate = squeeze_excite.terms(channels=c_out, squeeze_channels=no_r)
    return convolutions + norms + _shortcut(out, norm=True) + only_if(sp.Gt(no_r, 0), gate)


resnext_bottleneck = CostFormula(
    "resnext_bottleneck",
    (IN_CHANNELS, OUT_CHANNELS, GROUP_WIDTH, CARDINALITY, STRIDE, STRIDE_IN_FIRST, NO_SQUEEZE, *INPUT_MAP),
    _bottleneck(),
    (Check(sp.Le(f, 1), "stride_in_first should be True or False instead of {stride_in_first}"),),
    """The bottleneck of ResNeXt in its grouped form: 1x1 down to groups x group_width channels, 3x3 in groups, 1x1 up,
    each with a batch norm, plus the shortcut (Xie et al. 2017, arXiv:1611.05431, section 3.3, figure 3c, table 1).

    With groups = 1 it is ResNet's (He et al. 2016, arXiv:1512.03385, figure 5 right; 64 channels in its first stage)
    and, twice as wide, that of Wide ResNet-50-2. With squeeze_channels it is SENet's (Hu et al. 2018, figure 3).
    The shortcut is a 1x1 convolution with a batch norm if the stride is not 1 or the channels differ.""",
)


def _wide_basic() -> CostTerms:
    out = strided(sp.Integer(3), s)
    return (
        norm_params(c_in)
        + conv2d.terms(in_channels=c_in, out_channels=c_out, kernel_size=3, **_maps(out, (h_in, w_in)))
        + norm_params(c_out)
        + conv2d.terms(in_channels=c_out, out_channels=c_out, kernel_size=3, **_maps(out, out))
        + _shortcut(out, norm=False)
    )


wide_basic_block = CostFormula(
    "wide_basic_block",
    (IN_CHANNELS, OUT_CHANNELS, STRIDE, *INPUT_MAP),
    _wide_basic(),
    (),
    """Wide ResNet's block B(3, 3): two 3x3 convolutions, each behind its batch norm and ReLU
    (Zagoruyko and Komodakis 2016, arXiv:1605.07146, section 2, figure 1c and d; dropout costs nothing).
    The shortcut is a 1x1 convolution without a batch norm if the stride is not 1 or the channels differ.""",
)
