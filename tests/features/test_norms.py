"""Statistics of batch norms: those of the maps themselves, and nothing else changes."""

import copy

import pytest
import torch

from lightnets_edu.features import capture, settle_batch_norms
from lightnets_edu.models import get_model


def make(name, **options):
    return get_model(name, small_input=True, **options)


def norms_of(model):
    return {name: module for name, module in model.named_modules() if isinstance(module, torch.nn.BatchNorm2d)}


def test_statistics_of_one_batch_are_those_of_a_training_step():
    """With momentum 1 a forward pass in training mode leaves the batch's own mean and variance."""
    model = make("mobilenet_v1", width_mult=0.25)
    images = torch.randn(40, 3, 32, 32) + 1
    trained = copy.deepcopy(model).train()
    for norm in norms_of(trained).values():
        norm.momentum = 1.0
    trained(images)
    settle_batch_norms(model, images)
    for name, norm in norms_of(model).items():
        torch.testing.assert_close(norm.running_mean, trained.get_submodule(name).running_mean)
        torch.testing.assert_close(norm.running_var, trained.get_submodule(name).running_var)


def test_after_every_norm_maps_are_centred_and_scaled():
    """Nearly: the running variance is the unbiased one, and some variances are as small as the norm's epsilon."""
    model = make("mobilenet_v1", width_mult=0.25)
    images = torch.randn(40, 3, 32, 32) + 1
    settle_batch_norms(model, images)
    for output in capture(model, norms_of(model), images).values():
        assert output.mean((0, 2, 3)).abs().max() < 0.1
        assert 0.8 < output.var((0, 2, 3)).median() < 1.1


def test_statistics_are_means_over_the_batches():
    model = make("ghostnet", width_mult=0.25)
    images = torch.randn(9, 3, 16, 16)
    settle_batch_norms(model, images, batch_size=4)  # batches of 5 and 4, not of 4, 4 and 1
    stem = capture(model, ["conv_stem"], images)["conv_stem"]
    means, variances = (torch.stack([f(part, (0, 2, 3)) for part in stem.split(5)]) for f in (torch.mean, torch.var))
    torch.testing.assert_close(model.bn1.running_mean, means.mean(0))
    torch.testing.assert_close(model.bn1.running_var, variances.mean(0))


def test_nothing_else_changes():
    model = make("mnasnet_a1", norm_momentum=0.07).train()
    model.blocks[2].eval()
    parameters = copy.deepcopy(dict(model.named_parameters()))
    flags = [module.training for module in model.modules()]
    images = torch.randn(4, 3, 16, 16)
    random = torch.get_rng_state()
    settle_batch_norms(model, images)
    assert all(torch.equal(value, parameters[name]) for name, value in model.named_parameters())
    assert [module.training for module in model.modules()] == flags
    assert torch.equal(torch.get_rng_state(), random)  # no dropout was drawn
    assert {norm.momentum for norm in norms_of(model).values()} == {0.07}


def test_a_g_ghost_network_whose_norms_follow_a_pooling():
    settle_batch_norms(make("g_ghost_regnet_x_200mf"), torch.randn(5, 3, 16, 16), batch_size=2)


def test_errors_teach():
    with pytest.raises(ValueError, match="SqueezeNet has no batch norms"):
        settle_batch_norms(make("squeezenet1_1"), torch.randn(2, 3, 32, 32))
    with pytest.raises(ValueError, match="at least 2 images"):
        settle_batch_norms(make("ghostnet"), torch.randn(1, 3, 32, 32))
    with pytest.raises(ValueError, match="batch_size"):
        settle_batch_norms(make("ghostnet"), torch.randn(4, 3, 32, 32), batch_size=1)
