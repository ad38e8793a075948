"""GhostNet against timm's, which has the official parameter names, and against the published numbers."""

import json
from pathlib import Path

import pytest
import sympy as sp
import timm
import torch
from timm.models.ghostnet import GhostModule as TimmGhostModule
from torch import nn

from lightnets_edu import count, get_model
from lightnets_edu.models.cost import network_cost, network_terms
from lightnets_edu.models.ghostnet import BODY, GhostBottleneck, GhostModule, GhostNet, layers, squeezed

REFERENCE = json.loads((Path(__file__).parents[1] / "data" / "models.json").read_text(encoding="utf-8"))
WIDTHS = {0.5: "ghostnet_050", 1.0: "ghostnet_100", 1.3: "ghostnet_130"}


def randomize(model):
    """Weights, shifts and running statistics that no two channels share, so that a swapped name shows."""
    for name, tensor in model.state_dict().items():
        if tensor.dim() == 1:
            nn.init.uniform_(tensor, 0.5, 1.5) if "var" in name or "weight" in name else nn.init.normal_(
                tensor, std=0.2
            )
    return model


def assert_rows_agree(network_layers, table):
    """Each formula equals the rows at or below the module of its name, and together they are the whole network."""
    network_layers = list(network_layers)
    for name, formula, settings in network_layers:
        rows = [row for row in table.rows if row.path == name or row.path.startswith(f"{name}.")]
        multiplying = [row for row in rows if row.group in ("convolution", "linear")]
        cost = network_cost([(name, formula, settings)])
        assert rows and cost.params == sum(row.params for row in rows), name
        assert cost.macs == sum(row.macs for row in multiplying), name
        assert cost.activations == sum(row.activations for row in multiplying if row.group == "convolution"), name
        assert cost.memory_access == sum(row.memory_access for row in multiplying), name
    total = network_cost(network_layers)
    got = (total.params, total.macs, total.activations, total.memory_access)
    assert got == (table.params, table.macs, table.activations, table.memory_access)


def test_published_numbers():
    entries = [e for e in REFERENCE if e["model"] == "GhostNet" and not e["source_impl"].startswith("pytorchcv")]
    assert len(entries) == 2
    table = count(get_model("ghostnet"))
    for entry in entries:
        assert (table.params, table.macs, table.activations) == tuple(
            entry[k] for k in ("params", "macs", "activations")
        )


@pytest.mark.parametrize("width_mult", WIDTHS)
def test_same_network_as_timm(width_mult):
    """Same names, same shapes and, with the same weights, the same output to the last bit."""
    theirs = randomize(timm.create_model(WIDTHS[width_mult], drop_rate=0.0))
    ours = get_model("ghostnet", width_mult=width_mult, dropout=0.0)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    for size in ((64, 64), (97, 75)):
        x = torch.randn(2, 3, *size)
        for mode in (False, True):
            with torch.no_grad():
                assert torch.equal(ours.train(mode)(x), theirs.train(mode)(x))
    for (name, a), b in zip(ours.named_buffers(), theirs.buffers(), strict=True):
        assert torch.equal(a, b), f"{name} differs after two training steps"


@pytest.mark.parametrize(("ratio", "d", "k"), [(2, 3, 1), (3, 5, 3), (4, 1, 1)])
def test_ghost_module_of_any_ratio(ratio, d, k):
    """10 maps are no multiple of 3 or 4: what is too much is dropped."""
    ours, theirs = GhostModule(6, 10, ratio, d, k), TimmGhostModule(6, 10, k, ratio, d)
    ours.load_state_dict(randomize(theirs).state_dict())
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
    gates = {
        b.se.conv_reduce.in_channels: b.se.conv_reduce.out_channels for b in blocks if not isinstance(b.se, nn.Identity)
    }
    assert gates == {72: 20, 120: 32, 480: 120, 672: 168, 960: 240}
    assert [squeezed(c) for c in gates] == list(gates.values())
    assert model.dropout.p == 0.2


@pytest.mark.parametrize(("small_input", "strides"), [(False, (2, 4, 8, 16, 32)), (True, (1, 2, 4, 8, 16))])
def test_feature_maps(small_input, strides):
    model = GhostNet(small_input=small_input).eval()
    x = torch.randn(1, 3, 70, 41)
    with torch.no_grad():
        maps = model.feature_maps(x)
        assert torch.equal(model.forward_features(x), maps[strides[-1]])
    for stride, channels in zip(strides, (16, 24, 40, 112, 960), strict=True):
        assert maps[stride].shape == (1, channels, -(-70 // stride), -(-41 // stride))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"ratio": 1}, "ratio should be a whole number of at least 2 instead of 1"),
        ({"ratio": 2.5}, "ratio should be a whole number of at least 2 instead of 2.5"),
        ({"cheap_kernel_size": 4}, "cheap_kernel_size should be an odd number such as 1, 3 or 5 instead of 4"),
        ({"width_mult": 0}, "width_mult should be larger than 0"),
        ({"weights": "imagnet"}, "weights of ghostnet should be"),
    ],
)
def test_bad_options_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        get_model("ghostnet", **options)


@pytest.mark.parametrize(
    ("width_mult", "size", "options"),
    [(1.0, 224, {}), (1.3, 97, {}), (0.35, 64, {"ratio": 3, "cheap_kernel_size": 5})],
)
def test_closed_form(width_mult, size, options):
    table = count(GhostNet(width_mult, **options, num_classes=7), (1, 3, size, size))
    assert_rows_agree(layers(width_mult, **options, num_classes=7, size=size), table)


def test_closed_form_of_small_input():
    table = count(GhostNet(small_input=True), (1, 3, 33, 33))
    assert_rows_agree(layers(small_input=True, size=33), table)


def test_closed_form_of_any_size():
    """With a symbol for the images' side, as the page's sliders need it; a sample of the layers."""
    side = sp.Symbol("n", integer=True, positive=True)
    terms = network_terms(list(layers(size=side))[::4]).put({side: 129})
    cost = network_cost(list(layers(size=129))[::4])
    assert (terms.params, terms.macs, terms.activations) == (cost.params, cost.macs, cost.activations)
