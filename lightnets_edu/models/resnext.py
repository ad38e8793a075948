"""Aggregated Residual Transformations for Deep Neural Networks.

Xie, Girshick, Dollar, Tu, He; 2017; arXiv:1611.05431.

Here: a ResNet whose bottleneck consists of many narrow paths. Their number is the *cardinality* C, the channels of
each its *bottleneck width* d, and a network is called C x d. Cardinality is the ``groups`` of the 3x3 convolution;
d is not: a group has d channels. Parameter names are torchvision's.

The networks use the block in form C, a grouped convolution; forms A and B of figure 3 compute the same and stand
here to prove it. The authors' own weights (Torch7 files) are CC BY-NC 4.0, not for commercial use; what is offered
as ``weights="imagenet"`` was trained again by others under the licence that `weights_info` gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from lightnets_edu.checks import whole_number
from lightnets_edu.models.cost import Layer
from lightnets_edu.models.layers import relu
from lightnets_edu.models.registry import Printed, register
from lightnets_edu.models.resnet import DEPTHS, Bottleneck, ResNet, projection
from lightnets_edu.models.resnet import layers as resnet_layers


class BlockFormC(Bottleneck):
    """Form C: the paths as the groups of one 3x3 convolution. Figure 3c.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        cardinality: Number of paths.
        bottleneck_width: Channels of one path.
        stride: Of the 3x3 convolution and the shortcut.

    Shape:
        ``[N, in_channels, H, W] -> [N, out_channels, ceil(H / stride), ceil(W / stride)]``
    """

    def __init__(
        self, in_channels: int, out_channels: int, cardinality: int = 32, bottleneck_width: int = 4, stride: int = 1
    ) -> None:
        super().__init__(in_channels, cardinality * bottleneck_width, out_channels, stride, groups=cardinality)


class _Path(nn.Module):
    """One path of forms A and B: 1x1 down, 3x3 and, in form A, its own 1x1 back up."""

    def __init__(self, in_channels: int, width: int, stride: int, out_channels: int | None = None) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = None if out_channels is None else nn.Conv2d(width, out_channels, 1, bias=False)
        self.relu = relu()

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        return x if self.conv3 is None else self.conv3(x)


class BlockFormA(nn.Module):
    """Form A: each path goes back up to all output channels by itself, and the paths are summed. Figure 3a, equation 3.

    Arguments and shape are those of `BlockFormC`.
    """

    def __init__(
        self, in_channels: int, out_channels: int, cardinality: int = 32, bottleneck_width: int = 4, stride: int = 1
    ) -> None:
        super().__init__()
        paths = (_Path(in_channels, bottleneck_width, stride, out_channels) for _ in range(cardinality))
        self.paths = nn.ModuleList(paths)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.downsample = projection(in_channels, out_channels, stride)
        self.relu = relu()

    def forward(self, x: Tensor) -> Tensor:
        """The paths, summed, and the shortcut."""
        shortcut = x if self.downsample is None else self.downsample(x)
        first, *others = self.paths
        out = first(x)
        for path in others:
            out = out + path(x)
        return self.relu(self.bn3(out) + shortcut)


class BlockFormB(nn.Module):
    """Form B: the paths are concatenated, and one 1x1 convolution brings them back up. Figure 3b.

    Arguments and shape are those of `BlockFormC`.
    """

    def __init__(
        self, in_channels: int, out_channels: int, cardinality: int = 32, bottleneck_width: int = 4, stride: int = 1
    ) -> None:
        super().__init__()
        self.paths = nn.ModuleList(_Path(in_channels, bottleneck_width, stride) for _ in range(cardinality))
        self.conv3 = nn.Conv2d(cardinality * bottleneck_width, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.downsample = projection(in_channels, out_channels, stride)
        self.relu = relu()

    def forward(self, x: Tensor) -> Tensor:
        """The paths side by side, through the last convolution, and the shortcut."""
        shortcut = x if self.downsample is None else self.downsample(x)
        out = torch.cat([path(x) for path in self.paths], dim=1)
        return self.relu(self.bn3(self.conv3(out)) + shortcut)


def form_b_state(state: dict[str, Tensor], cardinality: int) -> dict[str, Tensor]:
    """Form B's state dict from form C's: path i has the i-th share of the output channels of conv1 and conv2.

    Args:
        state: State dict of a `BlockFormC` (or its gradients, by the same names).
        cardinality: The number of paths.
    """
    mapped = {}
    for name, tensor in state.items():
        if name.split(".")[0] not in ("conv1", "bn1", "conv2", "bn2"):
            mapped[name] = tensor
            continue
        # A batch norm's count of batches is one number and the same for all paths.
        shares = tensor.chunk(cardinality) if tensor.dim() else [tensor] * cardinality
        mapped |= {f"paths.{i}.{name}": share.clone() for i, share in enumerate(shares)}
    return mapped


def form_a_state(state: dict[str, Tensor], cardinality: int) -> dict[str, Tensor]:
    """Form A's state dict from form C's: as form B's, and path i has the i-th share of conv3's *input* channels.

    Args:
        state: State dict of a `BlockFormC` (or its gradients, by the same names).
        cardinality: The number of paths.
    """
    mapped = form_b_state(state, cardinality)
    shares = mapped.pop("conv3.weight").chunk(cardinality, dim=1)
    return mapped | {f"paths.{i}.conv3.weight": share.clone() for i, share in enumerate(shares)}


# Table 2 and table 3: settings that cost as much as ResNet-50 (its own is the first).
EQUAL_COMPLEXITY = (
    # (cardinality C, bottleneck width d)
    (1, 64),
    (2, 40),
    (4, 24),
    (8, 14),
    (32, 4),
)


class ResNeXt(ResNet):
    """The network of table 1, right column, with any cardinality and width.

    Args:
        depths: Blocks in each of the four stages, such as ``DEPTHS[50]``.
        cardinality: Number of paths in each block, C.
        bottleneck_width: Channels of a path in the first stage, d; the following stages double it.
        num_classes: Outputs of the classifier.
        small_input: As in `ResNet`.

    Shape:
        ``[N, 3, H, W] -> [N, num_classes]``, any H and W; logits, without a softmax.
    """

    def __init__(
        self,
        depths: Sequence[int] = DEPTHS[50],
        cardinality: int = 32,
        bottleneck_width: int = 4,
        num_classes: int = 1000,
        small_input: bool = False,
    ) -> None:
        whole_number("cardinality", cardinality, 1)
        whole_number("bottleneck_width", bottleneck_width, 1)
        super().__init__(depths, cardinality, bottleneck_width, num_classes, small_input)


def layers(
    depths: Sequence[int] = DEPTHS[50],
    cardinality: Any = 32,
    bottleneck_width: Any = 4,
    *,
    num_classes: Any = 1000,
    small_input: bool = False,
    size: Any = 224,
) -> Iterator[Layer]:
    """The network as formulas, block by block; the arguments are those of `ResNeXt` and the images' side in pixels."""
    return resnet_layers(
        depths, cardinality, bottleneck_width, num_classes=num_classes, small_input=small_input, size=size
    )


NETWORKS = {
    # name: blocks of each stage, C, d
    "resnext50_32x4d": (DEPTHS[50], 32, 4),  # table 1
    "resnext101_32x4d": (DEPTHS[101], 32, 4),  # table 3
    "resnext101_64x4d": (DEPTHS[101], 64, 4),  # table 4, twice as complex
    "resnext101_32x8d": (DEPTHS[101], 32, 8),  # torchvision's, not in the paper
}
AUTHORS = partial(Printed, "the authors' list of trained networks", read=True)
PRINTED = {
    "resnext50_32x4d": AUTHORS(macs="4.1 G", top1=77.8, why="counted 4.23 G; the list says 'about 4.1'"),
    "resnext101_32x4d": AUTHORS(macs="7.8 G", top1=78.8, why="counted 7.97 G; the list says 'about 7.8'"),
    "resnext101_64x4d": AUTHORS(macs="15.6 G", top1=79.6, why="counted 15.46 G; the list says 'about 15.6'"),
    "resnext101_32x8d": Printed(
        "torchvision's list of weights", read=True, params="88,791,336", macs="16414 M", top1=79.312
    ),
}

for name, (depths, cardinality, width) in NETWORKS.items():
    fixed = {"depths": depths, "cardinality": cardinality, "bottleneck_width": width}
    register(name, ResNeXt, layers, family="ResNeXt", fixed=fixed, printed=PRINTED.get(name))
