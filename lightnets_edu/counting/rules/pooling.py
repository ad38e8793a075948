"""Operations that make one number of many: pools and means."""

from __future__ import annotations

from math import ceil

from lightnets_edu.counting.rules.elementwise import is_float
from lightnets_edu.counting.rules.sizes import per_axis
from lightnets_edu.counting.shapes import ShapeTensor, rule_for_each
from lightnets_edu.counting.trace import Trace


def _dims(kind: str) -> int:
    """Over how many axes a pool runs: "max_pool2d" and "MaxPool2d" say it."""
    return int(kind[-2])


def _pool_size(n: int, k: int, s: int, p: int, d: int, ceil_mode: bool) -> int:
    span = n + 2 * p - d * (k - 1) - 1
    size = (ceil(span / s) if ceil_mode else span // s) + 1
    # The last window must start inside the input or its left padding.
    return size - 1 if ceil_mode and (size - 1) * s >= n + p else size


@rule_for_each("max_pool1d", "max_pool2d", "max_pool3d")
def max_pool(
    trace: Trace,
    input,
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode=False,
    return_indices=False,
    *,
    kind: str,
) -> ShapeTensor:
    """A pool over windows; output side as of a convolution, rounded down or up."""
    dims = _dims(kind)
    x = input
    if return_indices or len(x.shape) not in (dims + 1, dims + 2):
        return NotImplemented
    kernel_size = per_axis(kernel_size, dims)
    stride = kernel_size if stride in (None, (), []) else per_axis(stride, dims)
    settings = (kernel_size, stride, per_axis(padding, dims), per_axis(dilation, dims))
    out = tuple(_pool_size(*each, ceil_mode) for each in zip(x.shape[-dims:], *settings, strict=True))
    if min(out) < 1:
        raise ValueError(
            f"{kind} with kernel {kernel_size} does not fit into an input of {tuple(x.shape[-dims:])} pixels: "
            "use a larger image"
        )
    return trace.record(kind, "pooling", (x,), (*x.shape[:-dims], *out), kernel_size=kernel_size)


@rule_for_each("avg_pool1d", "avg_pool2d", "avg_pool3d")
def avg_pool(
    trace: Trace,
    input,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    *,
    kind: str,
) -> ShapeTensor:
    """As a max pool; what the padding counts does not matter here."""
    return max_pool(trace, input, kernel_size, stride, padding, 1, ceil_mode, kind=kind)


@rule_for_each(*(f"adaptive_{pool}_pool{dims}d" for pool in ("avg", "max") for dims in (1, 2, 3)))
def adaptive_pool(trace: Trace, input, output_size, *, kind: str) -> ShapeTensor:
    """A pool to a given output size; None keeps that side."""
    dims, sizes = _dims(kind), input.shape
    if len(sizes) not in (dims + 1, dims + 2):
        return NotImplemented
    wanted = (None,) * dims if output_size is None else per_axis(output_size, dims)
    out = tuple(n if size is None else size for n, size in zip(sizes[-dims:], wanted, strict=True))
    return trace.record(kind, "pooling", (input,), (*sizes[:-dims], *out))


@rule_for_each("mean", "sum")
def reduction(trace: Trace, input, dim=None, keepdim=False, *, kind: str) -> ShapeTensor:
    """One number of all along some axes."""
    axes = len(input.shape)
    dims = range(axes) if dim is None or dim == () else (dim,) if isinstance(dim, int) else dim
    if not is_float(input) or not all(isinstance(d, int) and -axes <= d < axes for d in dims):
        return NotImplemented
    gone = {d % axes for d in dims}
    shape = tuple(1 if i in gone else n for i, n in enumerate(input.shape) if keepdim or i not in gone)
    return trace.record(kind, "pooling", (input,), shape)
