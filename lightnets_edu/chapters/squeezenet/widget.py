"""SqueezeNet by the paper's rules for choosing fire modules, and the size of its file when it is compressed."""

from __future__ import annotations

import sympy as sp

from lightnets_edu.formulas import conv2d, pointwise_conv2d
from lightnets_edu.models.cost import network_terms
from lightnets_edu.models.squeezenet import BODIES, fire_module, layers
from lightnets_edu.pages.widget.naming import name_values
from lightnets_edu.pages.widget.widgets import Choice, Output, Picture, Slider, Table, Widget, number, real

SQUEEZE_RATIO = Slider("squeeze_ratio", "Squeeze ratio SR", 0.125, 1.0, 0.125, step=0.125, scale=1000)
PART_3X3 = Slider("part_3x3", "3×3 filters among those that expand", 5, 95, 50, step=5, unit="%")
BASE = Slider("base_e", "Expand filters of the first modules", 32, 256, 128, step=32)
INCREMENT = Slider("incr_e", "More of them …", 0, 256, 128, step=32)
FREQUENCY = Slider("freq", "… every so many modules", 1, 8, 2)
INPUT_SIZE = Slider("input_size", "Image size", 32, 320, 224, step=16, unit="px")
BITS = Choice("bits", "Bits of a weight", ((32, "32"), (8, "8"), (6, "6"), (4, "4")), 32)
KEPT = Slider("kept", "Weights kept by pruning", 10, 100, 100, step=1, unit="%")

CONTROLS = (SQUEEZE_RATIO, PART_3X3, BASE, INCREMENT, FREQUENCY, INPUT_SIZE, BITS, KEPT)
POOL = "pool"
FIRES = sum(row != POOL for row in BODIES["1.0"])
TENSORS = 3 * FIRES + 2  # of weights: three a fire module, the first and the last convolution
INDEX_BITS = 4  # for the distance to the next weight that is kept
KINDS = ("squeeze", "expand1x1", "expand3x3")


def _channels() -> dict[str, sp.Expr]:
    """The channels of each fire module by the rules, as definitions."""
    found: dict[str, sp.Expr] = {}
    for i in range(FIRES):
        found[f"expand_{i}"] = BASE.symbol + INCREMENT.symbol * sp.floor(sp.Integer(i) / FREQUENCY.symbol)
        found[f"squeeze_{i}"] = sp.floor(number(f"expand_{i}") * SQUEEZE_RATIO.symbol / SQUEEZE_RATIO.scale)
        found[f"expand3x3_{i}"] = sp.floor(number(f"expand_{i}") * PART_3X3.symbol / 100)
        found[f"expand1x1_{i}"] = number(f"expand_{i}") - number(f"expand3x3_{i}")
    return found


# The pools stand where SqueezeNet 1.0 has them; the rules give the channels.
ROWS = iter([tuple(number(f"{kind}_{i}") for kind in KINDS) for i in range(FIRES)])
BODY = [row if row == POOL else next(ROWS) for row in BODIES["1.0"]]
LAYERS, VALUES = name_values(layers("1.0", body=BODY, size=INPUT_SIZE.symbol))
DEFINITIONS = _channels() | VALUES
FORMULAS = {"stem": conv2d, "fires": fire_module, "classifier": pointwise_conv2d}
PARTS = {part: network_terms(layer for layer in LAYERS if layer[1] is kind) for part, kind in FORMULAS.items()}
# A bias for each output of a convolution.
OUTPUTS = ("out_channels", *(f"{kind}_channels" for kind in KINDS))
BIASES = sum(settings.get(outputs, 0) for _, _, settings in LAYERS for outputs in OUTPUTS)
LABELS = {"stem": "First convolution, 7×7", "fires": "Fire modules", "classifier": "Last convolution, 1×1"}
QUANTITIES = {"params": "Parameters", "macs": "MACs", "activations": "Activations"}

STORED = number("weights") * KEPT.symbol / 100
# Nothing pruned: no distances need to be stored. 32 bits: no table of shared values is needed.
INDEX = sp.Piecewise((sp.Integer(0), sp.Eq(KEPT.symbol, 100)), (sp.Integer(INDEX_BITS), True))
TABLES = sp.Piecewise((sp.Integer(0), sp.Eq(BITS.symbol, 32)), (4 * TENSORS * 2**BITS.symbol, True))


class SqueezeNetExplorer(Widget):
    """Every network that the rules allow, and its file at a few bits and a few per cent."""

    name = "squeezenet_explorer"
    title = "How small can the file be?"
    description = "The first sliders change the network, the last two only the way its weights are stored."
    controls = CONTROLS
    definitions = DEFINITIONS
    outputs = (
        *(
            Output(f"{part}_{quantity}", f"{LABELS[part]}: {label}", getattr(terms, quantity))
            for part, terms in PARTS.items()
            for quantity, label in QUANTITIES.items()
        ),
        *(
            Output(quantity, label, sum(number(f"{part}_{quantity}") for part in PARTS))
            for quantity, label in QUANTITIES.items()
        ),
        Output("biases", "Biases", BIASES),
        Output("weights", "Weights", number("params") - number("biases"), help="parameters without the biases"),
        Output("megabytes", "File, 32 bits a weight", number("params") / 250_000, "MB", digits=3),
        Output(
            "compressed",
            "File, as set",
            # In bytes: the weights with their distances, the tables of shared values, the biases.
            (STORED * (BITS.symbol + INDEX) / 8 + TABLES + 4 * number("biases")) / 1_000_000,
            "MB",
            digits=3,
            help="before Huffman coding",
        ),
        Output("ratio", "How many times smaller", real("megabytes") / real("compressed"), "times", digits=1),
    )
    headline = ("params", "macs", "compressed", "ratio")
    tables = (Table.of_parts("Where they are", QUANTITIES, LABELS),)
    pictures = (
        Picture("sweep", ("squeeze_ratio", "megabytes", "compressed")),
        Picture("sweep", ("part_3x3", "megabytes", "compressed")),
    )
