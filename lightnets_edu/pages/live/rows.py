"""A network as rows: what is computed, from what, in order. The page's engine runs nothing else.

The model's own ``forward`` runs once, on PyTorch's meta device, where tensors have shapes and no numbers, and every
call of a function of PyTorch is written down. Then batch norms and activations are taken in by the rows before them, as
every program that runs networks does. A function that is not known here is refused by its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

Shape = tuple[int, int, int]
NONE, RELU, RELU6 = 0, 1, 2  # activations, the last setting of the rows that can have one
ACTIVE = ("conv", "linear", "affine", "add", "gate")  # these can
TRAINED_NORM = (0.1, 1e-5)  # momentum and epsilon that trainer.js has
# Functions that change nothing in a network that predicts.
THROUGH = ("dropout",)


class UnknownOperationError(ValueError):
    """A network does something that the page's engine cannot do."""


@dataclass(frozen=True)
class Row:
    """One operation of a network for one image.

    Attributes:
        op: ``conv`` (kernel, stride, padding above and on the left, groups, whether it has biases, activation),
            ``linear`` (activation), ``affine`` (whether it is a batch norm and not only an activation; activation),
            ``add`` (of two maps, or of a map and one number a channel; activation), ``gate`` (a map times one number a
            channel; activation), ``sigmoid``, ``hard_sigmoid``, ``mean``, ``max_pool`` and ``avg_pool`` (kernel,
            stride, padding), ``cat``, ``slice`` (first channel), ``reshape``, ``shuffle`` (groups) or
            ``response_norm`` (neighbours, alpha, k). In brackets: the settings.
        inputs: Numbers of values: 0 is the image, and row i makes value i + 1.
        shape: (C, H, W) of what it makes.
        settings: Numbers.
        weights: How many weights it has.
        biases: How many biases.
        fan_in: Numbers that one output is summed from.
        parameters: Names in the model of what the weights and the biases stand for; empty where there is none.
    """

    op: str
    inputs: tuple[int, ...]
    shape: Shape
    settings: tuple[float, ...] = ()
    weights: int = 0
    biases: int = 0
    fan_in: int = 0
    parameters: tuple[str, str] = ("", "")

    @property
    def macs(self) -> int:
        """Multiply-accumulates, as `lightnets_edu.count` counts them."""
        return self.weights * prod(self.shape[1:]) if self.op in ("conv", "linear") else 0


def network_rows(model: nn.Module, size: Shape, training: bool = False) -> list[Row]:
    """The rows of a network.

    Args:
        model: The network; it is put into evaluation mode. On the meta device nothing is computed.
        size: (C, H, W) of the image.
        training: Whether the page is to train it: batch norms and activations stay rows of their own, and what would
            be another network in training is refused.

    Raises:
        UnknownOperationError: If it calls what is not known here; the sentence names it.
    """
    model.eval()
    device = next(model.parameters()).device
    image = torch.empty(1, *size, device=device)
    with torch.no_grad(), _Tracer(model, image, training) as tracer:
        result = model(image)
    if tracer.values.get(id(result)) != len(tracer.rows):
        raise UnknownOperationError("the network's result is not what its last operation makes")
    return tracer.rows if training else _folded(tracer.rows)


def compact(rows: Sequence[Row]) -> list[list[Any]]:
    """The same for JSON: ``[op, inputs, shape, settings]``, inputs as how many values back, so that equal blocks are
    equal text."""
    return [
        [row.op, [at + 1 - one for one in row.inputs], list(row.shape), list(row.settings)]
        for at, row in enumerate(rows)
    ]


# --- Tracing --------------------------------------------------------------------------------------------------------


class _Tracer(TorchFunctionMode):
    """Writes down calls. A method ``_NAME`` has the arguments of PyTorch's function NAME, after its result."""

    def __init__(self, model: nn.Module, image: Tensor, training: bool) -> None:
        super().__init__()
        self.training = training
        self.names = {id(parameter): name for name, parameter in model.named_parameters()}
        self.rows: list[Row] = []
        self.values = {id(image): 0}
        # Between two calls that only together are an operation: a map with zeros around it, a channel shuffle.
        self.padded: dict[int, tuple[Tensor, int]] = {}
        self.dealt: dict[int, tuple[Tensor, int, bool]] = {}
        self.alive: list[Any] = [image]  # else another tensor could get its identity

    def __torch_function__(self, function, types, args=(), kwargs=None):
        """Run a function and note what it does."""
        result = function(*args, **(kwargs or {}))
        name = function.__name__
        if not isinstance(result, Tensor | tuple | list) or name == "__get__":  # a size, a shape
            return result
        if isinstance(result, tuple | list) and not any(isinstance(one, Tensor) for one in result):
            return result
        self.alive.append(result)
        if name in THROUGH:
            self._check_dropout(*args, **(kwargs or {}))
            self.values[id(result)] = self._value(args[0])
            return result
        known = getattr(self, f"_{name.strip('_')}", None)
        if known is None:
            raise UnknownOperationError(f"the page's engine does not know the operation {name!r}")
        known(result, *args, **(kwargs or {}))
        return result

    def _check_dropout(self, input: Tensor, p: float = 0.5, *_: Any, **__: Any) -> None:
        if self.training and p:
            raise UnknownOperationError(
                f"the page trains no network with dropout, and one layer drops {p:g} of its inputs"
            )

    def _value(self, tensor: Tensor) -> int:
        if id(tensor) not in self.values:
            raise UnknownOperationError("an operation reads what no known operation made")
        return self.values[id(tensor)]

    def _add_row(self, op: str, result: Tensor, inputs: Sequence[Tensor], *settings: float, **more: Any) -> None:
        channels, *sides = result.shape[1:]
        height, width = sides or (1, 1)
        numbers = tuple(self._value(one) for one in inputs)
        self.rows.append(Row(op, numbers, (channels, height, width), settings, **more))
        self.values[id(result)] = len(self.rows)

    def _named(self, weight: Tensor | None, bias: Tensor | None) -> tuple[str, str]:
        return self.names.get(id(weight), ""), self.names.get(id(bias), "")

    # What has weights.

    def _conv2d(self, y, x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        kernel, step, before, spread = (
            _one(name, value)
            for name, value in (
                ("kernel", weight.shape[2:]),
                ("stride", stride),
                ("padding", padding),
                ("dilation", dilation),
            )
        )
        if spread != 1:
            raise UnknownOperationError("the page's engine knows no dilated convolution")
        if id(x) in self.padded:
            x, before = self.padded[id(x)]
        self._add_row(
            "conv",
            y,
            [x],
            kernel,
            step,
            before,
            groups,
            int(bias is not None),
            NONE,
            weights=weight.numel(),
            biases=0 if bias is None else len(bias),
            fan_in=prod(weight.shape[1:]),
            parameters=self._named(weight, bias),
        )

    def _linear(self, y, x, weight, bias=None):
        if bias is None:
            raise UnknownOperationError("the page's engine knows linear layers with biases only")
        self._add_row(
            "linear",
            y,
            [x],
            NONE,
            weights=weight.numel(),
            biases=len(weight),
            fan_in=weight.shape[1],
            parameters=self._named(weight, bias),
        )

    def _batch_norm(self, y, x, mean, variance, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
        if training or weight is None or bias is None:
            raise UnknownOperationError("the page's engine knows batch norms that predict, with scale and shift")
        if self.training and (momentum, eps) != TRAINED_NORM:
            raise UnknownOperationError(
                f"the page trains batch norms with momentum {TRAINED_NORM[0]} and epsilon {TRAINED_NORM[1]}, PyTorch's "
                f"own, not {momentum} and {eps}"
            )
        # Its own scale; the fan of 6 makes the bound 1.
        self._add_row(
            "affine",
            y,
            [x],
            1,
            NONE,
            weights=len(weight),
            biases=len(bias),
            fan_in=6,
            parameters=self._named(weight, bias),
        )

    # Activations.

    def _relu(self, y, x, inplace=False):
        self._act(y, x, RELU)

    def _hardtanh(self, y, x, min_val=-1.0, max_val=1.0, inplace=False):
        if (min_val, max_val) != (0, 6):
            raise UnknownOperationError(f"the page's engine knows hardtanh from 0 to 6, not {min_val} to {max_val}")
        self._act(y, x, RELU6)

    def _act(self, y, x, activation):
        self._add_row("affine", y, [x], 0, activation)

    def _sigmoid(self, y, x):
        self._add_row("sigmoid", y, [x])

    def _hardsigmoid(self, y, x, inplace=False):
        self._add_row("hard_sigmoid", y, [x])

    # Two maps.

    def _add(self, y, a, b):
        self._combine("add", y, a, b)

    _iadd = _add

    def _mul(self, y, a, b):
        if a.shape == b.shape:
            raise UnknownOperationError("the page's engine multiplies maps by one number a channel only")
        self._combine("gate", y, a, b)

    def _combine(self, op, y, a, b):
        if a.numel() < b.numel():
            a, b = b, a
        if a.shape != y.shape or b.shape not in (a.shape, (*a.shape[:2], 1, 1)):
            raise UnknownOperationError(
                f"the page's engine cannot combine maps of {tuple(a.shape)} and {tuple(b.shape)}"
            )
        self._add_row(op, y, [a, b], NONE)

    # Pools and norms.

    def _max_pool2d(self, y, x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, **_):
        if dilation not in (1, (1, 1)):
            raise UnknownOperationError("the page's engine knows no dilated pool")
        self._pool("max_pool", y, x, kernel_size, stride, padding)

    def _avg_pool2d(self, y, x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, *_):
        if ceil_mode or not count_include_pad:
            raise UnknownOperationError("the page's engine knows average pools that count the zeros around the map")
        self._pool("avg_pool", y, x, kernel_size, stride, padding)

    def _pool(self, op, y, x, kernel_size, stride, padding):
        sizes = (("kernel", kernel_size), ("stride", stride or kernel_size), ("padding", padding))
        self._add_row(op, y, [x], *(_one(name, value) for name, value in sizes))

    def _adaptive_avg_pool2d(self, y, x, output_size):
        if y.shape == x.shape:
            self.values[id(y)] = self._value(x)
        elif tuple(y.shape[2:]) == (1, 1):
            self._add_row("mean", y, [x])
        else:
            raise UnknownOperationError(f"the page's engine cannot pool {tuple(x.shape)} to {tuple(y.shape)}")

    def _mean(self, y, x, dim=None, keepdim=False):
        if tuple(dim or ()) != (2, 3):
            raise UnknownOperationError("the page's engine knows the mean of whole maps only")
        self._add_row("mean", y, [x])

    def _local_response_norm(self, y, x, size, alpha=1e-4, beta=0.75, k=1.0):
        if beta != 0.75:
            raise UnknownOperationError("the page's engine knows response norms with the power 0.75 only")
        self._add_row("response_norm", y, [x], size, alpha, k)

    # Channels.

    def _cat(self, y, tensors, dim=0):
        if dim != 1:
            raise UnknownOperationError("the page's engine joins maps along their channels only")
        self._add_row("cat", y, tensors)

    def _chunk(self, parts, x, chunks, dim=0):
        self._split(parts, x, chunks, dim)

    def _split(self, parts, x, sizes, dim=0):
        if dim != 1:
            raise UnknownOperationError("the page's engine takes maps apart along their channels only")
        first = 0
        for part in parts:
            self._add_row("slice", part, [x], first)
            first += part.shape[1]

    def _getitem(self, y, x, place):
        everything, channels, *others = place if isinstance(place, tuple) else (place, slice(None))
        if everything != slice(None) or others or not isinstance(channels, slice) or channels.step not in (None, 1):
            raise UnknownOperationError("the page's engine takes maps apart along their channels only")
        if y.shape == x.shape:
            self.values[id(y)] = self._value(x)
        else:
            self._add_row("slice", y, [x], channels.start or 0)

    def _pad(self, y, x, pad, mode="constant", value=None):
        left, right, top, bottom = pad
        if mode != "constant" or value or left != top or right != bottom:
            raise UnknownOperationError("the page's engine adds equally many zeros above and on the left only")
        self.padded[id(y)] = (x, left)

    def _flatten(self, y, x, start_dim=0, end_dim=-1):
        if y.dim() != 2 or len(y) != len(x):
            raise UnknownOperationError(f"the page's engine cannot make {tuple(y.shape)} of {tuple(x.shape)}")
        self._add_row("reshape", y, [x])

    # A channel shuffle: into a table of groups, across, and out of it.

    def _reshape(self, y, x, *shape):
        if y.dim() == 5 and x.dim() == 4:
            self.dealt[id(y)] = (x, y.shape[1], False)
        elif id(x) in self.dealt and self.dealt[id(x)][2]:
            source, groups, _ = self.dealt[id(x)]
            self._add_row("shuffle", y, [source], groups)
        else:
            raise UnknownOperationError(f"the page's engine cannot make {tuple(y.shape)} of {tuple(x.shape)}")

    def _transpose(self, y, x, first, second):
        if id(x) not in self.dealt or {first, second} != {1, 2}:
            raise UnknownOperationError("the page's engine transposes the groups of a channel shuffle only")
        source, groups, _ = self.dealt[id(x)]
        self.dealt[id(y)] = (source, groups, True)


def _one(name: str, value: Any) -> int:
    """A setting that is the same in both directions."""
    values = {value} if isinstance(value, int) else set(value)
    if len(values) != 1 or isinstance(value, str):
        raise UnknownOperationError(f"the page's engine needs one {name} for both directions instead of {value!r}")
    return int(values.pop())


# --- Folding --------------------------------------------------------------------------------------------------------


def _folded(rows: Sequence[Row]) -> list[Row]:
    """Batch norms into the convolutions before them, activations into what is before them; nobody else may read it."""
    readers = [0] * (len(rows) + 1)
    for row in rows:
        for one in row.inputs:
            readers[one] += 1
    new: list[Row] = []
    place = {0: 0}  # old number of a value -> new
    for at, row in enumerate(rows):
        inputs = tuple(place[one] for one in row.inputs)
        before = new[inputs[0] - 1] if inputs[0] else None
        alone = readers[row.inputs[0]] == 1
        if before and alone and (merged := _merged(before, row)):
            new[inputs[0] - 1] = merged
            place[at + 1] = inputs[0]
        else:
            new.append(replace(row, inputs=inputs))
            place[at + 1] = len(new)
    return new


def _merged(before: Row, row: Row) -> Row | None:
    """Two rows as one, or None if they stay two."""
    if row.op != "affine" or before.op not in ACTIVE or before.settings[-1] != NONE:
        return None
    is_norm, activation = row.settings
    if not is_norm:
        return replace(before, settings=(*before.settings[:-1], activation))
    if before.op == "conv" and not before.biases:
        settings = (*before.settings[:-2], 1, activation)
        return replace(
            before, settings=settings, biases=row.biases, parameters=(before.parameters[0], row.parameters[1])
        )
    return None
