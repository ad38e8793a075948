"""What a forward may change of a model in Python: attributes, and what is in lists and dicts among them."""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterable
from operator import is_
from types import ModuleType
from typing import Any

from torch import Tensor, nn

_TORCHS_OWN = frozenset(vars(nn.Module()))
_REGISTERED = ("_parameters", "_buffers", "_modules")
_SIMPLE = frozenset((bool, int, float, str, type(None)))


class ModelState:
    """Remembers the attributes of a model, to put them back after a count.

    Tensors are remembered as objects; what is written into them is not this class's concern.

    Args:
        modules: The model's modules.
        layers: Classes whose forward will not run. Their attributes are remembered by `remember_attributes`, when
            somebody is about to change one.
    """

    def __init__(self, modules: Iterable[nn.Module], layers: Container[type]) -> None:
        self._known: set[int] = set()
        self._dicts: list[tuple[dict, dict]] = []
        self._others: list[tuple[Any, Any]] = []
        for module in modules:
            if type(module) not in layers:
                self.remember_attributes(module)
                attributes = module.__dict__
                for name in attributes.keys() - _TORCHS_OWN:
                    if type(value := attributes[name]) not in _SIMPLE:
                        self._remember_inside(value)

    def remember_attributes(self, module: nn.Module) -> None:
        """Remember what a module has, parameters, buffers and children too, unless that has been done."""
        if id(module) not in self._known:
            self._known.add(id(module))
            attributes = module.__dict__
            self._dicts.append((attributes, attributes.copy()))
            for name in _REGISTERED:
                if isinstance(values := attributes.get(name), dict):  # those of a scripted module are no dicts
                    self._dicts.append((values, values.copy()))

    def _remember_inside(self, value: Any) -> None:
        """Look into lists, dicts and plain objects."""
        if isinstance(value, (Tensor, nn.Module, type, ModuleType)) or callable(value) or id(value) in self._known:
            return
        self._known.add(id(value))
        if isinstance(value, tuple):
            parts: Any = value
        elif isinstance(value, (list, set, deque)):
            self._others.append((value, value.copy()))
            parts = value
        else:
            values = value if isinstance(value, dict) else getattr(value, "__dict__", None)
            if not isinstance(values, dict):
                return
            self._dicts.append((values, values.copy()))
            parts = values.values()
        for part in parts:
            if type(part) not in _SIMPLE:
                self._remember_inside(part)

    def restore(self) -> None:
        """Put back what has changed."""
        for values, before in self._dicts:
            if len(values) != len(before) or not (
                all(map(is_, values.values(), before.values())) and all(map(is_, values, before))
            ):
                values.clear()
                values.update(before)
        for value, before in self._others:
            if len(value) != len(before) or not all(map(is_, value, before)):
                value.clear()
                value.update(before) if isinstance(value, set) else value.extend(before)
