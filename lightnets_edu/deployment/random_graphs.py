"""Random networks as ONNX graphs, to learn from them what operations cost where they stand.

No network of this book is among them: widths, depths and blocks are drawn by a generator with its own seed. The graphs
are written directly, without PyTorch, as they look after the batch norms were folded into the convolutions.
"""

from __future__ import annotations

import random
from math import exp, log
from typing import Any

import numpy as np

from lightnets_edu.deployment.session import onnx

BLOCKS = tuple("plain pointwise separable inverted bottleneck grouped grouped_points halves cheap gated forked".split())
OPSET = 20
LONGEST = 10_000  # numbers that a linear layer takes


class GraphBuilder:
    """Writes a graph node by node; every method takes the name of a map and returns the name of the next.

    Args:
        channels: Of the input.
        seed: Of the weights.
    """

    def __init__(self, channels: int, seed: int = 0) -> None:
        self.helper, self.numpy_helper = onnx().helper, onnx().numpy_helper
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.channels = {"images": channels}
        self._chance = np.random.default_rng(seed)

    def node(self, kind: str, inputs: list[str], channels: int, *, outputs: int = 1, **options: Any) -> list[str]:
        """Any node whose outputs have so many channels each."""
        number = len(self.nodes)
        names = [f"value{number}_{index}" for index in range(outputs)]
        self.nodes.append(self.helper.make_node(kind, inputs, names, name=f"node{number}", **options))
        self.channels.update(dict.fromkeys(names, channels))
        return names

    def constant(self, values: np.ndarray) -> str:
        """Numbers that the graph carries."""
        name = f"weight{len(self.weights)}"
        self.weights.append(self.numpy_helper.from_array(values, name))
        return name

    def conv(
        self, x: str, out: int, kernel: int = 1, stride: int = 1, groups: int = 1, activation: str = "", **options: Any
    ) -> str:
        """A convolution with a bias and, if named, the activation after it."""
        size = (out, self.channels[x] // groups, kernel, kernel)
        scale = (1 / np.prod(size[1:])) ** 0.5
        weight = self.constant((self._chance.standard_normal(size) * scale).astype(np.float32))
        bias = self.constant(np.zeros(out, np.float32))
        options |= {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "group": groups}
        options["pads"] = options.get("pads", [kernel // 2] * 4)
        (y,) = self.node("Conv", [x, weight, bias], out, **options)
        return self.unary(activation, y) if activation else y

    def unary(self, kind: str, x: str, **options: Any) -> str:
        """An operation that keeps the shape; Clip is the one of ReLU6."""
        limits = [self.constant(np.array(limit, np.float32)) for limit in (0, 6)] if kind == "Clip" else []
        return self.node(kind, [x, *limits], self.channels[x], **options)[0]

    def add(self, x: str, y: str) -> str:
        """The sum of two maps."""
        return self.node("Add", [x, y], self.channels[x])[0]

    def cat(self, *parts: str) -> str:
        """Maps after one another."""
        return self.node("Concat", list(parts), sum(self.channels[part] for part in parts), axis=1)[0]

    def halves(self, x: str) -> list[str]:
        """The first and the second half of the channels."""
        half = self.channels[x] // 2
        return self.node("Split", [x, self.constant(np.array([half, half]))], half, outputs=2, axis=1)

    def shuffle(self, x: str, groups: int, side: int) -> str:
        """The channels of the groups in turns."""
        channels = self.channels[x]
        shape = np.array([0, groups, channels // groups, side, side])
        (split,) = self.node("Reshape", [x, self.constant(shape)], channels)
        (turned,) = self.node("Transpose", [split], channels, perm=[0, 2, 1, 3, 4])
        back = self.constant(np.array([0, channels, side, side]))
        return self.node("Reshape", [turned, back], channels)[0]

    def mean(self, x: str) -> str:
        """The mean of every map."""
        return self.node("ReduceMean", [x, self.constant(np.array([2, 3]))], self.channels[x], keepdims=1)[0]

    def gate(self, x: str, reduction: int) -> str:
        """Every map times a number that is computed from the means of all."""
        channels = self.channels[x]
        squeezed = self.conv(self.mean(x), max(4, channels // reduction), activation="Relu")
        gates = self.unary("Sigmoid", self.conv(squeezed, channels))
        return self.node("Mul", [x, gates], channels)[0]

    def max_pool(self, x: str, kernel: int = 3) -> str:
        """The usual pool with a stride of 2."""
        window: dict[str, Any] = {"kernel_shape": [kernel] * 2, "strides": [2, 2], "pads": [kernel // 2] * 4}
        return self.node("MaxPool", [x], self.channels[x], **window)[0]

    def flat(self, x: str, pixels: int = 1) -> str:
        """All numbers of an image in a row."""
        return self.node("Flatten", [x], self.channels[x] * pixels, axis=1)[0]

    def linear(self, x: str, out: int) -> str:
        """A fully connected layer."""
        inner = self.channels[x]
        weight = self.constant((self._chance.standard_normal((out, inner)) * inner**-0.5).astype(np.float32))
        bias = self.constant(np.zeros(out, np.float32))
        return self.node("Gemm", [x, weight, bias], out, transB=1)[0]

    def model(self, output: str, side: int) -> Any:
        """The graph as an ONNX model for any number of images."""
        tensor = self.helper.make_tensor_value_info
        given = tensor("images", 1, ["batch", self.channels["images"], side, side])
        graph = self.helper.make_graph(self.nodes, "random", [given], [tensor(output, 1, None)], self.weights)
        opset = self.helper.make_opsetid("", OPSET)
        return self.helper.make_model(graph, opset_imports=[opset], ir_version=10)


def random_graph(seed: int) -> tuple[Any, tuple[int, int, int]]:
    """A network nobody would train, and the shape of one of its images.

    Args:
        seed: Of the generator.

    Returns:
        The ONNX model, and (C, H, W).
    """
    return _Drawing(seed).finished()


class _Drawing:
    """A network as it is drawn: the map that it has come to, and how many pixels a side that is."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.input_side = self.side = self.chance.choice((96, 128, 160, 192, 224, 224))
        self.graph = GraphBuilder(3, seed)
        # Of a network: the activation, and of what the channels are multiples.
        self.activation = self.chance.choice(("Relu", "Relu", "Relu", "Clip", "HardSwish"))
        self.multiple = self.chance.choice((16, 16, 8, 8, 4, 2))
        self.favourites = self.chance.sample(BLOCKS, 3)
        self.x = "images"

    @property
    def channels(self) -> int:
        return self.graph.channels[self.x]

    def draw(self, low: float, high: float) -> int:
        """A number of channels, evenly on a logarithmic scale."""
        wanted = exp(self.chance.uniform(log(low), log(high)))
        return max(self.multiple, round(wanted / self.multiple) * self.multiple)

    def finished(self) -> tuple[Any, tuple[int, int, int]]:
        self.stem()
        for _ in range(self.chance.choice((3, 4, 4))):
            out = min(1200, self.draw(self.channels * 1.1, self.channels * 2.6))
            for index in range(self.chance.choice((1, 2, 2, 3, 4))):
                stride = 2 if index == 0 and self.side > 7 else 1
                self.block(self.chance.choice(self.favourites), out, stride)
        if self.chance.random() < 0.5:
            self.conv(self.draw(self.channels, 1.5 * self.channels + 200))
        output = self.classifier()
        return self.graph.model(output, self.input_side), (3, self.input_side, self.input_side)

    def classifier(self) -> str:
        """A linear layer on the means of the maps, or some on all their pixels."""
        graph, classes = self.graph, self.chance.choice((100, 400, 700, 1500))
        if self.chance.random() < 0.8 or self.channels * self.side**2 > LONGEST:
            return graph.linear(graph.flat(graph.mean(self.x)), classes)
        x = graph.flat(self.x, self.side**2)
        for _ in range(self.chance.choice((1, 2))):
            x = graph.unary("Relu", graph.linear(x, self.draw(300, 3500)))
        return graph.linear(x, classes)

    def stem(self) -> None:
        self.conv(self.draw(12, 72), *self.chance.choice(((3, 2), (3, 2), (7, 2), (5, 2), (11, 4))))
        if self.chance.random() < 0.4:
            self.x, self.side = self.graph.max_pool(self.x), (self.side - 1) // 2 + 1

    def conv(self, out: int, kernel: int = 1, stride: int = 1, groups: int = 1, activation: bool = True) -> None:
        name = self.activation if activation else ""
        self.x = self.graph.conv(self.x, out, kernel, stride, groups, name)
        self.side = (self.side + 2 * (kernel // 2) - kernel) // stride + 1

    def block(self, kind: str, out: int, stride: int) -> None:
        """A few layers, and a sum with the input where nothing has changed its shape."""
        before, side = self.x, self.side
        kernel = self.chance.choice((3, 3, 5))
        getattr(self, f"_{kind}")(out, kernel, stride)
        if self.channels == self.graph.channels[before] and self.side == side and self.chance.random() < 0.6:
            self.x = self.graph.add(self.x, before)
            if self.chance.random() < 0.4:
                self.x = self.graph.unary("Relu", self.x)

    def _plain(self, out: int, kernel: int, stride: int) -> None:
        self.conv(min(out, 512), 3, stride)

    def _pointwise(self, out: int, kernel: int, stride: int) -> None:
        self.conv(out, 1, stride)

    def _separable(self, out: int, kernel: int, stride: int) -> None:
        self.conv(self.channels, kernel, stride, groups=self.channels)
        self.conv(out)

    def _inverted(self, out: int, kernel: int, stride: int) -> None:
        wide = min(1500, self.channels * self.chance.choice((2, 3, 4, 6)))
        self.conv(wide)
        self.conv(wide, kernel, stride, groups=wide)
        if self.chance.random() < 0.3:
            self.x = self.graph.gate(self.x, self.chance.choice((4, 8, 16)))
        self.conv(out, activation=False)

    def _bottleneck(self, out: int, kernel: int, stride: int) -> None:
        narrow = self.draw(max(8, out / 4), max(9, out / 2))
        self.conv(narrow)
        self.conv(narrow, 3, stride)
        self.conv(out, activation=False)

    def _grouped(self, out: int, kernel: int, stride: int) -> None:
        width = self.chance.choice((4, 8, 16, 16, 24, 24, 32, 48, 64))
        groups = max(1, round(out / 2 / width))
        self.conv(width * groups)
        self.conv(width * groups, 3, stride, groups)
        self.conv(out, activation=False)

    def _grouped_points(self, out: int, kernel: int, stride: int) -> None:
        groups = self.chance.choice((2, 3, 4, 8))
        narrow = max(1, round(out / 4 / groups)) * groups * self.chance.choice((1, 2, 4))
        self.conv(narrow)
        self.conv(narrow, 1, 1, groups)
        self.x = self.graph.shuffle(self.x, groups, self.side)
        self.conv(narrow, 3, stride, groups=narrow, activation=False)
        self.conv(max(1, round(out / groups)) * groups, 1, 1, groups, activation=False)

    def _halves(self, out: int, kernel: int, stride: int) -> None:
        self.conv(2 * self.draw(max(8, out / 2), out / 2 + 1))
        left, self.x = self.graph.halves(self.x)
        side, half = self.side, self.channels
        self.conv(half)
        self.conv(half, 3, 1, groups=half, activation=False)
        self.conv(half)
        self.x = self.graph.shuffle(self.graph.cat(left, self.x), 2, side)
        if stride > 1:
            self.x, self.side = self.graph.max_pool(self.x), (self.side - 1) // 2 + 1

    def _cheap(self, out: int, kernel: int, stride: int) -> None:
        half = self.draw(max(4, out / 2), out / 2 + 1)
        self.conv(half)
        first = self.x
        self.conv(half, 3, 1, groups=half)
        self.x = self.graph.cat(first, self.x)
        if stride > 1:
            self.conv(self.channels, kernel, 2, groups=self.channels, activation=False)

    def _gated(self, out: int, kernel: int, stride: int) -> None:
        self.conv(out, 1, stride)
        self.x = self.graph.gate(self.x, self.chance.choice((2, 4, 16)))

    def _forked(self, out: int, kernel: int, stride: int) -> None:
        self.conv(self.draw(max(8, out / 6), max(9, out / 3)), 1, stride)
        narrow, side = self.x, self.side
        one = self.graph.conv(narrow, self.draw(out / 3, out / 1.5), 1, activation=self.activation)
        three = self.graph.conv(narrow, self.draw(out / 3, out / 1.5), 3, activation=self.activation)
        self.x, self.side = self.graph.cat(one, three), side
