"""Chapter 10's study: are ShuffleNetV2's units better than ShuffleNetV1's, and faster, at equal MACs?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from lightnets_edu.models.layers import relu
from lightnets_edu.models.shufflenet_v1 import ShuffleUnit
from lightnets_edu.models.shufflenet_v2 import BasicUnit, DownsamplingUnit
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

STEM_CHANNELS = 24  # conv 3x3, s 2; no max pool: 14 x 14
UNITS = (4, 4)  # of each stage, at 7 x 7 and at 4 x 4; one with stride 2, the others with stride 1
GROUPS = 3  # of ShuffleNetV1's units, as in the paper's comparison
V1_CHANNELS, V2_CHANNELS = 132, 66  # of the first stage, for equal MACs; the second stage has twice as many
WIDER = 104  # of ShuffleNetV2's units, so that a training step takes about as long as with ShuffleNetV1's
SOONER = 0.05  # the smallest difference in time that would matter, as a part of ShuffleNetV1's


class UnshuffledUnit(BasicUnit):
    """A ShuffleNetV2 unit with stride 1 that splits and concatenates its channels, and does not shuffle them."""

    def forward(self, x: Tensor) -> Tensor:
        """The first half of the channels passes; the second half is worked on."""
        passing, worked_on = x.chunk(2, 1)
        return torch.cat((passing, self.branch2(worked_on)), 1)


class UnshuffledDownsampling(DownsamplingUnit):
    """A ShuffleNetV2 unit with stride 2 that does not shuffle."""

    def forward(self, x: Tensor) -> Tensor:
        """All channels go both ways, and the results are concatenated."""
        return torch.cat((self.branch1(x), self.branch2(x)), 1)


def unit_v1(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """ShuffleNetV1's unit; the first one of the network has no groups in its first convolution, as in the paper."""
    first_groups = 1 if in_channels == STEM_CHANNELS else GROUPS
    return ShuffleUnit(in_channels, out_channels, GROUPS, stride, first_groups)


def unit_v2(in_channels: int, out_channels: int, stride: int, *, shuffle: bool = True) -> nn.Module:
    """ShuffleNetV2's unit, with its shuffle or without."""
    if stride == 2:
        return (DownsamplingUnit if shuffle else UnshuffledDownsampling)(in_channels, out_channels)
    return (BasicUnit if shuffle else UnshuffledUnit)(out_channels)


class SmallShuffleNet(nn.Module):
    """A stem, two stages of units and a classifier.

    Args:
        unit: Builds a unit from ``(in_channels, out_channels, stride)``.
        channels: Of the first stage.

    Shape:
        ``[N, 1, 28, 28] -> [N, 10]``
    """

    def __init__(self, unit: Callable[[int, int, int], nn.Module], channels: int) -> None:
        super().__init__()
        convolution = nn.Conv2d(1, STEM_CHANNELS, 3, stride=2, padding=1, bias=False)
        self.stem = nn.Sequential(convolution, nn.BatchNorm2d(STEM_CHANNELS), relu())
        units, in_channels = [], STEM_CHANNELS
        for stage, repeats in enumerate(UNITS):
            out_channels = channels * 2**stage
            for index in range(repeats):
                units.append(unit(in_channels, out_channels, 1 if index else 2))
                in_channels = out_channels
        self.units = nn.Sequential(*units)
        self.classifier = nn.Linear(in_channels, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Images to logits."""
        return self.classifier(self.units(self.stem(x)).mean((2, 3)))


V1 = partial(SmallShuffleNet, unit_v1, V1_CHANNELS)

STUDY = Study(
    name="shufflenet_v2",
    claim="At equal MACs, a network of ShuffleNetV2's units is more accurate than one of ShuffleNetV1's.",
    source="Ma et al. 2018, arXiv:1807.11164, section 4, table 8",
    evidence=(
        Evidence(
            "ShuffleNetV2 instead of ShuffleNetV1 (3 groups), ImageNet",
            "top-1 error 30.6 % instead of 32.6 % at 1×, 39.7 % instead of 43.2 % at 0.5×",
            "table 8",
        ),
        Evidence("the same at 1×, on a GTX 1080 Ti", "341 instead of 213 batches a second", "table 8"),
        Evidence("the same at 1×, one thread of a Snapdragon 810", "24.4 instead of 21.8 images a second", "table 8"),
    ),
    variants=(
        Variant("v1", "networks of ShuffleNetV1's units", V1),
        Variant("v2", "networks of ShuffleNetV2's units", partial(SmallShuffleNet, unit_v2, V2_CHANNELS)),
        Variant(
            "unshuffled",
            "networks of ShuffleNetV2's units without the shuffle",
            partial(SmallShuffleNet, partial(unit_v2, shuffle=False), V2_CHANNELS),
        ),
        Variant("wider", "wider networks of ShuffleNetV2's units", partial(SmallShuffleNet, unit_v2, WIDER)),
    ),
    comparisons=(
        Comparison("v2", "v1", by=0.5),
        Comparison(
            "v2", "v1", by=0.5, kind="no worse", claim="ShuffleNetV2's units are at least no worse than ShuffleNetV1's."
        ),
        Comparison("v2", "v1", by=SOONER, measure="step_time", claim="ShuffleNetV2's units are trained in less time."),
        Comparison(
            "v2",
            "v1",
            by=SOONER,
            measure="image_time",
            claim="ShuffleNetV2's units are done with one image in less time.",
        ),
        Comparison(
            "wider",
            "v1",
            by=SOONER,
            kind="no worse",
            measure="step_time",
            claim="Wider networks of ShuffleNetV2's units take no longer to train than those of ShuffleNetV1's.",
        ),
        Comparison(
            "wider", "v1", by=0.5, claim="These wider networks are more accurate than those of ShuffleNetV1's units."
        ),
        Comparison("v2", "unshuffled", by=0.5, claim="The shuffle makes ShuffleNetV2's units more accurate."),
        Comparison(
            "unshuffled", "v2", by=SOONER, measure="image_time", claim="Without the shuffle, one image takes less time."
        ),
    ),
    held_equal=(
        HeldEqual("macs", ("v1", "v2"), tolerance=0.02),
        HeldEqual("macs", ("v2", "unshuffled")),
    ),
    measures=(
        ACCURACY,
        Measure("step_time", "time of a training step relative to ShuffleNetV1's units", better="lower", digits=2),
        Measure("image_time", "time of one image relative to ShuffleNetV1's units", better="lower", digits=2),
    ),
    measure=partial(times_beside, build=V1),
    takes_time=True,
)
