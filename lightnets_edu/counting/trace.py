"""The notebook in which a count writes down one line an operation, and who is calling it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import prod
from typing import Any, NamedTuple

import torch
from torch import nn

from lightnets_edu.counting.shapes import ShapeTensor, UnsupportedOperationError

Shape = tuple[int, ...]
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
        memory_access: Elements read (inputs, parameters, running statistics) and written, each once; of a table only
            what is looked up.
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

    @property
    def layer_class(self) -> str:
        """What the book calls a layer that multiplies: standard, grouped, pointwise, depthwise, linear; else other."""
        if self.group in ("linear", "matmul"):
            return "linear"
        if self.group != "convolution":
            return "other"
        if self.groups > 1:
            return "depthwise" if self.groups == self.input_shape[1] else "grouped"
        return "pointwise" if prod(self.kernel_size) == 1 else "standard"


class Trace:
    """Collects the rows of one count and knows where in the model it is.

    Attributes:
        model: What is counted.
        watch: Is told of all that has run: ``watch(trace, name of an operation or module, args, kwargs, result)``. The
            first is "input", which results in the model's inputs, the last "output", which takes its output.
        rows: What has been counted so far.
        modules: All modules, each once.
        paths: Their names, by identity.
        params: Elements of all parameters, shared ones once.
        unmet: Parameters that no operation has read yet, by identity: name, tensor, number of elements.
        stack: Names of the modules that are running, outermost first.
        device: Where the model's first parameter lies.
        dtype: The first parameter's type.
        ask_torch: Counts a call that has no rule.
    """

    def __init__(self, model: nn.Module, watch: Callable[..., None] | None = None) -> None:
        self.model = model
        self.watch = watch
        self.rows: list[LayerCount] = []
        self.modules: list[nn.Module] = []
        self.paths: dict[int, str] = {}
        self.unmet: dict[int, tuple[str, torch.Tensor, int]] = {}
        self.stack: list[str] = []
        self.device, self.dtype = torch.device("cpu"), torch.float32
        self.ask_torch: Callable[..., Any] = _refuse
        self._owners: dict[int, int] | None = None
        self._history: list[tuple[int, tuple[int, ...] | None]] = []
        self._walk(model, "")
        self.params = sum(elements for _, _, elements in self.unmet.values())
        for _, parameter, _ in self.unmet.values():
            self.device, self.dtype = parameter.device, parameter.dtype
            break

    def _walk(self, module: nn.Module, path: str) -> None:
        self.paths[id(module)] = path
        self.modules.append(module)
        prefix = path + "." if path else ""
        if parameters := module._parameters:
            for name, parameter in parameters.items():
                if parameter is not None and id(parameter) not in self.unmet:
                    if type(parameter) is not nn.Parameter and isinstance(
                        parameter, nn.parameter.UninitializedParameter
                    ):
                        raise ValueError(
                            f"parameter {prefix}{name} has no shape yet: run the model once on real data before "
                            "counting it"
                        )
                    self.unmet[id(parameter)] = (prefix + name, parameter, parameter.numel())
        if children := module._modules:
            for name, child in children.items():
                if child is not None and id(child) not in self.paths:
                    self._walk(child, prefix + name)

    def meet(self, tensor: torch.Tensor) -> int:
        """Note that a tensor is read; returns the elements of a parameter that is read here for the first time.

        A view of a parameter is that parameter: they share their storage.
        """
        met = self.unmet.pop(id(tensor), None)
        if met is None and self.unmet and type(tensor) is not nn.Parameter:
            if self._owners is None:
                self._owners = {storage_of(parameter): identity for identity, (_, parameter, _) in self.unmet.items()}
            met = self.unmet.pop(self._owners.get(storage_of(tensor), 0), None)
        return 0 if met is None else met[2]

    def record(
        self,
        kind: str,
        group: str,
        inputs: tuple,
        shape: Shape,
        *,
        macs: int = 0,
        weights: tuple = (),
        bias: torch.Tensor | None = None,
        statistics: int = 0,
        kernel_size: Shape = (),
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
        read = statistics
        gradients = 0  # how many operands of the product need a gradient
        sources: tuple[int, ...] = ()
        for x in inputs:
            if type(x) is ShapeTensor:
                read += prod(x.shape)
                gradients += x.requires_grad
                sources += (x.made_by,)
            elif isinstance(x, torch.Tensor):
                weights = (*weights, x)
        learns = gradients > 0  # does this layer or anything before it learn?
        written = prod(shape)
        params = bias_elements = 0
        if weights:
            if macs and weights[0].requires_grad:
                gradients += 1
            if bias is not None:
                weights = (*weights, bias)
                bias_elements = written
            for tensor in weights:
                if tensor is not None:
                    if (met := self.unmet.pop(id(tensor), None)) is not None:
                        elements = met[2]
                        params += elements
                    else:
                        elements = tensor.numel()
                        if type(tensor) is not nn.Parameter:
                            params += self.meet(tensor)
                    read += elements
                    learns = learns or tensor.requires_grad
        if learns and not torch.is_grad_enabled():
            learns, gradients = False, 0
        row = (
            self.stack[-1],
            kind,
            group,
            first.shape,
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
        if not learns:
            return ShapeTensor(shape, self, False, first.dtype)
        history = self._history
        history.append((len(self.rows), sources))
        return ShapeTensor(shape, self, True, first.dtype, len(history) - 1)

    def end(self) -> None:
        """No operation counts any more."""
        self.ask_torch = _refuse

    def remember(self, sources: tuple[int, ...] | None) -> int:
        """Close an entry of the history: all rows since the last one; returns its place.

        Args:
            sources: The places of what it takes; None for work on real tensors, whose further way is not followed.
        """
        self._history.append((len(self.rows), sources))
        return len(self._history) - 1

    def forget_unused_gradients(self, results: Iterable[ShapeTensor]) -> None:
        """Take the backward pass from rows that no result depends on in a way that learns."""
        needed = bytearray(len(self._history) + 1)  # the last stands for -1, what does not learn
        for tensor in results:
            needed[tensor.made_by] = True
        for place in range(len(self._history) - 1, -1, -1):  # what a place depends on was made before it
            sources = self._history[place][1]
            if sources is None:
                needed[place] = True
            elif needed[place]:
                for source in sources:
                    needed[source] = True
        if all(needed[:-1]):
            return
        start = 0
        for place, (end, _) in enumerate(self._history):
            if not needed[place]:
                for index in range(start, end):
                    if self.rows[index].backward_macs:
                        self.rows[index] = self.rows[index]._replace(backward_macs=0)
            start = end

    def add(
        self, kind: str, group: str, input_shape: Shape, shape: Shape, params: int, read: int, **others: Any
    ) -> None:
        """Write one row of the module that is running; see `LayerCount`."""
        written = prod(shape)
        settings = {"macs": 0, "backward_macs": 0, **others}
        self.rows.append(
            LayerCount(
                self.stack[-1],
                kind,
                group,
                tuple(input_shape),
                tuple(shape),
                params,
                activations=written,
                memory_access=read + written,
                **settings,
            )
        )


def storage_of(tensor: torch.Tensor) -> int:
    """What two tensors have in common if they share memory.

    Raises:
        UnsupportedOperationError: If it is sparse.
    """
    if tensor.layout is not torch.strided:
        raise UnsupportedOperationError("what a product with a sparse tensor costs depends on where its numbers are")
    return tensor.untyped_storage()._cdata


def _refuse(function: Callable, name: str, args: tuple, kwargs: dict) -> Any:
    """Where only operations with a rule are of interest.

    Raises:
        UnsupportedOperationError: Always.
    """
    raise UnsupportedOperationError(f"there is no rule for the operation {name!r}")
