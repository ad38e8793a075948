"""Squeeze-and-Excitation Networks.

Hu, Shen, Albanie, Sun, Wu; 2018; arXiv:1709.01507.

Here: ResNet-50 and ResNeXt-50 with a squeeze-and-excitation module at the end of each block's residual branch
(figure 3, table 1). Parameter names are those of timm's ``seresnet50``: torchvision's ResNet, and ``se`` in a block.

Two families of code differ in two places. The authors' Caffe models have SE-ResNet's stride in the first 1x1
convolution of a block and a max pool without padding in the stem; timm's ``seresnet50`` has the stride in the 3x3 and
a padded pool. SE-ResNeXt has the stride in the 3x3 in both. The defaults here are the authors' models.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from torch import Tensor

from lightnets_edu.models.cost import Layer
from lightnets_edu.models.registry import Printed, register
from lightnets_edu.models.resnet import DEPTHS, Bottleneck, ResNet
from lightnets_edu.models.resnet import layers as resnet_layers
from lightnets_edu.models.squeeze_excitation import SqueezeExcitation

REDUCTION = 16  # r: a block of C channels squeezes them to C / r (section 6.1, table 10)


class SEBottleneck(Bottleneck):
    """relu(shortcut(x) + gate(f(x)) f(x)), f as in ResNet or ResNeXt. Figure 3.

    Args:
        in_channels: Channels of the input.
        width: Channels of the 3x3 convolution.
        out_channels: Channels of the output.
        stride: Of the convolution that `stride_in` names, and of the shortcut.
        groups: Of the 3x3 convolution.
        stride_in: "1x1" (the first one) or "3x3".
        reduction: r: the output's channels are squeezed to an r-th of them.

    Shape:
        ``[N, in_channels, H, W] -> [N, out_channels, ceil(H / stride), ceil(W / stride)]``
    """

    def __init__(
        self,
        in_channels: int,
        width: int,
        out_channels: int,
        stride: int = 1,
        groups: int = 1,
        stride_in: str = "3x3",
        reduction: int = REDUCTION,
    ) -> None:
        super().__init__(in_channels, width, out_channels, stride, groups, stride_in)
        self.se = SqueezeExcitation(out_channels, out_channels // reduction)

    def residual(self, x: Tensor) -> Tensor:
        """ResNet's branch, each channel times its gate."""
        return self.se(super().residual(x))


class SEResNet(ResNet):
    """SE-ResNet and SE-ResNeXt of table 1. Arguments, shape and errors are those of `ResNet`."""

    make_block = SEBottleneck

    def __init__(
        self,
        depths: Sequence[int] = DEPTHS[50],
        groups: int = 1,
        group_width: int = 64,
        num_classes: int = 1000,
        small_input: bool = False,
        stride_in: str = "1x1",
        stem_pool: str = "ceil",
    ) -> None:
        super().__init__(depths, groups, group_width, num_classes, small_input, stride_in, stem_pool)


def layers(
    depths: Sequence[int] = DEPTHS[50],
    groups: Any = 1,
    group_width: Any = 64,
    *,
    num_classes: Any = 1000,
    small_input: bool = False,
    stride_in: str = "1x1",
    stem_pool: str = "ceil",
    size: Any = 224,
) -> Iterator[Layer]:
    """The network as formulas, block by block. Arguments: those of `SEResNet`, and the images' side in pixels."""
    options = {"num_classes": num_classes, "small_input": small_input, "stride_in": stride_in, "stem_pool": stem_pool}
    return resnet_layers(depths, groups, group_width, **options, reduction=REDUCTION, size=size)


PRINTED = Printed(
    "Hu et al. 2018",
    read=False,
    params="28.1 M",
    macs="3.87 G",
    top1=76.71,
    why="counted 3.860 G; with the multiplications of the scaling it would be 3.866 G, which rounds to it",
)
NETWORKS = (
    # name, groups, their width in the first stage, the convolution of a block that has the stride, printed
    ("se_resnet50", 1, 64, "1x1", PRINTED),
    ("se_resnext50_32x4d", 32, 4, "3x3", None),
)

for name, groups, group_width, stride_in, printed in NETWORKS:
    fixed = {"depths": DEPTHS[50], "groups": groups, "group_width": group_width}
    defaults = {"stride_in": stride_in}
    register(name, SEResNet, layers, family="SENet", fixed=fixed, defaults=defaults, printed=printed)
