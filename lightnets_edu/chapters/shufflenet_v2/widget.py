"""ShuffleNetV2: the first guideline as a curve, and the four networks of the paper's table in both versions."""

from __future__ import annotations

from typing import Any, ClassVar

import sympy as sp

from lightnets_edu.formulas import pointwise_conv2d
from lightnets_edu.formulas.cost import CostTerms
from lightnets_edu.models.cost import network_terms
from lightnets_edu.models.shufflenet_v2 import VARIANTS, layers, shuffle_unit_v2
from lightnets_edu.pages.widget.naming import layers_by_choice, name_values
from lightnets_edu.pages.widget.widgets import Choice, Lookup, Output, Picture, Slider, Widget, number, real

# The product of input and output channels that the first widget holds, as far as whole channels allow.
PRODUCT = 128 * 128
IN_CHANNELS = Slider("in_channels", "Input channels", 16, 512, 128, step=8)
SIDE = Choice("side", "Map size", ((56, "56 × 56"), (28, "28 × 28"), (14, "14 × 14"), (7, "7 × 7")), 56)


def _pointwise() -> CostTerms:
    maps = {"out_height": SIDE.symbol, "out_width": SIDE.symbol}
    return pointwise_conv2d.terms(in_channels=IN_CHANNELS.symbol, out_channels=number("out_channels"), **maps)


class EqualWidthExplorer(Widget):
    """Memory access of pointwise convolutions of (nearly) equal MACs: guideline G1."""

    name = "equal_width_explorer"
    title = "The same arithmetic, more traffic"
    description = "Make the convolution's input narrower and its output wider: MACs stay, memory access does not."
    controls = (IN_CHANNELS, SIDE)
    definitions: ClassVar = {
        "out_channels": sp.floor((2 * PRODUCT + IN_CHANNELS.symbol) / (2 * IN_CHANNELS.symbol)),
        "pixels": SIDE.symbol**2,
    }
    outputs = (
        Output("macs", "MACs", _pointwise().macs),
        Output("memory_access", "Memory access", _pointwise().memory_access, help="elements read and written"),
        Output("wide", "Output channels", number("out_channels"), help="chosen for nearly equal MACs"),
        Output(
            "bound",
            "The least possible at these MACs",
            2 * sp.sqrt(number("pixels") * number("macs")) + number("macs") / number("pixels"),
            digits=1,
            help="with as many input as output channels",
        ),
        Output("excess", "Memory access, times the least", number("memory_access") / real("bound"), digits=3),
    )
    headline = ("macs", "memory_access", "excess")
    picture = Picture("sweep", ("in_channels", "memory_access"))


WIDTHS = (("0.5", "0.5×"), ("1.0", "1×"), ("1.5", "1.5×"), ("2.0", "2×"))
WIDTH = Choice("width", "Width", WIDTHS, "1.0")
VERSION = Choice(
    "variant", "Version", (("torchvision", "torchvision"), ("megvii", "Megvii (the paper's)")), "torchvision"
)
INPUT_SIZE = Slider("input_size", "Image size", 32, 320, 224, step=16, unit="px")
LAYERS, CHANNELS = layers_by_choice(
    {
        (width, variant): layers(width, variant=variant, size=INPUT_SIZE.symbol)
        for width, _ in WIDTHS
        for variant in VARIANTS
    }
)
NAMED, DEFINITIONS = name_values(LAYERS)
TOTAL = network_terms(NAMED)
IN_UNITS = network_terms(layer for layer in NAMED if layer[1] is shuffle_unit_v2)


class ShuffleNetV2Explorer(Widget):
    """Parameters, MACs and memory access of the four networks, in torchvision's version and in the authors'."""

    name = "shufflenet_v2_explorer"
    title = "Four networks, two versions"
    description = "The paper's numbers are Megvii's version's. At which widths does torchvision's differ?"
    controls = (WIDTH, VERSION, INPUT_SIZE)
    lookups = (Lookup("channels", ("width", "variant"), tuple(CHANNELS[WIDTH.default, VERSION.default])),)
    definitions = DEFINITIONS
    outputs = (
        Output("params", "Parameters", TOTAL.params),
        Output("macs", "MACs", TOTAL.macs, help="of one image"),
        Output("activations", "Activations", TOTAL.activations, help="elements that convolutions write"),
        Output("memory_access", "Memory access", TOTAL.memory_access, help="elements read and written"),
        Output("unit_macs", "MACs of the units", IN_UNITS.macs, help="without first, last and linear layer"),
    )
    headline = ("params", "macs")
    picture = Picture("sweep", ("input_size", "macs"))

    def default_data(self) -> dict[str, Any]:
        """The channels of every network."""
        return {"channels": {width: {v: CHANNELS[width, v] for v in VARIANTS} for width, _ in WIDTHS}}
