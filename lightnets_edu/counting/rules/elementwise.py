"""Operations that leave the shape: normalization, activations, arithmetic."""

from __future__ import annotations

from lightnets_edu.counting.rules.sizes import broadcast
from lightnets_edu.counting.shapes import ShapeTensor, rule, rule_for_each
from lightnets_edu.counting.trace import Trace


@rule_for_each("batch_norm instance_norm")
def batch_norm(
    trace: Trace, x, running_mean=None, running_var=None, weight=None, bias=None, *args, kind: str, **kwargs
) -> ShapeTensor:
    """A scale and a shift a channel; its running statistics are read; no MACs by convention."""
    statistics = 0 if running_mean is None else 2 * x.shape[1]
    return trace.record(kind, "normalization", (x,), x.shape, weights=(weight, bias), statistics=statistics)


@rule("layer_norm")
def layer_norm(trace: Trace, x, normalized_shape, weight=None, bias=None, *args, **kwargs) -> ShapeTensor:
    """Statistics over the last axes, a scale and a shift an element of them."""
    return trace.record("layer_norm", "normalization", (x,), x.shape, weights=(weight, bias))


@rule("group_norm")
def group_norm(trace: Trace, x, num_groups, weight=None, bias=None, *args, **kwargs) -> ShapeTensor:
    """Statistics over groups of channels, a scale and a shift a channel."""
    return trace.record("group_norm", "normalization", (x,), x.shape, weights=(weight, bias))


@rule("local_response_norm")
def local_response_norm(trace: Trace, x, *args, **kwargs) -> ShapeTensor:
    """Each element divided by a power of a sum over neighbouring channels (Krizhevsky et al. 2012, section 3.3)."""
    return trace.record("local_response_norm", "normalization", (x,), x.shape)


@rule_for_each(
    *"relu relu6 hardtanh hardswish hardsigmoid sigmoid silu gelu mish elu leaky_relu softplus tanh".split(),
    *"softmax log_softmax logsigmoid selu celu".split(),
)
def activation(trace: Trace, x, *args, kind: str, **kwargs) -> ShapeTensor:
    """A function of each element, or of each vector for a softmax."""
    return trace.record(kind, "activation", (x,), x.shape)


@rule("prelu")
def prelu(trace: Trace, x, weight) -> ShapeTensor:
    """A learned slope for negative inputs."""
    return trace.record("prelu", "activation", (x,), x.shape, weights=(weight,))


@rule_for_each(
    "add iadd radd",
    "sub isub rsub",
    "mul imul rmul multiply",
    "div truediv itruediv rtruediv true_divide",
    "floordiv floor_divide",
    "pow rpow",
    "neg negative",
    "clamp clip",
    *"abs exp log sqrt rsqrt square maximum minimum lt le gt ge clone floor erf".split(),
)
def arithmetic(trace: Trace, *operands, kind: str, **kwargs) -> ShapeTensor:
    """One result an element, of one operand or of two that broadcast."""
    shapes = [tuple(x.shape) for x in operands if hasattr(x, "shape")]
    if len(operands) == 2 and type(operands[0]) is not ShapeTensor:
        operands = operands[::-1]
    shape = shapes[0] if len(shapes) == 1 or shapes[0] == shapes[1] else broadcast(*shapes)
    return trace.record(kind, "elementwise", operands, shape)
