"""What should it cost? Closed forms, each written once as a SymPy expression."""

from lightnets_edu.formulas.checks import Check
from lightnets_edu.formulas.cost import Cost, CostFormula, CostTerms, Quantity, Setting
from lightnets_edu.formulas.layers import (
    batch_norm2d,
    conv2d,
    conv_output_size,
    depthwise_conv2d,
    depthwise_separable_conv2d,
    linear,
    make_divisible,
    pointwise_conv2d,
)

__all__ = [
    "Check",
    "Cost",
    "CostFormula",
    "CostTerms",
    "Quantity",
    "Setting",
    "batch_norm2d",
    "conv2d",
    "conv_output_size",
    "depthwise_conv2d",
    "depthwise_separable_conv2d",
    "linear",
    "make_divisible",
    "pointwise_conv2d",
]
