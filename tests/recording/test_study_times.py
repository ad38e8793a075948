"""Times as measures of a study: of the right work, as a ratio of the right way round."""

from __future__ import annotations

import time

import pytest
import torch
from torch import Tensor, nn

from lightnets_edu.recording.studies import RECIPE, Context, times_beside
from lightnets_edu.training import load_dataset


class Sleeper(nn.Module):
    """A network that takes a known time, and remembers what it was shown."""

    def __init__(self, seconds: float, seen: list) -> None:
        super().__init__()
        self.seconds, self.seen = seconds, seen
        self.head = nn.Linear(28 * 28, 10)

    def __deepcopy__(self, memo: dict) -> Sleeper:
        return Sleeper(self.seconds, self.seen)

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append((tuple(x.shape), self.training))
        time.sleep(self.seconds)
        return self.head(x.flatten(1))


def test_a_network_that_waits_three_times_as_long_takes_three_times_as_long():
    seen: list = []
    images = load_dataset("fashion_mnist", "test", 10)
    trained = Sleeper(0.06, []).eval()
    context = Context(0, RECIPE, images, images, torch.device("cpu"), quick=True, model=trained)
    times = times_beside(context, lambda: Sleeper(0.02, seen))
    assert times.keys() == {"step_time", "image_time"}
    for name, ratio in times.items():
        assert ratio == pytest.approx(3, rel=0.4), name
    # a training step with a batch of the recipe, then the forward pass of one image
    assert list(dict.fromkeys(seen)) == [((RECIPE.batch_size, 1, 28, 28), True), ((1, 1, 28, 28), False)]
    assert not trained.training
