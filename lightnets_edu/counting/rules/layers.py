"""Layers of torch.nn: each hands its settings to the rule of its function, without running its own Python.

A layer that is not here runs its own forward, which calls that function.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from lightnets_edu.counting.rules import elementwise, pooling, products, views
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


def _weights(m: nn.Module) -> tuple:
    """Weight and bias of a layer, past nn.Module's slow attribute look-up where they are plain parameters."""
    parameters = m._parameters
    weight = parameters["weight"] if "weight" in parameters else m.weight  # noqa: SIM401 (m.weight is what is slow)
    return weight, parameters["bias"]


@layer_rule(nn.Conv1d, nn.Conv2d, nn.Conv3d)
def _convolution(trace, m, x):
    weight, bias = _weights(m)
    return products.convolution(
        trace, x, weight, bias, m.stride, m.padding, m.dilation, m.groups, kind=type(m).__name__
    )


@layer_rule(nn.Linear)
def _linear(trace, m, x):
    weight, bias = _weights(m)
    return products.linear(trace, x, weight, bias, kind="Linear")


@layer_rule(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
def _batch_norm(trace, m, x):
    weight, bias = _weights(m)
    buffers = m._buffers
    return elementwise.batch_norm(
        trace, x, buffers["running_mean"], buffers["running_var"], weight, bias, kind=type(m).__name__
    )


@layer_rule(nn.ReLU, nn.ReLU6, nn.Hardswish, nn.Hardsigmoid, nn.Sigmoid, nn.SiLU, nn.GELU, nn.Softmax, nn.LogSoftmax)
def _activation(trace, m, x):
    return elementwise.activation(trace, x, kind=type(m).__name__)


@layer_rule(nn.MaxPool2d)
def _max_pool(trace, m, x):
    return pooling.max_pool(trace, x, m.kernel_size, m.stride, m.padding, m.dilation, m.ceil_mode, kind="MaxPool2d")


@layer_rule(nn.AvgPool2d)
def _avg_pool(trace, m, x):
    return pooling.avg_pool(trace, x, m.kernel_size, m.stride, m.padding, m.ceil_mode, kind="AvgPool2d")


@layer_rule(nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
def _adaptive_pool(trace, m, x):
    return pooling.adaptive_pool(trace, x, m.output_size, kind=type(m).__name__)


@layer_rule(nn.Identity, nn.Dropout, nn.Dropout2d)
def _unchanged(trace, m, x):
    return views.unchanged(trace, x)
