"""What chapter 7's study compares: networks that cost what the formulas of their layers say."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from explorers import counted

from lightnets_edu.chapters.mobilenet_v1 import study
from lightnets_edu.formulas import conv2d, depthwise_separable_conv2d, linear
from lightnets_edu.models.mobilenet_v1 import BODY

IMAGE = (1, 1, 28, 28)
SEPARABLE, FULL = depthwise_separable_conv2d, conv2d


def expected(formula, rows, channels: int = 16, side: int = 14) -> tuple[int, int]:
    """Parameters and MACs, from the formulas: a first convolution, a block a row of (stride, outputs), a classifier."""
    shape = {"in_channels": 1, "out_channels": channels, "kernel_size": 3}
    costs, norms = [conv2d(**shape, out_height=side, out_width=side)], [channels]
    for stride, out_channels in rows:
        side = -(-side // stride)
        shape = {"in_channels": channels, "out_channels": out_channels, "kernel_size": 3}
        costs.append(formula(**shape, out_height=side, out_width=side))
        norms += [channels, out_channels] if formula is SEPARABLE else [out_channels]
        channels = out_channels
    costs.append(linear(in_features=channels, out_features=10))
    return sum(cost.params for cost in costs) + 2 * sum(norms), sum(cost.macs for cost in costs)


ROWS = [(1, 32), (2, 64), (1, 64), (1, 64), (1, 64), (2, 128), (1, 128)]
WITHOUT_EQUAL_BLOCKS = [(1, 32), (2, 64), (2, 128), (1, 128)]


@pytest.mark.parametrize(
    ("name", "cost"),
    [
        ("separable", expected(SEPARABLE, ROWS)),
        ("full", expected(FULL, ROWS)),
        ("shallow", expected(SEPARABLE, WITHOUT_EQUAL_BLOCKS)),
        ("small", expected(SEPARABLE, ROWS, side=10)),
    ],
)
def test_the_studys_networks_cost_what_the_formulas_say(name, cost):
    table = counted(study.STUDY.variant(name).build, *IMAGE)
    assert (table.params, table.macs) == cost


@pytest.mark.parametrize(("name", "block"), [("thin", SEPARABLE), ("narrow", FULL)])
def test_every_layer_is_thinner_by_the_same_part(name, block):
    network = study.STUDY.variant(name).build()
    weights = [p for p in network.parameters() if p.dim() == 4]
    stem, *outputs = (len(w) for w in weights if w.shape[1] > 1 or w is weights[0])
    assert len(outputs) == len(ROWS)
    for channels, (_, full_width) in zip([stem, *outputs], [(1, 16), *ROWS], strict=True):
        assert channels / full_width == pytest.approx(stem / 16, abs=0.5 / 16 + 0.5 / full_width)
    rows = [(stride, channels) for (stride, _), channels in zip(ROWS, outputs, strict=True)]
    table = counted(study.STUDY.variant(name).build, *IMAGE)
    assert (table.params, table.macs) == expected(block, rows, stem)


def test_the_small_network_has_the_papers_pattern():
    """The first block has stride 1, channels double where the side is halved, and the equal blocks do neither."""
    for stages in (BODY, study.BODY):
        first, *_, last = stages
        assert [stride for stride, _ in first] == [1] and [stride for stride, _ in last] == [2, 1]
        assert all(len({channels for _, channels in stage}) == 1 for stage in stages)
        widths = [stage[0][1] for stage in stages]
        assert all(wide == 2 * narrow for narrow, wide in pairwise(widths))
        assert len(stages[-2]) == max(len(stage) for stage in stages)
    assert len(study.BODY[study.EQUAL_BLOCKS]) == max(len(stage) for stage in study.BODY)


def test_smaller_images_show_the_same_picture():
    """A picture of two halves stays one; a network that sees 28 x 28 pixels is given the images as they are."""
    seen = {}
    image = torch.cat([torch.zeros(*IMAGE[:2], 28, 14), torch.ones(*IMAGE[:2], 28, 14)], 3)
    for name in ("small", "separable"):
        network = study.STUDY.variant(name).build().eval()
        network.stem.register_forward_pre_hook(lambda _, args, name=name: seen.update({name: args[0]}))
        network(image)
    assert seen["small"].shape[2:] == (20, 20)
    columns = seen["small"][0, 0]
    assert torch.allclose(columns, columns[:1].expand_as(columns)) and torch.allclose(
        columns, 1 - columns.flip(1), atol=1e-6
    )
    assert columns.mean() == pytest.approx(0.5) and (columns[0].diff() > -1e-6).all()
    assert torch.equal(seen["separable"], image)
