"""Chapter 5's study: deep and thin, or wide and shallow, at equal MACs?"""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

from lightnets_edu.models.layers import initialise_convolution
from lightnets_edu.models.wide_resnet import WideBasicBlock
from lightnets_edu.recording.studies import (
    ACCURACY,
    Comparison,
    Evidence,
    HeldEqual,
    Measure,
    Study,
    Variant,
    times_beside,
)

STEM_CHANNELS = 8  # a 3x3 convolution with stride 2: 14 x 14
GROUPS = (
    # (times as many channels as in the first group, stride)
    (1, 1),  #  14 x 14
    (2, 2),  #   7 x 7
    (4, 2),  #   4 x 4
)


class SmallWideResNet(nn.Module):
    """Wide ResNet's three groups of blocks, as deep as in its name: 6 N + 4 (table 1).

    Args:
        blocks: In each group, N.
        channels: Of the first group.

    Shape:
        ``[N, 1, 28, 28] -> [N, 10]``
    """

    def __init__(self, blocks: int, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(1, STEM_CHANNELS, 3, stride=2, padding=1, bias=False)]
        in_channels = STEM_CHANNELS
        for times, group_stride in GROUPS:
            for index in range(blocks):
                stride = group_stride if index == 0 else 1
                layers.append(WideBasicBlock(in_channels, times * channels, stride))
                in_channels = times * channels
        self.body = nn.Sequential(*layers, nn.BatchNorm2d(in_channels), nn.ReLU())
        self.head = nn.Linear(in_channels, 10)
        self.apply(initialise_convolution)

    def forward(self, x: Tensor) -> Tensor:
        """Images to logits."""
        return self.head(self.body(x).mean((2, 3)))


SHAPES = {
    # depth: (blocks of a group, channels of the first group): N times the square of the channels hardly changes
    10: (1, 15),
    16: (2, 10),
    22: (3, 8),
    46: (7, 5),
    70: (11, 4),
}
NAMES = tuple(f"depth{depth}" for depth in SHAPES)
WIDE = SHAPES[16]  # as deep as the paper's WRN-16-8

STUDY = Study(
    name="wide_resnet",
    claim="At equal cost, a wide and shallow residual network is more accurate than a deep and thin one.",
    source="Zagoruyko and Komodakis 2016, arXiv:1605.07146v4, section 3, table 5",
    evidence=(
        Evidence(
            "WRN-40-4 instead of ResNet-1001 with pre-activation, CIFAR-10, batches of 128",
            "error 4.53 % instead of 4.92 %",
            "table 5",
        ),
        Evidence("WRN-16-8, CIFAR-10", "error 4.27 %", "table 5"),
        Evidence(
            "too deep for its width: WRN-40-8 instead of WRN-22-8, CIFAR-10",
            "error 4.66 % instead of 4.38 %",
            "table 4",
        ),
        Evidence(
            "and on ImageNet: WRN-18-2 (45.6 M parameters), WRN-34-1.5 (48.6 M)",
            "top-1 error 25.58 % and 24.5 %: the deeper one is better",
            "table 7",
        ),
        Evidence(
            "WRN-40-4 instead of ResNet-1001, forward and backward pass of 32 images on a Titan X",
            "68 ms instead of 512 ms",
            "figure 4",
        ),
    ),
    variants=tuple(
        Variant(
            name,
            f"networks of depth {depth} with {channels}, {2 * channels} and {4 * channels} channels",
            partial(SmallWideResNet, blocks, channels),
        )
        for name, (depth, (blocks, channels)) in zip(NAMES, SHAPES.items(), strict=True)
    ),
    comparisons=(
        Comparison("depth16", "depth70", by=0.5),
        Comparison("depth16", "depth70", by=0.5, kind="no worse", claim="Depth 16 is at least no worse than depth 70."),
        Comparison("depth16", "depth46", by=0.5, claim="Depth 16 is more accurate than depth 46."),
        Comparison("depth22", "depth16", by=0.5, claim="Depth 22 is more accurate than depth 16."),
        Comparison("depth16", "depth10", by=0.5, claim="Some depth is needed: 16 is more accurate than 10."),
        Comparison(
            "depth16", "depth70", by=0.5, measure="step_time", claim="Depth 16 is trained in less time than depth 70."
        ),
        Comparison(
            "depth16",
            "depth70",
            by=0.5,
            measure="image_time",
            claim="Depth 16 is done with one image in less time than depth 70.",
        ),
    ),
    held_equal=(HeldEqual("macs", NAMES, tolerance=0.06), HeldEqual("parameters", NAMES, tolerance=0.06)),
    measures=(
        ACCURACY,
        Measure("step_time", "time of a training step relative to depth 16", better="lower", digits=2),
        Measure("image_time", "time of one image relative to depth 16", better="lower", digits=2),
    ),
    measure=partial(times_beside, build=partial(SmallWideResNet, *WIDE)),
)
