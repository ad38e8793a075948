"""Names for what a network's layers repeat, so that a page writes and computes it once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sympy as sp

from lightnets_edu.formulas import conv_output_size
from lightnets_edu.models.cost import Layer
from lightnets_edu.pages.widget.widgets import number


def name_values(layers: Iterable[Layer]) -> tuple[list[Layer], dict[str, sp.Expr]]:
    """Give each setting of a network's layers a name, unless it is a number or a symbol; equal ones have one name.

    Numbers of channels and sides of maps are long expressions of a page's sliders, and come again in every layer.

    Args:
        layers: From the ``layers(...)`` of a network's module, over symbols. Every setting is a positive whole number.

    Returns:
        The layers with symbols as settings, and what the symbols stand for: a widget's ``definitions``.
    """
    symbols: dict[sp.Expr, sp.Symbol] = {}
    definitions: dict[str, sp.Expr] = {}

    def named(setting: str, value: Any) -> sp.Expr:
        value = sp.sympify(value)
        if value.is_number or value.is_Symbol:
            return value
        if value not in symbols:
            name = f"{setting}_{len(definitions)}"
            definitions[name] = value.xreplace(symbols)
            symbols[value] = number(name)
        return symbols[value]

    found = []
    for name, formula, settings in layers:
        found.append((name, formula, {key: named(key, value) for key, value in settings.items()}))
    return found, definitions


def halved_sides(size: sp.Expr, names: Iterable[str]) -> dict[str, sp.Expr]:
    """The side of the map after each of several 3 x 3 convolutions of stride 2, under these names.

    Args:
        size: Side of the image.
        names: Names of the sides, from the image inwards.

    Returns:
        A widget's ``definitions``: each side from the one before.
    """
    definitions = {}
    for name in names:
        definitions[name] = conv_output_size(in_size=size, kernel_size=3, stride=2, padding=1)
        size = number(name)
    return definitions
