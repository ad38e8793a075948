"""One network, six answers to "how many FLOPs?": each counter's number, from the same exact constituents."""

from __future__ import annotations

from typing import Any

import sympy as sp

from lightnets_edu.counting.counters import CONSTITUENTS, CONVENTIONS
from lightnets_edu.pages.widget.widgets import Choice, Lookup, Output, Row, Table, Widget, number

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
