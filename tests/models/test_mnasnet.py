"""MNASNet against torchvision's (B1) and timm's (A1, small)."""

import pytest
import timm
import torch
import torchvision
from agreement import assert_layers_equal_count, assert_same_outputs, fill, published

from lightnets_edu import count, get_model
from lightnets_edu.models import mnasnet
from lightnets_edu.models.cost import network_cost
from lightnets_edu.models.key_maps import KEY_MAPS
from lightnets_edu.models.mnasnet import InvertedResidual, MNASNet, layers

NETWORKS = {
    # name: version, width
    "mnasnet0_5": ("b1", 0.5),
    "mnasnet0_75": ("b1", 0.75),
    "mnasnet1_0": ("b1", 1.0),
    "mnasnet1_3": ("b1", 1.3),
    "mnasnet_a1": ("a1", 1.0),
    "mnasnet_small": ("small", 1.0),
}
B1 = [name for name in NETWORKS if NETWORKS[name][0] == "b1"]


def on_meta(build, **options):
    with torch.device("meta"):
        return build(**options)


def parameters(model):
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(
    ("name", "variant"),
    [
        ("mnasnet0_5", "0.5 (B1)"),
        ("mnasnet1_0", "1.0 (B1)"),
        ("mnasnet1_0", "B1 1.0"),
        ("mnasnet_a1", "A1 1.0 (with SE)"),
    ],
)
def test_published_numbers(name, variant):
    row = published("MNASNet", variant)
    table = count(on_meta(get_model, name=name))
    assert (table.params, table.macs, table.activations) == (row["params"], row["macs"], row["activations"])


@pytest.mark.parametrize("name", NETWORKS)
def test_closed_forms(name):
    version, width_mult = NETWORKS[name]
    model = on_meta(get_model, name=name)
    for size in (224, 97):
        table = count(model, (1, 3, size, size))
        assert_layers_equal_count(layers(version, width_mult, size=size), table)
        cost = network_cost(layers(version, width_mult, size=size))
        assert (cost.params, cost.macs, cost.activations, cost.memory_access) == (
            table.params, table.macs, table.activations, table.memory_access,
        )  # fmt: skip
    small = on_meta(get_model, name=name, num_classes=10, small_input=True)
    assert_layers_equal_count(
        layers(version, width_mult, num_classes=10, small_input=True, size=33), count(small, (1, 3, 33, 33))
    )


@pytest.mark.parametrize("width_mult", [0.35, 1.4])
def test_closed_forms_at_any_width(width_mult):
    for version in mnasnet.STAGES:
        table = count(on_meta(MNASNet, version=version, width_mult=width_mult), (1, 3, 65, 65))
        assert_layers_equal_count(layers(version, width_mult, size=65), table)


@pytest.mark.parametrize("name", B1)
def test_same_network_as_torchvision(name):
    theirs = fill(on_meta(getattr(torchvision.models, name), num_classes=7, dropout=0.0))
    whole = on_meta(getattr(torchvision.models, name))
    assert parameters(on_meta(get_model, name=name)) == parameters(whole)
    ours = on_meta(get_model, name=name, num_classes=7, dropout=0.0).to_empty(device="cpu")
    ours.load_state_dict(theirs.state_dict())
    assert_same_outputs(ours, theirs, ((64, 64), (97, 70)))


@pytest.mark.parametrize(("name", "theirs"), [("mnasnet_a1", "semnasnet_100"), ("mnasnet_small", "mnasnet_small")])
def test_same_network_as_timm(name, theirs):
    theirs = fill(on_meta(timm.create_model, model_name=theirs))
    ours = on_meta(get_model, name=name, dropout=0.0, norm_momentum=0.1).to_empty(device="cpu")
    ours.load_state_dict(KEY_MAPS["timm_mnasnet"](theirs.state_dict()))
    assert parameters(ours) == parameters(theirs)
    assert_same_outputs(ours, theirs, ((64, 64), (97, 70)), tolerance=1e-6)


def test_first_shortcut():
    """In Google's code the first block of the small network has no shortcut; in timm's it has one."""
    with_shortcut = fill(on_meta(get_model, name="mnasnet_small")).eval()
    without = get_model("mnasnet_small", first_shortcut=False).eval()
    without.load_state_dict(with_shortcut.state_dict())
    x = torch.randn(1, 3, 64, 64)
    stem = with_shortcut.layers[:3](x)
    assert torch.equal(without.feature_maps(x)[2], without.layers[3:8](stem))
    assert torch.equal(with_shortcut.feature_maps(x)[2], without.layers[3:8](stem) + stem)


def test_norm_momentum_reaches_every_norm():
    for name in ("mnasnet0_5", "mnasnet_small"):
        model = on_meta(get_model, name=name, norm_momentum=0.07)
        norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
        assert norms and all(norm.momentum == 0.07 for norm in norms)


def test_feature_maps():
    maps = on_meta(get_model, name="mnasnet_a1").feature_maps(torch.zeros(1, 3, 225, 224, device="meta"))
    expected = {2: (16, 113, 112), 4: (24, 57, 56), 8: (40, 29, 28), 16: (112, 15, 14), 32: (1280, 8, 7)}
    assert {stride: tuple(x.shape[1:]) for stride, x in maps.items()} == expected


def test_shortcut_where_shapes_allow():
    assert InvertedResidual(8, 8, 3, 1, 3).adds_input
    assert not InvertedResidual(8, 8, 3, 2, 3).adds_input
    assert not InvertedResidual(8, 9, 3, 1, 3).adds_input
    block = InvertedResidual(8, 8, 5, 1, 1, 2).eval()
    x = torch.randn(1, 8, 7, 7)
    assert torch.equal(block(x), x + block.layers(x))


def test_wrong_blocks():
    with pytest.raises(ValueError, match="stride should be 1 or 2 instead of 3"):
        InvertedResidual(8, 8, 3, 3, 1)
    with pytest.raises(ValueError, match="kernel_size=4 is even"):
        InvertedResidual(8, 8, 4, 1, 1)
