"""Every Wide ResNet there is: depth, widening factor and image size under the reader's finger."""

from __future__ import annotations

import sympy as sp

from lightnets_edu.formulas.blocks import times
from lightnets_edu.models.cost import network_terms
from lightnets_edu.models.wide_resnet import GROUPS, layers
from lightnets_edu.pages.widget.widgets import Choice, Output, Picture, Slider, Table, Widget, number

DEPTH = Slider("depth", "Depth, 6 N + 4", 10, 100, 28, step=6)
WIDTH = Slider("width", "Widening factor k", 1, 16, 10)
INPUT_SIZE = Slider("input_size", "Image size", 8, 96, 32, step=8, unit="px")
NUM_CLASSES = Choice("num_classes", "Classes", ((10, "10 (CIFAR-10)"), (100, "100 (CIFAR-100)")), 10)

BLOCKS = number("blocks")
# The model with N = 2: of a group's blocks the first is like no other, the second like all that follow.
LAYERS = list(layers(6 * 2 + 4, WIDTH.symbol, num_classes=NUM_CLASSES.symbol, size=INPUT_SIZE.symbol))
TERMS = {layer[0]: network_terms([layer]) for layer in LAYERS}
IN_GROUPS = [
    TERMS[f"layer{index}.0"] + times(BLOCKS - 1, TERMS[f"layer{index}.1"]) for index in range(1, len(GROUPS) + 1)
]
TOTAL = sum(IN_GROUPS, network_terms(layer for layer in LAYERS if not layer[0].startswith("layer")))
THIN = TOTAL.put({WIDTH.symbol: sp.Integer(1)})
COLUMNS = {"params": "Parameters", "macs": "MACs", "activations": "Activations"}


class WideResNetExplorer(Widget):
    """Parameters, MACs and activations of every Wide ResNet for small images."""

    name = "wide_resnet_explorer"
    title = "Deeper or wider?"
    description = "Depth adds blocks, width adds channels to each: watch what grows in proportion, and what faster."
    controls = (DEPTH, WIDTH, INPUT_SIZE, NUM_CLASSES)
    definitions = {"blocks": sp.floor((DEPTH.symbol - 4) / (2 * len(GROUPS)))}  # noqa: RUF012
    outputs = (
        Output("params", "Parameters", TOTAL.params, help="with those of the batch norms"),
        Output("macs", "MACs", TOTAL.macs, help="multiply-accumulates for one image"),
        Output("activations", "Activations", TOTAL.activations, help="elements that convolutions write"),
        Output("memory_access", "Memory access", TOTAL.memory_access, help="elements read and written"),
        Output(
            "arithmetic_intensity",
            "Arithmetic intensity",
            2 * number("macs") / number("memory_access"),
            digits=1,
            help="FLOPs for each element moved, one image",
        ),
        Output("blocks_per_group", "Blocks in a group, N", BLOCKS),
        Output("nkk", "N · k²", BLOCKS * WIDTH.symbol**2, help="MACs and parameters follow it"),
        Output("nk", "N · k", BLOCKS * WIDTH.symbol, help="activations follow it"),
        *(
            Output(
                f"{quantity}_growth",
                f"{label}, against k = 1",
                number(quantity) / getattr(THIN, quantity),
                "times",
                digits=1,
                help="the same depth and images",
            )
            for quantity, label in COLUMNS.items()
        ),
        *(
            Output(f"group_{index}_{quantity}", f"Group {index}: {label}", getattr(terms, quantity))
            for index, terms in enumerate(IN_GROUPS, start=1)
            for quantity, label in COLUMNS.items()
        ),
    )
    headline = ("params", "macs", "activations")
    tables = (
        Table.of_parts(
            "Where they are: the three groups of blocks",
            COLUMNS,
            {f"group_{index}": f"Group {index}" for index in range(1, len(GROUPS) + 1)},
        ),
    )
    picture = Picture("sweep", ("width", *(f"{quantity}_growth" for quantity in COLUMNS)))
