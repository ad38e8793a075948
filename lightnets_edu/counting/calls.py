"""How a count learns of the calls of modules: while it runs, a few of torch's functions are replaced in its thread.

This is how torch.fx follows a model too. Hooks would leave traces in the model. Other threads go on as ever.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from inspect import getattr_static
from types import BuiltinFunctionType, MethodType
from typing import Any

from torch import nn
from torch.autograd import Function
from torch.nn.modules import transformer
from torch.utils import checkpoint
from torch.utils.hooks import RemovableHandle

from lightnets_edu.counting.shapes import find_trace

one_at_a_time = threading.RLock()  # held by the thread that counts
_told: ModuleCalls | None = None  # who is told of that thread's calls
_originals: dict[tuple[Any, str], Any] = {}


class ModuleCalls:
    """Is told of the calls of modules in this thread, which must hold `one_at_a_time`.

    Args:
        call: Called with a module and its arguments, in place of running its hooks and its forward.
        before_change: Called with a dict of hooks before one is registered or removed.
    """

    def __init__(self, call: Callable[[nn.Module, tuple, dict], Any], before_change: Callable[[dict], None]) -> None:
        self.call = call
        self.before_change = before_change
        self.thread = threading.get_ident()

    def __enter__(self) -> None:
        global _told
        self._outer = _told  # a forward may itself count a model
        if self._outer is None:
            for (owner, name), replacement in _REPLACEMENTS.items():
                _originals[owner, name] = vars(owner)[name]
                setattr(owner, name, replacement)
        _told = self

    def __exit__(self, *error: object) -> None:
        global _told
        _told = self._outer
        if _told is None:
            for (owner, name), original in _originals.items():
                setattr(owner, name, original)


def _calls() -> ModuleCalls | None:
    """Who is told of what happens in this thread; others may still be in a replaced function when a count has ended."""
    told = _told
    return told if told is not None and told.thread == threading.get_ident() else None


def _call_module(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
    if (calls := _calls()) is not None:
        return calls.call(module, args, kwargs)
    return _originals[nn.Module, "_call_impl"](module, *args, **kwargs)


def _make_handle(handle: RemovableHandle, hooks_dict: Any, *, extra_dict: Any = None) -> None:
    if (calls := _calls()) is not None:
        extra = extra_dict if isinstance(extra_dict, list) else [extra_dict]
        for hooks in (hooks_dict, *(each for each in extra if each is not None)):
            calls.before_change(hooks)
    _originals[RemovableHandle, "__init__"](handle, hooks_dict, extra_dict=extra_dict)


def _remove_handle(handle: RemovableHandle) -> None:
    if (calls := _calls()) is not None:
        for reference in (handle.hooks_dict_ref, *handle.extra_dict_ref):
            if (hooks := reference()) is not None:
                calls.before_change(hooks)
    _originals[RemovableHandle, "remove"](handle)


class _Context:
    """What a forward of an autograd.Function is given; nothing of it is ever asked for."""

    needs_input_grad = (False,)

    def _ignore(self, *args: Any, **kwargs: Any) -> None:
        pass

    save_for_backward = save_for_forward = mark_dirty = mark_non_differentiable = set_materialize_grads = _ignore


def _apply_function(cls: type[Function], *args: Any, **kwargs: Any) -> Any:
    """An autograd.Function of shapes: its forward, without a record for the backward pass."""
    if find_trace(args, kwargs) is None:
        return _TORCHS_APPLY.__get__(None, cls)(*args, **kwargs)
    if cls is checkpoint.CheckpointFunction:
        run_function, _preserve_rng_state, *inputs = args
        return run_function(*inputs)
    if cls.setup_context is not Function.setup_context:
        return cls.forward(*args, **kwargs)
    return cls.forward(_Context(), *args, **kwargs)


def _around_checkpoint(*args: Any, **kwargs: Any) -> Iterator[None]:
    """What torch.utils.checkpoint does before and after a forward: nothing, where it runs on shapes."""
    if _calls() is not None:
        yield
    else:
        yield from _originals[checkpoint, _GENERATOR](*args, **kwargs)


def _detect_is_causal_mask(mask: Any, is_causal: bool | None = None, size: int | None = None) -> bool:
    """Whether a mask is the causal one: torch compares their values, and no product depends on the answer."""
    if find_trace((mask,)) is None:
        return _originals[transformer, "_detect_is_causal_mask"](mask, is_causal, size)
    return bool(is_causal)


_GENERATOR = next(
    name
    for name in ("_checkpoint_without_reentrant_generator_impl", "_checkpoint_without_reentrant_generator")
    if hasattr(checkpoint, name)
)
_TORCHS_APPLY = vars(Function)["apply"]
# Python is slow to replace a method with underscores on both sides, for it touches all subclasses; so not
# nn.Module.__call__ itself is replaced but what it calls.
_REPLACEMENTS: dict[tuple[Any, str], Any] = {
    (nn.Module, "_call_impl"): _call_module,
    (RemovableHandle, "__init__"): _make_handle,
    (RemovableHandle, "remove"): _remove_handle,
    (Function, "apply"): classmethod(_apply_function),
    (checkpoint, _GENERATOR): _around_checkpoint,
    (transformer, "_detect_is_causal_mask"): _detect_is_causal_mask,
}


def kept_apply(value: Any) -> Any:
    """What to put in place of an autograd.Function's ``apply`` that is kept under another name; None for all else."""
    cls = value.__self__ if type(value) in (BuiltinFunctionType, MethodType) else None
    if not isinstance(cls, type) or not issubclass(cls, Function):
        return None
    return partial(_apply_function, cls) if getattr_static(cls, value.__name__, None) is _TORCHS_APPLY else None
