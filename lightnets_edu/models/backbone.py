"""What every network here can do beside classifying."""

from __future__ import annotations

from torch import Tensor, nn


class Backbone(nn.Module):
    """A network whose feature maps can be had one by one, as a detector or a segmenter needs them."""

    def feature_maps(self, x: Tensor) -> dict[int, Tensor]:
        """The last feature map of each stride, finest first: ``{stride: [N, C, H / stride, W / stride]}``."""
        raise NotImplementedError

    def forward_features(self, x: Tensor) -> Tensor:
        """The last feature map, before pooling: ``[N, 3, H, W] -> [N, C, H / 32, W / 32]``."""
        return list(self.feature_maps(x).values())[-1]
