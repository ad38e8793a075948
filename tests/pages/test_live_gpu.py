"""The engine on the graphics chip computes what PyTorch computes, keeps time, and says what it lacks.

No test needs a chip: Chromium brings a program that stands in for one. Without that program these tests fail.
"""

from __future__ import annotations

import pytest

from .conftest import call
from .live_outputs import GRAPHICS, assert_random_convolutions, network_error, odd_error


def test_random_convolutions(page):
    assert_random_convolutions(page, GRAPHICS)


@pytest.mark.parametrize("name", ["ghostnet", "shufflenet_v1", "efficientnet_lite0"])
def test_networks(page, name):
    assert network_error(page, name, GRAPHICS) < 1e-4


def test_what_the_three_networks_do_not_have(page):
    assert odd_error(page, GRAPHICS) < 1e-5
