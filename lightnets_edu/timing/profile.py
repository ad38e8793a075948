"""How fast is this machine? A profile of it, measured by microbenchmarks in under a minute."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any

import torch
from tqdm import tqdm

from lightnets_edu.checks import whole_number
from lightnets_edu.runtime.environment import cpu_threads, describe_environment, resolve_amp, resolve_device
from lightnets_edu.runtime.files import atomic_file
from lightnets_edu.timing.allocator import keep_memory
from lightnets_edu.timing.clock import forward_step
from lightnets_edu.timing.in_place import between_operations
from lightnets_edu.timing.microbenchmarks import Bench, RandomChain, TimedLayer, sweep
from lightnets_edu.timing.operations import KINDS, MULTIPLYING, Operation, operations, operations_of

SCHEMA = 1
DIGITS = 7  # of a timing
CHAINS = 24
ROUNDS = 2  # each layer and chain is timed as often, and its least time taken
BATCH_SIZES = {"cpu": (1, 4, 16), "mps": (1, 4, 16), "cuda": (1, 8, 64)}
# Layers that take long are left out of the sweep: beyond this size a layer's speed no longer changes.
LARGEST = {"cpu": (7e8, 1.6e7), "mps": (4e9, 3e7), "cuda": (4e10, 1.1e8)}  # MACs, elements of a map

# Of each setting, why a profile measured with one value says nothing about another.
_WHY_NO_OTHER = {
    "threads": "layers gain differently from a second thread, so no factor turns one profile into the other. Measure "
    "one for each.",
    "amp": "another number format has other peaks and moves other amounts of data. Measure one for each.",
    "channels_last": "other kernels run on the other layout. Measure one for each.",
    "runtime": "another runtime fuses other operations and computes with other code. Measure one for each.",
    "keeps_memory": "a process that gives memory back to the system spends part of its time on getting it again. Call "
    "lightnets_edu.timing.keep_memory() first, or measure a profile with keep=False.",
}


@dataclass(frozen=True)
class Sample:
    """One layer timed alone.

    Attributes:
        operation: What it runs.
        seconds: The time of one call, with seven digits: more than a clock tells, and short enough to be shipped.
    """

    operation: Operation
    seconds: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "seconds", float(f"{self.seconds:.{DIGITS}g}"))


@dataclass(frozen=True)
class ChainTiming:
    """One random chain of layers timed as a whole.

    Attributes:
        seed: Which chain, as for ``RandomChain``.
        batch: Number of images.
        operations: What it runs.
        seconds: The time of one forward pass.
    """

    seed: int
    batch: int
    operations: tuple[Operation, ...]
    seconds: float


@dataclass(frozen=True, eq=False)  # a profile is itself: what is fitted to it is remembered for it
class DeviceProfile:
    """What was measured of a machine; ``lightnets_edu.timing.predict`` does the arithmetic with it.

    Attributes:
        device: cpu, cuda or mps.
        threads: Threads of one PyTorch operation (of no weight on a GPU).
        amp: Number format of the layers: off (float32), bfloat16 or float16.
        channels_last: Whether maps lay channels-last in memory.
        keeps_memory: Whether ``keep_memory`` was in force.
        peak_macs: MACs a second of the fastest large convolution.
        bandwidth: Bytes a second that a large sum of two tensors reads and writes.
        overhead: Seconds of an operation on next to no data.
        samples: Single layers, timed alone.
        chains: Random chains of layers.
        seconds_taken: How long measuring took.
        environment: Device name, versions, date, see ``describe_environment``; and the ``load_average`` afterwards.
        between: Seconds between two operations of a chain, the median over chains of one image (0 on a GPU, where they
            pass while the operation before is computed).
        runtime: Who ran the layers: eager (PyTorch) or onnxruntime.
    """

    device: str
    threads: int
    amp: str
    channels_last: bool
    keeps_memory: bool
    peak_macs: float
    bandwidth: float
    overhead: float
    samples: tuple[Sample, ...]
    chains: tuple[ChainTiming, ...]
    seconds_taken: float
    environment: dict[str, Any]
    between: float = 0.0
    runtime: str = "eager"

    @property
    def bytes_per_element(self) -> int:
        """Bytes of each number in the maps between two layers."""
        return 4 if self.amp == "off" else 2

    @cached_property
    def efficiency(self) -> dict[str, float]:
        """For each class, the median part that it reaches of the peak (if it multiplies) or of the bandwidth."""
        reached: dict[str, list[float]] = {kind: [] for kind in KINDS}
        for sample in self.samples:
            reached[sample.operation.kind].append(self.ideal_seconds(sample.operation) / sample.seconds)
        return {kind: median(values) for kind, values in reached.items() if values}

    def ideal_seconds(self, operation: Operation) -> float:
        """Seconds at the peak if it multiplies, else at the full bandwidth."""
        if operation.kind in MULTIPLYING:
            return operation.macs / self.peak_macs
        return self.bytes(operation) / self.bandwidth

    def bytes(self, operation: Operation) -> int:
        """Bytes that an operation reads and writes; weights are float32 also where maps are not."""
        return self.bytes_per_element * (operation.read + operation.written) + 4 * operation.weights

    def require(
        self,
        *,
        device: str | None = None,
        gpu: str | None = None,
        threads: int | None = None,
        amp: str | None = None,
        channels_last: bool | None = None,
        keeps_memory: bool | None = None,
        runtime: str | None = None,
    ) -> None:
        """Check that a measurement and this profile belong together; None is not checked.

        Raises:
            ValueError: If they do not; the sentence says in what they differ and why that matters.
        """
        here = self.environment.get("device_name")
        elsewhere = "and says nothing about {!r}: measure one there."
        if device is not None and torch.device(device).type != self.device:
            raise ValueError(f"the profile was measured on {self.device!r} ({here}) {elsewhere.format(device)}")
        if gpu is not None and gpu != here:
            raise ValueError(f"the profile was measured on {here!r} {elsewhere.format(gpu)}")
        if self.device != "cpu":
            threads = None  # they are of no weight on a GPU
        wanted = {
            "runtime": runtime,
            "threads": threads,
            "amp": amp,
            "channels_last": channels_last,
            "keeps_memory": keeps_memory,
        }
        for name, why in _WHY_NO_OTHER.items():
            own = getattr(self, name)
            if wanted[name] is not None and wanted[name] != own:
                with_own = f"{own} threads" if name == "threads" else f"{name}={own!r}"
                raise ValueError(f"the profile was measured with {with_own} and not {wanted[name]!r}: {why}")

    # --- As a file ---------------------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data for JSON."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            "schema": SCHEMA,
            "kind": "device_profile",
            **plain,
            "samples": [[*sample.operation.to_list(), sample.seconds] for sample in self.samples],
            "chains": [[c.seed, c.batch, c.seconds, [op.to_list() for op in c.operations]] for c in self.chains],
        }

    @classmethod
    def from_dict(cls, data: dict) -> DeviceProfile:
        """The opposite of ``to_dict``.

        Raises:
            ValueError: If it is no profile, or one of another version.
        """
        if not isinstance(data, dict) or data.get("kind") != "device_profile":
            raise ValueError("this is no device profile: its 'kind' must be 'device_profile'.")
        if data.get("schema") != SCHEMA:
            raise ValueError(
                f"the profile has schema {data.get('schema')!r} and this version reads {SCHEMA}: measure it again."
            )
        known = {name: value for name, value in data.items() if name not in ("schema", "kind")}
        try:
            known["samples"] = tuple(Sample(Operation.from_list(row[:-1]), row[-1]) for row in data["samples"])
            known["chains"] = tuple(map(_chain_from, data["chains"]))
            known["between"] = float(data["between"])
            return cls(**known)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise ValueError(f"the profile lacks a field or has one too many: {error}.") from error

    def save(self, path: str | os.PathLike) -> None:
        """Write it as JSON; a failure on the way leaves an older file as it was."""
        with atomic_file(path) as handle:
            text = json.dumps(self.to_dict(), allow_nan=False, separators=(",", ":"))
            handle.write(text.encode() + b"\n")

    @classmethod
    def load(cls, path: str | os.PathLike) -> DeviceProfile:
        """Read one.

        Raises:
            ValueError: If the file is no profile; the sentence names it.
            OSError: If it cannot be read.
        """
        try:
            return cls.from_dict(json.loads(Path(path).read_text(encoding="utf-8")))
        except ValueError as error:
            raise ValueError(f"{Path(path).name}: {error}") from error


def _chain_from(row: list) -> ChainTiming:
    seed, batch, seconds, ops = row
    return ChainTiming(seed, batch, tuple(map(Operation.from_list, ops)), seconds)


# --- Measuring ------------------------------------------------------------------------------------------------------


def measure_profile(
    device: str | torch.device = "auto",
    *,
    threads: int | None = None,
    amp: str = "off",
    channels_last: bool = False,
    batch_sizes: tuple[int, ...] | None = None,
    seed: int = 0,
    progress: bool = True,
    layers: Iterable[TimedLayer] | None = None,
    chains: int = CHAINS,
    keep: bool = True,
) -> DeviceProfile:
    """Measure a machine: under a minute.

    No network of this book is run: layers and chains come from a random generator.

    Args:
        device: As for ``resolve_device``.
        threads: Of one PyTorch operation; by default as PyTorch is set. It is set back afterwards.
        amp: As for ``resolve_amp``.
        channels_last: Lay maps channels-last in memory.
        batch_sizes: Drawn from for the layers; the chains take the least and the largest.
        seed: Of the generator.
        progress: Show a progress bar.
        layers: Layers to time instead of the sweep's.
        chains: Number of chains.
        keep: On the CPU, call ``keep_memory`` first, which holds for the whole process and makes times repeatable.

    Raises:
        ValueError: If an argument is not allowed.
    """
    device = resolve_device(device)
    amp = resolve_amp(amp, device)
    batch_sizes = tuple(whole_number("batch size", n, 1) for n in batch_sizes or BATCH_SIZES[device.type])
    chains = whole_number("chains", chains, 0)
    pairs = [(1000 * (seed + 1) + index, n) for n in (min(batch_sizes), max(batch_sizes)) for index in range(chains)]
    todo = list(sweep(seed, batch_sizes, *LARGEST[device.type]) if layers is None else layers)
    started = time.perf_counter()
    with (
        cpu_threads(threads) as threads,
        torch.random.fork_rng(devices=[device] if device.type == "cuda" else []),
        tqdm(total=ROUNDS * (len(todo) + len(pairs)), desc=f"profile of {device.type}", disable=not progress) as bar,
    ):
        kept = keep and device.type == "cpu" and keep_memory()
        bench = Bench(device, threads, amp, channels_last)
        first = _peak(bench), _bandwidth(bench), _overhead(bench)
        # In rounds with the chains between them, so that a slow moment of the machine spoils no layer for good.
        samples, timed = _in_rounds(todo, pairs, bench, bar)
        peak, bandwidth = max(first[0], _peak(bench)), max(first[1], _bandwidth(bench))
        overhead = min(first[2], _overhead(bench))
        between = _between(pairs, bench)
        environment = describe_environment(device) | {"load_average": _load_average()}
    return DeviceProfile(
        device=device.type,
        threads=threads,
        amp=amp,
        channels_last=channels_last,
        keeps_memory=kept,
        peak_macs=peak,
        bandwidth=bandwidth,
        overhead=overhead,
        samples=samples,
        chains=timed,
        seconds_taken=round(time.perf_counter() - started, 1),
        environment=environment,
        between=between,
    )


def _between(pairs: list[tuple[int, int]], bench: Bench) -> float:
    """Seconds between two operations of the chains with the fewest images; 0 where they do not wait for each other."""
    if not pairs or bench.device.type != "cpu":
        return 0.0
    fewest = min(batch for _, batch in pairs)
    found = []
    for seed, batch in pairs:
        if batch == fewest:
            chain = RandomChain(seed)
            size = chain.input_size(batch)
            step = forward_step(chain, size, device=bench.device, amp=bench.amp, channels_last=bench.channels_last)
            found.append(between_operations(step, operations(chain, size)))
    return median(found)


def _load_average() -> float | None:
    """Programs that wanted a core during the last minute, this one among them: more than cores means a busy machine."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def _peak(bench: Bench) -> float:
    """MACs a second of the fastest of a few large convolutions."""
    batch = 64 if bench.device.type == "cuda" else 1
    shapes = ((128, 28), (256, 28), (256, 14), (512, 14))  # channels, side of the maps
    layers = [TimedLayer("dense", (batch, channels, side, side), channels, 3) for channels, side in shapes]
    return max(layer.macs / bench.seconds([layer.function(bench)], sample_seconds=0.02) for layer in layers)


def _bandwidth(bench: Bench) -> float:
    """Bytes a second of a = b + c with 64 MB each: two are read and one is written."""
    b, c = (torch.rand(16_000_000, device=bench.device) for _ in range(2))
    a = torch.empty_like(b)
    return 3 * 4 * b.numel() / bench.seconds([lambda: torch.add(b, c, out=a)], sample_seconds=0.05)


def _overhead(bench: Bench) -> float:
    """Seconds of a layer on eight numbers: the mean of a convolution, a batch norm, a ReLU and a sum."""
    shape = (1, 8, 1, 1)
    layers = [TimedLayer("pointwise", shape, 8), *(TimedLayer(kind, shape) for kind in ("batch_norm", "relu", "add"))]
    return sum(bench.seconds([layer.function(bench)]) for layer in layers) / len(layers)


def _in_rounds(
    layers: list[TimedLayer], pairs: list[tuple[int, int]], bench: Bench, bar: tqdm
) -> tuple[tuple[Sample, ...], tuple[ChainTiming, ...]]:
    """The least time of each layer and chain over the rounds."""
    alone, together = [float("inf")] * len(layers), [float("inf")] * len(pairs)
    for _ in range(ROUNDS):
        for index, layer in enumerate(layers):
            alone[index] = min(alone[index], bench.seconds(layer.functions(bench), repeats=3))
            bar.update()
        for index, (chain_seed, batch) in enumerate(pairs):
            together[index] = min(together[index], _chain_seconds(chain_seed, batch, bench))
            bar.update()
    found = [operations_of(layer.function()) for layer in layers]
    samples = (Sample(operation, seconds) for (operation,), seconds in zip(found, alone, strict=True))
    chains = []
    for (chain_seed, batch), seconds in zip(pairs, together, strict=True):
        chain = RandomChain(chain_seed)
        ops = (replace(op, path="") for op in operations(chain, chain.input_size(batch)))
        chains.append(ChainTiming(chain_seed, batch, tuple(ops), seconds))
    return tuple(samples), tuple(chains)


def _chain_seconds(seed: int, batch: int, bench: Bench) -> float:
    """Seconds of one forward pass of a random chain."""
    chain = RandomChain(seed)
    size = chain.input_size(batch)
    run = forward_step(chain, size, device=bench.device, amp=bench.amp, channels_last=bench.channels_last)
    return bench.pass_seconds(run, repeats=5, at_most=0.2)
