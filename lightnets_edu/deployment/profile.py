"""How fast does ONNX Runtime run on this machine? A profile, measured with random networks."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import torch
from tqdm import tqdm

from lightnets_edu.checks import whole_number
from lightnets_edu.deployment.graph import timed_operations
from lightnets_edu.deployment.random_graphs import GraphBuilder, random_graph
from lightnets_edu.deployment.session import onnx, onnxruntime, open_session, session_step
from lightnets_edu.runtime.environment import describe_environment
from lightnets_edu.timing.clock import measure
from lightnets_edu.timing.operations import Operation
from lightnets_edu.timing.profile import ChainTiming, DeviceProfile, Sample

NETWORKS = 100
PASSES = 12
RESOLUTION = 5e-7  # seconds: what ONNX Runtime's clock of whole microseconds shows as 0 is taken for this


def measure_onnxruntime_profile(
    *,
    threads: int | None = None,
    networks: int = NETWORKS,
    batch_sizes: Sequence[int] = (1, 16),
    seed: int = 0,
    progress: bool = True,
) -> DeviceProfile:
    """Measure ONNX Runtime on this CPU: some minutes.

    Every operation of some random networks is timed where it stands, by ONNX Runtime's own clock, and every network as
    a whole. No network of this book is run.

    Args:
        threads: Of one operation (None: as many as PyTorch has).
        networks: How many random networks.
        batch_sizes: Numbers of images, each for every network.
        seed: Of the first network's generator; the others have the next.
        progress: Show a progress bar.

    Raises:
        ImportError: If onnx or onnxruntime is not installed.
        ValueError: If an argument is not allowed.
    """
    threads = whole_number("threads", torch.get_num_threads() if threads is None else threads, 1)
    networks = whole_number("networks", networks, 1)
    started = time.perf_counter()
    samples: list[tuple[Operation, float]] = []
    watching: list[float] = []  # seconds a node longer while its time is noted than while it is not
    chains: list[ChainTiming] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "random.onnx")
        first = _constants(path, threads)
        pairs = [(seed + index, batch) for index in range(networks) for batch in batch_sizes]
        for number, batch in tqdm(pairs, desc="profile of onnxruntime", disable=not progress):
            model, image = random_graph(number)
            onnx().save(model, path)
            size = (batch, *image)
            found = timed_operations(path, size, threads=threads, passes=PASSES)
            timed = [(op, seconds) for op, seconds in found if seconds is not None]
            samples += timed
            ops = tuple(op for op, _ in found)
            chains.append(ChainTiming(number, batch, ops, _pass_seconds(path, size, threads)))
            if batch == min(batch_sizes):
                watching.append((sum(seconds for _, seconds in timed) - chains[-1].seconds) / len(timed))
        second = _constants(path, threads)
    noting = max(0.0, median(watching))
    peak, bandwidth = max(first[0], second[0]), max(first[1], second[1])
    return DeviceProfile(
        device="cpu",
        threads=threads,
        amp="off",
        channels_last=False,
        keeps_memory=True,  # its arena never gives memory back
        peak_macs=peak,
        bandwidth=bandwidth,
        overhead=min(first[2], second[2]),
        samples=tuple(Sample(op, max(seconds - noting, RESOLUTION)) for op, seconds in samples),
        chains=tuple(chains),
        seconds_taken=round(time.perf_counter() - started, 1),
        environment=describe_environment("cpu") | {"onnxruntime": onnxruntime().__version__, "threads": threads},
        runtime="onnxruntime",
    )


def _pass_seconds(path: str | os.PathLike, size: Sequence[int], threads: int) -> float:
    """The median seconds of a pass."""
    images = np.random.default_rng(0).standard_normal(size, dtype=np.float32)
    step = session_step(open_session(path, threads=threads), images)
    return measure(step, device="cpu", warmup=3, repeats=9, min_seconds=0.15).median


def _constants(path: Path, threads: int) -> tuple[float, float, float]:
    """Peak (MACs a second), bandwidth (bytes a second) and start (seconds of an operation on next to no data)."""

    def seconds(draw: Callable[[GraphBuilder], str], shape: tuple[int, int, int, int]) -> float:
        builder = GraphBuilder(shape[1])
        onnx().save(builder.model(draw(builder), shape[2]), path)
        return _pass_seconds(path, shape, threads)

    def convs(number: int, channels: int) -> Callable[[GraphBuilder], str]:
        return lambda builder: _repeated(lambda x: builder.conv(x, channels, 3), number)

    def starts(builder: GraphBuilder) -> str:
        return _repeated(lambda x: builder.unary("Sigmoid", x), 50)

    def sums(builder: GraphBuilder) -> str:
        return _repeated(lambda x: builder.add(x, "images"), 4)

    peak = max(
        8 * channels * channels * 9 * side * side / seconds(convs(8, channels), (1, channels, side, side))
        for channels, side in ((128, 28), (256, 28), (256, 14))
    )
    elements = 64 * 500 * 500
    # Four sums; each reads two maps and writes one.
    bandwidth = 4 * 3 * 4 * elements / seconds(sums, (1, 64, 500, 500))
    return peak, bandwidth, seconds(starts, (1, 8, 1, 1)) / 50


def _repeated(step: Callable[[str], str], times: int) -> str:
    x = "images"
    for _ in range(times):
        x = step(x)
    return x
