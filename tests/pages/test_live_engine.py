"""The engine that runs networks inside a page computes what PyTorch computes, and knows what it does not know."""

from __future__ import annotations

import pytest
import torch
from playwright.sync_api import Browser
from torch import Tensor, nn

from lightnets_edu.counting import count
from lightnets_edu.models import get_entry, get_model, list_models
from lightnets_edu.pages.clocks import costs_of
from lightnets_edu.pages.live import make
from lightnets_edu.pages.live.rows import UnknownOperationError, network_rows

from .conftest import call
from .live_outputs import PROCESSOR, assert_random_convolutions, network_error, odd_error


@pytest.fixture(scope="module")
def browser(both_browsers: Browser) -> Browser:
    return both_browsers


def test_random_convolutions(page):
    assert_random_convolutions(page, PROCESSOR, 150)


@pytest.mark.parametrize("name", ["ghostnet", "shufflenet_v1", "efficientnet_lite0"])
def test_networks(page, name):
    """Gates and concatenations; groups, shuffles and average pools; uneven zeros and ReLU6."""
    assert network_error(page, name) < 1e-4


def test_what_the_three_networks_do_not_have(page):
    assert odd_error(page, PROCESSOR) < 1e-5


@pytest.mark.parametrize("name", list_models())
def test_rows_have_the_counted_macs(name):
    with torch.device("meta"):
        model = get_model(name)
    side = get_entry(name).input_size
    rows = network_rows(model, (3, side, side))
    assert sum(row.macs for row in rows) == count(model, (1, 3, side, side)).macs == costs_of(name).macs


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (nn.GELU(), "'gelu'"),
        (nn.Upsample(scale_factor=2), "'interpolate'"),
        (nn.Conv2d(3, 3, 3, dilation=2), "dilated"),
        (nn.Conv2d(3, 3, (1, 3)), "one kernel"),
        (nn.AvgPool2d(3, 2, 1, count_include_pad=False), "zeros around the map"),
        (nn.MaxPool2d(3, dilation=2), "dilated pool"),
        (nn.AdaptiveAvgPool2d(3), "cannot pool"),
        (nn.Hardtanh(), "hardtanh from 0 to 6"),
        (nn.LocalResponseNorm(5, beta=0.5), "power 0.75"),
        (nn.Flatten(2), "cannot make"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_what_the_engine_cannot_do_is_refused_by_name(layer, words):
    with pytest.raises(UnknownOperationError, match=words):
        network_rows(nn.Sequential(nn.Conv2d(3, 3, 1), layer), (3, 9, 9))


def test_a_product_of_two_maps_is_refused():
    class Square(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Conv2d(3, 3, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x) * x

    with pytest.raises(UnknownOperationError, match="one number a channel"):
        network_rows(Square(), (3, 9, 9))


@pytest.mark.parametrize("module", make.SOURCES, ids=lambda path: path.stem)
def test_the_kernels_are_those_of_their_source(module):
    assert make.packed(module) == make.compiled(make.SOURCES[module]), "run `python -m lightnets_edu.pages.live.make`"


def test_the_networks_are_those_of_the_registry():
    assert make.packed(make.NETWORKS) == make.described_networks(), "run `python -m lightnets_edu.pages.live.make`"


def test_a_job_that_fails_says_why(page):
    failed = """async ({ Engine }) => {
      const engine = new Engine();
      await engine.start();
      const messages = [];
      const rows = [["warp", [1], [3, 9, 9], []]];
      await engine.ask("build", { rows, shape: [3, 9, 9] }).catch((error) => messages.push(error.message));
      const huge = [["linear", [1], [100000, 1, 1], [0]]];
      await engine.ask("build", { rows: huge, shape: [100000, 1, 1] }).catch((error) => messages.push(error.name));
      engine.stop();
      await engine.ask("output").catch((error) => messages.push(error.constructor.name));
      return messages;
    }"""
    messages = call(page, "live/engine.js", failed)
    assert messages == ["The engine knows no operation warp.", "RangeError", "StoppedError"]
