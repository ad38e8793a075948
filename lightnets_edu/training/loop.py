"""Does it learn? One readable training loop, the same result each time, interrupted or not."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from lightnets_edu.runtime.environment import cpu_threads, describe_environment, resolve_amp, resolve_device
from lightnets_edu.runtime.files import check_writable
from lightnets_edu.training.batches import SetBatches, mixed_seed
from lightnets_edu.training.checkpoints import describe_model, load_checkpoint, save_checkpoint, seed_everything
from lightnets_edu.training.config import TrainConfig
from lightnets_edu.training.distributed import World
from lightnets_edu.training.evaluation import Dataset, loss_and_accuracy, make_batches, memory_errors_explained
from lightnets_edu.training.results import EpochRecord, TrainResult
from lightnets_edu.training.steps import TEST_LOSS, TRAINING_LOSS, Stepper

CHECK_EVERY = 25  # steps between looks at the loss: each look makes a GPU wait for the CPU


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
        ValueError: If device, settings and sets do not go together, or the network gives anything but logits (see
            ``outputs.checked_logits``).
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
    channels_last = config.in_channels_last(device.type)
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

    data = {
        "train": train_set.describe(),
        "test": test_set.describe(),
        "normalisation": {"mean": list(normalisation.mean), "std": list(normalisation.std)},
    }
    steps = len(train_batches)
    classes = len(train_set.class_names)
    stepper = Stepper(model, config, device=device, amp=amp, world=world, classes=classes, steps_per_epoch=steps)
    identity = _identity(stepper, data)
    history: list[EpochRecord] = []
    if checkpoint is not None:
        state = world.from_first(lambda: _saved_state(checkpoint, identity))
        if state is not None:
            stepper.load(state)
            history = [EpochRecord(**entry) for entry in state["history"]]

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
                entries = [asdict(entry) for entry in history]
                save_checkpoint(checkpoint, {"identity": identity, "history": entries, **stepper.state()})
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


def _run_epoch(
    stepper: Stepper,
    train_batches: SetBatches,
    test_batches: SetBatches,
    epoch: int,
    bar: tqdm,
) -> EpochRecord:
    started = time.perf_counter()
    # Dropout then depends on seed, epoch and process alone, so a resumed run draws what the interrupted one would have.
    seed_everything(mixed_seed(stepper.config.seed, epoch, stepper.world.rank) % 2**32)
    with memory_errors_explained(stepper.config.batch_size):
        train_loss, train_accuracy = _train_epoch(stepper, train_batches, epoch, bar)
        stepper.world.share_buffers(stepper.model)
        test_loss, test_accuracy = loss_and_accuracy(
            stepper.model, stepper.forward, test_batches, stepper.amp, stepper.world
        )
    last_step = (epoch + 1) * len(train_batches) - 1
    stepper.check(TEST_LOSS, torch.tensor([test_loss], dtype=torch.float64), last_step)
    return EpochRecord(
        epoch=epoch + 1,
        train_loss=train_loss,
        train_accuracy=train_accuracy,
        test_loss=test_loss,
        test_accuracy=test_accuracy,
        learning_rate=stepper.learning_rate(last_step),
        seconds=time.perf_counter() - started,
    )


def _train_epoch(stepper: Stepper, batches: SetBatches, epoch: int, bar: tqdm) -> tuple[float, float]:
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
            stepper.check(TRAINING_LOSS, losses[-1], epoch * steps + index + 1 - len(recent))
            recent = []
    all_right = int(stepper.world.sum(torch.stack(right).sum(), stepper.device))
    return float(torch.cat(losses).double().mean()), all_right / (steps * batches.batch_size)


def _identity(stepper: Stepper, data: dict[str, Any]) -> dict[str, Any]:
    """What must be equal for a run to go on: settings, network, images, and the kind of device."""
    identity: dict[str, Any] = {f"setting {name}": value for name, value in stepper.config.to_dict().items()}
    identity.update(describe_model(stepper.model))
    for split in ("train", "test"):
        for name in ("name", "images", "fingerprint"):
            identity[f"{split} set's {name}"] = data[split][name]
    identity |= {"device": stepper.device.type, "amp in use": stepper.amp}
    return identity | {"number of processes": stepper.world.size}


def _saved_state(checkpoint: str | os.PathLike, identity: dict[str, Any]) -> dict[str, Any] | None:
    """The state from which the run goes on; None if it has not begun."""
    check_writable(checkpoint)
    return load_checkpoint(checkpoint, identity) if Path(checkpoint).exists() else None
