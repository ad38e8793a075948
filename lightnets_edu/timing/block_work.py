"""What the operations of a block work on, as expressions, for predicting the time of a design that is not built yet.

The blocks are those of `lightnets_edu.models.search_space`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

#: (class of operation as in `operations`, MACs if it multiplies, else elements that it reads and writes).
Work = tuple[str, Any]


def convolution_work(kind: str, macs: Any, channels: Any, pixels: Any, activate: bool = True) -> Iterator[Work]:
    """A convolution, the batch norm after it, and the ReLU if there is one."""
    yield kind, macs
    yield from norm_work(channels, pixels, activate)


def norm_work(channels: Any, pixels: Any, activate: bool = True) -> Iterator[Work]:
    """A batch norm reads a map and four numbers a channel and writes a map; a ReLU reads and writes a map."""
    yield "batch_norm", 2 * channels * pixels + 4 * channels
    if activate:
        yield "relu", 2 * channels * pixels


def block_work(
    kind: str,
    in_channels: Any,
    out_channels: Any,
    before: Any,
    after: Any,
    *,
    same_shape: bool,
    kernel_size: Any = 3,
    expand_ratio: Any = 3,
) -> Iterator[Work]:
    """The operations of one image's forward pass through a block without squeeze-and-excitation.

    Args:
        kind: One of `search_space.KINDS`.
        in_channels: Channels of the input; may be a symbol, as all numbers here.
        out_channels: Channels of the output.
        before: Pixels of the input map.
        after: Pixels of the output map.
        same_shape: Whether the output has the input's shape.
        kernel_size: Of an inverted residual's depthwise convolution.
        expand_ratio: Of an inverted residual, above 1, or a Ghost bottleneck.
    """
    added = ("add", 3 * out_channels * after)  # two maps are read, one is written
    if kind == "separable":
        yield from convolution_work("depthwise", 9 * in_channels * after, in_channels, after)
        yield from convolution_work("pointwise", in_channels * out_channels * after, out_channels, after)
    elif kind == "inverted_residual":
        hidden = in_channels * expand_ratio
        yield from convolution_work("pointwise", in_channels * hidden * before, hidden, before)
        yield from convolution_work("depthwise", kernel_size**2 * hidden * after, hidden, after)
        yield from convolution_work("pointwise", hidden * out_channels * after, out_channels, after, activate=False)
        if same_shape:
            yield added
    elif kind == "ghost":
        hidden = in_channels * expand_ratio
        yield from _ghost_work(in_channels, hidden, before, activate=True)
        if not same_shape:
            yield from convolution_work("depthwise", 9 * hidden * after, hidden, after, activate=False)
        yield from _ghost_work(hidden, out_channels, after, activate=False)
        if not same_shape:
            yield from convolution_work("depthwise", 9 * in_channels * after, in_channels, after, activate=False)
            macs = in_channels * out_channels * after
            yield from convolution_work("pointwise", macs, out_channels, after, activate=False)
        yield added
    else:
        yield from norm_work(in_channels, before)
        yield from convolution_work("dense", 9 * in_channels * out_channels * after, out_channels, after)
        yield "dense", 9 * out_channels**2 * after
        if not same_shape:
            yield "pointwise", in_channels * out_channels * after
        yield added


def _ghost_work(in_channels: Any, out_channels: Any, pixels: Any, activate: bool) -> Iterator[Work]:
    half = out_channels / 2
    yield from convolution_work("pointwise", in_channels * half * pixels, half, pixels, activate)
    yield from convolution_work("depthwise", 9 * half * pixels, half, pixels, activate)
    yield "cat", 2 * out_channels * pixels
