"""What a convolution costs, wrongly: the formulas of an often-read article, as functions.

All of them count floating-point operations of a convolution that writes ``out_channels`` maps of ``side`` x ``side``.
"""

from __future__ import annotations


def flops_printed_without_bias(in_channels: int, out_channels: int, kernel_size: int, side: int) -> int:
    """Said to have no bias, but the value is the one with a bias: 2 K² C_in for each output, instead of one less."""
    return 2 * kernel_size**2 * in_channels * out_channels * side**2


def grouped_flops(in_channels: int, out_channels: int, kernel_size: int, side: int, groups: int) -> int:
    """Two mistakes: ``groups`` stands where the output channels should, and a 1 is added, not subtracted.

    ``out_channels`` is not used at all, which is what is wrong.
    """
    per_output = 2 * kernel_size**2 * in_channels // groups + 1
    return per_output * groups * side**2


def exact_flops(
    in_channels: int, out_channels: int, kernel_size: int, side: int, groups: int = 1, bias: bool = False
) -> int:
    """The repair: each output is a sum of n products, which takes n - 1 additions, and one more with a bias."""
    products = kernel_size**2 * in_channels // groups
    return (2 * products - 1 + int(bias)) * out_channels * side**2
