"""GhostNet: More Features from Cheap Operations.

Han, Wang, Tian, Guo, Xu, Xu; 2020; arXiv:1911.11907. Called C-GhostNet in the same authors' later paper.

Here as in the authors' PyTorch code, whose parameter names are also timm's ``ghostnet_100``; only the gates' differ.
Their TensorFlow code differs in three places: the gate is clip(x, 0, 1), its width is int(C / 4), and the head has a
batch norm and no bias.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import sympy as sp
import torch
from sympy import Expr
from torch import Tensor, nn

from lightnets_edu.formulas import (
    CostTerms,
    Setting,
    conv2d,
    conv_output_size,
    depthwise_conv2d,
    linear,
    make_divisible,
    pointwise_conv2d,
)
from lightnets_edu.formulas.blocks import (
    INPUT_MAP,
    NO_SQUEEZE,
    depthwise_norm,
    maps,
    norm_params,
    odd_kernel_check,
    only_if,
    pointwise_norm,
    strided,
)
from lightnets_edu.formulas.cost import Symbols, cost_formula
from lightnets_edu.formulas.layers import IN_CHANNELS, OUT_CHANNELS
from lightnets_edu.models.backbone import Backbone
from lightnets_edu.models.cost import Layer, convolution_norm
from lightnets_edu.models.layers import initialise_convolution, relu, scaled_channels
from lightnets_edu.models.registry import Printed, register
from lightnets_edu.models.squeeze_excitation import SqueezeExcitation, squeeze_excite


class GhostModule(nn.Module):
    """cat(y, cheap(y)) with y = primary(x): few maps from a convolution, their ghosts from depthwise kernels. Eq. 2-3.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        ratio: s of the paper: the primary convolution makes ceil(out_channels / s) maps, each gets s - 1 ghosts, and
            what exceeds out_channels is dropped.
        cheap_kernel_size: d of the paper: side of the depthwise kernels.
        kernel_size: k of the paper: side of the primary convolution's kernel.
        activate: Whether a ReLU follows each of the two batch norms.

    Shape:
        ``[N, in_channels, H, W] -> [N, out_channels, H, W]``

    Raises:
        ValueError: If the ratio is below 2 or a kernel size is even.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        ratio: int = 2,
        cheap_kernel_size: int = 3,
        kernel_size: int = 1,
        activate: bool = True,
    ) -> None:
        super().__init__()
        if not isinstance(ratio, int) or ratio < 2:
            raise ValueError(
                f"ratio should be a whole number of at least 2 instead of {ratio!r}: with 1 nothing is cheap"
            )
        for name, size in (("kernel_size", kernel_size), ("cheap_kernel_size", cheap_kernel_size)):
            if not isinstance(size, int) or size < 1 or size % 2 == 0:
                raise ValueError(
                    f"{name} should be an odd number such as 1, 3 or 5 instead of {size!r}: maps keep their size"
                )
        self.out_channels = out_channels
        intrinsic = math.ceil(out_channels / ratio)
        ghosts = intrinsic * (ratio - 1)
        d = cheap_kernel_size
        self.primary_conv = nn.Sequential(
            nn.Conv2d(in_channels, intrinsic, kernel_size, padding=kernel_size // 2, bias=False),
            nn.BatchNorm2d(intrinsic),
            relu() if activate else nn.Identity(),
        )
        self.cheap_operation = nn.Sequential(
            nn.Conv2d(intrinsic, ghosts, d, padding=d // 2, groups=intrinsic, bias=False),
            nn.BatchNorm2d(ghosts),
            relu() if activate else nn.Identity(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """The intrinsic maps and their ghosts."""
        intrinsic = self.primary_conv(x)
        maps = torch.cat([intrinsic, self.cheap_operation(intrinsic)], dim=1)
        return maps[:, : self.out_channels]


RATIO = Setting("ratio", "s", "one in this many maps comes from the primary convolution", default=2, minimum=2)
CHEAP_KERNEL_SIZE = Setting("cheap_kernel_size", "d", "side of the cheap depthwise kernel, in pixels", default=3)
PRIMARY_KERNEL_SIZE = Setting("kernel_size", "k", "side of the primary convolution's kernel, in pixels", default=1)


@cost_formula(
    IN_CHANNELS,
    OUT_CHANNELS,
    RATIO,
    CHEAP_KERNEL_SIZE,
    PRIMARY_KERNEL_SIZE,
    *INPUT_MAP,
    checks=(odd_kernel_check(PRIMARY_KERNEL_SIZE), odd_kernel_check(CHEAP_KERNEL_SIZE)),
)
def ghost_module(s: Symbols) -> CostTerms:
    """A Ghost module: a convolution makes one map in `ratio`, cheap depthwise kernels make the others from them
    (Han et al. 2020, GhostNet, section 3.1, eq. 2-3), which saves a factor of about `ratio` (eq. 4-5). No bias; two
    batch norms.
    """
    size, d = maps((s.in_height, s.in_width)), s.cheap_kernel_size
    intrinsic = sp.ceiling(s.out_channels / s.ratio)
    # Where ratio does not divide out_channels, the last maps are computed and then dropped: they cost all the same.
    ghosts = intrinsic * (s.ratio - 1)
    primary = conv2d.terms(in_channels=s.in_channels, out_channels=intrinsic, kernel_size=s.kernel_size, **size)
    cheap = depthwise_conv2d.terms(in_channels=intrinsic, out_channels=ghosts, kernel_size=d, **size)
    return primary + norm_params(intrinsic) + cheap + norm_params(ghosts)


class GhostBottleneck(nn.Module):
    """shortcut(x) + ghost(ghost(x)); with stride 2 a depthwise convolution between the two. Section 3.2, figure 3.

    No ReLU follows the second module or the sum. Where the shapes differ, the shortcut is a depthwise convolution and
    a 1x1 convolution.

    Args:
        in_channels: Channels of the input.
        hidden_channels: Channels between the two Ghost modules.
        out_channels: Channels of the output.
        kernel_size: Of the depthwise convolutions (between the modules, in the shortcut).
        stride: 1 or 2.
        squeeze_channels: Channels inside the squeeze-and-excitation, 0 for none.
        ratio: s of both Ghost modules.
        cheap_kernel_size: d of both Ghost modules.

    Shape:
        ``[N, in_channels, H, W] -> [N, out_channels, ceil(H / stride), ceil(W / stride)]``
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        stride: int = 1,
        squeeze_channels: int = 0,
        ratio: int = 2,
        cheap_kernel_size: int = 3,
    ) -> None:
        super().__init__()

        def depthwise(channels: int) -> nn.Conv2d:
            padding = kernel_size // 2
            return nn.Conv2d(channels, channels, kernel_size, stride, padding, groups=channels, bias=False)

        self.stride = stride
        self.ghost1 = GhostModule(in_channels, hidden_channels, ratio, cheap_kernel_size)
        if stride > 1:
            self.conv_dw = depthwise(hidden_channels)
            self.bn_dw = nn.BatchNorm2d(hidden_channels)
        self.se = SqueezeExcitation(hidden_channels, squeeze_channels, "hard_sigmoid") if squeeze_channels else None
        self.ghost2 = GhostModule(hidden_channels, out_channels, ratio, cheap_kernel_size, activate=False)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                depthwise(in_channels),
                nn.BatchNorm2d(in_channels),
                nn.Conv2d(in_channels, out_channels, 1, bias=False),
                nn.BatchNorm2d(out_channels),
            )

    def forward(self, x: Tensor) -> Tensor:
        """Widen, shrink the map where there is a stride, gate the channels where there is a gate, narrow, and add."""
        # In small steps: in one long expression, y would keep the map before the last one in memory.
        y = self.ghost1(x)
        if self.stride > 1:
            y = self.conv_dw(y)
            y = self.bn_dw(y)
        if self.se is not None:
            y = self.se(y)
        y = self.ghost2(y)
        y += self.shortcut(x)
        return y


DEPTHWISE_KERNEL_SIZE = Setting(
    "kernel_size", "k", "side of the kernel of the strided depthwise convolutions, in pixels", default=3
)


@cost_formula(
    IN_CHANNELS,
    Setting("hidden_channels", r"C_\text{mid}", "channels between the two Ghost modules"),
    OUT_CHANNELS,
    DEPTHWISE_KERNEL_SIZE,
    Setting("stride", r"\text{stride}", "step between neighbouring outputs, in pixels", default=1),  # s is the ratio
    NO_SQUEEZE,
    RATIO,
    CHEAP_KERNEL_SIZE,
    *INPUT_MAP,
    checks=(odd_kernel_check(DEPTHWISE_KERNEL_SIZE), odd_kernel_check(CHEAP_KERNEL_SIZE)),
)
def ghost_bottleneck(s: Symbols) -> CostTerms:
    """A Ghost bottleneck: a Ghost module widens, another narrows; between them a strided depthwise convolution if
    stride > 1, then squeeze-and-excitation if squeeze_channels > 0. The shortcut costs nothing where the shapes agree,
    else it is a depthwise and a 1x1 convolution (Han et al. 2020, GhostNet, section 3.2, figure 3).
    """
    size = (s.in_height, s.in_width)
    out = strided(size, s.kernel_size, s.stride)

    def ghost(ins: Expr, outs: Expr, size: tuple[Expr, Expr]) -> CostTerms:
        cheap = {"ratio": s.ratio, "cheap_kernel_size": s.cheap_kernel_size}
        return ghost_module.terms(in_channels=ins, out_channels=outs, **cheap, in_height=size[0], in_width=size[1])

    downsampling = depthwise_norm(s.hidden_channels, s.kernel_size, size, stride=s.stride)
    gate = squeeze_excite.terms(channels=s.hidden_channels, squeeze_channels=s.squeeze_channels)
    shape_changes = sp.Or(sp.Gt(s.stride, 1), sp.Ne(s.in_channels, s.out_channels))
    shortcut = depthwise_norm(s.in_channels, s.kernel_size, size, stride=s.stride)
    shortcut += pointwise_norm(s.in_channels, s.out_channels, out)
    return (
        ghost(s.in_channels, s.hidden_channels, size)
        + only_if(sp.Gt(s.stride, 1), downsampling)
        + only_if(sp.Gt(s.squeeze_channels, 0), gate)
        + ghost(s.hidden_channels, s.out_channels, out)
        + only_if(shape_changes, shortcut)
    )


# Table 1, each row a Ghost bottleneck: k the kernel of its depthwise convolutions, exp the channels between its two
# Ghost modules, c its output channels, SE whether it has a gate, s its stride. k matters only where there is a stride
# or a shortcut with weights. At the right: side of the maps for images of 224 x 224.
STEM_CHANNELS = 16  # conv 3x3, s 2                                         112
BODY = (
    # (k, exp, c, SE, s)
    ((3, 16, 16, 0, 1),),  #                                                112
    ((3, 48, 24, 0, 2),),  #                                                 56
    ((3, 72, 24, 0, 1),),  #                                                 56
    ((5, 72, 40, 1, 2),),  #                                                 28
    ((5, 120, 40, 1, 1),),  #                                                28
    ((3, 240, 80, 0, 2),),  #                                                14
    (
        (3, 200, 80, 0, 1),  #                                               14
        (3, 184, 80, 0, 1),
        (3, 184, 80, 0, 1),
        (3, 480, 112, 1, 1),
        (3, 672, 112, 1, 1),
    ),
    ((5, 672, 160, 1, 2),),  #                                                7
    (
        (5, 960, 160, 0, 1),  #                                               7
        (5, 960, 160, 1, 1),
        (5, 960, 160, 0, 1),
        (5, 960, 160, 1, 1),
    ),
)
LAST_CHANNELS = 960  # conv 1x1                                               7
HEAD_CHANNELS = 1280  # average pool, conv 1x1; not scaled by width_mult      1


def squeezed(channels: Any) -> Any:
    """Channels inside a squeeze-and-excitation: a quarter, as a multiple of 4 (72 -> 20, 120 -> 32, 480 -> 120)."""
    return make_divisible(channels=channels, denominator=4, divisor=4)


def _blocks(width_mult: Any) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """(stage, index in the stage, settings) of each Ghost bottleneck, from the table."""
    channels = scaled_channels(STEM_CHANNELS, width_mult, 4)
    for stage, rows in enumerate(BODY):
        for index, (kernel_size, hidden, out, gated, stride) in enumerate(rows):
            hidden_channels, out_channels = (scaled_channels(c, width_mult, 4) for c in (hidden, out))
            settings = {"in_channels": channels, "hidden_channels": hidden_channels, "out_channels": out_channels}
            settings |= {"kernel_size": kernel_size, "stride": stride}
            yield stage, index, settings | {"squeeze_channels": squeezed(hidden_channels) if gated else 0}
            channels = out_channels


class GhostNet(Backbone):
    """The network of table 1.

    Args:
        width_mult: Scales every number of channels but the head's 1280, to multiples of 4.
        ratio: s of all Ghost modules: one map in s comes from a convolution, the others are cheap.
        cheap_kernel_size: d of all Ghost modules: side of the cheap depthwise kernels.
        num_classes: Outputs of the classifier.
        dropout: Before the classifier.
        small_input: For images of about 32 x 32: the first convolution has stride 1.

    Shape:
        ``[N, 3, H, W] -> [N, num_classes]``, any H and W; logits, without a softmax.
    """

    def __init__(
        self,
        width_mult: float = 1.0,
        ratio: int = 2,
        cheap_kernel_size: int = 3,
        num_classes: int = 1000,
        dropout: float = 0.2,
        small_input: bool = False,
    ) -> None:
        super().__init__()
        channels = scaled_channels(STEM_CHANNELS, width_mult, 4)
        self.conv_stem = nn.Conv2d(3, channels, 3, stride=1 if small_input else 2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.act1 = relu()
        stages: list[list[nn.Module]] = [[] for _ in BODY]
        for stage, _, settings in _blocks(width_mult):
            stages[stage].append(GhostBottleneck(**settings, ratio=ratio, cheap_kernel_size=cheap_kernel_size))
            channels = settings["out_channels"]
        last_channels = scaled_channels(LAST_CHANNELS, width_mult, 4)
        last_conv = nn.Conv2d(channels, last_channels, 1, bias=False)
        last = nn.Sequential(OrderedDict(conv=last_conv, bn1=nn.BatchNorm2d(last_channels), act1=relu()))
        stages.append([last])
        self.blocks = nn.Sequential(*(nn.Sequential(*blocks) for blocks in stages))
        self.global_pool = nn.AdaptiveAvgPool2d(1)
        self.conv_head = nn.Conv2d(last_channels, HEAD_CHANNELS, 1)
        self.act2 = relu()
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(HEAD_CHANNELS, num_classes)
        self.apply(initialise_convolution)  # the paper names none; the classifier keeps torch's own

    def chain(self) -> tuple[nn.Module, ...]:
        """Strides 2, 4, 8, 16 and 32, the last with the 1x1 convolution to 960 channels."""
        return (self.conv_stem, self.bn1, self.act1, *self.blocks)

    def forward(self, x: Tensor) -> Tensor:
        """Images to logits."""
        x = self.global_pool(self.forward_features(x))
        x = self.act2(self.conv_head(x)).flatten(1)
        return self.classifier(self.dropout(x))


def layers(
    width_mult: Any = 1.0,
    *,
    ratio: Any = 2,
    cheap_kernel_size: Any = 3,
    num_classes: Any = 1000,
    small_input: bool = False,
    size: Any = 224,
) -> Iterator[Layer]:
    """The network as formulas: one (name, formula, settings) for each layer or block, from the modules' table.

    Arguments as for `GhostNet`; ``width_mult`` may be a SymPy expression as in `scaled_channels`; ``ratio``,
    ``cheap_kernel_size`` and ``num_classes`` may be symbols, and so may ``size``, the side of the square images in
    pixels.
    """
    cheap = {"ratio": ratio, "cheap_kernel_size": cheap_kernel_size}
    channels = scaled_channels(STEM_CHANNELS, width_mult, 4)
    side = conv_output_size(in_size=size, kernel_size=3, stride=1 if small_input else 2, padding=1)
    stem = {"in_channels": 3, "out_channels": channels, "kernel_size": 3}
    yield from convolution_norm(("conv_stem", "bn1"), conv2d, side, size, **stem)
    for stage, index, settings in _blocks(width_mult):
        into = {"in_height": side, "in_width": side}
        yield f"blocks.{stage}.{index}", ghost_bottleneck, {**settings, **cheap, **into}
        side = conv_output_size(in_size=side, kernel_size=3, stride=settings["stride"], padding=1)
        channels = settings["out_channels"]
    last, last_channels = f"blocks.{len(BODY)}.0", scaled_channels(LAST_CHANNELS, width_mult, 4)
    widen = {"in_channels": channels, "out_channels": last_channels}
    yield from convolution_norm((f"{last}.conv", f"{last}.bn1"), pointwise_conv2d, side, side, **widen)
    head = {"in_channels": last_channels, "out_channels": HEAD_CHANNELS, "bias": 1, "out_height": 1, "out_width": 1}
    yield "conv_head", pointwise_conv2d, head
    yield "classifier", linear, {"in_features": HEAD_CHANNELS, "out_features": num_classes}


register(
    "ghostnet",
    GhostNet,
    layers,
    family="GhostNet",
    printed=Printed(
        "the authors' TensorFlow page for MACs; another project's table of references for parameters",
        read=True,
        params="5.2 M",
        macs="141 M",
        top1=73.9,
        top1_source="the authors' list of trained networks",
    ),
)
