"""What does PyTorch really run? The operations of a forward pass, found without doing any arithmetic.

`lightnets_edu.counting` counts layers. A clock also sees what no layer stands for: the copy that a channel shuffle
makes, whether a ReLU writes in place. So here the model's own ``forward`` runs on PyTorch's meta device, where tensors
have shapes and no numbers, and every operation that makes or changes a tensor is written down.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from lightnets_edu.counting.aten import Product, product_of
from lightnets_edu.counting.inputs import InputSize, make_inputs
from lightnets_edu.counting.trace import storage_of

CONVOLUTIONS = ("dense", "pointwise", "grouped", "depthwise")
MULTIPLYING = (*CONVOLUTIONS, "linear")
CHEAP = ("batch_norm", "relu", "sigmoid", "max_pool", "mean", "add", "multiply", "cat", "copy")
KINDS = (*MULTIPLYING, *CHEAP, "reorder")  # the last one is not PyTorch's: ONNX Runtime changes the layout of maps

# Class of cost -> PyTorch's names of the operations that have it, without the final underscore of in-place ones.
_NAMES = {
    "batch_norm": """native_batch_norm cudnn_batch_norm _native_batch_norm_legit _native_batch_norm_legit_no_training
        native_layer_norm""",
    "relu": "relu hardtanh clamp clamp_min leaky_relu threshold hardswish hardsigmoid",
    "sigmoid": "sigmoid silu tanh gelu mish elu exp pow _softmax _log_softmax",
    "max_pool": "max_pool2d_with_indices",
    "mean": "mean sum avg_pool2d _adaptive_avg_pool2d avg_pool3d",
    "add": "add sub",
    "multiply": "mul div",
    "cat": "cat stack",
    "copy": "clone copy _to_copy constant_pad_nd",
}
_KIND_OF = {name: kind for kind, names in _NAMES.items() for name in names.split()}
_FREE = {"empty", "empty_like", "empty_strided", "new_empty", "detach", "lift_fresh", "zero"}


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation on tensors.

    Attributes:
        path: The module that runs it, as in ``named_modules``.
        name: PyTorch's name of it, such as ``convolution`` or ``relu_``.
        kind: The class whose cost it has, one of ``KINDS``.
        macs: Multiply-accumulates of convolutions and matrix products; 0 elsewhere.
        work: ``macs``, or the elements looked at by an operation that does not multiply.
        read: Elements of the maps that are read.
        weights: Elements of weights and statistics that are read.
        written: Elements written.
        shape: Batch, groups, input and output channels a group, kernel elements, output pixels.
    """

    path: str
    name: str
    kind: str
    macs: int
    work: int
    read: int
    weights: int
    written: int
    shape: tuple[int, int, int, int, int, int]

    def to_list(self) -> list:
        """For JSON: everything but where it is."""
        return [self.name, self.kind, self.macs, self.work, self.read, self.weights, self.written, list(self.shape)]

    @classmethod
    def from_list(cls, row: Sequence) -> Operation:
        """The opposite of ``to_list``."""
        name, kind, macs, work, read, weights, written, shape = row
        return cls("", name, kind, macs, work, read, weights, written, tuple(shape))


def operations(model: nn.Module, input_size: InputSize) -> list[Operation]:
    """The operations of a forward pass for inference, in order.

    The model is not touched: the pass is run by a copy that has no numbers.

    Args:
        model: A network.
        input_size: As for `lightnets_edu.count`.

    Raises:
        ValueError: If the input size is not valid.
    """
    return [op for event in trace(model, input_size, training=False) if (op := _operation(event)) is not None]


def operations_of(function: Callable[[], object]) -> list[Operation]:
    """The operations of a function, which should compute on meta tensors."""
    with torch.no_grad(), Recorder() as recorder:
        function()
    return [op for event in recorder.events if (op := _operation(event)) is not None]


# --- Tracing --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Event:
    """One call below autograd: its tensors are held, so that no two storages of a trace share an address."""

    path: str
    name: str
    args: tuple
    inputs: list[Tensor]
    outputs: list[Tensor]
    kept: list[Tensor]  # what autograd keeps for its backward pass and was not there before the forward


class Recorder(TorchDispatchMode):
    """Writes down every call that makes a new tensor or changes one; views are left out.

    Args:
        known: Tensors that are there before anything runs.
    """

    def __init__(self, known: Iterable[Tensor] = ()) -> None:
        super().__init__()
        self.known = {storage_of(tensor) for tensor in known}
        self.events: list[Event] = []
        self.stack: list[str] = [""]
        self._kept: list[Tensor] = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        """Run one operation and note it."""
        kwargs = kwargs or {}
        result = function(*args, **kwargs)
        name = function.overloadpacket.__name__
        inputs, outputs = tensors_in((args, kwargs)), tensors_in(result)
        given = {storage_of(tensor) for tensor in inputs}
        is_view = not name.endswith("_") and all(storage_of(tensor) in given for tensor in outputs)
        if outputs and not is_view and name.removesuffix("_") not in _FREE and outputs[0].is_floating_point():
            self.events.append(Event(self.stack[-1], name, args, inputs, outputs, self._kept))
            self._kept = []
        return result

    def keep(self, tensor: Tensor) -> Tensor:
        """Note what autograd keeps: inputs before the call runs, results after it."""
        if storage_of(tensor) in self.known:
            return tensor
        results = self.events[-1].outputs if self.events else []
        done = any(storage_of(tensor) == storage_of(result) for result in results)
        (self.events[-1].kept if done else self._kept).append(tensor)
        return tensor


def trace(model: nn.Module, input_size: InputSize, *, training: bool) -> list[Event]:
    """Run the forward of a copy of the model on the meta device and return what happened.

    Args:
        model: The network.
        input_size: As for `lightnets_edu.count`.
        training: Whether in training mode, and as if a backward pass were to follow.

    Raises:
        ValueError: If the input size is not valid.
    """
    network = meta_copy(model).train(training)
    dtype = next((parameter.dtype for parameter in network.parameters()), torch.float32)
    args, kwargs = make_inputs(input_size, dtype, lambda shape, kind: torch.empty(shape, dtype=kind, device="meta"))
    known = [*network.parameters(), *network.buffers(), *tensors_in((args, kwargs))]
    with Recorder(known) as recorder:
        for path, module in network.named_modules():
            module.register_forward_pre_hook(lambda *_, path=path: recorder.stack.append(path))
            module.register_forward_hook(lambda *_: recorder.stack.pop() and None)
        with torch.set_grad_enabled(training), saved_tensors_hooks(recorder.keep, lambda tensor: tensor):
            network(*args, **kwargs)
    return recorder.events


def meta_copy(model: nn.Module) -> nn.Module:
    """A copy of a model that has all shapes and no numbers, so it costs no memory."""
    state = {
        **dict(model.named_parameters(remove_duplicate=False)),
        **dict(model.named_buffers(remove_duplicate=False)),
    }
    # deepcopy takes what it finds here instead of copying the weights.
    memo: dict[int, object] = {}
    for tensor in state.values():
        empty = torch.empty_like(tensor, device="meta")
        memo[id(tensor)] = (
            nn.Parameter(empty, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else empty.detach()
        )
    return copy.deepcopy(model, memo)


def tensors_in(values: object) -> list[Tensor]:
    """All tensors in nested tuples, lists and dictionaries, in order."""
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]


# --- From calls to costs --------------------------------------------------------------------------------------------


def _operation(event: Event) -> Operation | None:
    name = event.name.removesuffix("_")
    if product := product_of(name, event.args, event.outputs[0]):
        return _convolution(event, product) if product.group == "convolution" else _product(event, product)
    if name == "native_dropout" or (not event.inputs and name != "cat"):
        return None
    maps = [tensor for tensor in event.inputs if tensor.dim() > 1] or event.inputs
    parameters = sum(tensor.numel() for tensor in event.inputs if all(tensor is not other for other in maps))
    out, read = event.outputs[0], sum(tensor.numel() for tensor in maps)
    kind = _KIND_OF.get(name, "add")
    window = prod(event.args[1]) if kind == "max_pool" else 1
    work = out.numel() * window if kind == "max_pool" else max(read, out.numel())
    channels = [tensor.shape[1] if tensor.dim() > 1 else tensor.numel() for tensor in (maps[0], out)]
    images, (in_channels, out_channels) = out.shape[0] if out.dim() else 1, channels
    shape = (images, 1, in_channels, out_channels, window, prod(out.shape[2:]))
    return Operation(event.path, event.name, kind, 0, work, read, parameters, out.numel(), shape)


def _convolution(event: Event, product: Product) -> Operation:
    x, out, groups, kernel = product.operands[0], product.result, product.groups, prod(product.kernel_size)
    channels = x.shape[1] // groups
    together = "pointwise" if kernel == 1 else "dense"
    apart = "depthwise" if channels == 1 else "grouped"
    kind = apart if groups > 1 else together
    weights = sum(tensor.numel() for tensor in event.inputs[1:])
    shape = (out.shape[0], groups, channels, out.shape[1] // groups, kernel, prod(out.shape[2:]))
    return Operation(event.path, event.name, kind, product.macs, product.macs, x.numel(), weights, out.numel(), shape)


def _product(event: Event, product: Product) -> Operation:
    a, out = product.operands[0], product.result
    columns = out.shape[-1] if out.dim() else 1
    weights = sum(tensor.numel() for tensor in event.inputs) - a.numel()
    shape = (out.numel() // columns, 1, a.shape[-1], columns, 1, 1)
    macs = product.macs
    return Operation(event.path, event.name, "linear", macs, macs, a.numel(), weights, out.numel(), shape)
