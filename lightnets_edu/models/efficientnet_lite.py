"""EfficientNet-Lite0: the child of MNASNet's search whose trained weights come as a Python package.

Tan, Le; 2019; EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks; arXiv:1905.11946. Section 4:
EfficientNet-B0 was found in the search space of MnasNet, by a search that rewards few FLOPs instead of a short latency.
Lite0 is what Google published for phones in 2020 (tensorflow/tpu, models/official/efficientnet/lite): B0 without
squeeze-and-excitation, with ReLU6 in place of swish, and with a stem and a head that no multiplier scales. Parameter
names are timm's, except in the classifier.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from torch import nn

from lightnets_edu.formulas import conv2d, conv_output_size, depthwise_conv2d, linear, pointwise_conv2d
from lightnets_edu.models.cost import Layer, convolution_norm
from lightnets_edu.models.layers import SameConv2d, relu6, scaled_channels
from lightnets_edu.models.mnasnet import (
    LAST_CHANNELS,
    InvertedResidual,
    SearchedNetwork,
    SepConv,
    initialise,
    inverted_residual,
)
from lightnets_edu.models.registry import Printed, register

STEM_CHANNELS = 32  # of the first convolution (3x3, stride 2); not scaled
FIRST_CHANNELS = 16  # of the depthwise separable block after it
# Google's code, efficientnet_lite_builder.py: stages of inverted residuals.
STAGES = (
    # expansion t, kernel k, channels c, repeats n, stride s of the first
    (6, 3, 24, 2, 2),
    (6, 5, 40, 2, 2),
    (6, 3, 80, 3, 2),
    (6, 5, 112, 3, 1),
    (6, 5, 192, 4, 2),
    (6, 3, 320, 1, 1),
)
NORM_EPS = 1e-3  # of the batch norms, in Google's code


def _blocks(width_mult: float) -> Iterator[tuple[int, int, dict[str, int]]]:
    """(stage, index in the stage, settings) of each inverted residual, from the table."""
    channels = scaled_channels(FIRST_CHANNELS, width_mult)
    for stage, (expand_ratio, kernel_size, full_width, repeats, first_stride) in enumerate(STAGES, 1):
        out_channels = scaled_channels(full_width, width_mult)
        for index in range(repeats):
            settings = {"in_channels": channels, "out_channels": out_channels, "kernel_size": kernel_size}
            yield stage, index, settings | {"stride": 1 if index else first_stride, "expand_ratio": expand_ratio}
            channels = out_channels


class EfficientNetLite(SearchedNetwork):
    """EfficientNet-Lite0, and its wider and narrower relatives.

    Args:
        width_mult: Scales every number of channels but the first and the last, to multiples of 8.
        num_classes: Outputs of the classifier.
        dropout: Before the classifier.
        norm_momentum: Of the batch norms, as torch has it (Google's code writes 1 - momentum: 0.99).
        small_input: For images of about 32 x 32: the first convolution has stride 1.

    Shape:
        ``[N, 3, H, W] -> [N, num_classes]``, any H and W; logits, without a softmax.
    """

    def __init__(
        self,
        width_mult: float = 1.0,
        num_classes: int = 1000,
        dropout: float = 0.2,
        norm_momentum: float = 0.01,
        small_input: bool = False,
    ) -> None:
        super().__init__()
        norm = partial(nn.BatchNorm2d, eps=NORM_EPS, momentum=norm_momentum)
        channels = scaled_channels(FIRST_CHANNELS, width_mult)
        if small_input:
            self.conv_stem = nn.Conv2d(3, STEM_CHANNELS, 3, padding=1, bias=False)
        else:
            self.conv_stem = SameConv2d(3, STEM_CHANNELS, 3, stride=2, bias=False)
        self.bn1 = norm(STEM_CHANNELS)
        self.act1 = relu6()
        stages: list[list[nn.Module]] = [[] for _ in range(1 + len(STAGES))]
        stages[0].append(SepConv(STEM_CHANNELS, channels, norm, activation=relu6))
        for stage, _, settings in _blocks(width_mult):
            block = InvertedResidual(**settings, norm=norm, activation=relu6, same_padding=True)
            stages[stage].append(block)
            channels = settings["out_channels"]
        self.blocks = nn.Sequential(*(nn.Sequential(*blocks) for blocks in stages))
        self.conv_head = nn.Conv2d(channels, LAST_CHANNELS, 1, bias=False)
        self.bn2 = norm(LAST_CHANNELS)
        self.act2 = relu6()
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(LAST_CHANNELS, num_classes))
        self.apply(initialise)


def layers(
    width_mult: float = 1.0, *, num_classes: Any = 1000, small_input: bool = False, size: Any = 224
) -> Iterator[Layer]:
    """The network as formulas: one (name, formula, settings) for each layer or block, from the modules' table.

    Arguments as for `EfficientNetLite`; ``num_classes`` may be a SymPy symbol, and so may ``size``, the side of the
    square images in pixels.
    """
    channels = scaled_channels(FIRST_CHANNELS, width_mult)
    side = size if small_input else _halved(size)
    stem = {"in_channels": 3, "out_channels": STEM_CHANNELS, "kernel_size": 3}
    yield from convolution_norm(("conv_stem", "bn1"), conv2d, side, size if small_input else _padded(side, 3), **stem)
    # SepConv costs what an inverted residual costs that expands nothing.
    sep_conv = {"in_channels": STEM_CHANNELS, "out_channels": channels, "kernel_size": 3}
    yield "blocks.0.0", inverted_residual, {**sep_conv, "in_height": side, "in_width": side}
    for stage, index, settings in _blocks(width_mult):
        name = f"blocks.{stage}.{index}"
        if settings["stride"] == 1:
            yield name, inverted_residual, {**settings, "in_height": side, "in_width": side}
        else:
            yield from _downsampling(name, side, settings)
            side = _halved(side)
        channels = settings["out_channels"]
    head = {"in_channels": channels, "out_channels": LAST_CHANNELS}
    yield from convolution_norm(("conv_head", "bn2"), pointwise_conv2d, side, side, **head)
    yield "classifier.1", linear, {"in_features": LAST_CHANNELS, "out_features": num_classes}


def _downsampling(name: str, side: Any, settings: Mapping[str, int]) -> Iterator[Layer]:
    """A block with stride 2, layer by layer: its depthwise convolution reads a map that was padded before."""
    hidden, kernel_size, half = (
        settings["in_channels"] * settings["expand_ratio"],
        settings["kernel_size"],
        _halved(side),
    )
    up = {"in_channels": settings["in_channels"], "out_channels": hidden}
    yield from convolution_norm((f"{name}.conv_pw", f"{name}.bn1"), pointwise_conv2d, side, side, **up)
    filters = {"in_channels": hidden, "out_channels": hidden, "kernel_size": kernel_size}
    names = (f"{name}.conv_dw", f"{name}.bn2")
    yield from convolution_norm(names, depthwise_conv2d, half, _padded(half, kernel_size), **filters)
    down = {"in_channels": hidden, "out_channels": settings["out_channels"]}
    yield from convolution_norm((f"{name}.conv_pwl", f"{name}.bn3"), pointwise_conv2d, half, half, **down)


def _halved(side: Any) -> Any:
    """Side of a map after stride 2, in pixels: ceil(side / 2)."""
    return conv_output_size(in_size=side, kernel_size=3, stride=2, padding=1)


def _padded(side: Any, kernel_size: int) -> Any:
    """Side of what `SameConv2d` convolves with stride 2 into a map of a side, in pixels: what its windows cover."""
    return 2 * (side - 1) + kernel_size


register(
    "efficientnet_lite0",
    EfficientNetLite,
    layers,
    family="MNASNet",
    printed=Printed(
        "Google's list of EfficientNet-Lite",
        read=True,
        params="4.7 M",
        macs="407 M",
        top1=75.1,
        why="the list does not say what it counts beside the multiply-accumulates of convolutions and the linear layer",
    ),
)
