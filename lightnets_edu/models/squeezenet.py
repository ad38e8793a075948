"""SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size.

Iandola, Han, Moskewicz, Ashraf, Dally, Keutzer; 2016; arXiv:1602.07360.

Fire modules: few 1x1 convolutions squeeze the channels before 3x3 ones see them. No fully connected layer. The authors'
later SqueezeNet 1.1 pools earlier and has a smaller stem. Parameter names are torchvision's; a complex bypass adds
``features.N.bypass``. The authors' Caffe network differs in one number: its last convolution has padding 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sympy as sp
import torch
from torch import Tensor, nn

from lightnets_edu.formulas import Check, CostTerms, Setting, conv2d, conv_output_size, pointwise_conv2d
from lightnets_edu.formulas.blocks import INPUT_MAP, only_if
from lightnets_edu.formulas.cost import Symbols, cost_formula
from lightnets_edu.formulas.layers import IN_CHANNELS
from lightnets_edu.models.backbone import Backbone
from lightnets_edu.models.cost import Layer
from lightnets_edu.models.layers import relu
from lightnets_edu.models.registry import Printed, register

BYPASSES = ("none", "simple", "complex")


class Fire(nn.Module):
    """[e1x1(s(x)), e3x3(s(x))] (+ x, or + bypass(x)): section 3.2, figure 1; bypasses: section 6, figure 2.

    Args:
        in_channels: Channels of the input.
        squeeze_channels: Outputs of the 1x1 convolution that squeezes; fewer than the expand channels together.
        expand1x1_channels: Outputs of the 1x1 convolution that expands.
        expand3x3_channels: Outputs of the 3x3 convolution that expands.
        bypass: "none"; "simple": the input is added to the output; "complex": it is added after a 1x1 convolution.

    Shape:
        ``[N, in_channels, H, W] -> [N, expand1x1_channels + expand3x3_channels, H, W]``

    Raises:
        ValueError: If the bypass is not known, or simple where the channels change.
    """

    def __init__(
        self,
        in_channels: int,
        squeeze_channels: int,
        expand1x1_channels: int,
        expand3x3_channels: int,
        bypass: str = "none",
    ) -> None:
        super().__init__()
        _check_bypass(bypass)
        out_channels = expand1x1_channels + expand3x3_channels
        if bypass == "simple" and in_channels != out_channels:
            raise ValueError(
                f"a simple bypass adds input and output, so in_channels={in_channels} should be the number of output "
                f"channels, {expand1x1_channels} + {expand3x3_channels}; a complex bypass fits any"
            )
        self.has_bypass = bypass != "none"
        self.squeeze = nn.Conv2d(in_channels, squeeze_channels, 1)
        self.squeeze_activation = relu()
        self.expand1x1 = nn.Conv2d(squeeze_channels, expand1x1_channels, 1)
        self.expand1x1_activation = relu()
        self.expand3x3 = nn.Conv2d(squeeze_channels, expand3x3_channels, 3, padding=1)
        self.expand3x3_activation = relu()
        if self.has_bypass:
            self.bypass = nn.Conv2d(in_channels, out_channels, 1) if bypass == "complex" else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Squeeze, expand in two ways, concatenate, add the bypass."""
        squeezed = self.squeeze_activation(self.squeeze(x))
        expanded1x1 = self.expand1x1_activation(self.expand1x1(squeezed))
        expanded3x3 = self.expand3x3_activation(self.expand3x3(squeezed))
        expanded = torch.cat((expanded1x1, expanded3x3), 1)
        return expanded + self.bypass(x) if self.has_bypass else expanded


EXPAND1X1 = Setting("expand1x1_channels", r"e_{1\times1}", "outputs of the 1x1 convolution that expands")
EXPAND3X3 = Setting("expand3x3_channels", r"e_{3\times3}", "outputs of the 3x3 convolution that expands")
BYPASS = Setting(
    "bypass",
    "b",
    "0: none, 1: simple (the input is added), 2: complex (added behind a 1x1 convolution)",
    default=0,
    minimum=0,
)


@cost_formula(
    IN_CHANNELS,
    Setting("squeeze_channels", r"s_{1\times1}", "outputs of the 1x1 convolution that squeezes"),
    EXPAND1X1,
    EXPAND3X3,
    BYPASS,
    *INPUT_MAP,
    checks=(
        Check(sp.Le(BYPASS.symbol, 2), "bypass should be 0 (none), 1 (simple) or 2 (complex) instead of {bypass}"),
        Check(
            sp.Or(sp.Ne(BYPASS.symbol, 1), sp.Eq(IN_CHANNELS.symbol, EXPAND1X1.symbol + EXPAND3X3.symbol)),
            "a simple bypass adds input and output, so in_channels={in_channels} should be the number of output "
            "channels, {expand1x1_channels} + {expand3x3_channels}; a complex bypass fits any",
        ),
    ),
)
def fire_module(s: Symbols) -> CostTerms:
    """A fire module: a 1x1 convolution squeezes the channels, a 1x1 and a 3x3 one expand them side by side, all with
    biases and no batch norm (Iandola et al. 2016, SqueezeNet, section 3.2, figure 1; bypasses: section 6, figure 2).
    A bypass of 1 costs nothing here; one of 2 is a 1x1 convolution with a bias.
    """
    maps = {"bias": 1, "out_height": s.in_height, "out_width": s.in_width}
    expanded = s.expand1x1_channels + s.expand3x3_channels
    squeeze = pointwise_conv2d.terms(in_channels=s.in_channels, out_channels=s.squeeze_channels, **maps)
    expand1x1 = pointwise_conv2d.terms(in_channels=s.squeeze_channels, out_channels=s.expand1x1_channels, **maps)
    expand3x3 = conv2d.terms(in_channels=s.squeeze_channels, out_channels=s.expand3x3_channels, kernel_size=3, **maps)
    complex_bypass = pointwise_conv2d.terms(in_channels=s.in_channels, out_channels=expanded, **maps)
    return squeeze + expand1x1 + expand3x3 + only_if(sp.Eq(s.bypass, 2), complex_bypass)


def _check_bypass(bypass: str) -> None:
    if bypass not in BYPASSES:
        raise ValueError(f"bypass should be 'none', 'simple' or 'complex' instead of {bypass!r}")


def fire_bypass(bypass: str, in_channels: int, out_channels: int) -> str:
    """The bypass of one fire module in a network of these (section 6): "none", "simple" or "complex".

    Args:
        bypass: Of the network: "none"; "simple": the identity, around modules that keep the number of channels;
            "complex": also a 1x1 convolution around the others.
        in_channels: Of the module's input.
        out_channels: Of its output.
    """
    if in_channels == out_channels:
        return "none" if bypass == "none" else "simple"
    return "complex" if bypass == "complex" else "none"


# Table 1. Fire modules: s1x1 squeeze channels, e1x1 and e3x3 expand channels; "pool": 3x3 max pool, stride 2.
STEMS = {"1.0": (96, 7), "1.1": (64, 3)}  # channels, kernel; stride 2, no padding
BODIES: dict[str, tuple[Any, ...]] = {
    "1.0": (
        # s1x1, e1x1, e3x3
        "pool",  # maxpool1
        (16, 64, 64),  # fire2
        (16, 64, 64),  # fire3
        (32, 128, 128),  # fire4
        "pool",  # maxpool4
        (32, 128, 128),  # fire5
        (48, 192, 192),  # fire6
        (48, 192, 192),  # fire7
        (64, 256, 256),  # fire8
        "pool",  # maxpool8
        (64, 256, 256),  # fire9
    ),
    # Not in the paper but in the authors' repository.
    "1.1": (
        "pool",
        (16, 64, 64),  # fire2
        (16, 64, 64),  # fire3
        "pool",
        (32, 128, 128),  # fire4
        (32, 128, 128),  # fire5
        "pool",
        (48, 192, 192),  # fire6
        (48, 192, 192),  # fire7
        (64, 256, 256),  # fire8
        (64, 256, 256),  # fire9
    ),
}
SMALLEST_IMAGE = {"1.0": 21, "1.1": 17}  # one pixel is left after the third pool
SMALLEST_SMALL_IMAGE = 4


class SqueezeNet(Backbone):
    """The networks of table 1 and figure 2, and SqueezeNet 1.1.

    Args:
        version: "1.0" or "1.1".
        bypass: Shortcuts around fire modules: "none"; "simple": around fire3, 5, 7 and 9, whose input has as many
            channels as their output; "complex": those, and 1x1 convolutions around fire2, 4, 6 and 8.
        num_classes: Outputs of the last convolution.
        dropout: Before the last convolution.
        small_input: For images of about 32 x 32: the first convolution is 3x3 with stride 1 and padding 1, and the
            first pool is left out.

    Shape:
        ``[N, 3, H, W] -> [N, num_classes]``; logits, without a softmax, but after a ReLU, so never negative. H and W
        of at least 21 (1.0) or 17 (1.1), at least 4 for small input. The coarsest stride is 16.
    """

    def __init__(
        self,
        version: str,
        bypass: str = "none",
        num_classes: int = 1000,
        dropout: float = 0.5,
        small_input: bool = False,
    ) -> None:
        super().__init__()
        _check_bypass(bypass)
        self.smallest_image = SMALLEST_SMALL_IMAGE if small_input else SMALLEST_IMAGE[version]
        channels, kernel_size = STEMS[version]
        stem = nn.Conv2d(3, channels, 3, padding=1) if small_input else nn.Conv2d(3, channels, kernel_size, stride=2)
        features: list[nn.Module] = [stem, relu()]
        for row in BODIES[version]:
            if row == "pool":
                first = len(features) == 2
                # ceil_mode: the pool's last window may reach over the edge, as in Caffe.
                features.append(nn.Identity() if first and small_input else nn.MaxPool2d(3, 2, ceil_mode=True))
            else:
                squeeze, expand1x1, expand3x3 = row
                out_channels = expand1x1 + expand3x3
                own_bypass = fire_bypass(bypass, channels, out_channels)
                features.append(Fire(channels, squeeze, expand1x1, expand3x3, own_bypass))
                channels = out_channels
        self.features = nn.Sequential(*features)
        last = nn.Conv2d(channels, num_classes, 1)
        self.classifier = nn.Sequential(nn.Dropout(dropout), last, relu(), nn.AdaptiveAvgPool2d(1))
        self.apply(_initialise)
        nn.init.normal_(last.weight, 0, 0.01)

    def chain(self) -> nn.Sequential:
        """Strides 2, 4, 8 and 16, no 32; maps are a little smaller than H / stride: there is no padding."""
        return self.features

    def forward(self, x: Tensor) -> Tensor:
        """Images to logits."""
        return self.classifier(self.forward_features(x)).flatten(1)


def _initialise(module: nn.Module) -> None:
    """He's uniform initialisation, as in torchvision (the paper points to its Caffe files); biases zero."""
    if isinstance(module, nn.Conv2d) and module.bias is not None:
        nn.init.kaiming_uniform_(module.weight)
        nn.init.zeros_(module.bias)


def layers(
    version: str,
    *,
    bypass: str = "none",
    num_classes: Any = 1000,
    small_input: bool = False,
    body: Sequence[Any] = (),
    size: Any = 224,
) -> Iterator[Layer]:
    """The network as formulas: one (name, formula, settings) for each convolution or module, from the modules' table.

    Arguments as for `SqueezeNet`; ``num_classes`` may be a SymPy symbol, and so may ``size``, the side of the
    square images in pixels, and the channels in ``body``, which are rows in place of the version's.
    """
    channels, kernel_size = STEMS[version]
    kernel_size, stride, padding = (3, 1, 1) if small_input else (kernel_size, 2, 0)
    side = conv_output_size(in_size=size, kernel_size=kernel_size, stride=stride, padding=padding)
    stem = {"in_channels": 3, "out_channels": channels, "kernel_size": kernel_size, "bias": 1}
    yield "features.0", conv2d, {**stem, "out_height": side, "out_width": side, "in_height": size, "in_width": size}
    for index, row in enumerate(body or BODIES[version], 2):
        if row == "pool":
            if not (index == 2 and small_input):
                # A 3x3 pool in ceil mode has as many outputs as a 2x2 pool that stays inside.
                side = conv_output_size(in_size=side, kernel_size=2, stride=2)
            continue
        squeeze, expand1x1, expand3x3 = row
        out_channels = expand1x1 + expand3x3
        fire = {"in_channels": channels, "squeeze_channels": squeeze}
        fire |= {"expand1x1_channels": expand1x1, "expand3x3_channels": expand3x3}
        fire |= {"bypass": BYPASSES.index(fire_bypass(bypass, channels, out_channels))}
        yield f"features.{index}", fire_module, {**fire, "in_height": side, "in_width": side}
        channels = out_channels
    last = {"in_channels": channels, "out_channels": num_classes, "bias": 1}
    yield "classifier.1", pointwise_conv2d, {**last, "out_height": side, "out_width": side}


register(
    "squeezenet1_0",
    SqueezeNet,
    layers,
    family="SqueezeNet",
    fixed={"version": "1.0"},
    printed=Printed(
        "SqueezeNet's list (half of its 1.72 GFLOPS)",
        read=True,
        macs="860 M",
        top1=57.5,
        top1_source="Howard et al. 2017 (MobileNet), table 9",
        why="Caffe's network takes 227 pixels, and pads its last convolution: 861 M",
    ),
)
register(
    "squeezenet1_1",
    SqueezeNet,
    layers,
    family="SqueezeNet",
    fixed={"version": "1.1"},
    printed=Printed(
        "SqueezeNet's list (half of its 0.72 GFLOPS)",
        read=True,
        macs="360 M",
        top1=58.178,
        top1_source="torchvision's list of weights",
        why="counted 349 M; we have not found what the list counts",
    ),
)
