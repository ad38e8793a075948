"""Operations that multiply and add: convolutions, linear layers, matrix products. The products of layers."""

from __future__ import annotations

from functools import lru_cache
from math import prod

import torch

from lightnets_edu.counting.rules.sizes import Shape, broadcast, per_axis
from lightnets_edu.counting.shapes import ShapeTensor, rule, rule_for_each
from lightnets_edu.counting.trace import Trace


def _learned(x, weight) -> bool:
    """Whether a real weight meets a map of the same type."""
    return type(x) is ShapeTensor and type(weight) is not ShapeTensor and x.dtype == weight.dtype


@rule_for_each("conv1d", "conv2d", "conv3d")
def convolution(
    trace: Trace, input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1, *, kind: str
) -> ShapeTensor:
    """A map and a real weight of its type."""
    if not _learned(input, weight):
        return NotImplemented
    return convolve(trace, kind, input, weight, bias, stride, padding, dilation, groups)


def convolve(trace: Trace, kind: str, x: ShapeTensor, weight, bias, stride, padding, dilation, groups) -> ShapeTensor:
    """Every output is a sum over a window: outputs * in_channels / groups * kernel elements MACs."""
    if list in (type(stride), type(padding), type(dilation)):
        stride, padding, dilation = (
            tuple(each) if type(each) is list else each for each in (stride, padding, dilation)
        )
    shape, macs, kernel = _sums(kind, x.shape, weight.shape, stride, padding, dilation, groups)
    return trace.record(
        kind, "convolution", (x,), shape, macs=macs, weights=(weight,), bias=bias, kernel_size=kernel, groups=groups
    )


@lru_cache(maxsize=4096)  # networks repeat their blocks
def _sums(kind: str, size: Shape, weight: Shape, stride, padding, dilation, groups: int) -> tuple[Shape, int, Shape]:
    """Shape of the result, MACs and kernel size of a convolution.

    Output side: floor((n + 2p - d(k - 1) - 1) / s) + 1.
    """
    out_channels, channels_per_group, *kernel = weight
    in_channels, dims = channels_per_group * groups, len(kernel)
    if len(size) not in (dims + 1, dims + 2):
        raise ValueError(f"{kind} needs an input of {dims + 2} dimensions (N, C, ...) instead of shape {tuple(size)}")
    if size[-dims - 1] != in_channels:
        raise ValueError(
            f"{kind} needs {in_channels} input channels (groups={groups}) instead of the {size[-dims - 1]} of an "
            f"input of shape {tuple(size)}"
        )
    batch, sides = size[: -dims - 1], size[-dims:]
    if padding == "same":
        out = list(sides)
    else:
        pads = (0,) * dims if isinstance(padding, str) else per_axis(padding, dims)
        settings = zip(sides, kernel, per_axis(stride, dims), pads, per_axis(dilation, dims), strict=True)
        out = [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in settings]
        if min(out) < 1:
            raise ValueError(
                f"{kind} with kernel {tuple(kernel)} (dilation {dilation}) does not fit into an input of "
                f"{tuple(sides)} pixels with padding {pads}: use a larger image"
            )
    shape = torch.Size((*batch, out_channels, *out))
    return shape, prod(shape) * channels_per_group * prod(kernel), tuple(kernel)


@rule_for_each("linear")
def linear(trace: Trace, input, weight, bias=None, *, kind: str) -> ShapeTensor:
    """A map and a real weight of its type."""
    if not _learned(input, weight) or len(weight.shape) != 2:
        return NotImplemented
    return multiply(trace, kind, input, weight, bias)


def multiply(trace: Trace, kind: str, x: ShapeTensor, weight, bias) -> ShapeTensor:
    """``macs = rows * in_features * out_features``."""
    out_features, in_features = weight.shape
    if x.shape[-1] != in_features:
        raise ValueError(f"{kind} needs {in_features} input features instead of the last size of {tuple(x.shape)}")
    shape = (*x.shape[:-1], out_features)
    macs = prod(x.shape) * out_features
    return trace.record(kind, "linear", (x,), shape, macs=macs, weights=(weight,), bias=bias)


@rule("matmul", "mm", "bmm")
def matmul(trace: Trace, input, other) -> ShapeTensor:
    """A product of (batches of) matrices: rows * inner * columns MACs each."""
    left, right = input.shape, other.shape
    if min(len(left), len(right)) < 2 or left[-1] != right[-2] or input.dtype != other.dtype:
        return NotImplemented
    batch = left[:-2] if left[:-2] == right[:-2] else broadcast(left[:-2], right[:-2])
    shape = (*batch, left[-2], right[-1])
    return trace.record("matmul", "matmul", (input, other), shape, macs=prod(shape) * left[-1])


@rule("scaled_dot_product_attention")
def attention(trace: Trace, query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False) -> ShapeTensor:
    """Two matrix products: query with key, and the weights with value (the softmax between them has no MACs)."""
    if not query.shape[:-2] == key.shape[:-2] == value.shape[:-2] or query.shape[-1] != key.shape[-1]:
        return NotImplemented
    shape = (*query.shape[:-1], value.shape[-1])
    macs = (prod(query.shape) + prod(shape)) * key.shape[-2]
    return trace.record("attention", "matmul", (query, key, value), shape, macs=macs)
