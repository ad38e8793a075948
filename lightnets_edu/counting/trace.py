"""The notebook in which a count writes down one line an operation, and who is calling it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from typing import Any, NamedTuple

import torch
from torch import nn

from lightnets_edu.counting.shapes import ShapeTensor, find_trace

MULTIPLYING = frozenset({"convolution", "linear", "matmul"})


class LayerCount(NamedTuple):
    """One line of a count: one call of one layer, or one operation outside any layer.

    Attributes:
        path: The layer's name in the model, as in ``named_modules``; for a bare operation, the module that calls it.
        kind: The layer's class or the operation's name.
        group: ``convolution``, ``linear``, ``matmul``, ``normalization``, ``pooling``, ``activation``, ``elementwise``.
        input_shape: Shape of the (first) input.
        output_shape: Shape of the output.
        params: Learnable numbers, on the first call of a layer only.
        macs: Multiply-accumulates of convolutions, linear layers and matrix products; 0 elsewhere.
        backward_macs: Those of the gradients with respect to the weights and, if anything before learns, the input.
        activations: Elements of the output.
        memory_access: Elements read (inputs, parameters, running statistics) and written, each once.
        kernel_size: Of convolutions and pools, else ().
        groups: Of convolutions, else 1.
        bias_elements: Output elements to which a bias is added.
    """

    path: str
    kind: str
    group: str
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    params: int
    macs: int
    backward_macs: int
    activations: int
    memory_access: int
    kernel_size: tuple[int, ...] = ()
    groups: int = 1
    bias_elements: int = 0


class Weight(NamedTuple):
    """What a count needs to know of a parameter, read once before the forward runs."""

    name: str
    shape: tuple[int, ...]
    elements: int
    requires_grad: bool

    @classmethod
    def of(cls, name: str, tensor: torch.Tensor) -> Weight:
        """Read it off a tensor of any device."""
        # Straight to the tuple's own constructor: a network has hundreds of parameters.
        return tuple.__new__(cls, (name, tensor.shape, tensor.numel(), tensor.requires_grad))


class Trace:
    """Collects the rows of one count and knows where in the model it is.

    Attributes:
        model: What is counted.
        input_size: Shape of its input.
        watch: Is told of all that has run: ``watch(trace, name of an operation or module, args, kwargs, result)``. The
            first is "input", which results in the model's input, the last "output", which takes its output.
        rows: What has been counted so far.
        paths: The name of each module, by identity.
        weights: What is known of the model's parameters, by identity.
        unmet: Parameters that no operation has read yet, by identity.
        stack: Names of the modules that are running, outermost first.
    """

    def __init__(self, model: nn.Module, input_size: tuple[int, ...], watch: Callable[..., None] | None = None) -> None:
        self.model = model
        self.input_size = input_size
        self.watch = watch
        self.rows: list[LayerCount] = []
        self.paths: dict[int, str] = {}
        self.weights: dict[int, Weight] = {}
        self.unmet: dict[int, Weight] = {}
        self.stack: list[str] = []
        self._buffers: list[tuple[dict, dict]] = []
        self._walk(model, "")
        self.params = sum(weight.elements for weight in self.unmet.values())

    def _walk(self, module: nn.Module, path: str) -> None:
        state = module.__dict__
        self.paths[id(module)] = path
        prefix = path + "." if path else ""
        for name, parameter in state["_parameters"].items():
            if parameter is not None and id(parameter) not in self.weights:
                if isinstance(parameter, nn.parameter.UninitializedParameter):
                    raise ValueError(
                        f"parameter {prefix}{name} has no shape yet: run the model once on real data before counting it"
                    )
                weight = Weight.of(prefix + name, parameter)
                self.weights[id(parameter)] = self.unmet[id(parameter)] = weight
        if buffers := state["_buffers"]:
            self._buffers.append((buffers, buffers.copy()))
        for name, child in state["_modules"].items():
            if child is not None and id(child) not in self.paths:
                self._walk(child, prefix + name)

    def weight(self, tensor: torch.Tensor) -> Weight:
        """What is known of a tensor; one that the forward has computed itself is read now."""
        return self.weights.get(id(tensor)) or Weight.of("", tensor)

    def record(
        self,
        kind: str,
        group: str,
        inputs: tuple,
        shape: tuple[int, ...],
        *,
        macs: int = 0,
        weights: tuple = (),
        bias: torch.Tensor | None = None,
        statistics: int = 0,
        kernel_size: tuple[int, ...] = (),
        groups: int = 1,
    ) -> ShapeTensor:
        """Write one row, for the module that is running, and return the shape of the result.

        Args:
            kind: The layer's class or the operation's name.
            group: See `LayerCount`.
            inputs: The operands: shapes, tensors or numbers. Tensors among them are counted as read.
            shape: Shape of the result.
            macs: Multiply-accumulates of the forward pass.
            weights: Parameters that are read, that of a product first; None among them is passed over.
            bias: A parameter that is read and added to each element of the result.
            statistics: Elements of running statistics that are read.
            kernel_size: For the row.
            groups: For the row.
        """
        first = inputs[0]
        if len(inputs) == 1 and type(first) is ShapeTensor:
            read = statistics + prod(first.shape)
            learns = first.requires_grad  # does this layer or anything before it learn?
            gradients = int(learns)  # how many operands of the product need a gradient
        else:
            shapes = [x for x in inputs if type(x) is ShapeTensor]
            weights = (*weights, *(x for x in inputs if type(x) is not ShapeTensor and isinstance(x, torch.Tensor)))
            read = statistics + sum(prod(x.shape) for x in shapes)
            gradients = sum(x.requires_grad for x in shapes)
            learns = gradients > 0
        written = prod(shape)
        bias_elements = 0
        if bias is not None:
            weights = (*weights, bias)
            bias_elements = written
        params = 0
        for index, tensor in enumerate(weights):
            if tensor is None:
                continue
            weight = self.weights.get(id(tensor)) or self.weight(tensor)
            read += weight.elements
            if self.unmet.pop(id(tensor), None) is not None:
                params += weight.elements
            if weight.requires_grad:
                learns = True
                gradients += index == 0
        row = (
            self.stack[-1],
            kind,
            group,
            tuple(getattr(first, "shape", ())),
            shape,
            params,
            macs,
            macs * gradients,
            written,
            read + written,
            kernel_size,
            groups,
            bias_elements,
        )
        self.rows.append(tuple.__new__(LayerCount, row))
        return ShapeTensor(shape, self, learns, getattr(first, "dtype", torch.float32))

    def restore_buffers(self) -> None:
        """Undo what a forward may have rebound: ``self.running_mean = ...`` on a module."""
        for buffers, before in self._buffers:
            if any(buffers.get(name) is not tensor for name, tensor in before.items()):
                buffers.clear()
                buffers.update(before)


_lock = threading.Lock()
_users = 0
_original_call = nn.Module.__call__


@contextmanager
def watching_modules(call: Any) -> Iterator[None]:
    """While open, calls of modules on shapes go to ``call``; calls on real tensors, in any thread, go on as ever.

    This is how torch.fx follows a model too. It replaces hooks, of which a model would keep traces.
    """
    global _users, _original_call

    def dispatch(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        first = args[0] if args else None
        trace = first.trace if type(first) is ShapeTensor else find_trace(args, kwargs)
        return original(module, *args, **kwargs) if trace is None else call(trace, module, args, kwargs)

    with _lock:
        if _users == 0:
            _original_call = nn.Module.__call__
            original = _original_call
            nn.Module.__call__ = dispatch  # type: ignore[method-assign]
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                nn.Module.__call__ = _original_call  # type: ignore[method-assign]
