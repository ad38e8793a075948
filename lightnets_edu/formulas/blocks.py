"""What the formulas of blocks share: how a batch norm enters, sizes after a stride, layers that may be absent.

A block's formula stands beside the block, in `lightnets_edu.models`. It is composed from the cost of the block's layers
as `lightnets_edu.count` totals them: parameters with those of the batch norms; MACs, FLOPs and memory access of
convolutions and linear layers; activations of convolutions only.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import sympy as sp

from lightnets_edu.formulas.checks import Check
from lightnets_edu.formulas.cost import CostTerms, Setting
from lightnets_edu.formulas.layers import (
    IN_CHANNELS,
    OUT_CHANNELS,
    STRIDE,
    batch_norm2d,
    conv_output_size,
    depthwise_conv2d,
    pointwise_conv2d,
)

Size = tuple[Any, Any]  # height and width of a map, in pixels

#: A block knows the size that comes in; the size that goes out follows from its stride.
INPUT_MAP = (
    Setting("in_height", r"H_\text{in}", "rows of the input map"),
    Setting("in_width", r"W_\text{in}", "columns of the input map"),
)

NO_SQUEEZE = Setting(
    "squeeze_channels",
    r"C_\text{r}",
    "channels inside squeeze-and-excitation, 0 for a block without it",
    default=0,
    minimum=0,
)

STRIDE_IS_1_OR_2 = Check(
    sp.Le(STRIDE.symbol, 2), "stride should be 1 or 2 instead of {stride}: the paper has units of no other"
)
STRIDE_1_KEEPS_CHANNELS = Check(
    sp.Or(sp.Ne(STRIDE.symbol, 1), sp.Eq(IN_CHANNELS.symbol, OUT_CHANNELS.symbol)),
    "in_channels={in_channels} and out_channels={out_channels} should be equal for stride 1: the unit's input is a "
    "part of its output",
)


def odd_kernel_check(setting: Setting) -> Check:
    """The check that a kernel's side is odd."""
    name = setting.name
    return Check(
        sp.Eq(sp.Mod(setting.symbol, 2), 1),
        f"{name}={{{name}}} is even: with the same padding on each side only an odd kernel keeps the size of the map; "
        "try 1, 3, 5 …",
    )


def strided(size: Size, kernel_size: Any, stride: Any) -> Size:
    """Height and width after a convolution with padding (kernel_size - 1) / 2, of a map of this size."""
    window = {"kernel_size": sp.sympify(kernel_size), "stride": stride, "padding": (sp.sympify(kernel_size) - 1) / 2}
    return conv_output_size(in_size=size[0], **window), conv_output_size(in_size=size[1], **window)


def maps(out: Size, into: Size | None = None) -> dict[str, Any]:
    """The settings that say how large a convolution's maps are; the input is as large as the output unless told."""
    into = out if into is None else into
    return {"out_height": out[0], "out_width": out[1], "in_height": into[0], "in_width": into[1]}


def norm_params(num_features: Any) -> CostTerms:
    """A batch norm inside a block: it has parameters, but neither MACs nor a share in activations or memory access."""
    return CostTerms(params=batch_norm2d.params(num_features=sp.sympify(num_features), out_height=1, out_width=1))


def pointwise_norm(in_channels: Any, out_channels: Any, size: Size, *, groups: Any = 1, stride: Any = 1) -> CostTerms:
    """A 1x1 convolution without bias, of maps of a size and with a stride, and its batch norm."""
    out = size if stride == 1 else strided(size, 1, stride)
    channels = {"in_channels": in_channels, "out_channels": out_channels}
    return pointwise_conv2d.terms(**channels, groups=groups, **maps(out, size)) + norm_params(out_channels)


def depthwise_norm(channels: Any, kernel_size: Any, size: Size, *, stride: Any) -> CostTerms:
    """A depthwise convolution without bias, of maps of a size and with a stride, and its batch norm."""
    out = strided(size, kernel_size, stride)
    filtering = depthwise_conv2d.terms(in_channels=channels, kernel_size=kernel_size, **maps(out, size))
    return filtering + norm_params(channels)


def only_if(condition: sp.Basic, terms: CostTerms) -> CostTerms:
    """Layers that are there only where a condition holds."""
    cases = (((getattr(terms, field.name), condition), (sp.Integer(0), True)) for field in fields(terms))
    return CostTerms(*(sp.Piecewise(*case) for case in cases))


def times(factor: Any, terms: CostTerms) -> CostTerms:
    """So many times the same layers."""
    return CostTerms(*(factor * getattr(terms, field.name) for field in fields(terms)))
