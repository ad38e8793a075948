"""What should it cost? Closed forms, each written once as a SymPy expression."""

from lightnets_edu.formulas.checks import Check
from lightnets_edu.formulas.cost import Cost, CostFormula, CostTerms, Quantity, Setting
from lightnets_edu.formulas.ghost import g_ghost_stage, ghost_bottleneck, ghost_module, regnet_bottleneck
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
from lightnets_edu.formulas.mobile import fire_module, inverted_residual, shuffle_unit_v1, shuffle_unit_v2
from lightnets_edu.formulas.residual import resnext_bottleneck, squeeze_excite, wide_basic_block

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
    "fire_module",
    "g_ghost_stage",
    "ghost_bottleneck",
    "ghost_module",
    "inverted_residual",
    "linear",
    "make_divisible",
    "pointwise_conv2d",
    "regnet_bottleneck",
    "resnext_bottleneck",
    "shuffle_unit_v1",
    "shuffle_unit_v2",
    "squeeze_excite",
    "wide_basic_block",
]
