"""Chapter 4's widget against real networks that are built by the same rules."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch
from explorers import assert_totals, counted, shown
from torch import nn

from lightnets_edu import count, get_model
from lightnets_edu.chapters.squeezenet.study import CURVES, EARLY, STUDY, SmallSqueezeNet, stored
from lightnets_edu.models.squeezenet import BODIES, Fire
from lightnets_edu.pages import get_widget
from lightnets_edu.recording.studies import RECIPE, Context
from lightnets_edu.training import load_shapes
from lightnets_edu.training.compression import fold_batch_norms, share_weights


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


def fires(**options) -> list[tuple[int, int, int, int]]:
    """Input, squeeze, and both kinds of expand channels of every module."""
    found = [module for module in SmallSqueezeNet(**options).modules() if isinstance(module, Fire)]
    for fire in found:  # without the batch norms they are the book's modules
        fold_batch_norms(fire)
    layers = [(fire.squeeze[0], fire.expand1x1[0], fire.expand3x3[0]) for fire in found]
    return [(s.in_channels, s.out_channels, e1.out_channels, e3.out_channels) for s, e1, e3 in layers]


def test_the_small_networks_follow_the_papers_rules():
    expand = [48 + 48 * (i // 2) for i in range(6)]
    assert fires() == [(c, e // 8, e // 2, e // 2) for c, e in zip([24, *expand], expand, strict=False)]
    assert [row[1] for row in fires(squeeze_ratio=0.5)] == [e // 2 for e in expand]
    assert [row[2:] for row in fires(part_3x3=0.875)] == [(e // 8, 7 * e // 8) for e in expand]
    assert fires(pools=EARLY) == fires(bypass="complex") == fires()


@pytest.mark.parametrize(("bypass", "around"), [("none", 0), ("simple", 3), ("complex", 6)])
def test_the_small_networks_have_the_bypasses_of_figure_2(bypass, around):
    modules = [module for module in SmallSqueezeNet(bypass).modules() if isinstance(module, Fire)]
    assert sum(fire.has_bypass for fire in modules) == around
    assert sum(not isinstance(getattr(fire, "bypass", nn.Identity()), nn.Identity) for fire in modules) == (
        3 if bypass == "complex" else 0
    )


def test_every_point_of_a_curve_is_a_variant():
    names = [variant.name for variant in STUDY.variants]
    assert all(one in names for points in CURVES.values() for one in points)


@pytest.mark.parametrize("epochs", [0, 1])
def test_a_stored_network_is_pruned_and_its_weights_are_shared(epochs):
    images = load_shapes("train", 64), load_shapes("test", 32)
    recipe = replace(RECIPE, epochs=2, warmup_epochs=0.5)
    torch.manual_seed(0)
    model = SmallSqueezeNet().to(memory_format=torch.channels_last)
    before = model.classifier.weight.detach().clone()
    context = Context(0, recipe, *images, torch.device("cpu"), model=model)
    found = stored(context, bits=4, pruned=0.75, epochs=epochs)
    weights = {name: p.detach() for name, p in model.named_parameters() if p.ndim > 1}
    total = sum(p.numel() for p in weights.values())
    assert sum(int((p == 0).sum()) for p in weights.values()) == pytest.approx(0.75 * total, abs=1)
    assert all(len(p.unique()) <= 2**4 for p in weights.values())
    assert found["accuracy"] == context.accuracy() and 0 < found["bytes"] < total / 2
    if not epochs:  # nothing was trained: what is left are the old weights, rounded
        left = weights["classifier.weight"]
        assert torch.equal(left, share_weights(before * (left != 0), 4).weight)


def test_training_again_changes_the_weights_that_are_left():
    images = load_shapes("train", 64), load_shapes("test", 32)
    found = []
    for epochs in (0, 1):
        torch.manual_seed(0)
        context = Context(
            0, replace(RECIPE, epochs=2, warmup_epochs=0.5), *images, torch.device("cpu"), model=SmallSqueezeNet()
        )
        stored(context, bits=8, pruned=0.5, epochs=epochs)
        found.append(context.trained.get_parameter("classifier.weight").detach())
    assert torch.equal(found[0] == 0, found[1] == 0) and not torch.equal(*found)
