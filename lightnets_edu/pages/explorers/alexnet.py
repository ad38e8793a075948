"""AlexNet of 2012: its groups, its images and its fully connected layers under the reader's finger."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import sympy as sp

from lightnets_edu.formulas import Check, conv2d, linear
from lightnets_edu.models.alexnet import HIDDEN_FEATURES, SMALLEST_IMAGE, layers
from lightnets_edu.models.cost import Layer, network_terms
from lightnets_edu.pages.widgets import Choice, Output, Picture, Row, Slider, Table, Widget, number

GROUPS = Choice(
    "groups", "Groups of the 2nd, 4th and 5th convolution", ((1, "1"), (2, "2, as in 2012"), (4, "4"), (8, "8")), 2
)
INPUT_SIZE = Slider("input_size", "Image size", 59, 323, 227, unit="px")
HIDDEN = Slider("hidden", "Outputs of each hidden fully connected layer", 512, HIDDEN_FEATURES, HIDDEN_FEATURES, 512)
NUM_CLASSES = Slider("num_classes", "Classes", 10, 1000, 1000, step=10)
LABELS = (
    "1st convolution, 11×11",
    "2nd convolution, 5×5",
    "3rd convolution, 3×3",
    "4th convolution, 3×3",
    "5th convolution, 3×3",
    "1st fully connected",
    "2nd fully connected",
    "3rd fully connected",
)


def _network() -> tuple[list[Layer], dict[str, sp.Expr]]:
    """The network's layers over symbols, and the definitions of the sides of their maps."""
    definitions: dict[str, sp.Expr] = {}
    found = []
    for index, (name, formula, settings) in enumerate(
        layers("2012", INPUT_SIZE.symbol, GROUPS.symbol, NUM_CLASSES.symbol)
    ):
        if formula is conv2d:
            side = number(f"side_{index + 1}")
            # A short name for each side: the formulas of later maps nest those of all earlier ones.
            definitions[side.name] = settings["out_height"].subs(
                {expr: number(earlier) for earlier, expr in _nested(definitions)}
            )
            settings = {**settings, "out_height": side, "out_width": side}
        else:
            settings = _with_hidden(settings)
        found.append((name, formula, settings))
    return found, definitions


def _nested(definitions: dict[str, sp.Expr]) -> Iterator[tuple[str, sp.Expr]]:
    yield from definitions.items()


def _with_hidden(settings: dict[str, Any]) -> dict[str, Any]:
    """A fully connected layer, with the slider in place of its 4096."""
    return {key: HIDDEN.symbol if value == HIDDEN_FEATURES else value for key, value in settings.items()}
