"""Gates of every family of networks that has them, and the share of their variance that lies between classes."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lightnets_edu.features import (
    capture_gates,
    class_specificity,
    closed_gate,
    gate_modules,
    gates_by_class,
    permuted_specificity,
    replaced_gates,
)
from lightnets_edu.models import get_model
from lightnets_edu.models.squeeze_excitation import SqueezeExcitation

MODULES = {  # SE modules: 16 bottlenecks; A1's rows with SE: 3 + 2 + 3; small's: 4 + 3 + 3; GhostNet's 7 SE rows
    "se_resnet50": 16,
    "se_resnext50_32x4d": 16,
    "mnasnet_a1": 8,
    "mnasnet_small": 10,
    "ghostnet": 7,
}


@pytest.mark.parametrize("name", MODULES)
def test_gates_are_what_each_channel_is_multiplied_by(name):
    model = get_model(name, small_input=True).train()
    inputs, outputs = {}, {}

    def keep(path, x, out):
        inputs[path], outputs[path] = x.clone(), out.clone()  # the shortcut is added to `out` in place

    for path, module in model.named_modules():
        if isinstance(module, SqueezeExcitation):
            module.register_forward_hook(lambda _, args, out, path=path: keep(path, args[0], out))
    gates = capture_gates(model, torch.randn(3, 3, 16, 16))
    assert list(gates) == list(outputs) == list(gate_modules(model))  # the order in which they run
    assert len(gates) == MODULES[name]
    assert model.training
    for path, gate in gates.items():
        channels = inputs[path].shape[1]
        assert gate.shape == (3, channels) and gate.min() >= 0 and gate.max() <= 1
        torch.testing.assert_close(outputs[path], inputs[path] * gate[:, :, None, None])


def test_a_closed_gate_is_zero_and_opens_again():
    model = get_model("ghostnet", width_mult=0.5, small_input=True).eval()
    name, module = list(gate_modules(model).items())[1]
    images = torch.randn(2, 3, 32, 32)
    before, logits = capture_gates(model, images), model(images)
    seen = []
    handle = module.register_forward_hook(lambda _, args, out: seen.append((args[0], out)))
    with closed_gate(module, 5):
        closed, changed = capture_gates(model, images), model(images)
        with closed_gate(module, 2, value=0.25):
            both = capture_gates(model, images)[name]
    handle.remove()
    assert (seen[0][1][:, 5] == 0).all() and seen[0][0][:, 5].any()
    others = torch.arange(before[name].shape[1]) != 5
    assert (closed[name][:, 5] == 0).all() and torch.equal(closed[name][:, others], before[name][:, others])
    assert not torch.equal(changed, logits)
    assert (both[:, 2] == 0.25).all() and (both[:, 5] == 0).all()
    assert torch.equal(model(images), logits) and not module.gate._forward_hooks


def test_a_gate_opens_again_after_an_error():
    module = SqueezeExcitation(4, 2)
    with pytest.raises(RuntimeError), closed_gate(module, 0):
        raise RuntimeError
    assert not module.gate._forward_hooks


def test_a_closed_gate_learns_nothing():
    module = SqueezeExcitation(4, 2)
    with closed_gate(module, 1):
        module(torch.rand(3, 4, 5, 5)).square().sum().backward()
    gradient = module.fc2.bias.grad
    assert gradient[1] == 0 and (gradient[[0, 2, 3]] != 0).all()


def test_means_by_class():
    gates, labels = torch.rand(30, 4), torch.arange(30) % 3
    expected = np.stack([gates[labels == k].double().numpy().mean(0) for k in range(3)])
    np.testing.assert_allclose(gates_by_class(gates, labels, 3), expected, atol=1e-12)


def anova(gates, labels):
    """1 - variance within / variance in all, weighted by variance: the other side of eta squared."""
    gates, labels = gates.double().numpy(), labels.numpy()
    within = sum(((gates[labels == k] - gates[labels == k].mean(0)) ** 2).sum(0) for k in np.unique(labels))
    variance = gates.var(0) * len(gates)
    eta2 = 1 - within / variance
    return np.average(eta2, weights=variance)


def test_specificity_is_the_weighted_mean_of_eta_squared():
    labels = torch.randint(0, 5, (60,))
    gates = torch.rand(60, 7) * torch.linspace(0.01, 1, 7) + F.one_hot(labels, 7) * torch.linspace(0, 1, 7)
    assert class_specificity(gates, labels) == pytest.approx(anova(gates, labels), abs=1e-9)


def test_specificity_at_its_ends():
    labels = torch.arange(40) % 4
    gates = torch.rand(4, 6)[labels]
    assert class_specificity(gates, labels) == pytest.approx(1)
    same_in_each_class = torch.rand(10, 6).repeat_interleave(4, 0)  # images 4 i ... 4 i + 3 have the classes 0 ... 3
    assert class_specificity(same_in_each_class, labels) == pytest.approx(0, abs=1e-9)
    assert class_specificity(torch.full((40, 6), 1.0), labels) == 0
    assert class_specificity(1 - 1e-8 * torch.rand(40, 6).double(), labels) == 0  # a saturated sigmoid
    assert class_specificity(gates, labels * 3 + 2) == pytest.approx(1)  # labels with gaps


def test_chance_is_k_minus_1_over_n_minus_1():
    gates, labels = torch.rand(6, 2), torch.tensor([0, 0, 0, 1, 1, 2])
    orders = [torch.tensor(order) for order in itertools.permutations(range(6))]
    every = [class_specificity(gates, labels[order]) for order in orders]
    assert np.mean(every) == pytest.approx((3 - 1) / (6 - 1))
    drawn = {permuted_specificity(gates, labels, seed) for seed in range(20)}
    assert all(min(abs(value - known) for known in every) < 1e-12 for value in drawn) and len(drawn) > 5
    assert permuted_specificity(gates, labels, 3) == permuted_specificity(gates, labels, 3)


def test_permuted_labels_lose_the_class():
    labels = torch.arange(500) % 10
    gates = torch.rand(10, 8)[labels] + 0.05 * torch.rand(500, 8)
    assert class_specificity(gates, labels) > 0.9
    drawn = np.mean([permuted_specificity(gates, labels, seed) for seed in range(10)])
    assert drawn == pytest.approx(9 / 499, abs=0.01)


GATES, LABELS = torch.rand(4, 3), torch.tensor([0, 1, 1, 3])
MODULE = SqueezeExcitation(4, 2)


def entered(*arguments):
    with closed_gate(*arguments):
        pass


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: gate_modules(nn.Sequential()),
            "no squeeze-and-excitation module; networks with gates are se_resnet50",
        ),
        (lambda: gates_by_class(GATES, LABELS, 3), "a label is 3"),
        (lambda: gates_by_class(GATES, LABELS, 5), "no image has the label 2, 4"),
        (lambda: class_specificity(GATES, LABELS[:3]), r"labels should be int64 \[4\]"),
        (lambda: class_specificity(GATES, LABELS.float()), "int64"),
        (lambda: class_specificity(GATES, LABELS - 1), "labels count from 0"),
        (lambda: class_specificity(GATES[None], LABELS), r"gates should be \[N, C\]"),
        (lambda: entered(nn.ReLU(), 0), "a ReLU has no gates"),
        (lambda: entered(MODULE, 4), "the module has gates 0 to 3"),
        (lambda: entered(MODULE, 0.5), "whole number"),
        (lambda: entered(MODULE, 0, 1.5), "from 0 .closed. to 1 .open."),
    ],
)
def test_errors_teach(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


def test_replaced_gates_are_what_the_channels_are_multiplied_by():
    model = nn.Sequential(SqueezeExcitation(4, 2), nn.Conv2d(4, 8, 1), SqueezeExcitation(8, 2)).eval()
    x = torch.randn(3, 4, 5, 5)
    own = model(x)
    with replaced_gates(model, lambda name, gates: gates):
        assert torch.equal(model(x), own)
    others = {"0": torch.rand(1, 4, 1, 1), "2": torch.rand(1, 8, 1, 1)}
    with replaced_gates(model, lambda name, gates: others[name].expand_as(gates)):
        torch.testing.assert_close(model(x), model[1](x * others["0"]) * others["2"])
    with pytest.raises(ValueError, match=r"the gates of '0' have the shape \(3, 4, 1, 1\), not \(3, 1, 1, 1\)"):  # noqa: SIM117
        with replaced_gates(model, lambda name, gates: gates[:, :1]):
            model(x)
    assert torch.equal(model(x), own)  # nothing is left behind
    with pytest.raises(ValueError, match="has no squeeze-and-excitation module"):
        replaced_gates(nn.Conv2d(1, 1, 1), lambda name, gates: gates).__enter__()
