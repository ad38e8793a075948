"""The squeeze-and-excitation module against the paper's equations."""

import pytest
import torch

from lightnets_edu.models.squeeze_excitation import SqueezeExcitation


def test_the_module_is_the_papers_equations():
    module = SqueezeExcitation(6, 2)
    x = torch.randn(2, 6, 5, 3)
    z = x.flatten(2).mean(2)  # equation 2
    hidden = (z @ module.fc1.weight.flatten(1).T + module.fc1.bias).clamp(min=0)
    s = 1 / (1 + torch.exp(-(hidden @ module.fc2.weight.flatten(1).T + module.fc2.bias)))  # equation 3
    assert torch.allclose(module.gates(x).flatten(1), s, atol=1e-6)
    assert torch.allclose(module(x), x * s[:, :, None, None], atol=1e-6)  # equation 4


def test_the_options_of_the_module():
    module = SqueezeExcitation(4, 2, gate="hard_sigmoid", activation=torch.nn.SiLU)
    x = 20 * torch.randn(3, 4, 2, 2)
    y = module.fc2(torch.nn.functional.silu(module.fc1(x.mean((2, 3), keepdim=True))))
    assert torch.allclose(module.gates(x), torch.clamp((y + 3) / 6, 0, 1), atol=1e-6)
    with pytest.raises(ValueError, match="gate should be 'sigmoid' or 'hard_sigmoid' instead of 'tanh'"):
        SqueezeExcitation(4, 2, gate="tanh")
