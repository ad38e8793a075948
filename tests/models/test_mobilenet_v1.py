"""MobileNetV1 against the paper's and the reference's numbers, timm's network, and its own closed form."""

import json
from pathlib import Path

import pytest
import sympy as sp
import timm
import torch

from lightnets_edu import count, get_model
from lightnets_edu.models.cost import network_cost, network_terms
from lightnets_edu.models.mobilenet_v1 import DepthwiseSeparable, layers

REFERENCE = json.loads((Path(__file__).parents[1] / "data" / "models.json").read_text())
ROWS = [row for row in REFERENCE if row["model"] == "MobileNetV1"]


def width_of(row: dict) -> float:
    text = row["variant"].split()[0]
    return float(text.removeprefix("alpha="))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['variant']} {row['resolution']}")
def test_reference_numbers(row):
    width = width_of(row)
    model = get_model("mobilenet_v1", width_mult=width)
    table = count(model, (1, 3, row["resolution"], row["resolution"]))
    assert (table.params, table.macs, table.activations) == (row["params"], row["macs"], row["activations"])
    assert sum(p.numel() for p in model.parameters()) == row["params"]


@pytest.mark.parametrize("size", [224, 97])
@pytest.mark.parametrize("width", [1.0, 0.35])
@pytest.mark.parametrize("small_input", [False, True])
def test_closed_form_layer_by_layer(width, size, small_input):
    model = get_model("mobilenet_v1", width_mult=width, num_classes=10, small_input=small_input)
    formulas = list(layers(width, num_classes=10, small_input=small_input, size=size))
    table = count(model, (1, 3, size, size))
    rows = {row.path: row for row in table.rows}
    for name, formula, settings in formulas:
        cost, row = formula(**settings), rows[name]
        counted = (row.params, row.macs, row.activations, row.memory_access)
        assert (cost.params, cost.macs, cost.activations, cost.memory_access) == counted
    total = network_cost(formulas)
    assert (total.params, total.macs, total.activations, total.memory_access) == (
        table.params, table.macs, table.activations, table.memory_access,
    )  # fmt: skip


def test_closed_form_of_any_width_and_size():
    """With symbols, as the page's sliders need them."""
    percent, side = (sp.Symbol(name, integer=True, positive=True) for name in ("percent", "side"))
    terms = network_terms(layers(percent / 100, size=side)).put({percent: sp.Integer(35), side: sp.Integer(97)})
    cost = network_cost(layers(0.35, size=97))
    assert (terms.params, terms.macs, terms.activations) == (cost.params, cost.macs, cost.activations)


@pytest.mark.parametrize("size", [224, 113])
@pytest.mark.parametrize("training", [False, True])
def test_timm_weights_give_the_same_output(size, training):
    theirs = timm.create_model("mobilenetv1_100", num_classes=10).train(training)
    ours = get_model("mobilenet_v1", num_classes=10, activation="relu6").train(training)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    images = torch.randn(2, 3, size, size)
    with torch.no_grad():
        assert torch.equal(ours(images), theirs(images))
    for name, buffer in theirs.named_buffers():
        assert torch.equal(ours.get_buffer(name), buffer), name


def test_the_activation_is_the_only_difference_between_paper_and_code():
    relu, relu6 = (get_model("mobilenet_v1", width_mult=0.25, activation=name) for name in ("relu", "relu6"))
    assert [type(m).__name__ for m in relu.modules() if "ReLU" in type(m).__name__] == ["ReLU"] * 27
    assert [type(m).__name__ for m in relu6.modules() if "ReLU" in type(m).__name__] == ["ReLU6"] * 27
    assert count(relu).macs == count(relu6).macs


def test_feature_maps_have_the_strides_of_a_backbone():
    maps = get_model("mobilenet_v1").feature_maps(torch.zeros(1, 3, 64, 96))
    assert {stride: tuple(x.shape[1:]) for stride, x in maps.items()} == {
        2: (64, 32, 48), 4: (128, 16, 24), 8: (256, 8, 12), 16: (512, 4, 6), 32: (1024, 2, 3),
    }  # fmt: skip


def test_block_shapes():
    assert DepthwiseSeparable(4, 6, stride=2)(torch.zeros(1, 4, 7, 8)).shape == (1, 6, 4, 4)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"activation": "gelu"}, "activation should be 'relu' or 'relu6' instead of 'gelu'"),
        ({"width_mult": 0}, "width_mult should be larger than 0 instead of 0"),
        ({"width_mult": "wide"}, "width_mult should be a number such as 0.5 instead of 'wide'"),
    ],
)
def test_bad_options_are_explained(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        get_model("mobilenet_v1", **options)


def test_images_of_the_wrong_shape_are_explained():
    with pytest.raises(ValueError, match=r"needs images of shape \(N, 3, H, W\) instead of \(1, 1, 32, 32\)"):
        get_model("mobilenet_v1")(torch.zeros(1, 1, 32, 32))
