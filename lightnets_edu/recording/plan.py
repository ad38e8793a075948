"""All networks on one device, one after the other, in parts that end in time."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from lightnets_edu.checks import real_number
from lightnets_edu.deployment.session import onnxruntime
from lightnets_edu.models import get_model, list_models
from lightnets_edu.recording.measurements import ONNX_FORMATS, StepSetting, measure_step
from lightnets_edu.recording.networks import has_batch_norm, network_options, network_record, train_network
from lightnets_edu.records import load_record, save_record
from lightnets_edu.runtime.environment import describe_environment, resolve_amp, resolve_device
from lightnets_edu.runtime.files import check_writable
from lightnets_edu.timing import DeviceProfile, measure, training_step
from lightnets_edu.training import EpochRecord, TrainConfig, TrainResult, load_dataset

RESERVE = 1.2  # an epoch or a timing may take so much longer than the one before it
TRAINING = ("config", "data", "history", "test_accuracy", "training_seconds")  # fields of a record
TIMING = ("timings", "timing_environment")
SAME_MACHINE = ("device_name", "threads", "torch")  # for all timings of a record
WITHOUT_NORM = 0.2  # part of the peak learning rate for networks without batch norm, which diverge at the whole


def default_timings(
    device: torch.device,
    native_format: Callable[[str, torch.device], str] = resolve_amp,
    runtime: str = "eager",
) -> tuple[StepSetting, ...]:
    """What is timed of every network: batch 1 and 16 on a CPU; 1, 64 and 256 on a GPU.

    With ONNX Runtime that is done in float32 and int8, and with one thread and as many as PyTorch has. On CUDA it is
    done in float32 and in the shorter format that the GPU computes in: bfloat16, or float16 before Ampere, where
    bfloat16 is emulated.

    Args:
        device: From ``resolve_device``.
        native_format: What ``"auto"`` comes to on a device, as ``resolve_amp`` says it.
        runtime: "eager" or "onnxruntime".
    """
    if runtime == "onnxruntime":
        return tuple(
            StepSetting("forward", batch, amp=amp, runtime=runtime, threads=threads)
            for amp in ONNX_FORMATS
            for threads in sorted({1, torch.get_num_threads()})
            for batch in (1, 16)
        )
    if device.type == "cpu":
        forward = tuple(StepSetting("forward", batch) for batch in (1, 16))
        return (*forward, StepSetting("training", 4))
    formats = [("off", False)]
    if device.type == "cuda":
        native = native_format("auto", device)
        formats.append((native if native != "off" else "float16", True))
    return tuple(
        StepSetting(step, batch, amp=amp, channels_last=channels_last)
        for step in ("forward", "training")
        for amp, channels_last in formats
        for batch in (1, 64, 256)
    )


@dataclass(frozen=True)
class Plan:
    """What to record of every network.

    Attributes:
        config: How to train. Networks without batch norm get ``WITHOUT_NORM`` of the learning rate.
        data: A data set, as ``load_dataset`` knows it.
        train_images: So many of its training images (None: all that its loader gives by itself).
        test_images: So many of its test images (likewise).
        train: Whether to train.
        timings: What to time.
        profile: The profile of the device, for the predictions.
        runtime: Who runs what is timed: "eager" or "onnxruntime".
    """

    config: TrainConfig = field(default_factory=TrainConfig)
    data: str = "fashion_mnist"
    train_images: int | None = None
    test_images: int | None = None
    train: bool = True
    timings: tuple[StepSetting, ...] = ()
    profile: DeviceProfile | None = None
    runtime: str = "eager"


@dataclass
class Outcome:
    """What became of each network.

    Attributes:
        recorded: Finished now.
        skipped: Finished before.
        left: Not finished: the budget was spent. The same call goes on with them.
        failed: Network to the sentence that says why; what could be recorded of it was.
    """

    recorded: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """One line, and a further one for each failure."""
        parts = [f"{len(self.recorded)} recorded", f"{len(self.skipped)} were there", f"{len(self.left)} left"]
        again = "; the same command goes on with them" if self.left else ""
        failures = "".join(f"\n{name} failed: {reason}" for name, reason in self.failed.items())
        return f"{', '.join(parts)}{again}{failures}"


def device_folder(device: torch.device, runtime: str = "eager") -> str:
    """The name of a device's folder in ``results/``: ``cpu``, or the GPU's name in small letters.

    A runtime beside PyTorch has a folder of its own, such as ``cpu-onnxruntime``.
    """
    if runtime != "eager":
        return f"{device_folder(device)}-{runtime}"
    if device.type == "cpu":
        return "cpu"
    return folder_name(describe_environment(device)["device_name"] if device.type == "cuda" else device.type)


def folder_name(device_name: str) -> str:
    """A device's name in small letters, with hyphens for all that is neither a letter nor a digit."""
    return re.sub(r"[^a-z0-9]+", "-", device_name.lower()).strip("-")


def seconds_of_epoch(
    name: str, options: dict[str, Any], config: TrainConfig, train_images: int, test_images: int, device: torch.device
) -> float:
    """Estimate the seconds of an epoch and its test from a few steps.

    Args:
        name: The network, as ``get_model`` knows it.
        options: What it is built with.
        config: How it is trained.
        train_images: Images of an epoch.
        test_images: Images of the test.
        device: From ``resolve_device``.
    """
    size = (config.batch_size, config.channels, config.image_size, config.image_size)
    model, amp = get_model(name, **options), resolve_amp(config.amp, device)
    step = training_step(model, size, device=device, amp=amp)
    seconds = measure(step, device=device, warmup=1, repeats=2).median
    # A forward pass, as the test needs it, is about a third of a step.
    return seconds * (train_images + test_images / 3) / config.batch_size


@dataclass(frozen=True)
class Tools:
    """What a recorder works with.

    Attributes:
        clock: Seconds that only grow, as ``time.monotonic``.
        describe: Describes a device, as ``describe_environment``.
        measurer: Times a step, as ``measure_step``.
        trainer: Trains a network, as ``train_network``.
        estimate: The seconds of an epoch, as ``seconds_of_epoch``.
    """

    clock: Callable[[], float] = time.monotonic
    describe: Callable[[torch.device], dict[str, Any]] = describe_environment
    measurer: Callable[..., dict[str, Any]] = measure_step
    trainer: Callable[..., TrainResult] = train_network
    estimate: Callable[..., float] = seconds_of_epoch


TOOLS = Tools()


def record_networks(
    names: Sequence[str],
    plan: Plan,
    *,
    folder: str | Path,
    device: str | torch.device = "auto",
    budget_minutes: float | None = None,
    again: bool = False,
    say: Callable[[str], None] = print,
    tools: Tools = TOOLS,
) -> Outcome:
    """Record networks, one file each, until all are done or the time is spent.

    Whatever is finished is written at once: each timing, and a checkpoint after each epoch. The same call again skips
    what is there and goes on where this one ended.

    Args:
        names: Networks; none means all of ``list_models``.
        plan: What to record.
        folder: The files go to its subfolder ``device_folder(device)``.
        device: As for ``resolve_device``.
        budget_minutes: Begin no epoch and no timing that is likely to end later than this from now.
        again: Record also what is there, from the start. What the plan does not make anew is kept.
        say: Called with a line of progress.
        tools: What to work with.

    Raises:
        ValueError: If a network or a value is not known, or a file there was recorded with other settings, or timed
            with another number of threads.
        DatasetError: If the images cannot be had.
        OSError: If a file cannot be written.
    """
    device = resolve_device(device)
    if budget_minutes is not None:
        real_number("budget_minutes", budget_minutes, "a number above 0", (0, float("inf")), open_low=True)
    recorder = _Recorder(plan, Path(folder, device_folder(device, plan.runtime)), device, budget_minutes, say, tools)
    jobs = [recorder.job(name, again) for name in names or list_models()]
    outcome = Outcome()
    for job in jobs:
        try:
            (outcome.recorded if recorder.run(job) else outcome.skipped).append(job.name)
        except _BudgetSpentError:
            outcome.left.append(job.name)
        except (RuntimeError, _TooLongError) as error:  # diverged, too large, or a GPU's library at its limits
            outcome.failed[job.name] = str(error)
    return outcome


class _BudgetSpentError(Exception):
    """What comes next would end too late."""


class _TooLongError(Exception):
    """What comes next would end too late even if nothing came before it."""


class _Budget:
    """The time that is left."""

    def __init__(self, minutes: float | None, clock: Callable[[], float]) -> None:
        self.minutes, self.clock = minutes, clock
        self.end = float("inf") if minutes is None else clock() + 60 * minutes

    def check(self, seconds: float, what: str) -> None:
        """Raise unless so many seconds are left."""
        if self.minutes is not None and seconds > 60 * self.minutes:
            raise _TooLongError(
                f"{what} takes about {seconds / 60:.1f} minutes, more than the whole budget of {self.minutes:g}: "
                "allow more, or take fewer images."
            )
        if self.clock() + seconds > self.end:
            raise _BudgetSpentError


@dataclass
class _Job:
    """One network and its file."""

    name: str
    path: Path
    options: dict[str, Any]
    config: TrainConfig
    record: dict[str, Any] | None  # what is in the file

    @property
    def checkpoint(self) -> Path:
        return self.path.with_suffix(".checkpoint")


class _Recorder:
    """What is the same for all networks."""

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        device: torch.device,
        budget_minutes: float | None,
        say: Callable[[str], None],
        tools: Tools,
    ) -> None:
        self.plan, self.folder, self.device, self.say, self.tools = plan, folder, device, say, tools
        self.budget = _Budget(budget_minutes, tools.clock)
        self.environment = tools.describe(device)
        if plan.runtime == "onnxruntime":
            self.environment |= {"onnxruntime": onnxruntime().__version__}
        self.longest_row = 0.0  # seconds of the longest timing so far
        if plan.train:
            self.train_set = load_dataset(plan.data, "train", plan.train_images)
            self.test_set = load_dataset(plan.data, "test", plan.test_images)
            self.fingerprints = {"train": self.train_set.fingerprint(), "test": self.test_set.fingerprint()}

    def job(self, name: str, again: bool) -> _Job:
        """Look at what is there of a network.

        Raises:
            ValueError: If it was recorded with other settings.
        """
        classes = len(self.train_set.class_names) if self.plan.train else 10
        options = network_options(name, self.plan.config, classes, {})
        job = _Job(name, self.folder / f"{name}.json", options, _recipe(name, options, self.plan.config), None)
        check_writable(job.path)
        if again:
            job.checkpoint.unlink(missing_ok=True)
        if job.path.exists():
            job.record = self._without_what_comes_anew(job.path) if again else load_record(job.path)
        if job.record is not None:
            self._check_same(job)
        return job

    def _without_what_comes_anew(self, path: Path) -> dict[str, Any] | None:
        if self.plan.train and self.plan.timings:
            return None
        record = {**load_record(path), **dict.fromkeys(TRAINING if self.plan.train else TIMING)}
        return record if record["history"] or record["timings"] else None

    def _check_same(self, job: _Job) -> None:
        """A record that is there is gone on with only if it was begun with these settings."""
        assert job.record is not None
        there = {"kind": job.record["kind"], "options": job.record["options"]}
        wanted: dict[str, Any] = {"kind": "network", "options": job.options}
        if self.plan.train and job.record.get("history") is not None:
            there |= job.record["config"] | {"data": job.record["data"]["train"].get("fingerprint")}
            there["test data"] = job.record["data"]["test"].get("fingerprint")
            wanted |= job.config.to_dict() | {"data": self.fingerprints["train"]}
            wanted["test data"] = self.fingerprints["test"]
        if job.record["timings"] and self._missing_timings(job):
            there |= {name: job.record["timing_environment"][name] for name in SAME_MACHINE}
            wanted |= {name: self.environment[name] for name in SAME_MACHINE}
        for field_name, value in wanted.items():
            if there.get(field_name) != value:
                raise ValueError(
                    f"{str(job.path)!r} was recorded with {field_name}={there.get(field_name)!r}, and now it is "
                    f"{value!r}: record into another folder, or again from the start."
                )

    def run(self, job: _Job) -> bool:
        """Do what is missing of a network; returns whether anything was."""
        missing = self._missing_timings(job)
        for setting in missing:
            row = self._timed(job, setting)
            record = job.record or self._record(job)
            rows = [*(record["timings"] or ()), row]
            job.record = {**record, "timings": rows, "timing_environment": self.environment}
            save_record(job.path, job.record)
        trains = self.plan.train and (job.record is None or job.record["history"] is None)
        if trains:
            self._train(job)
        return bool(missing) or trains

    def _missing_timings(self, job: _Job) -> list[StepSetting]:
        rows = (job.record and job.record["timings"]) or ()
        return [
            setting
            for setting in self.plan.timings
            if not any(row | setting.describe(job.name, {}, self.device) == row for row in rows)
        ]

    def _record(self, job: _Job, result: TrainResult | None = None) -> dict[str, Any]:
        return network_record(job.name, job.options, job.config, result=result, device=self.device)

    def _timed(self, job: _Job, setting: StepSetting) -> dict[str, Any]:
        self.budget.check(RESERVE * self.longest_row, f"a timing of {job.name}")
        started = self.tools.clock()
        row = self.tools.measurer(job.name, {}, setting, device=self.device, profile=self.plan.profile)
        self.longest_row = max(self.longest_row, self.tools.clock() - started)
        text = row["refused"] or f"{1000 * row['measured']['median']:.2f} ms"
        how = f"batch {setting.batch_size}, amp {row['amp']}"
        if setting.threads is not None:
            how += f", {setting.threads} thread{'s' if setting.threads > 1 else ''}"
        self.say(f"{job.name}: {setting.step}, {how}: {text}")
        return row

    def _train(self, job: _Job) -> None:
        if self.budget.minutes is not None:
            images = len(self.train_set), len(self.test_set)
            seconds = self.tools.estimate(job.name, job.options, job.config, *images, self.device)
            self.budget.check(RESERVE * seconds, f"an epoch of {job.name}")

        def after(epoch: EpochRecord) -> None:
            self.say(f"{job.name}: {epoch}")
            if epoch.epoch < job.config.epochs:
                self.budget.check(RESERVE * epoch.seconds, f"an epoch of {job.name}")

        how = {"device": self.device, "checkpoint": job.checkpoint, "on_epoch": after, "progress": False}
        result = self.tools.trainer(job.name, job.options, job.config, self.train_set, self.test_set, **how)
        timings = {name: job.record[name] for name in TIMING} if job.record else {}
        save_record(job.path, {**self._record(job, result), **timings})
        job.checkpoint.unlink(missing_ok=True)


def _recipe(name: str, options: Mapping[str, object], config: TrainConfig) -> TrainConfig:
    with torch.device("meta"):
        model = get_model(name, **options)
    if has_batch_norm(model):
        return config
    return replace(config, learning_rate=WITHOUT_NORM * config.learning_rate)
