"""Chapter 5: its widget against networks that are built, its exercises and claims against counts."""

from __future__ import annotations

from fractions import Fraction

import pytest
from explorers import assert_totals, counted

from lightnets_edu import count
from lightnets_edu.chapters.wide_resnet import study
from lightnets_edu.chapters.wide_resnet.exercises import blocks, equal_width
from lightnets_edu.counting import CountTable
from lightnets_edu.models.resnet import Bottleneck
from lightnets_edu.models.wide_resnet import WideBasicBlock, WideResNet
from lightnets_edu.pages import get_widget
from lightnets_edu.pages.exercise import get_exercise


def built(depth: int, width: int, size: int = 32, num_classes: int = 10) -> CountTable:
    return counted(lambda: WideResNet(depth, width, num_classes), 1, 3, size, size)


@pytest.fixture(scope="module")
def explorer():
    return get_widget("wide_resnet_explorer")()


@pytest.mark.parametrize(
    ("depth", "width", "size", "num_classes"),
    [(28, 10, 32, 10), (10, 1, 32, 10), (10, 16, 8, 100), (40, 4, 96, 100), (22, 3, 24, 10), (100, 1, 40, 10)],
)
def test_explorer_equals_the_network(explorer, depth, width, size, num_classes):
    table = built(depth, width, size, num_classes)
    numbers = explorer.evaluate(depth=depth, width=width, input_size=size, num_classes=num_classes)
    assert_totals(numbers, table, "params", "macs", "activations", "memory_access")
    assert numbers["arithmetic_intensity"] == pytest.approx(2 * table.macs / table.memory_access, rel=1e-12)
    for group in (1, 2, 3):
        rows = [row for row in table.rows if row.path.startswith(f"layer{group}.")]
        convolutions = [row for row in rows if row.group == "convolution"]
        assert numbers[f"group_{group}_params"] == sum(row.params for row in rows)
        assert numbers[f"group_{group}_macs"] == sum(row.macs for row in rows)
        assert numbers[f"group_{group}_activations"] == sum(row.activations for row in convolutions)


def test_growth_is_against_the_thin_network(explorer):
    thin, wide = built(16, 1, 64), built(16, 5, 64)
    numbers = explorer.evaluate(depth=16, width=5, input_size=64)
    for name in ("params", "macs", "activations"):
        assert numbers[f"{name}_growth"] == pytest.approx(getattr(wide, name) / getattr(thin, name), rel=1e-12)


def test_the_chapters_rules_and_its_pair():
    # 3 groups of 2 convolutions: a block more in each adds 6 * 9 * (16 k)^2 * 32^2 MACs.
    for width in (1, 6):
        more, less = built(22, width), built(16, width)
        assert more.macs - less.macs == 6 * 9 * (16 * width) ** 2 * 32**2 == 14_155_776 * width**2
        assert more.activations - less.activations == 57_344 * width
    deep, wide = built(40, 6), built(16, 11)
    assert wide.macs / deep.macs == pytest.approx(1, abs=0.001)
    assert wide.params / deep.params == pytest.approx(1, abs=0.031)
    assert wide.activations / deep.activations < 0.75


def test_exercises_agree_with_real_blocks():
    block = count(WideBasicBlock(160, 160), (1, 160, 32, 32))
    assert get_exercise("wide_resnet_block_macs").answer() == block.macs
    wide, thin = (count(Bottleneck(256, width, 256), (1, 256, 8, 8)).macs for width in (128, 64))
    assert get_exercise("wide_resnet_bottleneck_growth").answer() == Fraction(wide, thin)


@pytest.mark.parametrize(("depth", "width", "new_depth"), [(40, 4, 16), (28, 10, 40), (16, 8, 100), (40, 4, 10)])
def test_equal_width_is_the_nearest(depth, width, new_depth):
    wanted = blocks(depth) * width**2
    exact = (wanted / blocks(new_depth)) ** 0.5
    nearest = min(range(1, 40), key=lambda k: abs(k - exact))
    assert equal_width(depth, width, new_depth) == nearest


@pytest.mark.parametrize("depth", study.SHAPES)
def test_the_studys_networks_have_the_depth_of_their_name_and_table_1s_widths(depth):
    blocks, channels = study.SHAPES[depth]
    assert depth == 6 * blocks + 4
    table = counted(study.STUDY.variant(f"depth{depth}").build, 1, 1, 28, 28)
    convolutions = [row for row in table.rows if row.group == "convolution"]
    # With the three shortcuts, without the classifier; as in WRN-40-1, the first is missing where nothing changes.
    unchanged = channels == study.STEM_CHANNELS
    assert len(convolutions) == depth - unchanged
    # A group's 2 N convolutions of 3x3 but its first, as wide as the group; its first and its 1x1 shortcut take the
    # channels of the group before. Maps of 14, 7 and 4 pixels a side.
    macs, before = 9 * study.STEM_CHANNELS * 14**2, study.STEM_CHANNELS
    for times, side in ((1, 14), (2, 7), (4, 4)):
        wide = times * channels
        macs += ((2 * blocks - 1) * 9 * wide**2 + (9 + 1) * before * wide) * side**2
        before = wide
    assert table.macs == macs + 10 * before - unchanged * channels**2 * 14**2


def test_the_studys_times_are_relative_to_depth_16():
    build = study.STUDY.measure.keywords["build"]
    assert counted(build, 1, 1, 28, 28).params == counted(study.STUDY.variant("depth16").build, 1, 1, 28, 28).params
