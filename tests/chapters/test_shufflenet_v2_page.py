"""Chapter 10's widgets against the real networks and brute force, its sentences, and its study's networks."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from explorers import assert_totals, counted, shown
from torch import nn

from lightnets_edu import get_model
from lightnets_edu.chapters.shufflenet_v2 import guidelines, study
from lightnets_edu.models.cost import network_cost
from lightnets_edu.models.shufflenet_v1 import ShuffleUnit, shuffle_unit_v1
from lightnets_edu.models.shufflenet_v2 import BasicUnit, DownsamplingUnit, shuffle_unit_v2
from lightnets_edu.timing import TimeParts
from lightnets_edu.timing.guideline_experiments import GUIDELINES, GuidelineRow, guideline_networks, published_speeds


@pytest.mark.parametrize("width", ["0.5", "1.0", "1.5", "2.0"])
@pytest.mark.parametrize("variant", ["torchvision", "megvii"])
@pytest.mark.parametrize("size", [224, 80])
def test_explorer_equals_the_real_network(width, variant, size):
    numbers = shown("shufflenet_v2_explorer", width=width, variant=variant, input_size=size)
    name = f"shufflenet_v2_x{width.replace('.', '_')}"
    table = counted(lambda: get_model(name, variant=variant), 1, 3, size, size)
    assert_totals(numbers, table, "params", "macs", "activations", "memory_access")


@pytest.mark.parametrize(("in_channels", "side"), [(16, 56), (72, 28), (128, 14), (512, 7)])
def test_memory_access_is_the_layers_and_never_below_the_bound(in_channels, side):
    numbers = shown("equal_width_explorer", in_channels=in_channels, side=side)
    table = counted(lambda: nn.Conv2d(in_channels, numbers["wide"], 1, bias=False), 1, in_channels, side, side)
    assert_totals(numbers, table, "macs", "memory_access")
    assert numbers["bound"] <= numbers["memory_access"] * (1 + 1e-12)
    # By brute force: no pair of channels with at least these MACs moves fewer numbers than the bound.
    product = numbers["macs"] // side**2
    least = min(side**2 * (a + b) + a * b for a in range(1, 600) if (b := -(-product // a)))
    assert numbers["bound"] <= least
    if in_channels == 128:
        assert numbers["excess"] == 1


def parts(name: str, seconds: float) -> TimeParts:
    """A time of which 10 ms are arithmetic, 1 ms starts and 2 ms memory."""
    return TimeParts(name, 20, 4_000_000, seconds, 0.010, 0.001, 0.002)


@pytest.mark.parametrize(
    ("others", "verdict", "words"),
    [
        ((0.020, 0.0211, 0.030), guidelines.HOLDS, "of the others “g=4” and “g=8” are slower by more than 5 %"),
        ((0.020, 0.020, 0.0211), guidelines.HOLDS, "of the others “g=8” is slower by more than 5 %"),
        ((0.022, 0.022, 0.030), guidelines.HOLDS, "all others are slower by more than 5 %"),
        ((0.018, 0.0189, 0.010), guidelines.REVERSED, "all others are faster by more than 5 %"),
        ((0.010, 0.0191, 0.0209), guidelines.OPEN, "no other is slower by more than 5 %"),
    ],
)
def test_what_is_said_of_a_guideline(others, verdict, words):
    names = guideline_networks("G2")
    variants = [parts(name, seconds) for name, seconds in zip(names, (0.020, *others), strict=True)]
    assert guidelines.verdict("G2", variants) == verdict
    sentence = guidelines.guideline_sentence("G2", variants)
    assert sentence.startswith(f"G2 (groups) {verdict}: “g=1” should be the fastest, and {words}. ")


def test_the_advised_variant_need_not_be_the_first():
    variants = [parts(name, 0.020 - 0.001 * index) for index, name in enumerate(guideline_networks("G4"))]
    assert guidelines.verdict("G4", variants) == guidelines.HOLDS


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {},
            "starts of operations 0.0, memory moved 0.0 and the rest +5.0 ms. Most is the rest: the arithmetic runs at "
            "59 % of the peak instead of 83 %.",
        ),
        (
            {"memory": 0.006, "bytes": 12_000_000},
            "starts of operations 0.0, memory moved +4.0 and the rest +1.0 ms. Most is memory moved: 12 MB are moved "
            "instead of 4 MB.",
        ),
        (
            {"starts": 0.0075, "operations": 150},
            "starts of operations +6.5, memory moved 0.0 and the rest −1.5 ms. Most is starts of operations: 150 "
            "operations are started instead of 20.",
        ),
        (
            {"arithmetic": 0.0145},
            "arithmetic at the peak +4.5, starts of operations 0.0, memory moved 0.0 and the rest +0.5 ms. Most is "
            "arithmetic at the peak: there are more multiply-accumulates.",
        ),
    ],
)
def test_why_one_is_slower(change, words):
    slow, fast = replace(parts("a", 0.020), **change), parts("b", 0.015)
    told = f"“a” takes 20.0 ms and “b” 15.0 ms. The 5.0 ms between them are: {words}"
    assert guidelines.cause_sentence(slow, fast) == guidelines.cause_sentence(fast, slow) == told


def test_what_breaks_a_guideline_beside_what_follows_it():
    measured, causes = [], {}
    for guideline, (about, *_) in GUIDELINES.items():
        follows, breaks = guidelines.ENDS[guideline]
        speed = {follows: 2.0, breaks: 0.5}  # four times the time
        names = guideline_networks(guideline)
        measured += [
            GuidelineRow(guideline, about, name, 1, 1, 1.0, speed.get(name, 1.0), name == "g=8") for name in names
        ]
        causes[guideline] = [parts(name, 0.03 if name == breaks else 0.02) for name in names]
    table = guidelines.ends_table(measured, causes)
    assert [row[2] for row in table.rows] == ["4.00", "4.00 (noisy)", "4.00", "4.00"]
    assert [row[3] for row in table.rows] == ["1.50"] * 4
    assert table.rows[1][4:] == (f"{2451 / 634:.2f}", f"{10.2 / 7.5:.2f}")


def test_the_figures_dots():
    """The arithmetic, then the starts, then the memory on top of it, then what was measured; and the paper's times."""
    causes = {name: [parts(variant, 0.02) for variant in guideline_networks(name)] for name in GUIDELINES}
    times, beside = guidelines.guideline_chart(causes).axes
    rows = sum(map(len, causes.values()))
    dots = {line.get_label(): list(line.get_xdata()) for line in times.lines}
    assert dots == {
        "MACs at the peak": pytest.approx([10.0] * rows),
        "+ starts": pytest.approx([11.0] * rows),
        "+ memory": pytest.approx([13.0] * rows),
        "measured here": pytest.approx([20.0] * rows),
    }
    paper = next(line for line in beside.lines if line.get_label() == "paper, GPU").get_xdata()
    assert paper[-1] == pytest.approx(1 / published_speeds("G4")["GPU"]["neither"])


def test_the_studys_networks_cost_what_the_units_formulas_say():
    """Stem and classifier are the same; the units differ, and the shuffle costs nothing."""
    units = {
        "v1": (shuffle_unit_v1, study.V1_CHANNELS, {"groups": study.GROUPS}),
        "v2": (shuffle_unit_v2, study.V2_CHANNELS, {}),
    }
    for name, (formula, channels, more) in units.items():
        layers, before, side = [], study.STEM_CHANNELS, 14
        for stage, repeats in enumerate(study.UNITS):
            for index in range(repeats):
                after = channels * 2**stage
                settings = {"in_channels": before, "out_channels": after, "stride": 1 if index else 2, **more}
                if name == "v1":
                    settings |= {"bottleneck_channels": after // 4, "first_groups": study.GROUPS if layers else 1}
                layers.append((str(len(layers)), formula, {**settings, "in_height": side, "in_width": side}))
                before, side = after, side if index else -(-side // 2)
        cost = network_cost(layers)
        table = counted(study.STUDY.variant(name).build, 1, 1, 28, 28)
        stem, head = 9 * study.STEM_CHANNELS, before * 10
        assert table.macs == cost.macs + stem * 14 * 14 + head
        assert table.params == cost.params + stem + 2 * study.STEM_CHANNELS + head + 10


def test_without_the_shuffle_the_same_half_passes():
    torch.manual_seed(0)
    network = study.STUDY.variant("unshuffled").build().eval()
    unit = network.units[1]
    assert isinstance(unit, BasicUnit) and isinstance(network.units[0], DownsamplingUnit)
    x = torch.rand(1, study.V2_CHANNELS, 7, 7)
    once = unit(x)
    twice = network.units[2](once)
    half = study.V2_CHANNELS // 2
    assert torch.equal(twice[:, :half], x[:, :half]) and not torch.equal(twice[:, half:], x[:, half:])
    shuffled = BasicUnit(study.V2_CHANNELS).eval()
    shuffled.load_state_dict(unit.state_dict())
    assert torch.equal(shuffled(x)[:, 0::2], once[:, :half]) and torch.equal(shuffled(x)[:, 1::2], once[:, half:])
    first = study.STUDY.variant("v1").build().units[0]
    assert isinstance(first, ShuffleUnit) and first.branch_main_1[0].groups == 1
