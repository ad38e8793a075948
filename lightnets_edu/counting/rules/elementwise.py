"""Operations that leave the shape: normalization, activations, arithmetic."""

from __future__ import annotations

import torch

from lightnets_edu.counting.rules.sizes import broadcast
from lightnets_edu.counting.shapes import ShapeTensor, rule, rule_for_each
from lightnets_edu.counting.trace import Trace


def is_float(x) -> bool:
    """Whether it is a map of floating-point numbers."""
    return type(x) is ShapeTensor and x.dtype.is_floating_point


@rule("batch_norm")
def batch_norm(
    trace: Trace, input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5
) -> ShapeTensor:
    """The functional form."""
    if any(tensor is not None and tensor.shape != input.shape[1:2] for tensor in (running_mean, weight)):
        return NotImplemented
    return channel_norm(trace, "batch_norm", input, weight, bias, running_mean is not None)


def channel_norm(trace: Trace, kind: str, x: ShapeTensor, weight, bias, has_statistics: bool) -> ShapeTensor:
    """A scale and a shift a channel; its running statistics are read; no MACs by convention."""
    statistics = 2 * x.shape[1] if has_statistics else 0
    return trace.record(kind, "normalization", (x,), x.shape, weights=(weight, bias), statistics=statistics)


@rule("layer_norm")
def layer_norm(trace: Trace, input, normalized_shape, weight=None, bias=None, eps=1e-5) -> ShapeTensor:
    """Statistics over the last axes, a scale and a shift an element of them."""
    normalized = tuple(normalized_shape)
    last = tuple(input.shape[len(input.shape) - len(normalized) :])
    if last != normalized or (weight is not None and weight.shape != normalized):
        return NotImplemented
    return trace.record("layer_norm", "normalization", (input,), input.shape, weights=(weight, bias))


@rule("group_norm")
def group_norm(trace: Trace, input, num_groups, weight=None, bias=None, eps=1e-5) -> ShapeTensor:
    """Statistics over groups of channels, a scale and a shift a channel."""
    if input.shape[1] % num_groups or (weight is not None and weight.shape != input.shape[1:2]):
        return NotImplemented
    return trace.record("group_norm", "normalization", (input,), input.shape, weights=(weight, bias))


@rule("local_response_norm")
def local_response_norm(trace: Trace, input, size, alpha=1e-4, beta=0.75, k=1.0) -> ShapeTensor:
    """Each element divided by a power of a sum over neighbouring channels (Krizhevsky et al. 2012, section 3.3)."""
    return trace.record("local_response_norm", "normalization", (input,), input.shape)


@rule_for_each(*"relu relu6 hardswish hardsigmoid sigmoid silu gelu mish tanh".split())
def activation(trace: Trace, input, inplace=False, *, approximate="none", kind: str) -> ShapeTensor:
    """A function of each element."""
    return trace.record(kind, "activation", (input,), input.shape) if is_float(input) else NotImplemented


@rule_for_each("softmax", "log_softmax")
def softmax(trace: Trace, input, dim=None, _stacklevel=3, dtype=None, *, kind: str) -> ShapeTensor:
    """Exponentials divided by their sum along an axis."""
    if dtype is not None or not isinstance(dim, int) or not -len(input.shape) <= dim < len(input.shape):
        return NotImplemented
    return activation(trace, input, kind=kind)


@rule_for_each("add iadd radd", "sub isub rsub", "mul imul rmul multiply", "div truediv itruediv rtruediv")
def arithmetic(trace: Trace, input, other, *, kind: str) -> ShapeTensor:
    """One result an element: of a map and a number, or of two maps of one type that broadcast."""
    if not is_float(input):
        input, other = other, input
        if not is_float(input):
            return NotImplemented
    if type(other) is float or type(other) is int:
        return trace.record(kind, "elementwise", (input, other), input.shape)
    if not isinstance(other, torch.Tensor) or other.dtype != input.dtype:
        return NotImplemented
    shape = input.shape if input.shape == other.shape else broadcast(input.shape, other.shape)
    return trace.record(kind, "elementwise", (input, other), shape)
