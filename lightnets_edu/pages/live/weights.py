"""Weights that nobody has to ship: a hash of their place gives the same numbers here and in the page.

The speed of a network does not depend on its weights, and whether it is computed rightly can be seen with any weights
that are the same on both sides. ``kernels.c`` has the same hash.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from lightnets_edu.pages.live.rows import Row

IMAGE = 1 << 31  # the place of an image's first number; weights begin at 0
BIAS_BOUND = 0.1


def hashed(count: int, place: int, bound: float) -> np.ndarray:
    """Numbers from -bound to bound, as good as random: ``[count]``, float32.

    Args:
        count: How many.
        place: Of the first one; the next ones are at the next places.
        bound: Of their size.
    """
    return ((mixed(count, place) / 2.0**31 - 1) * bound).astype(np.float32)


def mixed(count: int, place: int) -> np.ndarray:
    """The hashes of so many places from one on: ``[count]``, uint32."""
    x = (np.arange(count, dtype=np.uint64) + place).astype(np.uint32)
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> np.uint32(15))) * np.uint32(0x846CA68B)
    return x ^ (x >> np.uint32(16))


def hashed_image(shape: Sequence[int]) -> Tensor:
    """The image that the page's networks look at: ``[1, C, H, W]``, from -1 to 1."""
    return torch.from_numpy(hashed(int(np.prod(shape)), IMAGE, 1.0).reshape(1, *shape))


@torch.no_grad()
def put_hashed_weights(model: nn.Module, rows: Sequence[Row]) -> None:
    """Give a network the weights that the page gives its rows.

    A row of a convolution that took in a batch norm has that norm's shift as its bias; the norm's scale becomes 1.

    Args:
        model: The network that the rows were made from.
        rows: In order.
    """
    state = dict(model.named_parameters())
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None and module.running_var is not None
            module.running_mean.zero_()
            module.running_var.fill_(1 - module.eps)  # so that the division is by 1
            module.weight.fill_(1)
    place = 0
    for row in rows:
        if not row.weights:
            continue
        (weight, bias), bound = row.parameters, np.sqrt(6 / row.fan_in)
        if weight:
            state[weight].copy_(torch.from_numpy(hashed(row.weights, place, bound)).view_as(state[weight]))
        if bias:
            state[bias].copy_(torch.from_numpy(hashed(row.biases, place + row.weights, BIAS_BOUND)))
        place += row.weights + row.biases
