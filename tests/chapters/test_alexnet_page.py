"""Chapter 3: the explorer's numbers are the real network's; the chapter's claims about torchvision hold."""

from __future__ import annotations

import pytest
import torch
import torchvision
from explorers import assert_totals, counted, shown
from torch import nn

from lightnets_edu import get_model
from lightnets_edu.models.alexnet import AlexNet


def built(groups: int, hidden: int, num_classes: int) -> AlexNet:
    """The network of the settings; layers that no AlexNet has are exchanged by name."""
    model = AlexNet("2012", num_classes=num_classes)
    for index in (4, 10, 12):  # the convolutions that the paper splits
        old = model.features[index]
        shape = (old.in_channels, old.out_channels, old.kernel_size, old.stride, old.padding)
        model.features[index] = nn.Conv2d(*shape, groups=groups)
    model.classifier[0] = nn.Linear(model.classifier[0].in_features, hidden)
    model.classifier[3] = nn.Linear(hidden, hidden)
    model.classifier[6] = nn.Linear(hidden, num_classes)
    return model


@pytest.mark.parametrize("groups", [1, 2, 4, 8])
@pytest.mark.parametrize(
    ("size", "hidden", "num_classes"), [(227, 4096, 1000), (224, 512, 10), (67, 4096, 200), (322, 1536, 1000)]
)
def test_explorer_equals_the_real_network(groups, size, hidden, num_classes):
    numbers = shown("alexnet_explorer", groups=groups, input_size=size, hidden=hidden, num_classes=num_classes)
    table = counted(lambda: built(groups, hidden, num_classes), 1, 3, size, size)
    assert_totals(numbers, table)
    working = [row for row in table.rows if row.macs]
    names = [f"conv{i}" for i in range(1, 6)] + ["fc6", "fc7", "fc8"]
    assert [numbers[f"{name}_params"] for name in names] == [row.params for row in working]
    assert [numbers[f"{name}_macs"] for name in names] == [row.macs for row in working]
    connected = [row for row in working if row.group == "linear"]
    assert numbers["connected_params"] == sum(row.params for row in connected)
    assert numbers["connected_macs_share"] == pytest.approx(100 * sum(r.macs for r in connected) / table.macs)


@pytest.mark.parametrize("name", ["alexnet", "squeezenet1_1", "mnasnet1_0", "resnet50", "efficientnet_b4"])
def test_what_torchvision_calls_gflops_are_macs(name):
    weights = next(iter(torchvision.models.get_model_weights(name)))
    side = weights.transforms().crop_size[0]
    table = counted(lambda: torchvision.models.get_model(name), 1, 3, side, side)
    assert table.params == weights.meta["num_params"]
    assert round(table.macs / 1e9, 3) == weights.meta["_ops"]


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("alexnet", (256, 6, 6)),  # three fully connected layers went with the head
        ("squeezenet1_1", (512, 13, 13)),  # the pooling follows the head
        ("mnasnet1_0", (1280, 7, 7)),  # the pooling is a line of forward
        ("shufflenet_v2_x1_0", (1024, 7, 7)),
    ],
)
def test_cutting_the_last_child_leaves_maps(name, shape):
    with torch.device("meta"):
        image = torch.empty(1, 3, 224, 224)
        cut = nn.Sequential(*list(torchvision.models.get_model(name).eval().children())[:-1])
        assert cut(image).shape[1:] == shape
        assert get_model(name).eval().forward_features(image).shape[1] == shape[0]
