"""Where a training begins: weights without batch norm, and options that let a short run be judged."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lightnets_edu.models import get_model, list_models
from lightnets_edu.recording import network_options, start_without_norm
from lightnets_edu.recording.networks import has_batch_norm
from lightnets_edu.training import TrainConfig


def test_networks_without_batch_norm():
    with torch.device("meta"):
        found = {name for name in list_models() if not has_batch_norm(get_model(name))}
    assert found == {"alexnet", "alexnet_2012", "squeezenet1_0", "squeezenet1_1"}


@pytest.mark.parametrize("name", ["alexnet", "squeezenet1_1"])
def test_weights_have_hes_variance_and_the_last_bias_is_one(name):
    model = get_model(name, num_classes=10, small_input=True)
    start_without_norm(model)
    layers = [module for module in model.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
    for layer in layers:
        fan_in = layer.weight[0].numel()
        spread = 6 * (2 * layer.weight.numel()) ** -0.5  # six standard errors of a standard deviation
        assert layer.weight.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=spread)
        assert torch.all(layer.bias == (1 if layer is layers[-1] else 0))


def test_every_image_has_a_score_that_passes_a_gradient():
    """SqueezeNet's scores come out of a ReLU."""
    model = get_model("squeezenet1_1", num_classes=10, small_input=True).eval()
    start_without_norm(model)
    with torch.inference_mode():
        assert (model(torch.randn(8, 3, 32, 32)) > 0).any(dim=1).all()


def test_alexnets_signal_does_not_fade():
    """He et al. 2015: the mean square stays the same. With PyTorch's weights it falls sixfold a layer."""
    model = get_model("alexnet", num_classes=10, small_input=True).eval()
    images = torch.randn(4, 3, 32, 32)
    with torch.inference_mode():
        before = model(images).var(dim=0).mean()
        start_without_norm(model)
        after = model(images).var(dim=0).mean()
    assert after > 100 * before


def test_a_short_run_gets_batch_norms_that_settle():
    config = TrainConfig(image_size=32)
    assert network_options("mnasnet1_0", config, 10, {})["norm_momentum"] == nn.BatchNorm2d(1).momentum
    assert network_options("mnasnet1_0", config, 10, {"norm_momentum": 0.01})["norm_momentum"] == 0.01
    assert "norm_momentum" not in network_options("ghostnet", config, 10, {})
