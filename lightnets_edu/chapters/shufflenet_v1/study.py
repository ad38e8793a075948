"""Chapter 8's study: what is the shuffle worth, and what are more groups worth, in a small ShuffleNet?"""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

from lightnets_edu.models.channel_shuffle import initialise_as_megvii
from lightnets_edu.models.layers import relu
from lightnets_edu.models.shufflenet_v1 import ShuffleUnit
from lightnets_edu.recording.studies import Comparison, Evidence, HeldEqual, Study, Variant

# Table 1 in small, about half as wide: output channels of the first stage for each number of groups, chosen so that all
# networks have about as many MACs (and parameters); the second stage has twice as many channels.
STAGE_CHANNELS = {1: 76, 2: 104, 4: 144, 8: 192}
STEM_CHANNELS = 24  # conv 3x3, s 2; no max pool: 14 x 14
UNITS = (2, 4)  # of each stage, at 7 x 7 and at 4 x 4; one with stride 2, the others with stride 1


class SmallShuffleNet(nn.Module):
    """ShuffleNet with the table above.

    Args:
        groups: Of the 1x1 convolutions: 1, 2, 4 or 8.
        shuffle: As for `ShuffleUnit`: "paper", or "none" for the ablation of the paper's table 3.

    Shape:
        ``[N, 1, 28, 28] -> [N, 10]``
    """

    def __init__(self, groups: int, shuffle: str = "paper") -> None:
        super().__init__()
        stem = nn.Conv2d(1, STEM_CHANNELS, 3, stride=2, padding=1, bias=False)
        self.stem = nn.Sequential(stem, nn.BatchNorm2d(STEM_CHANNELS), relu())
        units: list[ShuffleUnit] = []
        channels = STEM_CHANNELS
        for stage, repeats in enumerate(UNITS):
            out_channels = STAGE_CHANNELS[groups] * 2**stage
            for index in range(repeats):
                first_groups = groups if units else 1  # as in the paper's network
                units.append(ShuffleUnit(channels, out_channels, groups, 1 if index else 2, first_groups, shuffle))
                channels = out_channels
        self.units = nn.Sequential(*units)
        self.classifier = nn.Linear(channels, 10)
        initialise_as_megvii(self, stem)

    def forward(self, x: Tensor) -> Tensor:
        """Images to logits."""
        return self.classifier(self.units(self.stem(x)).mean((2, 3)))


def _shuffling(groups: int) -> tuple[Variant, Variant]:
    """The networks with so many groups, shuffled and not."""
    words = f"networks with {groups} groups"
    return (
        Variant(f"g{groups}", words, partial(SmallShuffleNet, groups)),
        Variant(f"g{groups}_unshuffled", f"{words} and no shuffle", partial(SmallShuffleNet, groups, "none")),
    )


STUDY = Study(
    name="shufflenet_v1",
    claim="With 8 groups, the channel shuffle makes the network more accurate.",
    source="Zhang et al. 2018, arXiv:1707.01083v2, section 4.1.2, table 3",
    evidence=(
        Evidence(
            "shuffled instead of not, 8 groups, ImageNet",
            "top-1 error 32.4 % instead of 37.6 % at full width, 52.7 % instead of 56.5 % at a quarter of it",
            "table 3",
        ),
        Evidence("shuffled instead of not, 3 groups, full width", "top-1 error 32.6 % instead of 34.5 %", "table 3"),
        Evidence(
            "8 groups instead of 1, at equal MACs",
            "top-1 error 32.4 % instead of 33.6 % at full width, 52.7 % instead of 57.1 % at a quarter of it",
            "table 2",
        ),
    ),
    variants=(
        Variant("g1", "networks without groups", partial(SmallShuffleNet, 1)),
        *_shuffling(2),
        *_shuffling(4),
        *_shuffling(8),
    ),
    comparisons=(
        Comparison("g8", "g8_unshuffled", by=0.5),
        Comparison("g4", "g4_unshuffled", by=0.5, claim="With 4 groups, the shuffle makes the network more accurate."),
        Comparison("g2", "g2_unshuffled", by=0.5, claim="With 2 groups, the shuffle makes the network more accurate."),
        *(
            Comparison(
                f"g{groups}",
                "g1",
                by=0.5,
                claim=f"At equal MACs, networks with {groups} groups are more accurate than those without.",
            )
            for groups in (2, 4, 8)
        ),
    ),
    held_equal=(
        HeldEqual("macs", ("g1", "g2", "g4", "g8"), tolerance=0.035),
        HeldEqual("parameters", ("g1", "g2", "g4", "g8"), tolerance=0.03),
        *(HeldEqual("macs", (f"g{groups}", f"g{groups}_unshuffled")) for groups in (2, 4, 8)),
    ),
)
