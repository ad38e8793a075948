"""Operations that make one number of many, or the other way round: pools, reductions, resizing."""

from __future__ import annotations

from math import ceil, floor

from lightnets_edu.counting.rules.sizes import named_axes, per_axis
from lightnets_edu.counting.shapes import ShapeTensor, rule, rule_for_each
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
    x,
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
    x,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
    *,
    kind: str,
) -> ShapeTensor:
    """As a max pool; what the padding counts does not matter here."""
    return max_pool(trace, x, kernel_size, stride, padding, 1, ceil_mode, kind=kind)


@rule_for_each(*(f"adaptive_{pool}_pool{dims}d" for pool in ("avg", "max") for dims in (1, 2, 3)))
def adaptive_pool(trace: Trace, x, output_size, return_indices=False, *, kind: str) -> ShapeTensor:
    """A pool to a given output size; None keeps that side."""
    dims = _dims(kind)
    wanted = (None,) * dims if output_size is None else per_axis(output_size, dims)
    out = tuple(n if size is None else size for n, size in zip(x.shape[-dims:], wanted, strict=True))
    return trace.record(kind, "pooling", (x,), (*x.shape[:-dims], *out))


@rule_for_each("mean", "sum", "amax", "amin", "norm", "var", "std", "logsumexp")
def reduction(trace: Trace, x, dim=None, keepdim=False, *, kind: str, **kwargs) -> ShapeTensor:
    """One number of all along some axes."""
    gone = named_axes(x.shape, dim)
    shape = tuple(1 if i in gone else n for i, n in enumerate(x.shape) if keepdim or i not in gone)
    return trace.record(kind, "pooling", (x,), shape)


@rule("interpolate", "upsample")
def interpolate(trace: Trace, x, size=None, scale_factor=None, *args, **kwargs) -> ShapeTensor:
    """Resize the map to a size, or by a factor."""
    dims = len(x.shape) - 2
    if size is not None:
        out = per_axis(size, dims)
    else:
        factors = (scale_factor,) * dims if isinstance(scale_factor, (int, float)) else scale_factor
        out = tuple(floor(n * f) for n, f in zip(x.shape[2:], factors, strict=True))
    return trace.record("interpolate", "pooling", (x,), (*x.shape[:2], *out))
