"""Chapter 9's widget against networks that are built with other reduction ratios."""

from __future__ import annotations

import pytest
import torch

from lightnets_edu import count, get_model
from lightnets_edu.models.resnet import DEPTHS, Bottleneck, ResNet
from lightnets_edu.models.squeeze_excitation import SqueezeExcitation
from lightnets_edu.pages import get_widget


@pytest.mark.parametrize("reduction", [1, 3, 16, 64])
def test_gates_cost_what_a_real_network_says(reduction):
    class Block(Bottleneck):
        def __init__(self, in_channels, width, out_channels, *rest) -> None:
            super().__init__(in_channels, width, out_channels, *rest)
            self.se = SqueezeExcitation(out_channels, out_channels // reduction)

        def residual(self, x):
            return self.se(super().residual(x))

    class Network(ResNet):
        make_block = Block

    with torch.device("meta"):
        table = count(Network(DEPTHS[50], stride_in="1x1", stem_pool="ceil"))
        plain = count(ResNet(DEPTHS[50], stride_in="1x1", stem_pool="ceil"))
    numbers = get_widget("se_reduction_explorer")().evaluate(reduction=reduction)
    assert (numbers["params"], numbers["macs"]) == (table.params, table.macs)
    assert numbers["added_params"] == table.params - plain.params
    assert numbers["added_macs"] == table.macs - plain.macs


def test_the_papers_ratio_is_the_registered_network():
    with torch.device("meta"):
        table = count(get_model("se_resnet50"))
    numbers = get_widget("se_reduction_explorer")().evaluate()
    assert (numbers["params"], numbers["macs"]) == (table.params, table.macs)
