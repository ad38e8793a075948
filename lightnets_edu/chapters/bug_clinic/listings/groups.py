"""Groups and group width, mixed up: a ResNeXt whose ``groups`` is the number of channels in a group."""

from __future__ import annotations

from torch import nn


def grouped_by_width(model: nn.Module, group_width: int) -> nn.Module:
    """Change a network in place: each grouped convolution gets ``channels // group_width`` groups.

    This is what code does that calls an argument ``groups``, and then divides the channels by it.

    Args:
        model: A network with grouped convolutions.
        group_width: What was meant as the number of groups.

    Returns:
        The same network.
    """
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Conv2d) and child.groups > 1:
                groups, bias = child.out_channels // group_width, child.bias is not None
                shape = (child.in_channels, child.out_channels, child.kernel_size, child.stride, child.padding)
                setattr(parent, name, nn.Conv2d(*shape, groups=groups, bias=bias))
    return model
