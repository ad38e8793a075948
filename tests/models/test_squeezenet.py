"""SqueezeNet against torchvision's (no bypass), pytorchcv's (simple) and a restatement (complex)."""

from functools import partial

import pytest
import torch
import torchvision
from agreement import MODELS, assert_layers_equal_count, assert_same_outputs, fill
from pytorchcv.models import squeezenet as pytorchcv
from torch import nn
from torch.nn import functional as F

from lightnets_edu import count, get_model
from lightnets_edu.models.cost import network_cost
from lightnets_edu.models.squeezenet import Fire, layers

squeezenet1_0, squeezenet1_1 = (partial(get_model, name) for name in ("squeezenet1_0", "squeezenet1_1"))
BUILDERS = {"1.0": squeezenet1_0, "1.1": squeezenet1_1}
ROWS = [row for row in MODELS if row["model"] == "SqueezeNet" and "conv10 pad" not in row["variant"]]


def on_meta(build, **options):
    with torch.device("meta"):
        return build(**options)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['variant']} {row['resolution']} {row['source_impl'][:9]}")
def test_published_numbers(row):
    version, _, bypass = row["variant"].partition(" + ")
    bypass = bypass.removesuffix(" bypass") or "none"
    model = on_meta(BUILDERS[version], bypass=bypass)
    table = count(model, (1, 3, row["resolution"], row["resolution"]))
    assert (table.params, table.macs, table.activations) == (row["params"], row["macs"], row["activations"])


def test_all_published_variants_are_there():
    assert {row["variant"] for row in ROWS} == {
        "1.0", "1.1", "1.0 + simple bypass", "1.1 + simple bypass", "1.0 + complex bypass",
    }  # fmt: skip


@pytest.mark.parametrize("bypass", ["none", "simple", "complex"])
@pytest.mark.parametrize("version", BUILDERS)
def test_closed_forms(version, bypass):
    model = on_meta(BUILDERS[version], bypass=bypass)
    for size in (224, 97, 32):
        table = count(model, (1, 3, size, size))
        assert_layers_equal_count(layers(version, bypass=bypass, size=size), table)
        cost = network_cost(layers(version, bypass=bypass, size=size))
        assert (cost.params, cost.macs, cost.activations, cost.memory_access) == (
            table.params, table.macs, table.activations, table.memory_access,
        )  # fmt: skip
    small = on_meta(BUILDERS[version], bypass=bypass, num_classes=10, small_input=True)
    formulas = layers(version, bypass=bypass, num_classes=10, small_input=True, size=33)
    assert_layers_equal_count(formulas, count(small, (1, 3, 33, 33)))


@pytest.mark.parametrize("version", BUILDERS)
def test_same_network_as_torchvision(version):
    build = getattr(torchvision.models, f"squeezenet{version.replace('.', '_')}")
    theirs = fill(on_meta(build, dropout=0.0))
    ours = on_meta(BUILDERS[version], dropout=0.0).to_empty(device="cpu")
    ours.load_state_dict(theirs.state_dict())
    assert_same_outputs(ours, theirs, ((96, 96), (131, 70)))


@pytest.mark.parametrize("version", BUILDERS)
def test_simple_bypass_is_pytorchcvs(version):
    build = pytorchcv.squeezeresnet_v1_0 if version == "1.0" else pytorchcv.squeezeresnet_v1_1
    theirs = fill(on_meta(build))
    theirs.output.final_pool = nn.AdaptiveAvgPool2d(1)  # theirs fits images of one size only
    ours = on_meta(BUILDERS[version], bypass="simple", dropout=0.0).to_empty(device="cpu")
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
    for module in theirs.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    assert_same_outputs(ours, theirs, ((96, 96), (131, 70)))


class ComplexBypass(nn.Module):
    """SqueezeNet 1.0 as the paper's figure 2 (right) draws it."""

    def __init__(self, state):
        super().__init__()
        self.state = state

    def conv(self, x, name, **window):
        return F.conv2d(x, self.state[f"{name}.weight"], self.state[f"{name}.bias"], **window)

    def fire(self, x, index, has_convolution):
        name = f"features.{index}"
        squeezed = self.conv(x, f"{name}.squeeze").relu()
        expanded = [
            self.conv(squeezed, f"{name}.expand1x1"),
            self.conv(squeezed, f"{name}.expand3x3", padding=1),
        ]
        return torch.cat(expanded, 1).relu() + (self.conv(x, f"{name}.bypass") if has_convolution else x)

    def forward(self, x):
        x = self.conv(x, "features.0", stride=2).relu()
        for index in range(2, 13):
            if index in (2, 6, 11):
                x = F.max_pool2d(x, 3, 2, ceil_mode=True)
            else:  # fire2, 4, 6 and 8 are bypassed by a convolution, fire3, 5, 7 and 9 by nothing
                x = self.fire(x, index, has_convolution=index in (3, 5, 8, 10))
        return self.conv(x, "classifier.1").relu().mean((2, 3))


def test_complex_bypass_is_the_papers():
    ours = fill(on_meta(squeezenet1_0, bypass="complex", dropout=0.0))
    assert_same_outputs(ours, ComplexBypass(ours.state_dict()), ((96, 96), (131, 70)), tolerance=1e-5)
    added = set(ours.state_dict()) - set(on_meta(squeezenet1_0, bypass="simple").state_dict())
    assert added == {f"features.{n}.bypass.{part}" for n in (3, 5, 8, 10) for part in ("weight", "bias")}


def test_feature_maps():
    for build, stem in ((squeezenet1_0, 109), (squeezenet1_1, 111)):
        maps = on_meta(build).feature_maps(torch.zeros(1, 3, 224, 224, device="meta"))
        channels = (96, 256, 512, 512) if build is squeezenet1_0 else (64, 128, 256, 512)
        sides = (stem, (stem + 1) // 2 - (stem % 2), 27, 13)
        expected = {stride: (c, n, n) for stride, c, n in zip((2, 4, 8, 16), channels, sides, strict=True)}
        assert {stride: tuple(x.shape[1:]) for stride, x in maps.items()} == expected


@pytest.mark.parametrize(("build", "smallest"), [(squeezenet1_0, 21), (squeezenet1_1, 17)])
def test_smallest_image(build, smallest):
    for options, least in (({}, smallest), ({"small_input": True}, 4)):
        model = on_meta(build, **options)
        assert model(torch.zeros(1, 3, least, 50, device="meta")).shape == (1, 1000)
        with pytest.raises(ValueError, match=f"at least {least} x {least} pixels instead of 50 x {least - 1}"):
            model(torch.zeros(1, 3, 50, least - 1, device="meta"))


def test_wrong_bypass():
    with pytest.raises(ValueError, match="bypass should be 'none', 'simple' or 'complex' instead of 'both'"):
        squeezenet1_0(bypass="both")
    with pytest.raises(ValueError, match="in_channels=96 should be the number of output channels, 64"):
        Fire(96, 16, 64, 64, bypass="simple")
