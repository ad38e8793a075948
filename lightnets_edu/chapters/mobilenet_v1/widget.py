"""MobileNetV1 as a whole: the width multiplier and the resolution multiplier under the reader's finger."""

from __future__ import annotations

from lightnets_edu.formulas import conv2d, depthwise_conv2d, linear, pointwise_conv2d
from lightnets_edu.models.cost import network_terms
from lightnets_edu.models.mobilenet_v1 import layers
from lightnets_edu.pages.widget.naming import name_values
from lightnets_edu.pages.widget.widgets import Output, Slider, Table, Widget, number

WIDTH = Slider("width_mult", "Width multiplier α", 0.25, 1.5, 1.0, step=0.05, scale=100)
INPUT_SIZE = Slider("input_size", "Image size", 32, 320, 224, step=16, unit="px")
NUM_CLASSES = Slider("num_classes", "Classes", 10, 1000, 1000, step=10)


LAYERS, DEFINITIONS = name_values(
    layers(WIDTH.symbol / WIDTH.scale, num_classes=NUM_CLASSES.symbol, size=INPUT_SIZE.symbol)
)
TOTAL = network_terms(LAYERS)
KINDS = {
    "stem": ("First convolution, 3×3", conv2d),
    "depthwise": ("Depthwise, 3×3", depthwise_conv2d),
    "pointwise": ("Pointwise, 1×1", pointwise_conv2d),
    "classifier": ("Classifier", linear),
}
PARTS = {kind: network_terms(layer for layer in LAYERS if layer[1] is formula) for kind, (_, formula) in KINDS.items()}


class MobileNetV1Explorer(Widget):
    """Parameters and MACs of every MobileNetV1 there is."""

    name = "mobilenet_v1_explorer"
    title = "Which MobileNet can you afford?"
    description = "Width thins every layer, image size shrinks every map: watch which of them changes what."
    controls = (WIDTH, INPUT_SIZE, NUM_CLASSES)
    definitions = DEFINITIONS
    outputs = (
        Output("params", "Parameters", TOTAL.params, help="with those of the batch norms"),
        Output("macs", "MACs", TOTAL.macs, help="multiply-accumulates for one image"),
        Output("flops", "FLOPs", TOTAL.flops, help="two for each MAC"),
        Output("activations", "Activations", TOTAL.activations, help="elements that convolutions write"),
        Output("memory_access", "Memory access", TOTAL.memory_access, help="elements read and written"),
        Output(
            "megabytes", "Size of the weights", number("params") / 250_000, "MB", digits=2, help="four bytes a number"
        ),
        *(Output(f"{kind}_params", f"{KINDS[kind][0]}: parameters", terms.params) for kind, terms in PARTS.items()),
        *(Output(f"{kind}_macs", f"{KINDS[kind][0]}: MACs", terms.macs) for kind, terms in PARTS.items()),
    )
    headline = ("params", "macs")
    tables = (
        Table.of_parts(
            "Where they are (batch norms left out)",
            {"params": "Parameters", "macs": "MACs"},
            {kind: label for kind, (label, _) in KINDS.items()},
        ),
    )
