"""The two shuffles, against their definitions channel by channel."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lightnets_edu import count
from lightnets_edu.models.channel_shuffle import ChannelShuffle, channel_shuffle


def order(channels: int, groups: int, inverse: bool) -> list[int]:
    return channel_shuffle(torch.arange(channels).reshape(1, channels, 1, 1), groups, inverse).flatten().tolist()


def test_the_docstring_examples():
    assert order(6, 2, inverse=False) == [0, 3, 1, 4, 2, 5]
    assert order(6, 2, inverse=True) == [0, 2, 4, 1, 3, 5]


@given(st.integers(1, 6), st.integers(1, 6))
def test_definition(groups, per_group):
    channels = groups * per_group
    # Channel i of group j goes to place i * groups + j; the inverse takes it back.
    paper = order(channels, groups, inverse=False)
    assert all(paper[i * groups + j] == j * per_group + i for i in range(per_group) for j in range(groups))
    inverse = order(channels, groups, inverse=True)
    assert [paper[place] for place in inverse] == list(range(channels))
    assert (paper == inverse) == (groups == per_group or 1 in (groups, per_group))
    reference = torch.nn.functional.channel_shuffle(torch.arange(channels).reshape(1, channels, 1, 1), groups)
    assert reference.flatten().tolist() == paper


def test_maps_stay_whole_and_cost_nothing():
    x = torch.randn(2, 6, 3, 5)
    assert torch.equal(channel_shuffle(x, 3), x[:, [0, 2, 4, 1, 3, 5]])
    assert torch.equal(ChannelShuffle(3, inverse=True)(x), x[:, [0, 3, 1, 4, 2, 5]])
    table = count(ChannelShuffle(3), (1, 6, 3, 5))
    assert table.params == table.macs == table.memory_access == 0


def test_groups_must_divide():
    with pytest.raises(ValueError, match="groups=4 does not divide the 6 channels"):
        channel_shuffle(torch.zeros(1, 6, 2, 2), 4)
