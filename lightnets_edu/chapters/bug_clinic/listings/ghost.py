"""A GhostNet as a popular kind of tutorial writes it, with one switch for each repair.

The listing is our own; its mistakes are those of one that is often copied. Each switch repairs one mistake.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass, fields

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from lightnets_edu.models.ghostnet import BODY, HEAD_CHANNELS, LAST_CHANNELS, STEM_CHANNELS, squeezed
from lightnets_edu.models.squeeze_excitation import SqueezeExcitation

CLASSES = 1000
PLAIN_KERNEL = 3


@dataclass(frozen=True)
class Repairs:
    """Which mistakes of the listing are repaired; all False is the listing as it is.

    Attributes:
        build_what_runs: The strided convolution between the Ghost modules is built only in blocks of stride 2. The
            listing builds it in every block, and runs it in five of sixteen.
        depthwise: Depthwise convolutions are depthwise. In the listing they are a dense convolution and a 1x1 after it.
        pointwise_primary: The primary convolution is 1x1. In the listing it is 3x3.
        shortcut: The identity where the shapes allow it, else depthwise and 1x1. In the listing a dense 3x3, always.
        register_gates: Squeeze-and-excitation is built once, with a quarter of the channels inside. In the listing
            it is built anew, with half of them, whenever the block runs.
        kernel: The table's k is used. In the listing each kernel is 3x3.
    """

    build_what_runs: bool = False
    depthwise: bool = False
    pointwise_primary: bool = False
    shortcut: bool = False
    register_gates: bool = False
    kernel: bool = False

    @classmethod
    def first(cls, count: int) -> Repairs:
        """The first so many repairs, in the order above.

        Raises:
            ValueError: If there are not so many.
        """
        if not 0 <= count <= len(fields(cls)):
            raise ValueError(
                f"count should be from 0 to {len(fields(cls))} instead of {count}: so many repairs there are"
            )
        return cls(*[True] * count)


REPAIRS = {
    "build_what_runs": "build the strided convolution only where it runs",
    "depthwise": "make depthwise convolutions depthwise",
    "pointwise_primary": "1 × 1 primary convolution instead of 3 × 3",
    "shortcut": "identity, or depthwise and 1 × 1, as shortcut",
    "register_gates": "build the gates once, with a quarter inside",
    "kernel": "5 × 5 where the table says k = 5",
}


def convolution(
    in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    """A convolution without bias, and a batch norm."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, stride, kernel_size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(out_channels),
    )


def so_called_depthwise(channels: int, kernel_size: int, stride: int, repaired: bool) -> nn.Module:
    """One kernel a channel if repaired; else every channel reads every channel, twice."""
    if repaired:
        return convolution(channels, channels, kernel_size, stride, groups=channels)
    return nn.Sequential(convolution(channels, channels, kernel_size, stride), convolution(channels, channels, 1))


class ListedGhostModule(nn.Module):
    """Half of the maps from a convolution, the other half from "depthwise" kernels.

    Shape:
        ``[N, in_channels, H, W] -> [N, out_channels, H, W]``
    """

    def __init__(self, in_channels: int, out_channels: int, repairs: Repairs) -> None:
        super().__init__()
        intrinsic = math.ceil(out_channels / 2)
        self.primary = convolution(in_channels, intrinsic, 1 if repairs.pointwise_primary else 3)
        self.cheap = so_called_depthwise(intrinsic, 3, 1, repairs.depthwise)

    def forward(self, x: Tensor) -> Tensor:
        """Maps and ghosts, all behind a ReLU."""
        maps = self.primary(x).relu()
        return torch.cat([maps, self.cheap(maps).relu()], dim=1)


class TransientGate(nn.Module):
    """Squeeze-and-excitation whose layers are made inside ``forward``: new random weights at each call.

    Shape:
        ``[N, C, H, W] -> [N, C, H, W]``
    """

    def forward(self, x: Tensor) -> Tensor:
        """Gate the channels with layers that nobody will ever train."""
        channels = x.shape[1]
        reduce, expand = nn.Linear(channels, channels // 2), nn.Linear(channels // 2, channels)
        gates = expand(reduce(x.mean((2, 3))).relu()).sigmoid()
        return x * gates[:, :, None, None]


class ListedBottleneck(nn.Module):
    """Ghost module, (strided convolution), (gate), Ghost module, shortcut.

    Shape:
        ``[N, in_channels, H, W] -> [N, out_channels, ceil(H / stride), ceil(W / stride)]``
    """

    def __init__(
        self,
        in_channels: int,
        hidden: int,
        out_channels: int,
        kernel_size: int,
        stride: int,
        gated: bool,
        repairs: Repairs,
    ) -> None:
        super().__init__()
        self.stride = stride
        kernel_size = kernel_size if repairs.kernel else PLAIN_KERNEL
        self.ghost1 = ListedGhostModule(in_channels, hidden, repairs)
        if stride == 2 or not repairs.build_what_runs:
            self.strided = so_called_depthwise(hidden, kernel_size, stride, repairs.depthwise)
        self.gate: nn.Module = nn.Identity()
        if gated:
            good = repairs.register_gates
            self.gate = SqueezeExcitation(hidden, squeezed(hidden), "hard_sigmoid") if good else TransientGate()
        self.ghost2 = ListedGhostModule(hidden, out_channels, repairs)
        self.shortcut = self._shortcut(in_channels, out_channels, kernel_size, stride, repairs.shortcut)

    @staticmethod
    def _shortcut(in_channels: int, out_channels: int, kernel_size: int, stride: int, repaired: bool) -> nn.Module:
        if not repaired:
            return convolution(in_channels, out_channels, 3, stride)
        if stride == 1 and in_channels == out_channels:
            return nn.Identity()
        depthwise = convolution(in_channels, in_channels, kernel_size, stride, groups=in_channels)
        return nn.Sequential(depthwise, convolution(in_channels, out_channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Widen, (shrink), (gate), narrow, add."""
        y = self.ghost1(x)
        if self.stride == 2:
            y = self.strided(y)
        return self.ghost2(self.gate(y)) + self.shortcut(x)


class ListedGhostNet(nn.Module):
    """The whole listing: the paper's table, and the mistakes that are not repaired.

    Args:
        repairs: Which mistakes are repaired.

    Shape:
        ``[N, 3, H, W] -> [N, 1000]``
    """

    def __init__(self, repairs: Repairs = Repairs()) -> None:
        super().__init__()
        self.stem = convolution(3, STEM_CHANNELS, 3, 2)
        blocks, channels = [], STEM_CHANNELS
        for kernel_size, hidden, out, gated, stride in (row for stage in BODY for row in stage):
            blocks.append(ListedBottleneck(channels, hidden, out, kernel_size, stride, bool(gated), repairs))
            channels = out
        self.blocks = nn.Sequential(*blocks)
        self.last = convolution(channels, LAST_CHANNELS, 1)
        self.head = nn.Conv2d(LAST_CHANNELS, HEAD_CHANNELS, 1)
        self.classifier = nn.Linear(HEAD_CHANNELS, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Images to logits."""
        x = self.last(self.blocks(self.stem(x).relu())).relu()
        x = self.head(x.mean((2, 3), keepdim=True)).relu().flatten(1)
        return self.classifier(x)


@dataclass(frozen=True)
class ListingCost:
    """What the listing costs, by the formula.

    Attributes:
        params: Trainable numbers that an optimiser would see.
        macs: The MACs of the registered layers, for one image of 224 x 224.
        transient_macs: The MACs of layers that are made while the network runs.
    """

    params: int = 0
    macs: int = 0
    transient_macs: int = 0

    def __add__(self, other: ListingCost) -> ListingCost:
        return ListingCost(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


def counted_cost(repairs: Repairs, size: int = 224) -> ListingCost:
    """The same, counted on the real network by torch: ``numel``, and half of what FlopCounterMode reports.

    Args:
        repairs: Which mistakes are repaired.
        size: Side of the images.
    """
    # On the meta device nothing is computed, and layers that are made on the way are there too.
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        model = ListedGhostNet(repairs).eval()
        model(torch.empty(1, 3, size, size))
    by_module = {path: sum(flops.values()) // 2 for path, flops in counter.get_flop_counts().items()}
    gates = [path for path in by_module if path.endswith(".gate") and not repairs.register_gates]
    transient = sum(by_module[path] for path in gates)
    params = sum(parameter.numel() for parameter in model.parameters())
    return ListingCost(params, counter.get_total_flops() // 2 - transient, transient)


def listing_cost(repairs: Repairs, size: int = 224) -> ListingCost:
    """The listing's cost in plain arithmetic, without building it.

    Args:
        repairs: Which mistakes are repaired.
        size: Side of the images.
    """
    side, channels = _halved(size), STEM_CHANNELS
    total = _conv(3, STEM_CHANNELS, 3, side)
    for kernel_size, hidden, out, gated, stride in (row for stage in BODY for row in stage):
        total += _bottleneck_cost(channels, hidden, out, kernel_size, stride, bool(gated), side, repairs)
        side, channels = (_halved(side) if stride == 2 else side), out
    total += _conv(channels, LAST_CHANNELS, 1, side)
    head = LAST_CHANNELS * HEAD_CHANNELS
    classifier = HEAD_CHANNELS * CLASSES
    return total + ListingCost(head + HEAD_CHANNELS + classifier + CLASSES, head + classifier)


def _bottleneck_cost(
    in_channels: int, hidden: int, out: int, kernel_size: int, stride: int, gated: bool, side: int, repairs: Repairs
) -> ListingCost:
    kernel_size = kernel_size if repairs.kernel else PLAIN_KERNEL
    inner, outer = side, _halved(side) if stride == 2 else side
    total = _ghost_cost(in_channels, hidden, inner, repairs) + _ghost_cost(hidden, out, outer, repairs)
    strided = _depthwise_cost(hidden, kernel_size, outer, repairs.depthwise)
    if stride == 2:
        total += strided
    elif not repairs.build_what_runs:
        total += ListingCost(params=strided.params)
    if gated and repairs.register_gates:
        inside = squeezed(hidden)
        total += ListingCost(2 * hidden * inside + hidden + inside, 2 * hidden * inside)
    elif gated:
        total += ListingCost(transient_macs=2 * hidden * (hidden // 2))
    if not repairs.shortcut:
        total += _conv(in_channels, out, 3, outer)
    elif stride == 2 or in_channels != out:
        total += _conv(in_channels, in_channels, kernel_size, outer, groups=in_channels)
        total += _conv(in_channels, out, 1, outer)
    return total


def _ghost_cost(in_channels: int, out_channels: int, side: int, repairs: Repairs) -> ListingCost:
    intrinsic = math.ceil(out_channels / 2)
    primary = _conv(in_channels, intrinsic, 1 if repairs.pointwise_primary else 3, side)
    return primary + _depthwise_cost(intrinsic, 3, side, repairs.depthwise)


def _depthwise_cost(channels: int, kernel_size: int, side: int, repaired: bool) -> ListingCost:
    if repaired:
        return _conv(channels, channels, kernel_size, side, groups=channels)
    return _conv(channels, channels, kernel_size, side) + _conv(channels, channels, 1, side)


def _conv(in_channels: int, out_channels: int, kernel_size: int, side: int, groups: int = 1) -> ListingCost:
    """A convolution without bias, and a batch norm; ``side`` is the output's."""
    weights = kernel_size**2 * in_channels // groups * out_channels
    return ListingCost(weights + 2 * out_channels, weights * side**2)


def _halved(side: int) -> int:
    return math.ceil(side / 2)
