"""GhostNet: its module against timm's, its table against the official one, its structure."""

import pytest
import timm
import torch
from agreement import fill
from timm.models.ghostnet import GhostModule as TimmGhostModule
from torch import nn

from lightnets_edu import get_model
from lightnets_edu.models.ghostnet import BODY, GhostBottleneck, GhostModule, squeezed


@pytest.mark.parametrize(("ratio", "d", "k"), [(2, 3, 1), (3, 5, 3), (4, 1, 1)])
def test_ghost_module_of_any_ratio(ratio, d, k):
    """10 maps are no multiple of 3 or 4: what is too much is dropped."""
    ours, theirs = GhostModule(6, 10, ratio, d, k), TimmGhostModule(6, 10, k, ratio, d)
    ours.load_state_dict(fill(theirs).state_dict())
    x = torch.randn(2, 6, 7, 5)
    assert ours(x).shape == (2, 10, 7, 5)
    assert torch.equal(ours(x), theirs(x))


def test_ratio_and_kernel_reach_every_module():
    modules = [m for m in get_model("ghostnet", ratio=3, cheap_kernel_size=5).modules() if isinstance(m, GhostModule)]
    assert len(modules) == 32
    for module in modules:
        assert module.cheap_operation[0].kernel_size == (5, 5)
        intrinsic = module.primary_conv[0].out_channels
        assert intrinsic == -(-module.out_channels // 3) and module.cheap_operation[0].out_channels == 2 * intrinsic


def test_table_is_the_official_one():
    """Also where a kernel size changes nothing."""
    ours = [[[k, hidden, out, 0.25 * gated, s] for k, hidden, out, gated, s in stage] for stage in BODY]
    assert ours == timm.create_model("ghostnet_100").cfgs


def test_structure_of_the_paper():
    model = get_model("ghostnet")
    blocks = [m for m in model.modules() if isinstance(m, GhostBottleneck)]
    assert len(blocks) == 16
    assert sum(isinstance(block.shortcut, nn.Identity) for block in blocks) == 11
    assert sum(isinstance(m, nn.Conv2d) and m.kernel_size == (5, 5) for m in model.modules()) == 4
    gates = {block.se.fc1.in_channels: block.se.fc1.out_channels for block in blocks if block.se is not None}
    assert gates == {72: 20, 120: 32, 480: 120, 672: 168, 960: 240}
    assert [squeezed(c) for c in gates] == list(gates.values())
    assert model.dropout.p == 0.2
