"""Chapter 3: the explorer's numbers and the drawing are the real network's."""

from __future__ import annotations

import pytest
from explorers import assert_totals, counted, shown
from torch import nn

from lightnets_edu import get_model
from lightnets_edu.chapters.alexnet.towers import layers_of_towers
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


def test_the_towers_are_those_of_the_network():
    """Channels of each layer, and whether a tower reads itself only."""
    model = get_model("alexnet_2012")
    working = [module for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    expected = [
        (module.out_features, "linear")
        if isinstance(module, nn.Linear)
        else (module.out_channels, "grouped" if module.groups == 2 else "standard")
        for module in working
    ]
    assert [(outputs, kind) for _, outputs, kind in layers_of_towers()] == expected
