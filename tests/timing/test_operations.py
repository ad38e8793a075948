"""What PyTorch runs: equal to what is counted, and with what no layer stands for."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lightnets_edu import count, get_model
from lightnets_edu.models.channel_shuffle import ChannelShuffle
from lightnets_edu.timing import operations
from lightnets_edu.timing.operations import KINDS, meta_copy


@pytest.mark.parametrize("name", ["alexnet", "resnet50", "resnext50_32x4d", "shufflenet_v1", "mnasnet_a1", "ghostnet"])
def test_macs_are_the_counters(name):
    model, size = get_model(name), (2, 3, 96, 96)
    ops, rows = operations(model, size), count(model, size).rows
    multiplied = [(op.path, op.macs) for op in ops if op.macs]
    assert multiplied == [(row.path, row.macs) for row in rows if row.macs]
    assert {op.kind for op in ops} <= set(KINDS)


def test_one_layer_of_each_class():
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False),  # [2, 3, 8, 8] -> [2, 8, 4, 4]
        nn.Conv2d(8, 12, 1, groups=4),
        nn.Conv2d(12, 12, 3, padding=1, groups=12, bias=False),
        nn.Conv2d(12, 6, 1, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, 1),
        nn.Flatten(),
        nn.Linear(24, 5),
    )
    ops = operations(model.eval(), (2, 3, 8, 8))
    convolutions = ["dense", "grouped", "depthwise", "pointwise"]
    assert [op.kind for op in ops] == [*convolutions, "batch_norm", "relu", "max_pool", "linear"]
    maps = 2 * 4 * 4
    assert [op.macs for op in ops] == [maps * 8 * 27, maps * 12 * 2, maps * 12 * 9, maps * 6 * 12, 0, 0, 0, 2 * 24 * 5]
    assert [op.read for op in ops] == [2 * 3 * 64, maps * 8, maps * 12, maps * 12, maps * 6, maps * 6, maps * 6, 48]
    assert [op.weights for op in ops] == [8 * 27, 12 * 2 + 12, 12 * 9, 6 * 12, 4 * 6, 0, 0, 24 * 5 + 5]
    assert [op.written for op in ops] == [maps * 8, maps * 12, maps * 12, maps * 6, maps * 6, maps * 6, 48, 10]
    assert ops[6].work == 48 * 9


def test_the_copy_of_a_shuffle_is_seen():
    (op,) = operations(ChannelShuffle(2), (1, 8, 4, 4))
    assert (op.kind, op.read, op.written, op.macs) == ("copy", 128, 128, 0)


def test_the_model_is_left_alone():
    model = get_model("mobilenet_v1").train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    operations(model, (1, 3, 64, 64))
    assert model.training
    assert all(not module._forward_hooks and not module._forward_pre_hooks for module in model.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_the_copy_has_no_numbers_and_shares_what_was_shared():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[1].weight = model[0].weight
    copied = meta_copy(model)
    assert copied[0].weight.is_meta and copied[0].weight is copied[1].weight
    assert not model[0].weight.is_meta


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"input_size .* all at least 1, .* instead of \(0, 3, 8, 8\)"):
        operations(nn.ReLU(), (0, 3, 8, 8))
    with pytest.raises(ValueError, match="should be whole numbers"):
        operations(nn.ReLU(), 224)


@pytest.mark.parametrize(
    "settings",
    [
        {"in_channels": 64, "out_channels": 32, "kernel_size": 2, "stride": 2},
        {"in_channels": 64, "out_channels": 64, "kernel_size": 4, "stride": 2, "groups": 64},
        {"in_channels": 6, "out_channels": 9, "kernel_size": 3, "stride": 2, "groups": 3, "output_padding": 1},
        {"in_channels": 16, "out_channels": 16, "kernel_size": 3},
    ],
)
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_transposed_convolutions(dims, settings):
    layer = getattr(nn, f"ConvTranspose{dims}d")(**settings)
    size = (2, settings["in_channels"], *[5] * dims)
    window = settings["kernel_size"] ** dims * settings["out_channels"] // settings.get("groups", 1)
    (operation,) = operations(layer, size)
    assert operation.macs == 2 * settings["in_channels"] * 5**dims * window == count(layer, size).macs
    assert (operation.kind == "depthwise") == (settings.get("groups") == 64)


def test_operations_multiply_as_the_count_says():
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, groups=1),
        nn.Flatten(2),
        nn.LSTM(36, 5),
        Head(nn.MultiheadAttention(5, 1), nn.Bilinear(5, 5, 2)),
    )
    assert sum(operation.macs for operation in operations(model, (2, 3, 8, 8))) == count(model, (2, 3, 8, 8)).macs > 0


class Head(nn.Module):
    def __init__(self, attention: nn.Module, both: nn.Module):
        super().__init__()
        self.attention, self.both = attention, both

    def forward(self, given):
        x, _ = given
        return self.both(self.attention(x, x, x)[0], x)
