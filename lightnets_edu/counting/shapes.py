"""A stand-in for a tensor that has a shape and nothing else, so that a model's own ``forward`` can be run for free.

A `ShapeTensor` is handed to the model in place of an image. Every call that would compute something (``x + y``,
``F.conv2d(x, w)``, ``torch.cat([x, y])``) reaches `call_rule`, which looks the operation up by its name in the rules of
`lightnets_edu.counting.rules`, notes what it costs, and returns the shape of the result. There is no data, no device
and no hook, so nothing of the model can change; an operation without a rule raises instead of counting as nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from lightnets_edu.counting.trace import Trace

Rule = Callable[..., Any]
RULES: dict[str, Rule] = {}


class UnsupportedOperationError(NotImplementedError):
    """The model calls an operation that no counting rule is written for."""


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register a rule for operations of these names, whether called as functions, methods or in place.

    A rule takes ``(trace, *args, **kwargs)`` with the operation's own arguments and returns the result's shape as a
    `ShapeTensor` (or several), after noting its cost with ``trace.record``.
    """

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register


def rule_for_each(*groups: str) -> Callable[[Rule], Rule]:
    """Register one rule for many operations, which is given as ``kind`` what its row is called.

    Args:
        groups: Each the names of one operation, separated by spaces; the first is its ``kind``.
    """

    def register(function: Rule) -> Rule:
        for names in map(str.split, groups):
            RULES.update(dict.fromkeys(names, partial(function, kind=names[0])))
        return function

    return register


def call_rule(trace: Trace, name: str, args: tuple, kwargs: dict | None = None) -> Any:
    """Run the rule of the operation called ``name`` (``add``, ``add_``, ``__add__`` and ``__radd__`` are one).

    Raises:
        UnsupportedOperationError: If there is none.
    """
    found = RULES.get(name) or RULES.get(name.strip("_"))
    if found is None:
        raise UnsupportedOperationError(
            f"there is no counting rule for the operation {name!r}; it would be counted as nothing, so the count "
            "stops here. Write one with @lightnets_edu.counting.rule"
        )
    result = found(trace, *args, **kwargs) if kwargs else found(trace, *args)
    if trace.watch is not None:
        trace.watch(trace, name, args, kwargs or {}, result)
    return result


class ShapeTensor:
    """A shape that can be passed through a model.

    Attributes:
        shape: The sizes, as a tuple of ints.
        trace: Where the operations note what they cost.
        requires_grad: Whether training would send a gradient through it.
        dtype: The element type, which decides nothing here but is asked for by some models.
    """

    __slots__ = ("dtype", "requires_grad", "shape", "trace")

    device = torch.device("cpu")
    layout = torch.strided
    is_cuda = is_meta = is_sparse = is_quantized = is_nested = is_mkldnn = is_complex = False
    grad = grad_fn = None

    def __init__(
        self,
        shape: tuple[int, ...],
        trace: Trace,
        requires_grad: bool = False,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.shape = shape
        self.trace = trace
        self.requires_grad = requires_grad
        self.dtype = dtype

    @property  # type: ignore[misc]  # it stands for another class on purpose
    def __class__(self) -> type:
        """Models ask ``isinstance(x, torch.Tensor)``; the answer that keeps them going is yes."""
        return torch.Tensor

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        """Where PyTorch hands over when a ShapeTensor is among a function's arguments."""
        trace = find_trace(args, kwargs)
        assert trace is not None  # PyTorch hands over only because of a ShapeTensor
        return call_rule(trace, getattr(func, "__name__", str(func)), args, kwargs)

    def like(self, shape: tuple[int, ...]) -> ShapeTensor:
        """Another shape computed from this one."""
        return ShapeTensor(shape, self.trace, self.requires_grad, self.dtype)

    def size(self, dim: int | None = None) -> tuple[int, ...] | int:
        """As torch.Tensor.size."""
        return self.shape if dim is None else self.shape[dim]

    def dim(self) -> int:
        """As torch.Tensor.dim."""
        return len(self.shape)

    ndim = property(dim)

    def numel(self) -> int:
        """As torch.Tensor.numel."""
        return prod(self.shape)

    def is_floating_point(self) -> bool:
        """As torch.Tensor.is_floating_point."""
        return self.dtype.is_floating_point

    def is_contiguous(self, *args: Any, **kwargs: Any) -> bool:
        """A shape has no strides: always true."""
        return True

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self):
        return (self[i] for i in range(self.shape[0]))

    def __getitem__(self, index):
        return call_rule(self.trace, "getitem", (self, index))

    def __getattr__(self, name: str) -> Any:
        """Any other tensor method is the operation of that name."""
        if name.startswith("__"):
            raise AttributeError(name)
        if name not in RULES and name.strip("_") not in RULES and not hasattr(torch.Tensor, name):
            raise AttributeError(f"a tensor has no attribute {name!r}")
        return partial(_method, self, name)

    def __bool__(self):
        raise UnsupportedOperationError(
            "the model branches on the values of a tensor; a count by shapes has no values, so it cannot follow"
        )

    __int__ = __float__ = __index__ = item = tolist = numpy = __bool__

    def __repr__(self) -> str:
        return f"ShapeTensor{tuple(self.shape)}"


def _method(tensor: ShapeTensor, name: str, *args: Any, **kwargs: Any) -> Any:
    return call_rule(tensor.trace, name, (tensor, *args), kwargs)


def _operator(name: str) -> Callable:
    def method(self, *others):
        return call_rule(self.trace, name, (self, *others))

    return method


_OPERATORS = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul")
for _name in _OPERATORS:
    for _prefix in ("", "r", "i"):
        setattr(ShapeTensor, f"__{_prefix}{_name}__", _operator(_name))
for _name in ("neg", "abs", "lt", "le", "gt", "ge"):
    setattr(ShapeTensor, f"__{_name}__", _operator(_name))


def find_trace(args: Iterable[Any], kwargs: Mapping[str, Any] | None = None) -> Trace | None:
    """The trace of the first ShapeTensor among arguments, looking into lists, tuples and dicts; None if none."""
    for arg in args:
        kind = type(arg)
        if kind is ShapeTensor:
            return arg.trace
        if kind is list or kind is tuple:
            if (trace := find_trace(arg)) is not None:
                return trace
        elif kind is dict and (trace := find_trace(arg.values())) is not None:
            return trace
    return find_trace(kwargs.values()) if kwargs else None
