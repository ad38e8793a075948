"""MobileNetV1: its closed form with symbols, its activations, its block."""

import sympy as sp
import torch

from lightnets_edu import count, get_model
from lightnets_edu.models.cost import network_cost, network_terms
from lightnets_edu.models.mobilenet_v1 import DepthwiseSeparable, layers


def test_closed_form_of_any_width_and_size():
    """With symbols, as the page's sliders need them."""
    percent, side = (sp.Symbol(name, integer=True, positive=True) for name in ("percent", "side"))
    terms = network_terms(layers(percent / 100, size=side)).put({percent: sp.Integer(35), side: sp.Integer(97)})
    cost = network_cost(layers(0.35, size=97))
    assert (terms.params, terms.macs, terms.activations) == (cost.params, cost.macs, cost.activations)


def test_the_activation_is_the_only_difference_between_paper_and_code():
    relu, relu6 = (get_model("mobilenet_v1", width_mult=0.25, activation=name) for name in ("relu", "relu6"))
    assert [type(m).__name__ for m in relu.modules() if "ReLU" in type(m).__name__] == ["ReLU"] * 27
    assert [type(m).__name__ for m in relu6.modules() if "ReLU" in type(m).__name__] == ["ReLU6"] * 27
    assert count(relu).macs == count(relu6).macs


def test_block_shapes():
    assert DepthwiseSeparable(4, 6, stride=2)(torch.zeros(1, 4, 7, 8)).shape == (1, 6, 4, 4)
