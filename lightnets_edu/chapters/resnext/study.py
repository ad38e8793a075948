"""Chapter 6's study: many paths, wider bottlenecks or more of them, at equal MACs?"""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

from lightnets_edu.models.layers import initialise_convolution
from lightnets_edu.models.resnext import BlockFormC
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

STEM_CHANNELS = 16  # a 3x3 convolution with stride 2: 14 x 14
STAGES = (
    # (output channels, stride): an eighth of ResNet-50's
    (32, 1),  #  14 x 14
    (64, 2),  #   7 x 7
    (128, 2),  #  4 x 4
)


class SmallResNeXt(nn.Module):
    """Three stages of ResNeXt's bottlenecks; all that table 3 and table 4 name is an eighth as wide.

    Args:
        cardinality: Number of paths in each block.
        widths: Channels of a path in each stage.
        blocks: Of each stage.

    Shape:
        ``[N, 1, 28, 28] -> [N, 10]``
    """

    def __init__(self, cardinality: int, widths: tuple[int, int, int], blocks: int = 2) -> None:
        super().__init__()
        convolution = nn.Conv2d(1, STEM_CHANNELS, 3, stride=2, padding=1, bias=False)
        self.stem = nn.Sequential(convolution, nn.BatchNorm2d(STEM_CHANNELS), nn.ReLU())
        body, channels = [], STEM_CHANNELS
        for (out_channels, stage_stride), width in zip(STAGES, widths, strict=True):
            for index in range(blocks):
                stride = stage_stride if index == 0 else 1
                body.append(BlockFormC(channels, out_channels, cardinality, width, stride))
                channels = out_channels
        self.body = nn.Sequential(*body)
        self.head = nn.Linear(channels, 10)
        self.apply(initialise_convolution)

    def forward(self, x: Tensor) -> Tensor:
        """Images to logits."""
        return self.head(self.body(self.stem(x)).mean((2, 3)))


# Table 3: networks that cost the same.
one_path = partial(SmallResNeXt, 1, (8, 16, 32))  # 1 x 64d in table 3
four_paths = partial(SmallResNeXt, 4, (3, 6, 12))  # 4 x 24d
fifteen_paths = partial(SmallResNeXt, 15, (1, 2, 4))  # as narrow as can be; so many of them cost the same
# Table 4: four ways to spend twice as much on the blocks (stem, classifier and the shortcuts' convolutions stay).
deeper = partial(SmallResNeXt, 1, (8, 16, 32), blocks=4)  # ResNet-200 in table 4
wider = partial(SmallResNeXt, 1, (12, 25, 50))  # 1 x 100d
two_paths = partial(SmallResNeXt, 2, (8, 16, 32))  # 2 x 64d
eight_paths = partial(SmallResNeXt, 8, (3, 6, 12))  # 64 x 4d instead of 32 x 4d: twice as many paths

STUDY = Study(
    name="resnext",
    claim="In blocks that cost the same, many narrow paths are more accurate than one wide path.",
    source="Xie et al. 2017, arXiv:1611.05431, section 5.1, tables 3 and 4",
    evidence=(
        Evidence(
            "ResNeXt-50, C × d of equal cost, ImageNet",
            "top-1 error 23.9 % (1 × 64d), 23.0 % (2 × 40d), 22.6 % (4 × 24d), 22.3 % (8 × 14d), 22.2 % (32 × 4d)",
            "table 3",
        ),
        Evidence("ResNeXt-101, C × d of equal cost", "top-1 error 22.0 % (1 × 64d), 21.2 % (32 × 4d)", "table 3"),
        Evidence(
            "twice the cost of ResNet-101 (22.0 %)",
            "top-1 error 21.7 % deeper, 21.3 % wider (1 × 100d), 20.7 % with two paths (2 × 64d), 20.4 % with 64 × 4d",
            "table 4",
        ),
        Evidence(
            "ResNeXt-101 32 × 4d instead of ResNet-101, a mini-batch on eight M40",
            "0.95 s instead of 0.70 s",
            "section 5.1",
        ),
    ),
    variants=(
        Variant("one", "networks with one path (1 × 8d)", one_path),
        Variant("four", "networks with four paths (4 × 3d)", four_paths),
        Variant("fifteen", "networks with fifteen paths (15 × 1d)", fifteen_paths),
        Variant("deeper", "networks of twice the depth (1 × 8d, four blocks a stage)", deeper),
        Variant("wider", "wider networks (1 × 12.5d)", wider),
        Variant("two", "networks with a second path (2 × 8d)", two_paths),
        Variant("eight", "networks with eight paths (8 × 3d)", eight_paths),
    ),
    comparisons=(
        Comparison("fifteen", "one", by=0.5),
        Comparison("four", "one", by=0.5, claim="Four paths are more accurate than one."),
        Comparison("eight", "wider", by=0.5, claim="At twice the cost, more paths are better than a wider one."),
        Comparison("eight", "deeper", by=0.5, claim="At twice the cost, more paths are better than more blocks."),
        Comparison("two", "wider", by=0.5, claim="Two paths of the old width are more accurate than one wider path."),
        Comparison("eight", "four", by=0.5, claim="Eight paths are more accurate than four of the same width."),
        Comparison("one", "fifteen", by=0.1, measure="step_time", claim="One path is trained faster than fifteen."),
        Comparison(
            "wider",
            "eight",
            by=0.1,
            measure="step_time",
            claim="One wider path is trained faster than eight paths.",
        ),
    ),
    held_equal=(
        HeldEqual("macs", ("one", "four", "fifteen"), tolerance=0.04),
        HeldEqual("macs", ("deeper", "wider", "two", "eight"), tolerance=0.05),
    ),
    measures=(
        ACCURACY,
        Measure("step_time", "time of a training step relative to one path", better="lower", digits=2),
        Measure("image_time", "time of one image relative to one path", better="lower", digits=2),
    ),
    measure=partial(times_beside, build=one_path),
)
