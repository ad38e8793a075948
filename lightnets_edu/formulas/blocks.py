"""What the formulas of blocks share: how a batch norm enters, sizes behind a stride, layers that may be absent.

A block's cost is composed from the cost of its layers, as `lightnets_edu.count` totals them: parameters with those of
the batch norms; MACs, FLOPs and memory access of convolutions and linear layers; activations of convolutions only.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import sympy as sp

from lightnets_edu.formulas.checks import Check
from lightnets_edu.formulas.cost import CostTerms, Setting
from lightnets_edu.formulas.layers import batch_norm2d, conv_output_size, h_in, pointwise_conv2d, w_in


def norm_params(num_features: sp.Expr) -> CostTerms:
    """A batch norm inside a block: it has parameters, but neither MACs nor a share in activations or memory access."""
    return CostTerms(params=batch_norm2d.params.expr.subs(batch_norm2d.settings[0].symbol, num_features))


def pointwise_norm(in_channels: Any, out_channels: Any, size: tuple[Any, Any], groups: Any = 1) -> CostTerms:
    """A 1x1 convolution without bias, on maps of a size (height, width), and its batch norm."""
    convolution = pointwise_conv2d.terms(
        in_channels=in_channels, out_channels=out_channels, groups=groups, out_height=size[0], out_width=size[1]
    )
    return convolution + norm_params(out_channels)


def only_if(condition: sp.Basic, terms: CostTerms) -> CostTerms:
    """Layers that are there only where a condition holds."""
    cases = (((getattr(terms, field.name), condition), (sp.Integer(0), True)) for field in fields(terms))
    return CostTerms(*(sp.Piecewise(*case) for case in cases))


def times(factor: Any, terms: CostTerms) -> CostTerms:
    """So many times the same layers."""
    return CostTerms(*(factor * getattr(terms, field.name) for field in fields(terms)))


def odd_kernel_check(setting: Setting) -> Check:
    """The check that a kernel's side is odd."""
    name = setting.name
    return Check(
        sp.Eq(sp.Mod(setting.symbol, 2), 1),
        f"{name}={{{name}}} is even: with the same padding on each side only an odd kernel keeps the size of the map; "
        "try 1, 3, 5 …",
    )


def strided(kernel_size: sp.Expr, stride: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """Height and width behind a convolution with padding (kernel_size - 1) / 2, from in_height and in_width."""
    padding = (kernel_size - 1) / 2
    settings = {"kernel_size": kernel_size, "stride": stride, "padding": padding}
    return conv_output_size(in_size=h_in, **settings), conv_output_size(in_size=w_in, **settings)


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
