"""The cost of the layers that lightweight networks are made of. Each formula stands here once.

Conventions, the same everywhere: one image; a MAC is one multiplication and the addition that collects it;
``memory_access`` counts input, weights and output once each, in elements (ShuffleNetV2, section 2, G1).
"""

from __future__ import annotations

import sympy as sp

from lightnets_edu.formulas.checks import Check
from lightnets_edu.formulas.cost import CostFormula, CostTerms, Quantity, Setting

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

c_in, c_out, k, s, p, d, g, b = (
    x.symbol for x in (IN_CHANNELS, OUT_CHANNELS, KERNEL_SIZE, STRIDE, PADDING, DILATION, GROUPS, BIAS)
)
h_out, w_out, h_in, w_in = (x.symbol for x in MAPS)
n = IN_SIZE.symbol

BIAS_IS_A_FLAG = Check(sp.Le(b, 1), "bias should be True or False instead of {bias}")

conv_output_size = Quantity(
    "output size",
    sp.floor((n + 2 * p - d * (k - 1) - 1) / s) + 1,
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
        sp.Eq(sp.Mod(setting.symbol, g), 0),
        f"groups={{groups}} does not divide {name}={{{name}}}: each group needs the same number of channels; "
        f"try {{divisors({name})}}",
    )


def _convolution(weights: sp.Expr, out_channels: sp.Expr, sum_length: sp.Expr, in_channels: sp.Expr) -> CostTerms:
    """A convolution: every output element is a sum of ``sum_length`` products (plus a bias)."""
    outputs = out_channels * h_out * w_out
    return CostTerms(
        params=weights + b * out_channels,
        macs=weights * h_out * w_out,
        exact_flops=(2 * sum_length - 1 + b) * outputs,
        activations=outputs,
        memory_access=in_channels * h_in * w_in + weights + b * out_channels + outputs,
    )


conv2d = CostFormula(
    "conv2d",
    (IN_CHANNELS, OUT_CHANNELS, KERNEL_SIZE, GROUPS, BIAS, *MAPS),
    _convolution(k**2 * c_in * c_out / g, c_out, k**2 * c_in / g, c_in),
    (_groups_check(IN_CHANNELS), _groups_check(OUT_CHANNELS), BIAS_IS_A_FLAG),
    """A standard (groups = 1) or grouped convolution, as torch.nn.Conv2d computes it.

    Each group maps its share of the input channels to its share of the output channels
    (Krizhevsky et al. 2012, section 3.5, split over two GPUs; Xie et al. 2017, ResNeXt, section 3.2).

    Example:
        AlexNet's first convolution, as numbers and as a formula:

        >>> cost = conv2d(in_channels=3, out_channels=96, kernel_size=11, out_height=55, out_width=55)
        >>> cost.params, cost.macs
        (34848, 105415200)
        >>> print(conv2d.activations.latex)
        C_\\text{out} H_\\text{out} W_\\text{out}""",
)

depthwise_conv2d = CostFormula(
    "depthwise_conv2d",
    (
        IN_CHANNELS,
        Setting("out_channels", r"C_\text{out}", "channels of the output (default: as the input)", "in_channels"),
        KERNEL_SIZE,
        BIAS,
        *MAPS,
    ),
    _convolution(k**2 * c_out, c_out, k**2, c_in),
    (
        Check(
            sp.Eq(sp.Mod(c_out, c_in), 0),
            "out_channels={out_channels} is not a multiple of in_channels={in_channels}: a depthwise convolution "
            "gives each input channel the same number of kernels",
        ),
        BIAS_IS_A_FLAG,
    ),
    """A depthwise convolution: groups = in_channels, so that every kernel sees one channel
    (Howard et al. 2017, MobileNets, section 3.1, eq. 3-4).""",
)

pointwise_conv2d = CostFormula(
    "pointwise_conv2d",
    (IN_CHANNELS, OUT_CHANNELS, GROUPS, BIAS, *MAPS),
    _convolution(c_in * c_out / g, c_out, c_in / g, c_in),
    (_groups_check(IN_CHANNELS), _groups_check(OUT_CHANNELS), BIAS_IS_A_FLAG),
    """A pointwise (1x1) convolution: a linear layer applied at every pixel
    (Howard et al. 2017, MobileNets, section 3.1; grouped in Zhang et al. 2018, ShuffleNet, section 3.1).""",
)

depthwise_separable_conv2d = CostFormula(
    "depthwise_separable_conv2d",
    (IN_CHANNELS, OUT_CHANNELS, KERNEL_SIZE, BIAS, *MAPS),
    depthwise_conv2d.terms(
        in_channels=c_in,
        kernel_size=k,
        bias=b,
        out_height=h_out,
        out_width=w_out,
        in_height=h_in,
        in_width=w_in,
    )
    + pointwise_conv2d.terms(in_channels=c_in, out_channels=c_out, bias=b, out_height=h_out, out_width=w_out),
    (BIAS_IS_A_FLAG,),
    """A depthwise convolution, which filters, then a pointwise one, which combines channels
    (Howard et al. 2017, MobileNets, section 3.1, eq. 5). Batch norms are not included.""",
)

IN_FEATURES = Setting("in_features", "n", "numbers that go in")
OUT_FEATURES = Setting("out_features", "m", "numbers that come out")
LINEAR_BIAS = Setting(
    "bias", "b", "whether each output adds a constant (1) or not (0)", default=1, minimum=0, flag=True
)
f_in, f_out = IN_FEATURES.symbol, OUT_FEATURES.symbol

linear = CostFormula(
    "linear",
    (IN_FEATURES, OUT_FEATURES, LINEAR_BIAS),
    CostTerms(
        params=f_in * f_out + b * f_out,
        macs=f_in * f_out,
        exact_flops=(2 * f_in - 1 + b) * f_out,
        activations=f_out,
        memory_access=f_in + f_in * f_out + b * f_out + f_out,
    ),
    (BIAS_IS_A_FLAG,),
    "A linear (fully connected) layer, as torch.nn.Linear computes it; bias=True is torch's default.",
)

NUM_FEATURES = Setting("num_features", "C", "channels")
c = NUM_FEATURES.symbol

batch_norm2d = CostFormula(
    "batch_norm2d",
    (NUM_FEATURES, OUT_HEIGHT, OUT_WIDTH),
    CostTerms(
        params=2 * c,
        macs=sp.Integer(0),
        exact_flops=2 * c * h_out * w_out,
        activations=c * h_out * w_out,
        memory_access=2 * c * h_out * w_out + 4 * c,
    ),
    (),
    """A batch norm at inference: one multiplication and one addition an element, with a scale and a shift a channel
    (Ioffe and Szegedy 2015, algorithm 2). By convention it has no MACs: it can be folded
    into the convolution before it.
    Memory: the map read and written, and four numbers a channel (scale, shift, running mean and variance).""",
)

VALUE_TOP = Setting("numerator", "u", "numerator of the multiplier", default=1)
VALUE_BOTTOM = Setting("denominator", "v", "denominator of the multiplier", default=1)
CHANNELS = Setting("channels", "C", "channels of the full-width network")
DIVISOR = Setting("divisor", "q", "the result is a multiple of this", default=8)


def _make_divisible() -> sp.Expr:
    u, v, channels, q = (x.symbol for x in (VALUE_TOP, VALUE_BOTTOM, CHANNELS, DIVISOR))
    rounded = sp.Max(q, q * sp.floor((2 * u * channels + q * v) / (2 * q * v)))
    # Never round down by more than a tenth.
    return rounded + sp.Piecewise((q, sp.Lt(10 * v * rounded, 9 * u * channels)), (0, True))


make_divisible = Quantity("make_divisible", _make_divisible(), (CHANNELS, VALUE_TOP, VALUE_BOTTOM, DIVISOR))
