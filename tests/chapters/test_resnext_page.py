"""Chapter 6: its widgets against blocks and networks that are built, its exercises against PyTorch."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from explorers import assert_totals, counted
from torch import nn

from lightnets_edu import count
from lightnets_edu.chapters.resnext import study
from lightnets_edu.chapters.resnext.exercises import expand
from lightnets_edu.models.resnext import EQUAL_COMPLEXITY, BlockFormC, ResNeXt
from lightnets_edu.pages import get_widget
from lightnets_edu.pages.exercise import get_exercise

MAPS = (1, 256, 56, 56)


@pytest.fixture(scope="module")
def block_explorer():
    return get_widget("resnext_block_explorer")()


@pytest.fixture(scope="module")
def equal_cost():
    return get_widget("resnext_equal_cost")()


@pytest.mark.parametrize("mixed_up", [False, True])
@pytest.mark.parametrize(("cardinality", "width"), [(32, 4), (1, 64), (64, 64), (7, 3), (64, 1)])
def test_block_explorer_equals_the_block(block_explorer, cardinality, width, mixed_up):
    groups, group_width = (width, cardinality) if mixed_up else (cardinality, width)
    with torch.device("meta"):
        block = BlockFormC(256, 256, groups, group_width)
    table, resnet = count(block, MAPS), counted(lambda: BlockFormC(256, 256, 1, 64), *MAPS)
    numbers = block_explorer.evaluate(cardinality=cardinality, bottleneck_width=width, mixed_up=mixed_up)
    assert_totals(numbers, table, prefix="block_")
    assert numbers["channels"] == block.conv2.out_channels
    assert numbers["kernels"] == block.conv2.weight[:, :, 0, 0].numel()
    assert numbers["middle_weights"] == block.conv2.weight.numel()
    assert numbers["outer_weights"] == block.conv1.weight.numel() + block.conv3.weight.numel()
    assert numbers["connected"] == pytest.approx(100 * block.conv2.weight.shape[1] / block.conv2.in_channels)
    assert numbers["percent"] == pytest.approx(100 * table.macs / resnet.macs, rel=1e-12)


def test_the_tables_other_rows(block_explorer):
    numbers = block_explorer.evaluate(cardinality=3, bottleneck_width=5)
    for prefix, setting in (("paper_", (32, 4)), ("resnet_", (1, 64))):
        table = counted(partial(BlockFormC, 256, 256, *setting), *MAPS)
        assert_totals(numbers, table, "params", "macs", prefix=prefix)


def path_weights(width: float) -> float:
    return 256 * width + 9 * width**2 + 256 * width


@pytest.mark.parametrize("resnet_width", [32, 64, 96])
def test_equal_width_is_the_nearest(equal_cost, resnet_width):
    budget = path_weights(resnet_width)
    for cardinality in range(1, 65):
        numbers = equal_cost.evaluate(cardinality=cardinality, resnet_width=resnet_width)
        nearest = min(range(1, 97), key=lambda d: abs(cardinality * path_weights(d) - budget))
        assert numbers["equal_width"] == nearest
        assert numbers["channels"] == cardinality * nearest
        assert cardinality * path_weights(numbers["exact_width"]) == pytest.approx(budget, rel=1e-9)
        assert numbers["exact_channels"] == pytest.approx(cardinality * numbers["exact_width"], rel=1e-9)
        assert numbers["exact_channels"] < numbers["limit"] == budget / 512
        assert numbers["percent"] == pytest.approx(100 * cardinality * path_weights(nearest) / budget)


@pytest.mark.parametrize("setting", EQUAL_COMPLEXITY)
def test_the_papers_settings_are_the_widgets(equal_cost, setting):
    cardinality, width = setting
    numbers = equal_cost.evaluate(cardinality=cardinality)
    assert numbers["equal_width"] == width
    table = counted(lambda: ResNeXt(cardinality=cardinality, bottleneck_width=width))
    assert_totals(numbers, table, prefix="network_")


def test_what_the_choice_says(equal_cost):
    channels = [equal_cost.evaluate(cardinality=c)["channels"] for c in (1, 2, 8, 32, 64)]
    assert channels == [64, 80, 112, 128, 128]
    assert equal_cost.evaluate()["limit"] == 136


def test_block_weights_are_the_real_blocks():
    with torch.device("meta"):
        block = BlockFormC(256, 256, 32, 4)
    weights = sum(m.weight.numel() for m in block.modules() if isinstance(m, nn.Conv2d))
    assert get_exercise("resnext_block_weights").answer() == weights


@pytest.mark.parametrize(("ins", "outs", "groups"), [(12, 12, 3), (8, 12, 4), (6, 6, 1), (5, 5, 5)])
def test_expanded_kernels_compute_the_same(ins, outs, groups):
    layer = nn.Conv2d(ins, outs, 3, groups=groups, bias=False, dtype=torch.float64)
    x = torch.randn(2, ins, 7, 6, dtype=torch.float64)
    with torch.no_grad():
        dense = expand(layer.weight, groups)
        assert dense.shape == (outs, ins, 3, 3)
        torch.testing.assert_close(nn.functional.conv2d(x, dense), layer(x))


@pytest.mark.parametrize(
    ("name", "cardinality", "widths", "blocks"),
    [
        ("one", 1, (8, 16, 32), 2),
        ("four", 4, (3, 6, 12), 2),
        ("fifteen", 15, (1, 2, 4), 2),
        ("deeper", 1, (8, 16, 32), 4),
        ("wider", 1, (12, 25, 50), 2),
        ("two", 2, (8, 16, 32), 2),
        ("eight", 8, (3, 6, 12), 2),
    ],
)
def test_the_studys_networks_cost_what_equation_4_says(name, cardinality, widths, blocks):
    """C (in d + 9 d d + d out) weights a block; the 3x3 has the stride, the 1x1 before it works on the large map."""
    macs, before, side_before = 9 * 16 * 14**2, 16, 14
    for d, out, side in zip(widths, (32, 64, 128), (14, 7, 4), strict=True):
        macs += before * out * side**2  # the shortcut of the stage's first block
        for index in range(blocks):
            inputs, large = (before, side_before) if index == 0 else (out, side)
            macs += cardinality * (inputs * d * large**2 + (9 * d * d + d * out) * side**2)
        before, side_before = out, side
    variant = study.STUDY.variant(name)
    assert counted(variant.build, 1, 1, 28, 28).macs == macs + 10 * before
    split = " × 12.5d" if name == "wider" else f"{cardinality} × {widths[0]}d"  # table 4's 100d by 8 is no whole number
    assert split in variant.description


def test_the_studys_blocks_keep_the_papers_budgets():
    """An eighth of table 2's widths: however many the paths, a block costs the same, and twice that in table 4."""

    def weights(build):
        block = build().body[1]  # the first stage's second block: no shortcut convolution
        return sum(m.weight.numel() for m in block.modules() if isinstance(m, nn.Conv2d))

    budget = 2 * 32 * 8 + 9 * 8 * 8
    for build, times in ((study.one_path, 1), (study.four_paths, 1), (study.fifteen_paths, 1)):
        assert weights(build) == pytest.approx(times * budget, rel=0.01)
    for build in (study.two_paths, study.eight_paths):
        assert weights(build) == pytest.approx(2 * budget, rel=0.01)
    # 100d by 8 lies between the widths 12 and 13
    assert 2 * 32 * 12 + 9 * 12**2 < 2 * budget < 2 * 32 * 13 + 9 * 13**2
    assert len(study.deeper().body) == 2 * len(study.one_path().body)
