"""What should it cost? Closed forms, each written once as a SymPy expression.

Here are the formulas of layers. A block's formula stands beside the block, in its paper's file in
`lightnets_edu.models`, so that a reader sees both at once; models are built on formulas, so this room cannot import
them. But whoever looks for a formula looks here: ``from lightnets_edu.formulas import ghost_module`` gives it too.
Inside the package a block's formula is imported from its paper's file.
"""

from importlib import import_module

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

# A block's formula: its file in lightnets_edu.models.
_BLOCKS = {
    "fire_module": "squeezenet",
    "g_ghost_stage": "g_ghost_regnet",
    "ghost_bottleneck": "ghostnet",
    "ghost_module": "ghostnet",
    "inverted_residual": "mnasnet",
    "regnet_bottleneck": "regnet",
    "resnext_bottleneck": "resnet",
    "shuffle_unit_v1": "shufflenet_v1",
    "shuffle_unit_v2": "shufflenet_v2",
    "squeeze_excite": "squeeze_excitation",
    "wide_basic_block": "wide_resnet",
}

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
    *_BLOCKS,
]


def __getattr__(name: str) -> CostFormula:
    if name not in _BLOCKS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"lightnets_edu.models.{_BLOCKS[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_BLOCKS})
