"""What PyTorch's own kernels multiply: the products below every function, by the name that ATen gives them.

Whatever a forward calls ends in a few kernels. Those that sum products are listed here with the number of their
multiply-accumulates, read off the shapes of what goes in and what comes out. All others multiply nothing that a count
of MACs knows: they add, compare, look up, or copy.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

from torch import Tensor


class Product(NamedTuple):
    """One kernel's sums of products.

    Attributes:
        kind: ATen's name of the kernel.
        group: ``convolution`` or ``matmul``.
        operands: The tensors that are multiplied.
        others: Tensors that are added to the result, such as a bias.
        result: The tensor that comes out.
        macs: Multiply-accumulates.
        kernel_size: Of convolutions, else ().
        groups: Of convolutions, else 1.
    """

    kind: str
    group: str
    operands: tuple[Tensor, ...]
    others: tuple[Tensor, ...]
    result: Tensor
    macs: int
    kernel_size: tuple[int, ...] = ()
    groups: int = 1


def _matrices(kind: str, a: Tensor, b: Tensor, result: Tensor, *others: Tensor) -> Product:
    """Each element of the left matrices meets each column of the right ones: inner * outer sizes."""
    columns = b.shape[-1] if b.dim() > 1 else 1
    return Product(kind, "matmul", (a, b), others, result, a.numel() * columns)


def _convolution(kind: str, args: tuple, result: Tensor) -> Product:
    """Plain: each output sums a window. Transposed: each input is multiplied by a kernel."""
    x, weight, bias, _stride, _padding, _dilation, transposed, _output_padding, groups = args[:9]
    kernel = tuple(weight.shape[2:])
    places = x.numel() if transposed else result.numel()
    others = () if bias is None else (bias,)
    macs = places * weight.shape[1] * prod(kernel)
    return Product(kind, "convolution", (x, weight), others, result, macs, kernel, groups)


def _deformable(kind: str, args: tuple, result: Tensor) -> Product:
    """A convolution (of torchvision) whose window's places are moved: by so many pixels as another map says."""
    x, weight, _offset, _mask, bias = args[:5]
    kernel = tuple(weight.shape[2:])
    macs = result.numel() * weight.shape[1] * prod(kernel)
    return Product(kind, "convolution", (x, weight), (bias,), result, macs, kernel, x.shape[1] // weight.shape[1])


def _attention(kind: str, args: tuple, result: Tensor) -> Product:
    """Query with key, and the weights with value."""
    query, key, value = args[:3]
    macs = (query.numel() + query.numel() // query.shape[-1] * value.shape[-1]) * key.shape[-2]
    return Product(kind, "matmul", (query, key, value), (), result, macs)


def _trilinear(kind: str, args: tuple, result: Tensor) -> Product:
    """``nn.Bilinear``: every pair of features meets in every output."""
    a, weight, b = args[:3]
    return Product(kind, "matmul", (a, weight, b), (), result, a.numel() // a.shape[-1] * weight.numel())


_PRODUCTS: dict[str, Callable[[str, tuple, Tensor], Product]] = {
    **dict.fromkeys(("mm", "bmm", "mv", "dot", "vdot", "_int_mm"), lambda k, a, r: _matrices(k, a[0], a[1], r)),
    **dict.fromkeys(
        ("addmm", "baddbmm", "addbmm", "addmv", "_addmm_activation"), lambda k, a, r: _matrices(k, a[1], a[2], r, a[0])
    ),
    **dict.fromkeys(("convolution", "_convolution", "convolution_overrideable"), _convolution),
    "_trilinear": _trilinear,
    "deform_conv2d": _deformable,
}


def product_of(name: str, args: tuple, result: Any) -> Product | None:
    """The product that a kernel computes, or None if it computes none.

    Args:
        name: ATen's name, such as ``"addmm"``; that of a call in place ends with an underscore.
        args: What it was called with.
        result: What came out.
    """
    name = name.rstrip("_")
    found = _PRODUCTS.get(name) or (_attention if name.startswith("_scaled_dot_product") else None)
    if found is None:
        return None
    return found(name, args, result if isinstance(result, Tensor) else result[0])
