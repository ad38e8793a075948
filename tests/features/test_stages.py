"""The names of the blocks of every network that has them, by hand."""

import pytest
import torch

from lightnets_edu.features import capture, stage_blocks
from lightnets_edu.models import get_model


def numbered(prefix, count):
    return [f"{prefix}.{index}" for index in range(count)]


# Blocks a stage from the papers' tables: ResNet-50 table 1; RegNetX-400MF depths 1, 2, 7, 12; MobileNetV1 table 1;
# GhostNet's rows by size of the maps. G-Ghost 400MF: stages 3 and 4 are deep enough.
EXPECTED = {
    "resnet50": [numbered(f"layer{s}", n) for s, n in zip((1, 2, 3, 4), (3, 4, 6, 3), strict=True)],
    "regnet_x_400mf": [numbered(f"layer{s}", n) for s, n in zip((1, 2, 3, 4), (1, 2, 7, 12), strict=True)],
    "mobilenet_v1": [numbered(f"blocks.{s}", n) for s, n in enumerate((1, 2, 2, 6, 2))],
    "ghostnet": [
        ["blocks.0.0"],
        ["blocks.1.0", "blocks.2.0"],
        ["blocks.3.0", "blocks.4.0"],
        ["blocks.5.0", *numbered("blocks.6", 5)],
        ["blocks.7.0", *numbered("blocks.8", 4)],
    ],
    "g_ghost_regnet_x_400mf": [
        ["layer1.0"],
        ["layer2.0", "layer2.1"],
        ["layer3.base", *numbered("layer3.layers", 5), "layer3.end"],
        ["layer4.base", *numbered("layer4.layers", 10), "layer4.end"],
    ],
}


@pytest.mark.parametrize("name", EXPECTED)
def test_names_of_the_blocks(name):
    with torch.device("meta"):
        assert stage_blocks(get_model(name)) == EXPECTED[name]


@pytest.mark.parametrize("name", [*EXPECTED, "se_resnet50", "wide_resnet50_2"])
def test_the_maps_of_a_stage_have_one_size_and_the_next_a_smaller_one(name):
    with torch.device("meta"):
        model, images = get_model(name, small_input=True), torch.empty(1, 3, 64, 64)
        stages = stage_blocks(model)
        outputs = capture(model, [block for stage in stages for block in stage], images)
    sides = [{outputs[block].shape[-1] for block in stage} for stage in stages]
    assert all(len(side) == 1 for side in sides)
    sides = [side.pop() for side in sides]
    assert sides == sorted(set(sides), reverse=True)


def test_the_paper_variant_of_g_ghost():
    with torch.device("meta"):
        model = get_model("g_ghost_regnet_x_400mf", variant="paper")
        assert stage_blocks(model)[2] == ["layer3.base", *numbered("layer3.layers", 6)]


@pytest.mark.parametrize("name", ["squeezenet1_1", "wide_resnet16_10", "shufflenet_v2_x0_5", "mnasnet_a1"])
def test_other_networks_are_refused(name):
    with torch.device("meta"), pytest.raises(ValueError, match="known are those of ResNet"):
        stage_blocks(get_model(name))
