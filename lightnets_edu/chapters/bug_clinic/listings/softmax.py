"""A softmax inside the model, in front of a loss that applies one again."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


def loss_floor(classes: int) -> float:
    """The least loss that such a model can reach, with a perfect and certain answer.

    The softmax then gives 1 for the right class and 0 for the others; the loss's own softmax makes
    e / (e + classes - 1) of it.

    Args:
        classes: How many there are.
    """
    return math.log(1 + (classes - 1) / math.e)


def gradient_ratio(logits: Tensor, labels: Tensor) -> float:
    """How many times smaller the loss's gradient becomes with a softmax too many.

    Args:
        logits: [N, classes]; what the classifier gives.
        labels: [N].

    Returns:
        Norm of the gradient for the logits without the extra softmax, divided by the norm with it.
    """
    norms = []
    for end in (nn.Identity(), nn.Softmax(dim=1)):
        leaf = logits.detach().clone().requires_grad_()
        functional.cross_entropy(end(leaf), labels).backward()
        norms.append(leaf.grad.norm().item())
    return norms[0] / norms[1]


def tiny_network(channels: int = 1, classes: int = 10, softmax: bool = False) -> nn.Sequential:
    """A network of three convolutions, small enough to be trained while the reader waits.

    Shape:
        ``[N, channels, H, W] -> [N, classes]``
    """
    layers: list[nn.Module] = []
    for out in (16, 32, 64):
        layers += [nn.Conv2d(channels, out, 3, 2, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU()]
        channels = out
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)]
    return nn.Sequential(*layers, *head, *([nn.Softmax(dim=1)] if softmax else []))


def accuracy_while_learning(
    model: nn.Module,
    train: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
    *,
    look_at: tuple[int, ...],
    seed: int = 0,
    batch_size: int = 64,
    learning_rate: float = 0.05,
) -> list[float]:
    """Train with plain SGD and cross-entropy, and look at the test accuracy after some of the steps.

    Args:
        model: Is trained in place.
        train: Images [N, C, H, W] and labels [N].
        test: The same of other images.
        look_at: Numbers of steps, growing; the last is where the training ends.
        seed: Decides the order of the images.
        batch_size: Images a step.
        learning_rate: Constant; momentum is 0.9.

    Returns:
        The share of right answers after each of ``look_at``.
    """
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.SGD(model.parameters(), learning_rate, momentum=0.9)
    seen = []
    for step in range(1, look_at[-1] + 1):
        batch = torch.randint(len(train[1]), (batch_size,), generator=generator)
        model.train()
        optimiser.zero_grad()
        functional.cross_entropy(model(train[0][batch]), train[1][batch]).backward()
        optimiser.step()
        if step in look_at:
            model.eval()
            with torch.inference_mode():
                seen.append((model(test[0]).argmax(1) == test[1]).float().mean().item())
    return seen
