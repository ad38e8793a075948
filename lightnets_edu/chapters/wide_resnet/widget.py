"""Every Wide ResNet there is: depth, widening factor and image size under the reader's finger."""

from __future__ import annotations

from typing import Any

import sympy as sp

from lightnets_edu.formulas import batch_norm2d, conv2d, conv_output_size, linear
from lightnets_edu.formulas.blocks import times
from lightnets_edu.formulas.cost import CostTerms
from lightnets_edu.models.cost import network_terms
from lightnets_edu.models.wide_resnet import GROUPS, STEM_CHANNELS, wide_basic_block
from lightnets_edu.pages.widget.widgets import Choice, Output, Picture, Slider, Table, Widget, number

DEPTH = Slider("depth", "Depth, 6 N + 4", 10, 100, 28, step=6)
WIDTH = Slider("width", "Widening factor k", 1, 16, 10)
INPUT_SIZE = Slider("input_size", "Image size", 8, 96, 32, step=8, unit="px")
NUM_CLASSES = Choice("num_classes", "Classes", ((10, "10 (CIFAR-10)"), (100, "100 (CIFAR-100)")), 10)

BLOCKS = number("blocks")


def _network() -> tuple[CostTerms, list[CostTerms], dict[str, sp.Expr]]:
    """The whole network, its three groups, and the definitions of the symbols that they use."""
    definitions: dict[str, sp.Expr] = {"blocks": sp.floor((DEPTH.symbol - 4) / (2 * len(GROUPS)))}
    side: Any = INPUT_SIZE.symbol
    channels: Any = STEM_CHANNELS
    stem = {"in_channels": 3, "out_channels": channels, "kernel_size": 3, "out_height": side, "out_width": side}
    groups = []
    for index, (thin_channels, stride) in enumerate(GROUPS, start=1):
        wide = WIDTH.symbol * thin_channels
        into = {"in_height": side, "in_width": side}
        first = wide_basic_block.terms(in_channels=channels, out_channels=wide, stride=stride, **into)
        definitions[f"side_{index}"] = conv_output_size(in_size=side, kernel_size=3, stride=stride, padding=1)
        side, channels = number(f"side_{index}"), wide
        same = wide_basic_block.terms(
            in_channels=channels, out_channels=channels, stride=1, in_height=side, in_width=side
        )
        groups.append(first + times(BLOCKS - 1, same))
    ends = network_terms(
        [
            ("conv1", conv2d, stem),
            ("bn1", batch_norm2d, {"num_features": channels, "out_height": side, "out_width": side}),
            ("fc", linear, {"in_features": channels, "out_features": NUM_CLASSES.symbol}),
        ]
    )
    return sum(groups, ends), groups, definitions


TOTAL, IN_GROUPS, DEFINITIONS = _network()
THIN = TOTAL.put({WIDTH.symbol: sp.Integer(1)})
COLUMNS = {"params": "Parameters", "macs": "MACs", "activations": "Activations"}


class WideResNetExplorer(Widget):
    """Parameters, MACs and activations of every Wide ResNet for small images."""

    name = "wide_resnet_explorer"
    title = "Deeper or wider?"
    description = "Depth adds blocks, width adds channels to each: watch what grows in proportion, and what faster."
    controls = (DEPTH, WIDTH, INPUT_SIZE, NUM_CLASSES)
    definitions = DEFINITIONS
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
