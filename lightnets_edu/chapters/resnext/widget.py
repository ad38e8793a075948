"""ResNeXt's block with as many paths as you like, and the width at which it costs what ResNet's does."""

from __future__ import annotations

from typing import Any

import sympy as sp

from lightnets_edu.models.cost import network_terms
from lightnets_edu.models.resnet import DEPTHS, STAGES, resnext_bottleneck
from lightnets_edu.models.resnext import EQUAL_COMPLEXITY, layers
from lightnets_edu.pages.widget.widgets import Output, Picture, Slider, Table, Toggle, Widget, number

CHANNELS = STAGES[0][0]  # in and out of a block of the first stage
THIN = EQUAL_COMPLEXITY[0][1]  # width of ResNet's own bottleneck there: 1 x 64d
SIDE = 56  # of the first stage's maps, for images of 224 x 224
SHAPE = {"in_channels": CHANNELS, "out_channels": CHANNELS, "in_height": SIDE, "in_width": SIDE}

CARDINALITY = Slider("cardinality", "Cardinality C", 1, 64, 32)
PATH_WIDTH = Slider("bottleneck_width", "Width of a path d", 1, THIN, 4)
MIXED_UP = Toggle("mixed_up", "Mistake: d groups of C channels")
RESNET_WIDTH = Slider("resnet_width", "ResNet's width, for the budget", 32, 96, THIN, step=8)

COLUMNS = {"params": "Parameters", "macs": "MACs", "activations": "Activations"}


def _path_weights(width: Any) -> Any:
    """Weights of one path: 1x1 down, 3x3, 1x1 up."""
    return 2 * CHANNELS * width + 9 * width**2


# --- One block ------------------------------------------------------------------------------------------------------

c, d, swapped = CARDINALITY.symbol, PATH_WIDTH.symbol, MIXED_UP.symbol
GROUPS, GROUP_WIDTH = number("groups"), number("group_width")
BLOCKS = {
    "block": ("This block", resnext_bottleneck.terms(**SHAPE, groups=GROUPS, group_width=GROUP_WIDTH)),
    "paper": ("ResNeXt's, 32 × 4d", resnext_bottleneck.terms(**SHAPE, groups=32, group_width=4)),
    "resnet": ("ResNet's, 1 × 64d", resnext_bottleneck.terms(**SHAPE, groups=1, group_width=THIN)),
}


class ResNeXtBlockExplorer(Widget):
    """A block of any cardinality and width, with its connections, beside ResNet's."""

    name = "resnext_block_explorer"
    title = "Paths, groups and connections"
    description = "The picture shows what the 3×3 convolution connects: see what the cardinality cuts away."
    controls = (CARDINALITY, PATH_WIDTH, MIXED_UP)
    definitions = {  # noqa: RUF012
        "groups": c * (1 - swapped) + d * swapped,
        "group_width": d * (1 - swapped) + c * swapped,
    }
    outputs = (
        Output("channels", "Channels of the 3×3, C · d", c * d),
        Output("kernels", "Kernels of the 3×3", GROUPS * GROUP_WIDTH**2, help="pairs of connected channels"),
        Output(
            "percent",
            "Cost of this block",
            100 * GROUPS * _path_weights(GROUP_WIDTH) / _path_weights(THIN),
            "% of ResNet's",
            digits=1,
            help="weights of its convolutions, and so its MACs",
        ),
        Output("group_count", "Groups", GROUPS),
        Output("group_channels", "Channels of a group", GROUP_WIDTH),
        Output(
            "connected",
            "Channels that each output reads",
            100 / GROUPS,
            "%",
            digits=1,
            help="of all in the middle of the block",
        ),
        Output("middle_weights", "Weights of the 3×3", 9 * GROUPS * GROUP_WIDTH**2),
        Output("outer_weights", "Weights of the two 1×1", 2 * CHANNELS * GROUPS * GROUP_WIDTH),
        *(
            Output(f"{kind}_{quantity}", f"{label}: {words}", getattr(terms, quantity))
            for kind, (label, terms) in BLOCKS.items()
            for quantity, words in COLUMNS.items()
        ),
    )
    headline = ("percent", "channels", "kernels")
    tables = (
        Table.of_parts(
            f"One block of the first stage: {CHANNELS} channels in and out, maps of {SIDE} × {SIDE}",
            COLUMNS,
            {kind: label for kind, (label, _) in BLOCKS.items()},
        ),
    )
    picture = Picture("connectivity", ("channels", "channels", "groups"))


# --- Equal cost -----------------------------------------------------------------------------------------------------

BUDGET, EQUAL_WIDTH = number("budget"), number("equal_width")
# The solution of C (9 d^2 + 2 channels d) = budget for d.
EXACT_WIDTH = (sp.sqrt(CHANNELS**2 + 9 * BUDGET / c) - CHANNELS) / 9
NETWORK = network_terms(layers(DEPTHS[50], c, EQUAL_WIDTH))


def _equal_width() -> sp.Expr:
    """The width d at which C paths have most nearly as many weights as ResNet's one.

    The cost rises with d, so each d from 2 on counts that is at least as near to the budget as the one before it.
    """
    widths = range(2, int(RESNET_WIDTH.maximum) + 1)
    both = ((_path_weights(width) + _path_weights(width - 1)) * c for width in widths)
    # SymPy need not try to simplify these: that would take longer than all else here.
    nearer = (sp.Le(cost, 2 * BUDGET, evaluate=False) for cost in both)
    return sp.Add(1, *(sp.Piecewise((1, condition), (0, True), evaluate=False) for condition in nearer))


class ResNeXtEqualCost(Widget):
    """For each cardinality the width at which a block costs as much as ResNet's."""

    name = "resnext_equal_cost"
    title = "More paths for the same money"
    description = "Raise the cardinality: the paths become narrower, so that the block's cost stays."
    controls = (CARDINALITY, RESNET_WIDTH)
    definitions = {"budget": _path_weights(RESNET_WIDTH.symbol)}  # noqa: RUF012
    outputs = (
        Output("equal_width", "Width of a path d", _equal_width(), help="the whole number nearest to equal cost"),
        Output("channels", "Channels of the 3×3, C · d", c * EQUAL_WIDTH, "channels"),
        Output("exact_width", "Width d, exactly", EXACT_WIDTH, digits=2, help="if it need not be a whole number"),
        Output("exact_channels", "C · d, exactly", c * EXACT_WIDTH, "channels", digits=1),
        Output(
            "limit",
            "If the 3×3 cost nothing",
            BUDGET / (2 * CHANNELS),
            "channels",
            digits=1,
            help="what the two 1×1 convolutions alone allow",
        ),
        Output(
            "percent",
            "Cost of the block",
            100 * c * _path_weights(EQUAL_WIDTH) / BUDGET,
            "% of ResNet's",
            digits=1,
            help="not quite 100, since d is a whole number",
        ),
        *(
            Output(
                f"network_{quantity}",
                f"50 layers of such blocks: {words.lower() if words != 'MACs' else words}",
                getattr(NETWORK, quantity),
            )
            for quantity, words in COLUMNS.items()
        ),
    )
    headline = ("equal_width", "channels", "percent")
    picture = Picture("sweep", ("cardinality", "channels", "exact_channels", "limit"))
