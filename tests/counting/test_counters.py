"""Other libraries' counts beside ours, in every mode and type: explained in integers, or their own error instead."""

from __future__ import annotations

import copy

import pytest
import torch
import torchvision
from torch import nn

from lightnets_edu import compare_counters, count
from lightnets_edu.counting.counters import CONVENTIONS, constituents


def weight_norm() -> nn.Module:
    return nn.Sequential(torch.nn.utils.weight_norm(nn.Conv2d(3, 4, 3)))


MODELS = {
    "training mode": lambda: torchvision.models.googlenet(weights=None, init_weights=False, aux_logits=True),
    "half": lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).half(),
    "meta": lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).to("meta"),
    "compiled": lambda: torch.compile(nn.Sequential(nn.Conv2d(3, 4, 3))),
    "weight norm": weight_norm,
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MODELS)
def test_every_peer_is_explained(name):
    model = MODELS[name]()
    comparison = compare_counters(model, (2, 3, 64, 64))
    assert [result.error for result in comparison.results] == ["", "", ""]
    torchs, fvcore, torchinfo = (result.unexplained for result in comparison.results)
    assert torchs == fvcore == 0
    # torchinfo passes over a layer whose weight is computed from other parameters, and the comparison says so.
    assert -comparison.table.macs <= torchinfo < 0 if name == "weight norm" else torchinfo == 0
    assert model.training


class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x, y):
        return self.conv(x) + self.conv(y)


def test_a_peer_that_fails_has_its_own_error_in_its_place():
    size = (1, 3, 8, 8)
    comparison = compare_counters(Pair(), {"x": size, "y": size})
    torchs, fvcore, _ = comparison.results
    assert torchs.reported == 2 * comparison.table.macs and not torchs.error
    assert fvcore.error == "TypeError: fvcore takes inputs by place only" and fvcore.unexplained == 0
    assert (
        "–" in str(comparison) and "it fails: TypeError" in str(comparison) and "it fails" in comparison._repr_html_()
    )
    assert comparison.to_dict()["counters"]["fvcore"]["error"]
    by_place = compare_counters(Pair(), [size, size])
    assert [result.unexplained for result in by_place.results] == [0, 0, 0]


@pytest.mark.parametrize("name", ["mobilenet_v2", "resnet18", "squeezenet1_1", "shufflenet_v2_x0_5", "alexnet"])
def test_other_counters_are_explained_to_the_last_unit(name):
    model = torchvision.models.get_model(name)
    state = copy.deepcopy(model.state_dict())
    comparison = compare_counters(model, (1, 3, 64, 64))
    assert [r.counter for r in comparison.results] == ["torch FlopCounterMode", "fvcore", "torchinfo"]
    for result in comparison.results:
        assert result.unexplained == 0, result
    assert comparison.results[0].reported == 2 * comparison.table.macs
    assert len({result.reported for result in comparison.results}) > 1
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert model.training


def test_conventions_are_linear_in_the_constituents():
    numbers = constituents(count(torchvision.models.mobilenet_v2().eval()))
    assert all(set(factors) <= set(numbers) for factors in CONVENTIONS.values())
    # COUNTERS: MobileNetV2 is 300.77, 300.81, 307.45 ... million, depending on whom you ask.
    totals = {c: sum(f * numbers[n] for n, f in factors.items()) for c, factors in CONVENTIONS.items()}
    assert totals["MACs"] == 300_774_272
    assert round(totals["torchinfo"] / 1e6, 2) == 300.81
