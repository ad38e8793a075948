"""Chapter 9's widget against networks that are built with other reduction ratios."""

from __future__ import annotations

from functools import partial

import pytest
from explorers import assert_totals, counted, shown

from lightnets_edu import get_model
from lightnets_edu.models.resnet import DEPTHS, Bottleneck, ResNet
from lightnets_edu.models.squeeze_excitation import SqueezeExcitation


@pytest.mark.parametrize("reduction", [1, 3, 16, 64])
def test_gates_cost_what_a_real_network_says(reduction):
    class Block(Bottleneck):
        def __init__(self, in_channels, width, out_channels, *rest) -> None:
            super().__init__(in_channels, width, out_channels, *rest)
            self.se = SqueezeExcitation(out_channels, out_channels // reduction)

        def residual(self, x):
            return self.se(super().residual(x))

    published = {"stride_in": "1x1", "stem_pool": "ceil"}
    table, plain = (counted(partial(ResNet, DEPTHS[50], block=b, **published)) for b in (Block, Bottleneck))
    numbers = shown("se_reduction_explorer", reduction=reduction)
    assert_totals(numbers, table, "params", "macs")
    assert numbers["added_params"] == table.params - plain.params
    assert numbers["added_macs"] == table.macs - plain.macs


def test_the_papers_ratio_is_the_registered_network():
    assert_totals(shown("se_reduction_explorer"), counted(lambda: get_model("se_resnet50")), "params", "macs")
