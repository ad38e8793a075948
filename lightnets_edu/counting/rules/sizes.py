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


def with_sizes(shape: Sequence[int], axis: int, *sizes: int) -> Shape:
    """The shape with these sizes (none, one or several) in the place of one axis."""
    axis %= len(shape)
    return (*shape[:axis], *sizes, *shape[axis + 1 :])


def with_axis(shape: Sequence[int], axis: int, size: int) -> Shape:
    """The shape with one axis more, which has the place ``axis`` in the result."""
    axis %= len(shape) + 1
    return (*shape[:axis], size, *shape[axis:])


def named_axes(shape: Sequence[int], dim: int | Sequence[int] | None) -> set[int]:
    """The places of the axes that an operation is told to treat: one, several, or None for all."""
    dims = range(len(shape)) if dim is None else (dim,) if isinstance(dim, int) else dim
    return {d % len(shape) for d in dims}


def arguments(given: tuple) -> tuple:
    """Sizes or axes that may come one by one or as one tuple: ``x.view(2, 3)`` and ``x.view((2, 3))``."""
    return given if len(given) != 1 or isinstance(given[0], int) else tuple(given[0])


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
