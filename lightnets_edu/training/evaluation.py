"""How many images are right? A network's test on a whole set, from memory or from files."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lightnets_edu.runtime.environment import autocast, is_out_of_memory, resolve_amp, resolve_device
from lightnets_edu.training.batches import Batches, SetBatches
from lightnets_edu.training.data import ImageDataset, Normalisation
from lightnets_edu.training.distributed import World
from lightnets_edu.training.folders import FolderBatches, FolderDataset
from lightnets_edu.training.outputs import checked_logits

Dataset = ImageDataset | FolderDataset


class BatchTooLargeError(RuntimeError):
    """A batch does not fit in the device's memory."""


def make_batches(
    dataset: Dataset, batch_size: int, device: torch.device, *, workers: int | None = None, **options: Any
) -> SetBatches:
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
        model: A network from images [N, channels, H, W] to logits [N, classes]. It is moved to the device; its mode
            is left as found.
        dataset: The images.
        device: See ``resolve_device``.
        batch_size: Images in a batch; it decides memory and time only.
        image_size: Height and width after padding, or of the central crop of an image folder.
        channels: Channels that the network takes; grey images are repeated.
        normalisation: The statistics the network was trained with (``TrainResult.normalisation``). Default:
            the set's own, which is close but not the same.
        amp: See ``resolve_amp``.

    Returns:
        Mean cross-entropy (natural logarithm), and the part of the images that are right, 0 … 1.

    Raises:
        ValueError: If an argument is not allowed, the network gives anything but logits (see ``checked_logits``), or
            the loss is infinite or not a number.
        BatchTooLargeError: If the device's memory does not suffice.
        DatasetError: If an image cannot be read.
    """
    device = resolve_device(device)
    batches = make_batches(
        dataset, batch_size, device, image_size=image_size, channels=channels, normalisation=normalisation
    )
    was_training = model.training
    model.to(device)
    try:
        with memory_errors_explained(batch_size):
            loss, accuracy = loss_and_accuracy(model, model, batches, resolve_amp(amp, device), World())
    finally:
        model.train(was_training)
    if not math.isfinite(loss):
        raise ValueError(
            f"the network's outputs are not numbers, infinite or too large: the loss of the {len(dataset)} images is "
            f"{loss}, and its accuracy would say nothing. Look for weights that are not finite."
        )
    return loss, accuracy


@contextmanager
def memory_errors_explained(batch_size: int) -> Iterator[None]:
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
def loss_and_accuracy(
    model: nn.Module, forward: Callable[[Tensor], object], batches: SetBatches, amp: str, world: World
) -> tuple[float, float]:
    """Test a network on batches that all processes share.

    Args:
        model: The network; it is left in evaluation mode.
        forward: The network, or its compiled form.
        batches: The images.
        amp: From ``resolve_amp``.
        world: The processes.

    Returns:
        Mean cross-entropy over all images (natural logarithm), and the part of the images that are right, 0 … 1. If
        an output is not a number, neither is the loss, and the part means nothing.

    Raises:
        ValueError: If the network gives anything but logits.
    """
    model.eval()
    losses = [torch.zeros((), device=batches.device)]  # a process may have no image of a small set
    right: list[Tensor | int] = [0]
    for images, labels in batches:
        with autocast(batches.device, amp):
            output = forward(images)
        logits = checked_logits(output, len(images), batches.classes).float()
        losses.append(F.cross_entropy(logits, labels, reduction="sum"))
        right.append((logits.argmax(1) == labels).sum())
    own = torch.stack([torch.stack(losses).cpu().double().sum(), torch.as_tensor(sum(right)).cpu().double()])
    loss, correct = world.sum(own, batches.device)
    return float(loss) / batches.images, int(correct) / batches.images
