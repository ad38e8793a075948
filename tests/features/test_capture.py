"""Capturing outputs: right values, in spite of layers that overwrite them, and a network left as it was."""

import copy
import io

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lightnets_edu.features import capture
from lightnets_edu.models import get_model


@pytest.fixture(scope="module")
def mobilenet():
    return get_model("mobilenet_v1", width_mult=0.25, small_input=True, num_classes=10)


@pytest.fixture
def images():
    return torch.randn(5, 3, 16, 16)


def test_outputs_are_those_of_the_functions_by_hand(mobilenet, images):
    block = mobilenet.blocks[0][0]
    got = capture(mobilenet, ["bn1", "conv_stem", "blocks.0.0.conv_dw"], images)
    stem = F.conv2d(images, mobilenet.conv_stem.weight, padding=1)
    norm = mobilenet.bn1
    normed = F.batch_norm(stem, norm.running_mean, norm.running_var, norm.weight, norm.bias)
    depthwise = F.conv2d(normed.relu(), block.conv_dw.weight, padding=1, groups=stem.shape[1])
    assert list(got) == ["bn1", "conv_stem", "blocks.0.0.conv_dw"]
    torch.testing.assert_close(got["conv_stem"], stem.detach())
    torch.testing.assert_close(got["bn1"], normed.detach())  # although the next ReLU overwrites it
    assert (got["bn1"] < 0).any()
    torch.testing.assert_close(got["blocks.0.0.conv_dw"], depthwise.detach())


def test_batches_give_the_same_as_all_at_once(mobilenet, images):
    whole, parts = (capture(mobilenet, ["blocks.1.0", "classifier"], images, batch_size=n) for n in (64, 2))
    for name, output in whole.items():
        torch.testing.assert_close(parts[name], output, rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        torch.testing.assert_close(whole["classifier"], copy.deepcopy(mobilenet).eval()(images))


def test_none_means_every_convolution_in_the_order_of_running(images):
    for name, stage in (("mobilenet_v1", None), ("g_ghost_regnet_x_200mf", "layer3")):
        model = get_model(name, small_input=True)
        order = []
        for path, module in model.named_modules():
            if isinstance(module, nn.Conv2d):
                module.register_forward_hook(lambda *_, path=path, order=order: order.append(path))
        got = capture(model, None, images)
        assert list(got) == order
        assert set(order) == {n for n, m in model.named_modules() if isinstance(m, nn.Conv2d)}
        if stage:  # registered before the thin blocks, but run after them
            assert order.index(f"{stage}.end.conv1") > order.index(f"{stage}.layers.1.conv3")


def test_a_module_that_runs_several_times_gives_its_last_output(images):
    model = get_model("resnet50", small_input=True)
    got = capture(model, ["layer1.0", "layer1.0.relu"], images[:2])
    assert got["layer1.0"].shape == (2, 256, 16, 16)
    torch.testing.assert_close(got["layer1.0.relu"], got["layer1.0"])


def test_the_model_is_left_as_it_was(images):
    model = get_model("ghostnet", width_mult=0.5, small_input=True).train()
    model.blocks[2].eval()
    model.bn1.requires_grad_(False)

    def snapshot():
        stream = io.BytesIO()
        torch.save(model.state_dict(), stream)
        flags = [module.training for module in model.modules()]
        hooks = [
            len(getattr(module, kind)) for module in model.modules() for kind in vars(module) if kind.endswith("_hooks")
        ]
        return stream.getvalue(), flags, hooks, [p.requires_grad for p in model.parameters()]

    before = snapshot()
    got = capture(model, None, images)
    assert snapshot() == before
    assert not any(output.requires_grad for output in got.values())
    with pytest.raises(ValueError):
        capture(model, ["conv_stem"], images[:, :1])  # the network refuses grey images in the middle of the run
    assert snapshot() == before


def test_captured_maps_can_be_changed_and_trained_on(mobilenet, images):
    maps = capture(mobilenet, ["conv_stem"], images)["conv_stem"]
    maps -= maps.mean()
    layer = nn.Conv2d(maps.shape[1], 1, 1)
    layer(maps).sum().backward()
    assert layer.weight.grad is not None


class TwoOutputs(nn.Module):
    def forward(self, x):
        return x, x


class TwoAtOnce(nn.Module):
    def __init__(self):
        super().__init__()
        self.two = TwoOutputs()
        self.flat = nn.Flatten(0)
        self.unused = nn.Sequential(nn.ReLU(), nn.ReLU())

    def forward(self, x):
        return self.flat(self.two(x)[0])


@pytest.mark.parametrize(
    ("layers", "sentence"),
    [
        (["two"], "should return one tensor with a row for each image, not tuple"),
        (["flat"], r"not \(3840,\)"),
        (["unused"], r"not called.*'unused.0', 'unused.1'"),
        (["unusde"], "no module 'unusde'; the nearest names are 'unused'"),
        (["zzzz"], "the nearest names are"),
        ("two", r"a list of names such as \['two'\]"),
    ],
)
def test_layers_that_cannot_be_captured(layers, sentence, images):
    with pytest.raises(ValueError, match=sentence):
        capture(TwoAtOnce(), layers, images)


@pytest.mark.parametrize(
    "wrong", [torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.zeros(0, 3, 8, 8), torch.tensor(1.0), [1.0]]
)
def test_images_that_are_none(mobilenet, wrong):
    with pytest.raises(ValueError, match="images should be a float tensor"):
        capture(mobilenet, ["conv_stem"], wrong)
    with pytest.raises(ValueError, match="batch_size"):
        capture(mobilenet, ["conv_stem"], torch.zeros(1, 3, 8, 8), batch_size=0)
