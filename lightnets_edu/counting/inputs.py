"""From the shapes that a user gives to the arguments of a forward."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

#: A shape; a shape and a type; a list of these; or a dict of these by the names of the forward's arguments.
InputSize = Sequence[Any] | Mapping[str, Any]
Make = Callable[[tuple[int, ...], torch.dtype], Any]


def make_inputs(input_size: InputSize, dtype: torch.dtype, make: Make) -> tuple[tuple, dict[str, Any]]:
    """The arguments of a forward, by place and by name.

    Args:
        input_size: As for `lightnets_edu.count`.
        dtype: The type of a shape that comes without one.
        make: Makes a tensor, or what stands for it, of a shape and a type.

    Raises:
        ValueError: If the input size is not valid.
    """
    if isinstance(input_size, Mapping):
        return (), {name: _make_one(size, dtype, make) for name, size in input_size.items()}
    if _is_typed(input_size) or _is_shape(input_size) or not isinstance(input_size, (list, tuple)):
        return (_make_one(input_size, dtype, make),), {}
    return tuple(_make_one(size, dtype, make) for size in input_size), {}


def _make_one(size: Any, dtype: torch.dtype, make: Make) -> Any:
    """One argument: a tensor, or a list of tensors."""
    if _is_typed(size):
        return make(_checked_shape(size[0]), size[1])
    if isinstance(size, (list, tuple)) and size and not _is_shape(size):
        return [_make_one(part, dtype, make) for part in size]
    return make(_checked_shape(size), dtype)


def _is_shape(size: Any) -> bool:
    return isinstance(size, (list, tuple)) and all(isinstance(n, (int, float)) or hasattr(n, "__index__") for n in size)


def _is_typed(size: Any) -> bool:
    return isinstance(size, (list, tuple)) and len(size) == 2 and isinstance(size[1], torch.dtype)


def _checked_shape(size: Any) -> tuple[int, ...]:
    try:
        shape = tuple(map(operator.index, size))
    except TypeError:
        raise ValueError(f"input_size should be whole numbers such as (1, 3, 224, 224) instead of {size!r}") from None
    if not shape or min(shape) < 1:
        raise ValueError(
            f"input_size should be a batch size, then channels, then sides, all at least 1, such as (1, 3, 224, 224), "
            f"instead of {shape}"
        )
    return shape
