"""The clinic's listings: each mistake has the consequence that the chapter shows, each repair removes it."""

from __future__ import annotations

import math

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional

from lightnets_edu import count, get_model
from lightnets_edu.chapters.bug_clinic.listings import cost_formulas, softmax
from lightnets_edu.chapters.bug_clinic.listings.ghost import Repairs, TransientGate, counted_cost, listing_cost
from lightnets_edu.chapters.bug_clinic.listings.groups import grouped_by_width
from lightnets_edu.chapters.bug_clinic.listings.mobilenet import REPAIRED, ListedMobileNet, MobileNetRepairs
from lightnets_edu.chapters.bug_clinic.listings.transfer import (
    cut_last_child,
    last_linear,
    output_shape,
    replace_classifier,
)
from lightnets_edu.chapters.bug_clinic.listings.unregistered import registration

# Measured with torch on a listing that is published, and on its repairs, before this package had its own.
PUBLISHED = (
    (75_423_160, 3_005_184_896, 2_996_352),
    (30_440_728, 3_005_184_896, 2_996_352),
    (12_320_480, 1_146_742_688, 2_996_352),
    (5_144_288, 336_299_936, 2_996_352),
    (3_664_560, 137_832_688, 2_996_352),
    (5_168_428, 139_331_632, 0),
    (5_182_508, 141_150_512, 0),
)


@pytest.mark.parametrize("repairs", range(len(PUBLISHED)))
def test_the_repair_table(repairs):
    cost = listing_cost(Repairs.first(repairs))
    assert (cost.params, cost.macs, cost.transient_macs) == PUBLISHED[repairs]


def test_formula_equals_the_real_listing_at_another_size():
    assert listing_cost(Repairs(), 97) == counted_cost(Repairs(), 97)


def test_repairs_are_counted():
    with pytest.raises(ValueError, match="0 to 6"):
        Repairs.first(7)


def test_transient_layers_are_unknown_and_random():
    seen = registration(TransientGate(), torch.rand(1, 8, 4, 4))
    assert (seen.parameters, seen.entries, seen.repeats) == (0, 0, False)
    known = registration(nn.Conv2d(8, 8, 1), torch.rand(1, 8, 4, 4))
    assert (known.parameters, known.entries, known.repeats) == (72, 2, True)


def test_biases_in_front_of_batch_norms():
    with torch.device("meta"):
        biased, plain = (ListedMobileNet(MobileNetRepairs(no_bias=no_bias)) for no_bias in (False, True))
        reference = count(get_model("mobilenet_v1"))
    extra = sum(p.numel() for p in biased.parameters()) - sum(p.numel() for p in plain.parameters())
    assert extra == 10_944 == sum(m.out_channels for m in plain.modules() if isinstance(m, nn.Conv2d))
    repaired = count(ListedMobileNet(REPAIRED))
    assert (repaired.params, repaired.macs) == (reference.params, reference.macs)


def test_a_classifier_of_ones_stops_the_gradient():
    torch.manual_seed(0)
    for initialise in (False, True):
        repairs = MobileNetRepairs(no_bias=True, initialise=initialise, logits=True, any_size=True)
        model = ListedMobileNet(repairs, 0.25, 10)
        functional.cross_entropy(model(torch.rand(16, 3, 64, 64)), torch.arange(16) % 10).backward()
        gradient = model.features[0][0].weight.grad.abs().max().item()
        assert (gradient > 1e-2) == initialise, gradient


def test_a_fixed_pool_knows_one_size():
    broken = ListedMobileNet(MobileNetRepairs(), 0.25).eval()
    with torch.inference_mode():
        with pytest.raises(RuntimeError, match="too small"):
            broken(torch.rand(1, 3, 192, 192))
        assert len(broken(torch.rand(1, 3, 448, 448))) == 4
        assert len(ListedMobileNet(REPAIRED, 0.25).eval()(torch.rand(1, 3, 448, 448))) == 1


@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_a_softmax_too_many(classes):
    perfect = functional.one_hot(torch.tensor([1]), classes).double()
    assert functional.cross_entropy(perfect, torch.tensor([1])).item() == pytest.approx(softmax.loss_floor(classes))
    labels = torch.arange(64) % classes
    # At equal logits the softmax's derivative is (1 - 1/classes) / classes on the diagonal, -1/classes² beside it; the
    # loss's gradient sums to 0, so it is just divided by the classes.
    assert softmax.gradient_ratio(torch.zeros(64, classes), labels) == pytest.approx(classes, rel=1e-3)


def test_the_tiny_network_learns_better_without_it():
    torch.manual_seed(0)
    images, labels = torch.rand(256, 1, 8, 8), torch.arange(256) % 4
    images += labels[:, None, None, None]
    reached = []
    for extra in (False, True):
        torch.manual_seed(1)
        network = softmax.tiny_network(classes=4, softmax=extra)
        seen = softmax.accuracy_while_learning(network, (images, labels), (images, labels), look_at=(5, 20))
        assert len(seen) == 2 and all(0 <= share <= 1 for share in seen)
        reached.append(seen[-1])
    assert reached[0] > 0.5


def test_the_last_child_is_not_the_classifier():
    with torch.device("meta"):
        assert output_shape(cut_last_child(torchvision.models.resnet18())) == (1, 512, 1, 1)
        for name in ("alexnet", "squeezenet1_0", "mnasnet1_0", "shufflenet_v2_x1_0"):
            shape = output_shape(cut_last_child(get_model(name)))
            assert output_shape(cut_last_child(torchvision.models.get_model(name))) == shape
            assert shape[2:] != (1, 1), name


def test_a_new_classifier_fits():
    with torch.device("meta"):
        model = replace_classifier(get_model("alexnet"), 5)
    assert output_shape(model) == (1, 5)
    assert last_linear(model).in_features == 4096
    with torch.device("meta"), pytest.raises(ValueError, match="no linear layer"):
        replace_classifier(get_model("squeezenet1_0"), 5)


def test_groups_are_not_group_widths():
    with torch.device("meta"):
        right = count(get_model("resnext50_32x4d"))
        wrong_network = grouped_by_width(get_model("resnext50_32x4d"), 32)
    assert {
        m.in_channels // m.groups for m in wrong_network.modules() if isinstance(m, nn.Conv2d) and m.groups > 1
    } == {32}
    assert count(wrong_network).params > right.params


def test_cost_formulas_of_the_article():
    layer = {"in_channels": 3, "out_channels": 6, "kernel_size": 11, "side": 55}
    macs = 11 * 11 * 3 * 6 * 55 * 55
    assert cost_formulas.flops_printed_without_bias(**layer) == 2 * macs == 13_176_900
    assert cost_formulas.exact_flops(**layer) == 13_158_750
    assert cost_formulas.exact_flops(**layer, bias=True) == 2 * macs
    assert cost_formulas.exact_flops(**layer, groups=3, bias=True) == 4_392_300
    assert cost_formulas.exact_flops(**layer, groups=3) == 4_374_150
    wrong = cost_formulas.grouped_flops(**layer, groups=3)
    assert wrong == 2_205_225
    assert math.isclose(2 * macs / wrong, 5.98, abs_tol=0.005)
