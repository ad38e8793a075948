"""Rooflines: one layer under the two roofs of a machine, and what else a network's time is made of."""

from __future__ import annotations

from typing import Any

import sympy as sp

from lightnets_edu.formulas import Check, conv2d
from lightnets_edu.pages.widget.widgets import Choice, Lookup, Output, Picture, Row, Slider, Table, Widget, number

PEAK = Slider("peak_gflops", "Peak", 10, 2000, 400, step=10, unit="GFLOP/s")
BANDWIDTH = Slider("bandwidth_gbs", "Bandwidth", 1, 500, 40, unit="GB/s")
FORMAT = Choice("number_bytes", "Numbers", ((4, "float32"), (2, "bfloat16")), 4)

# --- One layer ------------------------------------------------------------------------------------------------------

KIND = Choice(
    "kind",
    "Kind",
    (("standard", "standard"), ("grouped", "grouped"), ("depthwise", "depthwise"), ("pointwise", "pointwise, 1 × 1")),
    "standard",
)
KERNEL_SIZE = Slider("kernel_size", "Kernel size", 1, 7, 3, step=2, unit="px")
CHANNELS = Slider("channels", "Channels", 8, 1024, 128, step=8)
GROUPS = Slider("groups", "Groups", 1, 64, 4, divides=("channels",))
SIZE = Slider("size", "Map size", 1, 112, 28, unit="px")
BATCH = Slider("batch", "Images", 1, 64, 1)

channels, groups, size, batch = (control.symbol for control in (CHANNELS, GROUPS, SIZE, BATCH))
peak, bandwidth, number_bytes = (control.symbol for control in (PEAK, BANDWIDTH, FORMAT))
LAYER = conv2d.terms(
    in_channels=channels,
    out_channels=channels,
    kernel_size=number("kernel"),
    groups=number("layer_groups"),
    out_height=size,
    out_width=size,
)
# One image's numbers; the weights are read once for all images.
MAPS = LAYER.memory_access - LAYER.params


class RooflineExplorer(Widget):
    """What a machine makes of one convolution at best, and whether it computes or waits."""

    name = "roofline_explorer"
    title = "Does this layer compute, or does it wait?"
    description = (
        "Set the machine and the layer, which has as many channels in as out. The kernel size counts unless it is "
        "pointwise, the groups only if it is grouped."
    )
    controls = (PEAK, BANDWIDTH, FORMAT, KIND, KERNEL_SIZE, CHANNELS, GROUPS, SIZE, BATCH)
    definitions = {  # noqa: RUF012
        "kernel": sp.Piecewise((1, KIND.equals("pointwise")), (KERNEL_SIZE.symbol, True)),
        "layer_groups": sp.Piecewise((groups, KIND.equals("grouped")), (channels, KIND.equals("depthwise")), (1, True)),
    }
    checks = (
        Check(
            sp.Or(sp.Not(KIND.equals("grouped")), sp.Eq(sp.Mod(channels, groups), 0)),
            "groups={groups} does not divide channels={channels}: each group needs the same number of channels; "
            "try {divisors(channels)}",
        ),
    )
    outputs = (
        Output("flops", "FLOPs", batch * LAYER.flops, help="two for each MAC, all images"),
        Output(
            "bytes_moved",
            "Bytes moved",
            number_bytes * (batch * MAPS + LAYER.params),
            help="maps and weights, each number once",
        ),
        Output(
            "intensity",
            "Arithmetic intensity",
            number("flops") / number("bytes_moved"),
            "FLOPs a byte",
            digits=2,
            help="how much work there is for what was fetched",
        ),
        Output("ridge", "The roofs meet at", peak / bandwidth, "FLOPs a byte", digits=2, help="whatever the layer"),
        Output(
            "attainable_gflops",
            "At most",
            sp.Min(peak, bandwidth * number("intensity")),
            "GFLOP/s",
            digits=1,
            help="under both roofs",
        ),
        Output("share", "Part of the arithmetic in use", 100 * number("attainable_gflops") / peak, "%", digits=1),
        Output("arithmetic_us", "Time for the arithmetic", number("flops") / (1000 * peak), "µs", digits=2),
        Output("memory_us", "Time for the memory", number("bytes_moved") / (1000 * bandwidth), "µs", digits=2),
        Output(
            "time_us",
            "Time at best",
            sp.Max(number("arithmetic_us"), number("memory_us")),
            "µs",
            digits=2,
            help="the longer of the two",
        ),
        Output(
            "memory_by_arithmetic",
            "Memory time by arithmetic time",
            number("ridge") / number("intensity"),
            digits=2,
            help="above 1 the layer waits for memory, below 1 it computes",
        ),
    )
    headline = ("attainable_gflops", "time_us")
    tables = (
        Table(
            "What takes longer?",
            ("microseconds",),
            (Row("Arithmetic at its peak", ("arithmetic_us",)), Row("Memory at full bandwidth", ("memory_us",))),
        ),
    )
    picture = Picture("roofline", ("peak_gflops", "bandwidth_gbs", "intensity"))


# --- Whole networks -------------------------------------------------------------------------------------------------

NETWORKS = {
    "alexnet": "AlexNet",
    "resnet50": "ResNet-50",
    "mobilenet_v1": "MobileNetV1",
    "shufflenet_v2_x1_0": "ShuffleNetV2 1.0×",
    "mnasnet1_0": "MNASNet-B1",
    "ghostnet": "GhostNet",
    "regnet_x_400mf": "RegNetX-400MF",
}
OVERHEAD = Slider("overhead_us", "Start", 0, 30, 5, step=0.5, scale=10, unit="µs")
PARTS = ("macs", "maps", "weights", "operations")


def _milliseconds(name: str, label: str) -> tuple[Output, ...]:
    """The parts of one network's time, each for one image of the batch."""
    macs, maps, weights, operations = (number(f"{name}_{part}") for part in PARTS)
    times = {
        "arithmetic": 2 * macs / (peak * 10**6),
        "memory": number_bytes * (batch * maps + weights) / (batch * bandwidth * 10**6),
        "start": operations * OVERHEAD.symbol / (batch * 1000 * OVERHEAD.scale),
    }
    parts = [Output(f"{name}_{what}", f"{label}: {what}", ms, "ms", digits=2) for what, ms in times.items()]
    total = sum(number(f"{name}_{what}") for what in times)
    return (*parts, Output(f"{name}_total", f"{label}: sum", total, "ms", digits=2))


def _counted(name: str) -> dict[str, int]:
    """What one image costs at 224 x 224, over all operations of the forward pass and not only those that multiply."""
    import torch

    from lightnets_edu.models import get_model
    from lightnets_edu.timing.operations import operations

    with torch.device("meta"):
        ops = operations(get_model(name).eval(), (1, 3, 224, 224))
    values = (
        sum(op.macs for op in ops),
        sum(op.read + op.written for op in ops),
        sum(op.weights for op in ops),
        len(ops),
    )
    return {f"{name}_{part}": value for part, value in zip(PARTS, values, strict=True)}


class TimeBudget(Widget):
    """Arithmetic, memory and starting costs of whole networks, added up as if they never overlapped."""

    name = "time_budget"
    title = "Which network is faster on this machine?"
    description = (
        "Change the machine, not the networks: see which part of the time decides, and when the order turns. "
        "Start is what it takes to start one operation; images are handled at once."
    )
    controls = (PEAK, BANDWIDTH, OVERHEAD, FORMAT, BATCH)
    lookups = (Lookup("networks", (), tuple(f"{name}_{part}" for name in NETWORKS for part in PARTS)),)
    outputs = (
        Output(
            "macs_ratio",
            "GhostNet's MACs by MobileNetV1's",
            number("ghostnet_macs") / number("mobilenet_v1_macs"),
            digits=2,
            help="no machine changes this",
        ),
        *(output for name, label in NETWORKS.items() for output in _milliseconds(name, label)),
        Output(
            "time_ratio",
            "GhostNet's time by MobileNetV1's",
            number("ghostnet_total") / number("mobilenet_v1_total"),
            digits=2,
            help="the sum of the three parts",
        ),
    )
    headline = ("macs_ratio", "time_ratio")
    tables = (
        Table.of_parts(
            "Milliseconds an image, each part at its best",
            {"arithmetic": "Arithmetic", "memory": "Memory", "start": "Starts", "total": "Sum"},
            NETWORKS,
        ),
    )

    def default_data(self) -> dict[str, Any]:
        """Count the networks now (about a second)."""
        return {"networks": {key: value for name in NETWORKS for key, value in _counted(name).items()}}
