"""ShuffleNetV1: the shuffle itself, and every network of the paper's table."""

from __future__ import annotations

from typing import Any, ClassVar

import sympy as sp

from lightnets_edu.formulas import Check, conv2d, conv_output_size, depthwise_conv2d, linear
from lightnets_edu.formulas.cost import CostTerms
from lightnets_edu.models.cost import network_terms
from lightnets_edu.models.shufflenet_v1 import STAGE_CHANNELS, layers, shuffle_unit_v1
from lightnets_edu.pages.widget.naming import layers_by_choice, name_values
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

LAYERS, NUMBERS = layers_by_choice(
    {
        (groups, percent): layers(groups, percent / 100, size=INPUT_SIZE.symbol)
        for groups in STAGE_CHANNELS
        for percent, _ in WIDTHS
    }
)
NAMED, DEFINITIONS = name_values(LAYERS)
TOTAL = network_terms(NAMED)
STEM, CLASSIFIER = (network_terms(layer for layer in NAMED if layer[1] is kind) for kind in (conv2d, linear))
LAST_CHANNELS = NAMED[-1][2]["in_features"]


def _depthwise() -> CostTerms:
    """The depthwise convolutions inside the units."""
    total = CostTerms()
    for _, formula, unit in NAMED:
        if formula is shuffle_unit_v1:
            window = {"kernel_size": 3, "stride": unit["stride"], "padding": 1}
            side = conv_output_size(in_size=unit["in_height"], **window)
            filters = {"in_channels": unit["bottleneck_channels"], "kernel_size": 3}
            total += depthwise_conv2d.terms(**filters, out_height=side, out_width=side)
    return total


class ShuffleNetV1Explorer(Widget):
    """Parameters and MACs of every network of the paper's table, at any image size."""

    name = "shufflenet_v1_explorer"
    title = "More groups, more channels, the same cost"
    description = "Change the groups: the channels grow, and the cost hardly moves."
    controls = (GROUPS, WIDTH, INPUT_SIZE)
    lookups = (Lookup("channels", ("groups", "width_percent"), tuple(NUMBERS[GROUPS.default, WIDTH.default])),)
    definitions = DEFINITIONS
    outputs = (
        Output("params", "Parameters", TOTAL.params),
        Output("macs", "MACs", TOTAL.macs, help="of one image"),
        Output("activations", "Activations", TOTAL.activations, help="elements that convolutions write"),
        Output("last_channels", "Channels of stage 4", LAST_CHANNELS),
        Output("stem_macs", "First convolution", STEM.macs),
        Output("depthwise_macs", "Depthwise, 3×3", _depthwise().macs),
        Output("classifier_macs", "Classifier", CLASSIFIER.macs),
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
        return {"channels": {str(g): {str(p): NUMBERS[g, p] for p, _ in WIDTHS} for g in STAGE_CHANNELS}}
