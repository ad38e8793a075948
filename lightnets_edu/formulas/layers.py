"""The cost of the layers that lightweight networks are made of. Each formula stands here once.

Conventions, the same everywhere: one image; a MAC is one multiplication and the addition that collects it;
``memory_access`` counts input, weights and output once each, in elements (ShuffleNetV2, section 2, G1).
"""

from __future__ import annotations

import sympy as sp
from sympy import Expr

from lightnets_edu.formulas.checks import Check
from lightnets_edu.formulas.cost import CostTerms, Quantity, Setting, Symbols, cost_formula

IN_CHANNELS = Setting("in_channels", r"C_\text{in}", "channels of the input")
OUT_CHANNELS = Setting("out_channels", r"C_\text{out}", "channels of the output")
KERNEL_SIZE = Setting("kernel_size", "K", "side of the square kernel, in pixels")
STRIDE = Setting("stride", "s", "step between neighbouring outputs, in pixels", default=1)
PADDING = Setting("padding", "p", "zeros added on each side, in pixels", default=0, minimum=0)
DILATION = Setting("dilation", "d", "step between the kernel's taps, in pixels", default=1)
GROUPS = Setting("groups", "g", "groups that the channels are split into", default=1)
BIAS = Setting(
    "bias", "b", "whether each output channel adds a constant (1) or not (0)", default=0, minimum=0, flag=True
)
OUT_HEIGHT = Setting("out_height", r"H_\text{out}", "rows of the output map")
OUT_WIDTH = Setting("out_width", r"W_\text{out}", "columns of the output map")
IN_HEIGHT = Setting("in_height", r"H_\text{in}", "rows of the input map (default: as the output)", default="out_height")
IN_WIDTH = Setting("in_width", r"W_\text{in}", "columns of the input map (default: as the output)", default="out_width")
MAPS = (OUT_HEIGHT, OUT_WIDTH, IN_HEIGHT, IN_WIDTH)
IN_SIZE = Setting("in_size", "n", "side of the input map, in pixels")

n, k, stride, p, d = (setting.symbol for setting in (IN_SIZE, KERNEL_SIZE, STRIDE, PADDING, DILATION))
conv_output_size = Quantity(
    "output size",
    sp.floor((n + 2 * p - d * (k - 1) - 1) / stride) + 1,
    (IN_SIZE, KERNEL_SIZE, STRIDE, PADDING, DILATION),
    (
        Check(
            sp.Ge(n + 2 * p, d * (k - 1) + 1),
            "kernel_size={kernel_size} (dilation={dilation}) does not fit into in_size={in_size} with "
            "padding={padding} on each side: the kernel must lie inside the padded input at least once",
        ),
    ),
)


def _groups_check(setting: Setting) -> Check:
    name = setting.name
    return Check(
        sp.Eq(sp.Mod(setting.symbol, GROUPS.symbol), 0),
        f"groups={{groups}} does not divide {name}={{{name}}}: each group needs the same number of channels; "
        f"try {{divisors({name})}}",
    )


def _convolution(s: Symbols, weights: Expr, sum_length: Expr) -> CostTerms:
    """A convolution: every output element is a sum of ``sum_length`` products (plus a bias)."""
    outputs = s.out_channels * s.out_height * s.out_width
    return CostTerms(
        params=weights + s.bias * s.out_channels,
        macs=weights * s.out_height * s.out_width,
        exact_flops=(2 * sum_length - 1 + s.bias) * outputs,
        activations=outputs,
        memory_access=s.in_channels * s.in_height * s.in_width + weights + s.bias * s.out_channels + outputs,
    )


@cost_formula(
    IN_CHANNELS,
    OUT_CHANNELS,
    KERNEL_SIZE,
    GROUPS,
    BIAS,
    *MAPS,
    checks=(_groups_check(IN_CHANNELS), _groups_check(OUT_CHANNELS)),
)
def conv2d(s: Symbols) -> CostTerms:
    r"""A standard (groups = 1) or grouped convolution, as torch.nn.Conv2d computes it.

    Each group maps its share of the input channels to its share of the output channels
    (Krizhevsky et al. 2012, section 3.5, split over two GPUs; Xie et al. 2017, ResNeXt, section 3.3).

    Example:
        AlexNet's first convolution, as numbers and as a formula:

        >>> cost = conv2d(in_channels=3, out_channels=96, kernel_size=11, out_height=55, out_width=55)
        >>> cost.params, cost.macs
        (34848, 105415200)
        >>> print(conv2d.activations.latex)
        C_\text{out} H_\text{out} W_\text{out}
    """
    sum_length = s.kernel_size**2 * s.in_channels / s.groups
    return _convolution(s, sum_length * s.out_channels, sum_length)


@cost_formula(
    IN_CHANNELS,
    Setting("out_channels", r"C_\text{out}", "channels of the output (default: as the input)", "in_channels"),
    KERNEL_SIZE,
    BIAS,
    *MAPS,
    checks=(
        Check(
            sp.Eq(sp.Mod(OUT_CHANNELS.symbol, IN_CHANNELS.symbol), 0),
            "out_channels={out_channels} is not a multiple of in_channels={in_channels}: a depthwise convolution "
            "gives each input channel the same number of kernels",
        ),
    ),
)
def depthwise_conv2d(s: Symbols) -> CostTerms:
    """A depthwise convolution: groups = in_channels, so that every kernel sees one channel
    (Howard et al. 2017, MobileNets, section 3.1, eq. 3-4).
    """
    return _convolution(s, s.kernel_size**2 * s.out_channels, s.kernel_size**2)


@cost_formula(
    IN_CHANNELS,
    OUT_CHANNELS,
    GROUPS,
    BIAS,
    *MAPS,
    checks=(_groups_check(IN_CHANNELS), _groups_check(OUT_CHANNELS)),
)
def pointwise_conv2d(s: Symbols) -> CostTerms:
    """A pointwise (1x1) convolution: a linear layer applied at every pixel
    (Howard et al. 2017, MobileNets, section 3.1; grouped in Zhang et al. 2018, ShuffleNet, section 3.1).
    """
    return _convolution(s, s.in_channels * s.out_channels / s.groups, s.in_channels / s.groups)


@cost_formula(IN_CHANNELS, OUT_CHANNELS, KERNEL_SIZE, BIAS, *MAPS)
def depthwise_separable_conv2d(s: Symbols) -> CostTerms:
    """A depthwise convolution, which filters, then a pointwise one, which combines channels
    (Howard et al. 2017, MobileNets, section 3.1, eq. 5). Batch norms are not included.
    """
    both = {"in_channels": s.in_channels, "bias": s.bias, "out_height": s.out_height, "out_width": s.out_width}
    depthwise = depthwise_conv2d.terms(**both, kernel_size=s.kernel_size, in_height=s.in_height, in_width=s.in_width)
    return depthwise + pointwise_conv2d.terms(**both, out_channels=s.out_channels)


@cost_formula(
    Setting("in_features", "n", "numbers that go in"),
    Setting("out_features", "m", "numbers that come out"),
    Setting("bias", "b", "whether each output adds a constant (1) or not (0)", default=1, minimum=0, flag=True),
)
def linear(s: Symbols) -> CostTerms:
    """A linear (fully connected) layer, as torch.nn.Linear computes it; bias=True is torch's default."""
    return CostTerms(
        params=s.in_features * s.out_features + s.bias * s.out_features,
        macs=s.in_features * s.out_features,
        exact_flops=(2 * s.in_features - 1 + s.bias) * s.out_features,
        activations=s.out_features,
        memory_access=s.in_features + s.in_features * s.out_features + s.bias * s.out_features + s.out_features,
    )


@cost_formula(Setting("num_features", "C", "channels"), OUT_HEIGHT, OUT_WIDTH)
def batch_norm2d(s: Symbols) -> CostTerms:
    """A batch norm at inference: one multiplication and one addition an element, with a scale and a shift a channel
    (Ioffe and Szegedy 2015, algorithm 2). By convention it has no MACs: it can be folded into the convolution before
    it. Memory: the map read and written, and four numbers a channel (scale, shift, running mean and variance).
    """
    elements = s.num_features * s.out_height * s.out_width
    return CostTerms(
        params=2 * s.num_features,
        exact_flops=2 * elements,
        activations=elements,
        memory_access=2 * elements + 4 * s.num_features,
    )


MULTIPLIER = (
    Setting("numerator", "u", "numerator of the multiplier", default=1),
    Setting("denominator", "v", "denominator of the multiplier", default=1),
)
CHANNELS = Setting("channels", "C", "channels of the full-width network")
DIVISOR = Setting("divisor", "q", "the result is a multiple of this", default=8)


def _make_divisible() -> Expr:
    channels, u, v, q = (setting.symbol for setting in (CHANNELS, *MULTIPLIER, DIVISOR))
    rounded = sp.Max(q, q * sp.floor((2 * u * channels + q * v) / (2 * q * v)))
    # Never round down by more than a tenth.
    return rounded + sp.Piecewise((q, sp.Lt(10 * v * rounded, 9 * u * channels)), (0, True))


make_divisible = Quantity("make_divisible", _make_divisible(), (CHANNELS, *MULTIPLIER, DIVISOR))
