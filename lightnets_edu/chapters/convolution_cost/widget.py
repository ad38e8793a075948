"""What one convolution costs, beside others of the same shape; and one network through each counter's convention."""

from __future__ import annotations

from typing import Any

import sympy as sp

from lightnets_edu.counting.counters import CONSTITUENTS, CONVENTIONS
from lightnets_edu.formulas import Check, conv2d, conv_output_size, depthwise_conv2d, pointwise_conv2d
from lightnets_edu.formulas.cost import CostTerms
from lightnets_edu.formulas.layers import DILATION, IN_SIZE
from lightnets_edu.pages.widget.widgets import (
    Choice,
    Lookup,
    Output,
    Picture,
    Row,
    Slider,
    Table,
    Toggle,
    Widget,
    number,
)

IN_CHANNELS = Slider("in_channels", "Input channels", 1, 512, 64)
OUT_CHANNELS = Slider("out_channels", "Output channels", 1, 512, 128)
KERNEL_SIZE = Slider("kernel_size", "Kernel size", 1, 11, 3, unit="px")
STRIDE = Slider("stride", "Stride", 1, 4, 1, unit="px")
PADDING = Slider("padding", "Padding", 0, 5, 1, unit="px")
GROUPS = Slider("groups", "Groups", 1, 512, 1, divides=("in_channels", "out_channels"))
INPUT_SIZE = Slider("input_size", "Input size", 1, 256, 56, unit="px")
BIAS = Toggle("bias", "Bias", False)

CONTROLS = (IN_CHANNELS, OUT_CHANNELS, KERNEL_SIZE, STRIDE, PADDING, GROUPS, INPUT_SIZE, BIAS)

c_in, c_out, k, s, p, g, n, b = (control.symbol for control in CONTROLS)
OUT_SIZE = number("out_size")
MAPS = {"out_height": OUT_SIZE, "out_width": OUT_SIZE, "in_height": n, "in_width": n}


def _fits() -> Check:
    """The formula's own check that the kernel fits, in this widget's words (it has no dilation)."""
    (check,) = conv_output_size.checks
    message = check.message.replace("in_size", "input_size").replace(" (dilation={dilation})", "")
    return Check(check.holds.subs({IN_SIZE.symbol: n, DILATION.symbol: 1}), message)


LAYER = conv2d.terms(in_channels=c_in, out_channels=c_out, kernel_size=k, groups=g, bias=b, **MAPS)
STANDARD = conv2d.terms(in_channels=c_in, out_channels=c_out, kernel_size=k, groups=1, bias=b, **MAPS)
SEPARABLE = depthwise_conv2d.terms(in_channels=c_in, kernel_size=k, bias=b, **MAPS) + pointwise_conv2d.terms(
    in_channels=c_in, out_channels=c_out, bias=b, out_height=OUT_SIZE, out_width=OUT_SIZE
)


def _compared(prefix: str, label: str, terms: CostTerms) -> tuple[Output, ...]:
    return (
        Output(f"{prefix}_params", f"{label}: params", terms.params),
        Output(f"{prefix}_macs", f"{label}: MACs", terms.macs),
        Output(f"{prefix}_memory_access", f"{label}: memory access", terms.memory_access),
    )


# A small convolution of each kind: input channels, output channels, groups and kernel size.
SLIDING_SIDE = 6
KINDS = {
    "standard": ("Standard, 3 × 3", 3, 2, 1, 3),
    "grouped": ("Grouped, two groups, 3 × 3", 4, 2, 2, 3),
    "depthwise": ("Depthwise, 3 × 3", 3, 3, 3, 3),
    "pointwise": ("Pointwise, 1 × 1", 3, 2, 1, 1),
}
KIND = Choice("kind", "Convolution", tuple((name, row[0]) for name, row in KINDS.items()), "standard")


def _of_kind(place: int) -> sp.Expr:
    """A number of the chosen kind's row."""
    *cases, (_, last) = ((KIND.equals(name), row[place]) for name, row in KINDS.items())
    return sp.Piecewise(*((value, chosen) for chosen, value in cases), (last, True))


SLIDING_SIZE = number("side") - number("window") + 1
SLIDING = conv2d.terms(
    in_channels=number("maps_in"),
    out_channels=number("maps_out"),
    kernel_size=number("window"),
    groups=number("parts"),
    out_height=SLIDING_SIZE,
    out_width=SLIDING_SIZE,
    in_height=number("side"),
    in_width=number("side"),
    bias=0,
)


class SlidingKernel(Widget):
    """Four kinds of convolution at work, pixel by pixel, with a counter that runs along."""

    name = "sliding_kernel"
    title = "A convolution at work"
    description = "Choose a kind, and watch which maps a pixel is made of and what it costs."
    controls = (KIND,)
    definitions = {  # noqa: RUF012
        "maps_in": _of_kind(1),
        "maps_out": _of_kind(2),
        "parts": _of_kind(3),
        "window": _of_kind(4),
        "side": sp.Integer(SLIDING_SIDE),
    }
    outputs = (
        Output("macs", "Multiply-accumulates", SLIDING.macs),
        Output("params", "Weights", SLIDING.params),
        Output("activations", "Pixels written", SLIDING.activations),
    )
    headline = ("macs", "params", "activations")
    picture = Picture("sliding", ("maps_in", "maps_out", "parts", "window", "side"))


class ConvolutionExplorer(Widget):
    """The cost of one convolution: what each setting does to parameters, arithmetic and memory traffic."""

    name = "convolution_explorer"
    title = "What does this convolution cost?"
    description = "Change the layer; compare it with a standard and a depthwise-separable one of the same shape."
    controls = CONTROLS
    checks = (*conv2d.checks[:2], _fits())
    outputs = (
        Output("params", "Parameters", LAYER.params, help="weights and biases"),
        Output(
            "out_size",
            "Output size",
            conv_output_size(in_size=n, kernel_size=k, stride=s, padding=p),
            "px",
            help="rows and columns",
        ),
        Output("macs", "MACs", LAYER.macs, help="multiply-accumulates for one image"),
        Output("flops", "FLOPs", LAYER.flops, help="two for each MAC"),
        Output(
            "exact_flops", "FLOPs, counted one by one", LAYER.exact_flops, help="the first product needs no addition"
        ),
        Output("activations", "Activations", LAYER.activations, help="elements written"),
        Output("memory_access", "Memory access", LAYER.memory_access, help="elements read and written"),
        Output(
            "arithmetic_intensity",
            "Arithmetic intensity",
            number("flops") / number("memory_access"),
            digits=2,
            help="FLOPs for each element moved",
        ),
        *_compared("standard", "Standard", STANDARD),
        *_compared("separable", "Depthwise-separable", SEPARABLE),
    )
    headline = ("params", "macs")
    tables = (
        Table(
            "The same input and output, three ways",
            ("Parameters", "MACs", "Memory access"),
            (
                Row("This layer", ("params", "macs", "memory_access")),
                Row("Standard", ("standard_params", "standard_macs", "standard_memory_access")),
                Row("Depthwise-separable", ("separable_params", "separable_macs", "separable_memory_access")),
            ),
        ),
    )
    picture = Picture("connectivity", ("in_channels", "out_channels", "groups"))


# One network, six answers to "how many FLOPs?", from the same exact constituents.

NETWORKS = (
    ("alexnet", "AlexNet"),
    ("squeezenet1_1", "SqueezeNet 1.1"),
    ("resnet50", "ResNet-50"),
    ("mobilenet_v1", "MobileNetV1"),
    ("mobilenet_v2", "MobileNetV2"),
    ("shufflenet_v2_x1_0", "ShuffleNetV2 1.0×"),
    ("mnasnet1_0", "MNASNet-B1 1.0"),
)
# Output name -> its convention, and what a reader sees.
COUNTERS = {
    "macs": ("MACs", "MACs"),
    "flops": ("torch FlopCounterMode", "FLOPs, two for each MAC (torch's FlopCounterMode)"),
    "exact_flops": ("FLOPs, counted one by one", "FLOPs, counted one by one"),
    "fvcore": ("fvcore", "fvcore's “flops”"),
    "torchinfo": ("torchinfo", "torchinfo's “mult-adds”"),
}
NETWORK = Choice("network", "Network", NETWORKS, "mobilenet_v2")
COUNTER = Choice("counter", "Counter", tuple((name, label) for name, (_, label) in COUNTERS.items()), "macs")


def _constituent(name: str) -> str:
    """The name of a looked-up number; outputs have the plain names."""
    return f"{name}_counted"


def _total(convention: str) -> sp.Expr:
    return sum(factor * number(_constituent(name)) for name, factor in CONVENTIONS[convention].items())


def _chosen() -> sp.Expr:
    *cases, last = COUNTERS
    return sp.Piecewise(*((number(name), COUNTER.equals(name)) for name in cases), (number(last), True))


def _counted(name: str) -> dict[str, int]:
    """The constituents of one network at 224 x 224, from a real count."""
    import torch
    import torchvision

    from lightnets_edu.counting import count
    from lightnets_edu.counting.counters import constituents
    from lightnets_edu.models import get_model, list_models

    build = get_model if name in list_models() else torchvision.models.get_model
    with torch.device("meta"):
        numbers = constituents(count(build(name).eval()))
    return {_constituent(part): n for part, n in numbers.items()}


class WhichFlop(Widget):
    """The same network through each counter's convention."""

    name = "which_flop"
    title = "How many FLOPs does this network have?"
    description = "Choose a network and a counter: the network stays the same, the number does not."
    controls = (NETWORK, COUNTER)
    lookups = (Lookup("networks", ("network",), tuple(map(_constituent, CONSTITUENTS))),)
    outputs = (
        *(Output(name, label, _total(convention)) for name, (convention, label) in COUNTERS.items()),
        Output("reported", "Reported", _chosen(), help="by this counter"),
        Output("ratio", "Times the MACs", number("reported") / number("macs"), digits=3),
    )
    headline = ("reported", "ratio")
    tables = (
        Table(
            "The same network through every counter",
            ("Reported",),
            tuple(Row(label, (name,)) for name, (_, label) in COUNTERS.items()),
        ),
    )

    def default_data(self) -> dict[str, Any]:
        """Count the networks now (about a second)."""
        return {"networks": {name: _counted(name) for name, _ in NETWORKS}}
