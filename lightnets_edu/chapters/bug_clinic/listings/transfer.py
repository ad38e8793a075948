"""Feature extraction by cutting off the last child, and what a new classifier then meets."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def cut_last_child(model: nn.Module) -> nn.Sequential:
    """Everything but the last child. Works for ResNets, and only by luck for others."""
    return nn.Sequential(*list(model.children())[:-1])


def last_linear(model: nn.Module) -> nn.Linear:
    """The classifier's last linear layer.

    Raises:
        ValueError: If the network has none; SqueezeNet, for one, ends in a convolution.
    """
    found = [module for module in model.modules() if isinstance(module, nn.Linear)]
    if not found:
        raise ValueError(f"{type(model).__name__} has no linear layer: look for the convolution that makes the classes")
    return found[-1]


def replace_classifier(model: nn.Module, classes: int) -> nn.Module:
    """The repair: give the network a new last layer that takes exactly what the old one took.

    Args:
        model: Changed in place; its other layers keep their weights.
        classes: Outputs of the new layer.

    Returns:
        The same network.

    Raises:
        ValueError: If the network has no linear layer.
    """
    old = last_linear(model)
    path = next(name for name, module in model.named_modules() if module is old)
    parent, _, name = path.rpartition(".")
    setattr(model.get_submodule(parent), name, nn.Linear(old.in_features, classes))
    return model


def output_shape(model: nn.Module, size: int = 224) -> tuple[int, ...]:
    """The shape of what a network gives for one image.

    Args:
        model: On any device; nothing is computed if it is on ``meta``.
        size: Side of the image.
    """
    device = next(model.parameters()).device
    image: Tensor = torch.zeros(1, 3, size, size, device=device)
    with torch.inference_mode():
        return tuple(model.eval()(image).shape)
