"""What does ONNX Runtime really run? The operations of its optimised graph.

It folds batch norms into the convolutions before them, lets a convolution write what the activation or the sum after it
would have written, and stores maps in blocks of 8 or 16 channels. Where an operation cannot work on blocks it changes
the layout and back: those are ``ReorderInput`` and ``ReorderOutput``, operations that no paper counts.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from math import ceil, prod
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from lightnets_edu.deployment.session import onnx, open_session, session_step
from lightnets_edu.timing.operations import Operation

Shape = tuple[int, ...]
WARMUP = 3  # passes before the clock starts
BLOCKED = "BlockedConv"  # what a convolution on blocks of channels is called here; the others keep ONNX's name

# ONNX's name of an operation -> the class whose cost it has, as in lightnets_edu.timing.operations.KINDS.
_KIND_OF = {
    name: kind
    for kind, names in {
        "batch_norm": "BatchNormalization",
        "relu": "Relu Clip HardSigmoid LeakyRelu Abs Neg Sqrt Reciprocal",
        "sigmoid": "Sigmoid HardSwish QuickGelu Tanh Exp Softmax Gelu Erf Swish Pow",
        "max_pool": "MaxPool",
        "mean": "GlobalAveragePool ReduceMean AveragePool GlobalMaxPool",
        "add": "Add Sub Sum",
        "multiply": "Mul Div",
        "cat": "Concat",
        "copy": "Transpose Split Slice Pad",
        "reorder": "ReorderInput ReorderOutput",
    }.items()
    for name in names.split()
}
_FREE = {"Reshape", "Flatten", "Identity", "Squeeze", "Unsqueeze", "Dropout"}  # the same numbers under another shape


def graph_operations(path: str | os.PathLike, size: Sequence[int]) -> list[Operation]:
    """The operations of a file as ONNX Runtime runs them on this machine, in order. Nothing is computed.

    Args:
        path: An ONNX file with one input and float32 numbers.
        size: Shape of the input, (N, C, H, W).

    Raises:
        ImportError: If onnx or onnxruntime is not installed.
        ValueError: If the file cannot be loaded or holds an operation that is not known here.
    """
    with tempfile.TemporaryDirectory() as folder:
        optimised = Path(folder, "optimised.onnx")
        open_session(path, optimised=optimised, images=size[0])
        graph = onnx().load(optimised).graph
    return _Graph(graph, tuple(size)).operations()


def timed_operations(
    path: str | os.PathLike, size: Sequence[int], *, threads: int, passes: int
) -> list[tuple[Operation, float | None]]:
    """The same, with the seconds of each where it stands, by ONNX Runtime's own clock of whole microseconds.

    Args:
        path: As for `graph_operations`.
        size: Likewise.
        threads: Of one operation.
        passes: How often each is timed, after some passes for warming up; the median counts.

    Returns:
        Operations and seconds, in order. A node that ONNX Runtime made may have no name by which its time could be
        found; it has None.

    Raises:
        ImportError: See `graph_operations`.
        ValueError: Likewise.
    """
    with tempfile.TemporaryDirectory() as folder:
        optimised = Path(folder, "optimised.onnx")
        # One session for both: another one would give the nodes that it makes other names.
        session = open_session(
            path, threads=threads, optimised=optimised, profile=Path(folder, "profile"), images=size[0]
        )
        step = session_step(session, np.random.default_rng(0).standard_normal(size, dtype=np.float32))
        for _ in range(WARMUP + passes):
            step()
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
        graph = onnx().load(optimised).graph
    taken: dict[str, list[float]] = {}
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            taken.setdefault(event["name"].removesuffix("_kernel_time"), []).append(event["dur"] / 1e6)
    seconds = {name: median(values[WARMUP:]) for name, values in taken.items()}
    return [(op, seconds.get(op.path)) for op in _Graph(graph, tuple(size)).operations()]


class _Graph:
    """The shapes of all values of a graph, found node by node."""

    def __init__(self, graph: Any, size: Shape) -> None:
        self.graph = graph
        self.weights: dict[str, Shape] = {one.name: tuple(one.dims) for one in graph.initializer}
        self.constants = {one.name: one for one in graph.initializer if prod(one.dims) <= 8}
        self.shapes: dict[str, Shape] = {graph.input[0].name: size}

    def operations(self) -> list[Operation]:
        found = []
        for node in self.graph.node:
            if node.op_type == "Constant":
                self.constants[node.output[0]] = node.attribute[0].t
                continue
            outputs = self._outputs(node)
            self.shapes.update(zip(node.output, outputs, strict=False))
            if node.op_type not in _FREE:
                found.append(self._operation(node, outputs))
        return found

    def _outputs(self, node: Any) -> list[Shape]:
        """The shapes that a node makes."""
        rule = _RULES.get(node.op_type)
        if rule is None:
            raise ValueError(f"{node.op_type} ({node.name!r}) is not known, so its cost cannot be told.")
        options = {one.name: onnx().helper.get_attribute_value(one) for one in node.attribute}
        given = [self.shapes.get(name, self.weights.get(name, ())) for name in node.input]
        numbers = [self._numbers(name) for name in node.input]
        made = rule(given, options, numbers)
        return made if isinstance(made, list) else [made]

    def _numbers(self, name: str) -> list[int] | None:
        constant = self.constants.get(name)
        return None if constant is None else [int(n) for n in np.ravel(onnx().numpy_helper.to_array(constant))]

    def _operation(self, node: Any, outputs: list[Shape]) -> Operation:
        maps = [self.shapes[name] for name in node.input if name in self.shapes]
        weights = [self.weights[name] for name in node.input if name in self.weights and name not in self.shapes]
        read, written = sum(map(prod, maps)), sum(map(prod, outputs))
        name, out = node.op_type, outputs[0]
        parameters = sum(map(prod, weights))
        common = (read, parameters, written)
        if name in ("Conv", "FusedConv"):
            filters = weights[0]
            groups = next((one.i for one in node.attribute if one.name == "group"), 1)
            kernel, pixels = prod(filters[2:]), prod(out[2:])
            apart = "depthwise" if filters[1] == 1 else "grouped"
            kind = apart if groups > 1 else ("pointwise" if kernel == 1 else "dense")
            macs = out[0] * pixels * prod(filters)
            name = BLOCKED if node.domain.endswith("nchwc") else name
            shape = (out[0], groups, filters[1], ceil(filters[0] / groups), kernel, pixels)
            return Operation(node.name, name, kind, macs, macs, *common, shape)
        if name in ("Gemm", "FusedGemm", "MatMul", "FusedMatMul"):
            columns, inner = out[-1], prod(weights[0]) // out[-1]
            rows = prod(out[:-1])
            macs = rows * columns * inner
            return Operation(node.name, name, "linear", macs, macs, *common, (rows, 1, inner, columns, 1, 1))
        kind = _KIND_OF[name]
        window = prod(next((one.ints for one in node.attribute if one.name == "kernel_shape"), (1,)))
        work = written * window if kind == "max_pool" else max(read, written)
        channels = [shape[1] if len(shape) > 1 else prod(shape) for shape in (maps[0], out)]
        shape = (out[0] if out else 1, 1, channels[0], channels[1], window if kind == "max_pool" else 1, prod(out[2:]))
        return Operation(node.name, name, kind, 0, work, *common, shape)


# --- Rules: shapes of the inputs, attributes and constant inputs to the shapes of the outputs -----------------------

Rule = Callable[[list[Shape], dict[str, Any], list[list[int] | None]], Shape | list[Shape]]


def _window(given: list[Shape], options: dict[str, Any], _: Any) -> Shape:
    """A convolution or a pool: the sides of the maps by the usual formula."""
    x = given[0]
    kernel = options.get("kernel_shape") or given[1][2:]
    sides = len(kernel)
    strides, pads = options.get("strides", [1] * sides), options.get("pads", [0] * 2 * sides)
    dilations = options.get("dilations", [1] * sides)
    up = options.get("ceil_mode", 0)
    out = []
    for index in range(sides):
        free = x[2 + index] + pads[index] + pads[index + sides] - dilations[index] * (kernel[index] - 1) - 1
        out.append((-(-free // strides[index]) if up else free // strides[index]) + 1)
    channels = given[1][0] if len(given) > 1 else x[1]
    return (x[0], channels, *out)


def _broadcast(given: list[Shape], *_: Any) -> Shape:
    return np.broadcast_shapes(*given)


def _joined(given: list[Shape], options: dict[str, Any], _: Any) -> Shape:
    axis = options["axis"] % len(given[0])
    return (*given[0][:axis], sum(shape[axis] for shape in given), *given[0][axis + 1 :])


def _split(given: list[Shape], options: dict[str, Any], numbers: list[list[int] | None]) -> list[Shape]:
    x, axis = given[0], options.get("axis", 0) % len(given[0])
    sizes = numbers[1] if len(numbers) > 1 and numbers[1] else None
    if sizes is None:
        parts = options["num_outputs"]
        each = ceil(x[axis] / parts)
        sizes = [min(each, x[axis] - index * each) for index in range(parts)]
    return [(*x[:axis], size, *x[axis + 1 :]) for size in sizes]


def _slice(given: list[Shape], _: Any, numbers: list[list[int] | None]) -> Shape:
    starts, ends, axes, steps = (list(part or ()) for part in (numbers[1:5] + [None] * 4)[:4])
    out = list(given[0])
    for index, (start, end) in enumerate(zip(starts, ends, strict=True)):
        axis = axes[index] if axes else index
        out[axis] = len(range(out[axis])[start : end : steps[index] if steps else 1])
    return tuple(out)


def _reshaped(given: list[Shape], _: Any, numbers: list[list[int] | None]) -> Shape:
    if numbers[1] is None:
        raise ValueError("a Reshape has a shape that is computed while the network runs, which is not known here.")
    out = [given[0][index] if size == 0 else size for index, size in enumerate(numbers[1])]
    if -1 in out:
        out[out.index(-1)] = prod(given[0]) // -prod(out)
    return tuple(out)


def _flat(given: list[Shape], options: dict[str, Any], _: Any) -> Shape:
    axis = options.get("axis", 1)
    return prod(given[0][:axis]), prod(given[0][axis:])


def _transposed(given: list[Shape], options: dict[str, Any], _: Any) -> Shape:
    return tuple(given[0][index] for index in options["perm"])


def _reduced(given: list[Shape], options: dict[str, Any], numbers: list[list[int] | None]) -> Shape:
    axes = options.get("axes") or (numbers[1] if len(numbers) > 1 else None) or range(len(given[0]))
    gone = {axis % len(given[0]) for axis in axes}
    kept = options.get("keepdims", 1)
    return tuple(1 if index in gone else size for index, size in enumerate(given[0]) if kept or index not in gone)


def _squeezed(given: list[Shape], _: Any, numbers: list[list[int] | None]) -> Shape:
    x = given[0]
    gone = [axis % len(x) for axis in (numbers[1] if len(numbers) > 1 else None) or []]
    return tuple(size for index, size in enumerate(x) if not (index in gone if gone else size == 1))


def _unsqueezed(given: list[Shape], _: Any, numbers: list[list[int] | None]) -> Shape:
    out = list(given[0])
    for axis in sorted(numbers[1] or []):
        out.insert(axis % (len(out) + 1), 1)
    return tuple(out)


def _pooled_whole(given: list[Shape], *_: Any) -> Shape:
    return (*given[0][:2], 1, 1)


def _product(given: list[Shape], options: dict[str, Any], _: Any) -> Shape:
    weights = given[1]
    return (*given[0][:-1], weights[0] if options.get("transB") else weights[-1])


def _padded(given: list[Shape], _: Any, numbers: list[list[int] | None]) -> Shape:
    pads = numbers[1] or [0] * 2 * len(given[0])
    before, after = pads[: len(pads) // 2], pads[len(pads) // 2 :]
    return tuple(size + a + b for size, a, b in zip(given[0], before, after, strict=True))


def _unblocked(given: list[Shape], options: dict[str, Any], _: Any) -> Shape:
    """Out of blocks: the channels that filled up the last block go."""
    x = given[0]
    if options.get("channels_last"):
        return (x[0], *x[2:], options["channels"])
    return (x[0], options["channels"], *x[2:])


def _same(given: list[Shape], *_: Any) -> Shape:
    return given[0]


_RULES: dict[str, Rule] = {
    **dict.fromkeys(("Conv", "FusedConv", "MaxPool", "AveragePool"), _window),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Sum", "Pow"), _broadcast),
    **dict.fromkeys(("Gemm", "FusedGemm", "MatMul", "FusedMatMul"), _product),
    **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool"), _pooled_whole),
    **dict.fromkeys(("Identity", "Dropout", "ReorderInput", "BatchNormalization"), _same),
    **{name: _same for name, kind in _KIND_OF.items() if kind in ("relu", "sigmoid") and name != "Pow"},
    "Concat": _joined,
    "Split": _split,
    "Slice": _slice,
    "Squeeze": _squeezed,
    "Unsqueeze": _unsqueezed,
    "Reshape": _reshaped,
    "Flatten": _flat,
    "Transpose": _transposed,
    "ReduceMean": _reduced,
    "Pad": _padded,
    "ReorderOutput": _unblocked,
}
