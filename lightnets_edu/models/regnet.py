"""RegNetX: Designing Network Design Spaces.

Radosavovic, Kosaraju, Girshick, He, Dollar; 2020; arXiv:2003.13678.

Here as in the authors' code (pycls), whose twelve sizes and names are used: a size is its MACs for a 224 x 224 image.
Parameter names are those of the G-Ghost code: conv1, bn1, layer1 ... layer4, fc. torchvision's ``regnet_x_400mf`` is
another network with more parameters: it does not round a width down by more than a tenth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import sympy as sp
from torch import Tensor, nn

from lightnets_edu.formulas import Check, CostTerms, Setting, conv2d, conv_output_size, linear
from lightnets_edu.formulas.blocks import INPUT_MAP, maps, norm_params, only_if, pointwise_norm, strided
from lightnets_edu.formulas.cost import Symbols, cost_formula
from lightnets_edu.formulas.layers import IN_CHANNELS, OUT_CHANNELS, STRIDE
from lightnets_edu.models.backbone import Backbone
from lightnets_edu.models.cost import Layer, convolution_norm
from lightnets_edu.models.layers import initialise_convolution, relu
from lightnets_edu.models.registry import Printed, register


class Bottleneck(nn.Module):
    """relu(x + f(x)), f = 1x1, grouped 3x3, 1x1 convolution, all of one width. The X block of figure 4.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output and in between (bottleneck ratio 1).
        group_width: Channels of each group of the 3x3 convolution; one group if it exceeds out_channels.
        stride: Of the 3x3 convolution and of the shortcut.

    Shape:
        ``[N, in_channels, H, W] -> [N, out_channels, ceil(H / stride), ceil(W / stride)]``

    Raises:
        ValueError: If the group width does not divide out_channels.
    """

    def __init__(self, in_channels: int, out_channels: int, group_width: int, stride: int = 1) -> None:
        super().__init__()
        if out_channels % min(out_channels, group_width):
            raise ValueError(
                f"group_width={group_width} does not divide out_channels={out_channels}: every group of the 3x3 "
                "convolution needs the same number of channels"
            )
        groups = out_channels // min(out_channels, group_width)
        self.stride = stride
        self.conv1 = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, stride, padding=1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.conv3 = nn.Conv2d(out_channels, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.relu = relu()
        self.downsample: nn.Module = nn.Identity()
        if stride > 1 or in_channels != out_channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        """The bottleneck transform, the shortcut, the sum."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        y += self.downsample(x)
        return self.relu(y)


def whole_groups_check(group_width: Setting) -> Check:
    """The check that a group width divides the output channels, or exceeds them."""
    return Check(
        sp.Eq(sp.Mod(OUT_CHANNELS.symbol, sp.Min(OUT_CHANNELS.symbol, group_width.symbol)), 0),
        "group_width={group_width} does not divide out_channels={out_channels}: every group of the 3x3 convolution "
        "needs the same number of channels; try {divisors(out_channels)}",
    )


GROUP_WIDTH = Setting("group_width", "g", "channels of each group of the 3x3 convolution")


@cost_formula(IN_CHANNELS, OUT_CHANNELS, GROUP_WIDTH, STRIDE, *INPUT_MAP, checks=(whole_groups_check(GROUP_WIDTH),))
def regnet_bottleneck(s: Symbols) -> CostTerms:
    """RegNet's X block: 1x1, grouped 3x3 (with the stride) and 1x1 convolution of one width, each with a batch norm,
    and a shortcut that is a strided 1x1 convolution with batch norm where the shapes differ
    (Radosavovic et al. 2020, section 3.2, figure 4, with bottleneck ratio 1).
    """
    size = (s.in_height, s.in_width)
    out = strided(size, 3, s.stride)
    groups = sp.floor(s.out_channels / sp.Min(s.out_channels, s.group_width))
    wide = {"in_channels": s.out_channels, "out_channels": s.out_channels}
    grouped = conv2d.terms(**wide, kernel_size=3, groups=groups, **maps(out, size)) + norm_params(s.out_channels)
    shape_changes = sp.Or(sp.Gt(s.stride, 1), sp.Ne(s.in_channels, s.out_channels))
    return (
        pointwise_norm(s.in_channels, s.out_channels, size)
        + grouped
        + pointwise_norm(s.out_channels, s.out_channels, out)
        + only_if(shape_changes, pointwise_norm(s.in_channels, s.out_channels, size, stride=s.stride))
    )


def plain_stage(in_channels: int, out_channels: int, depth: int, group_width: int) -> nn.Module:
    """``depth`` bottlenecks of one width, the first with stride 2: ``[N, in, H, W] -> [N, out, H / 2, W / 2]``."""
    blocks = [Bottleneck(in_channels, out_channels, group_width, stride=2)]
    blocks += [Bottleneck(out_channels, out_channels, group_width) for _ in range(depth - 1)]
    return nn.Sequential(*blocks)


@dataclass(frozen=True)
class RegNetSize:
    """One network of the design space.

    Attributes:
        depths: Blocks of each stage.
        widths: Channels of each stage.
        group_width: Channels of each group of the 3x3 convolutions (not the number of groups).
    """

    depths: tuple[int, int, int, int]
    widths: tuple[int, int, int, int]
    group_width: int


# The networks of figure 15 as pycls has them: a linear width w_0 + w_a j of block j, quantised to w_0 w_m^s and to
# multiples of 8 (eq. 2-4), gives stages of constant width; then each width becomes a multiple of the group width.
STEM_CHANNELS = 32
SIZES = {
    # name: depths, widths, group width
    "200mf": RegNetSize((1, 1, 4, 7), (24, 56, 152, 368), 8),
    "400mf": RegNetSize((1, 2, 7, 12), (32, 64, 160, 384), 16),
    "600mf": RegNetSize((1, 3, 5, 7), (48, 96, 240, 528), 24),
    "800mf": RegNetSize((1, 3, 7, 5), (64, 128, 288, 672), 16),
    "1_6gf": RegNetSize((2, 4, 10, 2), (72, 168, 408, 912), 24),
    "3_2gf": RegNetSize((2, 6, 15, 2), (96, 192, 432, 1008), 48),
    "4_0gf": RegNetSize((2, 5, 14, 2), (80, 240, 560, 1360), 40),
    "6_4gf": RegNetSize((2, 4, 10, 1), (168, 392, 784, 1624), 56),
    "8_0gf": RegNetSize((2, 5, 15, 1), (80, 240, 720, 1920), 120),
    "12gf": RegNetSize((2, 5, 11, 1), (224, 448, 896, 2240), 112),
    "16gf": RegNetSize((2, 6, 13, 1), (256, 512, 896, 2048), 128),
    "32gf": RegNetSize((2, 7, 13, 1), (336, 672, 1344, 2520), 168),
}


class RegNetX(Backbone):
    """A stem, four stages and a classifier. Section 3.2, figure 3.

    Args:
        design: One of `SIZES`, or your own point of the design space.
        num_classes: Outputs of the classifier.
        dropout: Before the classifier; the paper has none.
        small_input: For images of about 32 x 32: the stem has stride 1.
        make_stage: Builds a stage from (in_channels, out_channels, depth, group_width).

    Shape:
        ``[N, 3, H, W] -> [N, num_classes]``, any H and W; logits, without a softmax.
    """

    def __init__(
        self,
        design: RegNetSize,
        num_classes: int = 1000,
        dropout: float = 0.0,
        small_input: bool = False,
        make_stage: Callable[[int, int, int, int], nn.Module] = plain_stage,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, STEM_CHANNELS, 3, stride=1 if small_input else 2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(STEM_CHANNELS)
        self.relu = relu()
        channels = (STEM_CHANNELS, *design.widths)
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            make_stage(channels[i], channels[i + 1], design.depths[i], design.group_width) for i in range(4)
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(design.widths[-1], num_classes)
        self.apply(_initialise)

    def chain(self) -> tuple[nn.Module, ...]:
        """Strides 2, 4, 8, 16 and 32: the stem and the four stages."""
        return self.conv1, self.bn1, self.relu, self.layer1, self.layer2, self.layer3, self.layer4

    def forward(self, x: Tensor) -> Tensor:
        """Images to logits."""
        x = self.avgpool(self.forward_features(x)).flatten(1)
        return self.fc(self.dropout(x))


def _initialise(module: nn.Module) -> None:
    """pycls's initialisation: He's normal one for convolutions, a small normal one for the classifier."""
    initialise_convolution(module)
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.01)
        nn.init.zeros_(module.bias)


def plain_stage_layers(
    name: str, in_channels: int, out_channels: int, depth: int, group_width: int, side: Any, out_side: Any
) -> Iterator[Layer]:
    """`plain_stage` as formulas, one for each block; maps of ``side`` come in, and of ``out_side`` go out."""
    for index in range(depth):
        first = index == 0
        in_side = side if first else out_side
        settings = {"in_channels": in_channels if first else out_channels, "out_channels": out_channels}
        settings |= {"group_width": group_width, "stride": 2 if first else 1, "in_height": in_side, "in_width": in_side}
        yield f"{name}.{index}", regnet_bottleneck, settings


def layers(
    design: RegNetSize,
    *,
    num_classes: Any = 1000,
    small_input: bool = False,
    stage_layers: Callable[..., Iterator[Layer]] = plain_stage_layers,
    size: Any = 224,
) -> Iterator[Layer]:
    """The network as formulas: one (name, formula, settings) for each layer or block, from the modules' table.

    Arguments as for `RegNetX`; ``num_classes`` may be a SymPy symbol, and so may ``size``, the side of the square
    images in pixels. ``stage_layers`` gives a stage's formulas as `plain_stage_layers` does: it is the twin of
    ``make_stage``.
    """
    side = conv_output_size(in_size=size, kernel_size=3, stride=1 if small_input else 2, padding=1)
    stem = {"in_channels": 3, "out_channels": STEM_CHANNELS, "kernel_size": 3}
    yield from convolution_norm(("conv1", "bn1"), conv2d, side, size, **stem)
    channels = STEM_CHANNELS
    for stage, (depth, width) in enumerate(zip(design.depths, design.widths, strict=True), start=1):
        out_side = conv_output_size(in_size=side, kernel_size=3, stride=2, padding=1)
        yield from stage_layers(f"layer{stage}", channels, width, depth, design.group_width, side, out_side)
        side, channels = out_side, width
    yield "fc", linear, {"in_features": channels, "out_features": num_classes}


PYCLS = partial(Printed, "pycls's table of results", True, why="pycls adds the classifier's 1,000 biases")
PRINTED = {
    # size: parameters, MACs, top-1
    "200mf": PYCLS("2,684,792", "199,040,872", 68.912),
    "400mf": PYCLS("5,157,512", "397,678,568", 72.618),
    "600mf": PYCLS("6,196,040", "600,891,112", 74.136),
    "800mf": PYCLS("7,259,656", "799,700,712", 75.154),
    "1_6gf": PYCLS("9,190,136", "1,602,850,792", 76.962),
    "3_2gf": PYCLS("15,296,552", "3,176,622,952", 78.264),
    "4_0gf": PYCLS("22,118,248", "3,964,499,816", 78.644),
    "6_4gf": PYCLS("26,209,256", "6,460,292,264", 79.156),
    "8_0gf": PYCLS("39,572,648", "7,995,133,416", 79.272),
    "12gf": PYCLS("46,106,056", "12,086,679,016", 79.712),
    "16gf": PYCLS("54,278,536", "15,940,756,456", 80.044),
    "32gf": PYCLS("107,811,560", "31,735,930,792", 80.502),
}

for size, design in SIZES.items():
    fixed = {"design": design, "dropout": 0.0, "make_stage": plain_stage}
    register(f"regnet_x_{size}", RegNetX, layers, family="RegNetX", fixed=fixed, printed=PRINTED.get(size))
