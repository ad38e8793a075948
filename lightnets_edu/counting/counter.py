"""Count a real network, layer by layer, by running its own forward on shapes."""

from __future__ import annotations

import copy
import os
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_leaves

from lightnets_edu.counting.calls import ModuleCalls, one_at_a_time
from lightnets_edu.counting.inputs import InputSize, make_inputs
from lightnets_edu.counting.meta import Kernels
from lightnets_edu.counting.rules.layers import LAYER_RULES
from lightnets_edu.counting.shapes import ShapeTensor, UnsupportedOperationError
from lightnets_edu.counting.state import ModelState
from lightnets_edu.counting.table import CountTable
from lightnets_edu.counting.trace import Shape, Trace, storage_of

_CALL, _IN_A_ROW = nn.Module.__call__, nn.Sequential.forward
_NOT_MODELS = tuple(f"{Path(file).parent}{os.sep}" for file in (torch.__file__, __file__))


def _call_module(trace: Trace, module: nn.Module, args: tuple, kwargs: dict) -> Any:
    """Count one call of a module: by its rule if it is one of torch's layers, else by running its forward."""
    path = trace.paths.get(id(module), "")
    trace.stack.append(path)
    kind = type(module)
    result: Any = NotImplemented
    if (rule := LAYER_RULES.get(kind)) is not None:
        own = module.__dict__
        plain = "forward" not in own and not own["_forward_pre_hooks"]
        if plain and not kwargs and len(args) == 1 and type(args[0]) is ShapeTensor:
            result = rule(trace, module, args[0])
    elif issubclass(kind, nn.Sequential) and kind.forward is _IN_A_ROW and len(args) == 1:
        # As its forward does, but faster.
        (result,) = args
        for child in module._modules.values():
            own_call = type(child) not in LAYER_RULES and type(child).__call__ is not _CALL
            result = child(result) if own_call else _call_module(trace, child, (result,), {})  # type: ignore[arg-type,misc]
    if result is NotImplemented:
        result = _run_forward(trace, module, args, kwargs)
    # Not in a finally: after an error the stack still says where it happened.
    trace.stack.pop()
    if trace.watch is not None:
        trace.watch(trace, module, args, kwargs, result)
    return result


def _run_forward(trace: Trace, module: nn.Module, args: tuple, kwargs: dict) -> Any:
    """A module's own forward. Of the hooks, those run with which torch.nn.utils makes weights."""
    if isinstance(module, torch.jit.ScriptModule):
        return _run_script(trace, module, args, kwargs)
    for hook in module._forward_pre_hooks.values():
        if type(hook).__module__.startswith("torch.nn.utils"):
            hook(module, args)
    inner = module._modules.get("_orig_mod")  # what torch.compile wraps
    return (module if inner is None else inner).forward(*args, **kwargs)


def _run_script(trace: Trace, module: torch.jit.ScriptModule, args: tuple, kwargs: dict) -> Any:
    """A scripted forward is no longer Python: a twin of the module runs it on the meta device."""
    twin = copy.deepcopy(module)
    known: dict[int, torch.Tensor] = {}
    for part, original in zip(twin.modules(), module.modules(), strict=True):
        script: Any = part._c
        for name, tensor in (*original.named_parameters(recurse=False), *original.named_buffers(recurse=False)):
            empty = torch.empty_like(tensor, device="meta", requires_grad=tensor.requires_grad)
            script.setattr(name, empty)
            known[storage_of(empty)] = tensor
    return trace.ask_torch(twin.forward, module.original_name, args, kwargs, known)


def unwrapped(model: nn.Module) -> nn.Module:
    """The user's module inside torch.compile's and DataParallel's wrappers."""
    if isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
        return unwrapped(model.module)
    inner = getattr(model, "_orig_mod", None)
    return model if inner is None else unwrapped(inner)


def _explained(error: Exception, place: str) -> ValueError | UnsupportedOperationError:
    """What went wrong in a forward, in words; the kind says whether the model or the counting is to blame."""
    if isinstance(error, UnsupportedOperationError):
        return UnsupportedOperationError(f"{place}{error}{_where(error)}")
    if "meta tensor" in str(error):
        words = "the model asks for the values of weights that lie on the meta device and have none"
        return UnsupportedOperationError(f"{place}{words}{_where(error)}")
    if any("_functorch" in frame.filename for frame in traceback.extract_tb(error.__traceback__)):
        words = "torch.vmap and other transformations of functions cannot be followed by shapes"
        return UnsupportedOperationError(f"{place}{words}{_where(error)}")
    said = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
    return ValueError(f"{place}{said}{_where(error)}")


def _where(error: BaseException) -> str:
    """The line of the model's own code that an error comes from, if it comes from one."""
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(_NOT_MODELS)
    ]
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno}: {frames[-1].line})" if frames else ""


def follow(
    model: nn.Module, input_size: InputSize, watch: Callable[..., None] | None = None
) -> tuple[Trace, tuple[Shape, ...]]:
    """Run a model's forward on shapes and collect what it costs; arguments and errors are those of `count`.

    Args:
        model: As for `count`.
        input_size: As for `count`.
        watch: Is told of everything that runs; see `Trace`.

    Returns:
        What was collected, and the shapes of the inputs.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"count needs a torch.nn.Module instead of {type(model).__name__}")
    model = unwrapped(model)
    trace = Trace(model, watch)
    args, kwargs = make_inputs(input_size, trace.dtype, lambda shape, dtype: ShapeTensor(shape, trace, dtype=dtype))
    sizes = tuple(tuple(leaf.shape) for leaf in tree_leaves((args, kwargs)))
    kernels = Kernels(trace)
    trace.ask_torch = kernels.ask
    with one_at_a_time:
        state = ModelState(trace.modules, LAYER_RULES)
        try:
            with torch.enable_grad(), kernels, ModuleCalls(partial(_call_module, trace), state.remember):
                if watch is not None:
                    watch(trace, "input", (), {}, [args, kwargs])
                trace.stack.append("")
                result = model(*args, **kwargs)
                if watch is not None:
                    watch(trace, "output", (result,), {}, None)
        except Exception as error:  # the forward is anybody's code
            layer = next((path for path in reversed(trace.stack) if path), "")
            place = f"layer {layer!r}" if layer else "the forward"
            raise _explained(error, f"in {place} of {type(model).__name__}: ") from error
        finally:
            trace.end()
            state.restore()
            kernels.restore()
    if shapes := [leaf for leaf in tree_leaves(result) if type(leaf) is ShapeTensor]:
        trace.forget_unused_gradients(shapes)
    return trace, sizes


def count(model: nn.Module, input_size: InputSize = (1, 3, 224, 224)) -> CountTable:
    """Count parameters, multiply-accumulates, activations and memory access of a model.

    The model's own ``forward`` runs on a `ShapeTensor`: an object that has a shape and no numbers. So the count takes
    milliseconds, needs no memory, follows whatever the forward does, and leaves the model exactly as it was: its mode,
    hooks, buffers, gradients and device. The model is counted in the mode it is in (auxiliary heads run in training).
    Forward hooks are not run.

    Args:
        model: Any module. Its weights may lie on any device, meta included.
        input_size: Shape of the input, batch first. A forward with several inputs takes a list of shapes, or a dict by
            the names of its arguments. A shape may come with a type, as in ``((1, 128), torch.long)``; without one it
            has that of the model's parameters. A list inside stands for a list of tensors.

    Returns:
        The totals and one row a layer. MACs are multiply-accumulates of convolutions, linear layers and matrix
        products, so half of what torch.utils.flop_counter.FlopCounterMode reports.

    Raises:
        TypeError: If ``model`` is not a module that can be followed.
        ValueError: If the input size is not valid or does not fit the model; the message names the layer.
        UnsupportedOperationError: If the forward depends on the values of its input, or PyTorch cannot run it on
            shapes; it names operation, layer and line.

    Example:
        >>> table = count(nn.Conv2d(3, 6, kernel_size=11, stride=4), input_size=(1, 3, 227, 227))
        >>> table.params, table.macs  # 11 · 11 · 3 · 6 weights and 6 biases; each weight used at 55 · 55 places
        (2184, 6588450)
    """
    trace, sizes = follow(model, input_size)
    unused = tuple(name for name, _, _ in trace.unmet.values())
    size = sizes[0] if len(sizes) == 1 else sizes
    return CountTable(type(trace.model).__name__, size, trace.params, tuple(trace.rows), unused)
