"""What the formulas of blocks share: how a batch norm enters, and sizes behind a stride."""

from __future__ import annotations

import sympy as sp

from lightnets_edu.formulas.cost import CostTerms, Setting
from lightnets_edu.formulas.layers import batch_norm2d, conv_output_size, h_in, w_in


def norm_params(num_features: sp.Expr) -> CostTerms:
    """A batch norm inside a block: it has parameters, but neither MACs nor a share in activations or memory access."""
    return CostTerms(params=batch_norm2d.params.expr.subs(batch_norm2d.settings[0].symbol, num_features))


def strided(kernel_size: sp.Expr, stride: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """Height and width behind a convolution with padding (kernel_size - 1) / 2, from in_height and in_width."""
    padding = (kernel_size - 1) / 2
    settings = {"kernel_size": kernel_size, "stride": stride, "padding": padding}
    return tuple(conv_output_size(in_size=side, **settings) for side in (h_in, w_in))


#: A block knows the size that comes in; the size that goes out follows from its stride.
INPUT_MAP = (
    Setting("in_height", r"H_\text{in}", "rows of the input map"),
    Setting("in_width", r"W_\text{in}", "columns of the input map"),
)
