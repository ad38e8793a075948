"""Chapter 4's widget against real networks that are built by the same rules."""

from __future__ import annotations

import itertools

import pytest
import torch
from explorers import assert_totals, counted, shown
from torch import nn

from lightnets_edu import count, get_model
from lightnets_edu.models.squeezenet import BODIES, Fire
from lightnets_edu.pages import get_widget


def by_rules(base_e, incr_e, freq, squeeze_ratio, part_3x3):
    """Section 5's rules, written once more: e = base + incr * floor(i / freq)."""
    number = itertools.count()
    parts, channels = [nn.Conv2d(3, 96, 7, stride=2), nn.ReLU()], 96
    for row in BODIES["1.0"]:
        if row == "pool":
            parts.append(nn.MaxPool2d(3, 2, ceil_mode=True))
            continue
        e = base_e + incr_e * (next(number) // freq)
        e3 = e * part_3x3 // 100
        parts.append(Fire(channels, int(e * squeeze_ratio), e - e3, e3))
        channels = e
    return nn.Sequential(*parts, nn.Conv2d(channels, 1000, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1))


@pytest.mark.parametrize(
    ("rules", "size"),
    [
        ((128, 128, 2, 0.125, 50), 224),
        ((128, 128, 2, 0.75, 50), 160),
        ((32, 96, 1, 0.375, 5), 96),
        ((64, 0, 8, 1.0, 95), 320),
    ],
)
def test_explorer_equals_the_real_network(rules, size):
    names = ("base_e", "incr_e", "freq", "squeeze_ratio", "part_3x3")
    numbers = shown("squeezenet_explorer", **dict(zip(names, rules, strict=True)), input_size=size)
    with torch.device("meta"):
        model = by_rules(*rules)
    table = count(model, (1, 3, size, size))
    assert_totals(numbers, table)
    assert numbers["biases"] == sum(p.numel() for p in model.parameters() if p.ndim == 1)
    assert numbers["weights"] == sum(p.numel() for p in model.parameters() if p.ndim > 1)
    for name in ("megabytes", "compressed"):
        assert numbers[name] == pytest.approx(4 * table.params / 1e6)


def test_the_default_is_squeezenet_1_0():
    assert_totals(shown("squeezenet_explorer"), counted(lambda: get_model("squeezenet1_0")), "params", "macs")


@pytest.mark.parametrize(("bits", "kept", "stored"), [(8, 33, 12), (6, 100, 6), (32, 50, 36), (4, 10, 8)])
def test_compressed_size_by_hand(bits, kept, stored):
    with torch.device("meta"):
        parameters = list(get_model("squeezenet1_0").parameters())
    numbers = shown("squeezenet_explorer", bits=bits, kept=kept)
    size = 0.0
    for p in parameters:
        if p.ndim == 1:
            size += 4 * p.numel()
        else:
            size += p.numel() * kept / 100 * stored / 8 + (4 * 2**bits if bits < 32 else 0)
    assert numbers["compressed"] == pytest.approx(size / 1e6)
    assert numbers["ratio"] == pytest.approx(4 * sum(p.numel() for p in parameters) / size)


def test_pruning_a_little_makes_the_file_larger():
    widget = get_widget("squeezenet_explorer")(bits=8)
    assert widget.evaluate(kept=90)["compressed"] > widget.evaluate(kept=100)["compressed"]
    assert widget.evaluate(kept=60)["compressed"] < widget.evaluate(kept=100)["compressed"]
