"""AlexNet against torchvision's (2014) and against a restatement with two towers and the paper's formula (2012)."""

import pytest
import torch
import torchvision
from agreement import assert_layers_equal_count, assert_same_outputs, fill, published
from torch.nn import functional as F

from lightnets_edu import count, get_model
from lightnets_edu.models.alexnet import layers, local_response_norm
from lightnets_edu.models.cost import network_cost


def on_meta(name, **options):
    with torch.device("meta"):
        return get_model(name, **options)


@pytest.mark.parametrize(
    ("name", "options", "variant"),
    [
        ("alexnet", {}, "one-weird-trick (OWT)"),
        ("alexnet_2012", {}, "2012 grouped (Caffe bvlc)"),
        ("alexnet_2012", {"groups": 1}, "2012 channels, no groups"),
    ],
)
def test_published_numbers_and_closed_forms(name, options, variant):
    row = published("AlexNet", variant)
    model = on_meta(name, **options)
    table = count(model, (1, 3, row["resolution"], row["resolution"]))
    assert (table.params, table.macs, table.activations) == (row["params"], row["macs"], row["activations"])
    version = "2014" if name == "alexnet" else "2012"
    groups = options.get("groups", 2 if version == "2012" else 1)
    for size in (row["resolution"], 97):
        table = count(model, (1, 3, size, size))
        assert_layers_equal_count(layers(version, groups=groups, size=size), table)
        cost = network_cost(layers(version, groups=groups, size=size))
        assert (cost.params, cost.macs, cost.activations, cost.memory_access) == (
            table.params, table.macs, table.activations, table.memory_access,
        )  # fmt: skip
    table = count(on_meta(name, **options, num_classes=10, small_input=True), (1, 3, 32, 32))
    assert_layers_equal_count(layers(version, groups=groups, num_classes=10, small_input=True, size=32), table)


def test_same_network_as_torchvision():
    with torch.device("meta"):
        theirs = torchvision.models.alexnet(num_classes=7, dropout=0.0)
    theirs = fill(theirs)
    ours = on_meta("alexnet", num_classes=7, dropout=0.0).to_empty(device="cpu")
    ours.load_state_dict(theirs.state_dict())
    assert_same_outputs(ours, theirs, ((63, 96), (160, 131)))


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


def test_feature_maps():
    maps = on_meta("alexnet_2012").feature_maps(torch.zeros(1, 3, 227, 227, device="meta"))
    shapes = {stride: tuple(x.shape[1:]) for stride, x in maps.items()}
    assert shapes == {4: (96, 55, 55), 8: (256, 27, 27), 16: (256, 13, 13), 32: (256, 6, 6)}
    shapes = {
        s: tuple(x.shape[1:])
        for s, x in on_meta("alexnet").feature_maps(torch.zeros(1, 3, 224, 224, device="meta")).items()
    }
    assert shapes == {4: (64, 55, 55), 8: (192, 27, 27), 16: (256, 13, 13), 32: (256, 6, 6)}


@pytest.mark.parametrize(("name", "smallest"), [("alexnet", 63), ("alexnet_2012", 67)])
def test_smallest_image(name, smallest):
    model = on_meta(name)
    assert model(torch.zeros(1, 3, smallest, 99, device="meta")).shape == (1, 1000)
    with pytest.raises(ValueError, match=f"at least {smallest} x {smallest} pixels instead of {smallest - 1} x 99"):
        model(torch.zeros(1, 3, smallest - 1, 99, device="meta"))
    small = on_meta(name, small_input=True)
    assert small(torch.zeros(1, 3, 15, 15, device="meta")).shape == (1, 1000)
    with pytest.raises(ValueError, match="at least 15 x 15 pixels instead of 14 x 15"):
        small(torch.zeros(1, 3, 14, 15, device="meta"))


@pytest.mark.parametrize("groups", [0, 3, 2.0, "2"])
def test_wrong_groups(groups):
    with pytest.raises(ValueError, match=r"groups should be 2 .* or 1"):
        get_model("alexnet_2012", groups=groups)
