"""Names for what a network's layers repeat, so that a page writes and computes it once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sympy as sp

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


def layers_by_choice(networks: Mapping[Any, Iterable[Layer]]) -> tuple[list[Layer], dict[Any, dict[str, int]]]:
    """The layers of several networks at once, with a symbol for each setting in which the networks differ.

    Args:
        networks: What is chosen to the network's layers. All have the same layers, with other numbers.

    Returns:
        The layers, and what is chosen to the symbols' values: the rows of a widget's ``Lookup``.
    """
    names: dict[tuple[int, ...], str] = {}
    found = []
    for layer in zip(*networks.values(), strict=True):
        (name, formula, settings), *_ = layer
        values = {key: tuple(settings[key] for _, _, settings in layer) for key in settings}
        changing = {key: numbers for key, numbers in values.items() if len(set(numbers)) > 1}
        symbols = {key: number(names.setdefault(numbers, f"c{len(names)}")) for key, numbers in changing.items()}
        found.append((name, formula, settings | symbols))
    rows = zip(networks, zip(*names, strict=True), strict=True)
    return found, {choice: dict(zip(names.values(), row, strict=True)) for choice, row in rows}
