"""Squeeze-and-Excitation Networks.

Hu, Shen, Albanie, Sun, Wu; 2019; arXiv:1709.01507, version 4.

Here: ResNet-50 and ResNeXt-50 with a squeeze-and-excitation module at the end of each block's residual branch
(figure 3, table 1). Parameter names are those of timm's ``seresnet50``: torchvision's ResNet, and ``se`` in a block.

Two families of code differ in two places. The authors' Caffe models have SE-ResNet's stride in the first 1x1
convolution of a block and a max pool without padding in the stem; timm's ``seresnet50`` has the stride in the 3x3 and
a padded pool. SE-ResNeXt has the stride in the 3x3 in both. The defaults here are the authors' models.
"""

from __future__ import annotations

from functools import partial

from torch import Tensor

from lightnets_edu.models.registry import Printed, register
from lightnets_edu.models.resnet import DEPTHS, Bottleneck, ResNet
from lightnets_edu.models.resnet import layers as resnet_layers
from lightnets_edu.models.squeeze_excitation import SqueezeExcitation

REDUCTION = 16  # r: C channels are squeezed to C / r (section 6.1, table 10)


class SEBottleneck(Bottleneck):
    """relu(shortcut(x) + gate(f(x)) f(x)), f as in ResNet or ResNeXt. Figure 3.

    Arguments and shape are those of `Bottleneck`.

    Args:
        reduction: r: the output's channels are squeezed to an r-th of them.
    """

    reduction = REDUCTION  # unless another is asked for

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


# The authors' SE-ResNet-50 as formulas, block by block; the arguments are those of `resnet.layers`.
layers = partial(resnet_layers, block=SEBottleneck, stride_in="1x1", stem_pool="ceil")

PRINTED = Printed(
    "Hu et al. 2019, section 4 and table 2; parameters: ResNet-50's 25.6 M and the 2.5 M that are added",
    read=True,
    params="28.1 M",
    macs="3.87 G",
    top1=76.71,
    why="counted 3.860 G; with the multiplications of the scaling it would be 3.866 G, which rounds to it",
)
NETWORKS = (
    # name, groups, their width in the first stage, the convolution of a block that has the stride, printed
    ("se_resnet50", 1, 64, "1x1", PRINTED),
    ("se_resnext50_32x4d", 32, 4, "3x3", Printed("the authors' list of trained networks", read=True, top1=79.03)),
)

for name, groups, group_width, stride_in, printed in NETWORKS:
    fixed = {"depths": DEPTHS[50], "groups": groups, "group_width": group_width, "block": SEBottleneck}
    defaults = {"stride_in": stride_in, "stem_pool": "ceil"}
    register(name, ResNet, resnet_layers, family="SENet", fixed=fixed, defaults=defaults, printed=printed)
