"""GhostNet: the Ghost module beside the convolution it replaces, and the network."""

from __future__ import annotations

from typing import Any, ClassVar

import sympy as sp

from lightnets_edu.formulas import conv2d, depthwise_conv2d
from lightnets_edu.models.cost import Layer, network_terms
from lightnets_edu.models.ghostnet import ghost_bottleneck, ghost_module, layers
from lightnets_edu.pages.widget.naming import layers_by_choice, name_values
from lightnets_edu.pages.widget.widgets import Choice, Lookup, Output, Picture, Row, Slider, Table, Widget, number

# --- One module -----------------------------------------------------------------------------------------------------

RATIO = Slider("ratio", "Ratio s", 2, 8, 2)
CHEAP_KERNEL = Choice(
    "cheap_kernel_size", "Cheap kernel d", ((1, "1 × 1"), (3, "3 × 3"), (5, "5 × 5"), (7, "7 × 7")), 3
)
IN_CHANNELS = Slider("in_channels", "Input channels", 4, 512, 64, step=4)
OUT_CHANNELS = Slider("out_channels", "Output channels", 8, 512, 128, step=8)
PRIMARY_KERNEL = Choice("kernel_size", "Primary kernel k", ((1, "1 × 1"), (3, "3 × 3"), (5, "5 × 5")), 1)
MAP_SIDE = Slider("side", "Side of the map", 7, 112, 28, step=7, unit="px")


def _module_terms() -> dict[str, Any]:
    """The module's terms, its two halves', and those of the plain convolution."""
    c_in, c_out, k, d = IN_CHANNELS.symbol, OUT_CHANNELS.symbol, PRIMARY_KERNEL.symbol, CHEAP_KERNEL.symbol
    side, intrinsic = MAP_SIDE.symbol, number("intrinsic")
    maps = {"out_height": side, "out_width": side}
    ghost = {"ratio": RATIO.symbol, "cheap_kernel_size": d, "kernel_size": k, "in_height": side, "in_width": side}
    return {
        "ghost": ghost_module.terms(in_channels=c_in, out_channels=c_out, **ghost),
        "primary": conv2d.terms(in_channels=c_in, out_channels=intrinsic, kernel_size=k, **maps),
        "cheap": depthwise_conv2d.terms(in_channels=intrinsic, out_channels=number("ghosts"), kernel_size=d, **maps),
        "plain": conv2d.terms(in_channels=c_in, out_channels=c_out, kernel_size=k, **maps),
    }


MODULE = _module_terms()


class GhostModuleExplorer(Widget):
    """A Ghost module beside the convolution with the same inputs and outputs."""

    name = "ghost_module_explorer"
    title = "How many maps can be ghosts?"
    description = "Raise the ratio: is the module s times as fast in theory? Then lower the input channels."
    controls = (RATIO, CHEAP_KERNEL, IN_CHANNELS, OUT_CHANNELS, PRIMARY_KERNEL, MAP_SIDE)
    definitions: ClassVar = {
        "intrinsic": sp.ceiling(OUT_CHANNELS.symbol / RATIO.symbol),
        "ghosts": number("intrinsic") * (RATIO.symbol - 1),
    }
    outputs = (
        Output(
            "limit",
            "The ratio itself",
            RATIO.symbol + 0,
            "times",
            digits=2,
            help="what the speed-up tends to with many input channels",
        ),
        Output("primary_maps", "Maps of the primary convolution", number("intrinsic")),
        Output("ghost_maps", "Ghosts", number("ghosts"), help="if s does not divide the outputs, a few are dropped"),
        Output("ghost_macs", "Ghost module: MACs", MODULE["ghost"].macs),
        Output("plain_macs", "Convolution: MACs", MODULE["plain"].macs),
        Output("ghost_params", "Ghost module: parameters", MODULE["ghost"].params, help="with its batch norms"),
        Output("ghost_weights", "Ghost module: weights", MODULE["primary"].params + MODULE["cheap"].params),
        Output("plain_weights", "Convolution: weights", MODULE["plain"].params),
        Output(
            "speedup",
            "Theoretical speed-up r_s",
            number("plain_macs") / number("ghost_macs"),
            "times",
            digits=2,
            help="MACs of the plain convolution over those of the module",
        ),
        Output(
            "compression",
            "Compression r_c",
            number("plain_weights") / number("ghost_weights"),
            "times",
            digits=2,
            help="the same with weights, batch norms left out",
        ),
        Output("primary_macs", "Primary convolution: MACs", MODULE["primary"].macs),
        Output("cheap_macs", "Cheap kernels: MACs", MODULE["cheap"].macs),
        Output("primary_weights", "Primary convolution: weights", MODULE["primary"].params),
        Output("cheap_weights", "Cheap kernels: weights", MODULE["cheap"].params),
    )
    headline = ("speedup", "compression")
    tables = (
        Table(
            "The module's two halves, and the convolution it replaces (batch norms left out)",
            ("Weights", "MACs"),
            (
                Row("Primary convolution", ("primary_weights", "primary_macs")),
                Row("Cheap kernels", ("cheap_weights", "cheap_macs")),
                Row("Plain convolution", ("plain_weights", "plain_macs")),
            ),
        ),
    )
    picture = Picture("sweep", ("ratio", "speedup", "limit"))


# --- The network ----------------------------------------------------------------------------------------------------

WIDTHS = ((25, "0.25×"), (50, "0.5×"), (75, "0.75×"), (100, "1×"), (130, "1.3×"), (150, "1.5×"))
WIDTH = Choice("width_percent", "Width", WIDTHS, 100)
INPUT_SIZE = Slider("input_size", "Image size", 32, 320, 224, step=16, unit="px")

LABELS = {"blocks": "16 Ghost bottlenecks", "head": "1 × 1 to 1,280, classifier", "rest": "First and last convolution"}
HEAD = ("conv_head", "classifier")


def _part(layer: Layer) -> str:
    name, formula, _ = layer
    return "blocks" if formula is ghost_bottleneck else "head" if name in HEAD else "rest"


OPTIONS = {"ratio": RATIO.symbol, "cheap_kernel_size": CHEAP_KERNEL.symbol, "size": INPUT_SIZE.symbol}
LAYERS, CHANNELS = layers_by_choice({str(percent): layers(percent / 100, **OPTIONS) for percent, _ in WIDTHS})
NAMED, DEFINITIONS = name_values(LAYERS)
PARTS = {part: network_terms(layer for layer in NAMED if _part(layer) == part) for part in LABELS}


class GhostNetExplorer(Widget):
    """Parameters and MACs of every GhostNet there is."""

    name = "ghostnet_explorer"
    title = "More ghosts, or a narrower network?"
    description = "Ratio, cheap kernel, width, image size: watch which of them saves parameters, and which MACs."
    controls = (WIDTH, RATIO, CHEAP_KERNEL, INPUT_SIZE)
    lookups = (Lookup("channels", (WIDTH.name,), tuple(next(iter(CHANNELS.values())))),)
    definitions: ClassVar = DEFINITIONS
    outputs = (
        *(Output(f"{part}_params", f"{LABELS[part]}: parameters", terms.params) for part, terms in PARTS.items()),
        *(Output(f"{part}_macs", f"{LABELS[part]}: MACs", terms.macs) for part, terms in PARTS.items()),
        Output("params", "Parameters", sum(number(f"{part}_params") for part in PARTS)),
        Output("macs", "MACs", sum(number(f"{part}_macs") for part in PARTS), help="of one image"),
    )
    headline = ("params", "macs")
    tables = (Table.of_parts("Where they are", {"params": "Parameters", "macs": "MACs"}, LABELS),)

    def default_data(self) -> dict[str, Any]:
        """The channels of every network."""
        return {"channels": CHANNELS}
