"""A stand-in for a tensor that has a shape and no numbers, so that a model's own ``forward`` can be run for free.

A `ShapeTensor` is handed to the model in place of an image. Every call that would compute something with it (``x + y``,
``F.conv2d(x, w)``, ``torch.cat([x, y])``) reaches `call`. Frequent ones have a rule that knows the shape of
the result and what it costs (`lightnets_edu.counting.rules`); all others are put to PyTorch itself
(`lightnets_edu.counting.meta`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial
from math import prod
from typing import TYPE_CHECKING, Any

import torch
from torch._ops import OpOverload, OpOverloadPacket

if TYPE_CHECKING:
    from lightnets_edu.counting.trace import Trace

Rule = Callable[..., Any]
RULES: dict[str, Rule] = {}


class UnsupportedOperationError(NotImplementedError):
    """The model does something that cannot be followed by shapes alone."""


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register a rule for operations of these names, whether called as functions, methods or in place.

    A rule takes ``(trace, ...)`` with those of the operation's arguments, by torch's names, that it understands, and
    returns the result's shape as a `ShapeTensor` (or several) after noting its cost with ``trace.record``. Called with
    others, or where it returns NotImplemented, PyTorch is asked instead.
    """

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        _known_by.cache_clear()
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
        _known_by.cache_clear()
        return function

    return register


def call(trace: Trace, function: Callable, args: tuple, kwargs: dict | None = None) -> Any:
    """Count one call of one of torch's functions or methods: by its rule, or by asking PyTorch.

    ``add``, ``add_``, ``__add__`` and ``__radd__`` have one rule.

    Raises:
        ValueError: If PyTorch refuses the call; the sentence is its own.
        UnsupportedOperationError: If the result's shape depends on values.
    """
    name, found, in_place = _known_by(function)
    result: Any = NotImplemented
    if found is not None and not (in_place and type(args[0]) is not ShapeTensor):
        result = _by_rule(found, trace, args, kwargs)
    if result is NotImplemented:
        result = trace.ask_torch(function, name, args, kwargs or {})
    elif in_place and result.shape == args[0].shape:
        # The operand itself, which from now on learns what the result learns.
        operand: ShapeTensor = args[0]
        operand.requires_grad, operand.made_by = result.requires_grad, result.made_by
        result = operand
    if trace.watch is not None:
        trace.watch(trace, name, args, kwargs or {}, result)
    return result


def _by_rule(found: Rule, trace: Trace, args: tuple, kwargs: dict | None) -> Any:
    """What a rule gives; NotImplemented if it does not take these arguments."""
    try:
        return found(trace, *args, **kwargs) if kwargs else found(trace, *args)
    except TypeError as error:
        if error.__traceback__ is None or error.__traceback__.tb_next is not None:
            raise  # not about the arguments of the rule
        return NotImplemented


@lru_cache(maxsize=1024)
def _known_by(function: Callable) -> tuple[str, Rule | None, bool]:
    """The name of an operation, its rule, and whether it works in place.

    The name of an operator outside torch's own namespace comes with the namespace.
    """
    if isinstance(function, (OpOverload, OpOverloadPacket)):
        packet: Any = getattr(function, "overloadpacket", function)
        name = packet._qualified_op_name.removeprefix("aten::")
    else:
        name = getattr(function, "__name__", str(function))
    in_place = name[-1] == "_" and (name[:3] == "__i" or name[-2:] != "__")
    return name, RULES.get(name) or RULES.get(name.strip("_")), in_place


class ShapeTensor:
    """A shape that can be passed through a model.

    Attributes:
        shape: The sizes.
        traced_by: Where the operations note what they cost.
        requires_grad: Whether training would send a gradient through it.
        dtype: The element type.
        made_by: The place in the trace's history of what computed it; -1 for an input and what is detached.
    """

    __slots__ = ("dtype", "made_by", "requires_grad", "shape", "traced_by")

    layout = torch.strided
    is_cuda = is_meta = is_sparse = is_quantized = is_nested = is_mkldnn = is_leaf = False
    grad = grad_fn = None

    def __init__(
        self,
        shape: tuple[int, ...],
        trace: Trace,
        requires_grad: bool = False,
        dtype: torch.dtype = torch.float32,
        made_by: int = -1,
    ) -> None:
        self.shape = shape if type(shape) is torch.Size else torch.Size(shape)
        self.traced_by = trace
        self.requires_grad = requires_grad
        self.dtype = dtype
        self.made_by = made_by

    @property  # type: ignore[misc]  # it stands for another class on purpose
    def __class__(self) -> type:
        """Models ask ``isinstance(x, torch.Tensor)``; the answer that keeps them going is yes."""
        return torch.Tensor

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        """Where PyTorch hands over when a ShapeTensor is among a function's arguments."""
        trace = find_trace(args, kwargs)
        assert trace is not None  # PyTorch hands over only because of a ShapeTensor
        return call(trace, func, args, kwargs)

    @property
    def device(self) -> torch.device:
        """Where the model's parameters are."""
        return self.traced_by.device

    def like(self, shape: tuple[int, ...]) -> ShapeTensor:
        """Another shape computed from this one."""
        return ShapeTensor(shape, self.traced_by, self.requires_grad, self.dtype, self.made_by)

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

    nelement = numel

    def is_floating_point(self) -> bool:
        """As torch.Tensor.is_floating_point."""
        return self.dtype.is_floating_point

    def is_contiguous(self, *args: Any, **kwargs: Any) -> bool:
        """A shape has no strides: always true."""
        return True

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a 0-d tensor")
        return self.shape[0]

    def __iter__(self):
        return (self[i] for i in range(len(self)))  # type: ignore[index]  # operators are added below

    def __getattr__(self, name: str) -> Any:
        """Any other attribute is a tensor's: an operation of that name, or a property."""
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            found = getattr(torch.Tensor, name)
        except AttributeError:
            raise AttributeError(f"a tensor has no attribute {name!r}") from None
        if callable(found):
            return partial(_method, self, found)
        return self.traced_by.ask_torch(lambda tensor: getattr(tensor, name), name, (self,), {})

    def __bool__(self):
        raise UnsupportedOperationError(
            "the model asks for the values of a tensor that depends on its input; a count by shapes has no values, so "
            "it cannot follow"
        )

    __int__ = __float__ = __index__ = __complex__ = __contains__ = item = tolist = numpy = __bool__
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"ShapeTensor{tuple(self.shape)}"


def _method(tensor: ShapeTensor, function: Callable, *args: Any, **kwargs: Any) -> Any:
    return call(tensor.traced_by, function, (tensor, *args), kwargs)


def _operator(name: str) -> Callable:
    function = getattr(torch.Tensor, name)

    def method(self, *others):
        return call(self.traced_by, function, (self, *others))

    return method


_BOTH_SIDES = "add sub mul div truediv floordiv mod pow matmul and or xor lshift rshift".split()
for _name in (
    *(f"{side}{name}" for name in _BOTH_SIDES for side in ("", "r", "i") if hasattr(torch.Tensor, f"__{side}{name}__")),
    *"neg pos abs invert eq ne lt le gt ge getitem setitem".split(),
):
    setattr(ShapeTensor, f"__{_name}__", _operator(f"__{_name}__"))


def find_trace(args: Iterable[Any], kwargs: Mapping[str, Any] | None = None) -> Trace | None:
    """The trace of the first ShapeTensor among arguments, looking into lists, tuples and dicts; None if none."""
    for arg in args:
        kind = type(arg)
        if kind is ShapeTensor:
            return arg.traced_by
        if kind is list or kind is tuple:
            if (trace := find_trace(arg)) is not None:
                return trace
        elif kind is dict and (trace := find_trace(arg.values())) is not None:
            return trace
    return find_trace(kwargs.values()) if kwargs else None
