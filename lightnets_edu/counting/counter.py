"""Count a real network, layer by layer, by running its own forward on shapes."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from lightnets_edu.counting.rules.layers import LAYER_RULES
from lightnets_edu.counting.shapes import ShapeTensor, UnsupportedOperationError, call_rule, find_trace
from lightnets_edu.counting.table import CountTable
from lightnets_edu.counting.trace import Trace, watching_modules


class _LeaveTensorsAlone(TorchFunctionMode):
    """While counting, no real tensor is written to: a batch norm in training mode would step its counters."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        name = getattr(func, "__name__", "")
        trace = find_trace(args, kwargs)
        if trace is not None:
            return call_rule(trace, name, args, kwargs)
        in_place = name.endswith("_") and not name.endswith("__")
        if in_place or name in ("__iadd__", "__imul__", "__isub__", "__itruediv__", "__setitem__"):
            return args[0] if args else kwargs["tensor"]  # nn.init passes its tensor by name
        return func(*args, **(kwargs or {}))


def _call_module(trace: Trace, module: nn.Module, args: tuple, kwargs: dict) -> Any:
    """Count one call of a module: by its rule if it is one of torch's layers, else by running its forward."""
    path = trace.paths.get(id(module), "")
    trace.stack.append(path)
    rule = LAYER_RULES.get(type(module))
    if rule is not None and "forward" not in module.__dict__ and not kwargs and len(args) == 1:
        result = rule(trace, module, *args)
    elif type(module) is nn.Sequential:
        (result,) = args
        for child in module._modules.values():
            result = _call_module(trace, child, (result,), {})
    else:
        result = module.forward(*args, **kwargs)
    # Not in a finally: after an error the stack still says where it happened.
    trace.stack.pop()
    if trace.watch is not None:
        trace.watch(trace, module, args, kwargs, result)
    return result


def _checked_size(input_size: Sequence[int]) -> tuple[int, ...]:
    try:
        size = tuple(map(operator.index, input_size))
    except TypeError:
        raise ValueError(
            f"input_size should be whole numbers such as (1, 3, 224, 224) instead of {input_size!r}"
        ) from None
    if len(size) < 2 or min(size) < 1:
        raise ValueError(
            f"input_size should be a batch size, then channels, then sides, all at least 1, such as (1, 3, 224, 224), "
            f"instead of {size}"
        )
    return size


def _unwrapped(model: nn.Module) -> nn.Module:
    """The user's module inside torch.compile's and DataParallel's wrappers."""
    if isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
        return _unwrapped(model.module)
    inner = getattr(model, "_orig_mod", None)
    return model if inner is None else _unwrapped(inner)


def follow(model: nn.Module, input_size: Sequence[int], watch: Callable[..., None] | None = None) -> Trace:
    """Run a model's forward on shapes and collect what it costs; arguments and errors are those of `count`.

    Args:
        model: As for `count`.
        input_size: As for `count`.
        watch: Is told of everything that runs; see `Trace`.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"count needs a torch.nn.Module instead of {type(model).__name__}")
    model = _unwrapped(model)
    if isinstance(model, torch.jit.ScriptModule):
        raise TypeError("count cannot follow a scripted model, whose forward is no longer Python: count the original")
    trace = Trace(model, _checked_size(input_size), watch)
    x = ShapeTensor(trace.input_size, trace)
    try:
        with _LeaveTensorsAlone(), watching_modules(_call_module):
            if watch is not None:
                watch(trace, "input", (), {}, x)
            result = _call_module(trace, model, (x,), {})
            if watch is not None:
                watch(trace, "output", (result,), {}, None)
    except (ValueError, UnsupportedOperationError) as error:
        where = next((path for path in reversed(trace.stack) if path), "")
        place = f"layer {where!r}" if where else "the forward"
        raise type(error)(f"in {place} of {type(model).__name__}: {error}") from error
    finally:
        trace.restore_buffers()
    return trace


def count(model: nn.Module, input_size: Sequence[int] = (1, 3, 224, 224)) -> CountTable:
    """Count parameters, multiply-accumulates, activations and memory access of a model.

    The model's own ``forward`` runs on a `ShapeTensor`: an object that has a shape and no numbers. So the count takes
    milliseconds, needs no memory, follows whatever the forward does, and leaves the model exactly as it was: its mode,
    hooks, buffers, gradients and device. The model is counted in the mode it is in (auxiliary heads run in training).
    Forward hooks are not run.

    Args:
        model: Any module whose forward takes one tensor. Its weights may lie on any device, meta included.
        input_size: Shape of the input, batch first.

    Returns:
        The totals and one row a layer. MACs are multiply-accumulates of convolutions, linear layers and matrix
        products, so half of what torch.utils.flop_counter.FlopCounterMode reports.

    Raises:
        TypeError: If ``model`` is not a module that can be followed.
        ValueError: If the input size is not valid or does not fit the model; the message names the layer.
        UnsupportedOperationError: If the model calls an operation without a rule; it names operation and layer.

    Example:
        >>> table = count(nn.Conv2d(3, 6, kernel_size=11, stride=4), input_size=(1, 3, 227, 227))
        >>> table.params, table.macs  # 11 · 11 · 3 · 6 weights and 6 biases; each weight used at 55 · 55 places
        (2184, 6588450)
    """
    trace = follow(model, input_size)
    unused = tuple(weight.name for weight in trace.unmet.values())
    return CountTable(type(trace.model).__name__, trace.input_size, trace.params, tuple(trace.rows), unused)
