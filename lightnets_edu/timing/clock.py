"""How long does it take? Timings with their spread, so that a noisy one is seen to be noisy."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lightnets_edu.checks import real_number, whole_number
from lightnets_edu.runtime.environment import autocast, resolve_amp, resolve_device

NOISE_LIMIT = 0.1  # a timing whose middle half spans more than this part of its median is called noisy
KEPT_SAMPLES = 200  # at most, in a record


@dataclass(frozen=True)
class Timing:
    """Repeated timings of one thing.

    Attributes:
        samples: Seconds of each repeat, in the order taken; the warm-up is not among them.
        device: cpu, cuda or mps.
        images: Images that one repeat handles, if it handles images.
    """

    samples: tuple[float, ...]
    device: str
    images: int | None = None

    def __post_init__(self) -> None:
        """Refuse an empty timing."""
        if not self.samples:
            raise ValueError("a timing needs at least one sample: repeats must be at least 1.")

    @property
    def median(self) -> float:
        """The middle sample, in seconds."""
        return self._percentile(50)

    @property
    def p10(self) -> float:
        """One sample in ten is faster than this, in seconds."""
        return self._percentile(10)

    @property
    def p90(self) -> float:
        """One sample in ten is slower than this, in seconds."""
        return self._percentile(90)

    @property
    def spread(self) -> float:
        """Interquartile range as a part of the median."""
        return (self._percentile(75) - self._percentile(25)) / self.median

    @property
    def repeats(self) -> int:
        """Number of samples."""
        return len(self.samples)

    @property
    def is_noisy(self) -> bool:
        """Whether the spread is above ``NOISE_LIMIT``: do not read small differences out of such a timing."""
        return self.spread > NOISE_LIMIT

    @property
    def images_per_second(self) -> float:
        """Throughput at the median.

        Raises:
            ValueError: If ``images`` is not known.
        """
        if self.images is None:
            raise ValueError("this timing does not say how many images a repeat handles, so it has no throughput.")
        return self.images / self.median

    def to_dict(self) -> dict[str, Any]:
        """Everything as a dictionary that JSON can hold; of many samples ``KEPT_SAMPLES`` at most, evenly chosen."""
        names = ("device", "images", "median", "p10", "p90", "spread", "repeats", "is_noisy")
        some = self.samples[:: math.ceil(self.repeats / KEPT_SAMPLES)]
        return {**{name: getattr(self, name) for name in names}, "samples": list(some)}

    def __str__(self) -> str:
        """One line for the page; a noisy timing says so."""
        text = (
            f"median {_seconds(self.median)} (p10 {_seconds(self.p10)}, p90 {_seconds(self.p90)}; "
            f"{self.repeats} repeats on {self.device})"
        )
        if self.images is not None:
            text += f", {self.images_per_second:,.0f} images/s"
        if self.is_noisy:
            text += (
                f" — noisy: the middle half of the samples spans {self.spread:.0%} of the median (limit "
                f"{NOISE_LIMIT:.0%}); close other programs and measure again"
            )
        return text

    def _percentile(self, percent: float) -> float:
        return float(np.percentile(self.samples, percent))


def _seconds(value: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"


def measure(
    function: Callable[[], object],
    *,
    device: str | torch.device,
    warmup: int = 3,
    repeats: int = 20,
    min_seconds: float = 0.0,
    images: int | None = None,
) -> Timing:
    """Time a function.

    Each sample is one call, from an idle device to an idle device: ``time.perf_counter`` on the CPU, CUDA
    events on CUDA, ``perf_counter`` around ``torch.mps.synchronize`` on Apple's GPU. So on a GPU a sample
    includes the time in which the device waits for Python to issue the work, which is most of it for small
    networks. PyTorch's global random generator is left as found.

    Args:
        function: What to time; what it returns is dropped.
        device: Where it runs, as for ``resolve_device``.
        warmup: Calls beforehand that are not counted (they load code, pick algorithms and fill caches).
        repeats: Samples at least.
        min_seconds: Go on until the samples add up to at least this.
        images: Images that one call handles, for the throughput.

    Raises:
        ValueError: If an argument is not allowed.
    """
    named = time_interleaved(
        {"function": function}, device=device, warmup=warmup, repeats=repeats, min_seconds=min_seconds
    )
    return Timing(named["function"].samples, named["function"].device, images)


def time_interleaved(
    functions: Mapping[str, Callable[[], object]],
    *,
    device: str | torch.device = "cpu",
    warmup: int = 3,
    repeats: int = 20,
    min_seconds: float = 0.0,
) -> dict[str, Timing]:
    """Time several functions in turns: A B A B …

    A machine that slows down for a while (heat, another program) then slows all of them, so their ratio stays
    fair; see ``paired_ratio``.

    Args:
        functions: Name to function, timed in this order in every round.
        device: Where they run.
        warmup: Rounds that are not counted.
        repeats: Rounds at least.
        min_seconds: Go on until all samples together add up to at least this.

    Returns:
        Name to timing; equally many samples each, sample i of all from the same round.

    Raises:
        ValueError: If there is no function or an argument is not allowed.
    """
    if not functions:
        raise ValueError("functions is empty: name at least one function to time.")
    device = resolve_device(device)
    warmup = whole_number("warmup", warmup, 0)
    repeats = whole_number("repeats", repeats, 1)
    min_seconds = real_number("min_seconds", min_seconds, "a finite number of seconds, at least 0", (0, float("inf")))
    samples: dict[str, list[float]] = {name: [] for name in functions}
    total = 0.0
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        for _ in range(warmup):
            for function in functions.values():
                _sample(function, device)
        while len(next(iter(samples.values()))) < repeats or total < min_seconds:
            for name, function in functions.items():
                seconds = _sample(function, device)
                samples[name].append(seconds)
                total += seconds
    return {name: Timing(tuple(taken), device.type) for name, taken in samples.items()}


def paired_ratio(slower: Timing, faster: Timing) -> float:
    """Median over the rounds of ``time_interleaved`` of one's time by the other's time in the same round.

    Raises:
        ValueError: If the two do not come from equally many rounds.
    """
    if slower.repeats != faster.repeats:
        raise ValueError(
            f"the timings have {slower.repeats} and {faster.repeats} samples: pairs need two from one time_interleaved."
        )
    return float(np.median(np.array(slower.samples) / np.array(faster.samples)))


def _sample(function: Callable[[], object], device: torch.device) -> float:
    """Seconds of one call."""
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.synchronize()
            return gpu_seconds(function)
    wait = torch.mps.synchronize if device.type == "mps" else lambda: None
    wait()
    started = time.perf_counter()
    function()
    wait()
    return time.perf_counter() - started


def gpu_seconds(function: Callable[[], object]) -> float:
    """Seconds between two CUDA events, one before and one after what a function issues to the current device."""
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    start.record()
    function()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end) / 1000  # milliseconds to seconds


# --- Networks -----------------------------------------------------------------------------------------------


def forward_step(
    model: nn.Module,
    input_size: tuple[int, int, int, int],
    *,
    device: str | torch.device = "auto",
    amp: str = "off",
    channels_last: bool = False,
) -> Callable[[], Tensor]:
    """Prepare a forward pass as it is run to predict: evaluation mode, inference mode, one fixed random input.

    It works on a copy of the network, so the network itself is not touched.

    Args:
        model: The network.
        input_size: (N, C, H, W).
        device: Where to run it.
        amp: See ``resolve_amp``.
        channels_last: Use the channels-last memory format.

    Returns:
        A function without arguments that runs one pass and returns the output.

    Raises:
        ValueError: If an argument is not allowed.
    """
    network, images, device, amp = _prepared(model, input_size, device, amp, channels_last)
    network.eval()

    @torch.inference_mode()
    def run() -> Tensor:
        with autocast(device, amp):
            return network(images)

    return run


def training_step(
    model: nn.Module,
    input_size: tuple[int, int, int, int],
    *,
    device: str | torch.device = "auto",
    amp: str = "off",
    channels_last: bool = False,
) -> Callable[[], Tensor]:
    """Prepare a training step: forward, cross-entropy, backward and SGD with momentum, on one fixed random batch.

    It works on a copy of the network, so the network itself is not touched. The learning rate is 0: the arithmetic is
    the same, and the copy's weights stay as they are however often the step is repeated. float16 runs without the loss
    scaling that real training adds.

    Arguments and errors are those of `forward_step`; the network goes from images to logits.

    Returns:
        A function without arguments that takes one step and returns the loss.
    """
    network, images, device, amp = _prepared(model, input_size, device, amp, channels_last)
    network.train()
    labels = torch.zeros(len(images), dtype=torch.int64, device=device)  # which class it is costs nothing
    optimizer = torch.optim.SGD(network.parameters(), lr=0.0, momentum=0.9)

    def run() -> Tensor:
        optimizer.zero_grad(set_to_none=True)
        with autocast(device, amp):
            logits = network(images)
        loss = F.cross_entropy(logits.float(), labels)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return run


def _prepared(
    model: nn.Module, input_size: Sequence[int], device: str | torch.device, amp: str, channels_last: bool
) -> tuple[nn.Module, Tensor, torch.device, str]:
    """A copy of a network on its device, a fixed random input, and what device and number format come to."""
    device = resolve_device(device)
    amp = resolve_amp(amp, device)
    if not isinstance(input_size, tuple | list) or len(input_size) != 4:
        raise ValueError(f"input_size={input_size!r} must be four whole numbers: (N, C, H, W), as (1, 3, 224, 224).")
    size = [whole_number(f"input_size[{index}]", value, 1) for index, value in enumerate(input_size)]
    images = torch.randn(size, generator=torch.Generator().manual_seed(0)).to(device)
    network = copy.deepcopy(model).to(device)
    if channels_last:
        network.to(memory_format=torch.channels_last)
        images = images.contiguous(memory_format=torch.channels_last)
    return network, images, device, amp
