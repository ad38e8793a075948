"""Operations that multiply and add: convolutions, linear layers, matrix products. All MACs are here."""

from __future__ import annotations

from math import prod

from lightnets_edu.counting.rules.sizes import broadcast, per_axis
from lightnets_edu.counting.shapes import ShapeTensor, rule, rule_for_each
from lightnets_edu.counting.trace import Trace


def _misfit(kind: str, x: ShapeTensor, dims: int, channels: int, groups: int) -> ValueError:
    """What is wrong with the input of a convolution."""
    if len(x.shape) not in (dims + 1, dims + 2):
        return ValueError(
            f"{kind} needs an input of {dims + 2} dimensions (N, C, ...) instead of shape {tuple(x.shape)}"
        )
    return ValueError(
        f"{kind} needs {channels} input channels (groups={groups}) instead of the {x.shape[-dims - 1]} of an "
        f"input of shape {tuple(x.shape)}"
    )


@rule_for_each("conv1d", "conv2d", "conv3d")
def convolution(
    trace: Trace, x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1, *, kind: str
) -> ShapeTensor:
    """Every output is a sum over a window: outputs * in_channels / groups * kernel elements MACs.

    Output side: floor((n + 2p - d(k - 1) - 1) / s) + 1.
    """
    out_channels, channels_per_group, *kernel = trace.weight(weight).shape
    in_channels, dims = channels_per_group * groups, len(kernel)
    if len(x.shape) - dims not in (1, 2) or x.shape[-dims - 1] != in_channels:
        raise _misfit(kind, x, dims, in_channels, groups)
    *batch, _ = x.shape[:-dims]
    sizes = x.shape[-dims:]
    if padding == "same":
        out = list(sizes)
    else:
        pads = per_axis(0 if padding == "valid" else padding, dims)
        settings = zip(sizes, kernel, per_axis(stride, dims), pads, per_axis(dilation, dims), strict=True)
        out = [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in settings]
        if min(out) < 1:
            raise ValueError(
                f"{kind} with kernel {tuple(kernel)} (dilation {dilation}) does not fit into an input of "
                f"{tuple(sizes)} pixels with padding {pads}: use a larger image"
            )
    shape = (*batch, out_channels, *out)
    macs = prod(shape) * channels_per_group * prod(kernel)
    return trace.record(
        kind,
        "convolution",
        (x,),
        shape,
        macs=macs,
        weights=(weight,),
        bias=bias,
        kernel_size=tuple(kernel),
        groups=groups,
    )


@rule_for_each("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def transposed_convolution(
    trace: Trace, x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1, *, kind: str
) -> ShapeTensor:
    """Every input is multiplied by a kernel: inputs * out_channels / groups * kernel elements MACs.

    Output side: (n - 1)s - 2p + d(k - 1) + output_padding + 1.
    """
    in_channels, channels_per_group, *kernel = trace.weight(weight).shape
    dims = len(kernel)
    if len(x.shape) - dims not in (1, 2) or x.shape[-dims - 1] != in_channels:
        raise _misfit(kind, x, dims, in_channels, groups)
    *batch, _ = x.shape[:-dims]
    each = (per_axis(value, dims) for value in (stride, padding, output_padding, dilation))
    settings = zip(x.shape[-dims:], kernel, *each, strict=True)
    out = [(n - 1) * s - 2 * p + d * (k - 1) + extra + 1 for n, k, s, p, extra, d in settings]
    shape = (*batch, channels_per_group * groups, *out)
    macs = prod(x.shape) * channels_per_group * prod(kernel)
    return trace.record(
        kind,
        "convolution",
        (x,),
        shape,
        macs=macs,
        weights=(weight,),
        bias=bias,
        kernel_size=tuple(kernel),
        groups=groups,
    )


@rule_for_each("linear")
def linear(trace: Trace, x, weight, bias=None, *, kind: str) -> ShapeTensor:
    """``macs = rows * in_features * out_features``."""
    out_features, in_features = trace.weight(weight).shape
    if x.shape[-1] != in_features:
        raise ValueError(f"{kind} needs {in_features} input features instead of the last size of {tuple(x.shape)}")
    shape = (*x.shape[:-1], out_features)
    macs = prod(x.shape) * out_features
    return trace.record(kind, "linear", (x,), shape, macs=macs, weights=(weight,), bias=bias)


@rule("matmul", "mm", "bmm")
def matmul(trace: Trace, a, b) -> ShapeTensor:
    """A product of (batches of) matrices: rows * inner * columns MACs each."""
    left, right = tuple(a.shape), tuple(b.shape)
    vector_left, vector_right = len(left) == 1, len(right) == 1
    left = (1, *left) if vector_left else left
    right = (*right, 1) if vector_right else right
    if left[-1] != right[-2]:
        raise ValueError(f"matmul of shapes {tuple(a.shape)} and {tuple(b.shape)}: {left[-1]} is not {right[-2]}")
    batch = broadcast(left[:-2], right[:-2])
    macs = prod(batch) * left[-2] * left[-1] * right[-1]
    shape = (*batch, *(() if vector_left else left[-2:-1]), *(() if vector_right else right[-1:]))
    return trace.record("matmul", "matmul", (a, b), shape, macs=macs)


@rule("addmm", "baddbmm")
def addmm(trace: Trace, bias, a, b, **scales) -> ShapeTensor:
    """``bias + a @ b``."""
    shape = (*a.shape[:-1], b.shape[-1])
    return trace.record("addmm", "matmul", (a, b, bias), shape, macs=prod(shape) * a.shape[-1])


@rule("einsum")
def einsum(trace: Trace, equation: str, *operands) -> ShapeTensor:
    """A sum of products over named axes: with two operands, as many MACs as the axes have places together."""
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    terms, _, result = equation.replace(" ", "").partition("->")
    names = terms.split(",")
    if len(operands) != 2 or not result or "." in equation:
        raise ValueError(f"einsum is counted for two operands and an explicit result without '...', not {equation!r}")
    sizes = {name: n for term, x in zip(names, operands, strict=True) for name, n in zip(term, x.shape, strict=True)}
    return trace.record("einsum", "matmul", operands, tuple(sizes[name] for name in result), macs=prod(sizes.values()))


@rule("scaled_dot_product_attention")
def attention(trace: Trace, query, key, value, *args, **kwargs) -> ShapeTensor:
    """Two matrix products: query with key, and the weights with value (the softmax between them has no MACs)."""
    shape = (*query.shape[:-1], value.shape[-1])
    macs = prod(query.shape) * key.shape[-2] + prod(shape) * key.shape[-2]
    return trace.record("attention", "matmul", (query, key, value), shape, macs=macs)
