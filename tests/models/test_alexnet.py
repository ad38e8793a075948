"""AlexNet of 2012 against a restatement with two towers and the paper's formula of the norm."""

import torch
from agreement import assert_same_outputs, fill, on_meta
from torch.nn import functional as F

from lightnets_edu import get_model
from lightnets_edu.models.alexnet import local_response_norm


def paper_norm(a):
    """Section 3.3, word for word: k = 2, n = 5, alpha = 1e-4, beta = 0.75."""
    maps = a.shape[1]
    sums = [(a[:, max(0, i - 2) : min(maps - 1, i + 2) + 1] ** 2).sum(1) for i in range(maps)]
    return a / (2 + 1e-4 * torch.stack(sums, 1)) ** 0.75


def two_towers(state, x):
    """The 2012 network as its figure 2 draws it: two GPUs, each with half of the kernels of every layer."""

    def convolve(halves, index, crossing=False, **window):
        weights, biases = (state[f"features.{index}.{name}"].chunk(2) for name in ("weight", "bias"))
        halves = (torch.cat(halves, 1),) * 2 if crossing else halves
        return [F.conv2d(h, w, b, **window).relu() for h, w, b in zip(halves, weights, biases, strict=True)]

    def norm_and_pool(halves):
        return [F.max_pool2d(half, 3, 2) for half in paper_norm(torch.cat(halves, 1)).chunk(2, 1)]

    halves = norm_and_pool(convolve((x, x), 0, stride=4))
    halves = norm_and_pool(convolve(halves, 4, padding=2))
    halves = convolve(halves, 8, crossing=True, padding=1)
    halves = convolve(convolve(halves, 10, padding=1), 12, padding=1)
    x = F.adaptive_avg_pool2d(F.max_pool2d(torch.cat(halves, 1), 3, 2), 6).flatten(1)
    for index in (0, 3, 6):
        x = F.linear(x.relu() if index else x, state[f"classifier.{index}.weight"], state[f"classifier.{index}.bias"])
    return x


class TwoTowers(torch.nn.Module):
    def __init__(self, state):
        super().__init__()
        self.state = state

    def forward(self, x):
        return two_towers(self.state, x)


def test_same_network_as_the_papers_two_towers():
    ours = fill(on_meta("alexnet_2012", num_classes=7, dropout=0.0))
    assert_same_outputs(ours, TwoTowers(ours.state_dict()), ((227, 227), (99, 67)), tolerance=1e-6)


def test_local_response_norm_is_the_papers():
    a = 30 * torch.rand(2, 9, 3, 4)
    assert torch.allclose(local_response_norm()(a), paper_norm(a), rtol=1e-6)


def test_initialisation_of_2012():
    features = get_model("alexnet_2012", num_classes=3).features
    biases = [module.bias.unique().tolist() for module in features if isinstance(module, torch.nn.Conv2d)]
    assert biases == [[0], [1], [0], [1], [1]]
    assert abs(features[4].weight.std() - 0.01) < 1e-3
