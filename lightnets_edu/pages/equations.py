"""Formulas in a notebook: the expression, the numbers put in, the result."""

from __future__ import annotations

from IPython.display import Math

from lightnets_edu.formulas import Quantity

NAMES = {
    "params": r"\text{params}",
    "macs": r"\text{MACs}",
    "flops": r"\text{FLOPs}",
    "exact_flops": r"\text{FLOPs}_\text{exact}",
    "activations": r"\text{activations}",
    "memory_access": r"\text{memory access}",
}


def show(quantity: Quantity, **values: int) -> Math:
    """Typeset a quantity, such as ``show(conv2d.macs, in_channels=3, ...)``; without values the formula alone.

    Raises:
        ValueError: If a value is not allowed; the sentence says what is.
    """
    name = NAMES.get(quantity.name, rf"\text{{{quantity.name}}}")
    if not values:
        return Math(f"{name} = {quantity.latex}")
    lines = rf"{name} &= {quantity.latex} \\ &= {quantity.worked(**values)}"
    return Math(rf"\begin{{aligned}} {lines} \end{{aligned}}")
