"""Chapter 10's widgets against the real networks and against brute force."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lightnets_edu import count, get_model
from lightnets_edu.pages import get_widget


@pytest.mark.parametrize("width", ["0.5", "1.0", "1.5", "2.0"])
@pytest.mark.parametrize("variant", ["torchvision", "megvii"])
@pytest.mark.parametrize("size", [224, 80])
def test_explorer_equals_the_real_network(width, variant, size):
    numbers = get_widget("shufflenet_v2_explorer")().evaluate(width=width, variant=variant, input_size=size)
    with torch.device("meta"):
        table = count(get_model(f"shufflenet_v2_x{width.replace('.', '_')}", variant=variant), (1, 3, size, size))
    for name in ("params", "macs", "activations", "memory_access"):
        assert numbers[name] == getattr(table, name)


@pytest.mark.parametrize(("in_channels", "side"), [(16, 56), (72, 28), (128, 14), (512, 7)])
def test_memory_access_is_the_layers_and_never_below_the_bound(in_channels, side):
    numbers = get_widget("equal_width_explorer")().evaluate(in_channels=in_channels, side=side)
    table = count(nn.Conv2d(in_channels, numbers["wide"], 1, bias=False), (1, in_channels, side, side))
    assert (numbers["macs"], numbers["memory_access"]) == (table.macs, table.memory_access)
    assert numbers["bound"] <= numbers["memory_access"] * (1 + 1e-12)
    # By brute force: no pair of channels with at least these MACs moves fewer numbers than the bound.
    product = numbers["macs"] // side**2
    least = min(side**2 * (a + b) + a * b for a in range(1, 600) if (b := -(-product // a)))
    assert numbers["bound"] <= least
    if in_channels == 128:
        assert numbers["excess"] == 1
