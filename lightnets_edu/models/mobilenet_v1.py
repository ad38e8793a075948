"""MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications.

Howard, Zhu, Chen, Kalenichenko, Wang, Weyand, Andreetto, Adam; 2017; arXiv:1704.04861.

Here as in the paper, with its two multipliers: width (alpha) and resolution (rho, by the size of the images).
Parameter names are those of timm's ``mobilenetv1_100``. The paper says ReLU; Google's code and timm use ReLU6.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor, nn

from lightnets_edu.formulas import conv2d, conv_output_size, depthwise_conv2d, linear, pointwise_conv2d
from lightnets_edu.models.backbone import Backbone
from lightnets_edu.models.cost import Layer, convolution_norm
from lightnets_edu.models.layers import initialise_convolution, relu, relu6, scaled_channels
from lightnets_edu.models.registry import Printed, register


class DepthwiseSeparable(nn.Module):
    """Filter each channel by itself (3x3 depthwise), then mix the channels (1x1 pointwise). Section 3.1, figure 3.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        stride: Of the depthwise convolution, 1 or 2.
        activation: Makes the non-linearity after each batch norm.

    Shape:
        ``[N, in_channels, H, W] -> [N, out_channels, ceil(H / stride), ceil(W / stride)]``
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int, activation: Callable = relu) -> None:
        super().__init__()
        self.stride = stride
        self.conv_dw = nn.Conv2d(in_channels, in_channels, 3, stride, padding=1, groups=in_channels, bias=False)
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.act1 = activation()
        self.conv_pw = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.act2 = activation()

    def forward(self, x: Tensor) -> Tensor:
        """The two convolutions, each with its batch norm and non-linearity."""
        x = self.act1(self.bn1(self.conv_dw(x)))
        return self.act2(self.bn2(self.conv_pw(x)))


# Table 1, each pair of the body: a depthwise convolution of stride s, then a pointwise one to c channels. A row is a
# stage, whose maps have one size. At the right: side of the maps for images of 224 x 224.
STEM_CHANNELS = 32  # conv 3x3, s 2                                               112
BODY = (
    # (s, c)
    ((1, 64),),  #                                                                112
    ((2, 128), (1, 128)),  #                                                       56
    ((2, 256), (1, 256)),  #                                                       28
    ((2, 512), (1, 512), (1, 512), (1, 512), (1, 512), (1, 512)),  #               14
    ((2, 1024), (1, 1024)),  #                                                      7
)  # The paper prints stride 2 in the last row too; its map sizes need 1.


class MobileNetV1(Backbone):
    """The network of table 1.

    Args:
        width_mult: The width multiplier alpha: every number of channels is scaled by it (section 3.3).
        num_classes: Outputs of the classifier.
        activation: "relu" as in the paper, or "relu6" as in Google's and timm's code.
        dropout: Before the classifier.
        small_input: For images of about 32 x 32: the first convolution has stride 1.

    Shape:
        ``[N, 3, H, W] -> [N, num_classes]``, any H and W; logits, without a softmax.
    """

    def __init__(
        self,
        width_mult: float = 1.0,
        num_classes: int = 1000,
        activation: str = "relu",
        dropout: float = 0.0,
        small_input: bool = False,
    ) -> None:
        super().__init__()
        if activation not in ("relu", "relu6"):
            raise ValueError(f"activation should be 'relu' or 'relu6' instead of {activation!r}")
        make_activation = relu if activation == "relu" else relu6
        channels = scaled_channels(STEM_CHANNELS, width_mult)
        self.conv_stem = nn.Conv2d(3, channels, 3, stride=1 if small_input else 2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.act1 = make_activation()
        stages = []
        for rows in BODY:
            stage = []
            for stride, full_width in rows:
                out_channels = scaled_channels(full_width, width_mult)
                stage.append(DepthwiseSeparable(channels, out_channels, stride, make_activation))
                channels = out_channels
            stages.append(nn.Sequential(*stage))
        self.blocks = nn.Sequential(*stages)
        self.global_pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(channels, num_classes)
        self.apply(_initialise)

    def chain(self) -> tuple[nn.Module, ...]:
        """Strides 2 (stem and first stage), 4, 8, 16 and 32: each stage has its own."""
        return (self.conv_stem, self.bn1, self.act1, *self.blocks)

    def forward(self, x: Tensor) -> Tensor:
        """Images to logits."""
        x = self.global_pool(self.forward_features(x)).flatten(1)
        return self.classifier(self.dropout(x))


def _initialise(module: nn.Module) -> None:
    """He's normal initialisation for convolutions (the paper names none); a small uniform one for the classifier."""
    initialise_convolution(module)
    if isinstance(module, nn.Linear):
        nn.init.uniform_(module.weight, -1 / module.in_features**0.5, 1 / module.in_features**0.5)
        nn.init.zeros_(module.bias)


def layers(
    width_mult: Any = 1.0, *, num_classes: Any = 1000, small_input: bool = False, size: Any = 224
) -> Iterator[Layer]:
    """The network as formulas: one (name, formula, settings) for each layer, from the modules' table.

    Arguments as for `MobileNetV1`; ``width_mult`` may be a SymPy expression as in `scaled_channels`, ``num_classes``
    and ``size``, the side of the square images in pixels, may be symbols.
    """
    channels = scaled_channels(STEM_CHANNELS, width_mult)
    side = conv_output_size(in_size=size, kernel_size=3, stride=1 if small_input else 2, padding=1)
    stem = {"in_channels": 3, "out_channels": channels, "kernel_size": 3}
    yield from convolution_norm(("conv_stem", "bn1"), conv2d, side, size, **stem)
    for stage, rows in enumerate(BODY):
        for index, (stride, full_width) in enumerate(rows):
            block, in_side = f"blocks.{stage}.{index}", side
            out_channels = scaled_channels(full_width, width_mult)
            side = conv_output_size(in_size=side, kernel_size=3, stride=stride, padding=1)
            # A block costs what its four layers cost, so it needs no formula of its own.
            filters = {"in_channels": channels, "out_channels": channels, "kernel_size": 3}
            names = f"{block}.conv_dw", f"{block}.bn1"
            yield from convolution_norm(names, depthwise_conv2d, side, in_side, **filters)
            mixing = {"in_channels": channels, "out_channels": out_channels}
            names = f"{block}.conv_pw", f"{block}.bn2"
            yield from convolution_norm(names, pointwise_conv2d, side, side, **mixing)
            channels = out_channels
    yield "classifier", linear, {"in_features": channels, "out_features": num_classes}


register(
    "mobilenet_v1",
    MobileNetV1,
    layers,
    family="MobileNetV1",
    printed=Printed(
        "TensorFlow's list of MobileNets",
        read=True,
        params="4.24 M",
        macs="569 M",
        top1=70.9,
        why="counted 4.23 M parameters; we do not know what the list counts",
    ),
)
