"""ShuffleNetV1 against pytorchcv's, which is the paper's, and against a restatement of Megvii's."""

from functools import partial

import pytest
import torch
from agreement import MODELS, assert_layers_equal_count, assert_same_outputs, fill
from pytorchcv.models import shufflenet as pytorchcv
from torch import nn
from torch.nn import functional as F

from lightnets_edu import count, get_model
from lightnets_edu.models.cost import network_cost
from lightnets_edu.models.shufflenet_v1 import ShuffleUnit, layers

shufflenet_v1 = partial(get_model, "shufflenet_v1")
MEGVII = {"shuffle": "megvii", "shortcut_first": True, "classifier_bias": False}
ROWS = [row for row in MODELS if row["model"] == "ShuffleNetV1"]


def on_meta(build, **options):
    with torch.device("meta"):
        return build(**options)


def settings_of(row):
    """The network's options for a row such as '1.5x g=3'."""
    width, _, groups = row["variant"].partition("x g=")
    settings = {"groups": int(groups), "width_mult": float(width)}
    if row["source_impl"].startswith("megvii"):
        settings |= MEGVII | ({"stem_channels": 24} if width == "1.5" else {})
    return settings


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['variant']} {row['source_impl'][:6]}")
def test_published_numbers(row):
    table = count(on_meta(shufflenet_v1, **settings_of(row)))
    assert (table.params, table.macs, table.activations) == (row["params"], row["macs"], row["activations"])


@pytest.mark.parametrize(
    ("groups", "params", "million_macs"),
    [(1, 1531936, 143.08), (2, 1733848, 140.84), (3, 1865728, 137.46), (4, 1968344, 134.34), (8, 2434768, 138.37)],
)
def test_every_number_of_groups_costs_the_same(groups, params, million_macs):
    table = count(on_meta(shufflenet_v1, groups=groups))
    assert table.params == params
    assert round(table.macs / 1e6, 2) == million_macs


@pytest.mark.parametrize("width_mult", [0.25, 0.5, 1.0, 1.37, 2.0])
@pytest.mark.parametrize("groups", [1, 2, 3, 4, 8])
def test_closed_forms_at_any_width(groups, width_mult):
    model = on_meta(shufflenet_v1, groups=groups, width_mult=width_mult)
    for size in (224, 97):
        table = count(model, (1, 3, size, size))
        assert_layers_equal_count(layers(groups, width_mult, size=size), table)
        cost = network_cost(layers(groups, width_mult, size=size))
        assert (cost.params, cost.macs, cost.activations, cost.memory_access) == (
            table.params, table.macs, table.activations, table.memory_access,
        )  # fmt: skip


def test_closed_forms_with_options():
    model = on_meta(shufflenet_v1, width_mult=1.5, num_classes=10, stem_channels=24, small_input=True, **MEGVII)
    options = {"num_classes": 10, "classifier_bias": False, "stem_channels": 24, "small_input": True}
    assert_layers_equal_count(layers(3, 1.5, **options, size=33), count(model, (1, 3, 33, 33)))


def test_released_half_width_network_with_8_groups():
    """Megvii's 0.5x g=8 has 16 channels behind the stem: 12 are no multiple of 8."""
    assert shufflenet_v1(groups=8, width_mult=0.5).first_conv[0].out_channels == 16


@pytest.mark.parametrize("name", ["g1_w1", "g2_w1", "g3_w1", "g4_w1", "g8_w1", "g3_wd4", "g1_w3d4"])
def test_same_network_as_pytorchcv(name):
    groups, width_mult = int(name[1]), {"w1": 1.0, "wd4": 0.25, "w3d4": 0.75}[name[3:]]
    theirs = fill(on_meta(getattr(pytorchcv, f"shufflenet_{name}"), num_classes=7))
    theirs.features.final_pool = nn.AdaptiveAvgPool2d(1)  # theirs fits images of one size only
    ours = on_meta(shufflenet_v1, groups=groups, width_mult=width_mult, num_classes=7).to_empty(device="cpu")
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
    assert_same_outputs(ours, theirs, ((64, 64), (97, 70)))


class Megvii(nn.Module):
    """Megvii's network, restated on the tensors of a state dict."""

    def __init__(self, state, groups):
        super().__init__()
        self.groups = groups
        self.tensors = {name: tensor.clone() for name, tensor in state.items()}
        for name, tensor in self.tensors.items():
            if name.rpartition(".")[2] in ("running_mean", "running_var", "num_batches_tracked"):
                self.register_buffer(name.replace(".", "_"), tensor)

    def conv(self, x, name, **window):
        return F.conv2d(x, self.tensors[f"{name}.weight"], **window)

    def norm(self, x, name):
        get = [self.tensors[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
        if self.training:
            self.tensors[f"{name}.num_batches_tracked"].add_(1)
        return F.batch_norm(x, *get, training=self.training)

    def unit(self, x, name, first, stride):
        main = f"{name}.branch_main_1"
        y = self.norm(self.conv(x, f"{main}.0", groups=1 if first else self.groups), f"{main}.1").relu()
        y = self.norm(self.conv(y, f"{main}.3", stride=stride, padding=1, groups=y.shape[1]), f"{main}.4")
        # Place p of the result holds channel (p mod n) * g + p div n, for n channels a group.
        per_group = y.shape[1] // self.groups
        y = y[:, [place % per_group * self.groups + place // per_group for place in range(y.shape[1])]]
        y = self.norm(self.conv(y, f"{name}.branch_main_2.0", groups=self.groups), f"{name}.branch_main_2.1")
        if stride == 1:
            return (x + y).relu()
        return torch.cat((F.avg_pool2d(x, 3, 2, padding=1), y.relu()), 1)

    def forward(self, x):
        x = self.norm(self.conv(x, "first_conv.0", stride=2, padding=1), "first_conv.1").relu()
        x = F.max_pool2d(x, 3, 2, padding=1)
        for index in range(16):
            x = self.unit(x, f"features.{index}", index == 0, 2 if index in (0, 4, 12) else 1)
        return x.mean((2, 3)) @ self.tensors["classifier.0.weight"].T


@pytest.mark.parametrize(("groups", "width_mult"), [(3, 0.5), (8, 0.5), (3, 1.0)])
def test_same_network_as_megvii(groups, width_mult):
    ours = fill(on_meta(shufflenet_v1, groups=groups, width_mult=width_mult, num_classes=7, **MEGVII))
    theirs = Megvii(ours.state_dict(), groups)
    for training in (False, True):
        for size in ((64, 64), (97, 70)):
            x = torch.randn(2, 3, *size)
            with torch.no_grad():
                a, b = ours.train(training)(x), theirs.train(training)(x)
            assert (a - b).abs().max() <= 1e-5 * max(1, b.abs().max())


def test_the_directions_differ():
    paper = fill(on_meta(shufflenet_v1, num_classes=7)).eval()
    x = torch.randn(1, 3, 64, 64)
    outputs = []
    for options in ({}, {"shuffle": "megvii"}, {"shuffle": "none"}, {"shortcut_first": True}):
        other = shufflenet_v1(num_classes=7, **options).eval()
        other.load_state_dict(paper.state_dict())
        outputs.append(other(x))
    assert torch.equal(outputs[0], paper(x))
    assert all((outputs[0] - output).abs().max() > 1e-3 for output in outputs[1:])


def test_keys_are_megviis():
    names = set(on_meta(shufflenet_v1, **MEGVII).state_dict())
    assert len(names) == 295
    assert {"first_conv.0.weight", "features.0.branch_main_1.0.weight", "features.0.branch_main_1.3.weight"} <= names
    assert {
        "features.15.branch_main_1.4.running_var",
        "features.15.branch_main_2.1.bias",
        "classifier.0.weight",
    } <= names
    assert names == set(on_meta(shufflenet_v1).state_dict()) - {"classifier.0.bias"}


def test_feature_maps():
    model = on_meta(shufflenet_v1, groups=4)
    maps = model.feature_maps(torch.zeros(1, 3, 225, 224, device="meta"))
    expected = {2: (24, 113, 112), 4: (24, 57, 56), 8: (272, 29, 28), 16: (544, 15, 14), 32: (1088, 8, 7)}
    assert {stride: tuple(x.shape[1:]) for stride, x in maps.items()} == expected
    small = on_meta(shufflenet_v1, small_input=True).feature_maps(torch.zeros(1, 3, 32, 32, device="meta"))
    assert {stride: x.shape[2] for stride, x in small.items()} == {1: 32, 2: 16, 4: 8, 8: 4}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"groups": 5}, "groups should be 1, 2, 3, 4 or 8, .* instead of 5"),
        ({"groups": 3.0}, "instead of 3.0"),
        ({"groups": 8, "width_mult": 0.01}, "width_mult=0.01 is too small for groups=8"),
        ({"width_mult": 0}, "width_mult should be larger than 0"),
        ({"shuffle": "inverse"}, "shuffle should be 'paper', 'megvii' or 'none' instead of 'inverse'"),
        ({"groups": 8, "stem_channels": 12}, "groups=8 does not divide stem_channels=12"),
        ({"stem_channels": 240}, "from 1 to 239 instead of 240"),
        ({"stem_channels": 24.0}, "instead of 24.0"),
    ],
)
def test_wrong_options(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        on_meta(shufflenet_v1, **options)


def test_wrong_units():
    with pytest.raises(ValueError, match="stride should be 1 or 2 instead of 3"):
        ShuffleUnit(24, 240, 3, stride=3)
    with pytest.raises(ValueError, match="in_channels=24 and out_channels=240 should be equal for stride 1"):
        ShuffleUnit(24, 240, 3, stride=1)
