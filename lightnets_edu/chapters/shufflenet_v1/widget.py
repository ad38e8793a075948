"""ShuffleNetV1: the shuffle itself, and every network of the paper's table."""

from __future__ import annotations

from typing import Any, ClassVar

import sympy as sp

from lightnets_edu.formulas import Check, batch_norm2d, conv2d, depthwise_conv2d, linear
from lightnets_edu.formulas.blocks import times
from lightnets_edu.formulas.cost import CostTerms
from lightnets_edu.models.cost import network_terms
from lightnets_edu.models.shufflenet_v1 import (
    STAGE_CHANNELS,
    UNITS,
    bottleneck_channels,
    shuffle_unit_v1,
    unit_channels,
)
from lightnets_edu.pages.widget.naming import halved_sides
from lightnets_edu.pages.widget.widgets import Choice, Lookup, Output, Picture, Row, Slider, Table, Widget, number

CHANNELS = Slider("channels", "Channels", 4, 32, 12)
SHUFFLED = Slider("groups", "Groups", 1, 16, 3, divides=("channels",))
PER_GROUP = sp.floor(CHANNELS.symbol / SHUFFLED.symbol)


class ChannelShuffleExplorer(Widget):
    """What one shuffle between two grouped convolutions is worth."""

    name = "channel_shuffle_explorer"
    title = "Who can hear whom?"
    description = "Two grouped 1×1 convolutions with a shuffle between them: choose groups, then let the channels move."
    controls = (CHANNELS, SHUFFLED)
    checks = (
        Check(
            sp.Eq(sp.Mod(CHANNELS.symbol, SHUFFLED.symbol), 0),
            "groups={groups} does not divide channels={channels}: each group needs the same number of channels; try "
            "{divisors(channels)}",
        ),
    )
    definitions: ClassVar = {"per_group": PER_GROUP}
    outputs = (
        Output("seen_without", "Inputs that an output sees, without the shuffle", number("per_group")),
        Output(
            "seen_with",
            "Inputs that an output sees, with it",
            # The channels of a group come from as many old groups as there are, if it has so many channels.
            number("per_group") * sp.Min(SHUFFLED.symbol, number("per_group")),
        ),
        Output("weights", "Weights of the two convolutions", 2 * CHANNELS.symbol * number("per_group")),
        Output("dense_weights", "Weights without groups", 2 * CHANNELS.symbol**2),
    )
    headline = ("seen_without", "seen_with")
    picture = Picture("shuffle", ("channels", "groups"))


WIDTHS = ((25, "0.25×"), (50, "0.5×"), (100, "1×"), (150, "1.5×"), (200, "2×"))
GROUPS = Choice("groups", "Groups", tuple((g, str(g)) for g in STAGE_CHANNELS), 3)
WIDTH = Choice("width_percent", "Width", WIDTHS, 100)
INPUT_SIZE = Slider("input_size", "Image size", 32, 320, 224, step=16, unit="px")
HIDDEN = ("hidden_2", "hidden_3", "hidden_4")
STAGES = ("channels_2", "channels_3", "channels_4")


def _network() -> tuple[dict[str, sp.Expr], dict[str, CostTerms]]:
    """Definitions of the maps' sides, and the terms of the whole network and of its parts."""
    side = number("side_stem")
    maps = {"out_height": side, "out_width": side}
    image = {"in_height": INPUT_SIZE.symbol, "in_width": INPUT_SIZE.symbol}
    stem = conv2d.terms(in_channels=3, out_channels=number("stem"), kernel_size=3, **maps, **image)
    norm = CostTerms(params=batch_norm2d.terms(num_features=number("stem"), **maps).params)
    channels, inner = number("stem"), number("side_1")
    units = depthwise = CostTerms()
    for stage, (out, hidden, repeat) in enumerate(zip(map(number, STAGES), map(number, HIDDEN), UNITS, strict=True)):
        outer = number(f"side_{stage + 2}")
        shared = {"out_channels": out, "bottleneck_channels": hidden, "groups": GROUPS.symbol}
        first = {"in_channels": channels, "first_groups": GROUPS.symbol if stage else 1, "stride": 2}
        units += shuffle_unit_v1.terms(**first, in_height=inner, in_width=inner, **shared)
        same = shuffle_unit_v1.terms(in_channels=out, stride=1, in_height=outer, in_width=outer, **shared)
        units += times(repeat - 1, same)
        one = depthwise_conv2d.terms(in_channels=hidden, kernel_size=3, out_height=outer, out_width=outer)
        depthwise += times(repeat, one)
        channels, inner = out, outer
    classifier = network_terms([("fc", linear, {"in_features": channels, "out_features": 1000, "bias": 1})])
    total = stem + norm + units + classifier
    sides = halved_sides(INPUT_SIZE.symbol, ("side_stem", "side_1", "side_2", "side_3", "side_4"))
    return sides, {"total": total, "stem": stem, "depthwise": depthwise, "classifier": classifier}


DEFINITIONS, TERMS = _network()


def _rows() -> dict[str, dict[str, dict[str, int]]]:
    """Channels by groups and width, from the paper's table."""
    table: dict[str, dict[str, dict[str, int]]] = {}
    for groups in STAGE_CHANNELS:
        for percent, _ in WIDTHS:
            stem, stages = unit_channels(groups, percent / 100)
            row = {"stem": stem} | dict(zip(STAGES, stages, strict=True))
            row |= {name: bottleneck_channels(c, groups) for name, c in zip(HIDDEN, stages, strict=True)}
            table.setdefault(str(groups), {})[str(percent)] = row
    return table


class ShuffleNetV1Explorer(Widget):
    """Parameters and MACs of every network of the paper's table, at any image size."""

    name = "shufflenet_v1_explorer"
    title = "More groups, more channels, the same cost"
    description = "Change the groups: the channels grow, and the cost hardly moves."
    controls = (GROUPS, WIDTH, INPUT_SIZE)
    lookups = (Lookup("channels", ("groups", "width_percent"), ("stem", *STAGES, *HIDDEN)),)
    definitions = DEFINITIONS
    outputs = (
        Output("params", "Parameters", TERMS["total"].params),
        Output("macs", "MACs", TERMS["total"].macs, help="of one image"),
        Output("activations", "Activations", TERMS["total"].activations, help="elements that convolutions write"),
        Output("last_channels", "Channels of stage 4", number("channels_4")),
        Output("stem_macs", "First convolution", TERMS["stem"].macs),
        Output("depthwise_macs", "Depthwise, 3×3", TERMS["depthwise"].macs),
        Output("classifier_macs", "Classifier", TERMS["classifier"].macs),
        Output(
            "pointwise_macs",
            "Pointwise, 1×1",
            number("macs") - number("stem_macs") - number("depthwise_macs") - number("classifier_macs"),
        ),
    )
    headline = ("params", "macs")
    tables = (
        Table(
            "Where the MACs are",
            ("MACs",),
            (
                Row("Pointwise, 1×1", ("pointwise_macs",)),
                Row("Depthwise, 3×3", ("depthwise_macs",)),
                Row("First convolution", ("stem_macs",)),
                Row("Classifier", ("classifier_macs",)),
            ),
        ),
    )

    def default_data(self) -> dict[str, Any]:
        """The channels of every network."""
        return {"channels": _rows()}
