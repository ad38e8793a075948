"""ShuffleNet: An Extremely Efficient Convolutional Neural Network for Mobile Devices.

Zhang, Zhou, Lin, Sun; 2018; arXiv:1707.01083.

1x1 convolutions are grouped too, and the channels shuffled between them, so that groups see each other. Parameter names
are those of the code of Megvii, the authors' employer. It is not quite the paper's network; `ShuffleNetV1` has an
option for each difference.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import sympy as sp
import torch
from sympy import Expr
from torch import Tensor, nn

from lightnets_edu.formulas import Check, CostTerms, Setting, conv2d, conv_output_size, linear
from lightnets_edu.formulas.blocks import (
    INPUT_MAP,
    STRIDE_1_KEEPS_CHANNELS,
    STRIDE_IS_1_OR_2,
    depthwise_norm,
    pointwise_norm,
    strided,
)
from lightnets_edu.formulas.cost import Symbols, cost_formula
from lightnets_edu.formulas.layers import GROUPS, IN_CHANNELS, OUT_CHANNELS, STRIDE
from lightnets_edu.models.backbone import Backbone
from lightnets_edu.models.channel_shuffle import ChannelShuffle, initialise_as_megvii
from lightnets_edu.models.cost import Layer, convolution_norm
from lightnets_edu.models.layers import relu, scaled_channels
from lightnets_edu.models.registry import Printed, register

SHUFFLES = ("paper", "megvii", "none")


def bottleneck_channels(out_channels: int, groups: int) -> int:
    """A quarter of a unit's output channels (section 3.3), to a multiple of the groups."""
    return scaled_channels(out_channels, 0.25, groups)


class ShuffleUnit(nn.Module):
    """relu(x + f(x)), or with stride 2 relu([f(x), pooled x]); f = grouped 1x1, shuffle, 3x3 depthwise, grouped 1x1.

    Section 3.2, figure 2 b and c.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output; with stride 2 the convolutions give in_channels fewer.
        groups: Of the 1x1 convolutions.
        stride: 1 or 2.
        first_groups: Of the first 1x1 convolution, if other than ``groups``: 1 in the network's first unit.
        shuffle: "paper": the paper's permutation, before the depthwise convolution; "megvii": its inverse, after the
            depthwise convolution; "none": no shuffle.
        shortcut_first: With stride 2, whether the pooled input comes first in the concatenation, or last.

    Shape:
        ``[N, in_channels, H, W] -> [N, out_channels, ceil(H / stride), ceil(W / stride)]``
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        groups: int,
        stride: int,
        first_groups: int | None = None,
        shuffle: str = "paper",
        shortcut_first: bool = False,
    ) -> None:
        super().__init__()
        if stride not in (1, 2):
            raise ValueError(f"stride should be 1 or 2 instead of {stride!r}: the paper has units of no other")
        if stride == 1 and in_channels != out_channels:
            raise ValueError(
                f"in_channels={in_channels} and out_channels={out_channels} should be equal for stride 1: the input is "
                "added to the output"
            )
        if shuffle not in SHUFFLES:
            raise ValueError(f"shuffle should be 'paper', 'megvii' or 'none' instead of {shuffle!r}")
        self.stride = stride
        self.shortcut_first = shortcut_first
        hidden = bottleneck_channels(out_channels, groups)
        computed = out_channels - in_channels if stride == 2 else out_channels
        squeeze_groups = groups if first_groups is None else first_groups
        main: dict[str, nn.Module] = {
            "0": nn.Conv2d(in_channels, hidden, 1, groups=squeeze_groups, bias=False),
            "1": nn.BatchNorm2d(hidden),
            "2": relu(),
        }
        # A shuffle has a name instead of a number: so the layers after it have Megvii's numbers.
        if shuffle == "paper" and groups > 1:
            main["shuffle"] = ChannelShuffle(groups)
        main["3"] = nn.Conv2d(hidden, hidden, 3, stride, padding=1, groups=hidden, bias=False)
        main["4"] = nn.BatchNorm2d(hidden)
        if shuffle == "megvii" and groups > 1:
            main["shuffle"] = ChannelShuffle(groups, inverse=True)
        self.branch_main_1 = nn.Sequential(OrderedDict(main))
        self.branch_main_2 = nn.Sequential(
            nn.Conv2d(hidden, computed, 1, groups=groups, bias=False), nn.BatchNorm2d(computed)
        )
        if stride == 2:
            self.branch_proj = nn.AvgPool2d(3, 2, padding=1)
        self.activation = relu()

    def forward(self, x: Tensor) -> Tensor:
        """The convolutions' output, then the shortcut: added or concatenated."""
        computed = self.branch_main_2(self.branch_main_1(x))
        if self.stride == 1:
            return self.activation(computed + x)
        shortcut = self.branch_proj(x)
        parts = (shortcut, computed) if self.shortcut_first else (computed, shortcut)
        return self.activation(torch.cat(parts, 1))


BOTTLENECK = Setting(
    "bottleneck_channels", r"C_\text{mid}", "channels of the 3x3 convolution; a quarter of the outputs in the paper"
)
FIRST_GROUPS = Setting(
    "first_groups", "g_1", "groups of the first convolution (default: as the other; 1 in the first unit)", "groups"
)


def _computed(in_channels: Expr, out_channels: Expr, stride: Expr) -> Expr:
    """What the convolutions compute: with stride 2 the pooled input is concatenated, so that much less."""
    return out_channels - (stride - 1) * in_channels


def _divides(groups: Setting, channels: Setting) -> Check:
    """The check that a number of groups divides a number of channels."""
    return Check(
        sp.Eq(sp.Mod(channels.symbol, groups.symbol), 0),
        f"{groups.name}={{{groups.name}}} does not divide {channels.name}={{{channels.name}}}: each group needs the "
        f"same number of channels; try {{divisors({channels.name})}}",
    )


@cost_formula(
    IN_CHANNELS,
    OUT_CHANNELS,
    BOTTLENECK,
    GROUPS,
    FIRST_GROUPS,
    STRIDE,
    *INPUT_MAP,
    checks=(
        STRIDE_IS_1_OR_2,
        STRIDE_1_KEEPS_CHANNELS,
        Check(
            sp.Or(sp.Ne(STRIDE.symbol, 2), sp.Gt(OUT_CHANNELS.symbol, IN_CHANNELS.symbol)),
            "out_channels={out_channels} should be more than in_channels={in_channels} for stride 2: the pooled input "
            "is concatenated to what the convolutions give",
        ),
        _divides(FIRST_GROUPS, IN_CHANNELS),
        _divides(FIRST_GROUPS, BOTTLENECK),
        _divides(GROUPS, BOTTLENECK),
        Check(
            sp.Eq(sp.Mod(_computed(IN_CHANNELS.symbol, OUT_CHANNELS.symbol, STRIDE.symbol), GROUPS.symbol), 0),
            "groups={groups} does not divide the channels that the last convolution gives: "
            "out_channels={out_channels}, with stride 2 less in_channels={in_channels}",
        ),
    ),
)
def shuffle_unit_v1(s: Symbols) -> CostTerms:
    """A ShuffleNet unit: a grouped 1x1 convolution, channel shuffle, a 3x3 depthwise one, a grouped 1x1 one, each
    with a batch norm, and a shortcut: the input is added (stride 1) or average-pooled and concatenated (stride 2).
    Shuffle and shortcut cost nothing here (Zhang et al. 2018, ShuffleNet, section 3.2, figure 2 b and c).
    """
    size = (s.in_height, s.in_width)
    squeeze = pointwise_norm(s.in_channels, s.bottleneck_channels, size, groups=s.first_groups)
    depthwise = depthwise_norm(s.bottleneck_channels, 3, size, stride=s.stride)
    computed, out = _computed(s.in_channels, s.out_channels, s.stride), strided(size, 3, s.stride)
    return squeeze + depthwise + pointwise_norm(s.bottleneck_channels, computed, out, groups=s.groups)


# Table 1: output channels of stages 2, 3 and 4, chosen so that every g costs about the same number of MACs.
STAGE_CHANNELS = {
    # g: stage2, stage3, stage4
    1: (144, 288, 576),
    2: (200, 400, 800),
    3: (240, 480, 960),
    4: (272, 544, 1088),
    8: (384, 768, 1536),
}
STEM_CHANNELS = 24  # Conv1 3x3, stride 2; then a 3x3 max pool, stride 2
UNITS = (4, 8, 4)  # of each stage: one unit with stride 2, then Repeat (3, 7, 3) with stride 1


def unit_channels(groups: int, width_mult: float) -> tuple[int, tuple[int, ...]]:
    """Channels of the stem and of the stages, scaled as in section 3.3 ("ShuffleNet s x") to multiples of the groups.

    Raises:
        ValueError: If table 1 has no such number of groups, or the network would have no channels to compute.
    """
    if groups not in STAGE_CHANNELS or not isinstance(groups, int):
        raise ValueError(f"groups should be 1, 2, 3, 4 or 8, as in the paper's table 1, instead of {groups!r}")
    stem, *stages = (scaled_channels(c, width_mult, groups) for c in (STEM_CHANNELS, *STAGE_CHANNELS[groups]))
    if not stem < stages[0] < stages[1] < stages[2]:
        raise ValueError(
            f"width_mult={width_mult} is too small for groups={groups}: rounded to multiples of the groups, the stages "
            f"have {stages} channels behind a stem of {stem}, but each needs more than the one before"
        )
    return stem, tuple(stages)


class ShuffleNetV1(Backbone):
    """The networks of table 1 and, scaled, those of section 3.3.

    Megvii's networks: ``shuffle="megvii", shortcut_first=True, classifier_bias=False`` and, for width 1.5,
    ``stem_channels=24``. The paper leaves open the order of the concatenation (``shortcut_first``) and the bias.

    Args:
        groups: Of the 1x1 convolutions: 1, 2, 3, 4 or 8.
        width_mult: Scales every number of channels.
        num_classes: Outputs of the classifier.
        shuffle: "paper": the paper's permutation, where figure 2 has it; "megvii": the inverse permutation, one layer
            later; "none": the ablation of the paper's table 3.
        shortcut_first: Order of the concatenation in units with stride 2: False: convolutions' output, pooled input;
            True: pooled input first, as in Megvii's code.
        classifier_bias: Whether the classifier has a bias; Megvii's has none.
        stem_channels: Channels of the first convolution; None for 24 times the width. Megvii's 1.5x keeps 24.
        small_input: For images of about 32 x 32: the first convolution has stride 1 and there is no max pool.

    Shape:
        ``[N, 3, H, W] -> [N, num_classes]``, any H and W; logits, without a softmax.
    """

    def __init__(
        self,
        groups: int = 3,
        width_mult: float = 1.0,
        num_classes: int = 1000,
        shuffle: str = "paper",
        shortcut_first: bool = False,
        classifier_bias: bool = True,
        stem_channels: int | None = None,
        small_input: bool = False,
    ) -> None:
        super().__init__()
        channels, stages = unit_channels(groups, width_mult)
        if stem_channels is not None:
            channels = _checked_stem(stem_channels, groups, stages[0])
        stem = nn.Conv2d(3, channels, 3, stride=1 if small_input else 2, padding=1, bias=False)
        self.first_conv = nn.Sequential(stem, nn.BatchNorm2d(channels), relu())
        self.maxpool = nn.Identity() if small_input else nn.MaxPool2d(3, 2, padding=1)
        units: list[ShuffleUnit] = []
        for out_channels, repeats in zip(stages, UNITS, strict=True):
            for index in range(repeats):
                first_groups = groups if units else 1  # the stem's maps are too few to be grouped
                unit = (channels, out_channels, groups, 1 if index else 2, first_groups, shuffle, shortcut_first)
                units.append(ShuffleUnit(*unit))
                channels = out_channels
        self.features = nn.Sequential(*units)
        self.globalpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Linear(channels, num_classes, bias=classifier_bias))
        initialise_as_megvii(self, stem)

    def chain(self) -> tuple[nn.Module, ...]:
        """Strides 2, 4, 8, 16 and 32: stem, pool, stages 2, 3 and 4."""
        return (self.first_conv, self.maxpool, *self.features)

    def forward(self, x: Tensor) -> Tensor:
        """Images to logits."""
        return self.classifier(self.globalpool(self.forward_features(x)).flatten(1))


def _checked_stem(stem_channels: int, groups: int, stage_channels: int) -> int:
    if not isinstance(stem_channels, int) or not 0 < stem_channels < stage_channels:
        raise ValueError(
            f"stem_channels should be a whole number from 1 to {stage_channels - 1} instead of {stem_channels!r}: "
            f"the first unit's {stage_channels} output channels contain them"
        )
    if stem_channels % groups:
        raise ValueError(
            f"groups={groups} does not divide stem_channels={stem_channels}: the first unit concatenates them to what "
            "its grouped convolutions give"
        )
    return stem_channels


def layers(
    groups: int = 3,
    width_mult: float = 1.0,
    *,
    num_classes: Any = 1000,
    classifier_bias: bool = True,
    stem_channels: int | None = None,
    small_input: bool = False,
    size: Any = 224,
) -> Iterator[Layer]:
    """The network as formulas: one (name, formula, settings) for each layer or unit, from the modules' table.

    Arguments as for `ShuffleNetV1`; ``num_classes`` may be a SymPy symbol, and so may ``size``, the side of the
    square images in pixels. Options that cost nothing are left out.
    """
    channels, stages = unit_channels(groups, width_mult)
    channels = channels if stem_channels is None else stem_channels
    halve = {"kernel_size": 3, "stride": 2, "padding": 1}
    side = size if small_input else conv_output_size(in_size=size, **halve)
    stem = {"in_channels": 3, "out_channels": channels, "kernel_size": 3}
    yield from convolution_norm(("first_conv.0", "first_conv.1"), conv2d, side, size, **stem)
    side = side if small_input else conv_output_size(in_size=side, **halve)
    number = 0
    for out_channels, repeats in zip(stages, UNITS, strict=True):
        for index in range(repeats):
            unit = {"in_channels": channels, "out_channels": out_channels, "stride": 1 if index else 2}
            unit |= {"bottleneck_channels": bottleneck_channels(out_channels, groups)}
            unit |= {"groups": groups, "first_groups": groups if number else 1}
            yield f"features.{number}", shuffle_unit_v1, {**unit, "in_height": side, "in_width": side}
            side = side if index else conv_output_size(in_size=side, **halve)
            channels, number = out_channels, number + 1
    bias = int(classifier_bias)
    yield "classifier.0", linear, {"in_features": channels, "out_features": num_classes, "bias": bias}


register(
    "shufflenet_v1",
    ShuffleNetV1,
    layers,
    family="ShuffleNet",
    printed=Printed(
        "the authors' list of trained networks",
        read=True,
        params="1.9 M",
        macs="138 M",
        top1=67.8,
        why="counted 137.46 M; we do not know what the list counts (with the elements that the last pooling reads it "
        "would be 137.51 M)",
    ),
)
