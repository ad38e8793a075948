"""What several rules compute with sizes."""

from __future__ import annotations

from collections.abc import Sequence

Shape = tuple[int, ...]


def per_axis(value: int | Sequence[int], dims: int) -> Shape:
    """A setting for each of ``dims`` axes, given once for all or one by one."""
    if type(value) is tuple and len(value) == dims:
        return value
    if isinstance(value, int):
        return (value,) * dims
    return tuple(value) * dims if len(value) == 1 else tuple(value)


def broadcast(*shapes: Sequence[int]) -> Shape:
    """The shape that several broadcast to."""
    longest = max(map(len, shapes))
    out = []
    for sizes in zip(*((1,) * (longest - len(shape)) + tuple(shape) for shape in shapes), strict=True):
        size = max(sizes) if 0 not in sizes else 0
        if any(n not in (1, size) for n in sizes):
            raise ValueError(f"shapes {' and '.join(str(tuple(shape)) for shape in shapes)} do not broadcast")
        out.append(size)
    return tuple(out)
