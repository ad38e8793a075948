"""Whole networks summed from closed forms."""

from __future__ import annotations

from collections.abc import Iterable
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
