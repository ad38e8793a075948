"""Chapter 8's widgets: the network's numbers are the real network's, the shuffle's are what gradients see."""

from __future__ import annotations

import pytest
import torch
from explorers import assert_totals, counted, shown
from torch import nn

from lightnets_edu import get_model
from lightnets_edu.models.channel_shuffle import channel_shuffle
from lightnets_edu.models.shufflenet_v1 import STAGE_CHANNELS


@pytest.mark.parametrize("groups", STAGE_CHANNELS)
@pytest.mark.parametrize(("percent", "size"), [(25, 32), (100, 224), (150, 160)])
def test_explorer_equals_the_real_network(groups, percent, size):
    numbers = shown("shufflenet_v1_explorer", groups=groups, width_percent=percent, input_size=size)
    table = counted(lambda: get_model("shufflenet_v1", groups=groups, width_mult=percent / 100), 1, 3, size, size)
    assert_totals(numbers, table)
    convolutions = [row for row in table.rows if row.group == "convolution"]
    assert numbers["pointwise_macs"] == sum(row.macs for row in convolutions if row.kernel_size == (1, 1))
    assert numbers["depthwise_macs"] == sum(
        row.macs for row in convolutions if row.kernel_size == (3, 3) and row.groups > 1
    )


@pytest.mark.parametrize(("channels", "groups"), [(12, 3), (12, 6), (16, 8), (32, 4), (10, 1), (16, 16), (30, 5)])
def test_reach_is_what_gradients_see(channels, groups):
    numbers = shown("channel_shuffle_explorer", channels=channels, groups=groups)
    first, second = (nn.Conv2d(channels, channels, 1, groups=groups, bias=False) for _ in range(2))
    for layer in (first, second):
        nn.init.ones_(layer.weight)
    for name, between in (("seen_without", lambda x: x), ("seen_with", lambda x: channel_shuffle(x, groups))):
        x = torch.ones(1, channels, 1, 1, requires_grad=True)
        outputs = second(between(first(x))).flatten()
        seen = [int((torch.autograd.grad(o, x, retain_graph=True)[0] != 0).sum()) for o in outputs]
        assert set(seen) == {numbers[name]}
    assert numbers["weights"] == first.weight.numel() + second.weight.numel()


def test_groups_must_divide():
    with pytest.raises(ValueError, match="groups=5 does not divide channels=12"):
        shown("channel_shuffle_explorer", channels=12, groups=5)
