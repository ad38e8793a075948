"""Deep Residual Learning for Image Recognition.

He, Zhang, Ren, Sun; 2016; arXiv:1512.03385.

Here: the bottleneck networks, whose body ResNeXt, Wide ResNet-50-2 and SENet share: they only change how wide the
bottleneck is, how many groups it has, and what stands at its end. Parameter names are torchvision's.
The paper's network has the stride in the first 1x1 convolution of a block; torchvision's has it in the 3x3
("ResNet v1.5"), which costs more MACs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sympy as sp
from torch import Tensor, nn

from lightnets_edu.checks import whole_number
from lightnets_edu.formulas import CostTerms, Setting, conv2d, conv_output_size, linear
from lightnets_edu.formulas.blocks import INPUT_MAP, NO_SQUEEZE, maps, norm_params, only_if, pointwise_norm, strided
from lightnets_edu.formulas.cost import Symbols, cost_formula
from lightnets_edu.formulas.layers import IN_CHANNELS, OUT_CHANNELS, STRIDE
from lightnets_edu.models.backbone import Backbone
from lightnets_edu.models.cost import Layer, convolution_norm
from lightnets_edu.models.layers import initialise_convolution, relu
from lightnets_edu.models.registry import Printed, register
from lightnets_edu.models.squeeze_excitation import squeeze_excite

STRIDE_POSITIONS = ("1x1", "3x3")
STEM_POOLS = ("padded", "ceil")


def projection(in_channels: int, out_channels: int, stride: int) -> nn.Sequential | None:
    """The shortcut where the shape changes, a 1x1 convolution; None for the identity. Section 3.3, option B."""
    if stride == 1 and in_channels == out_channels:
        return None
    convolution = nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(out_channels))


class Bottleneck(nn.Module):
    """relu(shortcut(x) + f(x)), f = 1x1 down, 3x3, 1x1 up, each with a batch norm. Figure 5, right.

    Args:
        in_channels: Channels of the input.
        width: Channels of the 3x3 convolution.
        out_channels: Channels of the output.
        stride: Of the convolution that `stride_in` names, and of the shortcut.
        groups: Of the 3x3 convolution (1 in ResNet, the cardinality in ResNeXt).
        stride_in: "3x3" as torchvision, timm and ResNeXt's authors, or "1x1" (the first one) as the paper.

    Shape:
        ``[N, in_channels, H, W] -> [N, out_channels, ceil(H / stride), ceil(W / stride)]``
    """

    #: SENet's r: its own block squeezes C channels to C / r. None without gates.
    reduction: int | None = None

    def __init__(
        self, in_channels: int, width: int, out_channels: int, stride: int = 1, groups: int = 1, stride_in: str = "3x3"
    ) -> None:
        super().__init__()
        if stride_in not in STRIDE_POSITIONS:
            raise ValueError(
                f"stride_in should be '1x1' (the first convolution of a block) or '3x3' instead of {stride_in!r}"
            )
        self.stride = stride
        first, middle = (stride, 1) if stride_in == "1x1" else (1, stride)
        self.conv1 = nn.Conv2d(in_channels, width, 1, stride=first, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=middle, padding=1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.relu = relu()
        self.downsample = projection(in_channels, out_channels, stride)

    def residual(self, x: Tensor) -> Tensor:
        """The branch f that learns the difference to the shortcut."""
        # In small steps: in one long expression, x would keep the map before the last one in memory.
        x = self.conv1(x)
        x = self.relu(self.bn1(x))
        x = self.conv2(x)
        x = self.relu(self.bn2(x))
        x = self.conv3(x)
        return self.bn3(x)

    def forward(self, x: Tensor) -> Tensor:
        """Both branches, added; the shortcut last, so that its map need not wait in memory."""
        out = self.residual(x)
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


STRIDE_IN_FIRST = Setting(
    "stride_in_first", "f", "whether the first 1x1 convolution has the stride (1) or the 3x3 (0)", 0, 0, flag=True
)


@cost_formula(
    IN_CHANNELS,
    OUT_CHANNELS,
    Setting("group_width", "d", "channels of one group: the bottleneck has groups times as many"),
    Setting("groups", "g", "groups of the 3x3 convolution: the cardinality (1 in ResNet)", default=1),
    STRIDE,
    STRIDE_IN_FIRST,
    NO_SQUEEZE,
    *INPUT_MAP,
)
def resnext_bottleneck(s: Symbols) -> CostTerms:
    """The bottleneck of ResNeXt in its grouped form: 1x1 down to groups x group_width channels, 3x3 in groups, 1x1 up,
    each with a batch norm, plus the shortcut (Xie et al. 2017, arXiv:1611.05431, section 3.3, figure 3c, table 1).

    With groups = 1 it is ResNet's (He et al. 2016, arXiv:1512.03385, figure 5 right; 64 channels in its first stage)
    and, twice as wide, that of Wide ResNet-50-2. With squeeze_channels it is SENet's (Hu et al. 2019, figure 3).
    The shortcut is a 1x1 convolution with a batch norm if the stride is not 1 or the channels differ.
    """
    size, width = (s.in_height, s.in_width), s.groups * s.group_width
    # A kernel of 1 without padding and one of 3 with padding 1 give the same size at the same stride.
    first_stride = 1 + s.stride_in_first * (s.stride - 1)
    middle, out = strided(size, 1, first_stride), strided(size, 1, s.stride)
    down = pointwise_norm(s.in_channels, width, size, stride=first_stride)
    grouped = conv2d.terms(in_channels=width, out_channels=width, kernel_size=3, groups=s.groups, **maps(out, middle))
    up = pointwise_norm(width, s.out_channels, out)
    gate = squeeze_excite.terms(channels=s.out_channels, squeeze_channels=s.squeeze_channels)
    shape_changes = sp.Or(sp.Ne(s.stride, 1), sp.Ne(s.in_channels, s.out_channels))
    shortcut = pointwise_norm(s.in_channels, s.out_channels, size, stride=s.stride)
    residual = down + grouped + norm_params(width) + up + only_if(sp.Gt(s.squeeze_channels, 0), gate)
    return residual + only_if(shape_changes, shortcut)


# Table 1: a stem, then four stages of bottlenecks (the numbers at the right are the side of the maps for 224 x 224).
STEM_CHANNELS = 64  # conv1: 7x7, stride 2                                        112
#                     max pool: 3x3, stride 2                                      56
STAGES = (
    # (output channels, stride)
    (256, 1),  #  conv2_x                                                          56
    (512, 2),  #  conv3_x                                                          28
    (1024, 2),  # conv4_x                                                          14
    (2048, 2),  # conv5_x                                                           7
)
DEPTHS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}  # blocks of each stage


class ResNet(Backbone):
    """The network of table 1, with a bottleneck of any width and number of groups.

    Args:
        depths: Blocks in each of the four stages, such as ``DEPTHS[50]``.
        groups: Groups of the 3x3 convolutions (1 in ResNet, the cardinality in ResNeXt).
        group_width: Channels of a group in the first stage; the following stages double it (64 in ResNet).
        num_classes: Outputs of the classifier.
        small_input: For images of about 32 x 32: a first convolution of 3x3 with stride 1, and no max pool.
        stride_in: See `Bottleneck`.
        stem_pool: "padded" as torchvision and timm: the max pool has padding 1. "ceil" as Caffe's models: no
            padding, and the last window may hang over the border, so that the windows lie one pixel further on.
        block: What the stages are made of; SENet has its own.

    Shape:
        ``[N, 3, H, W] -> [N, num_classes]``, any H and W ("ceil": from 3 on); logits, without a softmax.

    Raises:
        ValueError: If an option is not one of those named, or the images are too small.
    """

    def __init__(
        self,
        depths: Sequence[int],
        groups: int = 1,
        group_width: int = 64,
        num_classes: int = 1000,
        small_input: bool = False,
        stride_in: str = "3x3",
        stem_pool: str = "padded",
        block: type[Bottleneck] = Bottleneck,
    ) -> None:
        super().__init__()
        if stem_pool not in STEM_POOLS:
            raise ValueError(f"stem_pool should be 'padded' or 'ceil' instead of {stem_pool!r}")
        if len(depths) != len(STAGES):
            raise ValueError(
                f"depths should be the blocks of {len(STAGES)} stages, such as {DEPTHS[50]}, instead of {depths}"
            )
        width = whole_number("groups", groups, 1) * whole_number("group_width", group_width, 1)
        kernel_size, stride = (3, 1) if small_input else (7, 2)
        self.conv1 = nn.Conv2d(3, STEM_CHANNELS, kernel_size, stride, padding=kernel_size // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(STEM_CHANNELS)
        self.relu = relu()
        pool = nn.MaxPool2d(3, 2, padding=1) if stem_pool == "padded" else nn.MaxPool2d(3, 2, ceil_mode=True)
        self.maxpool = nn.Identity() if small_input else pool
        self.smallest_image = 3 if stem_pool == "ceil" and not small_input else 1
        channels = STEM_CHANNELS
        stages = []
        for depth, (out_channels, stride) in zip(depths, STAGES, strict=True):
            first = block(channels, width, out_channels, stride, groups, stride_in)
            others = (block(out_channels, width, out_channels, 1, groups, stride_in) for _ in range(1, depth))
            stages.append(nn.Sequential(first, *others))
            channels, width = out_channels, 2 * width
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, num_classes)
        self.apply(initialise_convolution)  # which the paper cites

    def chain(self) -> tuple[nn.Module, ...]:
        """Strides 2 (the first convolution), 4 (the pool and conv2_x), 8, 16 and 32."""
        stem = (self.conv1, self.bn1, self.relu, self.maxpool)
        return (*stem, self.layer1, self.layer2, self.layer3, self.layer4)

    def forward(self, x: Tensor) -> Tensor:
        """Images to logits."""
        return self.fc(self.avgpool(self.forward_features(x)).flatten(1))


def layers(
    depths: Sequence[int] = DEPTHS[50],
    groups: Any = 1,
    group_width: Any = 64,
    *,
    num_classes: Any = 1000,
    small_input: bool = False,
    stride_in: str = "3x3",
    stem_pool: str = "padded",
    block: type[Bottleneck] = Bottleneck,
    size: Any = 224,
) -> Iterator[Layer]:
    """The network as formulas: one (name, formula, settings) for each layer or block, from the modules' table.

    Arguments as for `ResNet`; the numbers but ``depths`` may be SymPy symbols, and so may ``size``, the side of the
    square images in pixels.
    """
    kernel_size, stride = (3, 1) if small_input else (7, 2)
    side = conv_output_size(in_size=size, kernel_size=kernel_size, stride=stride, padding=kernel_size // 2)
    stem = {"in_channels": 3, "out_channels": STEM_CHANNELS, "kernel_size": kernel_size}
    yield from convolution_norm(("conv1", "bn1"), conv2d, side, size, **stem)
    if not small_input:
        # A 3x3 window that may hang over by one pixel fits as often as a 2x2 window that may not.
        window = {"kernel_size": 3, "padding": 1} if stem_pool == "padded" else {"kernel_size": 2, "padding": 0}
        side = conv_output_size(in_size=side, stride=2, **window)
    channels = STEM_CHANNELS
    for number, (depth, (out_channels, stage_stride)) in enumerate(zip(depths, STAGES, strict=True), start=1):
        for index in range(depth):
            stride = stage_stride if index == 0 else 1
            settings = {"in_channels": channels, "out_channels": out_channels, "stride": stride}
            settings |= {"groups": groups, "group_width": group_width, "stride_in_first": int(stride_in == "1x1")}
            settings |= {"squeeze_channels": out_channels // block.reduction if block.reduction else 0}
            yield f"layer{number}.{index}", resnext_bottleneck, {**settings, "in_height": side, "in_width": side}
            side = conv_output_size(in_size=side, kernel_size=3, stride=stride, padding=1)
            channels = out_channels
        group_width = 2 * group_width
    yield "fc", linear, {"in_features": channels, "out_features": num_classes}


register(
    "resnet50",
    ResNet,
    layers,
    family="ResNet, wide or not",
    fixed={"depths": DEPTHS[50], "groups": 1, "group_width": 64, "stem_pool": "padded", "block": Bottleneck},
    printed=Printed("torchvision's list of weights", read=True, params="25,557,032", macs="4089 M", top1=76.13),
)
