"""AlexNet: ImageNet Classification with Deep Convolutional Neural Networks.

Krizhevsky, Sutskever, Hinton; 2012; NeurIPS. One weird trick for parallelizing convolutional neural networks;
Krizhevsky; 2014; arXiv:1404.5997.

Two networks are called AlexNet. `alexnet_2012` is the paper's: two groups, each on a GPU of its own, in three of its
convolutions (the first grouped convolutions), and local response norms. `alexnet` is torchvision's version of that of
2014: one tower, fewer channels, no norms (the 2014 paper's fourth convolution has 384 channels, not 256).
Parameter names are torchvision's. The paper speaks of 224 x 224 pixels, but its map sizes need 227.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from torch import Tensor, nn

from lightnets_edu.formulas import conv2d, conv_output_size, linear
from lightnets_edu.models.backbone import Backbone
from lightnets_edu.models.cost import Layer
from lightnets_edu.models.layers import relu
from lightnets_edu.models.registry import Printed, register

# The five convolutions: kernel k, out channels c, stride s, padding p, whether the 2012 paper splits it over two
# GPUs, and what follows its ReLU: N for a local response norm, P for a 3x3 max pool with stride 2.
TABLE_2012 = (
    # k,   c, s, p, split, then    (section 3.5; out for 227 x 227 images)
    (11, 96, 4, 0, False, "NP"),  #  55 x 55, pooled to 27 x 27
    (5, 256, 1, 2, True, "NP"),  #   27 x 27, pooled to 13 x 13
    (3, 384, 1, 1, False, ""),  #    13 x 13; sees the maps of both GPUs
    (3, 384, 1, 1, True, ""),  #     13 x 13
    (3, 256, 1, 1, True, "P"),  #    13 x 13, pooled to 6 x 6
)
TABLE_2014 = (
    # k,   c, s, p, split, then    (out for 224 x 224 images)
    (11, 64, 4, 2, False, "P"),  #   55 x 55, pooled to 27 x 27
    (5, 192, 1, 2, False, "P"),  #   27 x 27, pooled to 13 x 13
    (3, 384, 1, 1, False, ""),  #    13 x 13
    (3, 256, 1, 1, False, ""),  #    13 x 13
    (3, 256, 1, 1, False, "P"),  #   13 x 13, pooled to 6 x 6
)
TABLES = {"2012": TABLE_2012, "2014": TABLE_2014}
POOLED_SIDE = 6
HIDDEN_FEATURES = 4096
SMALLEST_IMAGE = {"2012": 67, "2014": 63}  # one pixel is left after the third pool
SMALLEST_SMALL_IMAGE = 15


def _rows(version: str, small_input: bool) -> tuple:
    """The version's table; for small images, the first convolution is 3x3 with stride 1 and padding 1."""
    (_, channels, _, _, split, then), *others = TABLES[version]
    first = (3, channels, 1, 1, split, then) if small_input else TABLES[version][0]
    return (first, *others)


def local_response_norm() -> nn.Module:
    """``b = a / (k + alpha * sum of a^2 over n neighbouring channels) ** beta``; k = 2, n = 5, alpha 1e-4, beta 0.75.

    Section 3.3. torch divides alpha by n, so 5e-4 here is the paper's 1e-4. (Caffe divides too but kept 1e-4; k = 1.)
    """
    return nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)


class AlexNet(Backbone):
    """Five convolutions, then three fully connected layers.

    Args:
        version: "2012" or "2014".
        groups: Of the convolutions that the 2012 paper splits (the second, fourth and fifth): 2 as there, or 1.
        num_classes: Outputs of the last layer.
        dropout: Of the outputs of the two hidden fully connected layers (2012, section 4.2) or of their inputs
            (torchvision).
        small_input: For images of about 32 x 32: the first convolution is 3x3 with stride 1 and padding 1.

    Shape:
        ``[N, 3, H, W] -> [N, num_classes]``; logits, without a softmax. H and W of at least 67 (2012; made for 227) or
        63 (2014; made for 224), at least 15 for small input.

    Raises:
        ValueError: If groups is neither 1 nor 2.
    """

    def __init__(
        self, version: str, groups: int = 1, num_classes: int = 1000, dropout: float = 0.5, small_input: bool = False
    ) -> None:
        super().__init__()
        if groups not in (1, 2) or not isinstance(groups, int):
            raise ValueError(f"groups should be 2 (the paper's two GPUs) or 1 (not split) instead of {groups!r}")
        self.smallest_image = SMALLEST_SMALL_IMAGE if small_input else SMALLEST_IMAGE[version]
        features = []
        in_channels = 3
        for kernel_size, channels, stride, padding, split, then in _rows(version, small_input):
            split_groups = groups if split else 1
            features += [nn.Conv2d(in_channels, channels, kernel_size, stride, padding, groups=split_groups), relu()]
            features += [local_response_norm() if letter == "N" else nn.MaxPool2d(3, 2) for letter in then]
            in_channels = channels
        self.features = nn.Sequential(*features)
        self.avgpool = nn.AdaptiveAvgPool2d(POOLED_SIDE)
        first = nn.Linear(in_channels * POOLED_SIDE**2, HIDDEN_FEATURES)
        second = nn.Linear(HIDDEN_FEATURES, HIDDEN_FEATURES)
        last = nn.Linear(HIDDEN_FEATURES, num_classes)
        if version == "2012":
            self.classifier = nn.Sequential(
                first, relu(), nn.Dropout(dropout), second, relu(), nn.Dropout(dropout), last
            )
            self._initialise()
        else:  # torchvision initialises as torch does by default
            self.classifier = nn.Sequential(
                nn.Dropout(dropout), first, relu(), nn.Dropout(dropout), second, relu(), last
            )

    def chain(self) -> nn.Sequential:
        """Strides 4, 8, 16 and 32; maps are a little smaller than H / stride, since the pools have no padding."""
        return self.features

    def forward(self, x: Tensor) -> Tensor:
        """Images to logits."""
        return self.classifier(self.avgpool(self.forward_features(x)).flatten(1))

    def _initialise(self) -> None:
        """Section 5: weights from N(0, 0.01); biases 1 in convolutions 2, 4, 5 and the hidden layers, else 0."""
        weighted = [module for module in self.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
        for module, bias in zip(weighted, (0, 1, 0, 1, 1, 1, 1, 0), strict=True):
            nn.init.normal_(module.weight, 0, 0.01)
            nn.init.constant_(module.bias, bias)  # type: ignore[arg-type]  # all of them have one


def layers(
    version: str, *, groups: Any = 1, num_classes: Any = 1000, small_input: bool = False, size: Any = 224
) -> Iterator[Layer]:
    """The network as formulas: one (name, formula, settings) for each layer, from the modules' table.

    Arguments as for `AlexNet`; ``groups`` and ``num_classes`` may be SymPy symbols, and so may ``size``, the side
    of the square images in pixels. The 2012 network is made for 227.
    """
    index, in_channels = 0, 3
    for kernel_size, channels, stride, padding, split, then in _rows(version, small_input):
        side = conv_output_size(in_size=size, kernel_size=kernel_size, stride=stride, padding=padding)
        convolution = {"in_channels": in_channels, "out_channels": channels, "kernel_size": kernel_size, "bias": 1}
        convolution |= {"groups": groups if split else 1}
        maps = {"out_height": side, "out_width": side, "in_height": size, "in_width": size}
        yield f"features.{index}", conv2d, {**convolution, **maps}
        size = conv_output_size(in_size=side, kernel_size=3, stride=2) if "P" in then else side
        index, in_channels = index + 2 + len(then), channels
    features = pairwise((in_channels * POOLED_SIDE**2, HIDDEN_FEATURES, HIDDEN_FEATURES, num_classes))
    for index, (in_features, out_features) in zip((0, 3, 6) if version == "2012" else (1, 4, 6), features, strict=True):
        yield f"classifier.{index}", linear, {"in_features": in_features, "out_features": out_features}


register(
    "alexnet",
    AlexNet,
    layers,
    family="AlexNet",
    fixed={"version": "2014", "groups": 1},
    printed=Printed("torchvision's list of weights", read=True, params="61,100,840", macs="714 M", top1=56.522),
)
register(
    "alexnet_2012",
    AlexNet,
    layers,
    family="AlexNet",
    input_size=227,
    fixed={"version": "2012"},
    defaults={"groups": 2},
    printed=Printed(
        "Krizhevsky et al. 2012 (top-1: table 2, the mean over ten patches of each image)",
        read=True,
        params="60 M",
        top1=59.3,
        why="counted 60.97 M: the abstract says 60 million",
    ),
)
