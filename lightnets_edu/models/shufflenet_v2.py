"""ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design.

Ma, Zhang, Zheng, Sun; 2018; arXiv:1807.11164.

Half of the channels pass each unit untouched; the others go through convolutions of equal width, without groups; the
shuffle mixes the halves. Parameter names are torchvision's, whose network is not quite that of the authors' employer,
Megvii, which has the paper's numbers; ``variant`` chooses.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import sympy as sp
import torch
from torch import Tensor, nn

from lightnets_edu.formulas import Check, CostTerms, Setting, conv2d, conv_output_size, linear, pointwise_conv2d
from lightnets_edu.formulas.blocks import (
    INPUT_MAP,
    STRIDE_1_KEEPS_CHANNELS,
    STRIDE_IS_1_OR_2,
    depthwise_norm,
    only_if,
    pointwise_norm,
    strided,
)
from lightnets_edu.formulas.cost import Symbols, cost_formula
from lightnets_edu.formulas.layers import IN_CHANNELS, OUT_CHANNELS, STRIDE
from lightnets_edu.models.backbone import Backbone
from lightnets_edu.models.channel_shuffle import channel_shuffle, initialise_as_megvii
from lightnets_edu.models.cost import Layer, convolution_norm
from lightnets_edu.models.layers import relu
from lightnets_edu.models.registry import Printed, register

VARIANTS = ("torchvision", "megvii")


def _is_megvii(variant: str) -> bool:
    if variant not in VARIANTS:
        raise ValueError(f"variant should be 'torchvision' or 'megvii' instead of {variant!r}")
    return variant == "megvii"


def _main_branch(in_channels: int, channels: int, out_channels: int, stride: int) -> nn.Sequential:
    """1x1, 3x3 depthwise, 1x1: ``[N, in_channels, H, W] -> [N, out_channels, ceil(H / stride), ceil(W / stride)]``."""
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
        relu(),
        nn.Conv2d(channels, channels, 3, stride, padding=1, groups=channels, bias=False),
        nn.BatchNorm2d(channels),
        nn.Conv2d(channels, out_channels, 1, bias=False),
        nn.BatchNorm2d(out_channels),
        relu(),
    )


class BasicUnit(nn.Module):
    """[a, f(b)] of the input's halves a and b, f = 1x1, 3x3 depthwise, 1x1; and a shuffle. Section 3, figure 3 c.

    Args:
        channels: Channels of the input and of the output; even.
        variant: "torchvision": the unit ends with the shuffle, as in the figure. "megvii": it begins with its inverse,
            so that even channels pass and odd ones are worked on.

    Shape:
        ``[N, channels, H, W] -> [N, channels, H, W]``

    Raises:
        ValueError: If the channels are odd or the variant is not known.
    """

    def __init__(self, channels: int, variant: str = "torchvision") -> None:
        super().__init__()
        _check_even(channels)
        self.megvii = _is_megvii(variant)
        self.branch2 = _main_branch(channels // 2, channels // 2, channels // 2, stride=1)

    def forward(self, x: Tensor) -> Tensor:
        """Split, work on one half, concatenate; shuffle at the end (torchvision) or at the start (Megvii)."""
        if self.megvii:
            x = channel_shuffle(x, 2, inverse=True)
        passing, worked_on = x.chunk(2, 1)
        x = torch.cat((passing, self.branch2(worked_on)), 1)
        return x if self.megvii else channel_shuffle(x, 2)


class DownsamplingUnit(nn.Module):
    """[g(x), f(x)], f as in `BasicUnit` with stride 2, g = 3x3 depthwise, 1x1; and a shuffle. Section 3, figure 3 d.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output; even.
        variant: "torchvision": both branches give half of the output, and the unit ends with the shuffle. "megvii": g
            keeps its channels, f gives the rest, and the next unit shuffles.

    Shape:
        ``[N, in_channels, H, W] -> [N, out_channels, ceil(H / 2), ceil(W / 2)]``

    Raises:
        ValueError: If the output's channels are odd or the variant is not known.
    """

    stride = 2

    def __init__(self, in_channels: int, out_channels: int, variant: str = "torchvision") -> None:
        super().__init__()
        _check_even(out_channels)
        self.megvii = _is_megvii(variant)
        half = out_channels // 2
        shortcut_out = in_channels if self.megvii else half
        self.branch1 = nn.Sequential(
            nn.Conv2d(in_channels, in_channels, 3, stride=2, padding=1, groups=in_channels, bias=False),
            nn.BatchNorm2d(in_channels),
            nn.Conv2d(in_channels, shortcut_out, 1, bias=False),
            nn.BatchNorm2d(shortcut_out),
            relu(),
        )
        self.branch2 = _main_branch(in_channels, half, out_channels - shortcut_out, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """All channels go both ways, and the results are concatenated."""
        x = torch.cat((self.branch1(x), self.branch2(x)), 1)
        return x if self.megvii else channel_shuffle(x, 2)


def _check_even(out_channels: int) -> None:
    if out_channels % 2:
        raise ValueError(f"out_channels={out_channels} is odd: each of the two branches works on half of the channels")


MEGVII = Setting(
    "megvii",
    "v",
    "with stride 2: the shortcut keeps its channels, as in Megvii's code (1), or gives half of the outputs (0)",
    default=0,
    minimum=0,
    flag=True,
)


@cost_formula(
    IN_CHANNELS,
    OUT_CHANNELS,
    STRIDE,
    MEGVII,
    *INPUT_MAP,
    checks=(
        STRIDE_IS_1_OR_2,
        STRIDE_1_KEEPS_CHANNELS,
        Check(
            sp.Eq(sp.Mod(OUT_CHANNELS.symbol, 2), 0),
            "out_channels={out_channels} is odd: each of the unit's two branches works on half of the channels",
        ),
        Check(
            sp.Or(sp.Ne(STRIDE.symbol, 2), sp.Eq(MEGVII.symbol, 0), sp.Gt(OUT_CHANNELS.symbol, IN_CHANNELS.symbol)),
            "out_channels={out_channels} should be more than in_channels={in_channels} for stride 2 in Megvii's code: "
            "the shortcut keeps its channels and the other branch gives the rest",
        ),
    ),
)
def shuffle_unit_v2(s: Symbols) -> CostTerms:
    """A ShuffleNetV2 unit: half of the channels pass; the others go through 1x1, 3x3 depthwise and 1x1 convolutions of
    equal width, each with a batch norm. With stride 2 all channels go both ways, the shortcut's through a depthwise
    and a 1x1 convolution (Ma et al. 2018, ShuffleNet V2, section 3, figure 3 c and d).
    """
    size = (s.in_height, s.in_width)
    out, half = strided(size, 3, s.stride), s.out_channels / 2
    # With stride 1 one half of the input goes through the convolutions; with stride 2 all of it, on both ways.
    branch_in = s.in_channels * s.stride / 2
    shortcut_out = sp.Piecewise((branch_in, sp.Eq(s.megvii, 1)), (half, True))
    main = pointwise_norm(branch_in, half, size) + depthwise_norm(half, 3, size, stride=s.stride)
    main += pointwise_norm(half, s.out_channels - shortcut_out, out)
    shortcut = depthwise_norm(s.in_channels, 3, size, stride=s.stride)
    shortcut += pointwise_norm(s.in_channels, shortcut_out, out)
    return main + only_if(sp.Eq(s.stride, 2), shortcut)


# Table 5: output channels for 0.5x, 1x, 1.5x and 2x.
CHANNELS = {
    # Conv1, Stage2, Stage3, Stage4, Conv5
    "0.5": (24, 48, 96, 192, 1024),
    "1.0": (24, 116, 232, 464, 1024),
    "1.5": (24, 176, 352, 704, 1024),
    "2.0": (24, 244, 488, 976, 2048),
}
UNITS = (4, 8, 4)  # Stage2 to Stage4: one unit with stride 2, then Repeat (3, 7, 3) with stride 1


class ShuffleNetV2(Backbone):
    """The networks of table 5.

    Args:
        width: "0.5", "1.0", "1.5" or "2.0".
        variant: "torchvision", or "megvii": the authors' code, see the units; it has no bias in the classifier and,
            at width 2, dropout 0.2 before it. Its MACs are those of the paper's table 5.
        num_classes: Outputs of the classifier.
        small_input: For images of about 32 x 32: the first convolution has stride 1 and there is no max pool.

    Shape:
        ``[N, 3, H, W] -> [N, num_classes]``, any H and W; logits, without a softmax.
    """

    def __init__(
        self, width: str, variant: str = "torchvision", num_classes: int = 1000, small_input: bool = False
    ) -> None:
        super().__init__()
        megvii = _is_megvii(variant)
        channels, *stages, last = CHANNELS[width]
        stem = nn.Conv2d(3, channels, 3, stride=1 if small_input else 2, padding=1, bias=False)
        self.conv1 = nn.Sequential(stem, nn.BatchNorm2d(channels), relu())
        self.maxpool = nn.Identity() if small_input else nn.MaxPool2d(3, 2, padding=1)
        made = []
        for units, out_channels in zip(UNITS, stages, strict=True):
            first = DownsamplingUnit(channels, out_channels, variant)
            made.append(nn.Sequential(first, *(BasicUnit(out_channels, variant) for _ in range(units - 1))))
            channels = out_channels
        self.stage2, self.stage3, self.stage4 = made
        self.conv5 = nn.Sequential(nn.Conv2d(channels, last, 1, bias=False), nn.BatchNorm2d(last), relu())
        self.dropout = nn.Dropout(0.2 if megvii and width == "2.0" else 0.0)
        self.fc = nn.Linear(last, num_classes, bias=not megvii)
        if megvii:
            initialise_as_megvii(self, stem)

    def chain(self) -> tuple[nn.Module, ...]:
        """Strides 2, 4, 8, 16 and 32: Conv1, pool, stages 2 and 3, stage 4 with Conv5."""
        return self.conv1, self.maxpool, self.stage2, self.stage3, self.stage4, self.conv5

    def forward(self, x: Tensor) -> Tensor:
        """Images to logits."""
        x = self.forward_features(x).mean((2, 3))
        return self.fc(self.dropout(x))


def layers(
    width: str, *, variant: str = "torchvision", num_classes: Any = 1000, small_input: bool = False, size: Any = 224
) -> Iterator[Layer]:
    """The network as formulas: one (name, formula, settings) for each layer or unit, from the modules' table.

    Arguments as for `ShuffleNetV2`; ``num_classes`` may be a SymPy symbol, and so may ``size``, the side of the
    square images in pixels.
    """
    megvii = int(_is_megvii(variant))
    channels, *stages, last = CHANNELS[width]
    halve = {"kernel_size": 3, "stride": 2, "padding": 1}
    side = size if small_input else conv_output_size(in_size=size, **halve)
    stem = {"in_channels": 3, "out_channels": channels, "kernel_size": 3}
    yield from convolution_norm(("conv1.0", "conv1.1"), conv2d, side, size, **stem)
    side = side if small_input else conv_output_size(in_size=side, **halve)
    for stage, (units, out_channels) in enumerate(zip(UNITS, stages, strict=True), 2):
        for index in range(units):
            unit = {"in_channels": channels, "out_channels": out_channels, "stride": 1 if index else 2}
            into = {"in_height": side, "in_width": side}
            yield f"stage{stage}.{index}", shuffle_unit_v2, {**unit, "megvii": megvii, **into}
            side = side if index else conv_output_size(in_size=side, **halve)
            channels = out_channels
    head = {"in_channels": channels, "out_channels": last}
    yield from convolution_norm(("conv5.0", "conv5.1"), pointwise_conv2d, side, side, **head)
    yield "fc", linear, {"in_features": last, "out_features": num_classes, "bias": 1 - megvii}


AUTHORS = partial(Printed, "the authors' list of trained networks", read=True)
UNLIKE = "the authors' units of stride 2 differ from torchvision's, which are counted here"
PRINTED = {
    "0.5": AUTHORS(
        params="1.4 M",
        macs="41 M",
        top1=61.1,
        why="counted 40.48 M; we do not know what the list counts (with the elements that the last pooling reads it "
        "would be 40.53 M)",
    ),
    "1.0": AUTHORS(params="2.3 M", macs="146 M", top1=69.4, why=UNLIKE),
    "1.5": AUTHORS(params="3.5 M", macs="299 M", top1=72.6, why=UNLIKE),
    "2.0": AUTHORS(params="7.4 M", macs="591 M", top1=75.0, why=UNLIKE),
}

for width in CHANNELS:
    register(
        f"shufflenet_v2_x{width.replace('.', '_')}",
        ShuffleNetV2,
        layers,
        family="ShuffleNet",
        fixed={"width": width},
        printed=PRINTED[width],
    )
