"""What every network here can do beside classifying: give its feature maps."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

from torch import Tensor, nn

from lightnets_edu.models.layers import check_images


def stride_of(module: nn.Module) -> int:
    """How many pixels of a layer's or a block's input lie between two of its output; of a Sequential, the product."""
    if isinstance(module, nn.Sequential):
        return prod(map(stride_of, module))
    stride = getattr(module, "stride", 1)
    return stride if isinstance(stride, int) else stride[0]


class Backbone(nn.Module):
    """A network whose feature maps can be had one by one, as a detector or a segmenter needs them.

    It only has to name its chain of layers. Each block in the chain has its stride as an attribute.

    Attributes:
        smallest_image: Side of the smallest image of which a pixel is left at the end.
    """

    smallest_image = 1

    def chain(self) -> Iterable[nn.Module]:
        """The layers, blocks and stages before the pooling, in order."""
        raise NotImplementedError

    def feature_maps(self, x: Tensor) -> dict[int, Tensor]:
        """The last feature map of each stride, finest first: ``{stride: [N, C, ~H / stride, ~W / stride]}``.

        Raises:
            ValueError: If ``x`` is not ``[N, 3, H, W]``, or too small.
        """
        self._check(x)
        maps, stride = {}, 1
        for module in self.chain():
            x = module(x)
            stride *= stride_of(module)
            maps[stride] = x
        return maps

    def forward_features(self, x: Tensor) -> Tensor:
        """The last feature map, before pooling. The others are let go, so that inference needs no memory for them.

        Raises:
            ValueError: If ``x`` is not ``[N, 3, H, W]``, or too small.
        """
        self._check(x)
        for module in self.chain():
            x = module(x)
        return x

    def _check(self, x: Tensor) -> None:
        check_images(x)
        height, width = x.shape[2:]
        if min(height, width) < self.smallest_image:
            raise ValueError(
                f"the network needs images of at least {self.smallest_image} x {self.smallest_image} pixels instead of "
                f"{height} x {width}: its convolutions and pools would leave no pixel of a smaller one"
            )
