"""One step of one network on one device: how long, how much memory, and what was predicted of both."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from lightnets_edu.checks import one_of, whole_number
from lightnets_edu.counting import count
from lightnets_edu.deployment import (
    Exported,
    exported_network,
    graph_operations,
    input_shape,
    open_session,
    session_step,
)
from lightnets_edu.models import default_input_size, get_model
from lightnets_edu.runtime.environment import (
    AMP_CHOICES,
    compiled,
    cpu_threads,
    is_out_of_memory,
    resolve_amp,
    resolve_device,
)
from lightnets_edu.tables import NumberTable
from lightnets_edu.timing import (
    RUNGS,
    DeviceProfile,
    MemoryUse,
    Timing,
    forward_step,
    keep_memory,
    measure,
    measure_memory,
    predict,
    predict_operations,
    training_memory,
    training_step,
)
from lightnets_edu.timing.clock import NOISE_LIMIT

ATTEMPTS = 3  # at a timing that is not noise; each takes twice as long as the one before
RUNTIMES = ("eager", "compile", "onnxruntime")  # PyTorch operation by operation, torch.compile, ONNX Runtime
ONNX_FORMATS = ("off", "int8")  # number formats of ONNX Runtime here


@dataclass(frozen=True)
class StepSetting:
    """What to time.

    Raises:
        ValueError: If a value is not allowed.
    """

    step: Literal["forward", "training"] = "forward"  # a pass for inference, or a whole step of SGD with momentum
    batch_size: int = 1  # images
    image_size: int | None = None  # side in pixels; None: what the network's paper uses
    amp: str = "off"  # number format; see resolve_amp, and for ONNX Runtime ONNX_FORMATS
    channels_last: bool = False  # memory format
    runtime: str = "eager"  # who runs it, one of RUNTIMES
    threads: int | None = None  # of one operation on a CPU; None: as PyTorch is set
    seconds: float = 1.0  # samples add up to at least this

    def __post_init__(self) -> None:
        """Check every field."""
        one_of("step", self.step, ("forward", "training"))
        whole_number("batch_size", self.batch_size, 1)
        if self.image_size is not None:
            whole_number("image_size", self.image_size, 1)
        one_of("runtime", self.runtime, RUNTIMES)
        one_of("channels_last", self.channels_last, (True, False))
        if self.threads is not None:
            whole_number("threads", self.threads, 1)
        if self.runtime != "onnxruntime":
            one_of("amp", self.amp, AMP_CHOICES)
            return
        one_of("amp", self.amp, ONNX_FORMATS)
        if self.step != "forward" or self.channels_last:
            raise ValueError(
                "runtime='onnxruntime' runs forward passes of a file, in a memory format of its own: step must be "
                "'forward' and channels_last False."
            )

    def input_size(self, name: str, options: Mapping[str, Any]) -> tuple[int, int, int, int]:
        """(N, C, H, W) for a network."""
        side = self.image_size or default_input_size(name, options.get("small_input", False))
        return (self.batch_size, 3, side, side)

    def describe(self, name: str, options: Mapping[str, object], device: torch.device) -> dict[str, Any]:
        """The fields that tell one row of a record from another."""
        return {
            "step": self.step,
            "options": dict(options),
            "input_size": list(self.input_size(name, options)),
            "amp": self.amp if self.runtime == "onnxruntime" else resolve_amp(self.amp, device),
            "channels_last": self.channels_last,
            "runtime": self.runtime,
            "threads": (self.threads or torch.get_num_threads()) if device.type == "cpu" else None,
        }


@dataclass(frozen=True)
class Instruments:
    """What `measure_step` measures with.

    Attributes:
        clock: Times a function, as ``lightnets_edu.timing.measure``.
        memory: Counts a function's bytes, as ``lightnets_edu.timing.measure_memory``.
        compiler: Compiles a network, as ``lightnets_edu.runtime.environment.compiled``.
        keep_memory: Called before anything is measured on a CPU; it holds for the whole process, and says whether.
    """

    clock: Callable[..., Timing] = measure
    memory: Callable[..., MemoryUse] = measure_memory
    compiler: Callable[[nn.Module], nn.Module] = compiled
    keep_memory: Callable[[], bool] = keep_memory


INSTRUMENTS = Instruments()


def measure_step(
    name: str,
    options: Mapping[str, object],
    setting: StepSetting,
    *,
    device: str | torch.device = "auto",
    profile: DeviceProfile | None = None,
    instruments: Instruments = INSTRUMENTS,
) -> dict[str, Any]:
    """Time a step of a network with fresh weights, and measure its memory.

    A timing whose samples scatter too much is taken again, and in the end refused: ``measured`` is then None and
    ``refused`` says why.

    Args:
        name: The network, as ``get_model`` knows it.
        options: What it is built with.
        setting: What to time.
        device: As for ``resolve_device``.
        profile: The profile of this device, for the predictions; without it they are None.
        instruments: What to measure with.

    Returns:
        A row of a record's ``timings``.

    Raises:
        ValueError: If an argument is not allowed, or the profile is of another device.
    """
    device = resolve_device(device)
    if setting.runtime == "onnxruntime" and device.type != "cpu":
        raise ValueError(f"runtime='onnxruntime' is offered on the CPU only, not on {device.type}.")
    kept = device.type == "cpu" and instruments.keep_memory()
    with cpu_threads(setting.threads if device.type == "cpu" else None) as threads:
        if profile is not None:
            gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
            asked = threads if setting.threads is None else None  # of several numbers, the profile has one
            profile.require(device=device.type, gpu=gpu, threads=asked, keeps_memory=kept, runtime=setting.runtime)
        size = setting.input_size(name, options)
        row = setting.describe(name, options, device)
        row |= {"keeps_memory": kept, "measured": None, "refused": None, "peak_bytes": None}
        row |= {"predicted_seconds": None, "predicted_peak_bytes": None}
        try:
            if setting.runtime == "onnxruntime":
                exported = exported_network(name, options, size[-1])
                row |= {"macs": exported.macs, **predict_file(exported, size, setting, profile)}
                return row | _measured_file(exported.file(setting.amp), size, setting, instruments)
            model = get_model(name, **options)
            row["macs"] = count(model, (1, *size[1:])).macs
            row |= predict_step(model, size, setting, row["amp"], profile)
            make = forward_step if setting.step == "forward" else training_step
            network = instruments.compiler(model) if setting.runtime == "compile" else model
            step = make(network, size, device=device, amp=row["amp"], channels_last=setting.channels_last)
            row |= _timed(step, setting, device, instruments.clock)
            if setting.runtime == "eager":  # a compiled step hides its tensors from the counter
                row["peak_bytes"] = _peak(model, setting, size, instruments.memory(step, device))
        except (RuntimeError, ValueError) as error:
            row["measured"], row["refused"] = None, _explained(error, setting)
    return row


def measure_file(
    path: str | os.PathLike, setting: StepSetting, instruments: Instruments = INSTRUMENTS
) -> dict[str, Any]:
    """Time an ONNX file with ONNX Runtime.

    Args:
        path: The file, with one batch of images as its input.
        setting: What to time; its number format is of no weight, since the file has its own.
        instruments: What to measure with.

    Returns:
        A row as `measure_step` makes it, without predictions.

    Raises:
        ImportError: If ONNX Runtime is not installed.
        ValueError: If the file cannot be loaded, or takes another input.
    """
    size = input_shape(open_session(path), setting.batch_size, setting.image_size or 224)
    row = {"step": "forward", "options": {}, "input_size": list(size), "amp": "as in the file", "channels_last": False}
    row |= {"runtime": "onnxruntime", "threads": setting.threads or torch.get_num_threads()}
    row |= {"predicted_seconds": None, "peak_bytes": None, "predicted_peak_bytes": None}
    return row | _measured_file(path, size, setting, instruments)


def _measured_file(
    path: str | os.PathLike, size: Sequence[int], setting: StepSetting, instruments: Instruments
) -> dict[str, Any]:
    images = np.random.default_rng(0).standard_normal(size, dtype=np.float32)
    step = session_step(open_session(path, threads=setting.threads or torch.get_num_threads()), images)
    return _timed(step, setting, torch.device("cpu"), instruments.clock)


def _timed(
    step: Callable[[], object], setting: StepSetting, device: torch.device, clock: Callable[..., Timing]
) -> dict[str, Any]:
    """A step's timing, or why there is none."""
    timing = _quiet_timing(step, setting, device, clock)
    if not timing.is_noisy:
        return {"measured": timing.to_dict(), "refused": None}
    return {
        "measured": None,
        "refused": f"the middle half of {timing.repeats} samples spans {timing.spread:.0%} of their median, more than "
        f"{NOISE_LIMIT:.0%}, after {ATTEMPTS} attempts: that is noise. Close other programs and measure again.",
    }


def predict_file(
    exported: Exported, size: Sequence[int], setting: StepSetting, profile: DeviceProfile | None
) -> dict[str, Any]:
    """What a profile of ONNX Runtime says of a forward pass in float32: as `predict_step`."""
    seconds = None
    if profile is not None and setting.amp == "off" and setting.threads in (None, profile.threads):
        ops = graph_operations(exported.path, size)
        seconds = {rung: predict_operations(ops, profile, rung=rung).seconds for rung in RUNGS}
    return {"predicted_seconds": seconds, "predicted_peak_bytes": None}


def predict_step(
    model: nn.Module, input_size: Sequence[int], setting: StepSetting, amp: str, profile: DeviceProfile | None
) -> dict[str, Any]:
    """What the formulas say of a step, as far as they do: time of a forward pass in eager mode, memory in float32.

    Args:
        model: The network; it is not run.
        input_size: (N, C, H, W).
        setting: The step.
        amp: The number format that ``setting.amp`` comes to.
        profile: The device's, in this number format and memory format; others, and None, leave the seconds out.

    Returns:
        ``predicted_seconds`` (by rung) and ``predicted_peak_bytes``, None where nothing is predicted.
    """
    training = setting.step == "training"
    seconds = peak = None
    eager = not training and setting.runtime == "eager"
    if profile is not None and eager and (amp, setting.channels_last) == (profile.amp, profile.channels_last):
        seconds = {rung: predict(model, input_size, profile, rung=rung).seconds for rung in RUNGS}
    if training and amp == "off":
        peak = training_memory(model, input_size).total
    return {"predicted_seconds": seconds, "predicted_peak_bytes": peak}


def predict_network(
    name: str, options: Mapping[str, object], setting: StepSetting, profile: DeviceProfile
) -> dict[str, Any]:
    """A row like ``measure_step``'s with nothing measured. The profile may be another machine's.

    Number format, memory format, runtime and threads are the profile's.

    Raises:
        ValueError: If the network or an option is not known.
    """
    given: dict[str, Any] = {name: getattr(profile, name) for name in ("channels_last", "runtime", "threads")}
    setting = replace(setting, amp=profile.amp, **given)
    size = setting.input_size(name, options)
    row = {"step": setting.step, "options": dict(options), "input_size": list(size), "amp": setting.amp, **given}
    if setting.runtime == "onnxruntime":
        exported = exported_network(name, options, size[-1])
        return row | {"macs": exported.macs, **predict_file(exported, size, setting, profile)}
    with torch.device("meta"):
        model = get_model(name, **options).eval()
    row["macs"] = count(model, (1, *size[1:])).macs
    return row | predict_step(model, size, setting, profile.amp, profile)


def format_rows(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows with the network's name under ``model``, as a table for the terminal."""
    heads = ["network", "step", "images", "amp", "runtime", "threads", "median", "images/s", "spread", "peak MB"]
    heads += [*(f"{rung}?" for rung in RUNGS), "peak MB?"]
    lines, notes = [], ["A column with ? is predicted, the others are measured."]
    for row in rows:
        images = row["input_size"][0]
        measured = row.get("measured") or {}
        predicted = row["predicted_seconds"] or {}
        median = measured.get("median")
        lines.append(
            [
                row["model"],
                row["step"],
                str(images),
                row["amp"],
                row["runtime"],
                None if row["threads"] is None else str(row["threads"]),
                _milliseconds(median),
                f"{images / median:,.1f}" if median else None,
                f"{measured['spread']:.1%}" if measured else None,
                _megabytes(row.get("peak_bytes")),
                *(_milliseconds(predicted.get(rung)) for rung in RUNGS),
                _megabytes(row["predicted_peak_bytes"]),
            ]
        )
        if row.get("refused"):
            notes.append(f"{row['model']}, {row['step']}, {images}: {row['refused']}")
    return str(NumberTable("", heads, lines, notes, words=["step", "amp", "runtime"]))


def _milliseconds(seconds: float | None) -> str | None:
    return None if seconds is None else f"{1000 * seconds:.2f} ms"


def _megabytes(size: int | None) -> str | None:
    return None if size is None else f"{size / 1e6:,.1f}"


def _quiet_timing(
    step: Callable[[], object], setting: StepSetting, device: torch.device, clock: Callable[..., Timing]
) -> Timing:
    """The first timing that is not noise, or the least noisy one."""
    timings = []
    for attempt in range(ATTEMPTS):
        options = {"warmup": 0 if attempt else 2, "min_seconds": setting.seconds * 2**attempt}
        timing = clock(step, device=device, repeats=5, images=setting.batch_size, **options)
        timings.append(timing)
        if not timing.is_noisy:
            break
    return min(timings, key=lambda timing: timing.spread)


def _explained(error: Exception, setting: StepSetting) -> str:
    """Why a step cannot be run; other errors are raised again."""
    if is_out_of_memory(error):
        return f"{setting.batch_size} images do not fit in the device's memory."
    if "more than 1 value per channel" in str(error):
        return "batch norm cannot train on one value a channel: take more images, or larger ones."
    raise error


def _peak(model: nn.Module, setting: StepSetting, size: Sequence[int], use: MemoryUse) -> int:
    """Bytes of network, images, optimiser and all that the step makes (``use``), at the worst moment."""
    tensors = [*model.parameters(), *model.buffers()]
    held = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    learning = sum(p.numel() * p.element_size() for p in model.parameters() if p.requires_grad)
    images = 4 * prod(size)
    if setting.step == "forward":
        return held + images + use.peak_bytes
    # Momentum is there since the first step. So are the gradients of the step before, which the step drops at once:
    # the allocator's counter has them in what was there before, the counter of tensors counts new ones only.
    dropped = learning if use.counter == "allocator" else 0
    return held + learning + images + dropped + use.peak_bytes
