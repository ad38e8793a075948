"""Chapter 3: the explorer's numbers are the real network's; the chapter's claims about torchvision hold."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lightnets_edu import count
from lightnets_edu.models.alexnet import AlexNet
from lightnets_edu.pages import get_widget


def built(groups: int, hidden: int, num_classes: int) -> AlexNet:
    """The network of the settings, without memory for its weights; its classifier is exchanged by name."""
    with torch.device("meta"):
        model = AlexNet("2012", groups, num_classes)
        model.classifier[0] = nn.Linear(model.classifier[0].in_features, hidden)
        model.classifier[3] = nn.Linear(hidden, hidden)
        model.classifier[6] = nn.Linear(hidden, num_classes)
    return model.eval()


@pytest.mark.parametrize("groups", [1, 2, 4, 8])
@pytest.mark.parametrize(
    ("size", "hidden", "num_classes"), [(227, 4096, 1000), (224, 512, 10), (67, 4096, 200), (322, 1536, 1000)]
)
def test_explorer_equals_the_real_network(groups, size, hidden, num_classes):
    numbers = get_widget("alexnet_explorer")().evaluate(
        groups=groups, input_size=size, hidden=hidden, num_classes=num_classes
    )
    table = count(built(groups, hidden, num_classes), (1, 3, size, size))
    assert (numbers["params"], numbers["macs"], numbers["activations"]) == (table.params, table.macs, table.activations)
    working = [row for row in table.rows if row.macs]
    names = [f"conv{i}" for i in range(1, 6)] + ["fc6", "fc7", "fc8"]
    assert [numbers[f"{name}_params"] for name in names] == [row.params for row in working]
    assert [numbers[f"{name}_macs"] for name in names] == [row.macs for row in working]
    connected = [row for row in working if row.group == "linear"]
    assert numbers["connected_params"] == sum(row.params for row in connected)
    assert numbers["connected_macs_share"] == pytest.approx(100 * sum(r.macs for r in connected) / table.macs)
