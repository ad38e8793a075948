"""Chapter 3b: the chapter's claims about torchvision hold, and its zoo is what torchvision has."""

from __future__ import annotations

import pytest
import torch
import torchvision
from explorers import counted, shown
from torch import nn

from lightnets_edu import get_model
from lightnets_edu.chapters.zoo.networks import shapes_only, zoo_board


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


@pytest.mark.parametrize("name", ["googlenet", "regnet_y_400mf", "shufflenet_v2_x0_5"])
def test_a_network_without_numbers_has_the_shapes_of_the_real_one(name):
    real = torchvision.models.get_model(name, **({"init_weights": False} if name == "googlenet" else {}))
    wanted = {key: value.shape for key, value in real.state_dict().items() if not key.startswith("aux")}
    assert {key: value.shape for key, value in shapes_only(name).state_dict().items()} == wanted
    assert all(value.is_meta for value in shapes_only(name).parameters())


def test_the_board_takes_rows_with_and_without_newer_weights():
    row = {"network": "a", "family": "f", "side": 224, "params": 2, "macs": 3, "activations": 4, "weights": "V1"}
    page = zoo_board([{**row, "top1": 50.0, "newer": None}, {**row, "network": "b", "top1": 60.0, "newer": 70.0}])
    assert "torchvision_zoo" in page._repr_html_()


@pytest.mark.parametrize("classes", [2, 5, 1000])
@pytest.mark.parametrize(
    "name", ["alexnet", "resnet50", "ghostnet", "mobilenet_v1", "shufflenet_v2_x1_0", "mnasnet1_0"]
)
def test_a_new_head_costs_what_the_network_with_it_has(name, classes):
    with torch.device("meta"):
        model = get_model(name, num_classes=classes)
    every = sum(parameter.numel() for parameter in model.parameters())
    model.requires_grad_(False)
    head = [module for module in model.modules() if isinstance(module, nn.Linear)][-1].requires_grad_(True)
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    numbers = shown("new_head_explorer", network=name, classes=classes)
    assert (numbers["params"], numbers["head_params"]) == (every, trained)
    assert numbers["head_inputs"] == head.in_features
    assert numbers["frozen_bytes"] == 4 * (every + 2 * trained) and numbers["tuned_bytes"] == 12 * every
