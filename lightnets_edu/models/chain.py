"""Networks whose layers follow one another in one chain: which map has which stride, and how small an image may be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from torch import Tensor, nn

from lightnets_edu.models.backbone import Backbone
from lightnets_edu.models.layers import check_images


def stride_of(module: nn.Module) -> int:
    """How many pixels of a layer's or a block's input lie between two of its output; of a Sequential, the product."""
    if isinstance(module, nn.Sequential):
        stride = 1
        for child in module:
            stride *= stride_of(child)
        return stride
    stride = getattr(module, "stride", 1)
    return stride if isinstance(stride, int) else stride[0]


def strides_after(modules: Iterable[nn.Module]) -> tuple[int, ...]:
    """The stride of the map behind each module of a chain, measured in pixels of the image."""
    strides = []
    stride = 1
    for module in modules:
        stride *= stride_of(module)
        strides.append(stride)
    return tuple(strides)


class ChainBackbone(Backbone):
    """A backbone that only has to name its chain of layers.

    Attributes:
        strides: Set by the network to ``strides_after(self.chain())`` once its layers are there.
        smallest_image: Side of the smallest image of which a pixel is left at the end.
    """

    strides: tuple[int, ...]
    smallest_image = 1

    def chain(self) -> Iterable[nn.Module]:
        """The layers and blocks before the pooling, in order."""
        raise NotImplementedError

    def walk(self, x: Tensor) -> Iterator[tuple[int, Tensor]]:
        """The stride and the map behind each module of the chain, one after the other.

        Raises:
            ValueError: If ``x`` is not ``[N, 3, H, W]``, or too small.
        """
        check_images(x)
        height, width = x.shape[2:]
        if min(height, width) < self.smallest_image:
            raise ValueError(
                f"the network needs images of at least {self.smallest_image} x {self.smallest_image} pixels instead of "
                f"{height} x {width}: its convolutions and pools would leave no pixel of a smaller one"
            )
        for module, stride in zip(self.chain(), self.strides, strict=True):
            x = module(x)
            yield stride, x

    def feature_maps(self, x: Tensor) -> dict[int, Tensor]:
        """The last feature map of each stride, finest first: ``{stride: [N, C, ~H / stride, ~W / stride]}``."""
        return dict(self.walk(x))

    def forward_features(self, x: Tensor) -> Tensor:
        """The last feature map, before pooling. The others are let go, so that inference needs no memory for them."""
        for _, feature_map in self.walk(x):
            x = feature_map
        return x
