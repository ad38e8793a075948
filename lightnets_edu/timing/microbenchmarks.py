"""Small things to time on a machine: single layers over many shapes, and random chains of layers.

Everything here is drawn by a generator with its own seed. Nothing is taken from, or fitted to, a network of this book.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil, exp, log
from statistics import median

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lightnets_edu.runtime.environment import autocast
from lightnets_edu.timing.clock import gpu_seconds, measure


@dataclass(frozen=True)
class Bench:
    """How things are timed on one device.

    Attributes:
        device: From ``resolve_device``.
        threads: Threads of one PyTorch operation.
        amp: Number format, from ``resolve_amp``.
        channels_last: Whether maps lie channels-last in memory.
    """

    device: torch.device
    threads: int
    amp: str
    channels_last: bool

    @property
    def dtype(self) -> torch.dtype:
        """The format of the maps between two layers."""
        return {"off": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[self.amp]

    def clock(self) -> float:
        """Seconds: the process's own on one thread, where other programs then count less, else the wall's."""
        return time.process_time() if self.device.type == "cpu" and self.threads == 1 else time.perf_counter()

    def seconds(
        self, functions: list[Callable[[], object]], *, sample_seconds: float = 2e-3, repeats: int = 5
    ) -> float:
        """Seconds of one call, the least over several samples, of many calls each.

        Args:
            functions: Called in turns; several of them with data of their own keep the caches as cold as in a network.
            sample_seconds: A sample repeats the calls until it lasts this long.
            repeats: Samples; fewer if one lasts long.
        """
        with torch.inference_mode(), autocast(self.device, self.amp):
            if self.device.type == "cuda":
                return self._gpu_seconds(functions, repeats)
            for function in functions[:2]:
                function()
            once = max(self._sample(functions, 1), 1e-7)
            calls = max(1, min(2000, round(sample_seconds / once)))
            if once > 10 * sample_seconds:
                repeats = min(repeats, 3)
            return min(self._sample(functions, calls) for _ in range(repeats)) / calls

    def _sample(self, functions: list[Callable[[], object]], calls: int) -> float:
        start = self.clock()
        for index in range(calls):
            functions[index % len(functions)]()
        if self.device.type == "mps":
            torch.mps.synchronize()
        return self.clock() - start

    def _gpu_seconds(self, functions: list[Callable[[], object]], repeats: int) -> float:
        """The GPU's own time: the calls are recorded as one CUDA graph, so that no Python stands between them."""
        with torch.cuda.device(self.device):
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):  # algorithms are chosen and libraries loaded before the recording
                for function in functions * 2:
                    function()
            torch.cuda.current_stream().wait_stream(side)
            once = measure(functions[0], device=self.device, warmup=1, repeats=1).median
            calls = max(3, min(20, ceil(0.01 / once)))
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                for index in range(calls):
                    functions[index % len(functions)]()
            taken = []
            for _ in range(repeats):
                torch.cuda.synchronize()
                graph.replay()  # while it runs, the next replay is issued: the clock does not wait for that
                taken.append(gpu_seconds(graph.replay))
            return min(taken) / calls

    def pass_seconds(
        self, run: Callable[[], object], *, repeats: int = 9, warmup: int = 2, at_most: float = 0.35
    ) -> float:
        """Seconds of one forward pass, issued by Python as usual: the least on the CPU, the median elsewhere.

        Args:
            run: From ``forward_step``.
            repeats: Passes that are timed.
            warmup: Passes before them.
            at_most: No more passes after so many seconds, but at least three unless ``repeats`` is less.
        """
        device = self.device
        for _ in range(warmup):
            run()
        taken: list[float] = []
        stop = time.perf_counter() + at_most
        while len(taken) < min(3, repeats) or (len(taken) < repeats and time.perf_counter() < stop):
            if device.type == "cpu":
                start = self.clock()
                run()
                taken.append(self.clock() - start)
            else:
                taken += measure(run, device=device, warmup=0, repeats=1).samples
        return min(taken) if device.type == "cpu" else median(taken)

    def place(self, tensor: Tensor) -> Tensor:
        """A map on the device in the format of the maps."""
        return self.place_weight(tensor.to(self.dtype))

    def place_weight(self, tensor: Tensor) -> Tensor:
        """A weight on the device; it stays float32, as in automatic mixed precision."""
        tensor = tensor.to(self.device)
        reorder = self.channels_last and tensor.dim() == 4
        return tensor.contiguous(memory_format=torch.channels_last) if reorder else tensor


NO_BENCH = Bench(torch.device("meta"), threads=1, amp="off", channels_last=False)  # where nothing is computed


# --- Single layers --------------------------------------------------------------------------------------------------

# How many layers of each class a sweep has.
SWEPT = {
    "dense": 100,
    "pointwise": 150,
    "grouped": 100,
    "depthwise": 130,
    "linear": 24,
    "batch_norm": 30,
    "relu": 30,
} | {"sigmoid": 16, "max_pool": 20, "mean": 20, "add": 24, "multiply": 16, "cat": 20, "copy": 20}


@dataclass(frozen=True)
class TimedLayer:
    """One layer to time alone.

    Attributes:
        kind: One of ``lightnets_edu.timing.operations.KINDS``.
        shape: Shape of its input.
        out_channels: Channels of its output, where they may differ from the input's.
        kernel_size: Side of the kernel of a convolution or pool, in pixels.
        stride: Stride of a convolution.
        groups: Groups of a grouped or depthwise convolution; channels of a shuffle's group.
        in_place: Whether an activation or a sum overwrites its input.
    """

    kind: str
    shape: tuple[int, ...]
    out_channels: int = 0
    kernel_size: int = 1
    stride: int = 1
    groups: int = 1
    in_place: bool = False

    @property
    def elements(self) -> int:
        """Elements of its input."""
        return int(torch.Size(self.shape).numel())

    @property
    def macs(self) -> int:
        """Multiply-accumulates of a convolution or linear layer, roughly where a stride does not divide the map."""
        pixels = self.elements // self.shape[1] // self.stride**2
        return pixels * self.out_channels * self.shape[1] // self.groups * self.kernel_size**2

    def function(self, bench: Bench = NO_BENCH) -> Callable[[], object]:
        """The layer on data of its own; without a bench, on the meta device."""
        place, weight, device = bench.place, bench.place_weight, bench.device
        x = place(torch.rand(self.shape, device=device))
        channels = self.shape[1]
        if self.kind in ("dense", "pointwise", "grouped", "depthwise"):
            size = (self.out_channels, channels // self.groups, self.kernel_size, self.kernel_size)
            w = weight(torch.rand(size, device=device) - 0.5)
            return lambda: F.conv2d(x, w, None, self.stride, self.kernel_size // 2, 1, self.groups)
        if self.kind == "linear":
            w, b = (weight(torch.rand(s, device=device)) for s in ((self.out_channels, channels), (self.out_channels,)))
            return lambda: F.linear(x, w, b)
        if self.kind == "batch_norm":
            scale, shift, mean, variance = (weight(torch.rand(channels, device=device) + 0.5) for _ in range(4))
            return lambda: F.batch_norm(x, mean, variance, scale, shift)
        if self.kind == "multiply":
            gate = place(torch.rand((*self.shape[:2], 1, 1), device=device))
            return lambda: x * gate
        if self.kind == "copy":
            grouped = (self.shape[0], self.groups, channels // self.groups, *self.shape[2:])
            return lambda: x.reshape(grouped).transpose(1, 2).reshape(self.shape)
        if self.kind in ("add", "cat"):
            y = place(torch.rand(self.shape, device=device))
            if self.kind == "cat":
                return lambda: torch.cat((x, y), 1)
            return (lambda: x.add_(y)) if self.in_place else (lambda: x + y)
        if self.kind == "relu":
            return (lambda: F.relu(x, inplace=True)) if self.in_place else (lambda: F.relu(x))
        return {
            "sigmoid": lambda: torch.sigmoid(x),
            "max_pool": lambda: F.max_pool2d(x, self.kernel_size, 2, self.kernel_size // 2),
            "mean": lambda: F.adaptive_avg_pool2d(x, 1),
        }[self.kind]

    def functions(self, bench: Bench) -> list[Callable[[], object]]:
        """Several copies with data of their own, 12 MB together, unless one is as large."""
        size = 4 * (2 * self.elements + self.out_channels * self.shape[1] // self.groups * self.kernel_size**2)
        return [self.function(bench) for _ in range(max(1, min(8, ceil(12e6 / size))))]


def sweep(seed: int, batch_sizes: tuple[int, ...], max_macs: float, max_elements: float) -> Iterator[TimedLayer]:
    """Layers of every class over the shapes that networks have: many channels on small maps, few on large ones.

    Args:
        seed: Seed of the generator.
        batch_sizes: Numbers of images to draw from.
        max_macs: Layers with more multiply-accumulates are left out.
        max_elements: Layers with larger maps are left out.
    """
    chance = random.Random(seed)
    for kind, wanted in SWEPT.items():
        found = 0
        while found < wanted:
            layer = _draw(chance, kind, chance.choice(batch_sizes))
            out = layer.elements // layer.stride**2 * max(1, layer.out_channels // layer.shape[1])
            if layer.macs <= max_macs and max(layer.elements, out) <= max_elements:
                found += 1
                yield layer


def _between(chance: random.Random, low: float, high: float, multiple: int = 1) -> int:
    """A whole number drawn evenly on a logarithmic scale."""
    return max(multiple, round(exp(chance.uniform(log(low), log(high))) / multiple) * multiple)


def _draw(chance: random.Random, kind: str, batch: int) -> TimedLayer:
    """A layer of a class, of random shape."""
    side = chance.choice((112, 56, 56, 28, 28, 14, 14, 7, 7))
    widest = min(2048, 14000 // side)
    channels = _between(chance, max(8, widest / 16), widest, 4)
    shape = (batch, channels, side, side)
    if kind == "dense":
        if chance.random() < 0.12:  # the first layer of a network
            kernel, stride = chance.choice(((3, 2), (5, 2), (7, 2), (9, 4)))
            return TimedLayer(kind, (batch, 3, 224, 224), _between(chance, 12, 96, 4), kernel, stride)
        channels = min(channels, 640)
        kernel, stride = chance.choice(((3, 1), (3, 1), (3, 1), (3, 2), (5, 1)))
        out = min(640, _between(chance, channels / 2, channels * 3, 4))
        return TimedLayer(kind, (batch, channels, side, side), out, kernel, stride)
    if kind == "pointwise":
        if chance.random() < 0.15:  # in a gate, a map has one pixel
            return TimedLayer(kind, (batch, _between(chance, 16, 1500, 4), 1, 1), _between(chance, 16, 1500, 4))
        return TimedLayer(
            kind, shape, _between(chance, max(8, channels / 8), channels * 8, 4), 1, chance.choice((1, 1, 1, 2))
        )
    if kind == "grouped":
        kernel = chance.choice((1, 3, 3, 3))
        width, groups = _between(chance, 4, 120, 4), _between(chance, 2, 48)
        out = width * groups * (chance.choice((1, 2)) if kernel == 1 else 1)
        return TimedLayer(kind, (batch, width * groups, side, side), out, kernel, chance.choice((1, 1, 2)), groups)
    if kind == "depthwise":
        return TimedLayer(kind, shape, channels, chance.choice((3, 3, 5)), chance.choice((1, 1, 2)), channels)
    if kind == "linear":
        return TimedLayer(kind, (batch, _between(chance, 64, 10000)), _between(chance, 64, 5000))
    if kind == "max_pool":
        return TimedLayer(kind, (batch, channels, max(side, 14), max(side, 14)), channels, chance.choice((2, 3)))
    if kind == "copy":
        groups = chance.choice((2, 2, 3, 4))
        return TimedLayer(kind, (batch, channels // groups * groups, side, side), channels, groups=groups)
    if kind in ("relu", "sigmoid", "mean") and chance.random() < 0.15:
        return TimedLayer(kind, (batch, channels, 1, 1), channels, in_place=chance.random() < 0.8)
    return TimedLayer(kind, shape, channels, in_place=chance.random() < 0.8)


# --- Chains ---------------------------------------------------------------------------------------------------------


class RandomChain(nn.Module):
    """Random layers one after another, each with a random shape: not a network that anybody would train.

    It shows what single layers do not: the cost of calling modules, of fetching new weights, of making new maps.

    Args:
        seed: Seed of the generator.
        steps: Number of steps, each of a few layers.
    """

    def __init__(self, seed: int, steps: int = 12) -> None:
        super().__init__()
        chance = random.Random(seed)
        self.side = chance.choice((18, 36, 60, 84, 120))
        side, channels = self.side, _between(chance, 12, 3600 / self.side, 4)
        self.in_channels = channels
        favourite = chance.choice(("dense", "pointwise", "grouped", "depthwise", "separable"))
        layers: list[nn.Module] = []
        for step in range(steps):
            stride = 2 if side > 8 and chance.random() < 0.25 else 1
            kind = favourite if chance.random() < 0.7 else chance.choice(("dense", "pointwise", "grouped", "depthwise"))
            out = min(720, _between(chance, channels * 0.7, channels * 1.7 * stride, 4))
            made, channels = _random_step(chance, kind, channels, out, stride if step else 1)
            side = ceil(side / stride) if step else side
            layers += made
        self.body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 700))

    def forward(self, x: Tensor) -> Tensor:
        """``[N, in_channels, side, side] -> [N, 700]``."""
        return self.body(x)

    def input_size(self, batch: int) -> tuple[int, int, int, int]:
        """Shape of its input, (N, C, H, W)."""
        return batch, self.in_channels, self.side, self.side


def _random_step(chance: random.Random, kind: str, channels: int, out: int, stride: int) -> tuple[list[nn.Module], int]:
    """A few layers and the number of channels that they end with."""
    if kind == "separable":
        first, channels = _random_step(chance, "depthwise", channels, channels, stride)
        second, out = _random_step(chance, "pointwise", channels, out, 1)
        return first + second, out
    kernel = {"pointwise": 1, "depthwise": chance.choice((3, 5))}.get(kind, 3)
    groups = 1
    if kind == "depthwise":
        groups = out = channels
    elif kind == "grouped":
        groups = next(g for g in (chance.choice((8, 12, 20)), 4, 1) if channels % g == 0)
        out = max(groups, out // groups * groups)
    normalised = chance.random() < 0.85
    layers: list[nn.Module] = [
        nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=not normalised)
    ]
    if normalised:
        layers.append(nn.BatchNorm2d(out))
    if chance.random() < 0.75:
        layers.append(chance.choice((nn.ReLU, nn.ReLU, nn.ReLU6, nn.Hardswish, nn.SiLU))(inplace=True))
    if chance.random() < 0.3:
        layers.append(chance.choice((_Residual, _Shuffled, _Gated, _Forked))(out))
    return layers, out


class _Residual(nn.Module):
    """x + f(x), f a 1x1 convolution; like the three that follow, ``[N, C, H, W] -> [N, C, H, W]``."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x)


class _Shuffled(nn.Module):
    """The channels of the two halves in turns."""

    def __init__(self, channels: int) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        return x.reshape(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


class _Gated(nn.Module):
    """x * g(mean of x)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gate = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.gate(x.mean((2, 3), keepdim=True)))


class _Forked(nn.Module):
    """Half of the channels pass, the other half is convolved; then they are joined."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels // 2, channels // 2, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        left, right = x.chunk(2, dim=1)
        return torch.cat((left, self.conv(right)), dim=1)
