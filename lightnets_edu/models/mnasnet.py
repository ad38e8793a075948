"""MnasNet: Platform-Aware Neural Architecture Search for Mobile.

Tan, Chen, Pang, Vasudevan, Sandler, Howard, Le; 2019; arXiv:1807.11626.

Inverted residuals of different kernels and widths in each stage, found by a search that rewards a short latency on a
phone. A1 is the paper's network, with squeeze-and-excitation in three of its stages; B1 is the one without, which
torchvision has; small is from Google's code. Parameter names are torchvision's, for all of them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import sympy as sp
from sympy import Expr
from torch import Tensor, nn

from lightnets_edu.formulas import (
    CostFormula,
    CostTerms,
    Setting,
    batch_norm2d,
    conv2d,
    conv_output_size,
    depthwise_conv2d,
    linear,
)
from lightnets_edu.formulas import pointwise_conv2d as pointwise
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
from lightnets_edu.formulas.cost import cost_formula
from lightnets_edu.formulas.layers import IN_CHANNELS, KERNEL_SIZE, OUT_CHANNELS, STRIDE
from lightnets_edu.models.backbone import Backbone
from lightnets_edu.models.cost import Layer
from lightnets_edu.models.layers import initialise_convolution, relu, scaled_channels
from lightnets_edu.models.registry import Printed, register
from lightnets_edu.models.squeeze_excitation import SqueezeExcitation, squeeze_excite


class InvertedResidual(nn.Module):
    """x + f(x), f = 1x1 up, k x k depthwise, squeeze-and-excitation (if any), 1x1 down without ReLU. Figure 7 b and c.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output; x is added only if they are those of the input and the stride is 1.
        kernel_size: Of the depthwise convolution; odd.
        stride: Of the depthwise convolution, 1 or 2.
        expand_ratio: Channels of the depthwise convolution for each input channel; 1: no convolution up.
        squeeze_channels: Channels inside the squeeze-and-excitation; 0: none.
        norm_momentum: Of the batch norms.

    Shape:
        ``[N, in_channels, H, W] -> [N, out_channels, ceil(H / stride), ceil(W / stride)]``
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, stride: int, expand_ratio: int,
        squeeze_channels: int = 0, norm_momentum: float = 0.1,
    ) -> None:  # fmt: skip
        super().__init__()
        if stride not in (1, 2):
            raise ValueError(f"stride should be 1 or 2 instead of {stride!r}: the paper has blocks of no other")
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size={kernel_size} is even: no padding keeps the size of the map; try 3 or 5")
        self.stride = stride
        self.adds_input = stride == 1 and in_channels == out_channels
        hidden = in_channels * expand_ratio
        # The names are places in torchvision's chain; what is missing leaves a gap.
        chain: OrderedDict[str, nn.Module] = OrderedDict()
        if expand_ratio > 1:
            chain["0"] = nn.Conv2d(in_channels, hidden, 1, bias=False)
            chain["1"] = nn.BatchNorm2d(hidden, momentum=norm_momentum)
            chain["2"] = relu()
        chain["3"] = nn.Conv2d(hidden, hidden, kernel_size, stride, kernel_size // 2, groups=hidden, bias=False)
        chain["4"] = nn.BatchNorm2d(hidden, momentum=norm_momentum)
        chain["5"] = relu()
        if squeeze_channels:
            chain["se"] = SqueezeExcitation(hidden, squeeze_channels)
        chain["6"] = nn.Conv2d(hidden, out_channels, 1, bias=False)
        chain["7"] = nn.BatchNorm2d(out_channels, momentum=norm_momentum)
        self.layers = nn.Sequential(chain)

    def forward(self, x: Tensor) -> Tensor:
        """The chain, and the input added where the shapes allow."""
        return self.layers(x) + x if self.adds_input else self.layers(x)


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
def inverted_residual(
    in_channels: Expr,
    out_channels: Expr,
    kernel_size: Expr,
    stride: Expr,
    expand_ratio: Expr,
    squeeze_channels: Expr,
    in_height: Expr,
    in_width: Expr,
) -> CostTerms:
    """An inverted residual: a 1x1 convolution expands (none for expand_ratio 1), a depthwise one filters, squeeze-and-
    excitation (if any) weighs the channels, a 1x1 one projects; each with a batch norm, no non-linearity at the end
    (Sandler et al. 2018, MobileNetV2, section 3.3; squeeze-and-excitation: Tan et al. 2019, MnasNet, figure 7).
    """
    size, hidden = (in_height, in_width), in_channels * expand_ratio
    expand = pointwise_norm(in_channels, hidden, size)
    depthwise = depthwise_norm(hidden, kernel_size, size, stride=stride)
    gate = squeeze_excite.terms(channels=hidden, squeeze_channels=squeeze_channels)
    project = pointwise_norm(hidden, out_channels, strided(size, kernel_size, stride))
    return only_if(sp.Gt(expand_ratio, 1), expand) + depthwise + only_if(sp.Gt(squeeze_channels, 0), gate) + project


class WithShortcut(nn.Sequential):
    """x + f(x)."""

    def forward(self, x: Tensor) -> Tensor:
        """The chain, and the input added."""
        return super().forward(x) + x


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


def _blocks(version: str, width_mult: float) -> Iterator[tuple[int, int, dict[str, int]]]:
    """(stage, index in the stage, settings) of each inverted residual, from the table."""
    channels = scaled_channels(STEM[version][1], width_mult)
    for stage, row in enumerate(STAGES[version]):
        expand_ratio, kernel_size, full_width, repeats, first_stride, squeeze_ratio = row
        out_channels = scaled_channels(full_width, width_mult)
        for index in range(repeats):
            yield stage, index, {
                "in_channels": channels, "out_channels": out_channels, "kernel_size": kernel_size,
                "stride": 1 if index else first_stride, "expand_ratio": expand_ratio,
                "squeeze_channels": int(channels * squeeze_ratio),
            }  # fmt: skip
            channels = out_channels


class MNASNet(Backbone):
    """The networks of figure 7 and of Google's code.

    Args:
        version: "b1", "a1" or "small".
        width_mult: Scales every number of channels but the last, to multiples of 8.
        num_classes: Outputs of the classifier.
        dropout: Before the classifier (section 5: 0.2).
        norm_momentum: Of the batch norms, as torch has it: 0.0003 in torchvision, 0.01 in Google's code and the paper
            (which write 1 - momentum: 0.99), 0.1 in timm. After a short training with a small one the running
            statistics are still those of the start.
        first_shortcut: Whether the input of the depthwise separable convolution is added to its output: so in timm's
            small network, where both have 8 channels; not in Google's code.
        small_input: For images of about 32 x 32: the first convolution has stride 1.

    Shape:
        ``[N, 3, H, W] -> [N, num_classes]``, any H and W; logits, without a softmax.
    """

    def __init__(
        self, version: str, width_mult: float = 1.0, num_classes: int = 1000, dropout: float = 0.2,
        norm_momentum: float = 0.0003, first_shortcut: bool = False, small_input: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.first_shortcut = first_shortcut

        def norm(channels: int) -> nn.Module:
            return nn.BatchNorm2d(channels, momentum=norm_momentum)

        stem, channels = (scaled_channels(c, width_mult) for c in STEM[version])
        chain = [nn.Conv2d(3, stem, 3, 1 if small_input else 2, padding=1, bias=False), norm(stem), relu()]
        chain += [nn.Conv2d(stem, stem, 3, padding=1, groups=stem, bias=False), norm(stem), relu()]
        chain += [nn.Conv2d(stem, channels, 1, bias=False), norm(channels)]
        stages: list[list[nn.Module]] = [[] for _ in STAGES[version]]
        for stage, _, settings in _blocks(version, width_mult):
            stages[stage].append(InvertedResidual(**settings, norm_momentum=norm_momentum))
            channels = settings["out_channels"]
        chain += [nn.Sequential(*blocks) for blocks in stages]
        chain += [nn.Conv2d(channels, LAST_CHANNELS, 1, bias=False), norm(LAST_CHANNELS), relu()]
        self.layers = nn.Sequential(*chain)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(LAST_CHANNELS, num_classes))
        self.apply(_initialise)

    def chain(self) -> Iterable[nn.Module]:
        """Strides 2, 4, 8, 16 and 32, the last with the 1x1 convolution to 1280 channels."""
        if not self.first_shortcut:
            return self.layers
        layers = list(self.layers)
        return (*layers[:3], WithShortcut(*layers[3:8]), *layers[8:])

    def forward(self, x: Tensor) -> Tensor:
        """Images to logits."""
        return self.classifier(self.forward_features(x).mean((2, 3)))


def _initialise(module: nn.Module) -> None:
    """As in Google's code and torchvision: He's normal initialisation by fan-out; uniform for the classifier."""
    initialise_convolution(module)
    if isinstance(module, nn.Linear):
        nn.init.kaiming_uniform_(module.weight, mode="fan_out", nonlinearity="sigmoid")
        nn.init.zeros_(module.bias)


def layers(
    version: str, width_mult: float = 1.0, *, num_classes: Any = 1000, small_input: bool = False, size: Any = 224
) -> Iterator[Layer]:
    """The network as formulas: one (name, formula, settings) a layer or block, from the same table as the modules.

    Args:
        version: As for `MNASNet`, like the other options.
        width_mult: Scales every number of channels but the last.
        num_classes: Outputs of the classifier; may be a SymPy symbol.
        small_input: For images of about 32 x 32.
        size: Side of the square images, in pixels; may be a symbol.
    """

    def convolution(index: int, formula: CostFormula, side: Any, **settings: Any) -> Iterator[tuple]:
        out = {"out_height": side, "out_width": side}
        yield f"layers.{index}", formula, {**settings, **out}
        yield f"layers.{index + 1}", batch_norm2d, {"num_features": settings["out_channels"], **out}

    stem, channels = (scaled_channels(c, width_mult) for c in STEM[version])
    side = conv_output_size(in_size=size, kernel_size=3, stride=1 if small_input else 2, padding=1)
    images = {"in_channels": 3, "in_height": size, "in_width": size}
    yield from convolution(0, conv2d, side, out_channels=stem, kernel_size=3, **images)
    yield from convolution(3, depthwise_conv2d, side, in_channels=stem, out_channels=stem, kernel_size=3)
    yield from convolution(6, pointwise, side, in_channels=stem, out_channels=channels)
    for stage, index, settings in _blocks(version, width_mult):
        yield f"layers.{8 + stage}.{index}", inverted_residual, {**settings, "in_height": side, "in_width": side}
        side = conv_output_size(in_size=side, kernel_size=3, stride=settings["stride"], padding=1)
        channels = settings["out_channels"]
    yield from convolution(14, pointwise, side, in_channels=channels, out_channels=LAST_CHANNELS)
    yield "classifier.1", linear, {"in_features": LAST_CHANNELS, "out_features": num_classes}


NETWORKS = {
    # name: version, width
    "mnasnet0_5": ("b1", 0.5),
    "mnasnet0_75": ("b1", 0.75),
    "mnasnet1_0": ("b1", 1.0),
    "mnasnet1_3": ("b1", 1.3),
    "mnasnet_a1": ("a1", 1.0),  # the paper's
    "mnasnet_small": ("small", 1.0),
}
# Version: defaults of its own. timm, which has trained weights of the small network, adds the first block's input;
# Google's code does not.
DEFAULTS: dict[str, dict[str, Any]] = {
    "b1": {},
    "a1": {"norm_momentum": 0.01},
    "small": {"norm_momentum": 0.01, "dropout": 0.0, "first_shortcut": True},
}
AUTHORS = partial(Printed, "the authors' list of trained networks", read=True)
PRINTED = {
    "mnasnet1_0": Printed(
        "Tan et al. 2019, B1",
        read=False,
        params="4.4 M",
        macs="315 M",
        top1=74.5,
        why="counted 314.4 M, which rounds to 314",
    ),
    "mnasnet_a1": AUTHORS(params="3.9 M", macs="312 M", top1=75.2),
    "mnasnet_small": AUTHORS(params="2.0 M", macs="68 M"),
}

for name, (version, width_mult) in NETWORKS.items():
    fixed = {"version": version, "width_mult": width_mult}
    if version != "small":  # the first block has fewer channels behind it than before it, so nothing can be added
        fixed["first_shortcut"] = False
    defaults, printed = DEFAULTS[version], PRINTED.get(name)
    register(name, MNASNet, layers, family="MNASNet", fixed=fixed, defaults=defaults, printed=printed)
