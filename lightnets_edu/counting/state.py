"""What a forward may change of a model in Python: attributes, and what is in lists and dicts among them."""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from operator import is_
from types import ModuleType
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_buffer_registration_hook,
    register_module_parameter_registration_hook,
)

_TORCHS_OWN = frozenset(vars(nn.Module()))
_REGISTERED = ("_parameters", "_buffers", "_modules")
_SIMPLE = frozenset((bool, int, float, str, type(None)))


class ModelState:
    """Remembers the attributes of a model, to put them back after a count.

    Tensors are remembered as objects; what is written into them is not this class's concern.

    Args:
        modules: The model's modules.
        layers: Classes whose forward will not run, so that nothing changes inside their attributes.
    """

    def __init__(self, modules: Iterable[nn.Module], layers: Container[type]) -> None:
        self._known: set[int] = set()
        self._others: list[tuple[Any, Any]] = []
        # A model has hundreds of dicts: their keys and values stand one after the other in two lists.
        self._dicts: list[dict] = []
        self._ends: list[int] = []
        self._keys: list[Any] = []
        self._values: list[Any] = []
        for module in modules:
            attributes = module.__dict__
            self._remember(attributes)
            if type(module) not in layers:
                self.remember_registered(module)
                for name in attributes.keys() - _TORCHS_OWN:
                    if type(value := attributes[name]) not in _SIMPLE:
                        self._remember_inside(value)

    def remember_registered(self, module: nn.Module, *_: Any) -> None:
        """Remember a module's parameters, buffers and children; torch calls it before it registers another."""
        if id(module) not in self._known:
            self._known.add(id(module))
            for name in _REGISTERED:
                if isinstance(values := module.__dict__.get(name), dict):  # those of a scripted module are no dicts
                    self._remember(values)

    def _remember(self, values: dict) -> None:
        self._dicts.append(values)
        self._keys.extend(values)
        self._values.extend(values.values())
        self._ends.append(len(self._keys))

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Learn of what is registered with any module."""
        with ExitStack() as handles:
            for register in (register_module_parameter_registration_hook, register_module_buffer_registration_hook):
                handles.callback(register(self.remember_registered).remove)
            yield

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
            self._remember(values)
            parts = values.values()
        for part in parts:
            if type(part) not in _SIMPLE:
                self._remember_inside(part)

    def restore(self) -> None:
        """Put back what has changed."""
        now: list[Any] = []
        for values in self._dicts:
            now.extend(values.values())
        if len(now) != len(self._values) or not all(map(is_, now, self._values)):
            start = 0
            for values, end in zip(self._dicts, self._ends, strict=True):
                values.clear()
                values.update(zip(self._keys[start:end], self._values[start:end], strict=True))
                start = end
        for container, before in self._others:
            if len(container) != len(before) or not all(map(is_, container, before)):
                container.clear()
                container.update(before) if isinstance(container, set) else container.extend(before)
