"""What both ShuffleNets share: the channel shuffle, which lets groups see each other, and the initialisation.

ShuffleNet (Zhang, Zhou, Lin, Sun; 2018; arXiv:1707.01083), section 3.1, figure 1.
"""

from __future__ import annotations

from torch import Tensor, nn


def channel_shuffle(x: Tensor, groups: int, inverse: bool = False) -> Tensor:
    """Deal the channels out, so that each group of the result has channels of every group of ``x``.

    Think of the channels as a table with one row a group: it is read column by column. For 6 channels in 2 groups::

        0 1 2 | 3 4 5  ->  0 3 | 1 4 | 2 5        the paper's shuffle
        0 1 2 3 4 5    ->  0 2 4 | 1 3 5          its inverse, which is a shuffle with 6 / 2 groups

    Both mix all groups. They are equal only where each group has as many channels as there are groups, so weights
    trained with one do not fit the other.

    Args:
        x: ``[N, C, H, W]``.
        groups: Of the grouped convolution before (and after) the shuffle; divides C.
        inverse: False for the paper's permutation, True for that of Megvii's code, which undoes it.

    Returns:
        ``[N, C, H, W]``, the same channels in another order.

    Raises:
        ValueError: If ``groups`` does not divide the channels.
    """
    batch, channels, height, width = x.shape
    if channels % groups:
        raise ValueError(
            f"groups={groups} does not divide the {channels} channels: a shuffle deals out groups of equal size"
        )
    rows = channels // groups if inverse else groups
    x = x.reshape(batch, rows, channels // rows, height, width)  # [N, rows, C / rows, H, W]
    x = x.transpose(1, 2)  # [N, C / rows, rows, H, W]
    return x.reshape(batch, channels, height, width)  # [N, C, H, W]


def initialise_as_megvii(network: nn.Module, stem: nn.Conv2d) -> None:
    """As in Megvii's code: normal, deviation 0.01 in stem and classifier, else 1 / (input channels of a kernel)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            deviation = 0.01 if module is stem else 1 / module.weight.shape[1]
            nn.init.normal_(module.weight, 0, deviation)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.constant_(module.bias, 0.0001)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0, 0.01)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


class ChannelShuffle(nn.Module):
    """`channel_shuffle` as a layer without parameters."""

    def __init__(self, groups: int, inverse: bool = False) -> None:
        super().__init__()
        self.groups = groups
        self.inverse = inverse

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, H, W] -> [N, C, H, W]``."""
        return channel_shuffle(x, self.groups, self.inverse)

    def extra_repr(self) -> str:
        """For ``print(network)``."""
        return f"groups={self.groups}, inverse={self.inverse}"
