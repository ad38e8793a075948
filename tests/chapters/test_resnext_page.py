"""Chapter 6: its widgets against blocks and networks that are built, its exercises against PyTorch."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lightnets_edu import count
from lightnets_edu.chapters.resnext.exercises import expand
from lightnets_edu.models.resnext import EQUAL_COMPLEXITY, BlockFormC, ResNeXt
from lightnets_edu.pages import get_widget
from lightnets_edu.pages.exercise import get_exercise


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
        resnet = BlockFormC(256, 256, 1, 64)
    table = count(block, (1, 256, 56, 56))
    numbers = block_explorer.evaluate(cardinality=cardinality, bottleneck_width=width, mixed_up=mixed_up)
    assert (numbers["block_params"], numbers["block_macs"]) == (table.params, table.macs)
    assert numbers["block_activations"] == table.activations
    assert numbers["channels"] == block.conv2.out_channels
    assert numbers["kernels"] == block.conv2.weight[:, :, 0, 0].numel()
    assert numbers["middle_weights"] == block.conv2.weight.numel()
    assert numbers["outer_weights"] == block.conv1.weight.numel() + block.conv3.weight.numel()
    assert numbers["connected"] == pytest.approx(100 * block.conv2.weight.shape[1] / block.conv2.in_channels)
    assert numbers["percent"] == pytest.approx(100 * table.macs / count(resnet, (1, 256, 56, 56)).macs, rel=1e-12)


def test_the_tables_other_rows(block_explorer):
    numbers = block_explorer.evaluate(cardinality=3, bottleneck_width=5)
    for name, setting in (("paper", (32, 4)), ("resnet", (1, 64))):
        with torch.device("meta"):
            table = count(BlockFormC(256, 256, *setting), (1, 256, 56, 56))
        assert (numbers[f"{name}_params"], numbers[f"{name}_macs"]) == (table.params, table.macs)


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
    with torch.device("meta"):
        table = count(ResNeXt(cardinality=cardinality, bottleneck_width=width))
    assert [numbers[f"network_{name}"] for name in ("params", "macs", "activations")] == [
        table.params,
        table.macs,
        table.activations,
    ]


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
