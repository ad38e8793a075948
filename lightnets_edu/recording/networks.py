"""The record of one network: what it is, what it costs, how it learned."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import torch

from lightnets_edu.counting import count
from lightnets_edu.models import get_model, model_options
from lightnets_edu.training import (
    EpochRecord,
    FolderDataset,
    ImageDataset,
    TrainConfig,
    TrainResult,
    describe_environment,
    seed_everything,
    train,
)

SMALL = 64  # images of at most so many pixels a side get the stem for small images


def network_options(name: str, config: TrainConfig, classes: int, options: Mapping[str, object]) -> dict[str, Any]:
    """The options that a network is built with for training: as many outputs as classes, and a stem for the images.

    Args:
        name: The network, as ``get_model`` knows it.
        config: The settings; ``image_size`` decides about the stem.
        classes: Of the data set.
        options: The user's own, which go before.

    Raises:
        ValueError: If there is no such network.
    """
    own: dict[str, Any] = {"num_classes": classes}
    if "small_input" in model_options(name):
        own["small_input"] = config.image_size <= SMALL
    return {**own, **options}


def network_record(
    name: str,
    options: Mapping[str, object],
    config: TrainConfig,
    *,
    result: TrainResult | None = None,
    timings: list[dict[str, Any]] | None = None,
    device: str | torch.device = "auto",
) -> dict[str, Any]:
    """The dictionary that ``save_record`` writes for a network.

    Args:
        name: The network, as ``get_model`` knows it.
        options: What it is built with.
        config: The settings of the training; seed and image size are taken from it also if there was none.
        result: Of the training; without it, its fields are null.
        timings: From ``measure_step``.
        device: Where it ran.
    """
    with torch.device("meta"):
        model = get_model(name, **options).eval()
    size = [1, config.channels, config.image_size, config.image_size]
    table = count(model, tuple(size))
    trained = result.to_record() if result else {}
    return {
        "schema": 1,
        "kind": "network",
        "model": name,
        "options": dict(options),
        "seed": config.seed,
        "input_size": size,
        "parameters": table.params,
        "macs": table.macs,
        "activations": table.activations,
        "memory_access": table.memory_access,
        "environment": result.environment if result else describe_environment(device),
        "config": trained.get("config"),
        "data": trained.get("data"),
        "history": trained.get("history"),
        "test_accuracy": result.last_test_accuracy if result else None,
        "training_seconds": result.seconds if result else None,
        "timings": timings,
    }


def train_network(
    name: str,
    options: Mapping[str, object],
    config: TrainConfig,
    train_set: ImageDataset | FolderDataset,
    test_set: ImageDataset | FolderDataset,
    *,
    device: str | torch.device = "auto",
    checkpoint: str | os.PathLike | None = None,
    on_epoch: Callable[[EpochRecord], None] | None = None,
    progress: bool = True,
    workers: int | None = None,
) -> TrainResult:
    """Build a network from the seed and train it; arguments as for ``get_model`` and ``train``."""
    seed_everything(config.seed)
    model = get_model(name, **options)
    return train(
        model, train_set, test_set, config, device=device, checkpoint=checkpoint, on_epoch=on_epoch, progress=progress,
        workers=workers,
    )  # fmt: skip
