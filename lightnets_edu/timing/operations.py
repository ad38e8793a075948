"""What does PyTorch really run? The operations of a forward pass, found without doing any arithmetic.

`lightnets_edu.counting` counts layers. A clock also sees what no layer stands for: the copy that a channel shuffle
makes, whether a ReLU writes in place. So here the model's own ``forward`` runs on PyTorch's meta device, where tensors
have shapes and no numbers, and every operation that makes or changes a tensor is written down.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from lightnets_edu.checks import whole_number

CONVOLUTIONS = ("dense", "pointwise", "grouped", "depthwise")
MULTIPLYING = (*CONVOLUTIONS, "linear")
CHEAP = ("batch_norm", "relu", "sigmoid", "max_pool", "mean", "add", "multiply", "cat", "copy")
KINDS = (*MULTIPLYING, *CHEAP)

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


def operations(model: nn.Module, input_size: Sequence[int]) -> list[Operation]:
    """The operations of a forward pass for inference, in order.

    The model is not touched: the pass is run by a copy that has no numbers.

    Args:
        model: A network from images to anything.
        input_size: (N, C, H, W).

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


class Recorder(TorchDispatchMode):
    """Writes down every call that makes a new tensor or changes one; views are left out."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Event] = []
        self.stack: list[str] = [""]

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        """Run one operation and note it."""
        kwargs = kwargs or {}
        result = function(*args, **kwargs)
        name = function.overloadpacket.__name__
        inputs, outputs = tensors_in((args, kwargs)), tensors_in(result)
        given = {storage_of(tensor) for tensor in inputs}
        is_view = not name.endswith("_") and all(storage_of(tensor) in given for tensor in outputs)
        if outputs and not is_view and name.removesuffix("_") not in _FREE and outputs[0].is_floating_point():
            self.events.append(Event(self.stack[-1], name, args, inputs, outputs))
        return result


def trace(model: nn.Module, input_size: Sequence[int], *, training: bool) -> list[Event]:
    """Run the forward of a copy of the model on the meta device and return what happened.

    Args:
        model: The network.
        input_size: (N, C, H, W).
        training: Whether in training mode.
    """
    if not isinstance(input_size, tuple | list) or len(input_size) < 2:
        raise ValueError(f"input_size={input_size!r} must be whole numbers: (N, C, H, W), as (1, 3, 224, 224).")
    size = [whole_number(f"input_size[{index}]", value, 1) for index, value in enumerate(input_size)]
    network = meta_copy(model).train(training)
    with Recorder() as recorder:
        for path, module in network.named_modules():
            module.register_forward_pre_hook(lambda *_, path=path: recorder.stack.append(path))
            module.register_forward_hook(lambda *_: recorder.stack.pop() and None)
        with torch.no_grad():
            network(torch.empty(size, device="meta"))
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


def storage_of(tensor: Tensor) -> int:
    """What two tensors have in common if they share memory."""
    return tensor.untyped_storage()._cdata


def tensors_in(values: object) -> list[Tensor]:
    """All tensors in nested tuples, lists and dictionaries, in order."""
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]


# --- From calls to costs --------------------------------------------------------------------------------------------


def _operation(event: Event) -> Operation | None:
    name = event.name.removesuffix("_")
    if name == "convolution":
        return _convolution(event)
    if name in ("addmm", "mm", "bmm", "baddbmm"):
        return _product(event)
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


def _convolution(event: Event) -> Operation:
    x, weight = event.inputs[:2]
    out, groups = event.outputs[0], event.args[8]
    channels, kernel = weight.shape[1], prod(weight.shape[2:])
    together = "pointwise" if kernel == 1 else "dense"
    apart = "depthwise" if channels == 1 else "grouped"
    kind = apart if groups > 1 else together
    macs = out.numel() * channels * kernel
    weights = sum(tensor.numel() for tensor in event.inputs[1:])
    shape = (out.shape[0], groups, channels, out.shape[1] // groups, kernel, prod(out.shape[2:]))
    return Operation(event.path, event.name, kind, macs, macs, x.numel(), weights, out.numel(), shape)


def _product(event: Event) -> Operation:
    a = [tensor for tensor in event.inputs if tensor.dim() > 1][-2]  # a bias may stand before the two matrices
    out = event.outputs[0]
    macs = out.numel() * a.shape[-1]
    weights = sum(tensor.numel() for tensor in event.inputs) - a.numel()
    shape = (out.numel() // out.shape[-1], 1, a.shape[-1], out.shape[-1], 1, 1)
    return Operation(event.path, event.name, "linear", macs, macs, a.numel(), weights, out.numel(), shape)
