"""Chapter 3b's study: every way of learning starts from, sees and changes what it says."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from lightnets_edu import get_model
from lightnets_edu.chapters.zoo import study as module
from lightnets_edu.counting import count
from lightnets_edu.formulas import conv2d, linear
from lightnets_edu.models.weights import weights_info
from lightnets_edu.recording.studies import RECIPE, Context
from lightnets_edu.training import load_fashion_mnist, seed_everything

STEPS = 3
CHANNELS = (8, 24, 48, 32, 32)


def context(seed: int = 0, model: nn.Module | None = None) -> Context:
    sets = (load_fashion_mnist(split, 300).of_classes(module.OTHERS) for split in ("train", "test"))
    return Context(seed, replace(RECIPE, seed=seed), *sets, torch.device("cpu"), quick=True, model=model)


@pytest.fixture
def base() -> nn.Module:
    seed_everything(0)
    return module.SmallAlexNet(len(module.OTHERS)).eval()


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(module, "QUICK_STEPS", STEPS)
    monkeypatch.setattr(module, "QUICK_TEST_IMAGES", 20)
    monkeypatch.setattr(module, "DRAWS", {5: 2})


@pytest.fixture
def learned(monkeypatch) -> list[dict]:
    """What each training began and ended with."""
    seen: list[dict] = []
    whole = module.learn

    def watched(context, network, inputs, labels, rate):
        before, training = copy.deepcopy(network.state_dict()), network.training
        after = whole(context, network, inputs, labels, rate)
        seen.append({"before": before, "network": after, "training": training, "inputs": inputs, "labels": labels})
        return after

    monkeypatch.setattr(module, "learn", watched)
    return seen


def test_the_network_is_alexnet_of_2014_with_an_eighth_of_its_channels():
    from lightnets_edu.models import alexnet

    assert [8 * channels for channels in CHANNELS] == [row[1] for row in alexnet.TABLE_2014]
    sides, kernels, inputs = (28, 13, 6, 6, 6), (5, 5, 3, 3, 3), (1, *CHANNELS)
    params = macs = 0
    for side, kernel, in_channels, out_channels in zip(sides, kernels, inputs, CHANNELS, strict=False):
        cost = conv2d(
            in_channels=in_channels, out_channels=out_channels, kernel_size=kernel, out_height=side, out_width=side
        )
        params += cost.params + 2 * out_channels  # a batch norm scales and shifts each channel
        macs += cost.macs
    head = linear(in_features=4 * 32, out_features=6)
    table = count(module.SmallAlexNet(6).eval(), (1, 1, 28, 28))
    assert (table.params, table.macs) == (params + head.params, macs + head.macs)


def test_the_tasks_share_no_class_and_all_ways_see_the_same_draws(base, learned):
    assert set(module.OWN) | set(module.OTHERS) == set(load_fashion_mnist("test", 1).class_names)
    assert not set(module.OWN) & set(module.OTHERS)
    for way in (module.from_scratch, module.fine_tuned):
        assert set(way(context(model=base), 0.01)) == {"accuracy_5"}
    module.from_scratch(context(seed=1), 0.01)
    scratch, tuned, other = (one["inputs"] for one in learned)
    assert scratch.shape == (5 * len(module.OWN), 1, 28, 28) and torch.equal(scratch, tuned)
    assert not torch.equal(scratch, other)
    assert torch.bincount(learned[0]["labels"]).tolist() == [5] * len(module.OWN)
    statistics = load_fashion_mnist("train", 300).of_classes(module.OTHERS).normalisation()
    assert scratch.min().item() == pytest.approx(-statistics.mean[0] / statistics.std[0], rel=1e-5)  # black


def test_fine_tuning_begins_with_the_trained_weights_and_changes_all_of_them(base, learned):
    trained = copy.deepcopy(base.state_dict())
    module.fine_tuned(context(model=base), 0.1)
    (one,) = learned
    assert one["training"] and one["network"].classifier.out_features == len(module.OWN)
    for name, value in trained.items():
        assert torch.equal(base.state_dict()[name], value), name  # a copy is trained
        if name.startswith("features."):
            assert torch.equal(one["before"][name], value), name
            assert not torch.equal(one["network"].state_dict()[name], value), name


def test_frozen_convolutions_are_those_of_the_whole_network(base, learned):
    """Only a linear layer is trained, on what the network's own head would get, and nothing of the network changes."""
    trained = copy.deepcopy(base.state_dict())
    module.frozen(context(model=base), 0.1)
    assert all(torch.equal(base.state_dict()[name], value) for name, value in trained.items())
    (one,) = learned
    assert isinstance(one["network"], nn.Linear) and one["inputs"].shape == (20, base.classifier.in_features)
    heard = []
    base.classifier.register_forward_hook(lambda layer, inputs, output: heard.append(inputs[0]))
    few = load_fashion_mnist("train").of_classes(module.OWN).drawn(5, module.mixed_seed(0, 5, 0) % 2**32)
    with torch.inference_mode():
        base(module.as_the_six(context(), few.images))
    torch.testing.assert_close(heard[0], one["inputs"])


def test_the_images_are_prepared_as_imagenets_weights_want_them():
    """Beside the preparation that the weights' file names: a resize and a normalisation."""
    from torchvision.transforms import v2

    images = load_fashion_mnist("test", 5).images
    prepared = module.as_imagenet(context(), images)
    info = weights_info(module.IMAGENET_NETWORK)
    side = module.IMAGENET_SIDE
    resize = v2.Resize((side, side), v2.InterpolationMode(info.interpolation), antialias=False)
    wanted = v2.functional.normalize(
        resize(images.float() / 255).clamp(0, 1).expand(-1, 3, -1, -1), list(info.mean), list(info.std)
    )
    torch.testing.assert_close(prepared, wanted, atol=1e-5, rtol=0)


@pytest.mark.parametrize("way", ["imagenet_frozen", "imagenet_tuned"])
def test_imagenets_network_is_the_one_of_the_book(way, learned, monkeypatch):
    monkeypatch.setattr(module, "DRAWS", {2: 1})
    monkeypatch.setattr(module, "IMAGENET_SIDE", 32)
    getattr(module, way)(context(), 0.001)
    (one,) = learned
    trained = get_model(module.IMAGENET_NETWORK, weights="imagenet").eval()
    if way == "imagenet_frozen":
        few = load_fashion_mnist("train").of_classes(module.OWN).drawn(2, module.mixed_seed(0, 2, 0) % 2**32)
        with torch.inference_mode():
            maps = trained.forward_features(module.as_imagenet(context(), few.images))
        torch.testing.assert_close(one["inputs"], maps.mean((2, 3)), atol=1e-4, rtol=1e-4)
        return
    for name, value in trained.state_dict().items():
        if not name.startswith("classifier."):
            assert torch.equal(one["before"][name], value), name
    assert one["network"].classifier[1].out_features == len(module.OWN)


def test_learning_lowers_the_loss_and_depends_on_the_seed_alone(base):
    few = load_fashion_mnist("train").of_classes(module.OWN).drawn(5, 0)
    images = module.as_the_six(context(), few.images)
    networks = []
    for seed in (0, 0, 1):
        seed_everything(7)
        network = module.SmallAlexNet(len(module.OWN)).train()
        before = nn.functional.cross_entropy(network(images), few.labels).item()
        networks.append(module.learn(replace(context(seed), quick=False), network, images, few.labels, 0.01))
        assert not network.training
        assert nn.functional.cross_entropy(network(images), few.labels).item() < before / 2
    first, again, other = (dict(network.state_dict()) for network in networks)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)
