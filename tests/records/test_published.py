"""Published clocks: the counts beside quoted figures are those of the networks' own code, and each has its source."""

from __future__ import annotations

import re

import pytest
import timm
import torch
import torchvision
from torch import nn

from lightnets_edu.counting import count
from lightnets_edu.models import get_model
from lightnets_edu.records import published_clocks

CLOCKS = published_clocks()
NETWORKS = sorted({network for clock in CLOCKS.values() for network in clock.quoted}, key=lambda one: one.label)
BUILDERS = {"lightnets_edu": get_model, "torchvision": torchvision.models.get_model, "timm": timm.create_model}


def test_every_library_is_used():
    assert {network.library for network in NETWORKS} == set(BUILDERS) and len(NETWORKS) > 60


@pytest.mark.parametrize("network", NETWORKS[::3], ids=lambda network: network.label)
def test_counts_are_those_of_the_code(network):
    with torch.device("meta"):
        model = BUILDERS[network.library](network.name, **dict(network.options)).eval()
    table = count(model, (1, 3, 224, 224))
    layers = sum(isinstance(module, nn.Conv2d | nn.Linear) for module in model.modules())
    assert (network.params, network.macs, network.activations) == (table.params, table.macs, table.activations)
    assert network.layers == layers


@pytest.mark.parametrize("clock", CLOCKS.values(), ids=list(CLOCKS))
def test_every_figure_has_file_commit_and_licence(clock):
    assert re.search(r", commit [0-9a-f]{8} \(Apache-2\.0\), https://github\.com/", clock.source)
    assert clock.file.startswith(("results/benchmark-", "docs/")) and clock.file in clock.citation
    assert clock.unit in ("ms", "images/s") and clock.step in ("forward", "training")
    assert all(figure > 0 for figure in clock.quoted.values())
    for network, figure in clock.quoted.items():
        assert clock.milliseconds(network) == (figure if clock.unit == "ms" else 1000 / figure)


def test_some_figures_as_they_are_printed():
    """Typed here from the sources once more: timm's file for the RTX 4090, and PaddleClas' table of the phone."""
    by_label = {network.label: network for network in NETWORKS}
    ghostnet, small = by_label["ghostnet"], by_label["mobilenet_v1 ×0.25"]
    assert CLOCKS["rtx4090"].quoted[ghostnet] == pytest.approx(15502, abs=1)
    assert (CLOCKS["t4"].quoted[ghostnet], CLOCKS["snapdragon855"].quoted[small]) == (2.6312, 3.22)
    assert CLOCKS["snapdragon855"].of_book()["ghostnet"] == 13.558
    assert "mobilenet_v1 ×0.25" not in CLOCKS["snapdragon855"].of_book()
    assert CLOCKS["i9_10940x"].how.startswith("Intel Core i9-10940X, float32, PyTorch 2.4, torch.compile, results/")
    assert CLOCKS["rtx4090"].words == "GPU: RTX 4090, 512 images" and "batches" in CLOCKS["rtx3090_training"].words
