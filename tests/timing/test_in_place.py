"""Operations timed in a pass: as many as the pass runs, in its order, and none of them takes longer than the pass."""

from __future__ import annotations

import time

import pytest
import torch
from torch import nn

from lightnets_edu import get_model
from lightnets_edu.timing import forward_step, operations, seconds_in_place
from lightnets_edu.timing.in_place import between_operations

SIZE = (1, 3, 64, 64)


@pytest.mark.parametrize("name", ["shufflenet_v1", "se_resnet50", "alexnet_2012", "ghostnet"])
def test_every_operation_has_its_seconds(name):
    size = (1, 3, 227, 227) if name == "alexnet_2012" else SIZE
    model = get_model(name).eval()
    ops = operations(model, size)
    seconds, whole = seconds_in_place(forward_step(model, size, device="cpu"), ops, passes=2)
    assert len(seconds) == len(ops) and min(seconds) > 0 and whole > 0


class Slow(nn.Module):
    """Two sums with a pause between them."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + 1
        time.sleep(0.02)
        return x + 1


def test_what_passes_between_two_operations_is_no_part_of_them():
    step = forward_step(Slow(), SIZE, device="cpu")
    ops = operations(Slow(), SIZE)
    seconds, whole = seconds_in_place(step, ops, passes=3)
    assert len(seconds) == 2 and whole >= 0.02 > max(seconds)
    assert between_operations(step, ops) >= 0.009


def test_other_operations_are_refused():
    step = forward_step(nn.ReLU(), SIZE, device="cpu")
    with pytest.raises(ValueError, match="the pass runs 1 operations, 0 of them convolutions, and not the 2"):
        seconds_in_place(step, operations(Slow(), SIZE))
