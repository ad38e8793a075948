"""Does it learn? One readable training loop, the same result each time, interrupted or not."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from lightnets_edu.runtime.environment import (
    autocast,
    compiled,
    cpu_threads,
    describe_environment,
    is_out_of_memory,
    resolve_amp,
    resolve_device,
)
from lightnets_edu.runtime.files import check_writable
from lightnets_edu.training.batches import Batches, mixed_seed
from lightnets_edu.training.checkpoints import (
    describe_model,
    load_checkpoint,
    save_checkpoint,
    seed_everything,
)
from lightnets_edu.training.config import TrainConfig
from lightnets_edu.training.data import ImageDataset, Normalisation
from lightnets_edu.training.distributed import World
from lightnets_edu.training.folders import FolderBatches, FolderDataset

Dataset = ImageDataset | FolderDataset
CHECK_EVERY = 25  # steps between looks at the loss: each look makes a GPU wait for the CPU


class TrainingDivergedError(RuntimeError):
    """The loss is no longer a finite number."""


class BatchTooLargeError(RuntimeError):
    """A training step does not fit in the device's memory."""


@dataclass(frozen=True)
class EpochRecord:
    """One epoch of a run."""

    epoch: int  # counted from 1
    train_loss: float  # mean over the epoch's steps, of the label-smoothed loss
    train_accuracy: float  # part of the training images that were right when their step came, 0 … 1
    test_loss: float  # cross-entropy on the whole test set after the epoch, not smoothed
    test_accuracy: float  # part of the test images that are right after the epoch, 0 … 1
    learning_rate: float  # of the epoch's last step
    seconds: float  # training and test together

    def __str__(self) -> str:
        """One line, for ``on_epoch=print``."""
        return (
            f"epoch {self.epoch}: loss {self.train_loss:.3f} in training, {self.test_loss:.3f} in the test; right "
            f"{self.train_accuracy:.1%} and {self.test_accuracy:.1%}; {self.seconds:.1f} s"
        )


@dataclass(frozen=True)
class TrainResult:
    """What a run gives, beside the trained network.

    Attributes:
        model: Class name of the network.
        parameters: Number of trainable values.
        config: The settings.
        history: One record an epoch.
        environment: See ``describe_environment``, plus the ``amp`` and ``channels_last`` that "auto" came to, and the
            number of ``processes`` that shared the work.
        data: The two sets' ``describe()`` under ``train`` and ``test``, and the ``normalisation`` (mean and
            std).
    """

    model: str
    parameters: int
    config: TrainConfig
    history: tuple[EpochRecord, ...]
    environment: dict[str, Any]
    data: dict[str, Any]

    @property
    def last_test_accuracy(self) -> float:
        """Test accuracy after the last epoch: the number to report."""
        return self.history[-1].test_accuracy

    @property
    def best_test_accuracy(self) -> float:
        """Highest test accuracy of all epochs. Being picked on the test set, it flatters: prefer the last."""
        return max(epoch.test_accuracy for epoch in self.history)

    @property
    def seconds(self) -> float:
        """Time of all epochs."""
        return sum(epoch.seconds for epoch in self.history)

    @property
    def normalisation(self) -> Normalisation:
        """The training set's statistics, with which every image was normalised."""
        return Normalisation(**{key: tuple(value) for key, value in self.data["normalisation"].items()})

    def to_record(self, model: str | None = None, options: dict[str, Any] | None = None) -> dict[str, Any]:
        """The dictionary that ``save_record`` writes.

        Args:
            model: The registry's name of the network (default: its class name).
            options: The registry's options that it was built with.
        """
        return {
            "schema": 1,
            "kind": "training",
            "model": model or self.model,
            "options": dict(options or {}),
            "parameters": self.parameters,
            "config": self.config.to_dict(),
            "data": self.data,
            "environment": self.environment,
            "history": [asdict(epoch) for epoch in self.history],
        }


def learning_rate_at(step: int, total_steps: int, warmup_steps: int, peak: float) -> float:
    """The learning rate of one step: a linear warm-up, then half a cosine down towards 0.

    Warm-up after Goyal et al. 2017 (arXiv:1706.02677, section 2.2); cosine after Loshchilov and Hutter 2017
    (arXiv:1608.03983, equation 5, without restarts and with the lowest rate 0).

    Args:
        step: The step, from 0 to ``total_steps`` (at which the rate is 0; the last step taken is one before).
        total_steps: Steps of the whole run.
        warmup_steps: Steps of the rise: step 0 has peak / warmup_steps, the last of them the peak.
        peak: The highest rate.
    """
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    progress = (step - warmup_steps) / (total_steps - warmup_steps)
    return peak * 0.5 * (1 + math.cos(math.pi * progress))


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Split the parameters into decayed ones (two dimensions or more: weights) and others (biases and BN).

    Without it, decay would pull BN's scale to 0, which shrinks no weight that matters (He et al. 2019,
    arXiv:1812.01187, section 3.1, "no bias decay").
    """
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in trainable if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in trainable if p.ndim < 2], "weight_decay": 0.0},
    ]


def train(
    model: nn.Module,
    train_set: Dataset,
    test_set: Dataset,
    config: TrainConfig,
    *,
    device: str | torch.device = "auto",
    checkpoint: str | os.PathLike | None = None,
    on_epoch: Callable[[EpochRecord], None] | None = None,
    progress: bool = True,
    workers: int | None = None,
    threads: int | None = None,
) -> TrainResult:
    """Train a network in place.

    On a CPU, the same first weights, sets, settings and thread count give the same result to the last bit.
    Python's, NumPy's and PyTorch's global generators are seeded at the start of every epoch.

    If PyTorch's process group exists (see ``distributed.process_group``), its processes share the work through
    DistributedDataParallel. Each takes its part of every batch, and the result is that of one process but for two
    things: the sums of gradients are rounded in another order, and each process draws its own dropout and computes
    batch norm's statistics over its own part (as Goyal et al. 2017, arXiv:1706.02677, section 2.3, do; the test uses
    the first process's). Checkpoints are written and progress is shown by the first process alone.

    Args:
        model: A network from images [N, channels, H, W] to logits [N, classes]. It is moved to the device and
            left there, trained, in evaluation mode.
        train_set: Images to learn from.
        test_set: Images to test on after each epoch; they are normalised with the training set's statistics.
        config: The settings.
        device: See ``resolve_device``.
        checkpoint: A file, written after every epoch. If it exists, the run goes on from it and ends as it
            would have ended without the interruption.
        on_epoch: Called with each epoch's record, after its checkpoint is written, in every process.
        progress: Show a progress bar (on standard output).
        workers: Processes that read images, if the sets are ``FolderDataset`` (by default, as many as this process
            has cores, but at most 8, and half of them on a CPU, which has to train as well). The result does not
            depend on it.
        threads: Threads of one PyTorch operation on the CPU while the network trains (None: as many as now). The
            operations of a small network are so short that sharing them costs more than it saves: try 1.

    Returns:
        The history, with all that is needed to repeat it.

    Raises:
        ValueError: If device, settings and sets do not go together.
        CheckpointError: If ``checkpoint`` holds another run.
        TrainingDivergedError: If the loss becomes infinite or not a number.
        BatchTooLargeError: If the device's memory does not suffice.
        DatasetError: If an image cannot be read.
        OSError: If the checkpoint cannot be written.

    Example:
        >>> from lightnets_edu.models import get_model
        >>> from lightnets_edu.training import load_shapes
        >>> model = get_model("mobilenet_v1", width_mult=0.25, num_classes=10, small_input=True)
        >>> settings = TrainConfig(epochs=1, batch_size=32, warmup_epochs=0)
        >>> result = train(model, load_shapes("train", 64), load_shapes("test", 32), settings, progress=False)
        >>> len(result.history), 0 <= result.last_test_accuracy <= 1
        (1, True)
    """
    if train_set.class_names != test_set.class_names:
        raise ValueError(
            f"the training set ({train_set.source}) and the test set ({test_set.source}) have different "
            "classes: the test would say nothing. Load both splits of one data set."
        )
    device = resolve_device(device)
    world = World.current()
    amp = resolve_amp(config.amp, device)
    channels_last = device.type == "cuda" if config.channels_last == "auto" else config.channels_last
    model.to(device)
    if channels_last:
        model.to(memory_format=torch.channels_last)

    layout: dict[str, Any] = {"image_size": config.image_size, "channels": config.channels}
    layout |= {"channels_last": channels_last, "part": (world.rank, world.size), "workers": workers}
    train_batches = make_batches(
        train_set, config.batch_size, device, shuffle=True, seed=config.seed, augment=config.augment, **layout
    )
    normalisation = train_batches.normalisation
    test_batches = make_batches(test_set, config.batch_size, device, normalisation=normalisation, **layout)

    optimizer = torch.optim.SGD(
        parameter_groups(model, config.weight_decay),
        lr=config.learning_rate,
        momentum=config.momentum,
        nesterov=config.momentum > 0,
    )
    scaler = torch.amp.GradScaler(device.type, enabled=amp == "float16")
    data = {
        "train": train_set.describe(),
        "test": test_set.describe(),
        "normalisation": {"mean": list(normalisation.mean), "std": list(normalisation.std)},
    }
    identity = _identity(model, config, data, device, amp, world)
    history: list[EpochRecord] = []
    if checkpoint is not None:
        state = world.from_first(lambda: _saved_state(checkpoint, identity))
        if state is not None:
            history = _resume(state, model, optimizer, scaler)

    steps = len(train_batches)
    forward = _compiled(model, config)
    stepper = _Stepper(
        model=model,
        forward=forward,
        train_forward=world.wrap(forward, device),
        world=world,
        optimizer=optimizer,
        scaler=scaler,
        config=config,
        device=device,
        amp=amp,
        classes=len(train_set.class_names),
        steps_per_epoch=steps,
    )
    with (
        cpu_threads(threads),
        tqdm(
            total=config.epochs * steps,
            initial=len(history) * steps,
            unit="step",
            file=sys.stdout,
            disable=not progress or not world.is_first,
        ) as bar,
    ):
        for epoch in range(len(history), config.epochs):
            record = _run_epoch(stepper, train_batches, test_batches, epoch, bar)
            history.append(record)
            if checkpoint is not None and world.is_first:
                save_checkpoint(
                    checkpoint,
                    {
                        "identity": identity,
                        "model": model.state_dict(),
                        "optimizer": optimizer.state_dict(),
                        "scaler": scaler.state_dict(),
                        "history": [asdict(entry) for entry in history],
                    },
                )
            if on_epoch is not None:
                on_epoch(record)
        environment = describe_environment(device)
    model.eval()
    return TrainResult(
        model=type(model).__name__,
        parameters=sum(p.numel() for p in model.parameters() if p.requires_grad),
        config=config,
        history=tuple(history),
        environment={**environment, "amp": amp, "channels_last": channels_last, "processes": world.size},
        data=data,
    )


def make_batches(
    dataset: Dataset, batch_size: int, device: torch.device, *, workers: int | None = None, **options: Any
) -> Batches | FolderBatches:
    """The batches of a set, from the device's memory or from files; ``options`` are those of both kinds.

    Raises:
        ValueError: If an argument is not allowed.
    """
    if isinstance(dataset, ImageDataset):
        return Batches(dataset, batch_size, device, **options)
    if workers is None:
        cores = os.cpu_count() or 1
        workers = min(8, cores if device.type == "cuda" else cores // 2)
    return FolderBatches(dataset, batch_size, device, workers=workers, **options)


def evaluate(
    model: nn.Module,
    dataset: Dataset,
    *,
    device: str | torch.device = "auto",
    batch_size: int = 256,
    image_size: int = 32,
    channels: int = 3,
    normalisation: Normalisation | None = None,
    amp: str = "off",
) -> tuple[float, float]:
    """Test a network.

    Args:
        model: A network from images [N, channels, H, W] to logits. It is moved to the device; its mode is
            left as found.
        dataset: The images.
        device: See ``resolve_device``.
        batch_size: Images a batch; it decides memory and time only.
        image_size: Height and width after padding, or of the central crop of an image folder.
        channels: Channels that the network takes; grey images are repeated.
        normalisation: The statistics the network was trained with (``TrainResult.normalisation``). Default:
            the set's own, which is close but not the same.
        amp: See ``resolve_amp``.

    Returns:
        Mean cross-entropy (natural logarithm), and the part of the images that are right, 0 … 1.

    Raises:
        ValueError: If an argument is not allowed.
        BatchTooLargeError: If the device's memory does not suffice.
    """
    device = resolve_device(device)
    batches = make_batches(
        dataset, batch_size, device, image_size=image_size, channels=channels, normalisation=normalisation
    )
    was_training = model.training
    model.to(device)
    try:
        with _memory_errors_explained(batch_size):
            return _evaluate(model, model, batches, resolve_amp(amp, device), World())
    finally:
        model.train(was_training)


@dataclass
class _Stepper:
    """What stays the same from step to step."""

    model: nn.Module
    forward: Callable[[Tensor], Tensor]  # the model, or its compiled form
    train_forward: Callable[[Tensor], Tensor]  # the same, averaging gradients over all processes
    world: World
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    config: TrainConfig
    device: torch.device
    amp: str
    classes: int
    steps_per_epoch: int

    def learning_rate(self, step: int) -> float:
        """The rate of a step, counted over all epochs."""
        return learning_rate_at(
            step,
            total_steps=self.config.epochs * self.steps_per_epoch,
            warmup_steps=round(self.config.warmup_epochs * self.steps_per_epoch),
            peak=self.config.learning_rate,
        )

    def take(self, step: int, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """One step of gradient descent; returns the loss and the number of right answers, on the device."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate(step)
        self.optimizer.zero_grad(set_to_none=True)
        with autocast(self.device, self.amp):
            logits = self.train_forward(images)
        if logits.ndim != 2 or logits.shape[1] < self.classes:
            raise ValueError(
                f"the network's output has the shape {list(logits.shape)}, but the set has {self.classes} "
                f"classes: it must be [N, {self.classes}], one logit a class. Build the network with "
                f"num_classes={self.classes}."
            )
        logits = logits.float()
        loss = F.cross_entropy(logits, labels, label_smoothing=self.config.label_smoothing)
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return loss.detach(), (logits.detach().argmax(1) == labels).sum()


def _run_epoch(
    stepper: _Stepper,
    train_batches: Batches | FolderBatches,
    test_batches: Batches | FolderBatches,
    epoch: int,
    bar: tqdm,
) -> EpochRecord:
    started = time.perf_counter()
    # Dropout then depends on seed, epoch and process alone, so a resumed run draws what the interrupted one would have.
    seed_everything(mixed_seed(stepper.config.seed, epoch, stepper.world.rank) % 2**32)
    with _memory_errors_explained(stepper.config.batch_size):
        train_loss, train_accuracy = _train_epoch(stepper, train_batches, epoch, bar)
        stepper.world.share_buffers(stepper.model)
        test_loss, test_accuracy = _evaluate(stepper.model, stepper.forward, test_batches, stepper.amp, stepper.world)
    last_step = (epoch + 1) * len(train_batches) - 1
    if not math.isfinite(test_loss):
        raise _diverged("test loss", test_loss, epoch, last_step, stepper)
    return EpochRecord(
        epoch=epoch + 1,
        train_loss=train_loss,
        train_accuracy=train_accuracy,
        test_loss=test_loss,
        test_accuracy=test_accuracy,
        learning_rate=stepper.learning_rate(last_step),
        seconds=time.perf_counter() - started,
    )


def _train_epoch(stepper: _Stepper, batches: Batches | FolderBatches, epoch: int, bar: tqdm) -> tuple[float, float]:
    """One pass over the training set; returns mean loss and accuracy over all processes."""
    stepper.model.train()
    steps = len(batches)
    losses: list[Tensor] = []
    recent: list[Tensor] = []
    right: list[Tensor] = []
    for index, (images, labels) in enumerate(batches.epoch(epoch)):
        loss, correct = stepper.take(epoch * steps + index, images, labels)
        recent.append(loss)
        right.append(correct)
        bar.update()
        if len(recent) == CHECK_EVERY or index + 1 == steps:
            losses.append(stepper.world.sum(torch.stack(recent), stepper.device) / stepper.world.size)
            _check_losses(losses[-1], epoch, index + 1 - len(recent), stepper)
            recent = []
    all_right = int(stepper.world.sum(torch.stack(right).sum(), stepper.device))
    return float(torch.cat(losses).double().mean()), all_right / (steps * batches.batch_size)


def _check_losses(losses: Tensor, epoch: int, first: int, stepper: _Stepper) -> None:
    """Look at the losses of the epoch's steps from ``first`` on; all processes see the same ones."""
    bad = (~torch.isfinite(losses)).nonzero()
    if len(bad):
        index = int(bad[0])
        step = epoch * stepper.steps_per_epoch + first + index
        raise _diverged("training loss", float(losses[index]), epoch, step, stepper)


def _diverged(what: str, value: float, epoch: int, step: int, stepper: _Stepper) -> TrainingDivergedError:
    config = stepper.config
    steps = config.epochs * stepper.steps_per_epoch
    number_format = "float32" if stepper.amp == "off" else stepper.amp
    wider = "" if stepper.amp == "off" else ", or amp='off'"
    return TrainingDivergedError(
        f"the {what} is {value} in epoch {epoch + 1} at step {step + 1} of {steps}, "
        f"with the learning rate {stepper.learning_rate(step):.4g}: "
        f"the weights have grown beyond what {number_format} can hold, and the run cannot recover. "
        f"Try a learning_rate of {config.learning_rate / 10:.3g}, or more warmup_epochs than "
        f"{config.warmup_epochs:g}{wider}."
    )


@contextmanager
def _memory_errors_explained(batch_size: int) -> Iterator[None]:
    """Turn an out-of-memory error into one that says what to do."""
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        half = f"Try batch_size={batch_size // 2}, half of it"
        raise BatchTooLargeError(
            f"batch_size={batch_size} does not fit in the device's memory: the activations of every image "
            "are kept until the backward pass, so they grow with the batch. "
            f"{half if batch_size > 1 else 'Take a smaller network or smaller images'}."
        ) from error


@torch.no_grad()
def _evaluate(
    model: nn.Module,
    forward: Callable[[Tensor], Tensor],
    batches: Batches | FolderBatches,
    amp: str,
    world: World,
) -> tuple[float, float]:
    model.eval()
    losses = [torch.zeros((), device=batches.device)]  # a process may have no image of a small set
    right: list[Tensor | int] = [0]
    for images, labels in batches:
        with autocast(batches.device, amp):
            logits = forward(images)
        logits = logits.float()
        losses.append(F.cross_entropy(logits, labels, reduction="sum"))
        right.append((logits.argmax(1) == labels).sum())
    own = torch.stack([torch.stack(losses).cpu().double().sum(), torch.as_tensor(sum(right)).cpu().double()])
    loss, correct = world.sum(own, batches.device)
    return float(loss) / batches.images, int(correct) / batches.images


def _compiled(model: nn.Module, config: TrainConfig) -> Any:
    if not config.compile:
        return model
    return compiled(model, None if config.compile is True else config.compile)


def _identity(
    model: nn.Module, config: TrainConfig, data: dict[str, Any], device: torch.device, amp: str, world: World
) -> dict[str, Any]:
    """What must be equal for a run to go on: settings, network, images, and the kind of device."""
    identity: dict[str, Any] = {f"setting {name}": value for name, value in config.to_dict().items()}
    identity.update(describe_model(model))
    for split in ("train", "test"):
        for name in ("name", "images", "fingerprint"):
            identity[f"{split} set's {name}"] = data[split][name]
    identity["device"] = device.type
    identity["amp in use"] = amp
    identity["number of processes"] = world.size
    return identity


def _saved_state(checkpoint: str | os.PathLike, identity: dict[str, Any]) -> dict[str, Any] | None:
    """The state from which the run goes on; None if it has not begun."""
    check_writable(checkpoint)
    return load_checkpoint(checkpoint, identity) if Path(checkpoint).exists() else None


def _resume(
    state: dict[str, Any], model: nn.Module, optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler
) -> list[EpochRecord]:
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    scaler.load_state_dict(state["scaler"])
    return [EpochRecord(**entry) for entry in state["history"]]
