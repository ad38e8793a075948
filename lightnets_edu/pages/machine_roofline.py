"""The roofline of a machine, the reader's own or a recorded one, and how close real layers come to it.

Williams, Waterman, Patterson 2009, "Roofline: an insightful visual performance model for multicore architectures".
Here arithmetic is counted in FLOPs, two for each multiply-accumulate, and traffic in bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING

import torch
from torch import nn

from lightnets_edu.counting import count
from lightnets_edu.counting.trace import LayerCount
from lightnets_edu.models import default_input_size, get_model
from lightnets_edu.pages.provenance import thread_words
from lightnets_edu.records import forward_timings, recorded_batches, recorded_devices, recorded_file
from lightnets_edu.tables import NumberTable
from lightnets_edu.timing import EVALUATION_NETWORKS, DeviceProfile, Operation, machine_constants, measure_profile
from lightnets_edu.timing.microbenchmarks import TimedLayer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# What layers that multiply are called in the book, by their class in lightnets_edu.timing.
CLASS_NAMES = {
    "dense": "standard",
    "pointwise": "pointwise",
    "grouped": "grouped",
    "depthwise": "depthwise",
    "linear": "linear",
}
_CLASSES = {name: kind for kind, name in CLASS_NAMES.items()}


def layers_to_time(model: nn.Module, input_size: Sequence[int]) -> list[TimedLayer]:
    """The convolutions and linear layers of a network as layers that can be timed alone, equal ones once.

    Args:
        model: The network; it is not run. Its convolutions should pad half a kernel, as those of this book mostly do.
        input_size: (N, C, H, W).
    """
    rows = count(model, input_size).rows
    return list(dict.fromkeys(_layer(row) for row in rows if row.group in ("convolution", "linear")))


def _layer(row: LayerCount) -> TimedLayer:
    out_channels = row.output_shape[1]
    if row.group == "linear":
        return TimedLayer("linear", row.input_shape, out_channels)
    stride = round(row.input_shape[2] / row.output_shape[2])
    return TimedLayer(_CLASSES[row.layer_class], row.input_shape, out_channels, row.kernel_size[0], stride, row.groups)


def measure_roofline(
    networks: Sequence[str] = (), *, batch_size: int = 1, device: str | torch.device = "auto", amp: str = "off"
) -> DeviceProfile:
    """Measure the two roofs of a machine and the overhead of an operation; then layers of networks, one by one.

    The roofs take about two seconds, a network at batch 1 about one more. This is no substitute for the whole profile
    of ``lightnets_edu.timing.measure_profile``, which can predict networks that were never run.

    Args:
        networks: Names of the registry.
        batch_size: Images.
        device: As for ``resolve_device``.
        amp: Number format, as for ``resolve_amp``.

    Raises:
        ValueError: If a network or a value is not known.
    """
    layers: dict[TimedLayer, None] = {}
    for name in networks:
        side = default_input_size(name, False)
        with torch.device("meta"):
            model = get_model(name).eval()
        layers |= dict.fromkeys(layers_to_time(model, (batch_size, 3, side, side)))
    return measure_profile(device, amp=amp, layers=list(layers), chains=0, progress=False)


def intensity(operation: Operation, profile: DeviceProfile) -> float:
    """FLOPs for each byte that an operation moves if it moves each number once."""
    return 2 * operation.macs / profile.bytes(operation)


def attainable(flops_per_byte: float, profile: DeviceProfile) -> float:
    """FLOPs a second at most: as many as the arithmetic allows, or the memory."""
    return min(2 * profile.peak_macs, flops_per_byte * profile.bandwidth)


def reached(profile: DeviceProfile) -> dict[str, list[tuple[float, float]]]:
    """What the timed layers reached: class to pairs of FLOPs a byte and FLOPs a second."""
    points: dict[str, list[tuple[float, float]]] = {}
    for kind, name in CLASS_NAMES.items():
        for sample in profile.samples:
            if sample.operation.kind == kind:
                flops = 2 * sample.operation.macs
                points.setdefault(name, []).append((intensity(sample.operation, profile), flops / sample.seconds))
    return points


def device_words(profile: DeviceProfile) -> str:
    """The machine in a few words."""
    threads = f", {thread_words(profile.threads)}" if profile.device == "cpu" else ""
    tf32 = profile.environment.get("float32_convolutions") == "tf32"
    number_format = (", TF32" if tf32 else "") if profile.amp == "off" else f", {profile.amp}"
    return f"{profile.environment['device_name']}{threads}{number_format}"


def reached_table(profile: DeviceProfile, what: str = "Layers one by one") -> NumberTable:
    """Each class of layer: how much arithmetic it has for a byte, and how fast it ran; medians over its layers.

    Args:
        profile: With layers that were timed alone.
        what: Begins the caption; tables of one page should differ in it.

    Raises:
        ValueError: If the profile holds no layer that multiplies.
    """
    points = reached(profile)
    if not points:
        raise ValueError("no layer was timed in this profile: name a network, as in measure_roofline(['mobilenet_v1'])")
    rows = []
    for name, pairs in points.items():
        speed = median(flops for _, flops in pairs)
        of_roof = median(flops / attainable(x, profile) for x, flops in pairs)
        rows.append(
            (
                name,
                len(pairs),
                f"{median(x for x, _ in pairs):,.1f}",
                f"{speed / 1e9:,.1f}",
                f"{speed / (2 * profile.peak_macs):.0%}",
                f"{of_roof:.0%}",
            )
        )
    return NumberTable(
        f"{what}: {device_words(profile)}",
        ("class", "layers", "FLOPs a byte", "GFLOP/s", "of the flat roof", "of its own roof"),
        rows,
        [
            f"Flat roof {2 * profile.peak_macs / 1e9:,.0f} GFLOP/s, bandwidth {profile.bandwidth / 1e9:,.0f} GB/s. "
            "Each column is the median over the class."
        ],
    )


def constants_table(profile: DeviceProfile) -> NumberTable:
    """What the book says of a machine wherever it speaks of it, and how each constant was measured.

    Args:
        profile: Of the machine, with layers and chains.
    """
    constants = machine_constants(profile)
    rows = [
        ("peak", f"{constants.peak / 1e9:,.0f} GMACs/s", "the fastest of a few large convolutions"),
        ("peak, in FLOPs", f"{2 * constants.peak / 1e9:,.0f} GFLOP/s", "the same, two FLOPs for each MAC"),
        ("bandwidth", f"{constants.bandwidth / 1e9:,.1f} GB/s", "a sum of two tensors of 64 MB"),
        ("start, alone", f"{1e6 * constants.start_alone:.1f} µs", "operations on eight numbers, again and again"),
        ("start, in a network", f"{1e6 * constants.start:.1f} µs", "the same, and what chains of layers add to each"),
    ]
    rows += [
        (f"{CLASS_NAMES[kind]} layers", f"{part:.0%} of the peak", "median of random layers, timed alone")
        for kind, part in constants.reached.items()
        if kind in CLASS_NAMES
    ]
    return NumberTable(f"Constants of {device_words(profile)}", ("constant", "value", "measured with"), rows)


def draw_roofline(
    profile: DeviceProfile | None = None, *, marks: Mapping[str, float] | None = None, title: str | None = None
) -> Figure:
    """Draw a machine's roofline, with the layers that were timed on it.

    Args:
        profile: The machine's profile; by default this one is measured now, without layers (about two seconds).
        marks: Layers that are only placed on the roof: label to FLOPs a byte.
        title: What the figure says; by default the machine's name.
    """
    from lightnets_edu.pages.plots import roofline_chart

    profile = profile or measure_roofline()
    points = {
        name: ([x for x, _ in pairs], [flops / 1e9 for _, flops in pairs]) for name, pairs in reached(profile).items()
    }
    return roofline_chart(
        2 * profile.peak_macs / 1e9,
        profile.bandwidth / 1e9,
        points,
        title=title or f"Roofline: {device_words(profile)}",
        marks=marks,
    )


# --- Recorded machines ----------------------------------------------------------------------------------------------

SEVERAL = 5  # networks, at least, where one speaks of an error or a rank correlation


def recorded_profiles() -> dict[str, DeviceProfile]:
    """The profiles of the machines that were recorded, by the device's name."""
    found = {}
    for device in recorded_devices():
        try:
            path = recorded_file(device, "profile")
        except ValueError:  # this device has records, but no profile
            continue
        found[device] = DeviceProfile.load(path)
    return found


def recorded_forwards(device: str, batch_size: int) -> dict[str, dict]:
    """Recorded float32 forward passes of the networks that nothing was fitted to: network to the record's row.

    Rows whose measurement was refused as noise are left out.

    Args:
        device: A folder of ``results/``.
        batch_size: Images.

    Raises:
        ValueError: If nothing was recorded on such a device.
    """
    timings = forward_timings(device, batch_size)
    return {name: timings[name] for name in EVALUATION_NETWORKS if name in timings and timings[name]["measured"]}


def timed_batches(device: str, *, predicted: bool = False) -> list[int]:
    """Batch sizes at which several of those networks were timed on a device.

    Args:
        device: A folder of ``results/``.
        predicted: Only those at which several were also predicted.

    Raises:
        ValueError: If nothing was recorded on such a device.
    """
    found = []
    for batch in recorded_batches(device):
        rows = recorded_forwards(device, batch).values()
        if sum(not predicted or row["predicted_seconds"] is not None for row in rows) >= SEVERAL:
            found.append(batch)
    return found
