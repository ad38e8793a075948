"""The few pieces that several networks share."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import sympy as sp
import torch.nn.functional as F
from torch import Tensor, nn

from lightnets_edu.formulas.layers import make_divisible

Activation = Callable[[], nn.Module]


def relu() -> nn.Module:
    """A ReLU that overwrites its input, as every network here uses it."""
    return nn.ReLU(inplace=True)


def relu6() -> nn.Module:
    """min(max(x, 0), 6): a ReLU that fits into few bits."""
    return nn.ReLU6(inplace=True)


class SameConv2d(nn.Conv2d):
    """A convolution with TensorFlow's padding "SAME", which depends on the size of the input.

    The output has ceil(size / stride) pixels on a side, and just as many zeros are added as the kernel then needs:
    max((ceil(size / stride) - 1) * stride + kernel - size, 0), half of them before the map, and an odd one behind it.
    PyTorch's padding is the same on both sides. With stride 1 and an odd kernel the two agree; with stride 2 and an
    even size TensorFlow's windows begin a pixel later, so weights trained with one padding are wrong with the other.

    Arguments as for ``torch.nn.Conv2d``, without ``padding`` and ``dilation``.

    Shape:
        ``[N, C_in, H, W] -> [N, C_out, ceil(H / stride), ceil(W / stride)]``
    """

    def forward(self, x: Tensor) -> Tensor:
        """Add the zeros that this size needs, and convolve."""
        zeros: list[int] = []
        for dim in (1, 0):  # torch.nn.functional.pad begins with the last dimension
            size, kernel, stride = x.shape[2 + dim], self.kernel_size[dim], self.stride[dim]
            total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            zeros += [total // 2, total - total // 2]
        return super().forward(F.pad(x, zeros))


def initialise_convolution(module: nn.Module) -> None:
    """He's normal initialisation by a convolution's outputs (arXiv:1502.01852), bias zero; for ``Module.apply``."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def scaled_channels(channels: int, width_mult: Any, divisor: int = 8) -> Any:
    """Channels times the width multiplier, rounded to a multiple of ``divisor`` and not down by more than a tenth.

    Args:
        channels: Of the network that is not scaled.
        width_mult: A number such as 0.5, or a SymPy expression such as ``Symbol("percent", integer=True) / 100``, whose
            numerator and denominator are whole numbers.
        divisor: The result is a multiple of this.

    Returns:
        An int, or an expression if the multiplier is one.

    Raises:
        ValueError: If the multiplier is neither an expression nor a positive number.
    """
    if isinstance(width_mult, sp.Expr):
        numerator, denominator = sp.fraction(width_mult)
        return make_divisible(channels=channels, numerator=numerator, denominator=denominator, divisor=divisor)
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
