"""Layers that are made while the network runs, which nobody knows of: neither optimiser nor file nor GPU."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Registration:
    """What is known about a module from outside.

    Attributes:
        parameters: Numbers that an optimiser would get.
        entries: Tensors that a file of weights would hold.
        repeats: Whether two evaluations of one input agree.
    """

    parameters: int
    entries: int
    repeats: bool


def registration(module: nn.Module, x: Tensor) -> Registration:
    """Look at a module from outside: ask for its parameters and its state, and run it twice in evaluation mode."""
    module.eval()
    with torch.inference_mode():
        repeats = torch.equal(module(x), module(x))
    return Registration(sum(p.numel() for p in module.parameters()), len(module.state_dict()), repeats)
