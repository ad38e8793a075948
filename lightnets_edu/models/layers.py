"""The few pieces that several networks share."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from torch import Tensor, nn

from lightnets_edu.formulas.layers import make_divisible

Activation = Callable[[], nn.Module]


def relu() -> nn.Module:
    """A ReLU that overwrites its input, as every network here uses it."""
    return nn.ReLU(inplace=True)


def relu6() -> nn.Module:
    """min(max(x, 0), 6): a ReLU that fits into few bits."""
    return nn.ReLU6(inplace=True)


def initialise_convolution(module: nn.Module) -> None:
    """He's normal initialisation by a convolution's outputs (arXiv:1502.01852), bias zero; for ``Module.apply``."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def scaled_channels(channels: int, width_mult: float, divisor: int = 8) -> int:
    """Channels times the width multiplier, rounded to a multiple of ``divisor`` and not down by more than a tenth.

    Raises:
        ValueError: If the multiplier is not a positive number.
    """
    try:
        multiplier = Fraction(str(width_mult))
    except ValueError:
        raise ValueError(f"width_mult should be a number such as 0.5 instead of {width_mult!r}") from None
    if multiplier <= 0:
        raise ValueError(f"width_mult should be larger than 0 instead of {width_mult}")
    return make_divisible(
        channels=channels, numerator=multiplier.numerator, denominator=multiplier.denominator, divisor=divisor
    )


def check_images(x: Tensor, in_channels: int = 3) -> None:
    """Refuse what is not a batch of images, with a sentence.

    Raises:
        ValueError: If ``x`` is not ``[N, in_channels, H, W]``.
    """
    if x.dim() != 4 or x.shape[1] != in_channels:
        raise ValueError(f"the network needs images of shape (N, {in_channels}, H, W) instead of {tuple(x.shape)}")
