"""What a forward may change of a model in Python: attributes, hooks, and what is in lists and dicts among them."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Container, Iterable, Sequence
from functools import lru_cache
from inspect import Parameter, signature
from itertools import chain, compress, islice
from operator import is_
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from lightnets_edu.counting.calls import kept_apply

_TORCHS_OWN = frozenset(vars(nn.Module()))
_SIMPLE = frozenset((bool, int, float, str, type(None)))


@lru_cache
def _usual_number(kind: type[nn.Module]) -> int:
    """How many attributes a layer of torch.nn has to which nobody has added any."""
    settings = signature(kind).parameters.values()
    needed = sum(setting.default is Parameter.empty and setting.kind < Parameter.VAR_POSITIONAL for setting in settings)
    with torch.device("meta"):
        return len(vars(kind(*[1] * needed)))


class ModelState:
    """Remembers the attributes of a model, to put them back after a count.

    Tensors are remembered as objects; what is written into them is not this class's concern. Once all is remembered,
    some of it is changed for the time of the count: compiled modules forget their compiled forward, and what is kept of
    an autograd.Function under another name becomes a function that takes shapes (`kept_apply`).

    Args:
        modules: The model's modules.
        layers: Classes whose own forward will not run, so that nothing changes inside their own attributes.
    """

    def __init__(self, modules: Sequence[nn.Module], layers: Container[type]) -> None:
        self._known: set[int] = set()
        self._others: list[tuple[Any, Any]] = []
        self._names: list[tuple[dict[str, Any], str, Any]] = []
        kinds = list(map(type, modules))
        attributes = holders = [module.__dict__ for module in modules]
        if any(issubclass(kind, torch.jit.ScriptModule) for kind in set(kinds)):  # which hold no dicts of parameters
            holders = [own for own in attributes if isinstance(own.get("_parameters"), dict)]
        registered = [values for own in holders for values in (own["_parameters"], own["_buffers"], own["_modules"])]
        self._empty = [values for values in registered if not values]
        usual = {kind: _usual_number(kind) for kind in set(kinds) if kind in layers}
        # Most are layers as torch.nn makes them. What they hold beside these dicts are numbers, words and tuples, which
        # need not be the same afterwards but equal; this is compared faster.
        plain = [len(own) == usual.get(kind) for own, kind in zip(attributes, kinds, strict=True)]
        self._plain = list(compress(attributes, plain))
        self._copies = list(map(dict.copy, self._plain))
        # The keys and values of all other dicts stand one after the other in two lists.
        others = (own for own, is_plain in zip(attributes, plain, strict=True) if not is_plain)
        self._dicts: list[dict] = [*others, *filter(None, registered)]
        self._lengths = list(map(len, self._dicts))
        self._keys = list(chain.from_iterable(self._dicts))
        self._values = self._values_now()
        for own, kind, is_plain in zip(attributes, kinds, plain, strict=True):
            if not is_plain:
                if "_compiled_call_impl" in own:
                    own["_compiled_call_impl"] = None
                if len(own) > len(_TORCHS_OWN) and kind not in layers:
                    self._look_at(own)
        for file in {kind.__module__ for kind in set(kinds) if kind not in layers}:
            if not file.startswith("torch.") and (file_module := sys.modules.get(file)) is not None:
                self._look_at_names(vars(file_module))

    def _look_at(self, own: dict[str, Any]) -> None:
        """A module's own attributes: look into them, and let none call an autograd.Function without us."""
        left = len(own) - len(_TORCHS_OWN)
        for name in reversed(own):  # torch's usually stand first
            if name not in _TORCHS_OWN:
                if type(value := own[name]) not in _SIMPLE:
                    if (apply := kept_apply(value)) is not None:
                        own[name] = apply
                    else:
                        self._remember_inside(value)
                left -= 1
                if left == 0:
                    break

    def _look_at_names(self, names: dict[str, Any]) -> None:
        """The names of a file that defines modules of the model: likewise."""
        for name, value in tuple(names.items()):
            if (apply := kept_apply(value)) is not None:
                names[name] = apply
                self._names.append((names, name, value))

    def remember(self, values: Any) -> None:
        """Remember a dict, list, set or deque that may change from now on."""
        if id(values) not in self._known:
            self._known.add(id(values))
            self._others.append((values, values.copy()))

    def _remember_inside(self, value: Any) -> None:
        """Look into lists, dicts and plain objects."""
        if isinstance(value, (Tensor, nn.Module, type, ModuleType)) or callable(value) or id(value) in self._known:
            return
        if isinstance(value, tuple):
            parts: Any = value
        elif isinstance(value, (list, set, deque)):
            self.remember(value)
            parts = value
        else:
            values = value if isinstance(value, dict) else getattr(value, "__dict__", None)
            if not isinstance(values, dict) or id(values) in self._known:
                return
            self.remember(values)
            parts = values.values()
        for part in parts:
            if type(part) not in _SIMPLE:
                self._remember_inside(part)

    def _values_now(self) -> list[Any]:
        now: list[Any] = []
        for values in self._dicts:
            now.extend(values.values())
        return now

    def restore(self) -> None:
        """Put back what has changed."""
        if _differ(self._plain, self._copies):
            for values, before in zip(self._plain, self._copies, strict=True):
                values.clear()
                values.update(before)
        now = self._values_now()
        if any(self._empty) or len(now) != len(self._values) or not all(map(is_, now, self._values)):
            for values in self._empty:
                values.clear()
            entries = zip(self._keys, self._values, strict=True)
            for values, length in zip(self._dicts, self._lengths, strict=True):
                values.clear()
                values.update(islice(entries, length))
        for values, name, value in self._names:
            values[name] = value
        for container, before in self._others:
            if len(container) != len(before) or not all(map(is_, _parts(container), _parts(before))):
                container.clear()
                container.update(before) if hasattr(container, "update") else container.extend(before)


def _differ(now: list[dict], before: list[dict]) -> bool:
    try:
        return now != before
    except Exception:  # tensors do not say whether they are equal
        return True


def _parts(container: Any) -> Iterable[Any]:
    return chain(container.keys(), container.values()) if isinstance(container, dict) else container
