"""Wide Residual Networks.

Zagoruyko, Komodakis; 2016; arXiv:1605.07146.

Here: the networks for CIFAR of table 1 (blocks of two 3x3 convolutions, pre-activation, k times as wide as a thin
ResNet), and WRN-50-2 for ImageNet (ResNet-50 with a bottleneck twice as wide). The latter, and its deeper sister, have
torchvision's parameter names.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy as sp
from torch import Tensor, nn

from lightnets_edu.checks import whole_number
from lightnets_edu.formulas import CostTerms, batch_norm2d, conv2d, conv_output_size, linear, pointwise_conv2d
from lightnets_edu.formulas.blocks import INPUT_MAP, maps, norm_params, only_if, strided
from lightnets_edu.formulas.cost import Symbols, cost_formula
from lightnets_edu.formulas.layers import IN_CHANNELS, OUT_CHANNELS, STRIDE
from lightnets_edu.models.backbone import Backbone
from lightnets_edu.models.cost import Layer
from lightnets_edu.models.layers import relu
from lightnets_edu.models.registry import Printed, register
from lightnets_edu.models.resnet import DEPTHS, Bottleneck, ResNet
from lightnets_edu.models.resnet import layers as resnet_layers


class WideBasicBlock(nn.Module):
    """shortcut(x) + f(x), f = (batch norm, ReLU, 3x3) twice, with dropout between. Figure 1c and d.

    Where the shape changes, the shortcut is a 1x1 convolution of the *pre-activated* input, as in the authors' code.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        stride: Of the first convolution and the shortcut.
        dropout: Probability of a zero before the second convolution.

    Shape:
        ``[N, in_channels, H, W] -> [N, out_channels, ceil(H / stride), ceil(W / stride)]``
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        self.stride = stride
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.relu = relu()
        same_shape = stride == 1 and in_channels == out_channels
        self.shortcut = None if same_shape else nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Both branches, added; no ReLU after the sum."""
        active = self.relu(self.bn1(x))
        shortcut = x if self.shortcut is None else self.shortcut(active)
        out = self.relu(self.bn2(self.conv1(active)))
        out = self.conv2(self.dropout(out))
        out += shortcut
        return out


@cost_formula(IN_CHANNELS, OUT_CHANNELS, STRIDE, *INPUT_MAP)
def wide_basic_block(s: Symbols) -> CostTerms:
    """Wide ResNet's block B(3, 3): two 3x3 convolutions, each after its batch norm and ReLU
    (Zagoruyko and Komodakis 2016, arXiv:1605.07146, section 2, figure 1c and d; dropout costs nothing).
    The shortcut is a 1x1 convolution without a batch norm if the stride is not 1 or the channels differ.
    """
    size = (s.in_height, s.in_width)
    out = strided(size, 3, s.stride)
    channels = {"in_channels": s.in_channels, "out_channels": s.out_channels}
    first = norm_params(s.in_channels) + conv2d.terms(**channels, kernel_size=3, **maps(out, size))
    wide = {"in_channels": s.out_channels, "out_channels": s.out_channels}
    second = norm_params(s.out_channels) + conv2d.terms(**wide, kernel_size=3, **maps(out))
    shape_changes = sp.Or(sp.Ne(s.stride, 1), sp.Ne(s.in_channels, s.out_channels))
    return first + second + only_if(shape_changes, pointwise_conv2d.terms(**channels, **maps(out, size)))


# Table 1: a stem, then three groups of N blocks B(3, 3), k times as wide as these channels.
STEM_CHANNELS = 16  # conv1: 3x3                                      32
GROUPS = (
    # (channels at k = 1, stride)
    (16, 1),  # conv2                                                 32
    (32, 2),  # conv3                                                 16
    (64, 2),  # conv4                                                  8
)


class WideResNet(Backbone):
    """WRN-depth-k of table 1, for images of about 32 x 32.

    Args:
        depth: Number of convolutions, 6 N + 4: 10, 16, 22, 28, 40 ...
        width: The widening factor k.
        num_classes: Outputs of the classifier.
        dropout: Inside each block; the paper uses 0.3 on CIFAR and 0.4 on SVHN (section 3, on dropout).
        small_input: Changes nothing, since the network is made for images of 32 x 32; every network has this option, so
            that all can be built alike.

    Shape:
        ``[N, 3, H, W] -> [N, num_classes]``, any H and W; logits, without a softmax.

    Raises:
        ValueError: If the depth is not 6 N + 4.
    """

    def __init__(
        self, depth: int, width: int, num_classes: int = 10, dropout: float = 0.0, small_input: bool = False
    ) -> None:
        super().__init__()
        blocks_per_group = _blocks_per_group(depth)
        whole_number("width", width, 1)
        channels = STEM_CHANNELS
        self.conv1 = nn.Conv2d(3, channels, 3, padding=1, bias=False)
        groups = []
        for thin_channels, stride in GROUPS:
            out_channels = width * thin_channels
            first = WideBasicBlock(channels, out_channels, stride, dropout)
            others = (WideBasicBlock(out_channels, out_channels, 1, dropout) for _ in range(1, blocks_per_group))
            groups.append(nn.Sequential(first, *others))
            channels = out_channels
        self.layer1, self.layer2, self.layer3 = groups
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = relu()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, num_classes)
        self.apply(_initialise)

    def chain(self) -> tuple[nn.Module, ...]:
        """Strides 1, 2 and 4, each that of one group; the last map after the final batch norm and ReLU."""
        return self.conv1, self.layer1, self.layer2, self.layer3, self.bn1, self.relu

    def forward(self, x: Tensor) -> Tensor:
        """Images to logits."""
        return self.fc(self.avgpool(self.forward_features(x)).flatten(1))


def _blocks_per_group(depth: int) -> int:
    blocks, rest = divmod(whole_number("depth", depth, 1) - 4, 2 * len(GROUPS))
    if rest or blocks < 1:
        raise ValueError(
            f"depth should be 6 N + 4 with N blocks a group, such as 10, 16, 22 or 28, instead of {depth}: "
            "3 groups of N blocks with 2 convolutions each, a stem and 3 shortcuts"
        )
    return blocks


def _initialise(module: nn.Module) -> None:
    """He's normal initialisation, as in the authors' code; no bias in the classifier at the start."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
    elif isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)


def layers(depth: int, width: Any, *, num_classes: Any = 10, size: Any = 32) -> Iterator[Layer]:
    """The network as formulas: one (name, formula, settings) for each layer or block, from the modules' table.

    Arguments as for `WideResNet`; ``width`` and ``num_classes`` may be SymPy symbols, and so may ``size``, the side
    of the square images in pixels.
    """
    side, channels = size, STEM_CHANNELS
    stem = {"in_channels": 3, "out_channels": channels, "kernel_size": 3}
    yield "conv1", conv2d, {**stem, "out_height": side, "out_width": side}
    for number, (thin_channels, group_stride) in enumerate(GROUPS, start=1):
        for index in range(_blocks_per_group(depth)):
            stride = group_stride if index == 0 else 1
            maps = {"in_height": side, "in_width": side}
            settings = {"in_channels": channels, "out_channels": width * thin_channels, "stride": stride, **maps}
            yield f"layer{number}.{index}", wide_basic_block, settings
            side = conv_output_size(in_size=side, kernel_size=3, stride=stride, padding=1)
            channels = width * thin_channels
    yield "bn1", batch_norm2d, {"num_features": channels, "out_height": side, "out_width": side}
    yield "fc", linear, {"in_features": channels, "out_features": num_classes}


IMAGENET = {
    # name: blocks of each stage, as in ResNet-50 and ResNet-101; bottlenecks twice as wide (table 8)
    "wide_resnet50_2": DEPTHS[50],
    "wide_resnet101_2": DEPTHS[101],  # torchvision's, not in the paper
}
CIFAR = {
    # name: depth, k (tables 4 and 5); the authors' weights are in no form that PyTorch reads
    "wide_resnet16_10": (16, 10),
    "wide_resnet28_10": (28, 10),
}
PRINTED = {
    "wide_resnet50_2": Printed("the authors' list of trained networks", read=True, params="68.9 M", top1=78.1),
    "wide_resnet101_2": Printed(
        "torchvision's list of weights", read=True, params="126,886,696", macs="22753 M", top1=78.848
    ),
    "wide_resnet28_10": Printed(
        "Zagoruyko and Komodakis 2016, table 5",
        read=True,
        params="36.5 M",
        top1=96.0,
        images="CIFAR-10",
    ),
}
FAMILY = "ResNet, wide or not"
WIDE = {"groups": 1, "group_width": 128, "stride_in": "3x3", "stem_pool": "padded", "block": Bottleneck}

for name, depths in IMAGENET.items():
    fixed = {"depths": depths, **WIDE}
    register(name, ResNet, resnet_layers, family=FAMILY, fixed=fixed, printed=PRINTED.get(name))
for name, (depth, width) in CIFAR.items():
    fixed = {"depth": depth, "width": width}
    register(name, WideResNet, layers, family=FAMILY, input_size=32, fixed=fixed, printed=PRINTED.get(name))
