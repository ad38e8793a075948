"""MNASNet: any width, shortcuts, batch norms."""

import pytest
import torch
from agreement import assert_layers_equal_count, fill, on_meta

from lightnets_edu import count, get_model
from lightnets_edu.models import mnasnet
from lightnets_edu.models.mnasnet import InvertedResidual, MNASNet, layers


@pytest.mark.parametrize("width_mult", [0.35, 1.4])
def test_closed_forms_at_any_width(width_mult):
    for version in mnasnet.STAGES:
        with torch.device("meta"):
            table = count(MNASNet(version, width_mult), (1, 3, 65, 65))
        assert_layers_equal_count(layers(version, width_mult, size=65), table)


def test_first_shortcut():
    """In Google's code the first block of the small network has no shortcut; in timm's it has one."""
    with_shortcut = fill(on_meta("mnasnet_small")).eval()
    without = get_model("mnasnet_small", first_shortcut=False).eval()
    without.load_state_dict(with_shortcut.state_dict())
    x = torch.randn(1, 3, 64, 64)
    stem = with_shortcut.act1(with_shortcut.bn1(with_shortcut.conv_stem(x)))
    assert torch.equal(without.feature_maps(x)[2], without.blocks[0](stem))
    assert torch.equal(with_shortcut.feature_maps(x)[2], without.blocks[0](stem) + stem)


def test_norm_momentum_reaches_every_norm():
    for name in ("mnasnet0_5", "mnasnet_small"):
        model = on_meta(name, norm_momentum=0.07)
        norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
        assert norms and all(norm.momentum == 0.07 for norm in norms)


def test_shortcut_where_shapes_allow():
    assert InvertedResidual(8, 8, 3, 1, 3).adds_input
    assert not InvertedResidual(8, 8, 3, 2, 3).adds_input
    assert not InvertedResidual(8, 9, 3, 1, 3).adds_input
    block = InvertedResidual(8, 8, 5, 1, 1, 2).eval()
    x = torch.randn(1, 8, 7, 7)
    inner = block.se(block.bn2(block.conv_dw(x)).relu())
    assert torch.equal(block(x), x + block.bn3(block.conv_pwl(inner)))


def test_wrong_blocks():
    with pytest.raises(ValueError, match="stride should be 1 or 2 instead of 3"):
        InvertedResidual(8, 8, 3, 3, 1)
    with pytest.raises(ValueError, match="kernel_size=4 is even"):
        InvertedResidual(8, 8, 4, 1, 1)
