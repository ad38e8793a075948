"""How much memory does training take? Predicted from what each layer keeps for the backward pass.

A step has to hold the parameters, a gradient for each, the optimiser's state, and the activations: those maps of the
forward pass that the backward pass reads again. Which ones is decided by each layer's derivative. PyTorch says it: the
forward runs on the meta device, and autograd tells what it would keep. So

- a convolution or linear layer keeps its input, for the gradient of its weights;
- a batch norm keeps its input, and each channel's mean and inverse deviation in float32;
- ReLU, ReLU6, sigmoid, tanh and softmax keep their result, from which the slope follows; a ReLU in place overwrites its
  input with it, so batch norm and ReLU cost one map together instead of two;
- hard-swish, hard-sigmoid, SiLU, GELU and others need their input; if they work in place, they keep a copy of it;
- a max pool keeps its input, and an index of 8 bytes for each result; an average pool its input; a mean nothing;
- a product of two maps keeps both; a sum, a concatenation, a copy and a view keep nothing.

A map that two layers keep is there once. Nothing is kept before the first layer that learns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from torch import Tensor, nn

from lightnets_edu.checks import one_of
from lightnets_edu.counting.trace import storage_of
from lightnets_edu.timing.operations import Event, trace

# Numbers of state that an optimiser holds for each parameter (SGD: one, if it has momentum).
OPTIMIZER_STATE = {"sgd": 1, "adam": 2, "adamw": 2, "rmsprop": 1}


@dataclass(frozen=True)
class TrainingMemory:
    """Bytes that a training step holds.

    Attributes:
        parameters: The parameters and buffers.
        gradients: One for each parameter that learns.
        optimizer_state: What the optimiser remembers between steps.
        images: The batch.
        activations: What the forward pass keeps for the backward pass, and the output.
        transient: The most that comes on top of all these at the start of the backward pass or on its way, minus what
            is not there yet: gradients of maps, while gradients of parameters are still to come.
    """

    parameters: int
    gradients: int
    optimizer_state: int
    images: int
    activations: int
    transient: int

    @property
    def total(self) -> int:
        """The most at any one time of a step that is not the first."""
        return self.parameters + self.optimizer_state + self.images + self.activations + self.transient


def training_memory(
    model: nn.Module, input_size: Sequence[int], optimizer: str = "sgd", momentum: bool = True
) -> TrainingMemory:
    """Predict the memory of a training step in float32, without running the model.

    Not predicted: the library's workspaces, an allocator's rounding and fragmentation, temporaries inside the
    optimiser's step, mixed precision and checkpointing.

    Args:
        model: The network.
        input_size: (N, C, H, W).
        optimizer: One of ``OPTIMIZER_STATE``.
        momentum: Whether SGD has it.

    Raises:
        ValueError: If the optimiser or the input size is not valid.
    """
    one_of("optimizer", optimizer, OPTIMIZER_STATE)
    events = trace(model, input_size, training=True)
    states = OPTIMIZER_STATE[optimizer] if optimizer != "sgd" else int(bool(momentum))
    learning = sum(_bytes(parameter) for parameter in model.parameters() if parameter.requires_grad)
    held = sum(map(_bytes, (*model.parameters(), *model.buffers())))
    kept = _kept(events)
    activations = sum(size for sizes in kept for size in sizes.values())
    transient = _transient(events, kept)
    return TrainingMemory(held, learning, states * learning, 4 * prod(input_size), activations, transient)


def kept_bytes(model: nn.Module, input_size: Sequence[int]) -> int:
    """Bytes of what the forward pass keeps for the backward pass, and of the output.

    Args:
        model: The network.
        input_size: (N, C, H, W).

    Raises:
        ValueError: If the input size is not valid.
    """
    return sum(size for sizes in _kept(trace(model, input_size, training=True)) for size in sizes.values())


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _kept(events: list[Event]) -> list[dict[int, int]]:
    """For each event what it is the last to hold: storage to bytes. So each storage is listed once."""
    last: dict[int, tuple[int, int]] = {}
    for index, event in enumerate(events):
        for tensor in event.kept:
            last[storage_of(tensor)] = (index, tensor.untyped_storage().nbytes())
    output = events[-1].outputs[0]
    last[storage_of(output)] = (len(events) - 1, output.untyped_storage().nbytes())
    kept: list[dict[int, int]] = [{} for _ in events]
    for storage, (index, size) in last.items():
        kept[index][storage] = size
    return kept


def _transient(events: list[Event], kept: list[dict[int, int]]) -> int:
    """The most on top of the activations: walk back, give up what each layer kept, and add gradients.

    While a layer's backward runs, the gradients of its result and of its input are there. A parameter's gradient stays.
    """
    freed, gradients, most = 0, 0, 0
    waiting: dict[int, int] = {storage_of(events[-1].outputs[0]): _bytes(events[-1].outputs[0])}
    for event, gone in zip(reversed(events), reversed(kept), strict=True):
        for tensor in event.inputs:
            if isinstance(tensor, nn.Parameter) and tensor.requires_grad:
                gradients += _bytes(tensor)
            elif tensor.dim() > 1 and tensor.is_floating_point():
                waiting.setdefault(storage_of(tensor), _bytes(tensor))
        in_place = event.name.endswith("_")
        result = event.outputs[0]
        fresh = _bytes(result) if in_place else 0  # the gradient before and the gradient after
        most = max(most, sum(waiting.values()) + fresh + gradients - freed)
        if not in_place:
            waiting.pop(storage_of(result), None)
        freed += sum(gone.values())
    return most
