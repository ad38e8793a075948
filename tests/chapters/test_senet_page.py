"""Chapter 9's widget against networks with other reduction ratios, and what its study compares."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from explorers import assert_totals, counted, shown
from torch import nn

from lightnets_edu import get_model
from lightnets_edu.chapters.senet import study
from lightnets_edu.features import gate_modules
from lightnets_edu.models.resnet import DEPTHS, Bottleneck, ResNet
from lightnets_edu.models.senet import SEBottleneck
from lightnets_edu.models.squeeze_excitation import SqueezeExcitation, squeeze_excite
from lightnets_edu.training import ImageDataset


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


def test_the_studys_networks_differ_in_what_is_studied():
    """The gates of r cost what the formula says, and the wider network has as many parameters, to a thousandth."""
    tables = {v.name: counted(v.build, 1, 1, 28, 28) for v in study.STUDY.variants if v.build}
    for name, r in (("gates", 16), ("r4", 4)):
        gates = [squeeze_excite(channels=c, squeeze_channels=c // r) for c, _ in study.BLOCKS]
        assert tables[name].params - tables["plain"].params == sum(gate.params for gate in gates)
        assert tables[name].macs - tables["plain"].macs == sum(gate.macs for gate in gates)
    assert tables["wider"].params == pytest.approx(tables["gates"].params, rel=1e-3)


def test_exchanged_gates():
    """Where all gates are one half already, no exchange changes anything; where they are not, each one does."""
    images, labels = torch.randint(0, 256, (12, 1, 28, 28), dtype=torch.uint8), torch.arange(12) % 10
    images = ImageDataset(images, labels, tuple("abcdefghij"), "noise", "drawn here", is_real=False, split="test")
    seen: dict[str, torch.Tensor] = {}

    class Watched(study.SmallResNet):
        def forward(self, x):
            seen["logits"] = super().forward(x)
            return seen["logits"]

    model = Watched(SEBottleneck).eval()
    context = study.Context(0, study.STUDY.recipe, images, images, torch.device("cpu"), model=model)
    exchanges = study.at_their_means, study.of_another_image, study.all_one_half, study.of_another_channel
    for change in (True, False):
        for module in gate_modules(model).values():
            if change:
                nn.init.normal_(module.fc2.weight, std=10)
            else:
                nn.init.zeros_(module.fc2.weight)
            nn.init.zeros_(module.fc2.bias)
        context.accuracy()
        own = seen["logits"]
        for exchange in exchanges:
            assert 0 <= exchange(context)["accuracy"] <= 100
            assert torch.allclose(seen["logits"], own, atol=1e-6) != change, exchange.__name__
        assert (study.gate_spread(context)["gate_spread"] > 0) == change
