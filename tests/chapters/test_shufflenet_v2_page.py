"""Chapter 10's widgets against the real networks and against brute force."""

from __future__ import annotations

import pytest
from explorers import assert_totals, counted, shown
from torch import nn

from lightnets_edu import get_model


@pytest.mark.parametrize("width", ["0.5", "1.0", "1.5", "2.0"])
@pytest.mark.parametrize("variant", ["torchvision", "megvii"])
@pytest.mark.parametrize("size", [224, 80])
def test_explorer_equals_the_real_network(width, variant, size):
    numbers = shown("shufflenet_v2_explorer", width=width, variant=variant, input_size=size)
    name = f"shufflenet_v2_x{width.replace('.', '_')}"
    table = counted(lambda: get_model(name, variant=variant), 1, 3, size, size)
    assert_totals(numbers, table, "params", "macs", "activations", "memory_access")


@pytest.mark.parametrize(("in_channels", "side"), [(16, 56), (72, 28), (128, 14), (512, 7)])
def test_memory_access_is_the_layers_and_never_below_the_bound(in_channels, side):
    numbers = shown("equal_width_explorer", in_channels=in_channels, side=side)
    table = counted(lambda: nn.Conv2d(in_channels, numbers["wide"], 1, bias=False), 1, in_channels, side, side)
    assert_totals(numbers, table, "macs", "memory_access")
    assert numbers["bound"] <= numbers["memory_access"] * (1 + 1e-12)
    # By brute force: no pair of channels with at least these MACs moves fewer numbers than the bound.
    product = numbers["macs"] // side**2
    least = min(side**2 * (a + b) + a * b for a in range(1, 600) if (b := -(-product // a)))
    assert numbers["bound"] <= least
    if in_channels == 128:
        assert numbers["excess"] == 1
