"""RegNetX against timm's, the RegNet paper's rule for widths, and pycls's published numbers."""

import json
import math
from itertools import groupby
from pathlib import Path

import pytest
import timm
import torch
from timm.models.regnet import model_cfgs
from torch import nn

from lightnets_edu import count
from lightnets_edu.models import get_model
from lightnets_edu.models.cost import network_cost
from lightnets_edu.models.regnet import SIZES, Bottleneck, RegNetX, layers

REFERENCE = json.loads((Path(__file__).parents[1] / "data" / "models.json").read_text(encoding="utf-8"))
TIMM = dict(zip(SIZES, "002 004 006 008 016 032 040 064 080 120 160 320".split(), strict=True))


def to_our_names(state):
    """timm's names to ours: stem.conv -> conv1, s1.b1.conv2.bn -> layer1.0.bn2, head.fc -> fc."""
    renamed = {}
    for key, tensor in state.items():
        first, *rest = key.split(".")
        if first == "stem":
            name = {"conv": "conv1", "bn": "bn1"}[rest[0]]
        elif first == "head":
            name = "fc"
        else:
            block, part, kind = rest[:3]
            name = f"downsample.{['conv', 'bn'].index(kind)}" if part == "downsample" else kind + part[-1]
            name = f"layer{first[1:]}.{int(block[1:]) - 1}.{name}"
        renamed[f"{name}.{rest[-1]}"] = tensor
    return renamed


def on_meta(build, *args, **kwargs):
    with torch.device("meta"):
        return build(*args, **kwargs)


def quantised_linear_widths(w_0, w_a, w_m, depth, group_width):
    """Equations 2-4, then pycls's rounding to whole groups: [(width, depth) of each stage]."""
    widths = []
    for j in range(depth):
        linear = w_0 + w_a * j  # (2)
        s_j = round(math.log(linear / w_0) / math.log(w_m))  # (3)
        widths.append(round(w_0 * w_m**s_j / 8) * 8)  # (4), to multiples of 8
    stages = [(width, len(list(blocks))) for width, blocks in groupby(widths)]
    return [(round(width / g) * g, depth) for width, depth in stages for g in [min(group_width, width)]]


@pytest.mark.parametrize("name", SIZES)
def test_table_follows_the_rule(name):
    size, point = SIZES[name], model_cfgs[f"regnetx_{TIMM[name]}"]
    stages = quantised_linear_widths(point.w0, point.wa, point.wm, point.depth, point.group_size)
    assert stages == list(zip(size.widths, size.depths, strict=True))
    assert size.group_width == point.group_size


@pytest.mark.parametrize("name", SIZES)
def test_same_parameters_as_timm(name):
    ours, theirs = on_meta(RegNetX, SIZES[name]), timm.create_model(f"regnetx_{TIMM[name]}")
    renamed = to_our_names(theirs.state_dict())
    assert {k: v.shape for k, v in ours.state_dict().items()} == {k: v.shape for k, v in renamed.items()}
    table = count(ours)
    witness = count(theirs)
    assert (table.params, table.macs, table.activations) == (witness.params, witness.macs, witness.activations)
    assert count(on_meta(get_model, f"regnet_x_{name}")).params == table.params


def test_published_numbers():
    """pycls adds the classifier's bias to its FLOPs and its outputs to its activations."""
    entries = [e for e in REFERENCE if e["model"] == "RegNetX" and e["source_impl"].startswith("timm")]
    assert len(entries) == 7
    for entry in entries:
        table = count(on_meta(RegNetX, SIZES[entry["variant"].lower().replace(".", "_")]))
        assert (table.params, table.macs, table.activations) == tuple(
            entry[k] for k in ("params", "macs", "activations")
        )
        paper = entry["paper"]
        assert (table.params, table.macs + 1000, table.activations + 1000) == tuple(
            paper[k] for k in ("params", "macs", "activations")
        )


@pytest.mark.parametrize("name", ["200mf", "600mf"])
def test_same_outputs_as_timm(name):
    theirs = timm.create_model(f"regnetx_{TIMM[name]}")
    for tensor in theirs.state_dict().values():
        if tensor.dim() == 1:
            nn.init.uniform_(tensor, 0.5, 1.5)
    ours = RegNetX(SIZES[name])
    ours.load_state_dict(to_our_names(theirs.state_dict()))
    for size in ((64, 64), (97, 75)):
        x = torch.randn(2, 3, *size)
        for mode in (False, True):
            with torch.no_grad():
                assert torch.equal(ours.train(mode)(x), theirs.train(mode)(x))


@pytest.mark.parametrize(("small_input", "strides"), [(False, (2, 4, 8, 16, 32)), (True, (1, 2, 4, 8, 16))])
def test_feature_maps(small_input, strides):
    model = get_model("regnet_x_200mf", small_input=small_input).eval()
    with torch.no_grad():
        maps = model.feature_maps(torch.randn(1, 3, 70, 41))
    assert {s: tuple(m.shape) for s, m in maps.items()} == {
        s: (1, width, -(-70 // s), -(-41 // s)) for s, width in zip(strides, (32, *SIZES["200mf"].widths), strict=True)
    }


def test_bad_options_are_refused():
    with pytest.raises(ValueError, match="group_width=7 does not divide out_channels=24"):
        Bottleneck(16, 24, 7)
    with pytest.raises(ValueError, match="weights of regnet_x_200mf should be None or"):
        get_model("regnet_x_200mf", weights="imagnet")
    with pytest.raises(ValueError, match=r"shape \(N, 3, H, W\)"):
        get_model("regnet_x_200mf")(torch.zeros(1, 1, 32, 32))


@pytest.mark.parametrize(("name", "size"), [("200mf", 224), ("3_2gf", 97), ("8_0gf", 64)])
def test_closed_form(name, size):
    design = SIZES[name]
    table = count(on_meta(RegNetX, design, num_classes=7), (1, 3, size, size))
    for layer in layers(design, num_classes=7, size=size):
        rows = [row for row in table.rows if row.path == layer[0] or row.path.startswith(f"{layer[0]}.")]
        cost = network_cost([layer])
        assert rows and cost.params == sum(row.params for row in rows), layer[0]
        assert cost.macs == sum(row.macs for row in rows), layer[0]
    total = network_cost(layers(design, num_classes=7, size=size))
    got = (total.params, total.macs, total.activations, total.memory_access)
    assert got == (table.params, table.macs, table.activations, table.memory_access)
