"""Shared weights and packed files, against brute force and against what they must keep."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from lightnets_edu import get_model
from lightnets_edu.models.squeezenet import Fire
from lightnets_edu.training.compression import (
    entropy,
    fold_batch_norms,
    keep_zeros,
    pack_weights,
    prune_smallest,
    share_weights,
    stored_size,
    unpack_weights,
)


def pruned(model: nn.Module, part: float) -> nn.Module:
    prune_smallest(model, part)
    keep_zeros(model)
    return model


def all_weights(model: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters() if p.ndim > 1])


@pytest.mark.parametrize("part", [0, 0.5, 0.9])
def test_the_smallest_weights_of_all_layers_together_become_zero(part):
    model = nn.Sequential(Fire(8, 4, 6, 6), nn.Flatten(), nn.Linear(12, 3)).to(memory_format=torch.channels_last)
    before, biases = all_weights(model), [p.clone() for p in model.parameters() if p.ndim == 1]
    gone = round(part * len(before))
    largest = before.abs() > before.abs().sort().values[gone - 1] if gone else torch.ones(len(before), dtype=bool)
    after = all_weights(pruned(model, part))
    assert torch.equal(after, before * largest) and int((after == 0).sum()) == gone
    assert all(torch.equal(a, b) for a, b in zip(biases, (p for p in model.parameters() if p.ndim == 1), strict=True))
    assert not list(model.buffers())


def test_zeros_stay_zero_while_the_training_goes_on():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4, 2))
    prune_smallest(model, 0.5)
    zeros = model[0].weight == 0
    steps = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.1)
    for _ in range(3):
        steps.zero_grad()
        model(torch.randn(8, 1, 3, 3)).square().mean().backward()
        steps.step()
    keep_zeros(model)
    assert torch.equal(model[0].weight == 0, zeros) and zeros.any()


def test_folded_batch_norms_change_no_output():
    torch.manual_seed(0)
    inner = nn.Sequential(nn.Conv2d(6, 6, 3, padding=1, groups=2), nn.BatchNorm2d(6))
    model = nn.Sequential(nn.Conv2d(2, 6, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU(), inner, nn.ReLU())
    for _ in range(3):
        model(1 + 2 * torch.randn(8, 2, 9, 9))  # the batch norms measure
    with torch.no_grad():
        for norm in (model[1], inner[1]):
            norm.weight.uniform_(-2, 2)
            norm.bias.normal_()
        model[0].weight[1] = 0
    images = torch.randn(4, 2, 9, 9)
    expected = model.eval()(images)
    fold_batch_norms(model)
    assert torch.allclose(model(images), expected, atol=1e-5) and not model[0].weight[1].any()
    assert not list(model.buffers()) and [type(m) for m in inner] == [nn.Conv2d, nn.Identity]
    pack_weights(model, 8)


@pytest.mark.parametrize("part", [-0.1, 1, True])
def test_parts_are_refused(part):
    with pytest.raises(ValueError, match="part"):
        prune_smallest(Fire(8, 4, 6, 6), part)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_each_weight_has_the_nearest_value_and_zero_stays_zero(bits):
    torch.manual_seed(bits)
    weight = torch.randn(40, 9)
    weight[weight.abs() < 0.3] = 0
    shared = share_weights(weight, bits)
    assert shared.values.shape == (2**bits,)
    assert shared.values[0] == 0
    assert torch.equal(shared.weight == 0, weight == 0)
    kept = weight[weight != 0]
    best = (kept[:, None] - shared.values[None, 1:]).abs().amin(1)
    assert torch.allclose((kept - shared.weight[weight != 0]).abs(), best, atol=1e-6)


def test_k_means_is_at_least_as_good_as_values_at_equal_distances():
    weight = torch.randn(5000)
    error = (weight - share_weights(weight, 4).weight).square().mean()
    equal = torch.linspace(float(weight.min()), float(weight.max()), 15)
    nearest = (weight[:, None] - equal).square().amin(1)
    assert error < nearest.mean()


def test_few_different_weights_are_kept_exactly():
    weight = torch.tensor([0.0, 1.5, -2.0, 1.5, 0.25, 0.0]).reshape(2, 3)
    assert torch.equal(share_weights(weight, 8).weight, weight)


def test_all_zero():
    assert torch.equal(share_weights(torch.zeros(3, 3), 4).weight, torch.zeros(3, 3))


@pytest.mark.parametrize("bits", [1, 9])
def test_bits_are_refused(bits):
    with pytest.raises(ValueError, match="bits"):
        share_weights(torch.ones(3), bits)


def test_infinite_weights_are_refused():
    with pytest.raises(ValueError, match="finite"):
        share_weights(torch.tensor([1.0, math.inf]), 4)


@pytest.mark.parametrize("bits", [4, 6, 8])
def test_a_packed_file_gives_the_shared_weights_back(bits):
    fire, other = pruned(Fire(24, 8, 16, 16), 0.6), Fire(24, 8, 16, 16)
    unpack_weights(pack_weights(fire, bits), other)
    after = dict(other.named_parameters())
    for name, before in fire.named_parameters():  # in another order: pruning moved the weights
        expected = before if before.ndim == 1 else share_weights(before, bits).weight
        assert torch.equal(after[name], expected), name


def test_another_network_is_refused():
    with pytest.raises(ValueError, match="bytes of content"):
        unpack_weights(pack_weights(Fire(24, 8, 16, 16), 6), Fire(24, 8, 16, 8))


def test_buffers_are_refused():
    with pytest.raises(ValueError, match="running_mean"):
        pack_weights(nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)), 8)


def test_entropy_of_known_sources():
    assert entropy(torch.zeros(10, dtype=torch.uint8)) == 0
    assert entropy(torch.arange(16)) == pytest.approx(4)
    assert entropy(torch.tensor([0, 0, 0, 1])) == pytest.approx(0.25 * 2 + 0.75 * math.log2(4 / 3))


def test_sizes_by_hand():
    layer = nn.Linear(40, 1)
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[0, 3], layer.weight[0, 39] = 1.0, 2.0  # distances of 4 and 36 places: 0 and 2 fillers
    size = stored_size(layer, 4)
    assert (size.weights, size.kept, size.fixed_bytes) == (40, 2, (2 + 2) * (4 + 4) / 8)
    assert (size.table_bytes, size.other_bytes) == (4 * 16, 4)


@pytest.mark.parametrize("part", [0.33, 0.67])
def test_the_packed_file_lies_between_the_bounds(part):
    model = pruned(nn.Sequential(*(Fire(64, 16, 32, 32) for _ in range(3))), part)
    size = stored_size(model, 6)
    assert size.kept == pytest.approx((1 - part) * size.weights, abs=1)
    rest = size.table_bytes + size.other_bytes
    # zlib codes bytes one by one, or nearly: not far below the entropy, and well below a byte a weight.
    assert 0.9 * size.entropy_bytes < len(pack_weights(model, 6)) < size.weights + rest


def test_squeezenet_can_be_packed():
    model = get_model("squeezenet1_1", num_classes=10)
    weights = sum(p.numel() for p in model.parameters() if p.ndim > 1)
    assert len(pack_weights(model, 4)) < weights
