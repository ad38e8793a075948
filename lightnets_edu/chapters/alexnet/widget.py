"""AlexNet of 2012: its groups, its images and its fully connected layers under the reader's finger."""

from __future__ import annotations

from collections.abc import Iterator

from lightnets_edu.formulas import conv2d
from lightnets_edu.models.alexnet import HIDDEN_FEATURES, SMALLEST_IMAGE, layers
from lightnets_edu.models.cost import Layer, network_terms
from lightnets_edu.pages.widget.widgets import Choice, Output, Picture, Slider, Table, Widget, number

GROUPS = Choice("groups", "Groups of conv2, 4, 5", ((1, "1"), (2, "2, as in 2012"), (4, "4"), (8, "8")), 2)
INPUT_SIZE = Slider("input_size", "Image size", SMALLEST_IMAGE["2012"], 323, 227, unit="px")
HIDDEN = Slider("hidden", "Hidden width", 512, HIDDEN_FEATURES, HIDDEN_FEATURES, step=512)
NUM_CLASSES = Slider("num_classes", "Classes", 10, 1000, 1000, step=10)
LABELS = {
    "conv1": "conv1, 11×11",
    "conv2": "conv2, 5×5, split",
    "conv3": "conv3, 3×3",
    "conv4": "conv4, 3×3, split",
    "conv5": "conv5, 3×3, split",
    "fc6": "fc6, fully connected",
    "fc7": "fc7, fully connected",
    "fc8": "fc8, fully connected",
}


def _layers() -> Iterator[Layer]:
    """The paper's layers over symbols, with the slider in place of the 4096 hidden features."""
    for name, formula, settings in layers(
        "2012", groups=GROUPS.symbol, num_classes=NUM_CLASSES.symbol, size=INPUT_SIZE.symbol
    ):
        if formula is not conv2d:
            settings = {key: HIDDEN.symbol if value == HIDDEN_FEATURES else value for key, value in settings.items()}
        yield name, formula, settings


PARTS = {name: network_terms([layer]) for name, layer in zip(LABELS, _layers(), strict=True)}
TOTAL = network_terms(_layers())
CONVOLUTIONS = network_terms(layer for layer in _layers() if layer[1] is conv2d)
CONNECTED = network_terms(layer for layer in _layers() if layer[1] is not conv2d)


class AlexNetExplorer(Widget):
    """Parameters and MACs of the 2012 network, layer by layer."""

    name = "alexnet_explorer"
    title = "Where are the parameters, and where is the work?"
    description = (
        "Split the convolutions, change the image, thin the hidden layers fc6 and fc7: each moves another number."
    )
    controls = (GROUPS, INPUT_SIZE, HIDDEN, NUM_CLASSES)
    outputs = (
        Output("params", "Parameters", TOTAL.params),
        Output("macs", "MACs", TOTAL.macs, help="multiply-accumulates for one image"),
        Output("activations", "Activations", TOTAL.activations, help="elements that convolutions write"),
        Output("convolution_params", "Parameters in convolutions", CONVOLUTIONS.params),
        Output("connected_params", "Parameters in fully connected layers", CONNECTED.params),
        Output("convolution_macs", "MACs in convolutions", CONVOLUTIONS.macs),
        Output("connected_macs", "MACs in fully connected layers", CONNECTED.macs),
        Output(
            "connected_params_share",
            "Fully connected layers: share of the parameters",
            100 * number("connected_params") / number("params"),
            "%",
            digits=1,
        ),
        Output(
            "connected_macs_share",
            "Fully connected layers: share of the MACs",
            100 * number("connected_macs") / number("macs"),
            "%",
            digits=1,
        ),
        *(Output(f"{name}_params", f"{LABELS[name]}: parameters", terms.params) for name, terms in PARTS.items()),
        *(Output(f"{name}_macs", f"{LABELS[name]}: MACs", terms.macs) for name, terms in PARTS.items()),
    )
    headline = ("params", "macs")
    tables = (Table.of_parts("Layer by layer", {"params": "Parameters", "macs": "MACs"}, LABELS),)
    pictures = (
        Picture("sweep", ("hidden", "convolution_params", "connected_params")),
        Picture("sweep", ("input_size", "convolution_macs", "connected_macs")),
    )
