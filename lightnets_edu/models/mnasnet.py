"""MnasNet: Platform-Aware Neural Architecture Search for Mobile.

Tan, Chen, Pang, Vasudevan, Sandler, Howard, Le; 2019; arXiv:1807.11626.

Inverted residuals of different kernels and widths in each stage, found by a search that rewards a short latency on a
phone. A1 is the paper's network, with squeeze-and-excitation in three of its stages; B1 is the one without, which
torchvision has; small is from Google's code. Parameter names are timm's, except in the gates and the classifier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import sympy as sp
from torch import Tensor, nn

from lightnets_edu.formulas import CostTerms, Setting, conv2d, conv_output_size, linear, pointwise_conv2d
from lightnets_edu.formulas.blocks import (
    INPUT_MAP,
    NO_SQUEEZE,
    STRIDE_IS_1_OR_2,
    depthwise_norm,
    odd_kernel_check,
    only_if,
    pointwise_norm,
    strided,
)
from lightnets_edu.formulas.cost import Symbols, cost_formula
from lightnets_edu.formulas.layers import IN_CHANNELS, KERNEL_SIZE, OUT_CHANNELS, STRIDE
from lightnets_edu.models.backbone import Backbone
from lightnets_edu.models.cost import Layer, convolution_norm
from lightnets_edu.models.layers import Activation, SameConv2d, initialise_convolution, relu, scaled_channels
from lightnets_edu.models.registry import Printed, register
from lightnets_edu.models.squeeze_excitation import SqueezeExcitation, squeeze_excite

Norm = Callable[[int], nn.Module]


class SepConv(nn.Module):
    """f(x) or x + f(x), f = 3x3 depthwise, 1x1 without ReLU. The first row of figure 7.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        norm: Makes a batch norm for so many channels.
        shortcut: Whether x is added where the channels are equal.
        activation: Makes the non-linearity after the depthwise convolution.

    Shape:
        ``[N, in_channels, H, W] -> [N, out_channels, H, W]``
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        norm: Norm = nn.BatchNorm2d,
        shortcut: bool = False,
        activation: Activation = relu,
    ) -> None:
        super().__init__()
        self.adds_input = shortcut and in_channels == out_channels
        self.conv_dw = nn.Conv2d(in_channels, in_channels, 3, padding=1, groups=in_channels, bias=False)
        self.bn1 = norm(in_channels)
        self.act1 = activation()
        self.conv_pw = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.bn2 = norm(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Filter, mix, and add the input where that is wanted."""
        y = self.conv_dw(x)
        y = self.act1(self.bn1(y))
        y = self.conv_pw(y)
        y = self.bn2(y)
        return y + x if self.adds_input else y


class InvertedResidual(nn.Module):
    """x + f(x), f = 1x1 up, k x k depthwise, squeeze-and-excitation (if any), 1x1 down without ReLU. Figure 7 b and c.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output; x is added only if they are those of the input and the stride is 1.
        kernel_size: Of the depthwise convolution; odd.
        stride: Of the depthwise convolution, 1 or 2.
        expand_ratio: Channels of the depthwise convolution for each input channel; 1: no convolution up.
        squeeze_channels: Channels inside the squeeze-and-excitation; 0: none.
        norm: Makes a batch norm for so many channels.
        activation: Makes the non-linearities after the first two convolutions.
        same_padding: Whether a depthwise convolution of stride 2 is padded as in TensorFlow; see `SameConv2d`.

    Shape:
        ``[N, in_channels, H, W] -> [N, out_channels, ceil(H / stride), ceil(W / stride)]``

    Raises:
        ValueError: If the stride is neither 1 nor 2, or the kernel size is even.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int,
        expand_ratio: int,
        squeeze_channels: int = 0,
        norm: Norm = nn.BatchNorm2d,
        activation: Activation = relu,
        same_padding: bool = False,
    ) -> None:
        super().__init__()
        if stride not in (1, 2):
            raise ValueError(f"stride should be 1 or 2 instead of {stride!r}: the paper has blocks of no other")
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size={kernel_size} is even: no padding keeps the size of the map; try 3 or 5")
        self.stride = stride
        self.expands = expand_ratio > 1
        self.adds_input = stride == 1 and in_channels == out_channels
        hidden = in_channels * expand_ratio
        if self.expands:
            self.conv_pw = nn.Conv2d(in_channels, hidden, 1, bias=False)
            self.bn1 = norm(hidden)
            self.act1 = activation()
        if same_padding and stride > 1:
            self.conv_dw: nn.Conv2d = SameConv2d(hidden, hidden, kernel_size, stride, groups=hidden, bias=False)
        else:
            self.conv_dw = nn.Conv2d(hidden, hidden, kernel_size, stride, kernel_size // 2, groups=hidden, bias=False)
        self.bn2 = norm(hidden)
        self.act2 = activation()
        self.se = SqueezeExcitation(hidden, squeeze_channels) if squeeze_channels else None
        self.conv_pwl = nn.Conv2d(hidden, out_channels, 1, bias=False)  # pointwise and linear: no ReLU follows
        self.bn3 = norm(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Expand, filter, gate the channels, project; and add the input where the shapes allow."""
        # In small steps: in one long expression, y would keep the map before the last one in memory.
        y = x
        if self.expands:
            y = self.conv_pw(y)
            y = self.act1(self.bn1(y))
        y = self.conv_dw(y)
        y = self.act2(self.bn2(y))
        if self.se is not None:
            y = self.se(y)
        y = self.conv_pwl(y)
        y = self.bn3(y)
        return y + x if self.adds_input else y


@cost_formula(
    IN_CHANNELS,
    OUT_CHANNELS,
    KERNEL_SIZE,
    STRIDE,
    Setting("expand_ratio", "t", "channels of the depthwise convolution for each input channel", default=1),
    NO_SQUEEZE,
    *INPUT_MAP,
    checks=(STRIDE_IS_1_OR_2, odd_kernel_check(KERNEL_SIZE)),
)
def inverted_residual(s: Symbols) -> CostTerms:
    """An inverted residual: a 1x1 convolution expands (none for expand_ratio 1), a depthwise one filters, squeeze-and-
    excitation (if any) weighs the channels, a 1x1 one projects; each with a batch norm, no non-linearity at the end
    (Sandler et al. 2018, MobileNetV2, section 3.3; squeeze-and-excitation: Tan et al. 2019, MnasNet, figure 7).
    """
    size, hidden = (s.in_height, s.in_width), s.in_channels * s.expand_ratio
    expand = pointwise_norm(s.in_channels, hidden, size)
    depthwise = depthwise_norm(hidden, s.kernel_size, size, stride=s.stride)
    gate = squeeze_excite.terms(channels=hidden, squeeze_channels=s.squeeze_channels)
    project = pointwise_norm(hidden, s.out_channels, strided(size, s.kernel_size, s.stride))
    return only_if(sp.Gt(s.expand_ratio, 1), expand) + depthwise + only_if(sp.Gt(s.squeeze_channels, 0), gate) + project


# Figure 7 for A1, Google's code for the others. First channels of the stem (conv 3x3, stride 2) and of SepConv (3x3
# depthwise, 1x1); then stages of inverted residuals, MBConv: expansion t, kernel k, channels c, repeats n, stride s of
# the first, and the squeeze-and-excitation's channels as a share of those of the block's input (0: none).
STEM = {"b1": (32, 16), "a1": (32, 16), "small": (8, 8)}
STAGES = {
    "b1": (
        # t, k, c, n, s, SE
        (3, 3, 24, 3, 2, 0),
        (3, 5, 40, 3, 2, 0),
        (6, 5, 80, 3, 2, 0),
        (6, 3, 96, 2, 1, 0),
        (6, 5, 192, 4, 2, 0),
        (6, 3, 320, 1, 1, 0),
    ),
    "a1": (
        (6, 3, 24, 2, 2, 0),
        (3, 5, 40, 3, 2, 0.25),
        (6, 3, 80, 4, 2, 0),
        (6, 3, 112, 2, 1, 0.25),
        (6, 5, 160, 3, 2, 0.25),
        (6, 3, 320, 1, 1, 0),
    ),
    "small": (
        (3, 3, 16, 1, 2, 0),
        (6, 3, 16, 2, 2, 0),
        (6, 5, 32, 4, 2, 0.25),
        (6, 3, 32, 3, 1, 0.25),
        (6, 5, 88, 3, 2, 0.25),
        (6, 3, 144, 1, 1, 0),
    ),
}
LAST_CHANNELS = 1280  # of the 1x1 convolution before the pooling; not scaled


def _blocks(version: str, width_mult: float) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """(stage, index in the stage, settings) of each inverted residual, from the table."""
    channels = scaled_channels(STEM[version][1], width_mult)
    for stage, row in enumerate(STAGES[version], 1):
        expand_ratio, kernel_size, full_width, repeats, first_stride, squeeze_ratio = row
        out_channels = scaled_channels(full_width, width_mult)
        for index in range(repeats):
            settings = {"in_channels": channels, "out_channels": out_channels, "kernel_size": kernel_size}
            settings |= {"stride": 1 if index else first_stride, "expand_ratio": expand_ratio}
            yield stage, index, settings | {"squeeze_channels": int(channels * squeeze_ratio)}
            channels = out_channels


class SearchedNetwork(Backbone):
    """The order in which the layers of MNASNet run, and those of the networks that were found in its search space."""

    conv_stem: nn.Module
    bn1: nn.Module
    act1: nn.Module
    blocks: nn.Sequential
    conv_head: nn.Module
    bn2: nn.Module
    act2: nn.Module
    classifier: nn.Module

    def chain(self) -> tuple[nn.Module, ...]:
        """Strides 2, 4, 8, 16 and 32, the last with the 1x1 convolution to 1280 channels."""
        return (self.conv_stem, self.bn1, self.act1, *self.blocks, self.conv_head, self.bn2, self.act2)

    def forward(self, x: Tensor) -> Tensor:
        """Images to logits."""
        return self.classifier(self.forward_features(x).mean((2, 3)))


class MNASNet(SearchedNetwork):
    """The networks of figure 7 and of Google's code.

    Args:
        version: "b1", "a1" or "small".
        width_mult: Scales every number of channels but the last, to multiples of 8.
        num_classes: Outputs of the classifier.
        dropout: Before the classifier (section 5: 0.2).
        norm_momentum: Of the batch norms, as torch has it: 0.0003 in torchvision, 0.01 in Google's code and the paper
            (which write 1 - momentum: 0.99), 0.1 in timm. After a short training with a small one the running
            statistics are still those of the start.
        first_shortcut: Whether the input of SepConv is added to its output: so in timm's small network, where both have
            8 channels; not in Google's code.
        small_input: For images of about 32 x 32: the first convolution has stride 1.

    Shape:
        ``[N, 3, H, W] -> [N, num_classes]``, any H and W; logits, without a softmax.
    """

    def __init__(
        self,
        version: str,
        width_mult: float = 1.0,
        num_classes: int = 1000,
        dropout: float = 0.2,
        norm_momentum: float = 0.0003,
        first_shortcut: bool = False,
        small_input: bool = False,
    ) -> None:
        super().__init__()
        norm = partial(nn.BatchNorm2d, momentum=norm_momentum)
        stem, channels = (scaled_channels(c, width_mult) for c in STEM[version])
        self.conv_stem = nn.Conv2d(3, stem, 3, stride=1 if small_input else 2, padding=1, bias=False)
        self.bn1 = norm(stem)
        self.act1 = relu()
        stages: list[list[nn.Module]] = [[] for _ in range(1 + len(STAGES[version]))]
        stages[0].append(SepConv(stem, channels, norm, first_shortcut))
        for stage, _, settings in _blocks(version, width_mult):
            stages[stage].append(InvertedResidual(**settings, norm=norm))
            channels = settings["out_channels"]
        self.blocks = nn.Sequential(*(nn.Sequential(*blocks) for blocks in stages))
        self.conv_head = nn.Conv2d(channels, LAST_CHANNELS, 1, bias=False)
        self.bn2 = norm(LAST_CHANNELS)
        self.act2 = relu()
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(LAST_CHANNELS, num_classes))
        self.apply(initialise)


def initialise(module: nn.Module) -> None:
    """As in Google's code and torchvision: He's normal initialisation by fan-out; uniform for the classifier."""
    initialise_convolution(module)
    if isinstance(module, nn.Linear):
        nn.init.kaiming_uniform_(module.weight, mode="fan_out", nonlinearity="sigmoid")
        nn.init.zeros_(module.bias)


def layers(
    version: str, width_mult: float = 1.0, *, num_classes: Any = 1000, small_input: bool = False, size: Any = 224
) -> Iterator[Layer]:
    """The network as formulas: one (name, formula, settings) for each layer or block, from the modules' table.

    Arguments as for `MNASNet`; ``num_classes`` may be a SymPy symbol, and so may ``size``, the side of the square
    images in pixels.
    """
    stem, channels = (scaled_channels(c, width_mult) for c in STEM[version])
    side = conv_output_size(in_size=size, kernel_size=3, stride=1 if small_input else 2, padding=1)
    images = {"in_channels": 3, "out_channels": stem, "kernel_size": 3}
    yield from convolution_norm(("conv_stem", "bn1"), conv2d, side, size, **images)
    # SepConv costs what an inverted residual costs that expands nothing.
    sep_conv = {"in_channels": stem, "out_channels": channels, "kernel_size": 3}
    yield "blocks.0.0", inverted_residual, {**sep_conv, "in_height": side, "in_width": side}
    for stage, index, settings in _blocks(version, width_mult):
        yield f"blocks.{stage}.{index}", inverted_residual, {**settings, "in_height": side, "in_width": side}
        side = conv_output_size(in_size=side, kernel_size=3, stride=settings["stride"], padding=1)
        channels = settings["out_channels"]
    head = {"in_channels": channels, "out_channels": LAST_CHANNELS}
    yield from convolution_norm(("conv_head", "bn2"), pointwise_conv2d, side, side, **head)
    yield "classifier.1", linear, {"in_features": LAST_CHANNELS, "out_features": num_classes}


AUTHORS = partial(Printed, "the authors' list of trained networks", read=True)
PAPER_B1 = Printed(
    "Tan et al. 2019, tables 1 and 2 (B1)", False, "4.4 M", "315 M", 74.5, why="counted 314.4 M, which rounds to 314"
)
TORCHVISION = partial(Printed, "torchvision's list of weights", read=True)
NETWORKS = (
    # name, version, width, printed
    ("mnasnet0_5", "b1", 0.5, TORCHVISION(params="2,218,512", macs="104 M", top1=67.734)),
    ("mnasnet0_75", "b1", 0.75, TORCHVISION(params="3,170,208", macs="215 M", top1=71.18)),
    ("mnasnet1_0", "b1", 1.0, PAPER_B1),
    ("mnasnet1_3", "b1", 1.3, TORCHVISION(params="6,282,256", macs="526 M", top1=76.506)),
    ("mnasnet_a1", "a1", 1.0, AUTHORS(params="3.9 M", macs="312 M", top1=75.2)),  # the paper's network
    ("mnasnet_small", "small", 1.0, AUTHORS(params="2.0 M", macs="68 M", top1=66.0)),
)
# Version: defaults of its own. timm, which has trained weights of the small network, adds the first block's input;
# Google's code does not.
DEFAULTS: dict[str, dict[str, Any]] = {
    "b1": {},
    "a1": {"norm_momentum": 0.01},
    "small": {"norm_momentum": 0.01, "dropout": 0.0, "first_shortcut": True},
}

for name, version, width_mult, printed in NETWORKS:
    fixed = {"version": version, "width_mult": width_mult}
    if version != "small":  # SepConv has fewer channels after it than before it, so nothing can be added
        fixed["first_shortcut"] = False
    register(name, MNASNet, layers, family="MNASNet", fixed=fixed, defaults=DEFAULTS[version], printed=printed)
