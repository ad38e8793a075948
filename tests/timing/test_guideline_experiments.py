"""ShuffleNetV2's four experiments: equal MACs, complete rows."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lightnets_edu import count
from lightnets_edu.timing import guideline_networks, measure_guidelines
from lightnets_edu.timing.guideline_experiments import BLOCKS, GUIDELINES, guideline_input, published_speeds


@pytest.mark.parametrize("guideline", GUIDELINES)
def test_equal_macs(guideline):
    networks = guideline_networks(guideline)
    macs = [count(network, guideline_input(network, 1)).macs for network in networks.values()]
    assert max(macs) / min(macs) < 1.01


def test_what_varies():
    """G1 by its ratio, G2 by its groups, G3 by its convolutions a block, G4 by what stands between them."""
    ratio = [network[0][0].out_channels / network[0][0].in_channels for network in guideline_networks("G1").values()]
    assert ratio == pytest.approx([1, 2, 6, 12], rel=0.05)
    assert [network[0].groups for network in guideline_networks("G2").values()] == [1, 2, 4, 8]

    def each_block_has(guideline: str, kind: type[nn.Module]) -> list[float]:
        networks = guideline_networks(guideline).values()
        return [sum(isinstance(module, kind) for module in network.modules()) / BLOCKS for network in networks]

    assert each_block_has("G3", nn.Conv2d) == [1, 2, 4, 2, 4]
    assert each_block_has("G4", nn.ReLU) == [3, 3, 0, 0]


def test_shortcuts_and_branches_add():
    x = torch.randn(1, 116, 4, 4)
    block = guideline_networks("G4")["shortcut only"][0]
    assert torch.allclose(block(x), x + block.body(x))
    x = torch.randn(1, 82, 4, 4)
    block = guideline_networks("G3")["2 in parallel"][0]
    assert torch.allclose(block(x), block.branches[0](x) + block.branches[1](x))


def test_rows():
    rows = measure_guidelines("cpu", repeats=1, guidelines=("G2",))
    assert [row.variant for row in rows] == ["g=1", "g=2", "g=4", "g=8"]
    assert rows[0].relative == 1
    assert [row.memory_access for row in rows] == sorted(row.memory_access for row in rows)
    assert all(row.images_per_second > 0 for row in rows)


def test_what_the_paper_measured():
    """Its own words: 8 groups are more than two times slower on its GPU, and about a fifth is gained in guideline 4."""
    for guideline in GUIDELINES:
        for speeds in published_speeds(guideline).values():
            assert list(speeds) == list(guideline_networks(guideline)) and next(iter(speeds.values())) == 1
    assert published_speeds("G2")["GPU"]["g=8"] == 634 / 2451
    assert published_speeds("G2")["ARM"]["g=8"] == 7.5 / 10.2
    assert published_speeds("G4")["GPU"]["neither"] == pytest.approx(1.2, abs=0.05)


@pytest.mark.parametrize("function", [guideline_networks, published_speeds])
def test_unknown(function):
    with pytest.raises(ValueError, match="guideline='G5' is unknown"):
        function("G5")
