"""How a count learns of the calls of modules: while it runs, a few of torch's functions are replaced in its thread.

This is how torch.fx follows a model too. Hooks would leave traces in the model. Other threads go on as ever.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

from torch import nn
from torch.autograd import Function
from torch.utils import checkpoint

from lightnets_edu.counting.shapes import find_trace

_lock = threading.Lock()
_running: dict[int, ModuleCalls] = {}  # by thread
_originals: dict[tuple[Any, str], Any] = {}


class ModuleCalls:
    """Is told of the calls of modules in this thread.

    Args:
        call: Called with a module and its arguments, in place of the module's ``__call__``.
    """

    def __init__(self, call: Callable[[nn.Module, tuple, dict], Any]) -> None:
        self.call = call

    def __enter__(self) -> None:
        thread = threading.get_ident()
        with _lock:
            if not _running:
                for (owner, name), replacement in _REPLACEMENTS.items():
                    _originals[owner, name] = vars(owner)[name]
                    setattr(owner, name, replacement)
            self._outer = _running.get(thread)  # a forward may itself count a model
            _running[thread] = self

    def __exit__(self, *error: object) -> None:
        thread = threading.get_ident()
        with _lock:
            if self._outer is not None:
                _running[thread] = self._outer
                return
            del _running[thread]
            if not _running:
                for (owner, name), original in _originals.items():
                    setattr(owner, name, original)


def _call_module(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
    calls = _running.get(threading.get_ident())
    if calls is None:
        return _originals[nn.Module, "__call__"](module, *args, **kwargs)
    return calls.call(module, args, kwargs)


class _Context:
    """What a forward of an autograd.Function is given; nothing of it is ever asked for."""

    needs_input_grad = (False,)

    def _ignore(self, *args: Any, **kwargs: Any) -> None:
        pass

    save_for_backward = save_for_forward = mark_dirty = mark_non_differentiable = set_materialize_grads = _ignore


def _apply_function(cls: type[Function], *args: Any, **kwargs: Any) -> Any:
    """An autograd.Function of shapes: its forward, without a record for the backward pass."""
    if find_trace(args, kwargs) is None:
        return _originals[Function, "apply"].__get__(None, cls)(*args, **kwargs)
    if cls is checkpoint.CheckpointFunction:
        run_function, _preserve_rng_state, *inputs = args
        return run_function(*inputs)
    if cls.setup_context is not Function.setup_context:
        return cls.forward(*args, **kwargs)
    return cls.forward(_Context(), *args, **kwargs)


def _around_checkpoint(*args: Any, **kwargs: Any) -> Iterator[None]:
    """What torch.utils.checkpoint does before and after a forward: nothing, where it runs on shapes."""
    if threading.get_ident() in _running:
        yield
    else:
        yield from _originals[checkpoint, _GENERATOR](*args, **kwargs)


_GENERATOR = next(
    name
    for name in ("_checkpoint_without_reentrant_generator_impl", "_checkpoint_without_reentrant_generator")
    if hasattr(checkpoint, name)
)
_REPLACEMENTS: dict[tuple[Any, str], Any] = {
    (nn.Module, "__call__"): _call_module,
    (Function, "apply"): classmethod(_apply_function),
    (checkpoint, _GENERATOR): _around_checkpoint,
}
