"""Whole networks summed from closed forms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

from lightnets_edu.formulas import Cost, CostFormula, CostTerms, batch_norm2d, linear

Layer = tuple[str, CostFormula, dict[str, Any]]
Part = TypeVar("Part", Cost, CostTerms)


def network_cost(layers: Iterable[Layer]) -> Cost:
    """Sum layers' costs by the rules of a network's total (those of `lightnets_edu.count`).

    Parameters of all layers; MACs, FLOPs and memory access of convolutions and linear layers; activations of
    convolutions.
    """
    return sum((_as_part(formula, formula(**settings)) for _, formula, settings in layers), Cost())


def network_terms(layers: Iterable[Layer]) -> CostTerms:
    """The same sum as expressions, for layers whose settings are SymPy symbols."""
    return sum((_as_part(formula, formula.terms(**settings)) for _, formula, settings in layers), CostTerms())


def _as_part(formula: CostFormula, cost: Part) -> Part:
    """What a layer adds to its network's totals."""
    if formula is batch_norm2d:
        return type(cost)(params=cost.params)
    if formula is linear:
        return replace(cost, activations=cost.activations * 0)
    return cost


def convolution_norm(
    names: tuple[str, str], formula: CostFormula, side: Any, in_side: Any, **settings: Any
) -> Iterator[Layer]:
    """A convolution and the batch norm after it, on square maps, as two layers of a network.

    Args:
        names: Of the convolution and of the batch norm.
        formula: Of the convolution.
        side: Side of the output map, in pixels; may be a SymPy expression, as all numbers here.
        in_side: Side of the input map, in pixels.
        **settings: The formula's other settings, ``out_channels`` among them.
    """
    out = {"out_height": side, "out_width": side}
    yield names[0], formula, {**settings, **out, "in_height": in_side, "in_width": in_side}
    yield names[1], batch_norm2d, {"num_features": settings["out_channels"], **out}
