"""Operations on quantized maps, which PyTorch runs on no meta device. Their scales and zero points decide nothing here.

A quantized map keeps the type of the floating-point map that it stands for.
"""

from __future__ import annotations

from lightnets_edu.counting.rules import elementwise, products, views
from lightnets_edu.counting.shapes import ShapeTensor, rule, rule_for_each
from lightnets_edu.counting.trace import Trace


@rule_for_each(*(f"quantized::conv{dims}d quantized::conv{dims}d_relu" for dims in (2, 3)))
def convolution(trace: Trace, x, packed, *settings, kind: str, **named) -> ShapeTensor:
    """The weight lies packed with the settings."""
    weight, bias = packed.unpack()
    shape_settings = (packed.stride(), packed.padding(), packed.dilation(), packed.groups())
    return products.convolve(trace, kind, x, weight, bias, *map(_plain, shape_settings))


def _plain(setting):
    return tuple(setting) if isinstance(setting, list) else setting


@rule_for_each("quantized::linear quantized::linear_relu", "quantized::linear_dynamic quantized::linear_relu_dynamic")
def linear(trace: Trace, x, packed, *settings, kind: str, **named) -> ShapeTensor:
    """With scales of the result, or, if those are found while it runs, without."""
    return products.multiply(trace, kind, x, *packed.unpack())


@rule_for_each("quantized::add quantized::add_relu", "quantized::mul quantized::mul_relu")
def arithmetic(trace: Trace, x, other, *settings, kind: str, **named) -> ShapeTensor:
    """Two maps that broadcast, or a map and a number."""
    return elementwise.arithmetic(trace, x, other, kind=kind)


@rule("quantized::cat", "quantized::cat_relu")
def cat(trace: Trace, tensors, dim, *settings, **named) -> ShapeTensor:
    """Join along an axis, with one scale for all."""
    return views.cat(trace, tensors, dim)


@rule_for_each(*(f"quantized::{name}" for name in "hardswish relu6 leaky_relu elu celu prelu sigmoid".split()))
def activation(trace: Trace, x, *settings, kind: str, **named) -> ShapeTensor:
    """A function of each element."""
    return trace.record(kind, "activation", (x,), x.shape)


@rule_for_each(*(f"quantized::batch_norm{form}" for form in ("", "1d", "2d", "3d", "2d_relu", "3d_relu")))
def batch_norm(trace: Trace, x, weight, bias, mean, variance, *settings, kind: str, **named) -> ShapeTensor:
    """A scale and a shift a channel."""
    return elementwise.channel_norm(trace, kind, x, weight, bias, True)


@rule("quantize_per_tensor", "quantize_per_tensor_dynamic", "quantize_per_channel", "dequantize")
def unchanged(trace: Trace, input, *settings, **named) -> ShapeTensor:
    """Another type of the same shape."""
    return input
