"""Chapter 8's widgets and study: numbers are the real network's, the shuffle's reach is what gradients see."""

from __future__ import annotations

import pytest
import torch
from explorers import assert_totals, counted, shown
from torch import nn

from lightnets_edu import get_model
from lightnets_edu.chapters.shufflenet_v1 import study
from lightnets_edu.formulas import conv2d, linear, shuffle_unit_v1
from lightnets_edu.models.channel_shuffle import ChannelShuffle, channel_shuffle
from lightnets_edu.models.shufflenet_v1 import STAGE_CHANNELS, bottleneck_channels
from lightnets_edu.training import seed_everything


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


GROUPS = tuple(study.STAGE_CHANNELS)
SMALL_IMAGE = (1, 1, 28, 28)


@pytest.mark.parametrize("groups", GROUPS)
def test_the_studys_networks_cost_what_the_formulas_say(groups):
    """A first convolution at 14 x 14, six units, the first at once with stride 2, and a classifier."""
    channels, side = 24, 14
    first = {"in_channels": 1, "out_channels": channels, "kernel_size": 3, "out_height": side, "out_width": side}
    costs, norm = [conv2d(**first)], 2 * channels
    for out_channels, stride in zip([1, 1, 2, 2, 2, 2], [2, 1, 2, 1, 1, 1], strict=True):
        unit = {"in_channels": channels, "out_channels": out_channels * study.STAGE_CHANNELS[groups], "stride": stride}
        unit |= {"groups": groups, "first_groups": groups if len(costs) > 1 else 1}
        unit |= {"bottleneck_channels": bottleneck_channels(unit["out_channels"], groups)}
        costs.append(shuffle_unit_v1(**unit, in_height=side, in_width=side))
        channels, side = unit["out_channels"], -(-side // stride)
    costs.append(linear(in_features=channels, out_features=10))
    table = counted(study.STUDY.variant(f"g{groups}").build, *SMALL_IMAGE)
    assert (table.params, table.macs) == (norm + sum(c.params for c in costs), sum(c.macs for c in costs))


@pytest.mark.parametrize("groups", GROUPS[1:])
def test_the_studys_twins_differ_in_the_shuffle_only(groups):
    twins = {}
    for name in (f"g{groups}", f"g{groups}_unshuffled"):
        seed_everything(0)
        twins[name] = study.STUDY.variant(name).build().eval()
    shuffled, plain = twins.values()
    assert len([m for m in shuffled.modules() if isinstance(m, ChannelShuffle)]) == sum(study.UNITS)
    assert not [m for m in plain.modules() if isinstance(m, ChannelShuffle)]
    weights = plain.state_dict()
    assert shuffled.state_dict().keys() == weights.keys()
    assert all(torch.equal(value, weights[name]) for name, value in shuffled.state_dict().items())
    images = torch.rand(2, *SMALL_IMAGE[1:])
    assert not torch.allclose(shuffled(images), plain(images), rtol=1e-3)


def test_the_more_groups_the_more_channels_as_in_the_papers_table():
    """About half as wide as table 1, so the ratios of the widths are the paper's, to a tenth."""
    for groups in GROUPS:
        ratio = study.STAGE_CHANNELS[groups] / study.STAGE_CHANNELS[1]
        assert ratio == pytest.approx(STAGE_CHANNELS[groups][0] / STAGE_CHANNELS[1][0], rel=0.1)
