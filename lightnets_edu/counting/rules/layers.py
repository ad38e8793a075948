"""Layers of torch.nn: each hands its settings to the rule of its function, without running its own Python.

A layer that is not here runs its own forward, which calls that function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from lightnets_edu.counting.rules import elementwise, pooling, products, quantized, views  # noqa: F401  # the last two register rules
from lightnets_edu.counting.shapes import ShapeTensor
from lightnets_edu.counting.trace import Trace

LayerRule = Callable[[Trace, nn.Module, ShapeTensor], ShapeTensor]
LAYER_RULES: dict[type[nn.Module], LayerRule] = {}


def layer_rule(*kinds: type[nn.Module]) -> Callable[[LayerRule], LayerRule]:
    """Register a rule for layers of exactly these classes: ``(trace, layer, input) -> output``."""

    def register(function: LayerRule) -> LayerRule:
        LAYER_RULES.update(dict.fromkeys(kinds, function))
        return function

    return register


def _weights(m: nn.Module) -> tuple[Any, Any]:
    """Weight and bias of a layer, past nn.Module's slow attribute look-up where they are plain parameters."""
    parameters = m._parameters
    if "weight" in parameters and "bias" in parameters:
        return parameters["weight"], parameters["bias"]
    return m.weight, m.bias


@layer_rule(nn.Conv1d, nn.Conv2d, nn.Conv3d)
def _convolution(trace, m, x):
    weight, bias = _weights(m)
    if x.dtype != weight.dtype:
        return NotImplemented
    kind = type(m).__name__
    return products.convolve(trace, kind, x, weight, bias, m.stride, m.padding, m.dilation, m.groups)


@layer_rule(nn.Linear)
def _linear(trace, m, x):
    weight, bias = _weights(m)
    return products.linear(trace, x, weight, bias, kind="Linear")


_DIMENSIONS = {nn.BatchNorm1d: (2, 3), nn.BatchNorm2d: (4,), nn.BatchNorm3d: (5,)}


@layer_rule(*_DIMENSIONS)
def _batch_norm(trace, m, x):
    kind = type(m)
    if len(x.shape) not in _DIMENSIONS[kind] or x.shape[1] != m.num_features:
        return NotImplemented
    has_statistics = m._buffers["running_mean"] is not None
    return elementwise.channel_norm(trace, kind.__name__, x, *_weights(m), has_statistics)


@layer_rule(nn.ReLU, nn.ReLU6, nn.Hardswish, nn.Hardsigmoid, nn.Sigmoid, nn.SiLU, nn.GELU)
def _activation(trace, m, x):
    return elementwise.activation(trace, x, kind=type(m).__name__)


@layer_rule(nn.Softmax, nn.LogSoftmax)
def _softmax(trace, m, x):
    return elementwise.softmax(trace, x, m.dim, kind=type(m).__name__)


@layer_rule(nn.MaxPool2d)
def _max_pool(trace, m, x):
    settings = (m.kernel_size, m.stride, m.padding, m.dilation, m.ceil_mode, m.return_indices)
    return pooling.max_pool(trace, x, *settings, kind="MaxPool2d")


@layer_rule(nn.AvgPool2d)
def _avg_pool(trace, m, x):
    return pooling.avg_pool(trace, x, m.kernel_size, m.stride, m.padding, m.ceil_mode, kind="AvgPool2d")


@layer_rule(nn.AdaptiveAvgPool2d)
def _adaptive_pool(trace, m, x):
    return pooling.adaptive_pool(trace, x, m.output_size, kind=type(m).__name__)


@layer_rule(nn.Identity, nn.Dropout, nn.Dropout2d)
def _unchanged(trace, m, x):
    return x
